"""Small file operations that every room shares: digests, and files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_CHUNK_BYTES = 1 << 20

_MOST_TRIES = 20

_MOST_REMOVERS = 100
"""So often at the most somebody else has removed what was to be removed next."""

_Result = TypeVar("_Result")

_asking = threading.Lock()


def digests_of(path: Path, algorithms: Iterable[str]) -> dict[str, str]:
    """Return the hexadecimal digest of the file's bytes for each of *algorithms*, read once.

    :raises OSError: the file cannot be read.
    """
    hashers = {name: hashlib.new(name) for name in algorithms}
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            for hasher in hashers.values():
                hasher.update(chunk)
    return {name: hasher.hexdigest() for name, hasher in hashers.items()}


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the file's bytes, 64 lowercase hex digits."""
    return digests_of(path, ["sha256"])["sha256"]


def mtime_of(path: Path) -> float | None:
    """Return when a file was last changed, Unix time in seconds; ``None`` for one that is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def umask() -> int:
    """Return the bits that new files of this process do not get.

    To ask the system is to set them, for a moment, in all threads: where Linux tells without that, it is read there.
    """
    with contextlib.suppress(OSError, ValueError), open("/proc/self/status", "rb") as file:  # noqa: PTH123 (asked often)
        for line in file:
            if line.startswith(b"Umask:"):
                return int(line[6:], 8)
    with _asking:
        mask = os.umask(0o022)
        os.umask(mask)
    return mask


def temporary_beside(target: Path) -> Path:
    """Return a new name in the folder of *target*. It begins with ``.tmp-``; so does what a killed writer leaves."""
    return target.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(6)}")


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a new path beside *target* to write to, and rename it there in the end: readers see the old file or the new.

    The folder is created when missing; whatever fails, nothing is left behind. There is no ``fsync``: after a power
    failure a short file is found out when it is verified, and built again.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(target)
    try:
        yield temporary
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_atomically(target: Path, content: bytes, finish: Callable[[Path], None] | None = None) -> None:
    """Make *content* the content of *target*, whole or not at all.

    :param finish: called with the path of the whole file, before it appears.

    :raises OSError: nothing was changed.
    """
    with replacing(target) as temporary:
        with temporary.open("xb") as file:
            file.write(content)
        if finish is not None:
            finish(temporary)


def remove_tree(folder: str | os.PathLike[str]) -> None:
    """Remove a folder and all that is in it, also while others do the same; one that is gone already is no error.

    :raises OSError: something is still there.
    """
    for tries_left in reversed(range(_MOST_REMOVERS)):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            # Something in it that another process has just removed, or has still written.
            if not tries_left or error.errno not in {errno.ENOENT, errno.ENOTEMPTY}:
                raise
            if os.path.lexists(folder):
                continue
        return


def again_if_gone(store: Callable[[], _Result]) -> _Result:
    """Call *store*, which writes into a folder that it makes, and again if others remove that meanwhile, as empty.

    :raises OSError: it was not stored.
    """
    for number in range(_MOST_TRIES):
        # A folder that exists, and does not when that is looked at.
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            return store()
        time.sleep(number / 1000)
    return store()


def link_or_copy(source: Path, target: Path) -> None:
    """Make *target* the same bytes as *source*: a hard link where that is allowed, else a copy.

    Only for files that nobody edits: a hard link shares later edits.

    :raises OSError: *source* cannot be read or *target* cannot be written.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        target.unlink()
        link_or_copy(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        # Another file system, too many links, or the kernel's protection of files that belong to somebody else.
        shutil.copyfile(source, target)
