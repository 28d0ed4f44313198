"""``shell-init`` on the command line, and calls from the functions that it has made."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipcache_plugin import cli
from pipcache_plugin.pip_bridge import runner, start
from pipcache_plugin.shells.program import find_program
from pipcache_plugin.shells.render import render_init, render_undo

VARIABLE = "_PIPCACHE_INSTEAD_OF"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_code_is_printed(capfdbinary: pytest.CaptureFixture[bytes], shell: str) -> None:
    """As it is, and nothing else."""
    program = find_program(sys.argv[0])
    for options, code in [
        ([], render_init(shell, program, with_python=False)),
        (["--python"], render_init(shell, program, with_python=True)),
        (["--undo"], render_undo(shell)),
    ]:
        assert cli.shell_init([shell, *options]) == 0
        assert capfdbinary.readouterr() == (code.encode(), b"")


def test_path_that_is_no_text(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are printed."""
    name = os.fsencode(tmp_path) + b"/\xff/pipcache"
    Path(os.fsdecode(name)).parent.mkdir()
    Path(os.fsdecode(name)).touch()
    monkeypatch.setattr(sys, "argv", [os.fsdecode(name)])
    assert cli.shell_init(["bash"]) == 0
    assert name in capfdbinary.readouterr().out


@pytest.mark.parametrize("args", [[], ["tcsh"], ["bash", "--rc"], ["bash", "zsh"]])
def test_wrong_usage(capsys: pytest.CaptureFixture[str], args: Sequence[str]) -> None:
    """Exit status 2, with the shells that there are, and nothing to evaluate."""
    with pytest.raises(SystemExit) as caught:
        cli.shell_init(args)
    assert caught.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "bash,zsh,fish,powershell" in output.err


class TestCalls:
    """Calls by a shell's function."""

    @pytest.fixture(autouse=True)
    def _processes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have a ``pip`` of another Python in ``PATH``; tell what would be done."""
        python, pip = tmp_path / "bin" / "python", tmp_path / "bin" / "pip"
        python.parent.mkdir()
        python.touch(0o755)
        pip.write_text(f"#!{python}\n")
        pip.chmod(0o755)
        self.python = str(python)
        self.done: list[object] = []
        monkeypatch.setenv("PATH", str(python.parent))
        monkeypatch.delenv("VIRTUAL_ENV", raising=False)
        monkeypatch.delenv("PIP_PYTHON", raising=False)
        monkeypatch.setenv(VARIABLE, "pip")
        monkeypatch.setattr(runner, "become", lambda interpreter, args, is_named: self.do([interpreter, *args]))
        monkeypatch.setattr(start, "run_pip", self.do)

    def do(self, args: Sequence[str]) -> int:
        """Note what would be done."""
        self.done.append(list(args))
        return 0

    def call(self, monkeypatch: pytest.MonkeyPatch, *args: str) -> list[object]:
        """Return what is done on the way, and last of all here."""
        monkeypatch.setattr(sys, "argv", ["/bin/pipcache", *args])
        assert cli.script() == 0
        return self.done

    @pytest.mark.skipif(os.name != "posix", reason="scripts have a first line")
    @pytest.mark.parametrize("args", [["list"], ["-q", "list"], ["config", "list"], ["--version"], []])
    def test_where_it_acts(self, monkeypatch: pytest.MonkeyPatch, args: list[str]) -> None:
        """Where the ``pip`` does, whatever is said."""
        there = ["--python", self.python, *args]
        assert self.call(monkeypatch, *args)[0] == [self.python, *args]
        assert self.done[-1] == there

    @pytest.mark.parametrize("args", [["--python", "/other", "list"], ["list", "--python=/other"], ["completion"]])
    def test_where_it_acts_anyway(self, monkeypatch: pytest.MonkeyPatch, args: list[str]) -> None:
        """What is named, or what is about this program."""
        assert self.call(monkeypatch, *args) == [args]
        assert VARIABLE not in os.environ

    def test_python(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The shell has said which."""
        monkeypatch.setenv(VARIABLE, "python")
        assert self.call(monkeypatch, "--python", "/any/python", "list")[0] == ["/any/python", "list"]
        self.done.clear()
        monkeypatch.setenv(VARIABLE, "python")
        named = ["--python", "/other", "list"]
        assert self.call(monkeypatch, "--python", "/any/python", *named) == [named]

    def test_shell_init_is_about_this_program(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also on another interpreter."""
        monkeypatch.setitem(cli._OWN, "shell-init", lambda args: self.do(["here", *args]))
        assert self.call(monkeypatch, "shell-init", "bash") == [["here", "bash"]]
        self.done.clear()
        assert self.call(monkeypatch, "--python", self.python, "shell-init", "bash") == [["here", "bash"]]

    def test_completion_of_the_activated_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By its own name as well, where nothing is said on the command line."""
        monkeypatch.delenv(VARIABLE)
        monkeypatch.setenv("VIRTUAL_ENV", str(Path(self.python).parent.parent))
        monkeypatch.setenv("PIP_AUTO_COMPLETE", "1")
        monkeypatch.setattr(sys, "prefix", sys.base_prefix)
        assert self.call(monkeypatch)[0] == [self.python]
