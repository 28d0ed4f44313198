"""The store: wheels by content, entries and metadata by build key, and a lock for each key.

::

    <root>/
      wheels/<aa>/<sha256>/<file>.whl      blobs
      entries/<aa>/<build key>/<id>.json   which wheel was built for a key, and its record
      metadata/<aa>/<build key>/<id>.json  the .dist-info that a backend prepared for a key
      trees/<aa>/<sha256>.<format>/        wheels unpacked, with bytecode
      resolutions/<aa>/<key>/<id>.json     which wheels an installation of build requirements chose
      environments/<key>-<number>/         build environments, for as long as they are used
      log/decisions.jsonl                  what was found and built, and why; ``counts.json``: how often
      locks/<build key>                    held while a backend works on a key
      damaged/                             what did not verify

An entry is ``{"format", "created_ns", "wheel": {"filename", "sha256", "size_bytes"}, "record", "inputs"}``; the time of
its file is that of its last use. Prepared metadata is ``{"format", "created_ns", "dist_info", "files", "conditions"}``,
with each file's bytes in base64 under its POSIX path.
Below the store may be others that are only read: what they have is found as well, after what the store itself has.
Nothing in them changes, not even the time of a use.

A document with another ``format`` belongs to another version: passed over, left alone. So is one with a name in it
that leads elsewhere.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pipcache_plugin.store import damaged, locks
from pipcache_plugin.store.blobs import WheelBlob, WheelBlobs
from pipcache_plugin.store.documents import Document, Documents
from pipcache_plugin.store.environments import Environments
from pipcache_plugin.store.log import DecisionLog
from pipcache_plugin.store.resolutions import Resolutions
from pipcache_plugin.store.trees import Trees

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

logger = logging.getLogger(__name__)

FORMAT = 2

_Found = TypeVar("_Found")

_SECONDS_BETWEEN_LOOKS = 86_400

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PATH_PART = re.compile(r"[^/\\:\0]+")
_WHEEL_FILENAME = re.compile(r"[^/\\:\0]+-[^/\\:\0]+-[^/\\:\0]+\.whl")
_DIST_INFO = re.compile(r"[^/\\:\0]+\.dist-info")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A wheel that was built for a build key."""

    path: Path
    """Of the entry's own file."""

    created_ns: int
    """Unix time in nanoseconds."""

    wheel: WheelBlob

    record: object
    """JSON, not looked into here."""

    inputs: object = None
    """What the key was made from: JSON, told to users and not looked into; older entries have none."""

    is_read_only: bool = False
    """It is in a store below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedMetadata:
    """The ``.dist-info`` folder that a backend prepared."""

    path: Path
    """Of the document."""

    created_ns: int
    """Unix time in nanoseconds."""

    dist_info: str
    """The folder's name."""

    files: Mapping[str, bytes]
    """By POSIX path relative to the folder."""

    conditions: object
    """JSON, not looked into here: when the metadata are right."""


