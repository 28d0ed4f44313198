"""Running pip and us in subprocesses that know nothing of this machine's configuration."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import venv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pip

from tests.functional.trees import installed_tree

TIMEOUT_SECONDS = 120

RUNNER_OF_PIP = str(Path(pip.__file__).with_name("__pip-runner__.py"))
"""What pip starts on the interpreter that ``--python`` names."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a command did."""

    args: Sequence[str]
    returncode: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """Both streams, for messages and for looking for words."""
        return f"{self.stdout}{self.stderr}"

    @property
    def warnings(self) -> list[str]:
        """Lines on stderr that begin with WARNING."""
        return [line for line in self.stderr.splitlines() if line.startswith("WARNING")]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A virtual environment without pip."""

    root: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.root / "bin" / "python"

    @property
    def library(self) -> Path:
        """Its ``site-packages``."""
        (library,) = self.root.glob("lib/python*/site-packages")
        return library

    @property
    def tree(self) -> dict[str, str]:
        """What is installed in it; see ``trees``."""
        return installed_tree(self.root)

    @property
    def distributions(self) -> set[str]:
        """``name-version`` of everything installed."""
        return {path.name.removesuffix(".dist-info") for path in self.library.glob("*.dist-info")}

    def imports(self, expression: str) -> str:
        """Evaluate *expression* after importing the modules that it names, and return it as a text."""
        modules = sorted(set(re.findall(r"\b([a-z_]\w*)\.", expression)))
        code = "".join(f"import {module}\n" for module in modules) + f"print({expression})"
        done = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True, cwd=self.root)
        return done.stdout.strip()


def create_environment(root: Path, python: str = sys.executable) -> Environment:
    """Make a virtual environment in *root*, of the Python that runs this or of another."""
    if python == sys.executable:
        venv.EnvBuilder(symlinks=True, with_pip=False).create(root)
    else:
        subprocess.run([python, "-m", "venv", "--without-pip", str(root)], check=True, env={"PATH": os.environ["PATH"]})
    return Environment(root=root)


@dataclass(kw_only=True)
class Commands:
    """A user of this machine: a home, caches and a temporary folder of its own, all empty at first."""

    root: Path
    module: str
    """``pip`` or ``pipcache_plugin``."""

    variables: dict[str, str] = field(default_factory=dict)
    """Set for every command."""

    def __post_init__(self) -> None:
        """Make the folders."""
        for folder in [self.home, self.temporary, self.work]:
            folder.mkdir(parents=True)

    @property
    def home(self) -> Path:
        """``HOME``."""
        return self.root / "home"

    @property
    def xdg_cache(self) -> Path:
        """``XDG_CACHE_HOME``."""
        return self.root / "cache"

    @property
    def store(self) -> Path:
        """Where our store is by default."""
        return self.xdg_cache / "pipcache"

    @property
    def temporary(self) -> Path:
        """``TMPDIR``."""
        return self.root / "tmp"

    @property
    def work(self) -> Path:
        """The current folder of the commands; empty."""
        return self.root / "work"

    @property
    def calls_file(self) -> Path:
        """Where build backends note which hooks are called."""
        return Path(self.variables.get("CALLS_FILE", self.root / "calls"))

    @property
    def wheels(self) -> list[Path]:
        """The wheels in the store, sorted."""
        return sorted(self.store.glob("wheels/*/*/*.whl"))

    def __call__(
        self,
        *args: str | Path,
        into: Environment | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        python: Path | str = sys.executable,
        input_text: str | None = None,
    ) -> Result:
        """Run ``python -m <module> [--python <into>] args``, to its end."""
        command = self.command(*args, into=into, python=python)
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd or self.work,
            env={**self._marks(into), **self.environ(env)},
            timeout=TIMEOUT_SECONDS,
            input=input_text or "",
        )
        return Result(args=command, returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def ok(
        self,
        *args: str | Path,
        into: Environment | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        python: Path | str = sys.executable,
    ) -> Result:
        """Run a command that has to succeed."""
        result = self(*args, into=into, env=env, cwd=cwd, python=python)
        assert result.returncode == 0, f"{' '.join(result.args)}\n{result.output}"
        return result

    def start(
        self, *args: str | Path, into: Environment | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command in a process group of its own; the caller waits for it."""
        return subprocess.Popen(
            self.command(*args, into=into),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.work,
            env={**self._marks(into), **self.environ(env)},
            start_new_session=True,
            # A test run in the background of a shell ignores Ctrl-C, and would hand that down.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )

    def command(
        self, *args: str | Path, into: Environment | None = None, python: Path | str = sys.executable
    ) -> list[str]:
        """Return the command line; of stock pip with ``--python``, the one that it then starts."""
        if into is not None and self.module == "pip" and python == sys.executable:
            return [str(into.python), RUNNER_OF_PIP, *map(str, args)]
        target = ["--python", str(into.python)] if into else []
        return [str(python), "-m", self.module, *target, *map(str, args)]

    def _marks(self, into: Environment | None) -> dict[str, str]:
        """Return the variables that pip adds for what it starts on the interpreter that ``--python`` names."""
        return {"_PIP_RUNNING_IN_SUBPROCESS": "1"} if into is not None and self.module == "pip" else {}

    def environ(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return a clean environment: no option of pip's, and no index but a closed port."""
        kept = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "COV_"))}
        return {
            **kept,
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.xdg_cache),
            "TMPDIR": str(self.temporary),
            "LC_ALL": "C.UTF-8",
            "CALLS_FILE": str(self.calls_file),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_INDEX_URL": "http://127.0.0.1:9/",
            "PIP_NO_INPUT": "1",
            "PIP_RETRIES": "0",
            "PIP_ROOT_USER_ACTION": "ignore",
            **self.variables,
            **(extra or {}),
        }

    def take_calls(self) -> Counter[str]:
        """Return how often each hook was called since the last time."""
        try:
            names = self.calls_file.read_text().split()
        except FileNotFoundError:
            return Counter()
        self.calls_file.unlink()
        return Counter(names)

    def leftovers(self) -> Iterator[Path]:
        """Go through what commands left in the temporary folder, and half-written files of the store."""
        yield from self.temporary.iterdir()
        if self.store.is_dir():
            yield from self.store.rglob(".tmp-*")


ONE_BUILD = Counter({"get_requires_for_build_wheel": 1, "prepare_metadata_for_build_wheel": 1, "build_wheel": 1})
"""What a backend is asked once, and never again."""

NO_BUILD: Counter[str] = Counter()

ONE_PREPARATION = ONE_BUILD - Counter({"build_wheel": 1})
"""Metadata alone."""

UNPREPARED_BUILD = ONE_BUILD - Counter({"prepare_metadata_for_build_wheel": 1})
"""With a backend that cannot prepare metadata."""

UNISOLATED_BUILD = ONE_BUILD - Counter({"get_requires_for_build_wheel": 1})
"""Without isolation nobody asks the backend what it requires."""


def builds(count: int) -> Counter[str]:
    """Return the hooks of *count* complete builds."""
    return times(count, ONE_BUILD)


def times(count: int, hooks: Counter[str]) -> Counter[str]:
    """Return *hooks*, each called *count* times as often."""
    return Counter({name: count * calls for name, calls in hooks.items()}) if count else Counter()
