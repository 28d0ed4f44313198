"""Files out of archives: those that are odd, lie or are out of all proportion are left to pip."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pipcache_plugin.store.unpacking import UnpackedFile, UnsuitableWheelError, unpack
from tests.factories import make_wheel, patch_member
from tests.unit.faults import names_below

GIB = 1 << 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder."""
    path = tmp_path / "a" / "b" / "folder"
    path.mkdir(parents=True)
    return path


def test_what_is_known_of_each_file(tmp_path: Path, folder: Path) -> None:
    """Its checksum is that of what was unpacked."""
    wheel = make_wheel(tmp_path, files={"simple.py": "", "tool": "#!/bin/sh\n"}, modes={"tool": 0o100755})
    unpacked = unpack(wheel, folder)
    assert unpacked["tool"] == UnpackedFile(is_executable=True, crc32=zlib.crc32(b"#!/bin/sh\n"))
    assert {name: known.crc32 for name, known in unpacked.items()} == {
        path.relative_to(folder).as_posix(): zlib.crc32(path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    "mode",
    [
        stat.S_IFLNK | 0o777,
        stat.S_IFCHR | 0o666,
        stat.S_IFBLK | 0o666,
        stat.S_IFIFO | 0o666,
        stat.S_IFSOCK | 0o777,
        stat.S_IFDIR | 0o755,
        stat.S_IFREG | 0o7777,
        stat.S_IFREG | 0o000,
    ],
)
def test_all_become_plain_files(tmp_path: Path, folder: Path, mode: int) -> None:
    """No link, no device, nothing that runs as somebody else, as with pip."""
    unpack(make_wheel(tmp_path, files={"odd": "/etc/passwd"}, modes={"odd": mode}), folder)
    status = (folder / "odd").lstat()
    assert stat.S_ISREG(status.st_mode)
    assert stat.S_IMODE(status.st_mode) & ~0o777 == 0
    assert (folder / "odd").read_text() == "/etc/passwd"
    assert bool(status.st_mode & 0o111) == (mode == stat.S_IFREG | 0o7777)


def test_link_to_a_folder_leads_nowhere(tmp_path: Path, folder: Path) -> None:
    """What should be written through it is not written."""
    wheel = make_wheel(tmp_path, files={"link": "../..", "link/evil": "x"}, modes={"link": stat.S_IFLNK | 0o777})
    with pytest.raises(OSError, match="link"):
        unpack(wheel, folder)
    assert names_below(tmp_path / "a") == ["link"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"flags": 1}, "encrypted"),
        ({"flags": 0x40}, "strong encryption"),
        ({"flags": 0x20}, "patch"),
        ({"compression": 97}, "compressed"),
        ({"compression": 12}, "compressed"),
        ({"crc32": 1}, "CRC"),
        ({"size_bytes": 3}, "CRC"),
        ({"size_bytes": GIB + 1}, "would become"),
        ({"size_bytes": 0xFFFFFFFE}, "would become"),
        ({"compressed_bytes": 100_000}, "overlap"),
    ],
)
def test_file_that_is_not_what_is_said_of_it(
    tmp_path: Path, folder: Path, fields: dict[str, int], problem: str
) -> None:
    """One is enough: the wheel is not unpacked."""
    wheel = patch_member(make_wheel(tmp_path), "simple.py", **fields)
    with pytest.raises(UnsuitableWheelError, match=problem):
        unpack(wheel, folder)


def test_more_than_was_declared_is_not_unpacked(tmp_path: Path, folder: Path) -> None:
    """Of many bytes, only so many are taken as the archive's directory says."""
    text = "0" * (8 << 20)
    wheel = patch_member(
        make_wheel(tmp_path, files={"bomb": text}), "bomb", size_bytes=10, crc32=zlib.crc32(text[:10].encode())
    )
    assert unpack(wheel, folder)["bomb"].crc32 == zlib.crc32(b"0" * 10)
    assert (folder / "bomb").read_text() == "0" * 10


def test_files_that_share_their_bytes(tmp_path: Path, folder: Path) -> None:
    """One stream under a hundred names is a bomb as well."""
    wheel = make_wheel(tmp_path, files={"bomb": "0" * 100_000})
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.filelist += [archive.getinfo("bomb")] * 100
        archive.comment = b"changed"
    with pytest.raises(UnsuitableWheelError, match="overlap"):
        unpack(wheel, folder)
    assert names_below(folder) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: patch_member(make_wheel(folder), "simple.py", size_bytes=GIB + 1),
        lambda folder: make_wheel(folder, files={"first": "", "../x": ""}),
        lambda folder: make_wheel(folder, files={"first": "", "/".join(["d"] * 400): ""}),
        lambda folder: make_wheel(folder, files={"simple.py": "1"}, extra_members=[("simple.py", "2")]),
        lambda folder: make_wheel(folder, files={"simple.py": "1", "Simple.py": "2"}),
        lambda folder: patch_member(make_wheel(folder), "simple.py", compression=97),
    ],
)
def test_refused_before_anything_is_written(tmp_path: Path, folder: Path, make: Callable[[Path], Path]) -> None:
    """What can be told beforehand is."""
    wheel = make(tmp_path)
    with pytest.raises(UnsuitableWheelError):
        unpack(wheel, folder)
    assert list(folder.iterdir()) == []


def test_name_is_shown_as_it_can_be(tmp_path: Path, folder: Path) -> None:
    """It is for a log, which a terminal may show."""
    wheel = make_wheel(tmp_path, files={"../\x1b[31m\n": ""})
    with pytest.raises(UnsuitableWheelError, match=r"`\.\./\\x1b\[31m\\n` may lead elsewhere"):
        unpack(wheel, folder)
