"""A whole wheel into an environment, from its unpacked files: for environments that are ours, and that no pip looks at.

What goes where, scripts and RECORD are ``installer``'s; the files are placed as in any other installation.
"""

from __future__ import annotations

import configparser
import contextlib
import csv
import io
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.exceptions import InstallerError
from installer.records import InvalidRecordEntry, RecordEntry, parse_record_file
from installer.sources import WheelSource
from installer.utils import get_launcher_kind, parse_wheel_filename

from pipcache_plugin.archives import leads_out
from pipcache_plugin.errors import PipCacheError
from pipcache_plugin.files import umask
from pipcache_plugin.installation.placing import put, remove

if TYPE_CHECKING:
    from installer.utils import Scheme

_EXECUTABLE = 0o111

_REFUSALS = (
    InstallerError,
    InvalidRecordEntry,
    configparser.Error,
    csv.Error,
    AssertionError,
    FileNotFoundError,
    KeyError,
    ValueError,
)
"""What stops ``installer``: a file that is missing, a RECORD or ``entry_points.txt`` that is none, an odd script."""


class UnpackedFile(Protocol):
    """What is known of a file."""

    @property
    def mtime_ns(self) -> int:
        """When it was last changed, as bytecode knows its source."""

    @property
    def is_executable(self) -> bool:
        """As the wheel says."""


class UnpackedWheel(Protocol):
    """The files of a wheel, or of its bytecode."""

    @property
    def wheel(self) -> str:
        """The wheel's file name."""

    @property
    def files(self) -> Mapping[str, UnpackedFile]:
        """By path in the wheel."""

    def locate(self, name: str) -> str | None:
        """Return the path of a file that is as it was when the wheel was unpacked."""


class UninstallableWheelError(PipCacheError):
    """A wheel cannot be put into an environment from its unpacked files."""

    code = "uninstallable-wheel"

    def __init__(self, *, filename: str, reason: str) -> None:
        super().__init__(filename)
        self.filename = filename
        self.reason = reason

    def __str__(self) -> str:
        return f"Cannot install `{self.filename}`: {self.reason}"


