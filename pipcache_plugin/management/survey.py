"""What takes room in a store, piece by piece: names, sizes and times. Of a hundred thousand entries, none is read.

Names in a store are digests, spread evenly over its buckets: what is in some of them tells what is in all.
"""

from __future__ import annotations

import json
import os
import random
import stat
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.files import mtime_of
from pipcache_plugin.store.scanning import TEMPORARY, list_buckets, scan
from pipcache_plugin.store.trees import is_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipcache_plugin.store.store import Store

_LEFTOVER_SECONDS = 3600
"""What is temporary and this old is nobody's any more."""

_AHEAD_SECONDS = 86_400
"""So is what was made this far in the future: the clock was wrong."""


class Kind(Enum):
    """What a piece is: in the order in which pieces are taken out for want of room."""

    LEFTOVER = "left over"
    RESPONSE = "HTTP responses"
    RESOLUTION = "resolutions of build requirements"
    TREE = "unpacked wheels"
    METADATA = "metadata"
    WHEEL = "wheels"
    ENTRY = "entries"
    """Goes with its wheel, and is never taken out alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What is taken out as a whole."""

    kind: Kind
    path: Path
    size_bytes: int

    last_used: float
    """Unix time in seconds."""

    build_seconds: float = 0.0
    """Of a wheel."""

    entries: tuple[Path, ...] = ()
    """Of a wheel: what tells how it was built, and goes with it."""


class Survey:
    """Goes through a store."""

    def __init__(self, store: Store) -> None:
        """Nothing is looked at yet."""
        self._root = str(store.root)
        self._environments = store.environments
        self._damaged = store.damaged
        self._documents = [
            (str(store.wheels.folder), ".whl", Kind.WHEEL),
            (str(store.entries.folder), ".json", Kind.ENTRY),
            (str(store.metadata.folder), ".json", Kind.METADATA),
            (str(store.resolutions.folder), ".json", Kind.RESOLUTION),
        ]
        self._trees = str(store.trees.folder)
        self._tables = [*(table for table, _, _ in self._documents), self._trees]
        self._log = str(store.log.folder)
        self._now = time.time()

    def list_buckets(self) -> list[str]:
        """Return the names of all buckets, sorted.

        :raises OSError: the store cannot be listed.
        """
        return sorted({bucket for table in self._tables for bucket in list_buckets(table)})

    def iter_bucket(self, bucket: str) -> Iterator[Piece]:
        """Go through what is in one bucket of each table.

        :raises OSError: the same.
        """
        for table, suffix, kind in self._documents:
            for folder in scan(f"{table}/{bucket}"):
                is_whole = not folder.name.startswith(TEMPORARY)
                for entry in scan(folder.path) if is_whole else [folder]:
                    if entry.name.startswith(TEMPORARY):
                        yield from self._iter_leftover(entry.path)
                    elif entry.name.endswith(suffix) and (status := _stat(entry)) is not None:
                        path = Path(entry.path)
                        yield Piece(kind=kind, path=path, size_bytes=status.st_size, last_used=status.st_mtime)
        for folder in scan(f"{self._trees}/{bucket}"):
            if folder.name.startswith(TEMPORARY):
                yield from self._iter_leftover(folder.path)
            elif is_sha256(folder.name.partition(".")[0]):
                yield from self._iter_tree(folder.path)

    def iter_rest(self) -> Iterator[Piece]:
        """Go through what is in no bucket: what did not verify, and what killed processes have left.

        :raises OSError: the same.
        """
        for path in [*(Path(entry.path) for entry in scan(self._damaged)), *self._environments.iter_unused()]:
            yield _left_over(path)
        for folder in [self._root, *self._tables, self._log]:
            for entry in scan(folder):
                if entry.name.startswith(TEMPORARY):
                    yield from self._iter_leftover(entry.path)

    def _iter_leftover(self, path: str) -> Iterator[Piece]:
        made = mtime_of(Path(path))
        if made is not None and not -_AHEAD_SECONDS < self._now - made < _LEFTOVER_SECONDS:
            yield _left_over(Path(path))

    def _iter_tree(self, path: str) -> Iterator[Piece]:
        for entry in scan(f"{path}/bytecode"):
            if entry.name.startswith(TEMPORARY):
                yield from self._iter_leftover(entry.path)
        last_used = mtime_of(Path(path, "manifest.json"))
        if last_used is not None:
            yield Piece(kind=Kind.TREE, path=Path(path), size_bytes=measure_tree(path), last_used=last_used)
        else:
            # Bytecode that came when its tree had been taken out.
            yield from self._iter_leftover(path)


def _left_over(path: Path) -> Piece:
    return Piece(kind=Kind.LEFTOVER, path=path, size_bytes=measure(path), last_used=0.0)


def survey(store: Store) -> list[Piece]:
    """Return all that is in a store.

    :raises OSError: it cannot be listed.
    """
    found = Survey(store)
    return [*found.iter_rest(), *(piece for bucket in found.list_buckets() for piece in found.iter_bucket(bucket))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How large a store is, as far as was looked."""

    size_bytes: int
    """Of what is in it, without what is left over."""

    pieces: list[Piece]
    """Those that were seen."""

    is_complete: bool
    """There are no others."""


def estimate(store: Store, seconds: float) -> Estimate:
    """Look into a store for *seconds* at the most, in a bucket at least, and say how large it is.

    :raises OSError: it cannot be listed.
    """
    deadline = time.monotonic() + seconds
    found = Survey(store)
    pieces = list(found.iter_rest())
    buckets = found.list_buckets()
    # Others the next time.
    random.shuffle(buckets)
    seen = 0
    for bucket in buckets:
        pieces += found.iter_bucket(bucket)
        seen += 1
        if time.monotonic() > deadline:
            break
    size = sum(piece.size_bytes for piece in pieces if piece.kind is not Kind.LEFTOVER)
    return Estimate(size_bytes=size * len(buckets) // max(seen, 1), pieces=pieces, is_complete=seen == len(buckets))


def measure(path: str | os.PathLike[str]) -> int:
    """Return how many bytes a file has, or the files in a folder; what has just gone has none."""
    try:
        status = os.lstat(path)
        if stat.S_ISDIR(status.st_mode):
            return sum(measure(entry.path) for entry in scan(path))
    except OSError:
        return 0
    return status.st_size


def measure_tree(path: str) -> int:
    """Return how many bytes an unpacked wheel has, with its bytecode, as its manifests say; 0 for what is none."""
    size = _measure_by_manifest(path)
    kinds = scan(f"{path}/bytecode") if size else []
    return size + sum(_measure_by_manifest(kind.path) for kind in kinds)


def _measure_by_manifest(folder: str) -> int:
    try:
        with open(f"{folder}/manifest.json", "rb") as file:  # noqa: PTH123 (thousands of them)
            data = file.read()
        return len(data) + sum(max(int(size), 0) for size, *_ in json.loads(data)["files"].values())
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        # Of another version, or damaged.
        return measure(folder)


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None
