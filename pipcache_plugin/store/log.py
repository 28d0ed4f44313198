"""What was decided, one JSON object a line: ``<root>/log/decisions.jsonl``, and the file before it with ``.1`` behind.

A line is written at once, so that any number of processes may append. What cannot be written is not; what cannot be
read is passed over.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

from pipcache_plugin.store import locks
from pipcache_plugin.store.counts import Counts
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
            yield from _iter_lines(file)

    def _begin_anew(self, status: os.stat_result) -> None:
        """Begin a new file, and count what is in the one that is lost for it.

        :raises OSError: there is no new file; the next line tries again.
        """
        descriptor = locks.try_to_hold(self._lock, self._root)
        if descriptor == locks.HELD:
            return
        try:
            if os.path.samestat(status, self.file.stat()):
                if self._older.exists():
                    # Renamed first: whatever happens, no line is counted twice.
                    lost = self._older.with_suffix(".2")
                    self._older.replace(lost)
                    self.counts.keep(_iter_lines(lost))
                    lost.unlink()
                self.file.replace(self._older)
        finally:
            if descriptor is not None:
                os.close(descriptor)


def _iter_lines(file: Path) -> Iterator[Mapping[str, object]]:
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return
    for line in reversed(lines):
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
