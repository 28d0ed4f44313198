"""Runs scripts as backends are run: watched, in either way that the watcher rides in, and unwatched to compare."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pipcache_plugin.building.watching import Observations, Watch

Way = Literal["pth", "path"]

ENVIRON = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_", "COVERAGE"))},
    "ASKED": "value",
    "OTHER": "x",
}
"""What scripts are given; it neither begins nor ends with ``ASKED``."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a caller of the script sees."""

    status: int
    stdout: str
    stderr: str


class Stage:
    """A source tree with one script in it, a watch over it, and an interpreter."""

    def __init__(self, folder: Path, way: Way) -> None:
        self.folder = folder
        self.tree = folder / "tree"
        self.script = self.tree / "script.py"
        self.tree.mkdir(parents=True)
        (folder / "watch").mkdir()
        self.facts = folder / "watch" / "facts"
        self.watch = Watch(folder / "watch", self.tree)
        self.python, self.base_environ = sys.executable, dict(ENVIRON)
        self._way = way
        self._pth: Path | None = None
        if way == "pth":
            self.python = str(environment() / "bin" / "python")
        else:
            self.base_environ.update(self.watch.environ(None))

    def run(
        self, script: str, *, flags: Sequence[str] = (), environ: Mapping[str, str] | None = None, is_on: bool = True
    ) -> Outcome:
        """Run *script* with the watcher."""
        self.script.write_text(script)
        command = [self.python, *flags, str(self.script)]
        pth = library() / "_pipcache_watch.pth"
        if self._way == "pth":
            self.watch.ride_in(library())
        try:
            if not is_on:
                return run(command, {**self.base_environ, **(environ or {})}, self.tree)
            with self.watch.on():
                return run(command, {**self.base_environ, **(environ or {})}, self.tree)
        finally:
            pth.unlink(missing_ok=True)

    def run_unwatched(
        self, script: str, *, flags: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run *script* on the same interpreter, with nothing of ours."""
        self.script.write_text(script)
        return run([self.python, *flags, str(self.script)], {**ENVIRON, **(environ or {})}, self.tree)

    def see(self, script: str, *, flags: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Observations:
        """Run *script*, which must end well, and return what was noted."""
        outcome = self.run(script, flags=flags, environ=environ)
        assert (outcome.status, outcome.stderr) == (0, "")
        return self.watch.read()


@cache
def environment() -> Path:
    """Return a virtual environment that all tests of this process share."""
    folder = Path(tempfile.mkdtemp(prefix="watched-"))
    venv.EnvBuilder(symlinks=True).create(folder)
    return folder


@cache
def library() -> Path:
    """Return where its distributions would be."""
    scheme = "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
    base = str(environment())
    return Path(sysconfig.get_path("purelib", scheme=scheme, vars={"base": base, "platbase": base}))


def run(command: Sequence[str], environ: Mapping[str, str], folder: Path) -> Outcome:
    """Run *command* to its end."""
    done = subprocess.run(
        command, env=dict(environ), cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    return Outcome(status=done.returncode, stdout=done.stdout, stderr=done.stderr)
