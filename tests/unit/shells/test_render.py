"""The code for shells: what is filled in, and how it is quoted."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from pipcache_plugin.shells.program import Program
from pipcache_plugin.shells.render import SHELLS, render_init, render_undo

ODD = "/a b'c\"d $e\\f/@is_there@/größe/pip\N{GRINNING FACE}cache"
PROGRAM = Program(words=(ODD, "-m", "x"), needs=(ODD, "/python"))
CHECKERS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}


@pytest.mark.parametrize("with_python", [False, True])
@pytest.mark.parametrize("name", SHELLS)
def test_every_place_is_filled(name: str, *, with_python: bool) -> None:
    """And what is for Python is there when it is asked for."""
    code = render_init(name, Program(words=("/pipcache",), needs=("/pipcache",)), with_python=with_python)
    assert not re.search(r"@\w+@", code)
    assert "begin --python" not in code
    assert "end --python" not in code
    assert ("_PIPCACHE_INSTEAD_OF=python" in code.replace("'", "").replace(" = ", "=")) is (
        with_python and name != "fish"
    )
    assert ("--python" in code) is with_python
    assert "undo" in render_undo(name)


@pytest.mark.parametrize("name", CHECKERS)
def test_syntax(name: str) -> None:
    """The shell itself can parse it, with every kind of sign in a path."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    code = render_init(name, PROGRAM, with_python=True)
    for text in [code, render_undo(name)]:
        done = subprocess.run(
            CHECKERS[name], input=text, capture_output=True, text=True, encoding="utf-8", check=False, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("bash", "'/a b'\"'\"'c"),
        ("zsh", "'/a b'\"'\"'c"),
        ("fish", r"'/a b\'c"),
        ("powershell", "('/a b''c"),
    ],
)
def test_paths_are_quoted(name: str, quoted: str) -> None:
    """As each shell does; what looks like a place in a path is none."""
    code = render_init(name, PROGRAM, with_python=True)
    assert quoted in code
    assert code.count("/@is_there@/") == len(re.findall(re.escape(quoted), code)) > 0


def test_powershell_gets_ascii() -> None:
    """Whatever encoding it reads our output in; what is beyond the first plane has two numbers there."""
    code = render_init("powershell", PROGRAM, with_python=True)
    assert code.isascii()
    assert "/gr'+[char]246+''+[char]223+'e/pip'+[char]55357+[char]56832+'cache')" in code
    assert "'-m', 'x'" in code
    assert "(Test-Path -LiteralPath '/python')" in code
