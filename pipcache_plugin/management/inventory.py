"""What is in a store, wheel by wheel, for programs to read.

``cache list --format json`` is a list of objects, one for each build of a wheel, sorted by file name:

* ``name`` (normalized), ``version``, ``filename``, ``tags`` (a list), ``path``, ``size`` (bytes);
* ``sha256``: of the wheel; ``source``: ``{"kind": "sdist", "sha256"}`` or ``{"kind": "git", "commit"}``; ``origin``:
  the URL that it came from the first time, without credentials; ``subdirectory``;
* ``python``: ``implementation``, ``version``, ``abi``, ``platform``, ``libc`` and more; ``config_settings``: a list of
  pairs; ``is_isolated``;
* ``build_requirements``: the version of each distribution in the build environment, by name;
* ``build_seconds``; ``created``, ``last_used``: ISO 8601, UTC; ``hits``: as far back as the log goes.

What is not known is null, as is most of what pip's own cache has. Fields may be added, and are never changed.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pipcache_plugin.files import mtime_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pipcache_plugin.store.store import Entry, Store

Item = dict[str, object]


def describe(store: Store | None, paths: Iterable[Path]) -> list[Item]:
    """Describe the wheels at *paths*, of *store* or of pip's own cache."""
    entries: dict[Path, list[Entry]] = {}
    for entry in store.iter_entries() if store is not None else ():
        if store is not None:
            entries.setdefault(store.wheels.path_of(entry.wheel), []).append(entry)
    lines = store.log if store is not None else ()
    hits = Counter(line.get("sha256") for line in lines if line.get("outcome") == "hit")
    items = [
        item
        for path in paths
        for item in ([_describe_entry(path, entry, hits) for entry in entries.get(path, ())] or [_describe_file(path)])
    ]
    return sorted(items, key=lambda item: (str(item["filename"]), str(item["created"])))


def _describe_file(path: Path) -> Item:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    known: Item = {"name": None, "version": None, "tags": None}
    with contextlib.suppress(InvalidWheelFilename):
        project, version, _, tags = parse_wheel_filename(path.name)
        known = {"name": str(project), "version": str(version), "tags": sorted(map(str, tags))}
    missing = ["sha256", "source", "origin", "subdirectory", "python", "config_settings", "is_isolated"]
    missing += ["build_requirements", "build_seconds", "hits", "created", "last_used"]
    return {**known, "filename": path.name, "path": str(path), "size": _size(path), **dict.fromkeys(missing)}


def _describe_entry(path: Path, entry: Entry, hits: Mapping[object, int]) -> Item:
    record = entry.record if isinstance(entry.record, dict) else {}
    inputs = entry.inputs if isinstance(entry.inputs, dict) else {}
    return {
        **_describe_file(path),
        "sha256": entry.wheel.sha256,
        "source": inputs.get("source"),
        "origin": record.get("origin"),
        "subdirectory": inputs.get("subdirectory"),
        "python": inputs.get("interpreter"),
        "config_settings": inputs.get("config_settings"),
        "is_isolated": inputs.get("is_isolated"),
        "build_requirements": _find(record, "conditions", "choices", "used"),
        "build_seconds": record.get("build_seconds"),
        "hits": hits[entry.wheel.sha256],
        "created": _to_text(entry.created_ns / 1e9),
        "last_used": _to_text(mtime_of(entry.path)),
    }


def _find(value: object, *names: str) -> object:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _to_text(seconds: float | None) -> str | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, tz=timezone.utc).isoformat()
    except (OverflowError, ValueError, OSError):
        # A year that nobody lives to see.
        return None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
