"""The stamp of what is installed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pipcache_plugin.machine import stamp
from pipcache_plugin.machine.stamp import stamp_system

VARIABLES = ["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "PKG_CONFIG_PATH", "CMAKE_PREFIX_PATH"]


def test_stamp_is_a_sha256_and_stays() -> None:
    """The same machine, the same stamp."""
    assert re.fullmatch(r"[0-9a-f]{64}", stamp_system({}))
    assert stamp_system({}) == stamp_system({"HOME": "/elsewhere", "PATH": "/x"})


@pytest.mark.parametrize("name", VARIABLES)
def test_other_folder_is_another_stamp(tmp_path: Path, name: str) -> None:
    """Also when it is not there: it may come."""
    stamps = {stamp_system(environ) for environ in ({}, {name: str(tmp_path)}, {name: str(tmp_path / "lacking")})}
    assert len(stamps) == 3


@pytest.mark.parametrize("name", VARIABLES)
def test_new_file_is_another_stamp(tmp_path: Path, name: str) -> None:
    """The folder's time changes with what is in it."""
    environ = {name: os.pathsep.join(["/lacking", "", str(tmp_path)])}
    os.utime(tmp_path, times=(1, 1))
    before = stamp_system(environ)
    (tmp_path / "new.h").touch()
    assert stamp_system(environ) != before


def test_order_of_folders_does_not_count(tmp_path: Path) -> None:
    """The stamp is of what is there; the variable itself is a choice."""
    one, other = str(tmp_path), "/lacking"
    assert stamp_system({"CPATH": f"{one}:{other}"}) == stamp_system({"CPATH": f"{other}:{one}"})


def test_package_database_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is written to, something was installed or removed."""
    database = tmp_path / "status"
    monkeypatch.setattr(stamp, "_DATABASES", [str(database)])
    absent = stamp_system({})
    database.write_text("")
    os.utime(database, times=(1, 1))
    first = stamp_system({})
    os.utime(database, times=(2, 2))
    second = stamp_system({})
    database.write_text("longer")
    os.utime(database, times=(2, 2))
    assert len({absent, first, second, stamp_system({})}) == 4


def test_path_that_is_no_text_counts() -> None:
    """Any bytes may be in a variable."""
    assert stamp_system({"CPATH": "/\udcff"}) != stamp_system({})


def test_path_that_can_be_none_is_not_there() -> None:
    """Not from an environment, but from a caller."""
    assert re.fullmatch(r"[0-9a-f]{64}", stamp_system({"CPATH": "/a\0b"}))


def test_folders_that_were_searched_count(tmp_path: Path) -> None:
    """Besides those that every stamp has."""
    folder = str(tmp_path)
    before = stamp_system({}, [folder])
    assert before != stamp_system({})
    os.utime(tmp_path, (1, 1))
    assert stamp_system({}, [folder]) != before


def test_folders_below_a_prefix_of_cmake_count(tmp_path: Path) -> None:
    """A header comes into its ``include``."""
    (tmp_path / "include").mkdir()
    environ = {"CMAKE_PREFIX_PATH": str(tmp_path)}
    before = stamp_system(environ)
    os.utime(tmp_path / "include", (1, 1))
    assert stamp_system(environ) != before
