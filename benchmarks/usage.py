"""Runs commands and says what they took: wall time, processor time and memory.

The system's own account of a child process is used, so that what its children took is in it as long as they were waited
for. Linux and macOS.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to run."""

    arguments: Sequence[str]
    environ: Mapping[str, str]
    """All of it: nothing is inherited."""

    folder: Path
    """Where it is run; its output is in ``output.txt`` there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a run took."""

    wall_seconds: float
    cpu_seconds: float
    """User and system, of all processes."""

    peak_bytes: int
    """Resident memory of the largest process, at its largest; never less than that of the process that measures."""


def run(commands: Sequence[Command]) -> Usage:
    """Start *commands* at once, wait for all of them, and return what they took together.

    :raises subprocess.CalledProcessError: one failed; its output is in the error.
    """
    start = time.perf_counter()
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes += map(_start, commands)
        used = [_wait(process) for process in processes]
        wall_seconds = time.perf_counter() - start
    except BaseException:
        _end(processes)
        raise
    for command, process in zip(commands, processes, strict=True):
        if process.returncode:
            output = _output_of(command).read_text(encoding="utf-8", errors="replace")
            raise subprocess.CalledProcessError(process.returncode, command.arguments, output)
    return Usage(
        wall_seconds=wall_seconds,
        cpu_seconds=sum(usage.ru_utime + usage.ru_stime for usage in used),
        peak_bytes=max(usage.ru_maxrss for usage in used) * MAXRSS_UNIT_BYTES,
    )


def _output_of(command: Command) -> Path:
    return command.folder / "output.txt"


def _start(command: Command) -> subprocess.Popen[bytes]:
    with _output_of(command).open("wb") as output:
        return subprocess.Popen(
            command.arguments,
            env=command.environ,
            cwd=command.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait(process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # or subprocess would wait for it
    return used


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Kill what was started and runs, with all that it started."""
    for process in processes:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
