"""Wheels' files put ready beside the library, by processes of their own, while pip resolves, downloads and checks.

A folder in the library, ``.pipcache-<random>/``, has a folder for each wheel, named by its digest. Who makes it has the
wheel: a process of ours, or pip's own loop when it comes to a wheel that nobody has begun with. Each process of ours
reads a line of JSON (``Task``), then a line for each wheel (its digest) and an empty one when there are no more. It
writes a line for each wheel that it is done with (the digest, and ``ready`` or ``left``), and removes the whole folder
when its standard input ends: whatever pip dies of, nothing stays.
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
    from typing import IO

    from pipcache_plugin.installation.placing import LinkMode
    from pipcache_plugin.store.trees import Trees

logger = logging.getLogger(__name__)

_ENOUGH_BYTES = 17_000
"""So much of manifests, some 150 files, is worth a process."""

_ENOUGH_BYTES_FOR_MORE = 230_000
"""So much for each further one."""

_MOST_PROCESSES = 4

_RUN = (
    "import sys; sys.path.insert(0, sys.argv[1]); from pipcache_plugin.pip_bridge.readying_process import main; main()"
)


class Task(TypedDict):
    """What a process is told first."""

    stores: list[str]
    """The one that is written to, and those below it."""

    folder: str
    """The one in the library."""

    mode: str
    bytecode: str | None
    """Its kind; ``None`` for none."""

    suffix: str
    """Of the names of bytecode files."""


class Readying:
    """The processes of one run, and what they have done. Begins when there is enough to do, and a core for it."""

    def __init__(self, trees: Trees, library: str, mode: LinkMode, bytecode: str | None) -> None:
        """Nothing is to be made ready yet.

        :param library: the folder that wheels are installed into.
        :param bytecode: its kind; ``None`` for none.
        """
        self._trees = trees
        self._library = library
        self._task = Task(
            stores=[*map(str, trees.roots)], folder="", mode=mode.value, bytecode=bytecode, suffix=bytecode_suffix()
        )
        self._most = min((os.cpu_count() or 1) - 1, _MOST_PROCESSES)
        self._is_possible = sys.pycache_prefix is None and os.path.isdir(library)  # noqa: PTH112
        self._wheels: dict[str, None] = {}
        self._weight = 0
        self._done: dict[str, bool] = {}
        self._processes: list[subprocess.Popen[str]] = []
        self._writer: int | None = None
        self._lines: IO[str] | None = None

    def add(self, sha256: str) -> None:
        """Have the files of a wheel made ready, if they are in the store; done twice is a no-op."""
        weight = self._trees.weigh(sha256) if self._is_possible and sha256 not in self._wheels else 0
        if not weight:
            return
        self._wheels[sha256] = None
        self._weight += weight
        self._tell(sha256)
        wanted = 1 + self._weight // _ENOUGH_BYTES_FOR_MORE if self._weight >= _ENOUGH_BYTES else 0
        while len(self._processes) < min(wanted, self._most) and self._is_possible:
            try:
                self._start()
            except OSError:
                # What is not ready, pip's loop does.
                self._is_possible = False
                if not self._processes:
                    self.close()

    def tell_all(self) -> None:
        """There are no more wheels to come."""
        self._tell("")
        self._is_possible = False
        if self._writer is not None:
            # With the last process, what is read ends.
            os.close(self._writer)
            self._writer = None

    def find(self, sha256: str) -> ReadyFiles | None:
        """Return the files of a wheel, when they are or will be ready; waits for who is at it."""
        self.tell_all()
        if not self._processes or sha256 not in self._wheels:
            return None
        folder = f"{self._task['folder']}/{sha256}"
        try:
            os.mkdir(folder)  # noqa: PTH102 (whoever makes it has the wheel)
        except FileExistsError:
            return ReadyFiles(folder, self._task["suffix"]) if self._wait(sha256) else None
        except OSError:
            pass
        return None

    def close(self) -> None:
        """End the processes, and remove what is left; done twice is a no-op."""
        self.tell_all()
        if self._lines is not None:
            # First, so that nobody waits to be read.
            self._lines.close()
        for process in self._processes:
            with contextlib.suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
            process.wait()
        if self._task["folder"]:
            shutil.rmtree(self._task["folder"], ignore_errors=True)

    def _start(self) -> None:
        if self._lines is None:
            logger.debug("pipcache: the files of wheels are made ready in %s", self._library)
            self._task["folder"] = tempfile.mkdtemp(prefix=".pipcache-", dir=self._library)
            reader, self._writer = os.pipe()
            self._lines = os.fdopen(reader, encoding="ascii")
        assert self._writer is not None, "there are wheels to come"
        process = _start(self._task, self._writer)
        self._processes.append(process)
        _write(process, *self._wheels)

    def _tell(self, line: str) -> None:
        if self._is_possible:
            for process in self._processes:
                _write(process, line)

    def _wait(self, sha256: str) -> bool:
        assert self._lines is not None, "there are processes"
        while sha256 not in self._done:
            line = self._lines.readline()
            if not line:
                # They have all ended.
                return False
            digest, _, outcome = line.strip().partition(" ")
            self._done[digest] = outcome == "ready"
        return self._done[sha256]


def _start(task: Task, writer: int) -> subprocess.Popen[str]:
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-I", "-S", "-c", _RUN, str(root)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.DEVNULL, encoding="ascii"
    )
    _write(process, json.dumps(task))
    return process


def _write(process: subprocess.Popen[str], *lines: str) -> None:
    assert process.stdin is not None, "it was asked for"
    # One that was killed reads no more: then others have what is to be done, or pip's loop.
    with contextlib.suppress(OSError):
        process.stdin.write("".join(f"{line}\n" for line in lines))
        process.stdin.flush()


_current: Readying | None = None


def begin(trees: Trees, library: str, mode: LinkMode, bytecode: str | None) -> Readying:
    """Return what makes files ready from now on, until ``end``; see ``Readying``."""
    global _current
    end()
    _current = Readying(trees, library, mode, bytecode)
    atexit.register(end)
    return _current


def current() -> Readying | None:
    """Return what makes files ready now."""
    return _current


def end() -> None:
    """Remove what was made ready for nothing."""
    global _current
    readying, _current = _current, None
    if readying is not None:
        atexit.unregister(end)
        readying.close()
