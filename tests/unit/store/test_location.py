"""Where the store is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from pipcache_plugin.store.location import choose_root

if TYPE_CHECKING:
    import pytest


def test_choice_comes_first(tmp_path: Path) -> None:
    """The environment names the root itself."""
    assert choose_root(tmp_path, Path("/pip"), Path("/configured")) == tmp_path


def test_relative_choice_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Child processes run in other folders and use the same store."""
    monkeypatch.chdir(tmp_path)
    assert choose_root(Path("wheels"), None, None) == tmp_path / "wheels"


def test_cache_dir_of_pip_has_ours_below(tmp_path: Path) -> None:
    """Who moves pip's cache moves ours, whatever the user's file has."""
    assert choose_root(None, tmp_path, Path("/configured")) == tmp_path / "pipcache"


def test_file_decides_where_nothing_else_was_said(tmp_path: Path) -> None:
    """It stands for the platform's choice."""
    assert choose_root(None, None, tmp_path) == tmp_path


def test_platform_decides_otherwise() -> None:
    """The cache folder that this platform has for its users."""
    assert choose_root(None, None, None) == platformdirs.user_cache_path("pipcache", appauthor=False)
