"""Whose a store is: what is made in it is for all who may write to its root, and who may write to it is to be trusted.

A root that its group, or everybody, may write to makes a shared store: folders and files below it get the same bits and
the same group. When root works in somebody else's store (in a container with a home that is mounted, for one), what it
makes belongs to whoever the store belongs to. A private store costs one look at its root. Without effect on Windows.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Literal, TypeAlias

from pipcache_plugin.files import temporary_beside

Distrust: TypeAlias = Literal["another user's", "for everybody to write to"]

_WRITERS = 0o022
"""Group and others: those who are not the owner."""


def make_folder(root: Path, folder: Path) -> None:
    """Make *folder*, which is *root* or below it, and what is missing above it; done twice is a no-op.

    :raises OSError: it cannot be made.
    """
    try:
        make_one_folder(root, folder)
    except FileExistsError:
        if folder.is_dir():
            return
        if os.path.lexists(folder):
            raise
        # Somebody has just removed it, as empty.
        make_folder(root, folder)
        return
    except FileNotFoundError:
        make_folder(root, folder.parent)
        with contextlib.suppress(FileExistsError):
            make_one_folder(root, folder)
    if root not in folder.parents:
        _hand_over(folder)


def make_one_folder(root: Path, folder: Path) -> None:
    """Make *folder* in a folder that is there; in a shared store it appears with its bits, whatever a process dies of.

    :raises FileExistsError: something is there.
    :raises OSError: it cannot be made.
    """
    wanted = _collect_wanted(root) if root in folder.parents and not os.path.lexists(folder) else None
    if wanted is None:
        folder.mkdir()
        return
    # In the root, where what is left over is looked for.
    temporary = temporary_beside(root / folder.name)
    temporary.mkdir()
    try:
        _share(temporary, *wanted)
        temporary.rename(folder)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.rmdir()
        if isinstance(error, OSError) and error.errno == errno.ENOTEMPTY:
            raise FileExistsError(folder) from error
        raise


def share(root: Path, path: Path) -> None:
    """Let all who may write to *root* do so to *path*, a file or a folder that this process has made.

    What the system does not allow is left: others then do without it.
    """
    if (wanted := _collect_wanted(root)) is not None:
        _share(path, *wanted)


def share_all(root: Path, folder: Path) -> None:
    """Share *folder* and all that is below it."""
    if (wanted := _collect_wanted(root)) is None:
        return
    for parent, _, names in os.walk(folder):
        for path in [Path(parent), *(Path(parent, name) for name in names)]:
            _share(path, *wanted)


def find_distrust(root: Path) -> Distrust | None:
    """Return why this user should not take wheels from *root* unless that was chosen; ``None`` for no reason.

    Who can write to a store decides what is installed from it. A root that is not there yet is nobody's.
    """
    if os.name != "posix":
        return None
    try:
        status = root.stat()
    except OSError:
        return None
    if status.st_uid not in {0, os.geteuid()}:
        return "another user's"
    # Where files of others cannot be removed, either: it is another matter in the folders below.
    if status.st_mode & stat.S_IWOTH:
        return "for everybody to write to"
    return None


def _hand_over(folder: Path) -> None:
    """Let a new root, or what it is in, belong to whoever has the folder above it."""
    wanted = _collect_wanted(folder.parent)
    if wanted is not None:
        # A folder that everybody may write to is often a place for folders that are not; one with this bit is shared.
        is_shared = folder.parent.stat().st_mode & stat.S_ISGID
        _share(folder, wanted[0] & stat.S_IWGRP if is_shared else 0, *wanted[1:])


def _collect_wanted(root: Path) -> tuple[int, int, int] | None:
    """Return the bits, the user and the group that all in a store has; ``None`` where it is as it is made."""
    if os.name != "posix":
        return None
    try:
        status = root.stat()
    except OSError:
        return None
    bits = status.st_mode & _WRITERS
    is_for_another = os.geteuid() == 0 and status.st_uid != 0
    return (bits, status.st_uid, status.st_gid) if bits or is_for_another else None


def _share(path: Path, bits: int, user: int, group: int) -> None:
    with contextlib.suppress(OSError):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            return
        is_root = os.geteuid() == 0
        if status.st_gid != group or (is_root and status.st_uid != user):
            # First: to change the owner takes bits away.
            with contextlib.suppress(OSError):
                os.chown(path, user if is_root else -1, group, follow_symlinks=False)
        # Who may write may read, and go into a folder.
        readable = bits | bits << 1 | (bits >> 1 if stat.S_ISDIR(status.st_mode) else 0)
        if readable & ~status.st_mode:
            path.chmod(stat.S_IMODE(path.lstat().st_mode) | readable)
