"""A backend that is imported once: each hook has a process of its own, which looks like any other."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyproject_hooks
import pytest

from pipcache_plugin.pip_bridge import backends
from pipcache_plugin.pip_bridge.backends import Hook, ImportedBackend

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a fork is safe on Linux alone")

SCRIPT = str(Path(pyproject_hooks.__file__).with_name("_in_process") / "_in_process.py")

BACKEND = """
    import os, sys
    with open(os.environ["LOG"], "a") as file:
        file.write(f"{os.getpid()}\\n")

    def get_requires_for_build_wheel(config_settings=None):
        main = sys.modules["__main__"]
        print("said by the hook", flush=True)
        return {
            "pid": os.getpid(),
            "argv": sys.argv[:2],
            "path": sys.path,
            "cwd": os.getcwd(),
            "environ": sorted(os.environ),
            "stdin": sys.stdin.read(),
            "main": [main.__name__, main.__file__, str(main.__spec__), main.__package__],
            "names": sorted(name for name in vars(main) if name != "__cached__" and name != "__annotations__"),
            "is_a_terminal": [stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)],
            "encoding": [sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering],
            "settings": config_settings,
        }

    def get_requires_for_build_sdist(config_settings=None):
        import warnings
        warnings.warn("said by a warning", FutureWarning)
        raise ValueError("said by an error")

    def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
        import atexit
        atexit.register(print, "said at the end")
        if config_settings == {"die": "now"}:
            os.kill(os.getpid(), 9)
        raise SystemExit(7)
