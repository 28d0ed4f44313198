"""What happens when a shell calls us instead of the ``pip`` that it has."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipcache_plugin.pip_bridge import runner, stand_in
from pipcache_plugin.shells.hidden import Hidden

VARIABLE = "_PIPCACHE_INSTEAD_OF"


class GoneError(Exception):
    """The process has gone on as another one."""


@pytest.fixture(autouse=True)
def _processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def become(interpreter: str, args: Sequence[str], *, is_named: bool) -> None:
        assert not is_named
        raise GoneError("us", interpreter, args, os.environ.get(VARIABLE))

    def execv(path: str, command: Sequence[str]) -> None:
        raise GoneError("it", path, command, os.environ.get(VARIABLE))

    monkeypatch.setenv(VARIABLE, "pip")
    monkeypatch.setattr(runner, "become", become)
    monkeypatch.setattr(os, "execv", execv)


def act(hidden: Hidden, *, with_cache: bool = True) -> object:
    """Return what the process has become, or the arguments that it goes on with."""
    try:
        return stand_in.act_there(hidden, ["list"], with_cache=with_cache)
    except GoneError as gone:
        return gone.args


def test_becomes_us_there() -> None:
    """And tells so: the Python may be too old."""
    hidden = Hidden(words=("/bin/pip",), interpreter="/bin/python")
    assert act(hidden) == ("us", "/bin/python", ["list"], "pip")


def test_becomes_what_is_hidden() -> None:
    """When nobody knows where that acts, or we are turned off."""
    unknown = Hidden(words=("/bin/pip",), interpreter=None)
    assert act(unknown) == ("it", "/bin/pip", ["/bin/pip", "list"], None)
    python = Hidden(words=("/bin/python", "-m", "pip"), interpreter="/bin/python")
    assert act(python, with_cache=False) == ("it", "/bin/python", ["/bin/python", "-m", "pip", "list"], None)


def test_environment_without_a_pip_while_turned_off() -> None:
    """There is nothing else to run."""
    hidden = Hidden(words=(), interpreter="/bin/python")
    assert act(hidden, with_cache=False) == ("us", "/bin/python", ["list"], "pip")


def test_stays() -> None:
    """When that is here."""
    assert act(Hidden(words=("/bin/pip",), interpreter=sys.executable)) == ["list"]
    assert VARIABLE not in os.environ


@pytest.mark.parametrize("status", [0, 3])
def test_elsewhere_processes_wait(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int) -> None:
    """Where a process cannot go on as another one."""
    monkeypatch.setattr(os, "name", "nt")
    monkeypatch.setattr(runner, "become", lambda interpreter, args, is_named: None)
    there = Hidden(words=("/bin/pip",), interpreter="/bin/python")
    assert act(there) == ["--python", "/bin/python", "list"]
    assert os.environ[VARIABLE] == "pip"
    monkeypatch.setattr("subprocess.call", lambda command: status if command == ["/bin/pip", "list"] else -1)
    with pytest.raises(SystemExit) as caught:
        act(there, with_cache=False)
    assert caught.value.code == status
    assert VARIABLE not in os.environ


@pytest.mark.skipif(os.name != "posix", reason="elsewhere, processes are called")
@pytest.mark.parametrize(("number", "status"), [(errno.ENOENT, 127), (errno.EACCES, 126)])
def test_program_that_cannot_be_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, status: int
) -> None:
    """What a shell would say, and its status."""

    def execv(path: str, command: Sequence[str]) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "execv", execv)
    with pytest.raises(SystemExit) as caught:
        act(Hidden(words=("/bin/pip",), interpreter=None))
    assert caught.value.code == status
    assert capsys.readouterr().err == f"ERROR: `/bin/pip` cannot be run: {os.strerror(number)}\n"


@pytest.mark.skipif(os.name != "posix", reason="elsewhere, processes are called")
def test_script_that_does_not_say_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell takes it for one of its own."""

    def execv(path: str, command: Sequence[str]) -> None:
        if path != "/bin/sh":
            raise OSError(errno.ENOEXEC, "Exec format error")
        raise GoneError(path, command)

    monkeypatch.setattr(os, "execv", execv)
    assert act(Hidden(words=("/bin/pip",), interpreter=None)) == ("/bin/sh", ["/bin/sh", "/bin/pip", "list"])


def test_arguments_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After ``python``, the shell has put two before them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert stand_in.take(["install", "x"]) == (None, ["install", "x"])
    monkeypatch.setenv(VARIABLE, "python")
    hidden, args = stand_in.take(["--python", "/a b/python", "install", "--python"])
    assert hidden is not None
    assert (hidden.words, hidden.interpreter) == (("/a b/python", "-m", "pip"), "/a b/python")
    assert args == ["install", "--python"]
