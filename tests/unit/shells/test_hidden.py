"""The ``pip`` that a shell's function hides, and the Python that it acts on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipcache_plugin.shells.hidden import Hidden, find_hidden

pytestmark = pytest.mark.skipif(os.name != "posix", reason="on Windows scripts are programs, beside their Python")


class Machine:
    """Folders with programs, all of them in ``PATH``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"PATH": ""}

    def add(self, path: str, content: str = "", *, mode: int = 0o755) -> str:
        """Write a program and return its path; its folder comes last in ``PATH``."""
        program = self.folder / path
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(content)
        program.chmod(mode)
        folders = [folder for folder in self.environ["PATH"].split(os.pathsep) if folder]
        if str(program.parent) not in folders:
            folders.append(str(program.parent))
        self.environ["PATH"] = os.pathsep.join(folders)
        return str(program)

    def find(self, name: str = "pip") -> tuple[list[str], str | None] | None:
        """Return the words and the interpreter of what is hidden."""
        hidden = find_hidden(name, self.environ)
        return (list(hidden.words), hidden.interpreter) if hidden else None


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine without a Python."""
    return Machine(tmp_path)


def test_nothing_is_hidden(machine: Machine) -> None:
    """Where there is no program of that name."""
    machine.add("bin/python")
    machine.add("bin/pip3")
    machine.add("bin/pip", mode=0o644)
    (machine.folder / "lib" / "pip").mkdir(parents=True)
    machine.environ["PATH"] += f"{os.pathsep}{machine.folder}/lib"
    assert machine.find() is None


@pytest.mark.parametrize(
    "lines",
    [
        "#!{python}\nimport x\n",
        "#! {python}\n",
        "#!{python} -sP\n",
        "#!/usr/bin/env python3.12\n",
        "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n",
        "#!/bin/sh\n'''exec' {python} \"$0\" \"$@\"\n' '''\n",
    ],
)
def test_first_line_names_the_interpreter(machine: Machine, lines: str) -> None:
    """As installers write it, long paths included."""
    python = machine.add("other/python3.12")
    pip = machine.add("bin/pip", lines.format(python=python))
    machine.add("later/pip", "#!/bin/sh\n")
    assert machine.find() == ([pip], python)


def test_path_with_spaces(machine: Machine) -> None:
    """It has no room in the first line."""
    python = machine.add("a b/python")
    pip = machine.add("bin/pip", f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n")
    assert machine.find() == ([pip], python)


@pytest.mark.parametrize("content", ["#!/bin/bash\nexec pyenv exec pip\n", "\x7fELF"])
def test_shim(machine: Machine, content: str) -> None:
    """The Python beside it chooses as it does."""
    python, pip = machine.add("x/shims/python"), machine.add("x/shims/pip", content)
    assert machine.find() == ([pip], python)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "#!/bin/sh\nexec uv pip\n",
        "\x7fELF",
        "#!{gone}/python\n",
        "#!/usr/bin/env python9\n",
        "#!/usr/bin/env -S python3 -u\n",
        "#!/bin/sh\n'''exec' \"{gone}",
        "#!/bin/sh\n'''exec'  \n",
    ],
)
def test_program_that_is_not_understood(machine: Machine, content: str) -> None:
    """It is known, and where it acts is not."""
    machine.add("bin/python")
    pip = machine.add("bin/pip", content.format(gone=machine.folder / "gone"))
    assert machine.find() == ([pip], None)


def test_program_that_cannot_be_read(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same."""
    pip = machine.add("bin/pip")

    def refuse(*args: object) -> None:
        raise PermissionError

    monkeypatch.setattr("builtins.open", refuse)
    assert machine.find() == ([pip], None)


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_activated_environment_counts_without_a_pip(machine: Machine, variable: str) -> None:
    """As if it had one."""
    python = machine.add("env/bin/python")
    machine.environ[variable] = str(machine.folder / "env")
    elsewhere = machine.add("elsewhere/pip", f"#!{python}\n")
    assert machine.find() == ([], python)
    pip = machine.add("env/bin/pip", f"#!{python}\n")
    assert machine.find() == ([pip], python)
    machine.environ["PATH"] = f"{Path(elsewhere).parent}{os.pathsep}{machine.environ['PATH']}"
    assert machine.find() == ([elsewhere], python)


def test_environment_that_is_not_activated(machine: Machine) -> None:
    """Its folder in ``PATH`` is no more than that, and an activated one that has no Python is none."""
    machine.add("env/bin/python")
    (machine.folder / "empty" / "bin").mkdir(parents=True)
    machine.environ["VIRTUAL_ENV"] = str(machine.folder / "empty")
    machine.environ["PATH"] += f"{os.pathsep}{machine.folder}/empty/bin"
    pip = machine.add("bin/pip")
    assert machine.find() == ([pip], None)


def test_is_here(tmp_path: Path) -> None:
    """An environment is another one although its interpreter is a link to the same; by another name it is not."""
    (tmp_path / "python").symlink_to(os.path.realpath(sys.executable))
    assert not Hidden(words=(), interpreter=str(tmp_path / "python")).is_here
    assert Hidden(words=(), interpreter=sys.executable).is_here
    (tmp_path / "link").symlink_to(Path(sys.executable).parent)
    assert Hidden(words=(), interpreter=str(tmp_path / "link" / Path(sys.executable).name)).is_here
    assert not Hidden(words=(), interpreter=None).is_here