class Store:
    """A store at a root. Making the object touches nothing; folders appear with the first thing stored."""

    def __init__(self, root: Path, lower: Sequence[Path] = (), *, is_read_only: bool = False) -> None:
        """Nothing is made, nor looked at.

        :param lower: roots of stores that are only read, the first one first.
        :param is_read_only: it is one of those itself.
        """
        self.root = root
        self.is_read_only = is_read_only
        self.lower = tuple(Store(path, is_read_only=True) for path in lower)
        self.wheels = WheelBlobs(root, is_read_only=is_read_only)
        self.entries = Documents(root, "entries", is_read_only=is_read_only)
        self.metadata = Documents(root, "metadata", is_read_only=is_read_only)
        self.log = DecisionLog(root)
        self.trees = Trees(root, lower)
        self.environments = Environments(root)
        self.resolutions = Resolutions(root)
        self.damaged = root / damaged.FOLDER
        self.bound = root / "locks" / "bound"
        """Held by who looks whether the store keeps within its bound; its time is when somebody did last."""

    def must_be_bounded(self) -> bool:
        """Tell whether nobody has looked today."""
        try:
            return not 0 <= time.time() - self.bound.stat().st_mtime < _SECONDS_BETWEEN_LOOKS
        except OSError:
            # Not with ``Path.is_dir``, which raises what is wrong with the disk.
            return os.path.isdir(self.root)  # noqa: PTH112

    def find_entries(self, key: str) -> list[Entry]:
        """Return the entries under *key* whose wheel is there: the store's own, then those of each below, newest first.

        :raises OSError: the store cannot be read, and there is none below it.
        """
        return self._find_in_all(key, Store._find_own_entries)

    def _find_own_entries(self, key: str) -> list[Entry]:
        found = [entry for document in self.entries.find(key) if (entry := self._parse_entry(document))]
        own = (entry for entry in found if self.wheels.has(entry.wheel))
        return sorted(own, key=lambda entry: entry.created_ns, reverse=True)

    def _find_in_all(self, key: str, find: Callable[[Store, str], list[_Found]]) -> list[_Found]:
        found: list[_Found] = []
        for store in [self, *self.lower]:
            try:
                found += find(store, key)
            except OSError as error:
                if not self.lower:
                    raise
                # One that cannot be written is noticed when something is stored.
                logger.debug("pipcache: `%s` cannot be read: %s", store.root, error)
        return found

    def iter_entries(self) -> Iterator[Entry]:
        """Go through all entries, whether their wheel is there or not."""
        for document in self.entries:
            if entry := self._parse_entry(document):
                yield entry

    def touch(self, entry: Entry) -> None:
        """Note that an entry is used now, where that can be noted: by the time of its file."""
        if not entry.is_read_only:
            with contextlib.suppress(OSError):
                os.utime(entry.path)

    def place_wheel(self, entry: Entry, folder: Path) -> Path | None:
        """Put an entry's wheel into *folder*, verified; ``None`` when it is gone or damaged.

        :raises OSError: the store cannot be read, or *folder* cannot be written.
        """
        return self._blobs_of(entry).place(entry.wheel, folder)

    def folder_of(self, entry: Entry) -> Path:
        """Return the folder that an entry's wheel is in."""
        return self._blobs_of(entry).path_of(entry.wheel).parent

    def _blobs_of(self, entry: Entry) -> WheelBlobs:
        stores = (store for store in self.lower if entry.is_read_only and store.root in entry.path.parents)
        return next(stores, self).wheels

    def add_wheel(
        self, key: str, wheel: Path, record: Mapping[str, object], inputs: Mapping[str, object] | None = None
    ) -> Entry:
        """Store *wheel* with its record under *key*, and return its entry.

        :param inputs: what the key was made from.

        :raises OSError: no entry was added.
        """
        blob = self.wheels.put(wheel)
        # The newest is found first, also where the clock was ahead once.
        known = [entry.created_ns for document in self.entries.find(key) if (entry := self._parse_entry(document))]
        created_ns = max([time.time_ns(), *(1 + other for other in known)])
        content = {
            "format": FORMAT,
            "created_ns": created_ns,
            "wheel": {"filename": blob.filename, "sha256": blob.sha256, "size_bytes": blob.size_bytes},
            "record": record,
            "inputs": inputs,
        }
        path = self.entries.put(key, content)
        return Entry(path=path, created_ns=created_ns, wheel=blob, record=record, inputs=inputs)

    def find_metadata(self, key: str) -> list[PreparedMetadata]:
        """Return the metadata under *key*: the store's own, then those of each one below; newest first.

        :raises OSError: the store cannot be read, and there is none below it.
        """
        return self._find_in_all(key, Store._find_own_metadata)

    def _find_own_metadata(self, key: str) -> list[PreparedMetadata]:
        found = [prepared for document in self.metadata.find(key) if (prepared := _parse_metadata(document))]
        return sorted(found, key=lambda prepared: prepared.created_ns, reverse=True)

    def add_metadata(
        self, key: str, dist_info: str, files: Mapping[str, bytes], conditions: Mapping[str, object]
    ) -> None:
        """Store a prepared ``.dist-info`` under *key*.

        :raises OSError: nothing was stored.
        """
        content = {
            "format": FORMAT,
            "created_ns": time.time_ns(),
            "dist_info": dist_info,
            "files": {path: base64.b64encode(data).decode("ascii") for path, data in files.items()},
            "conditions": conditions,
        }
        self.metadata.put(key, content)

    def _parse_entry(self, document: Document) -> Entry | None:
        match document.content:
            case {
                "format": int(number),
                "created_ns": int(created_ns),
                "wheel": {"filename": str(filename), "sha256": str(sha256), "size_bytes": int(size_bytes)},
                "record": record,
            } if number == FORMAT and _SHA256.fullmatch(sha256) and _WHEEL_FILENAME.fullmatch(filename):
                return Entry(
                    path=document.path,
                    created_ns=created_ns,
                    wheel=WheelBlob(filename=filename, sha256=sha256, size_bytes=size_bytes),
                    record=record,
                    inputs=document.content.get("inputs"),
                    is_read_only=self.is_read_only,
                )
        return None

    def hold(self, key: str, on_wait: Callable[[], None]) -> AbstractContextManager[None]:
        """Keep other processes from working on *key*; see ``locks.hold``."""
        return locks.hold(self.root / "locks" / key, on_wait, self.root)


def _parse_metadata(document: Document) -> PreparedMetadata | None:
    match document.content:
        case {
            "format": int(number),
            "created_ns": int(created_ns),
            "dist_info": str(dist_info),
            "files": dict(files),
            "conditions": conditions,
        } if number == FORMAT and _DIST_INFO.fullmatch(dist_info) and all(map(_is_inside, files)):
            try:
                data = {path: base64.b64decode(text, validate=True) for path, text in files.items()}
            except (TypeError, ValueError):
                return None
            return PreparedMetadata(
                path=document.path, created_ns=created_ns, dist_info=dist_info, files=data, conditions=conditions
            )
    return None


def _is_inside(path: object) -> bool:
    """Tell whether *path* is relative, POSIX, and stays in its folder on every system."""
    parts = path.split("/") if isinstance(path, str) else []
    return all(_PATH_PART.fullmatch(part) and part not in {".", ".."} for part in parts) and bool(parts)