"""


def finish(hook: Hook) -> tuple[str, int]:
    """Do what pip does with a process: return what it says, and its status."""
    with hook.stdin, hook.stdout as output:
        said = output.read()
    assert hook.wait() == hook.wait()
    return said, hook.wait()


class Bench:
    """A source tree, and an environment with a backend that is named as setuptools is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.tree = folder / "tree"
        self.tree.mkdir()
        self.started: list[subprocess.Popen[Any]] = []
        self.write(BACKEND)
        self.environ = {
            "PYTHONPATH": str(folder / "library"),
            "LOG": str(self.log),
            "_PYPROJECT_HOOKS_BUILD_BACKEND": "setuptools.build_meta",
        }

    def write(self, code: str) -> None:
        """Make *code* the backend."""
        package = self.folder / "library" / "setuptools"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        (package / "build_meta.py").write_text(textwrap.dedent(code))

    def backend(self) -> ImportedBackend:
        """Return a backend that nothing was asked of yet."""
        return ImportedBackend(self.started.append)

    def command(self, hook: str, **kwargs: object) -> list[str]:
        """Return the command that calls a hook, whose input is written down."""
        control = self.folder / "control"
        control.mkdir(exist_ok=True)
        (control / "output.json").unlink(missing_ok=True)
        (control / "input.json").write_text(json.dumps({"kwargs": kwargs}))
        return [sys.executable, SCRIPT, hook, str(control)]

    def outcome(self) -> Any:
        """Return what the hook returned."""
        return json.loads((self.folder / "control" / "output.json").read_text())["return_val"]

    def ask(self, backend: ImportedBackend, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> Any:
        """Call a hook; return what it returned, ``None`` where it has to be called as usual."""
        command = self.command("get_requires_for_build_wheel", config_settings={"a": "ü"})
        hook = backend.start_hook(command, str(cwd or self.tree), environ or self.environ)
        if hook is None:
            return None
        assert finish(hook) == ("said by the hook\n", 0)
        return self.outcome()

    @property
    def imports(self) -> int:
        """How often the backend was imported."""
        return len(self.log.read_text().split()) if self.log.exists() else 0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Return a bench; what it has started ends with the test."""
    bench = Bench(tmp_path)
    yield bench
    for backend in list(backends._idle):
        backend.close()
    assert all(process.poll() is not None for process in bench.started)


def test_hook_sees_what_it_would_see_in_a_process_of_the_usual_kind(bench: Bench) -> None:
    """Whatever a process is made of, its number aside."""
    command = bench.command("get_requires_for_build_wheel", config_settings={"a": "ü"})
    pipes: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    subprocess.run(command, cwd=bench.tree, env=bench.environ, check=True, **pipes)
    expected = bench.outcome()
    result = bench.ask(bench.backend())
    assert result.pop("pid") != expected.pop("pid")
    assert result == expected


def test_hook_that_raises_says_what_it_would_say_in_a_process_of_the_usual_kind(bench: Bench) -> None:
    """Its traceback, from the script on."""
    command = bench.command("get_requires_for_build_sdist", config_settings={})
    expected = subprocess.run(
        command,
        cwd=bench.tree,
        env=bench.environ,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert "said by an error" in expected.stdout
    hook = bench.backend().start_hook(command, str(bench.tree), bench.environ)
    assert hook is not None
    assert finish(hook) == (expected.stdout, expected.returncode)


def test_each_hook_has_a_process_and_the_backend_is_imported_once(bench: Bench) -> None:
    """That is what it is for."""
    backend = bench.backend()
    pids = {bench.ask(backend)["pid"] for _ in range(3)}
    assert len(pids) == 3
    assert bench.imports == 1
    backend.close()
    assert bench.ask(backend)["pid"] not in pids
    assert bench.imports == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"_PYPROJECT_HOOKS_BUILD_BACKEND": "flit_core.buildapi"},
        {"_PYPROJECT_HOOKS_BACKEND_PATH_JSON": '["."]'},
    ],
)
def test_other_backends_are_called_as_usual(bench: Bench, changes: dict[str, str]) -> None:
    """Nobody knows what their import leaves behind."""
    assert bench.ask(bench.backend(), {**bench.environ, **changes}) is None
    assert bench.started == []


def test_other_circumstances(bench: Bench, tmp_path: Path) -> None:
    """A hook that is called elsewhere, or with other variables, is called as usual."""
    backend = bench.backend()
    assert bench.ask(backend) is not None
    assert bench.ask(backend, {**bench.environ, "X": "1"}) is None
    assert bench.ask(backend, cwd=tmp_path) is None
    assert bench.ask(backend) is not None
    assert bench.imports == 1


@pytest.mark.parametrize(
    "code",
    [
        "print('hello')",
        "import sys; sys.stderr.write('hello')",
        "import warnings; warnings.warn('hello')",
        "import threading, time; threading.Thread(target=time.sleep, args=[60], daemon=True).start()",
        "raise ImportError('no')",
        "raise SystemExit",
    ],
)
def test_import_that_does_something(bench: Bench, code: str) -> None:
    """It does so in each hook, as usual; it is tried once."""
    bench.write(f"{code}\n{textwrap.dedent(BACKEND)}")
    backend = bench.backend()
    assert bench.ask(backend) is None
    assert bench.ask(backend) is None
    assert len(bench.started) == 1


@pytest.mark.parametrize(("settings", "status"), [({}, 7), ({"die": "now"}, -signal.SIGKILL)])
def test_status(bench: Bench, settings: dict[str, str], status: int) -> None:
    """As ``subprocess`` has it; a process that is not killed comes to its end."""
    command = bench.command("build_wheel", wheel_directory="x", config_settings=settings)
    hook = bench.backend().start_hook(command, str(bench.tree), bench.environ)
    assert hook is not None
    assert finish(hook) == ("said at the end\n" if status > 0 else "", status)


def test_process_that_is_killed(bench: Bench) -> None:
    """The hook that it runs has failed; the next is run by a new one."""
    backend = bench.backend()
    assert bench.ask(backend) is not None
    os.kill(bench.started[0].pid, signal.SIGSTOP)
    hook = backend.start_hook(bench.command("get_requires_for_build_wheel"), str(bench.tree), bench.environ)
    assert hook is not None
    bench.started[0].kill()
    assert finish(hook) == ("", -signal.SIGKILL)
    assert bench.ask(backend) is not None
    bench.started[1].kill()
    bench.started[1].wait()
    assert bench.ask(backend) is None
    assert bench.ask(backend) is not None


def test_no_more_sockets(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is called as usual."""

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(socket, "socketpair", refuse)
    assert bench.ask(bench.backend()) is None
    assert bench.started == []


def test_few_wait(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that has waited longest ends; a hook of its build starts a new one."""
    monkeypatch.setattr(backends, "_MOST_IDLE", 2)
    builds = [bench.backend() for _ in range(3)]
    for backend in builds:
        bench.ask(backend)
    assert [process.poll() is None for process in bench.started] == [False, True, True]
    assert bench.ask(builds[0]) is not None
    assert [process.poll() is None for process in bench.started] == [False, False, True, True]
