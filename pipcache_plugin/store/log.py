"""What was decided, one JSON object a line: ``<root>/log/decisions.jsonl``, and the file before it with ``.1`` behind.

A line is written at once, so that any number of processes may append. What cannot be written is not; what cannot be
read is passed over.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING

from pipcache_plugin.files import mtime_of
from pipcache_plugin.store import locks
from pipcache_plugin.store.counts import Counts
from pipcache_plugin.store.damaged import set_aside
from pipcache_plugin.store.owners import make_folder, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FORMAT = 1

_LARGEST_BYTES = 1 << 20


class DecisionLog:
    """The log of a store."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = root / "log"
        self.file = self.folder / "decisions.jsonl"
        self._older = self.file.with_suffix(".jsonl.1")
        self._lost = self.file.with_suffix(".jsonl.2")
        # For as long as it is counted.
        self._lock = root / "locks" / "log"
        self.counts = Counts(self.folder)

    def append(self, decision: Mapping[str, object]) -> None:
        """Add a line, with the format's number."""
        line = json.dumps({"format": FORMAT, **decision}, sort_keys=True, ensure_ascii=True) + "\n"
        with contextlib.suppress(OSError):
            make_folder(self._root, self.folder)
            descriptor = os.open(self.file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                # A full disk may have torn the line before.
                start = b"" if _ends_with_newline(descriptor) else b"\n"
                os.write(descriptor, start + line.encode("ascii"))
                status = os.fstat(descriptor)
            finally:
                os.close(descriptor)
            share(self._root, self.file)
            # Another process may have been first, and the file that is there now is a new one.
            if status.st_size > _LARGEST_BYTES and os.path.samestat(status, self.file.stat()):
                self._begin_anew(status)

    def __iter__(self) -> Iterator[Mapping[str, object]]:
        """Go through the lines of this format, newest first."""
        for file in [self.file, self._older]:
            yield from _iter_lines(_read(file))
        lost = _read(self._lost)
        if lost and not self.counts.has_counted(self._name_of(lost)):
            yield from _iter_lines(lost)

    def _begin_anew(self, status: os.stat_result) -> None:
        """Begin a new file, and count what is in the one that is lost for it.

        :raises OSError: there is no new file; the next line tries again.
        """
        descriptor = locks.try_to_hold(self._lock, self._root)
        if descriptor == locks.HELD:
            return
        try:
            if os.path.samestat(status, self.file.stat()):
                # What another process died of, or could not do.
                self._count_lost()
                if self._older.exists():
                    self._older.replace(self._lost)
                    self._count_lost()
                self.file.replace(self._older)
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _count_lost(self) -> None:
        """Count what is in the file that is lost, if there is one: once, whatever processes die of in between.

        :raises OSError: it is still there.
        """
        if self._lost.is_file():
            data = self._lost.read_bytes()
            self.counts.keep(_iter_lines(data), self._name_of(data))
            self._lost.unlink()
        elif os.path.lexists(self._lost):
            # A folder, or a link that leads nowhere.
            set_aside(self._root, self._lost)

    def _name_of(self, lost: bytes) -> str:
        """Return what the lines of the file that is lost are counted under."""
        return f"{mtime_of(self._lost)} {hashlib.sha256(lost).hexdigest()}"


def _read(file: Path) -> bytes:
    with contextlib.suppress(OSError):
        return file.read_bytes()
    return b""


def _iter_lines(data: bytes) -> Iterator[Mapping[str, object]]:
    for line in reversed(data.splitlines()):
        with contextlib.suppress(ValueError, RecursionError):
            decision = json.loads(line)
            if isinstance(decision, dict) and decision.get("format") == FORMAT:
                yield decision


def _ends_with_newline(descriptor: int) -> bool:
    """Tell whether the file's last line is whole; an empty file has none."""
    if os.fstat(descriptor).st_size == 0:
        return True
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) == b"\n"
