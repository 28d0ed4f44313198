"""What is in a store, wheel by wheel, for programs to read.

``cache list --format json`` is a list of objects, one for each build of a wheel, sorted by file name:

* ``name`` (normalized), ``version``, ``filename``, ``tags`` (a list), ``path``, ``size`` (bytes);
* ``sha256``: of the wheel; ``source``: ``{"kind": "sdist", "sha256"}`` or ``{"kind": "git", "commit"}``; ``origin``:
  the URL that it came from the first time, without credentials; ``index``: the URL of the index, or of the page of
  links, that told of it; ``subdirectory``;
* ``python``: ``implementation``, ``version``, ``abi``, ``platform``, ``libc`` and more; ``config_settings``: a list of
  pairs; ``is_isolated``;
* ``build_requirements``: the version of each distribution in the build environment, by name;
* ``build_seconds``; ``created``, ``last_used``: ISO 8601, UTC; ``hits``: as far back as the log goes;
* ``read_only``: whether it is in a cache that is only read.

What is not known is null, as is most of what pip's own cache has. Fields may be added, and are never changed.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pipcache_plugin.files import mtime_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipcache_plugin.store.store import Entry, Store

Item = dict[str, object]

_UNKNOWN: Mapping[str, object] = dict.fromkeys(
    [
        *("sha256", "source", "origin", "index", "subdirectory", "python", "config_settings", "is_isolated"),
        *("build_requirements", "build_seconds", "hits", "created", "last_used"),
    ]
)
"""Of a wheel that no entry tells of."""


def describe(store: Store | None, paths: Iterable[Path]) -> list[Item]:
    """Describe the wheels at *paths*, of *store*, of those below it, or of pip's own cache."""
    wanted = dict.fromkeys(paths)
    found: set[Path] = set()
    items = []
    hits = _count_hits(store)
    for own, entry in _iter_entries(store):
        path = own.wheels.path_of(entry.wheel)
        if path in wanted:
            found.add(path)
            items.append(_describe_entry(path, entry, hits))
    items += [_describe_file(path) for path in wanted if path not in found]
    return sorted(items, key=lambda item: (str(item["filename"]), str(item["created"])))


def to_json(items: Iterable[Mapping[str, object]]) -> str:
    """Return what is described as JSON, a wheel a line: what is nicer to look at takes ten times as long to write."""
    lines = ",\n".join(map(json.dumps, items))
    return f"[\n{lines}\n]" if lines else "[]"


def _count_hits(store: Store | None) -> Mapping[object, int]:
    lines = store.log if store is not None else ()
    return Counter(line.get("sha256") for line in lines if line.get("outcome") == "hit")


def _iter_entries(store: Store | None) -> Iterator[tuple[Store, Entry]]:
    for own in (store, *store.lower) if store is not None else ():
        for entry in own.iter_entries():
            yield own, entry


def _describe_file(path: Path) -> Item:
    known = _parse(path.name)
    # Only what can be written to is listed without entries.
    return {**known, "filename": path.name, "path": str(path), "size": _size(path), **_UNKNOWN, "read_only": False}


def _describe_entry(path: Path, entry: Entry, hits: Mapping[object, int]) -> Item:
    record = entry.record if isinstance(entry.record, dict) else {}
    inputs = entry.inputs if isinstance(entry.inputs, dict) else {}
    return {
        **_describe_file(path),
        "sha256": entry.wheel.sha256,
        "source": inputs.get("source"),
        "origin": record.get("origin"),
        "index": inputs.get("index"),
        "subdirectory": inputs.get("subdirectory"),
        "python": inputs.get("interpreter"),
        "config_settings": inputs.get("config_settings"),
        "is_isolated": inputs.get("is_isolated"),
        "build_requirements": _find(record, "conditions", "choices", "used"),
        "build_seconds": record.get("build_seconds"),
        "hits": hits[entry.wheel.sha256],
        "created": _to_text(entry.created_ns / 1e9),
        "last_used": _to_text(mtime_of(entry.path)),
        "read_only": entry.is_read_only,
    }


def _find(value: object, *names: str) -> object:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _parse(filename: str) -> Item:
    """Return what the file name of a wheel tells."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    head, *tags = filename.rsplit("-", 3)
    try:
        # All tags of a name are parsed each time, and there are few that differ.
        project, version, _, _ = parse_wheel_filename(f"{head}-py3-none-any.whl")
        return {"name": str(project), "version": str(version), "tags": [*_list_tags("-".join(tags))]}
    except (InvalidWheelFilename, ValueError):
        return {"name": None, "version": None, "tags": None}


@functools.cache
def _list_tags(text: str) -> Sequence[str]:
    from packaging.tags import parse_tag

    return sorted(map(str, parse_tag(text.removesuffix(".whl"))))


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
