"""Which environment is activated."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipcache_plugin.machine import activated

TOOL = "/tools/bin/pipcache"


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Return two environments, neither of which is the running one; that is of a tool."""
    found = {}
    for name in ["venv", "conda"]:
        found[name] = tmp_path / name
        (found[name] / "bin").mkdir(parents=True)
        (found[name] / "bin" / "python").touch()
    own = tmp_path / "own"
    own.mkdir()
    (own / "uv-receipt.toml").touch()
    monkeypatch.setattr(sys, "prefix", str(own))
    return {**found, "own": own}


def path_of(*folders: Path | str) -> str:
    """Return a ``PATH``."""
    return os.pathsep.join(map(str, folders))


def test_none(roots: dict[str, Path]) -> None:
    """Nothing is activated, or what is not there."""
    assert activated.find_interpreter(TOOL, {}) is None
    assert activated.find_interpreter(TOOL, {"VIRTUAL_ENV": "", "CONDA_PREFIX": str(roots["own"])}) is None


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_one(roots: dict[str, Path], variable: str) -> None:
    """With its folder in ``PATH`` or without."""
    expected = str(roots["venv"] / "bin" / "python")
    for path in ["", path_of("/usr/bin", roots["venv"] / "bin")]:
        assert activated.find_interpreter(TOOL, {variable: str(roots["venv"]), "PATH": path}) == expected


@pytest.mark.parametrize(("first", "second"), [("venv", "conda"), ("conda", "venv")])
def test_two(roots: dict[str, Path], first: str, second: str) -> None:
    """The one whose programs are found first."""
    environ = {
        "VIRTUAL_ENV": str(roots["venv"]),
        "CONDA_PREFIX": str(roots["conda"]),
        "PATH": path_of(roots[first] / "bin", roots[second] / "bin"),
    }
    assert activated.find_interpreter(TOOL, environ) == str(roots[first] / "bin" / "python")


def test_running_one(roots: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to go on to."""
    monkeypatch.setattr(sys, "prefix", str(roots["venv"]))
    assert activated.find_interpreter(TOOL, {"VIRTUAL_ENV": f"{roots['venv']}/bin/.."}) is None


def test_script_of_another_environment(roots: dict[str, Path]) -> None:
    """By its path, its own is meant; by its name, what is activated."""
    (roots["own"] / "uv-receipt.toml").unlink()
    script = str(roots["own"] / "bin" / "pipcache")
    environ = {"VIRTUAL_ENV": str(roots["venv"]), "PATH": path_of(roots["venv"] / "bin")}
    assert activated.find_interpreter(script, environ) is None
    environ["PATH"] += path_of("", roots["own"] / "bin")
    assert activated.find_interpreter(script, environ) == str(roots["venv"] / "bin" / "python")


def test_script_of_the_system(roots: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is in no virtual environment is for all."""
    (roots["own"] / "uv-receipt.toml").unlink()
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    assert activated.find_interpreter(TOOL, {"VIRTUAL_ENV": str(roots["venv"])}) is not None


def test_first_in_path(roots: dict[str, Path]) -> None:
    """Of the Pythons with that name."""
    interpreter = str(roots["venv"] / "bin" / "python")
    ordered = [roots["venv"] / "bin", roots["conda"] / "bin"]
    assert activated.is_first(interpreter, {"PATH": path_of("/absent", *ordered)})
    assert not activated.is_first(interpreter, {"PATH": path_of(*reversed(ordered))})
    assert not activated.is_first(interpreter, {})


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ("install x", True),
        ("-v install x", True),
        ("uninstall -y x", True),
        ("install --target t x", False),
        ("install -t t x", False),
        ("install --prefix=p x", False),
        ("install --dry-run x", False),
        ("install -tt x", False),
        ("--cache-dir d install x", True),
        ("--log=l --proxy install uninstall x", True),
        ("--timeout 5 list install", False),
        ("install --help", False),
        ("list", False),
        ("download x", False),
        ("", False),
    ],
)
def test_what_a_tool_does_not_do_to_itself(roots: dict[str, Path], args: str, *, expected: bool) -> None:
    """What changes its own environment."""
    assert activated.needs_target(args.split()) is expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_TARGET", "t")
        assert not activated.needs_target(args.split())
    (roots["own"] / "uv-receipt.toml").unlink()
    assert not activated.needs_target(args.split())
