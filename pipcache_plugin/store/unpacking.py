"""A wheel's files out of its archive, into a folder: all of them, as they are in it.

What is odd is not unpacked: names that lead elsewhere here or on another system, two files for one name, what is out of
all proportion. Whether such a wheel can be installed is for pip to say.
"""

from __future__ import annotations

import re
import shutil
import stat
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from pipcache_plugin.archives import find_excess, quote
from pipcache_plugin.errors import PipCacheError
from pipcache_plugin.files import umask

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path
    from zipfile import ZipFile, ZipInfo

_EXECUTABLE = 0o111
_CHUNK_BYTES = 1 << 20

_OTHER_ON_WINDOWS = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\xb9\xb2\xb3])(?:[ .].*)?|.*[ .]", re.IGNORECASE | re.DOTALL
)
"""Parts of a path that are devices there, or whose end is cut off.

Source: https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
"""


class UnsuitableWheelError(PipCacheError):
    """A wheel that is not unpacked: it is damaged, names in it lead elsewhere or to one place, or there is too much."""

    code = "unsuitable-wheel"

    def __init__(self, *, filename: str, problem: str) -> None:
        super().__init__(filename)
        self.filename = filename
        self.problem = problem

    def __str__(self) -> str:
        return f"Cannot unpack `{self.filename}`: {self.problem}"


class UnpackedFile(NamedTuple):
    """What is known of a file that was unpacked."""

    is_executable: bool
    """As the archive says."""

    crc32: int
    """Of its bytes."""


def unpack(wheel: Path, folder: Path) -> Mapping[str, UnpackedFile]:
    """Unpack all files of *wheel* into *folder*, which is empty, and return what is known of them, by name.

    :raises OSError: some of the files may be there.
    :raises UnsuitableWheelError: the same.
    """
    import zipfile

    # What reading a broken or unusual archive raises: encryption, names in no known encoding, offsets out of the file.
    damage = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError, ValueError)
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            problem = find_excess(archive, wheel.stat().st_size) or _find_problem(members)
            if problem is not None:
                raise UnsuitableWheelError(filename=wheel.name, problem=problem)
            return {member.filename: _unpack(archive, member, folder) for member in members}
    except damage as error:
        raise UnsuitableWheelError(filename=wheel.name, problem=str(error)) from error


def _unpack(archive: ZipFile, member: ZipInfo, folder: Path) -> UnpackedFile:
    target = folder / member.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    # What was read is compared with the checksum at its end.
    with archive.open(member) as from_file, target.open("xb") as to_file:
        shutil.copyfileobj(from_file, to_file, _CHUNK_BYTES)
    mode = member.external_attr >> 16
    is_executable = stat.S_ISREG(mode) and mode & _EXECUTABLE != 0
    if is_executable:
        target.chmod(target.stat().st_mode | (_EXECUTABLE & ~umask()))
    return UnpackedFile(is_executable, member.CRC)


def _find_problem(members: Collection[ZipInfo]) -> str | None:
    """Say why files cannot be unpacked, as far as that can be told beforehand."""
    from zipfile import ZIP_DEFLATED, ZIP_STORED

    names = set()
    for member in members:
        if not _is_inside(member.filename):
            return f"{quote(member.filename)} may lead elsewhere"
        if member.filename.lower() in names:
            return f"there are two of {quote(member.filename)}"
        if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
            return f"{quote(member.filename)} is compressed in a way of its own"
        names.add(member.filename.lower())
    return None


def _is_inside(name: str) -> bool:
    if "\\" in name or ":" in name:
        return False
    return not any(part in {"", ".", ".."} or _OTHER_ON_WINDOWS.fullmatch(part) for part in name.split("/"))
