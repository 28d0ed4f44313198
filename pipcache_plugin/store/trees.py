"""Wheels unpacked once, with bytecode: ``trees/<aa>/<sha256 of the wheel>.2/``. Derived: may vanish at any time.

::

    manifest.json            {"crc32", "format", "of", "wheel", "files"}: of what it is the tree, the wheel's file name,
                             and for each path in it [size in bytes, mtime in ns, is executable, CRC-32]
    files/<path in the wheel>
    bytecode/<kind>/         the same for bytecode, one for each kind of it: manifest.json and files/

``of`` is the wheel's digest, for bytecode ``<digest>/<kind>``: a tree in another's place is none. ``crc32``, eight hex
digits, is of all that comes after it. A tree appears whole, by renaming. A file that has not the size and the time of
its manifest is not used; its CRC-32 is for who reads everything, to see whether it is what was stored.

The number of the format is in the name of the folder: trees of other versions, which have other numbers or none, are
beside those of this one and none of its business.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipcache_plugin.files import remove_tree, umask
from pipcache_plugin.store.owners import make_folder, make_one_folder, share_all
from pipcache_plugin.store.scanning import iter_folders, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pipcache_plugin.store.unpacking import UnpackedFile

FORMAT = 2

_MANIFEST = "manifest.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20

_HEAD = b'{"crc32":"'
_HEAD_BYTES = len(_HEAD) + 8
"""With the digits: the checksum is of the rest."""


class TreeFile(NamedTuple):
    """What a file was when it was stored. A tuple: there are tens of thousands on the way of a hit."""

    size_bytes: int
    mtime_ns: int
    is_executable: bool
    crc32: int


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
    """Tell whether *text* is what the tree of a wheel is found by."""
    return _SHA256.fullmatch(text) is not None


def crc32_of(path: str) -> int:
    """Return the CRC-32 of a file's bytes.

    :raises OSError: it cannot be read.
    """
    found = 0
    with open(path, "rb") as file:  # noqa: PTH123 (once for each file)
        while chunk := file.read(_CHUNK_BYTES):
            found = zlib.crc32(chunk, found)
    return found


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
        return self.folder / sha256[:2] / f"{sha256}.{FORMAT}"

    def weigh(self, sha256: str) -> int:
        """Return how many bytes the manifest of a wheel's tree has, some 85 for each file; 0 where there is none."""
        for trees in [self, *self._iter_lower(sha256)]:
            with contextlib.suppress(OSError):
                return (trees.path_of(sha256) / _MANIFEST).stat().st_size
        return 0

    def find(self, sha256: str, bytecode: str | None = None) -> Tree | None:
        """Return the tree of the wheel with this digest.

        :param bytecode: its kind; a store below then serves only what it has that for, as no more can be added there.
        """
        found = _read(self.path_of(sha256), sha256)
        for trees in self._iter_lower(sha256):
            if found is None and (bytecode is None or trees.find_bytecode(sha256, bytecode) is not None):
                found = trees.find(sha256)
        return found

    def find_bytecode(self, sha256: str, tag: str) -> Tree | None:
        """Return the bytecode of one kind; its names are those of the sources that it was made of."""
        folder = self.path_of(sha256)
        found = _read(folder / "bytecode" / tag, f"{sha256}/{tag}")
        if found is None and not (folder / _MANIFEST).exists():
            # Bytecode is that of sources with their times: it goes with the tree that is found.
            lower = (trees.find_bytecode(sha256, tag) for trees in self._iter_lower(sha256))
            found = next(filter(None, lower), None)
        return found

    def note_use(self, sha256: str) -> bool:
        """Note that a wheel is used, where that can be noted; tell whether it was before."""
        try:
            make_one_folder(self._root, self.path_of(sha256) / "bytecode")
        except FileExistsError:
            return True
        except OSError:
            pass
        return False

    def add(self, sha256: str, wheel: Path) -> Tree:
        """Unpack *wheel*, whose digest it is; done twice is a no-op.

        :raises OSError: nothing was stored.
        :raises UnsuitableWheelError: it is no wheel to be unpacked.
        """
        from pipcache_plugin.store.unpacking import unpack

        return self._add(self.path_of(sha256), sha256, wheel.name, lambda folder: unpack(wheel, folder))

    def add_bytecode(self, sha256: str, tag: str, make: Callable[[Path], None]) -> Tree:
        """Let *make* write bytecode into a folder, each file under its source's name, and keep it.

        :raises OSError: nothing was stored.
        """

        def fill(folder: Path) -> Mapping[str, UnpackedFile]:
            make(folder)
            return {}

        return self._add(self.path_of(sha256) / "bytecode" / tag, f"{sha256}/{tag}", "", fill)

    def __iter__(self) -> Iterator[Tree]:
        """Go through the trees of wheels, without their bytecode."""
        for sha256, folder in self._iter_own():
            if (found := _read(folder, sha256)) is not None:
                yield found

    def iter_damaged(self) -> Iterator[Path]:
        """Go through the folders, of trees and of bytecode, whose manifest is there and not what was stored."""
        for sha256, folder in self._iter_own():
            kinds = _list_kinds(folder)
            for path, of in [(folder, sha256), *((kind, f"{sha256}/{kind.name}") for kind in kinds)]:
                if _read(path, of) is None and os.path.lexists(path / _MANIFEST):
                    yield path

    def _iter_own(self) -> Iterator[tuple[str, Path]]:
        # A process that was killed may have left a whole tree that is not renamed yet.
        for path in self._iter_folders():
            sha256, _, number = path.name.partition(".")
            if number == str(FORMAT) and is_sha256(sha256):
                yield sha256, path

    def _iter_folders(self) -> list[Path]:
        return [Path(path) for path in iter_folders(self.folder)]

    def touch(self, sha256: str) -> None:
        """Note that the tree of a wheel is used now, where that can be noted."""
        with contextlib.suppress(OSError):
            os.utime(self.path_of(sha256) / _MANIFEST)

    def iter_bytecode(self, tree: Tree) -> Iterator[Tree]:
        """Go through all kinds of bytecode of a tree."""
        folder = tree.folder.parent
        sha256 = folder.name.partition(".")[0]
        for path in _list_kinds(folder):
            if (found := _read(path, f"{sha256}/{path.name}")) is not None:
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
        """Take out a tree, or the bytecode, that is in a folder of the store; see ``remove``."""
        # Renamed first, so that nobody finds half of it.
        gone = folder.with_name(f".tmp-{secrets.token_hex(6)}")
        try:
            folder.rename(gone)
        except FileNotFoundError:
            return
        remove_tree(gone)
        with contextlib.suppress(OSError):
            # Other trees may be in it.
            gone.parent.rmdir()

    def _iter_lower(self, sha256: str) -> Iterator[Trees]:
        return (trees for trees in self._lower if trees.path_of(sha256) not in self._passed_over)

    def _add(self, target: Path, of: str, wheel: str, fill: Callable[[Path], Mapping[str, UnpackedFile]]) -> Tree:
        if (found := _read(target, of)) is not None:
            return found
        make_folder(self._root, target.parent)
        temporary = Path(tempfile.mkdtemp(prefix=".tmp-", dir=target.parent))
        try:
            temporary.chmod(0o777 & ~umask())
            made = temporary.stat()
            files = temporary / "files"
            files.mkdir()
            filled = fill(files)
            known = dict(_iter_manifest(files, filled))
            _check_is_whole(temporary, made, has_all=filled.keys() <= known.keys())
            (temporary / _MANIFEST).write_bytes(_dump({"format": FORMAT, "of": of, "wheel": wheel, "files": known}))
            share_all(self._root, temporary)
            _move(temporary, target, of)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        found = _read(target, of)
        if found is None:
            raise FileNotFoundError(target)
        return found


