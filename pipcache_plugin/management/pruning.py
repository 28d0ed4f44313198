"""Taking out of a store what is least worth its place, until it keeps within limits.

What can be made of something else in the store goes first; then wheels, by how long they have not been used, how large
they are and how quickly they were built.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipcache_plugin.files import remove_tree
from pipcache_plugin.management.survey import Kind, Piece, survey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from pipcache_plugin.store.store import Store

_LEAST_BUILD_SECONDS = 0.1
"""So long at least takes the quickest build; and it keeps what is divided by it finite."""

_RESOLUTION_SECONDS = 30 * 86_400
"""What an index said this long ago does not hold: it was not asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may stay."""

    max_bytes: int | None = None
    spare_bytes: int = 0
    """When there is more than that, so much more goes, so that there is room for what comes."""

    older_than_seconds: float | None = None
    """What was not used for longer goes."""

    keep_latest: int | None = None
    """So many versions of each project."""

    is_for_ci: bool = False
    """What is got or made as quickly as it is carried along goes: all but wheels that were built here."""


def bound_to(max_bytes: int) -> Limits:
    """Return the limits of a store that looks after itself: a tenth goes at once, and then nothing for some time."""
    return Limits(max_bytes=max_bytes, spare_bytes=max_bytes // 10)


def collect(store: Store, responses: Iterable[Path] = ()) -> list[Piece]:
    """Return all that takes room; entries are not read yet.

    :param responses: files of pip's HTTP cache.

    :raises OSError: the store cannot be listed.
    """
    return survey(store) + [piece for path in responses if (piece := _response(path)) is not None]


def choose(pieces: Sequence[Piece], limits: Limits, now: float | None = None) -> list[Piece]:
    """Return what has to go, in the order in which it does. Entries are read when wheels have to be weighed."""
    now = time.time() if now is None else now
    if _concerns_wheels(pieces, limits):
        pieces = weigh(pieces)
    chosen = [piece for piece in pieces if _is_due(piece, limits, now)]
    if limits.keep_latest is not None:
        chosen += _superseded(_without(pieces, chosen), limits.keep_latest)
    if limits.max_bytes is not None:
        chosen += _excess(_without(pieces, chosen), limits.max_bytes, limits.spare_bytes, now)
    return chosen


def weigh(pieces: Iterable[Piece]) -> list[Piece]:
    """Return *pieces* in which each wheel has its entries: when it was used, how long it was built.

    An entry whose wheel is gone is left over; one that tells of none, of another version perhaps, is like metadata.
    """
    wheels = {_address(piece.path): piece for piece in pieces if piece.kind is Kind.WHEEL}
    entries: dict[tuple[str, str], list[tuple[Piece, float]]] = {address: [] for address in wheels}
    others = []
    for piece in pieces:
        if piece.kind is Kind.ENTRY:
            wheel, build_seconds = _read_entry(piece.path)
            if wheel is None:
                others.append(replace(piece, kind=Kind.METADATA))
            elif (address := _address(wheel)) in entries:
                entries[address].append((piece, build_seconds))
            elif not wheel.exists():
                # It came before its entry: it is not on its way.
                others.append(replace(piece, kind=Kind.LEFTOVER))
        elif piece.kind is not Kind.WHEEL:
            others.append(piece)
    return others + [_with_entries(wheel, entries[address]) for address, wheel in wheels.items()]


def remove(store: Store, piece: Piece) -> None:
    """Take a piece out; one that is gone already is no error.

    Whoever installs from it goes on: wheels are linked before they are used, and what is gone from a tree comes out of
    its wheel.

    :raises OSError: it is still there.
    """
    if store.trees.folder in piece.path.parents:
        store.trees.remove_folder(piece.path)
    elif piece.path.parent == store.environments.folder:
        store.environments.remove(piece.path.name)
    elif piece.path.is_dir() and not piece.path.is_symlink():
        remove_tree(piece.path)
    else:
        # First what leads to it.
        for path in [*piece.entries, piece.path]:
            path.unlink(missing_ok=True)
            _remove_empty(path, store.root)


def _remove_empty(path: Path, root: Path) -> None:
    """Remove the folders of a table that a file was in, if nothing else is in them."""
    if root in path.parents:
        with contextlib.suppress(OSError):
            for folder in path.relative_to(root).parents[:-2]:
                (root / folder).rmdir()


def _concerns_wheels(pieces: Iterable[Piece], limits: Limits) -> bool:
    """Tell whether the age, the version or the worth of wheels may matter."""
    if limits.older_than_seconds is not None or limits.keep_latest is not None:
        return True
    if limits.max_bytes is None:
        return False
    wheels = total = 0
    for piece in pieces:
        total += piece.size_bytes if piece.kind is not Kind.LEFTOVER else 0
        wheels += piece.size_bytes if piece.kind in {Kind.WHEEL, Kind.ENTRY} else 0
    # All else goes first.
    return total > limits.max_bytes and wheels > limits.max_bytes - limits.spare_bytes


def _without(pieces: Iterable[Piece], chosen: Iterable[Piece]) -> list[Piece]:
    known = set(map(id, chosen))
    return [piece for piece in pieces if id(piece) not in known]


def _excess(pieces: Sequence[Piece], max_bytes: int, spare_bytes: int, now: float) -> list[Piece]:
    """Return what has to go for want of room."""
    excess = sum(piece.size_bytes for piece in pieces) - max_bytes
    if excess <= 0:
        return []
    excess += spare_bytes
    chosen: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: _order(piece, now)):
        if excess <= 0:
            break
        chosen.append(piece)
        excess -= piece.size_bytes
    return chosen


def _response(path: Path) -> Piece | None:
    try:
        status = path.stat()
    except OSError:
        return None
    used = max(status.st_mtime, status.st_atime)
    return Piece(kind=Kind.RESPONSE, path=path, size_bytes=status.st_size, last_used=used)


def _address(wheel: Path) -> tuple[str, str]:
    """Return the digest and the file name of a wheel."""
    return wheel.parent.name, wheel.name


def _read_entry(path: Path) -> tuple[Path | None, float]:
    """Return which wheel an entry tells of, and how long it was built; also of other versions, if they say it so."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None, 0.0
    match content:
        case {"wheel": {"filename": str(filename), "sha256": str(sha256)}}:
            record = content.get("record")
            build_seconds = _seconds(record.get("build_seconds")) if isinstance(record, dict) else 0.0
            return path.parents[3] / "wheels" / sha256[:2] / sha256 / filename, build_seconds
    return None, 0.0


