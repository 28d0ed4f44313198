"""Wheels' files put ready beside the library, by processes of their own, while pip downloads and checks.

A folder in the library, ``.pipcache-<random>/``, has a folder for each wheel, named by its digest. Who makes it has the
wheel: a process of ours, or pip's own loop when it comes to a wheel that nobody has begun with. Each process of ours
reads one line of JSON (``Task``), writes a line for each wheel that it is done with (the digest, and ``ready`` or
``left``), and removes the whole folder when its standard input ends: whatever pip dies of, nothing stays.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from pipcache_plugin.installation.ready import ReadyFiles, bytecode_suffix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipcache_plugin.installation.placing import LinkMode
    from pipcache_plugin.store.store import Store

logger = logging.getLogger(__name__)

_ENOUGH_BYTES = 40_000
"""So much of manifests, some 500 files, keeps a process busy for longer than it takes to start one."""

_MOST_PROCESSES = 4

_RUN = (
    "import sys; sys.path.insert(0, sys.argv[1]); from pipcache_plugin.pip_bridge.readying_process import main; main()"
)


class Task(TypedDict):
    """What a process is told."""

    store: str
    folder: str
    """The one in the library."""

    wheels: Sequence[str]
    """SHA-256, in the order in which they are to be made ready."""

    mode: str
    bytecode: str | None
    """Its kind; ``None`` for none."""

    suffix: str
    """Of the names of bytecode files."""


class Readying:
    """The processes of one run, and what they have done."""

    def __init__(self, task: Task, count: int) -> None:
        """Start *count* processes.

        :raises OSError: one of them could not be started.
        """
        self._folder = task["folder"]
        self._suffix = task["suffix"]
        self._done: dict[str, bool] = {}
        self._processes: list[subprocess.Popen[str]] = []
        reader, writer = os.pipe()
        self._lines = os.fdopen(reader, encoding="ascii")
        try:
            for _ in range(count):
                self._processes.append(_start(task, writer))
        except BaseException:
            self.close()
            raise
        finally:
            os.close(writer)

    def find(self, sha256: str) -> ReadyFiles | None:
        """Return the files of a wheel, when they are or will be ready; waits for who is at it."""
        folder = f"{self._folder}/{sha256}"
        try:
            os.mkdir(folder)  # noqa: PTH102 (whoever makes it has the wheel)
        except FileExistsError:
            return ReadyFiles(folder, self._suffix) if self._wait(sha256) else None
        except OSError:
            pass
        return None

    def _wait(self, sha256: str) -> bool:
        while sha256 not in self._done:
            line = self._lines.readline()
            if not line:
                # They have all ended.
                return False
            digest, _, outcome = line.strip().partition(" ")
            self._done[digest] = outcome == "ready"
        return self._done[sha256]

    def close(self) -> None:
        """End the processes, and remove what is left; done twice is a no-op."""
        for process in self._processes:
            with contextlib.suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
            process.wait()
        self._lines.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _start(task: Task, writer: int) -> subprocess.Popen[str]:
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-I", "-S", "-c", _RUN, str(root)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.DEVNULL, encoding="ascii"
    )
    assert process.stdin is not None, "it was asked for"
    process.stdin.write(json.dumps(task) + "\n")
    process.stdin.flush()
    return process


_current: Readying | None = None


def find(sha256: str) -> ReadyFiles | None:
    """Return the files of a wheel, when this run has them ready."""
    return _current.find(sha256) if _current is not None else None


def begin(store: Store, wheels: Sequence[str], library: str, mode: LinkMode, bytecode: str | None) -> None:
    """Have the files of *wheels* made ready beside *library*, if it is worth it and there is a core for it."""
    global _current
    end()
    known = [sha256 for sha256 in wheels if store.trees.weigh(sha256)]
    count = min((os.cpu_count() or 1) - 1, len(known), _MOST_PROCESSES)
    is_worth_it = sum(map(store.trees.weigh, known)) >= _ENOUGH_BYTES
    if count < 1 or not is_worth_it or sys.pycache_prefix is not None or not os.path.isdir(library):  # noqa: PTH112
        return
    logger.debug("pipcache: the files of %d wheels are made ready in %s", len(known), library)
    try:
        folder = tempfile.mkdtemp(prefix=".pipcache-", dir=library)
        task = Task(
            store=str(store.root),
            folder=folder,
            wheels=known,
            mode=mode.value,
            bytecode=bytecode,
            suffix=bytecode_suffix(),
        )
        _current = Readying(task, count)
    except OSError:
        # Then nothing is ready, and pip's loop does it all.
        return
    atexit.register(end)


def end() -> None:
    """Remove what was made ready for nothing."""
    global _current
    readying, _current = _current, None
    if readying is not None:
        atexit.unregister(end)
        readying.close()
