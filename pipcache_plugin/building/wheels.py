"""Wheel files: whether one is what it says it is, and what its ``.dist-info`` holds."""

from __future__ import annotations

import contextlib
import csv
import io
import struct
import zipfile
import zlib
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pipcache_plugin.archives import find_excess, leads_out, quote
from pipcache_plugin.errors import PipCacheError

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    csv.Error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    struct.error,
    ValueError,
)
"""What reading a broken or unusual zip archive raises: encryption, unknown compression, offsets out of the file, …"""


_SCHEMES = {"purelib", "platlib", "headers", "scripts", "data"}

_LEAST_DATA_PARTS = 3
"""Of a path in ``.data``: that, the scheme, and a name."""

_MOST_NAME_BYTES = 255
"""Of a part of a path: so many, file systems have."""

_SCRIPT_SECTIONS = ["console_scripts", "gui_scripts"]


class InvalidWheelError(PipCacheError):
    """A wheel contradicts itself or the specification."""

    code = "invalid-wheel"

    def __init__(self, *, filename: str, problems: list[str]) -> None:
        super().__init__(filename)
        self.filename = filename
        self.problems = problems

    def __str__(self) -> str:
        return f"`{self.filename}` is not a valid wheel: {'; '.join(self.problems)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelIdentity:
    """Which release a wheel is of."""

    project: str
    """Normalized."""

    version: str
    """As METADATA has it."""


def verify(wheel: Path) -> WheelIdentity:
    """Read every byte of *wheel* and compare it with RECORD; compare name, version and tags with the file name.

    :raises InvalidWheelError: something does not agree; lists all that does not.

    Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
    """
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
    from packaging.version import InvalidVersion, Version
    from wheel.wheelfile import WheelError, WheelFile

    try:
        name, version, _, tags = parse_wheel_filename(wheel.name)
        # Opening it as a wheel reads its RECORD.
        with _open(wheel):
            pass
        with WheelFile(wheel) as archive:
            problems = _differences_from_record(archive)
            if len({_top(member) for member in archive.namelist() if _top(member).endswith(".dist-info")}) != 1:
                problems.append("it has more than one .dist-info folder")
            problems += _iter_misnamed_scripts(archive, archive.dist_info_path)
            metadata = _headers(archive.read(f"{archive.dist_info_path}/METADATA"))
            about = _headers(archive.read(f"{archive.dist_info_path}/WHEEL"))
        if canonicalize_name(metadata.get("Name", [""])[0]) != name:
            problems.append("its METADATA has another name")
        project_version = metadata.get("Version", [""])[0]
        if Version(project_version) != version:
            problems.append("its METADATA has another version")
        if Version(metadata.get("Metadata-Version", [""])[0]) < Version("1.0"):
            problems.append("its Metadata-Version is unknown")
        if about.get("Wheel-Version", [""])[0].partition(".")[0] != "1":
            problems.append("its Wheel-Version is unknown")
        if not _covers(about.get("Tag", []), {str(tag) for tag in tags}):
            problems.append("its WHEEL file has other tags")
    except (InvalidWheelFilename, InvalidVersion, WheelError, *_UNREADABLE) as error:
        raise InvalidWheelError(filename=wheel.name, problems=[str(error)]) from error
    if problems:
        raise InvalidWheelError(filename=wheel.name, problems=problems)
    return WheelIdentity(project=name, version=project_version)


def extract_dist_info(wheel: Path, folder: Path) -> Path:
    """Write the wheel's ``.dist-info`` below *folder* and return its path.

    :raises InvalidWheelError: there is none, or more than one, or it would be written elsewhere.
    """
    try:
        with _open(wheel) as archive:
            members = [name for name in archive.namelist() if _top(name).endswith(".dist-info")]
            found = {_top(name) for name in members}
            if len(found) == 1:
                archive.extractall(folder, members)
    except _UNREADABLE as error:
        raise InvalidWheelError(filename=wheel.name, problems=[str(error)]) from error
    if len(found) != 1:
        raise InvalidWheelError(filename=wheel.name, problems=["it has no single .dist-info folder"])
    return folder / found.pop()


