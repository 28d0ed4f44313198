"""Commands in processes that begin with pip loaded: many of them in the time that one new interpreter takes.

A process of ours has imported what ``pip install`` imports, and nothing of ours. For each command it forks; the child
becomes ``python -m <module>`` with these arguments. It reads a line of JSON for each command, ``[args, cwd, variables,
stdout, stderr]``, and answers with a line, the exit status.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.functional.commands import Commands, Result

_SERVE = """
import importlib, json, os, runpy, sys
for name in [
    "cli.main", "commands.install", "network.session", "operations.install.wheel", "resolution.resolvelib.resolver",
    "wheel_builder", "build_env", "operations.prepare", "cli.progress_bars", "distributions.sdist",
]:
    importlib.import_module(f"pip._internal.{name}")
for line in sys.stdin:
    args, cwd, variables, stdout, stderr = json.loads(line)
    child = os.fork()
    if not child:
        os.chdir(cwd)
        os.environ.update(variables)
        for number, path in enumerate([os.devnull, stdout, stderr]):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
        sys.argv[1:] = args
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class ForkedCommands:
    """A user's commands, each in a child of one process."""

    def __init__(self, commands: Commands) -> None:
        """Start it; ``stop`` ends it."""
        self.commands = commands
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.argv[0] = {commands.module!r}\n{_SERVE}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=commands.work,
            env=commands.environ(),
        )

    def __call__(self, *args: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Result:
        """Run a command to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._count += 1
        streams = [self.commands.root / f"{name}{self._count}" for name in ["stdout", "stderr"]]
        texts = [*map(str, args)]
        task = [texts, str(cwd or self.commands.work), {**(env or {})}, *map(str, streams)]
        self._process.stdin.write(f"{json.dumps(task)}\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        stdout, stderr = (path.read_text(encoding="utf-8", errors="replace") for path in streams)
        return Result(args=texts, returncode=status, stdout=stdout, stderr=stderr)

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()
