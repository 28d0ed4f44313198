"""What goes wrong with files, made to happen: damage, a full disk, a killed process."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path


def flip_bit(path: Path, position: int = 100) -> None:
    """Change one bit of the file; its size stays."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    _overwrite(path, bytes(data))


def truncate(path: Path) -> None:
    """Take the second half of the file away."""
    data = path.read_bytes()
    _overwrite(path, data[: len(data) // 2])


def empty(path: Path) -> None:
    """Take everything away but the file itself."""
    _overwrite(path, b"")


def _overwrite(path: Path, data: bytes) -> None:
    # In place, as damage happens; stored files are read-only to everybody but root.
    path.chmod(0o644)
    path.write_bytes(data)


@contextlib.contextmanager
def no_file_above(size_bytes: int) -> Iterator[None]:
    """Let every write past *size_bytes* of a file fail, through the kernel: what a full disk or a quota does."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def run_and_kill_at_rename(script: str, args: Sequence[str]) -> None:
    """Run *script* in another process, which is killed at the moment when it would rename a file."""
    prelude = (
        "import os, pathlib, signal\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "pathlib.Path.replace = pathlib.Path.rename = os.replace = os.rename = die\n"
    )
    finished = subprocess.run([sys.executable, "-c", prelude + script, *args], check=False, timeout=60)
    assert finished.returncode == -signal.SIGKILL


def names_below(folder: Path) -> list[str]:
    """Return the names of all files below *folder*, sorted."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())