def read_metadata(wheel: Path) -> bytes:
    """Return the bytes of the wheel's METADATA.

    :raises InvalidWheelError: there is none, or more than one.
    """
    try:
        with _open(wheel) as archive:
            (name,) = [
                name for name in archive.namelist() if _top(name).endswith(".dist-info") and name.endswith("/METADATA")
            ]
            return archive.read(name)
    except _UNREADABLE as error:
        raise InvalidWheelError(filename=wheel.name, problems=[f"its METADATA: {error}"]) from error


def what_resolves(metadata: bytes) -> dict[str, list[str]]:
    """Return the fields of METADATA that decide what is installed, in a form that can be compared."""
    headers = _headers(metadata)
    fields = ["Name", "Version", "Requires-Dist", "Requires-Python", "Provides-Extra"]
    return {field: sorted("".join(value.split()) for value in headers.get(field, [])) for field in fields}


@contextlib.contextmanager
def _open(wheel: Path) -> Iterator[zipfile.ZipFile]:
    """Open a wheel of which any file may be read as a whole.

    :raises zipfile.BadZipFile: it is none.
    """
    with zipfile.ZipFile(wheel) as archive:
        if (excess := find_excess(archive, wheel.stat().st_size)) is not None:
            raise zipfile.BadZipFile(excess)
        yield archive


def _top(name: str) -> str:
    """Return the folder of an archive's member that is at its root; empty for a file that is there itself."""
    parts = PurePosixPath(name).parts
    return parts[0] if len(parts) > 1 else ""


def _differences_from_record(archive: zipfile.ZipFile) -> list[str]:
    # Opening a file compares it with RECORD at its end, and refuses one that RECORD does not list.
    present = set()
    for info in archive.infolist():
        if info.is_dir():
            continue
        present.add(info.filename)
        with archive.open(info) as file:
            while file.read(1 << 20):
                pass
    record = getattr(archive, "record_path", "")
    # Lines end as in a table: there may be other ends of lines in the name of a file.
    rows = csv.reader(io.StringIO(archive.read(record).decode("utf-8"), newline=""))
    absent = sorted({row[0] for row in rows if row} - present)
    return [
        *(f"RECORD lists {quote(name)}, which it does not have" for name in absent),
        *_iter_misplaced(present),
    ]


def _iter_misplaced(names: set[str]) -> Iterator[str]:
    """Go through what is wrong with the places of files: nobody could install them."""
    folders = {folder for name in names for folder in _iter_folders(name)}
    for name in sorted(names):
        parts = name.split("/")
        if leads_out(name):
            yield f"{quote(name)} leads out of it"
        elif parts[0].endswith(".data") and (len(parts) < _LEAST_DATA_PARTS or parts[1] not in _SCHEMES):
            yield f"{quote(name)} is of no scheme"
        elif name in folders:
            yield f"{quote(name)} is a file and a folder"
        elif any(len(part.encode("utf-8", "replace")) > _MOST_NAME_BYTES for part in parts):
            yield f"the name of {quote(name)} is too long"


def _iter_folders(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _iter_misnamed_scripts(archive: zipfile.ZipFile, dist_info: str) -> Iterator[str]:
    """Go through the names of scripts that would be written elsewhere."""
    name = f"{dist_info}/entry_points.txt"
    if name not in archive.namelist():
        return
    parser = ConfigParser(delimiters="=", interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(archive.read(name).decode("utf-8"))
    except ConfigParserError:
        yield "its entry_points.txt cannot be read"
        return
    for section in _SCRIPT_SECTIONS:
        if parser.has_section(section):
            yield from (
                f"the script {quote(script)} leads elsewhere" for script in parser[section] if leads_out(script)
            )


def _headers(data: bytes) -> dict[str, list[str]]:
    message = BytesHeaderParser().parsebytes(data)
    return {name: [str(value) for value in message.get_all(name, [])] for name in message}


def _covers(lines: list[str], tags: set[str]) -> bool:
    from packaging.tags import parse_tag

    return {str(tag) for line in lines for tag in parse_tag(line.strip())} == tags
