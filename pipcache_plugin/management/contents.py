"""What is in a store, and taking it out. Of a hundred thousand wheels, names and sizes are asked for, and no more."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.files import remove_tree, temporary_beside
from pipcache_plugin.management.survey import measure_tree
from pipcache_plugin.store.locks import remove_unheld
from pipcache_plugin.store.scanning import TEMPORARY, iter_files, iter_folders, list_buckets, scan
from pipcache_plugin.store.trees import is_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pipcache_plugin.store.store import Store


def find_wheels(store: Store, pattern: str) -> list[Path]:
    """Return the paths of the wheels whose file name matches the glob *pattern*, sorted.

    Names of projects match in whatever way they are written: ``My.Project-*`` is ``my_project-*`` too.

    :raises OSError: the store cannot be read.
    """
    matches = _make_matcher(pattern)
    return [Path(entry.path) for entry in iter_files(store.wheels.folder, ".whl") if matches(entry.name)]


def forget(store: Store, pattern: str) -> None:
    """Take out the entries of wheels that are gone, metadata and trees that match *pattern*, and empty folders.

    :param pattern: a glob for wheel file names; see ``find_wheels``.

    :raises OSError: the store cannot be read or written.
    """
    matches = _make_matcher(pattern)
    for entry in store.iter_entries():
        if not store.wheels.has(entry.wheel):
            entry.path.unlink(missing_ok=True)
    for document in store.metadata:
        release = str(document.content.get("dist_info", "")).removesuffix(".dist-info")
        if matches(f"{release}-.whl"):
            document.path.unlink(missing_ok=True)
    for tree in store.trees:
        if matches(tree.wheel):
            store.trees.remove(tree)
    remove_empty_folders(store)


def remove_empty_folders(store: Store) -> None:
    """Take out folders that nothing is in any more."""
    for table in [store.wheels.folder, store.entries.folder, store.metadata.folder]:
        for folder in [*iter_folders(table), *(str(table / bucket) for bucket in list_buckets(table))]:
            # One that is not empty stays: somebody has written into it.
            with contextlib.suppress(OSError):
                os.rmdir(folder)  # noqa: PTH106 (a hundred thousand of them)


def remove_unheld_locks(store: Store, most: int | None = None) -> None:
    """Take out lock files of keys and of build environments that nobody holds.

    :param most: so many at the most, others each time; ``None`` for all.
    """
    folder = store.root / "locks"
    paths = [entry.path for entry in scan(folder) if is_sha256(entry.name)]
    paths += [entry.path for entry in scan(folder / "environments")]
    for path in random.sample(paths, most) if most is not None and most < len(paths) else paths:
        remove_unheld(Path(path))


def purge(store: Store) -> None:
    """Take out everything but the locks that others hold, and the build environments that are in use.

    :raises OSError: something cannot be removed.
    """
    kept = [store.entries.folder, store.metadata.folder, store.wheels.folder, store.trees.folder]
    for folder in [*kept, store.resolutions.folder, store.damaged, store.log.folder]:
        foreign = [entry.name for entry in scan(folder) if not _is_ours(folder, entry.name)]
        for path in [folder] if not foreign else [folder / entry.name for entry in scan(folder)]:
            if path.name not in foreign:
                _take_out(path)
    for entry in scan(store.root):
        if entry.name.startswith(TEMPORARY) and entry.is_dir(follow_symlinks=False):
            remove_tree(entry.path)
    store.environments.remove_unused()
    remove_unheld_locks(store)


_NAMES = {"damaged": r".*", "log": r"decisions\.jsonl.*|counts\.json"}
"""What is in a folder of a store; in most, buckets."""


def _is_ours(folder: Path, name: str) -> bool:
    """Tell whether a store has put something there: who makes a store of a folder may have had a ``log`` in it."""
    pattern = _NAMES.get(folder.name, r"[0-9a-f]{2}")
    return name.startswith(TEMPORARY) or re.fullmatch(pattern, name, re.DOTALL) is not None


def _take_out(path: Path) -> None:
    try:
        # First of all, so that nobody finds half of it or writes into it.
        gone = temporary_beside(path)
        path.rename(gone)
    except FileNotFoundError:
        return
    except OSError:
        # On Windows, while a file in it is open.
        gone = path
    if gone.is_dir():
        remove_tree(gone)
    else:
        gone.unlink(missing_ok=True)


def can_remove(store: Store) -> bool:
    """Tell whether wheels can be taken out of the store, as far as permissions tell."""
    folders = [store.root, *map(Path, iter_folders(store.wheels.folder))]
    return all(os.access(folder, os.W_OK) for folder in folders)


def size_of_wheels(store: Store) -> tuple[int, int]:
    """Return how many wheels there are, and how many bytes they have."""
    sizes = sizes_by_project(store).values()
    return sum(count for count, _ in sizes), sum(size for _, size in sizes)


def sizes_by_project(store: Store) -> dict[str, tuple[int, int]]:
    """Return how many wheels there are of each project, by normalized name, and how many bytes they have."""
    from packaging.utils import canonicalize_name

    sizes: dict[str, tuple[int, int]] = {}
    for entry in iter_files(store.wheels.folder, ".whl"):
        with contextlib.suppress(FileNotFoundError):
            project = entry.name.partition("-")[0]
            count, size = sizes.get(project, (0, 0))
            sizes[project] = count + 1, size + entry.stat(follow_symlinks=False).st_size
    found: dict[str, tuple[int, int]] = {}
    for project, (more, size) in sizes.items():
        count, total = found.get(name := canonicalize_name(project), (0, 0))
        found[name] = count + more, total + size
    return found


def size_of_trees(store: Store) -> tuple[int, int]:
    """Return how many unpacked wheels there are, and how many bytes their files have, bytecode included."""
    sizes = [measure_tree(folder) for folder in iter_folders(store.trees.folder)]
    return sum(size > 0 for size in sizes), sum(sizes)


def size_bytes(paths: Collection[Path]) -> int:
    """Return how many bytes the files have together; one that has just gone counts nothing."""
    total = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _make_matcher(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether the file name of a wheel matches a glob."""
    from packaging.utils import canonicalize_name

    def normalize(text: str) -> str:
        project, dash, rest = text.partition("-")
        return f"{canonicalize_name(project)}{dash}{rest}".lower()

    # What is in brackets may mean something else when it is normalized.
    has_name = not set("[?*") & set(pattern.partition("-")[0])
    normalized = normalize(pattern) if has_name else pattern

    def matches(filename: str) -> bool:
        return fnmatch.fnmatch(filename, pattern) or (has_name and fnmatch.fnmatch(normalize(filename), normalized))

    return matches
