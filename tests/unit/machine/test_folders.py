"""Folders and what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipcache_plugin.machine.folders import list_folder


def test_names(tmp_path: Path) -> None:
    """Files and folders alike, in order."""
    (tmp_path / "two.h").touch()
    (tmp_path / "one").mkdir()
    assert list_folder(str(tmp_path)) == ("one", "two.h")


@pytest.mark.parametrize("name", ["none", "file", "\0"])
def test_folder_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    """It is one that has nothing in it."""
    (tmp_path / "file").touch()
    assert list_folder(f"{tmp_path}/{name}") == ()
