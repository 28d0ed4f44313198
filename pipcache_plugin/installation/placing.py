"""One file to one place: a clone where the file system can, else a copy; a hard link where that is asked for."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "linux":
    import fcntl

_FICLONE = 0x40049409
"""Source: https://man7.org/linux/man-pages/man2/ioctl_ficlone.2.html"""


class LinkMode(Enum):
    """How files of the store come into an environment."""

    CLONE = "clone"
    """Clones or copies, that no edit reaches the store; bytecode, which is replaced and never edited, by hard links."""

    COPY = "copy"
    """Copies of everything."""

    HARDLINK = "hardlink"
    """Hard links wherever the installer does not write itself: an edit reaches the store and other environments."""


_cannot_clone: set[int] = set()
"""Devices from which it was tried in vain."""

_BINARY = getattr(os, "O_BINARY", 0)
_MOST_BYTES = 1 << 20


def put(source: str, target: str, *, mask: int, may_link: bool) -> bool:
    """Make *target* a link to *source* where that may and can be, else a clone or a copy; tell whether it is a link.

    What is at *target* is replaced, not written to.

    :param mask: ``umask``, which takes as long to find out as all this.

    :raises OSError: *target* may be there, incomplete.
    """
    try:
        return _put(source, target, mask if may_link else None)
    except FileExistsError:
        # Seldom: to look first would cost as much as what there is to do.
        remove(target)
        return _put(source, target, mask if may_link else None)


def can_clone(folder: Path) -> bool:
    """Tell whether files in *folder* can be clones of each other; tries it, and removes what it made.

    :raises OSError: *folder* cannot be written.
    """
    source, target = folder / ".tmp-source", folder / ".tmp-clone"
    try:
        source.write_bytes(b"content")
        with source.open("rb") as from_file, target.open("xb") as to_file:
            return _clone(from_file.fileno(), to_file.fileno(), source.stat().st_dev)
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)


def _put(source: str, target: str, link_mask: int | None) -> bool:
    if link_mask is not None and link(source, target, link_mask):
        return True
    clone_or_copy(source, target)
    return False


def clone_or_copy(source: str, target: str) -> None:
    """Make *target*, which is not there, a file with the content of *source*; the mode is that of a new file.

    :raises OSError: *target* may be there, incomplete.
    """
    # Descriptors: file objects cost as much again as what the system does, and there are tens of thousands of files.
    from_file = os.open(source, os.O_RDONLY | _BINARY)
    try:
        to_file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
        try:
            status = os.fstat(from_file)
            if status.st_size and not _clone(from_file, to_file, status.st_dev):
                _copy(from_file, to_file, status.st_size)
        finally:
            os.close(to_file)
    finally:
        os.close(from_file)


def _clone(from_file: int, to_file: int, device: int) -> bool:
    if sys.platform != "linux" or device in _cannot_clone:
        return False
    try:
        fcntl.ioctl(to_file, _FICLONE, from_file)
    except OSError:
        _cannot_clone.add(device)
        return False
    return True


def _copy(from_file: int, to_file: int, size_bytes: int) -> None:
    while chunk := os.read(from_file, min(size_bytes, _MOST_BYTES)):
        rest = memoryview(chunk)
        # Less may be written than was given, above all on a disk that is almost full.
        while rest:
            rest = rest[os.write(to_file, rest) :]


_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.EACCES}


def link(source: str, target: str, mask: int) -> bool:
    """Make *target*, which is not there, a hard link to *source*; tell whether that can, and may, be.

    It may not where a new file would have another owner or another mode, or another group that may write to it: who may
    write to the one could edit the other.

    :raises OSError: it cannot for a reason for which a copy could not be made either.
    """
    status = os.stat(source)  # noqa: PTH116 (once for each file)
    mode = (0o777 if status.st_mode & 0o111 else 0o666) & ~mask
    is_ours = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    if status.st_mode & stat.S_IWGRP and is_ours and hasattr(os, "getegid"):
        is_ours = status.st_gid == os.getegid()
    if not is_ours or stat.S_IMODE(status.st_mode) != mode:
        return False
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in _NO_LINK:
            return False
        raise
    return True


def remove(target: str) -> None:
    """Remove what is in the place of a new file, if anything."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)  # noqa: PTH108 (once for each file)
