"""One process at a time: a lock file per key, held through the operating system, which lets go when the holder dies.

There is no timeout, and nothing to clean up after a process that dies. Lock files are empty; they may be taken out when
nobody holds them: who has locked one looks whether it is still there, and if not, takes the one that is. Where files
cannot be locked, nobody waits.
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

_MOST_TRIES = 100
"""So often a lock file is not taken out between opening and locking it: the file system says so, and it is not true."""


@contextlib.contextmanager
def hold(path: Path, on_wait: Callable[[], None], root: Path | None = None) -> Iterator[None]:
    """Hold the lock file at *path*, waiting as long as another process holds it.

    Without effect where a lock file can be neither made nor locked: two builds then cost time, and nothing else.

    :param on_wait: called once, before waiting.
    :param root: of the store whose lock it is: all who may write to that may use the lock.
    """
    has_told = False

    def lock(descriptor: int) -> bool:
        nonlocal has_told
        if not _try_to_lock(descriptor):
            if not has_told:
                has_told = True
                on_wait()
            _wait_to_lock(descriptor)
        return True

    descriptor = _open_and_lock(path, root, lock)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


HELD = -1
"""No descriptor: another process, or another part of this one, has the lock."""


def try_to_hold(path: Path, root: Path | None = None) -> int | None:
    """Return a descriptor that holds the lock file at *path* until it is closed; ``HELD`` when somebody else has it.

    ``None`` where a lock file can be neither made nor locked.

    :param root: see ``hold``.
    """
    try:
        return _open_and_lock(path, root, lambda descriptor: _try_to_lock(descriptor, is_strict=True))
    except OSError:
        return None


def remove_unheld(path: Path) -> None:
    """Take a lock file out, unless somebody holds it.

    Without effect where files cannot be locked, and on Windows, where a file that is open cannot be removed.
    """
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR)
        try:
            if _try_to_lock(descriptor, is_strict=True) and _is_at(path, descriptor):
                path.unlink()
        finally:
            os.close(descriptor)


def _open_and_lock(path: Path, root: Path | None, lock: Callable[[int], bool]) -> int | None:
    """Return a descriptor of the lock file, locked; ``HELD`` when it cannot be, ``None`` where there can be none."""
    for _ in range(_MOST_TRIES):
        descriptor = _open(path, root)
        if descriptor is None:
            return None
        try:
            is_locked = lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if is_locked and _is_at(path, descriptor):
            return descriptor
        os.close(descriptor)
        if not is_locked:
            return HELD
    return None


def _is_at(path: Path, descriptor: int) -> bool:
    """Tell whether a lock file is still where it was opened."""
    if os.name != "posix":
        return True
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
    except OSError:
        # Nobody can take it out.
        return True


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
