"""The store: wheels by content, entries and metadata by build key, and a lock for each key.

::

    <root>/
      wheels/<aa>/<sha256>/<file>.whl      blobs
      entries/<aa>/<build key>/<id>.json   which wheel was built for a key, and its record
      metadata/<aa>/<build key>/<id>.json  the .dist-info that a backend prepared for a key
      locks/<build key>                    held while a backend works on a key
      damaged/                             what did not verify

An entry is ``{"format", "created_ns", "wheel": {"filename", "sha256", "size_bytes"}, "record"}``. Prepared metadata is
``{"format", "created_ns", "dist_info", "files"}``, with each file's bytes in base64 under its POSIX path. A document
with another ``format`` belongs to another version: passed over, left alone.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipcache_plugin.store import damaged, locks
from pipcache_plugin.store.blobs import WheelBlob, WheelBlobs
from pipcache_plugin.store.documents import Document, Documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

FORMAT = 1


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedMetadata:
    """The ``.dist-info`` folder that a backend prepared."""

    dist_info: str
    """The folder's name."""

    files: Mapping[str, bytes]
    """By POSIX path relative to the folder."""


class Store:
    """A store at a root. Making the object touches nothing; folders appear with the first thing stored."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.wheels = WheelBlobs(root)
        self.entries = Documents(root, "entries")
        self.metadata = Documents(root, "metadata")
        self.damaged = root / damaged.FOLDER

    def find_entries(self, key: str) -> list[Entry]:
        """Return the entries under *key* whose wheel is there, newest first.

        :raises OSError: the store cannot be read.
        """
        found = [entry for document in self.entries.find(key) if (entry := _parse_entry(document))]
        return sorted(
            (entry for entry in found if self.wheels.has(entry.wheel)), key=lambda entry: entry.created_ns, reverse=True
        )

    def iter_entries(self) -> Iterator[Entry]:
        """Go through all entries, whether their wheel is there or not."""
        for document in self.entries:
            if entry := _parse_entry(document):
                yield entry

    def place_wheel(self, entry: Entry, folder: Path) -> Path | None:
        """Put an entry's wheel into *folder*, verified; ``None`` when it is gone or damaged.

        :raises OSError: the store cannot be read, or *folder* cannot be written.
        """
        return self.wheels.place(entry.wheel, folder)

    def add_wheel(self, key: str, wheel: Path, record: Mapping[str, object]) -> Path:
        """Store *wheel* with its record under *key*, and return where it is.

        :raises OSError: no entry was added.
        """
        blob = self.wheels.put(wheel)
        content = {
            "format": FORMAT,
            "created_ns": time.time_ns(),
            "wheel": {"filename": blob.filename, "sha256": blob.sha256, "size_bytes": blob.size_bytes},
            "record": record,
        }
        self.entries.put(key, content)
        return self.wheels.path_of(blob)

    def find_metadata(self, key: str) -> PreparedMetadata | None:
        """Return the newest metadata under *key*.

        :raises OSError: the store cannot be read.
        """
        newest: tuple[int, PreparedMetadata] | None = None
        for document in self.metadata.find(key):
            parsed = _parse_metadata(document)
            if parsed and (newest is None or parsed[0] > newest[0]):
                newest = parsed
        return newest[1] if newest else None

    def add_metadata(self, key: str, prepared: PreparedMetadata) -> None:
        """Store prepared metadata under *key*.

        :raises OSError: nothing was stored.
        """
        files = {path: base64.b64encode(data).decode("ascii") for path, data in prepared.files.items()}
        content = {"format": FORMAT, "created_ns": time.time_ns(), "dist_info": prepared.dist_info, "files": files}
        self.metadata.put(key, content)

    def hold(self, key: str, on_wait: Callable[[], None]) -> AbstractContextManager[None]:
        """Keep other processes from working on *key*; see ``locks.hold``."""
        return locks.hold(self.root / "locks" / key, on_wait)


def _parse_entry(document: Document) -> Entry | None:
    match document.content:
        case {
            "format": 1,
            "created_ns": int(created_ns),
            "wheel": {"filename": str(filename), "sha256": str(sha256), "size_bytes": int(size_bytes)},
            "record": record,
        } if "/" not in filename and "\\" not in filename:
            blob = WheelBlob(filename=filename, sha256=sha256, size_bytes=size_bytes)
            return Entry(path=document.path, created_ns=created_ns, wheel=blob, record=record)
    return None


def _parse_metadata(document: Document) -> tuple[int, PreparedMetadata] | None:
    match document.content:
        case {"format": 1, "created_ns": int(created_ns), "dist_info": str(dist_info), "files": dict(files)}:
            data = {str(path): base64.b64decode(str(text)) for path, text in files.items()}
            return created_ns, PreparedMetadata(dist_info=dist_info, files=data)
    return None
