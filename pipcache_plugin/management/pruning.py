"""Taking out of a store what is least worth its place, until it keeps within limits.

What can be made of something else in the store goes first; then wheels, by how long they have not been used, how large
they are and how quickly they were built.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections import defaultdict
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pipcache_plugin.files import mtime_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from pipcache_plugin.store.store import Store

_LEAST_BUILD_SECONDS = 0.1
"""So long at least takes the quickest build; and it keeps what is divided by it finite."""

_LEFTOVERS = ["*/.tmp-*", "*/??/.tmp-*", "*/??/*/.tmp-*", "trees/??/*/bytecode/.tmp-*"]

_LEFTOVER_SECONDS = 3600
"""A temporary file this old is nobody's any more."""


class Kind(Enum):
    """What a piece is: in the order in which pieces are taken out for want of room."""

    LEFTOVER = "left over"
    RESPONSE = "HTTP responses"
    TREE = "unpacked wheels"
    METADATA = "metadata"
    WHEEL = "wheels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What is taken out as a whole."""

    kind: Kind
    path: Path
    size_bytes: int

    last_used: float
    """Unix time in seconds."""

    project: str = ""
    """Normalized name, of a wheel."""

    version: str = ""
    build_seconds: float = 0.0
    entries: tuple[Path, ...] = ()
    """Of a wheel: what tells how it was built, and goes with it."""

    @property
    def name(self) -> str:
        """What the user is told."""
        return self.path.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may stay."""

    max_bytes: int | None = None
    older_than_seconds: float | None = None
    """What was not used for longer goes."""

    keep_latest: int | None = None
    """So many versions of each project."""

    is_for_ci: bool = False
    """What is got or made as quickly as it is carried along goes: all but wheels that were built here."""


def collect(store: Store, responses: Iterable[Path] = ()) -> list[Piece]:
    """Return all that can be taken out.

    :param responses: files of pip's HTTP cache.

    :raises OSError: the store cannot be listed.
    """
    pieces = [*_iter_wheels(store), *_iter_trees(store), *_iter_leftovers(store)]
    pieces += [piece for document in store.metadata if (piece := _piece_of(Kind.METADATA, document.path, atime=False))]
    return pieces + [piece for path in responses if (piece := _piece_of(Kind.RESPONSE, path, atime=True))]


def choose(pieces: Collection[Piece], limits: Limits, now: float | None = None) -> list[Piece]:
    """Return what has to go, in the order in which it does."""
    now = time.time() if now is None else now
    chosen = [piece for piece in pieces if _is_due(piece, limits, now)]
    if limits.keep_latest is not None:
        chosen += _superseded(pieces, limits.keep_latest, chosen)
    if limits.max_bytes is not None:
        paths = {piece.path for piece in chosen}
        kept = sorted((piece for piece in pieces if piece.path not in paths), key=lambda piece: _order(piece, now))
        excess = sum(piece.size_bytes for piece in kept) - limits.max_bytes
        for piece in kept:
            if excess <= 0:
                break
            chosen.append(piece)
            excess -= piece.size_bytes
    return chosen


def remove(store: Store, piece: Piece) -> None:
    """Take a piece out; one that is gone already is no error.

    Whoever installs from it goes on: wheels are linked before they are used, and what is gone from a tree comes out of
    its wheel.

    :raises OSError: it is still there.
    """
    if piece.kind is Kind.TREE:
        store.trees.remove_folder(piece.path)
    elif piece.path.is_dir() and not piece.path.is_symlink():
        # Somebody else may be at it.
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(piece.path)
    else:
        # First what leads to it.
        for path in [*piece.entries, piece.path]:
            path.unlink(missing_ok=True)
        for folder in [piece.path.parent, *(entry.parent for entry in piece.entries)]:
            # Others may be in it.
            with contextlib.suppress(OSError):
                folder.rmdir()


def _iter_wheels(store: Store) -> Iterator[Piece]:
    entries = defaultdict(list)
    for entry in store.iter_entries():
        entries[entry.wheel.sha256].append(entry)
    for path in store.wheels:
        found = entries[path.parent.name]
        records = [entry.record for entry in found if isinstance(entry.record, dict)]
        piece = _piece_of(Kind.WHEEL, path, atime=False)
        if piece is None:
            continue
        uses = [used for entry in found if (used := mtime_of(entry.path)) is not None]
        project, _, rest = path.name.partition("-")
        yield Piece(
            kind=piece.kind,
            path=path,
            size_bytes=piece.size_bytes,
            last_used=max(uses, default=piece.last_used),
            project=project.lower().replace("_", "-"),
            version=rest.partition("-")[0],
            build_seconds=max((_number(record.get("build_seconds")) for record in records), default=0.0),
            entries=tuple(entry.path for entry in found),
        )


def _iter_trees(store: Store) -> Iterator[Piece]:
    for tree in store.trees:
        folders = [tree, *store.trees.iter_bytecode(tree)]
        size = sum(known.size_bytes for folder in folders for known in folder.files.values())
        yield Piece(kind=Kind.TREE, path=tree.folder.parent, size_bytes=size, last_used=store.trees.find_use(tree))


def _iter_leftovers(store: Store) -> Iterator[Piece]:
    """Go through what did not verify, and what killed processes have left."""
    now = time.time()
    for path in store.damaged.glob("*"):
        if (piece := _piece_of(Kind.LEFTOVER, path, atime=False)) is not None:
            yield piece
    # Not everywhere: there may be a hundred thousand files in trees.
    for path in (path for pattern in _LEFTOVERS for path in store.root.glob(pattern)):
        used = mtime_of(path)
        if used is not None and now - used > _LEFTOVER_SECONDS:
            yield Piece(kind=Kind.LEFTOVER, path=path, size_bytes=_size(path), last_used=0.0)


def _piece_of(kind: Kind, path: Path, *, atime: bool) -> Piece | None:
    try:
        status = path.stat()
    except OSError:
        return None
    used = max(status.st_mtime, status.st_atime) if atime else status.st_mtime
    return Piece(kind=kind, path=path, size_bytes=_size(path), last_used=used)


def _is_due(piece: Piece, limits: Limits, now: float) -> bool:
    if piece.kind is Kind.LEFTOVER:
        return True
    if limits.is_for_ci and piece.kind in {Kind.RESPONSE, Kind.TREE}:
        return True
    return limits.older_than_seconds is not None and now - piece.last_used > limits.older_than_seconds


def _superseded(pieces: Iterable[Piece], most: int, chosen: Sequence[Piece]) -> list[Piece]:
    """Return the wheels of all but the newest versions of each project."""
    from packaging.version import InvalidVersion, Version

    gone = {piece.path for piece in chosen}
    versions: dict[str, dict[Version, list[Piece]]] = defaultdict(lambda: defaultdict(list))
    for piece in pieces:
        if piece.kind is Kind.WHEEL and piece.path not in gone:
            with contextlib.suppress(InvalidVersion):
                versions[piece.project][Version(piece.version.replace("_", "-"))].append(piece)
    return [
        piece
        for wheels in versions.values()
        for version in sorted(wheels, reverse=True)[most:]
        for piece in wheels[version]
    ]


_ORDER = {kind: number for number, kind in enumerate(Kind)}


def _order(piece: Piece, now: float) -> tuple[int, float]:
    """Return what to sort by, for want of room: the first goes first."""
    age = max(now - piece.last_used, 1.0)
    if piece.kind is not Kind.WHEEL:
        return _ORDER[piece.kind], -age
    return _ORDER[piece.kind], -age * piece.size_bytes / max(piece.build_seconds, _LEAST_BUILD_SECONDS)


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            return sum(_size(child) for child in path.iterdir())
        return path.lstat().st_size
    return 0


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
