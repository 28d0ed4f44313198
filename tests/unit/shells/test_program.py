"""How the running ``pipcache`` is found again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import pipcache_plugin
from pipcache_plugin.shells.program import find_program

PACKAGE = str(Path(pipcache_plugin.__file__).with_name("__main__.py"))


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Return a script that was installed."""
    path = tmp_path / "bin" / "pipcache"
    path.parent.mkdir()
    path.touch()
    return path


def test_script_that_was_started(script: Path, tmp_path: Path) -> None:
    """By its absolute path, with the files that it cannot do without."""
    found = find_program(str(script), "/other/python")
    assert found.words == (str(script),)
    assert found.needs == (str(script), "/other/python", PACKAGE)


def test_link_is_kept(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it leads to changes with each installation; and it may have been found by a relative path."""
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "pipcache").symlink_to(script)
    monkeypatch.chdir(tmp_path)
    assert find_program("links/pipcache", "/other/python").words == (f"{tmp_path}/links/pipcache",)


@pytest.mark.parametrize("started", ["/somewhere/pipcache_plugin/__main__.py", "/gone/pipcache", "/usr/bin/pytest", ""])
def test_script_beside_the_interpreter(script: Path, started: str) -> None:
    """Where no script was started, or one by another name."""
    assert find_program(started, str(script.with_name("python"))).words == (str(script),)


def test_windows_script(script: Path) -> None:
    """Its ending is not in the first word."""
    script.rename(script.with_name("pipcache.exe"))
    assert find_program(str(script), "/other/python").words == (f"{script}.exe",)


def test_module() -> None:
    """Where there is no script."""
    found = find_program(os.devnull, "/nowhere/python")
    assert found.words == ("/nowhere/python", "-m", "pipcache_plugin")
    assert found.needs == ("/nowhere/python", PACKAGE)
