"""What is in a store, and taking it out."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from pipcache_plugin.store.store import Store


def find_wheels(store: Store, pattern: str) -> list[Path]:
    """Return the paths of the wheels whose file name matches the glob *pattern*, sorted.

    :raises OSError: the store cannot be read.
    """
    return [path for path in store.wheels if fnmatch.fnmatch(path.name, pattern)]


def forget(store: Store, pattern: str) -> None:
    """Take out the entries of wheels that are gone, metadata and trees that match *pattern*, and empty folders.

    :param pattern: a glob for wheel file names.

    :raises OSError: the store cannot be read or written.
    """
    for entry in store.iter_entries():
        if not store.wheels.has(entry.wheel):
            entry.path.unlink(missing_ok=True)
    for document in store.metadata:
        release = str(document.content.get("dist_info", "")).removesuffix(".dist-info")
        if fnmatch.fnmatch(f"{release}-.whl", pattern):
            document.path.unlink(missing_ok=True)
    for tree in store.trees:
        if fnmatch.fnmatch(tree.wheel, pattern):
            store.trees.remove(tree)
    remove_empty_folders(store)


def remove_empty_folders(store: Store) -> None:
    """Take out folders that nothing is in any more."""
    for folder in [store.wheels.folder, store.entries.folder, store.metadata.folder]:
        _remove_empty(folder)


def purge(store: Store) -> None:
    """Take out everything but the locks, which others may hold, and the build environments that are in use.

    :raises OSError: something cannot be removed.
    """
    kept = [store.entries.folder, store.metadata.folder, store.wheels.folder, store.trees.folder]
    for folder in [*kept, store.resolutions.folder, store.damaged, store.log.folder]:
        if folder.exists():
            shutil.rmtree(folder)
    store.environments.remove_unused()


def can_remove(store: Store) -> bool:
    """Tell whether wheels can be taken out of the store, as far as permissions tell."""
    return all(os.access(folder, os.W_OK) for folder in {store.root, *(path.parent for path in store.wheels)})


def size_of_trees(store: Store) -> tuple[int, int]:
    """Return how many unpacked wheels there are, and how many bytes their files have, bytecode included."""
    count, total = 0, 0
    for tree in store.trees:
        count += 1
        total += size_bytes([path for path in tree.folder.parent.rglob("*") if path.is_file()])
    return count, total


def size_bytes(paths: Collection[Path]) -> int:
    """Return how many bytes the files have together; one that has just gone counts nothing."""
    total = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _remove_empty(folder: Path) -> None:
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        # One that is not empty stays: somebody has written into it.
        with contextlib.suppress(OSError):
            path.rmdir()
