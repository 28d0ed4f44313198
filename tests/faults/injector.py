"""Faults injected below libc, into real processes: which calls fail, or kill the process, and from which step on.

``shim.c`` is compiled when it is needed first. It counts, in all processes that were started with its variables, the
calls that change or read files below one folder, and does what the state file says.
"""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from pathlib import Path

_SOURCE = Path(__file__).with_name("shim.c")
_NUMBERS = struct.Struct("=7q")
_PATH_BYTES = 4096


class Action(IntEnum):
    """What happens at the step."""

    COUNT = 0
    KILL = 1
    """The process that comes to it."""

    KILL_GROUP = 2
    """All processes of its group."""

    FAIL = 3


class Calls(IntFlag):
    """Which calls are steps."""

    CHANGE = 1
    NAME = 2
    """Of those that change something: what is allowed or not by where it is."""

    ROOM = 4
    """Of those: what needs room."""

    LOCK = 8
    LINK = 16
    READ = 32
    """Looking at names as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong."""

    action: Action = Action.FAIL
    calls: Calls = Calls.CHANGE
    error: int = 0
    """Its number; ``errno.ENOSPC``, for one."""

    lasts: bool = False
    """From the step on; otherwise only then."""


FAULTS: Mapping[str, Fault] = {
    "killed": Fault(action=Action.KILL),
    "full-disk": Fault(calls=Calls.ROOM, error=errno.ENOSPC, lasts=True),
    "full-for-a-moment": Fault(calls=Calls.ROOM, error=errno.ENOSPC),
    "broken-for-a-moment": Fault(error=errno.EIO),
    "broken": Fault(error=errno.EIO, lasts=True),
    "not-permitted": Fault(calls=Calls.NAME, error=errno.EACCES, lasts=True),
    "one-not-permitted": Fault(calls=Calls.NAME, error=errno.EACCES),
    "read-only": Fault(calls=Calls.NAME, error=errno.EROFS, lasts=True),
    "unreadable-for-a-moment": Fault(calls=Calls.READ, error=errno.EIO),
    "unreadable": Fault(calls=Calls.READ, error=errno.EIO, lasts=True),
}

NO_LOCKS = [Fault(calls=Calls.LOCK, error=error, lasts=True) for error in [errno.ENOLCK, errno.ENOSYS]]
NO_LINKS = [Fault(calls=Calls.LINK, error=error, lasts=True) for error in [errno.EPERM, errno.EMLINK]]


def compile_shim(folder: Path) -> Path | None:
    """Return the compiled shim, in *folder*; ``None`` where it cannot be compiled."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        return None
    library = folder / "shim.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"]
    done = subprocess.run(command, check=False, capture_output=True)
    return library if done.returncode == 0 else None


class Injector:
    """The state that the shim reads: nothing goes wrong before it is armed."""

    def __init__(self, state: Path) -> None:
        """Map the file *state*, which is made when missing."""
        self.state = state
        size = _NUMBERS.size + 2 * _PATH_BYTES
        if not state.exists():
            state.write_bytes(b"\0" * size)
        with state.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)

    def variables(self, shim: Path) -> dict[str, str]:
        """Return what a process needs to be reached."""
        return {"LD_PRELOAD": str(shim), "FAULTS_STATE": str(self.state)}

    def arm(self, folder: Path, fault: Fault, step: int = 1) -> None:
        """Count from now on, below *folder*, and let *fault* happen at a step; the first one is 1."""
        self.disarm()
        path = os.fsencode(folder.resolve())
        self._map[_NUMBERS.size : _NUMBERS.size + 2 * _PATH_BYTES] = b"\0" * (2 * _PATH_BYTES)
        self._map[: _NUMBERS.size] = _NUMBERS.pack(fault.action, fault.calls, step, fault.lasts, fault.error, 0, 0)
        # Last: it is what begins it.
        self._map[_NUMBERS.size : _NUMBERS.size + len(path)] = path

    def disarm(self) -> None:
        """Let nothing go wrong any more; what was counted stays."""
        self._map[_NUMBERS.size] = 0

    @property
    def count(self) -> int:
        """How many steps there were."""
        return int(_NUMBERS.unpack(self._map[: _NUMBERS.size])[5])

    @property
    def hits(self) -> int:
        """How many of them went wrong."""
        return int(_NUMBERS.unpack(self._map[: _NUMBERS.size])[6])

    @property
    def last_hit(self) -> str:
        """The last call that went wrong, and its path."""
        start = _NUMBERS.size + _PATH_BYTES
        return os.fsdecode(self._map[start : start + _PATH_BYTES].partition(b"\0")[0])
