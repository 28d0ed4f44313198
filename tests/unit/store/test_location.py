"""Where the store is."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from pipcache_plugin.store.location import choose_root


def test_variable_comes_first(tmp_path: Path) -> None:
    """``PIPCACHE_DIR`` is the root itself."""
    assert choose_root({"PIPCACHE_DIR": str(tmp_path)}, "/pip") == tmp_path


def test_variable_may_name_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Configuration files of CI services do not expand ``~``."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert choose_root({"PIPCACHE_DIR": "~/wheels"}, None) == tmp_path / "wheels"


def test_relative_variable_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Child processes run in other folders and use the same store."""
    monkeypatch.chdir(tmp_path)
    assert choose_root({"PIPCACHE_DIR": "wheels"}, None) == tmp_path / "wheels"


def test_cache_dir_of_pip_has_ours_below(tmp_path: Path) -> None:
    """Who moves pip's cache moves ours."""
    assert choose_root({}, str(tmp_path)) == tmp_path / "pipcache"


def test_empty_variable_is_none(tmp_path: Path) -> None:
    """``PIPCACHE_DIR=`` does not mean the current folder."""
    assert choose_root({"PIPCACHE_DIR": ""}, str(tmp_path)) == tmp_path / "pipcache"


@pytest.mark.parametrize("given", [None, ""])
def test_platform_decides_otherwise(given: str | None) -> None:
    """The cache folder that this platform has for its users."""
    assert choose_root({}, given) == platformdirs.user_cache_path("pipcache", appauthor=False)
