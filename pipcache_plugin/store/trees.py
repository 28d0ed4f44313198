"""Wheels unpacked once, with bytecode: ``trees/<aa>/<sha256 of the wheel>/``. Derived: a tree may vanish at any time.

::

    manifest.json            {"format", "wheel", "files"}: the wheel's file name, and for each path in it
                             [size in bytes, mtime in ns, is executable]
    files/<path in the wheel>
    bytecode/<tag>/          the same for bytecode, one for each kind of it: manifest.json and files/

A tree appears whole, by renaming. A file that has not the size and the time of its manifest is not used.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import stat
import struct
import tempfile
import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.errors import PipCacheError
from pipcache_plugin.files import umask
from pipcache_plugin.store.owners import make_folder, share, share_all

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

FORMAT = 1

_MANIFEST = "manifest.json"
_EXECUTABLE = 0o111
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20


_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError, ValueError)
"""What reading a broken or unusual archive raises: encryption, names in no known encoding, offsets out of the file."""

_COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


class UnsuitableWheelError(PipCacheError):
    """A wheel that is not unpacked: it is damaged, or names in it lead elsewhere, or twice to one place."""

    code = "unsuitable-wheel"

    def __init__(self, *, filename: str, problem: str) -> None:
        super().__init__(filename)
        self.filename = filename
        self.problem = problem

    def __str__(self) -> str:
        return f"Cannot unpack `{self.filename}`: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """What a file was when it was stored."""

    size_bytes: int
    mtime_ns: int
    is_executable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Files below one folder, and what they were when they were stored."""

    folder: Path

    wheel: str
    """The wheel's file name; empty for bytecode."""

    files: Mapping[str, TreeFile]
    """By POSIX path relative to the folder."""

    def locate(self, name: str) -> str | None:
        """Return the path of a file that is as it was stored; ``None`` when it is not."""
        known = self.files.get(name)
        if known is None:
            return None
        path = f"{self.folder}/{name}"
        try:
            found = os.stat(path)  # noqa: PTH116 (once for each file)
        except OSError:
            return None
        return path if (found.st_size, found.st_mtime_ns) == (known.size_bytes, known.mtime_ns) else None


def is_sha256(text: str) -> bool:
    """Tell whether *text* is what the tree of a wheel is named."""
    return _SHA256.fullmatch(text) is not None