def _with_entries(wheel: Piece, entries: Sequence[tuple[Piece, float]]) -> Piece:
    if not entries:
        return wheel
    return replace(
        wheel,
        size_bytes=wheel.size_bytes + sum(entry.size_bytes for entry, _ in entries),
        last_used=max(entry.last_used for entry, _ in entries),
        build_seconds=max(build_seconds for _, build_seconds in entries),
        entries=tuple(entry.path for entry, _ in entries),
    )


def _is_due(piece: Piece, limits: Limits, now: float) -> bool:
    age = now - piece.last_used
    if piece.kind is Kind.LEFTOVER or (piece.kind is Kind.RESOLUTION and age > _RESOLUTION_SECONDS):
        return True
    if limits.is_for_ci and piece.kind in {Kind.RESPONSE, Kind.RESOLUTION, Kind.TREE}:
        return True
    return limits.older_than_seconds is not None and age > limits.older_than_seconds


def _superseded(pieces: Sequence[Piece], most: int) -> list[Piece]:
    """Return the wheels of all but the newest versions of each project, after what belongs to them."""
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    versions: dict[str, dict[Version, list[Piece]]] = defaultdict(lambda: defaultdict(list))
    for piece in pieces:
        if piece.kind is Kind.WHEEL:
            project, version, *_ = [*piece.path.name.split("-"), ""]
            with contextlib.suppress(InvalidVersion):
                versions[canonicalize_name(project)][Version(version.replace("_", "-"))].append(piece)
    wheels = [
        piece
        for known in versions.values()
        for version in sorted(known, reverse=True)[most:]
        for piece in known[version]
    ]
    digests = {wheel.path.parent.name for wheel in wheels}
    keys = {entry.parent.name for wheel in wheels for entry in wheel.entries}
    return [*(piece for piece in pieces if _belongs_to(piece, digests, keys)), *wheels]


def _belongs_to(piece: Piece, digests: Collection[str], keys: Collection[str]) -> bool:
    if piece.kind is Kind.TREE:
        return piece.path.name.partition(".")[0] in digests
    return piece.kind is Kind.METADATA and piece.path.parent.name in keys


_ORDER = {kind: number for number, kind in enumerate(Kind)}


def _order(piece: Piece, now: float) -> tuple[int, float]:
    """Return what to sort by, for want of room: the first goes first."""
    age = max(now - piece.last_used, 1.0)
    if piece.kind is not Kind.WHEEL:
        return _ORDER[piece.kind], -age
    return _ORDER[piece.kind], -age * piece.size_bytes / max(piece.build_seconds, _LEAST_BUILD_SECONDS)


def _seconds(value: object) -> float:
    """Return a number that can be counted with; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        return 0.0
    with contextlib.suppress(OverflowError):
        return float(value)
    return 0.0
