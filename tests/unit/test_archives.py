"""Bounds of what is unpacked: no wheel comes near them, and no bomb keeps them."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipcache_plugin.archives import find_excess, leads_out, quote
from tests.factories import make_wheel, patch_member

MIB = 1 << 20
GIB = 1 << 30


class FakeArchive(zipfile.ZipFile):
    """An archive that has a directory and nothing else."""

    def __init__(self, members: Sequence[tuple[str, int, int]]) -> None:
        """Set it: name, packed and unpacked size of each file."""
        self._members = []
        for name, packed, unpacked in members:
            member = zipfile.ZipInfo(name)
            member.compress_size, member.file_size = packed, unpacked
            self._members.append(member)

    def infolist(self) -> list[zipfile.ZipInfo]:
        """Return the directory."""
        return self._members

    def __del__(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("size_bytes", "members"),
    [
        (100, []),
        (MIB, [("zeros", 1000, GIB)]),
        (900 * MIB, [("cuda.so", 800 * MIB, 3 * GIB)]),
        (2 * GIB, [("half", GIB, 100 * GIB), ("other half", GIB, 100 * GIB)]),
        (10 * MIB, [("tables", 10 * MIB, 2000 * MIB)]),
        (30 * MIB, [("x-1.dist-info/RECORD", 20 * MIB, 64 * MIB)]),
        (MIB, [("/".join("a" * 100), 1, 1)]),
        (10, [("a", 5, 5), ("b", 5, 5)]),
    ],
)
def test_nothing_against_it(size_bytes: int, members: list[tuple[str, int, int]]) -> None:
    """Large, small, and up to the bounds themselves."""
    assert find_excess(FakeArchive(members), size_bytes) is None


@pytest.mark.parametrize(
    ("size_bytes", "members", "problem"),
    [
        (MIB, [("zeros", 1000, GIB + 1)], "1048576 bytes would become 1073741825"),
        (MIB, [("zeros", 1000, GIB), ("one more", 1, 1)], "would become"),
        (10 * MIB, [("tables", 10 * MIB, 2000 * MIB + 1)], "would become"),
        (10, [("a", 5, 5), ("b", 6, 6)], "overlap"),
        (1000, [(f"{number}", 100, 1000) for number in range(11)], "overlap"),
        (MIB, [("x-1.dist-info/RECORD", 1000, 64 * MIB + 1)], ".dist-info has more than"),
        (MIB, [("x-1.DIST-INFO/RECORD", 1000, 64 * MIB + 1)], ".dist-info has more than"),
        (MIB, [("x-1.dist-info/METADATA", 1000, 60 * MIB), ("x-1.dist-info/a/b", 1000, 5 * MIB)], "has more than"),
        (MIB, [("/".join("a" * 101), 1, 1)], "too many folders"),
        (MIB, [("a/" * 101, 0, 0)], "too many folders"),
    ],
)
def test_excess(size_bytes: int, members: list[tuple[str, int, int]], problem: str) -> None:
    """Each is told with what it is."""
    told = find_excess(FakeArchive(members), size_bytes)
    assert told is not None
    assert problem in told


def test_of_a_real_archive(tmp_path: Path) -> None:
    """What is declared is what counts; nothing is unpacked to find out."""
    wheel = make_wheel(tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        assert find_excess(archive, wheel.stat().st_size) is None
    patch_member(wheel, "simple.py", size_bytes=3 * GIB)
    with zipfile.ZipFile(wheel) as archive:
        assert "would become 3221" in str(find_excess(archive, wheel.stat().st_size))


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "a/..", "..", "/x", "//x/y", "\\x", "..\\x", "a\\..\\x", "C:x", "c:/x", "a\n/../x"]
)
def test_leads_out(name: str) -> None:
    """On one system or another."""
    assert leads_out(name)


@pytest.mark.parametrize(
    "name", ["x", "a/x", "..x", "x..", "a/..x/y", "a/...", "a\\x", "ab:x", "a/C:", "~/x", " /x", "."]
)
def test_stays_inside(name: str) -> None:
    """Odd as some are."""
    assert not leads_out(name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("simple.py", "`simple.py`"),
        ("naïve 日本.py", "`naïve 日本.py`"),
        ("two\nlines", "`two\\nlines`"),
        ("\x1b[31mred", "`\\x1b[31mred`"),
        ("rtl\u202egnp.py", "`rtl\\u202egnp.py`"),
        ("\ud800", "`\\ud800`"),
        ("x" * 300, f"`{'x' * 200}…`"),
    ],
)
def test_quote(name: str, shown: str) -> None:
    """A terminal is told nothing by whoever made an archive."""
    assert quote(name) == shown