def _check_is_whole(folder: Path, made: os.stat_result, *, has_all: bool) -> None:
    """Look whether somebody has taken out a folder, with all that is temporary, and who fills it has made it anew.

    :raises FileNotFoundError: so it is.
    """
    if not (has_all and os.path.samestat(made, folder.stat())):
        raise FileNotFoundError(folder)


def _list_kinds(folder: Path) -> list[Path]:
    """Return the folders of the kinds of bytecode of a tree, sorted."""
    return [Path(entry.path) for entry in scan(folder / "bytecode") if not entry.name.startswith(".")]


def _move(temporary: Path, target: Path, of: str) -> None:
    try:
        temporary.rename(target)
    except OSError:
        # Another process was first; or there is something there that is no tree any more.
        if _read(target, of) is None:
            shutil.rmtree(target, ignore_errors=True)
            temporary.rename(target)
        else:
            shutil.rmtree(temporary, ignore_errors=True)


def _dump(manifest: Mapping[str, object]) -> bytes:
    rest = b'",' + json.dumps(manifest, separators=(",", ":")).encode("ascii")[1:]
    return _HEAD + b"%08x" % zlib.crc32(rest) + rest


def _read(folder: Path, of: str) -> Tree | None:
    try:
        data = (folder / _MANIFEST).read_bytes()
        # It is as it was written, or it is none: nothing else is asked of what it has for each of many files.
        if data[:_HEAD_BYTES] != _HEAD + b"%08x" % zlib.crc32(memoryview(data)[_HEAD_BYTES:]):
            return None
        content = json.loads(data)
    except (OSError, ValueError):
        return None
    match content:
        case {"format": int(number), "of": str(whose), "wheel": str(wheel), "files": dict(files)} if (
            number == FORMAT and whose == of
        ):
            known = {name: TreeFile(*fields) for name, fields in files.items()}
            return Tree(folder=folder / "files", wheel=wheel, files=known)
    return None


def _iter_manifest(folder: Path, unpacked: Mapping[str, UnpackedFile]) -> Iterator[tuple[str, TreeFile]]:
    # A whole second: archives, layers of images among them, keep no more of a time.
    now_ns = int(time.time()) * 1_000_000_000
    for path, _, names in os.walk(folder, onerror=_refuse):
        for name in names:
            file = f"{path}/{name}"
            os.utime(file, ns=(now_ns, now_ns))
            found = os.stat(file)  # noqa: PTH116 (once for each file)
            relative = os.path.relpath(file, folder).replace(os.sep, "/")
            # Not what the file's mode is: that depends on the umask, and on some file systems on nothing at all.
            told = unpacked.get(relative)
            is_executable, crc32 = told if told is not None else (False, crc32_of(file))
            yield relative, TreeFile(found.st_size, found.st_mtime_ns, is_executable, crc32)


def _refuse(error: OSError) -> None:
    """Let nothing be left out of a manifest because it cannot be listed."""
    raise error
