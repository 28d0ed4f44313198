"""What goes wrong with files, made to happen: damage, a full disk, a killed process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path


def flip_bit(path: Path, position: int = 100) -> None:
    """Change one bit of the file; its size stays."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    _overwrite(path, bytes(data))


def flip_bit_in_silence(path: Path, position: int = 100) -> None:
    """Change one bit of the file as a disk does: its size and its times stay."""
    status = path.stat()
    flip_bit(path, position)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def truncate(path: Path) -> None:
    """Take the second half of the file away."""
    data = path.read_bytes()
    _overwrite(path, data[: len(data) // 2])


def empty(path: Path) -> None:
    """Take everything away but the file itself."""
    _overwrite(path, b"")


def replace_by_folder(path: Path) -> None:
    """Put a folder in the place of the file, with something in it."""
    path.unlink()
    path.mkdir()
    (path / "something").write_text("else")


def replace_by_dangling_link(path: Path) -> None:
    """Put a link that leads nowhere in the place of the file."""
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


def swap(path: Path, other: Path) -> None:
    """Let two files have each other's content, and times."""
    between = path.with_name("between")
    path.rename(between)
    other.rename(path)
    between.rename(other)


DAMAGES: Mapping[str, Callable[[Path], None]] = {
    "truncated": truncate,
    "emptied": empty,
    "bit-flipped": partial(flip_bit, position=1),
    "folder": replace_by_folder,
    "dangling-link": replace_by_dangling_link,
}
"""What may happen to a file that is not empty."""


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