class Trees:
    """The trees of a store."""

    def __init__(self, root: Path, lower: Sequence[Path] = ()) -> None:
        """Nothing is made.

        :param lower: roots of stores that are only read: what they have is found when this one has not got it.
        """
        self._root = root
        self.roots = (root, *lower)
        self._lower = tuple(Trees(path) for path in lower)
        self._passed_over: set[Path] = set()
        # Trees of stores below that turned out to be damaged.
        self.folder = root / "trees"

    def path_of(self, sha256: str) -> Path:
        """Return where the tree of a wheel is, or would be."""
        return self.folder / sha256[:2] / sha256

    def weigh(self, sha256: str) -> int:
        """Return how many bytes the manifest of a wheel's tree has, some 80 for each file; 0 where there is none."""
        for trees in [self, *self._iter_lower(sha256)]:
            with contextlib.suppress(OSError):
                return (trees.path_of(sha256) / _MANIFEST).stat().st_size
        return 0

    def find(self, sha256: str, bytecode: str | None = None) -> Tree | None:
        """Return the tree of the wheel with this digest.

        :param bytecode: its kind; a store below then serves only what it has that for, as no more can be added there.
        """
        found = _read(self.path_of(sha256))
        for trees in self._iter_lower(sha256):
            if found is None and (bytecode is None or trees.find_bytecode(sha256, bytecode) is not None):
                found = trees.find(sha256)
        return found

    def find_bytecode(self, sha256: str, tag: str) -> Tree | None:
        """Return the bytecode of one kind; its names are those of the sources that it was made of."""
        folder = self.path_of(sha256)
        found = _read(folder / "bytecode" / tag)
        if found is None and not (folder / _MANIFEST).exists():
            # Bytecode is that of sources with their times: it goes with the tree that is found.
            lower = (trees.find_bytecode(sha256, tag) for trees in self._iter_lower(sha256))
            found = next(filter(None, lower), None)
        return found

    def note_use(self, sha256: str) -> bool:
        """Note that a wheel is used, where that can be noted; tell whether it was before."""
        try:
            noted = self.path_of(sha256) / "bytecode"
            noted.mkdir()
        except FileExistsError:
            return True
        except OSError:
            return False
        share(self._root, noted)
        return False

    def add(self, sha256: str, wheel: Path) -> Tree:
        """Unpack *wheel*, whose digest it is; done twice is a no-op.

        :raises OSError: nothing was stored.
        :raises UnsuitableWheelError: it is no wheel to be unpacked.
        """
        return self._add(self.path_of(sha256), wheel.name, lambda folder: _unpack(wheel, folder))

    def add_bytecode(self, sha256: str, tag: str, make: Callable[[Path], None]) -> Tree:
        """Let *make* write bytecode into a folder, each file under its source's name, and keep it.

        :raises OSError: nothing was stored.
        """

        def fill(folder: Path) -> Collection[str]:
            make(folder)
            return ()

        return self._add(self.path_of(sha256) / "bytecode" / tag, "", fill)

    def __iter__(self) -> Iterator[Tree]:
        """Go through the trees of wheels, without their bytecode."""
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*")):
            # A process that was killed may have left a whole tree that is not renamed yet.
            if is_sha256(path.name) and (found := _read(path)) is not None:
                yield found

    def touch(self, sha256: str) -> None:
        """Note that the tree of a wheel is used now, where that can be noted."""
        with contextlib.suppress(OSError):
            os.utime(self.path_of(sha256) / _MANIFEST)

    def find_use(self, tree: Tree) -> float:
        """Return when a tree was used last, as Unix time in seconds; 0 for one that is gone."""
        try:
            return (tree.folder.parent / _MANIFEST).stat().st_mtime
        except OSError:
            return 0.0

    def iter_bytecode(self, tree: Tree) -> Iterator[Tree]:
        """Go through all kinds of bytecode of a tree."""
        for path in sorted((tree.folder.parent / "bytecode").glob("[!.]*")):
            if (found := _read(path)) is not None:
                yield found

    def remove(self, tree: Tree) -> None:
        """Take a tree out, with its bytecode; one that is gone already is no error.

        One of a store below is passed over from now on.

        :raises OSError: it cannot be removed.
        """
        folder = tree.folder.parent
        if self.folder in folder.parents:
            self.remove_folder(folder)
        else:
            self._passed_over.add(folder)

    def remove_folder(self, folder: Path) -> None:
        """Take out the tree that is in a folder of the store; see ``remove``."""
        # Renamed first, so that nobody finds half of it.
        gone = folder.with_name(f".tmp-{secrets.token_hex(6)}")
        try:
            folder.rename(gone)
        except FileNotFoundError:
            return
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(gone)
        with contextlib.suppress(OSError):
            # Other trees may be in it.
            gone.parent.rmdir()

    def _iter_lower(self, sha256: str) -> Iterator[Trees]:
        return (trees for trees in self._lower if trees.path_of(sha256) not in self._passed_over)

    def _add(self, target: Path, wheel: str, fill: Callable[[Path], Collection[str]]) -> Tree:
        if (found := _read(target)) is not None:
            return found
        make_folder(self._root, target.parent)
        temporary = Path(tempfile.mkdtemp(prefix=".tmp-", dir=target.parent))
        try:
            temporary.chmod(0o777 & ~umask())
            files = temporary / "files"
            files.mkdir()
            executables = fill(files)
            manifest = {"format": FORMAT, "wheel": wheel, "files": dict(_iter_manifest(files, executables))}
            (temporary / _MANIFEST).write_text(json.dumps(manifest), encoding="ascii")
            share_all(self._root, temporary)
            _move(temporary, target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        found = _read(target)
        if found is None:
            raise FileNotFoundError(target)
        return found


def _move(temporary: Path, target: Path) -> None:
    try:
        temporary.rename(target)
    except OSError:
        # Another process was first; or there is something there that is no tree of ours any more.
        if _read(target) is None:
            shutil.rmtree(target, ignore_errors=True)
            temporary.rename(target)
        else:
            shutil.rmtree(temporary, ignore_errors=True)


def _read(folder: Path) -> Tree | None:
    try:
        content = json.loads((folder / _MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    match content:
        case {"format": int(number), "wheel": str(wheel), "files": dict(files)} if number == FORMAT:
            with contextlib.suppress(TypeError, ValueError, OverflowError):
                known = {
                    str(name): TreeFile(size_bytes=int(size), mtime_ns=int(mtime), is_executable=bool(executable))
                    for name, (size, mtime, executable) in files.items()
                }
                return Tree(folder=folder / "files", wheel=wheel, files=known)
    return None


def _unpack(wheel: Path, folder: Path) -> set[str]:
    """Return the names of the files that are executable."""
    executables: set[str] = set()
    try:
        with zipfile.ZipFile(wheel) as archive:
            names: set[str] = set()
            for member in archive.infolist():
                if member.is_dir():
                    continue
                if (problem := _find_problem(member, names)) is not None:
                    raise UnsuitableWheelError(filename=wheel.name, problem=problem)
                names.add(member.filename.lower())
                target = folder / member.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as from_file, target.open("xb") as to_file:
                    shutil.copyfileobj(from_file, to_file, _CHUNK_BYTES)
                mode = member.external_attr >> 16
                if stat.S_ISREG(mode) and mode & _EXECUTABLE:
                    executables.add(member.filename)
                    target.chmod(target.stat().st_mode | (_EXECUTABLE & ~umask()))
    except _DAMAGE as error:
        raise UnsuitableWheelError(filename=wheel.name, problem=str(error)) from error
    return executables


def _find_problem(member: zipfile.ZipInfo, names: Collection[str]) -> str | None:
    """Say why a file cannot be unpacked, as far as that can be told beforehand; *names* are of those before it."""
    if not _is_inside(member.filename):
        return f"`{member.filename}` may lead elsewhere"
    if member.filename.lower() in names:
        return f"there are two of `{member.filename}`"
    if member.compress_type not in _COMPRESSIONS:
        return f"`{member.filename}` is compressed in a way of its own"
    return None


def _is_inside(name: str) -> bool:
    parts = name.split("/")
    return "\\" not in name and ":" not in name and all(part not in {"", ".", ".."} for part in parts)


def _iter_manifest(folder: Path, executables: Collection[str]) -> Iterator[tuple[str, list[int]]]:
    # A whole second: archives, layers of images among them, keep no more of a time.
    now_ns = int(time.time()) * 1_000_000_000
    for path, _, names in os.walk(folder):
        for name in names:
            file = f"{path}/{name}"
            os.utime(file, ns=(now_ns, now_ns))
            found = os.stat(file)  # noqa: PTH116 (once for each file)
            relative = os.path.relpath(file, folder).replace(os.sep, "/")
            # Not what the file's mode is: that depends on the umask, and on some file systems on nothing at all.
            yield relative, [found.st_size, found.st_mtime_ns, int(relative in executables)]
