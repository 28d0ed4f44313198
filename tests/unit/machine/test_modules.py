"""Modules that a build without isolation would find."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipcache_plugin.machine.modules import has_module


@pytest.mark.parametrize("name", ["sys", "json", "pytest"])
def test_module_that_is_there(name: str) -> None:
    """Built in, of the standard library, of a distribution."""
    assert has_module(name)


@pytest.mark.parametrize("name", ["no_such_module", "", "not.top", "\0"])
def test_module_that_is_not(name: str) -> None:
    """Odd names raise nothing."""
    assert not has_module(name)


def test_module_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To find it is enough."""
    (tmp_path / "exploding.py").write_text("raise SystemExit(1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert has_module("exploding")
    assert "exploding" not in sys.modules


def test_current_folder_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build does not run there."""
    (tmp_path / "local_module.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert has_module("local_module")
    monkeypatch.chdir(tmp_path)
    assert not has_module("local_module")