def install_wheel(
    unpacked: UnpackedWheel, bytecode: UnpackedWheel | None, schemes: Mapping[str, str], python: str
) -> None:
    """Install a wheel.

    :param bytecode: under the names of its sources.
    :param schemes: the folder of each scheme, ``purelib`` and so on; of ``headers``, the one for all distributions.
    :param python: the interpreter that scripts are to start.

    What was not installed to the end has no ``.dist-info``; other files of it may be there.

    :raises UninstallableWheelError: a file of it is missing, or it is no wheel.
    :raises OSError: a file cannot be written.
    """
    try:
        source = _Source(unpacked)
        folders = {**schemes, "headers": f"{schemes['headers']}/{source.distribution}"}
        destination = _Destination(folders, python, bytecode)
        with _no_half(folders, source.dist_info_dir):
            install(source, destination, {"INSTALLER": b"pipcache\n"})
    except _REFUSALS as error:
        raise UninstallableWheelError(filename=unpacked.wheel, reason=f"{type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _no_half(folders: Mapping[str, str], dist_info: str) -> Iterator[None]:
    """Have nobody take a distribution for installed when only a part of it is."""
    try:
        yield
    except BaseException:
        for scheme in ["purelib", "platlib"]:
            shutil.rmtree(f"{folders[scheme]}/{dist_info}", ignore_errors=True)
        raise


class _Unread(io.BytesIO):
    """A file of a wheel; what places it asks for its name, and nobody reads it from here."""

    def __init__(self, name: str, path: str, known: UnpackedFile, record: tuple[str, str, str]) -> None:
        super().__init__()
        self.name = name
        self.path = path
        self.known = known
        self.record = record


class _Source(WheelSource):
    """An unpacked wheel."""

    def __init__(self, unpacked: UnpackedWheel) -> None:
        name = parse_wheel_filename(unpacked.wheel)
        super().__init__(name.distribution, name.version)
        self._unpacked = unpacked
        folders = {path.partition("/")[0] for path in unpacked.files}
        [self._dist_info] = [folder for folder in folders if folder.endswith(".dist-info")]

    @property
    def dist_info_dir(self) -> str:
        return self._dist_info

    @property
    def data_dir(self) -> str:
        return f"{self._dist_info.removesuffix('.dist-info')}.data"

    @property
    def dist_info_filenames(self) -> list[str]:
        folder = f"{self._dist_info}/"
        return [path.removeprefix(folder) for path in self._unpacked.files if path.startswith(folder)]

    def read_dist_info(self, filename: str) -> str:
        return Path(self._locate(f"{self._dist_info}/{filename}")).read_text(encoding="utf-8")

    def get_contents(self) -> Iterator[tuple[tuple[str, str, str], BinaryIO, bool]]:
        # Lines end as in a table: there may be other ends of lines in the name of a file.
        lines = io.StringIO(self.read_dist_info("RECORD"), newline="")
        records = {path: (path, hash_, size) for path, hash_, size in parse_record_file(lines)}
        for name, known in self._unpacked.files.items():
            record = records.get(name, (name, "", ""))
            yield record, _Unread(name, self._locate(name), known, record), known.is_executable

    def _locate(self, name: str) -> str:
        path = self._unpacked.locate(name)
        if path is None:
            raise FileNotFoundError(name)
        return path


class _Destination(SchemeDictionaryDestination):
    """Folders that files are placed in."""

    def __init__(self, folders: Mapping[str, str], python: str, bytecode: UnpackedWheel | None) -> None:
        super().__init__(scheme_dict={**folders}, interpreter=python, script_kind=get_launcher_kind())
        self._bytecode = bytecode
        self._mask = umask()
        self._folders: set[str] = set()

    def write_file(
        self,
        scheme: Scheme,
        path: str | os.PathLike[str],
        stream: BinaryIO,
        is_executable: bool,  # noqa: FBT001
    ) -> RecordEntry:
        if not isinstance(stream, _Unread):
            return super().write_file(scheme, path, stream, is_executable)
        if scheme == "scripts":
            with open(stream.path, "rb") as file:  # noqa: PTH123 (as it comes)
                # Not every archive knows modes.
                return super().write_file(scheme, path, file, is_executable=True)
        target = f"{self.scheme_dict[scheme]}/{path}"
        self._make_folder(target)
        put(stream.path, target, mask=self._mask, may_link=False)
        if is_executable:
            os.chmod(target, os.stat(target).st_mode | _EXECUTABLE)  # noqa: PTH101, PTH116 (the same)
        if target.endswith(".py"):
            os.utime(target, ns=(stream.known.mtime_ns, stream.known.mtime_ns))
            self._place_bytecode(stream.name, target)
        _, hash_, size = stream.record
        return RecordEntry.from_elements(os.fspath(path), hash_, size)

    def write_to_fs(
        self,
        scheme: Scheme,
        path: str,
        stream: BinaryIO,
        is_executable: bool,  # noqa: FBT001
    ) -> RecordEntry:
        if leads_out(path):
            # The name of a script is what ``entry_points.txt`` says; not every release of ``installer`` looks at it.
            raise ValueError(path)
        try:
            return super().write_to_fs(scheme, path, stream, is_executable)
        except FileExistsError:
            # Of two scripts with one name the second stays, as with pip.
            remove(f"{self.scheme_dict[scheme]}/{path}")
            return super().write_to_fs(scheme, path, stream, is_executable)

    def _place_bytecode(self, name: str, source: str) -> None:
        from importlib.util import cache_from_source

        made = self._bytecode.locate(name) if self._bytecode is not None else None
        if made is not None:
            target = cache_from_source(source)
            self._make_folder(target)
            put(made, target, mask=self._mask, may_link=True)

    def _make_folder(self, target: str) -> None:
        folder = os.path.dirname(target)  # noqa: PTH120 (once for each file)
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 (the same)
            self._folders.add(folder)
