"""One process at a time: a lock file per key, held through the operating system, which lets go when the holder dies.

There is no timeout and nothing to clean up: lock files stay, empty. Where files cannot be locked, nobody waits.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from typing import TYPE_CHECKING

from pipcache_plugin.store.owners import make_folder, share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
_IS_HELD = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_POLL_SECONDS = 0.1


@contextlib.contextmanager
def hold(path: Path, on_wait: Callable[[], None], root: Path | None = None) -> Iterator[None]:
    """Hold the lock file at *path*, waiting as long as another process holds it.

    Without effect where a lock file can be neither made nor locked: two builds then cost time, and nothing else.

    :param on_wait: called once, before waiting.
    :param root: of the store whose lock it is: all who may write to that may use the lock.
    """
    descriptor = _open(path, root)
    if descriptor is None:
        yield
        return
    try:
        if not _try_to_lock(descriptor):
            on_wait()
            _wait_to_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


HELD = -1
"""No descriptor: another process, or another part of this one, has the lock."""


def try_to_hold(path: Path, root: Path | None = None) -> int | None:
    """Return a descriptor that holds the lock file at *path* until it is closed; ``HELD`` when somebody else has it.

    ``None`` where a lock file can be neither made nor locked.

    :param root: see ``hold``.
    """
    descriptor = _open(path, root)
    if descriptor is None:
        return None
    try:
        if _try_to_lock(descriptor, is_strict=True):
            return descriptor
    except OSError:
        os.close(descriptor)
        return None
    os.close(descriptor)
    return HELD


def _open(path: Path, root: Path | None) -> int | None:
    root = root or path.parent
    try:
        make_folder(root, path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        return None
    share(root, path)
    return descriptor


if sys.platform == "win32":
    import msvcrt

    def _try_to_lock(descriptor: int, *, is_strict: bool = False) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if is_strict and error.errno not in _IS_HELD:
                raise
            return error.errno not in _IS_HELD
        return True

    def _wait_to_lock(descriptor: int) -> None:
        while not _try_to_lock(descriptor):
            time.sleep(_POLL_SECONDS)

else:
    import fcntl

    def _try_to_lock(descriptor: int, *, is_strict: bool = False) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if is_strict or error.errno not in _NO_LOCKS:
                raise
        return True

    def _wait_to_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
