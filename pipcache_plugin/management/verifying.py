"""Reading every byte of a store: what is wrong, and taking that out of the way."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipcache_plugin.files import sha256_of
from pipcache_plugin.store.damaged import set_aside
from pipcache_plugin.store.trees import crc32_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipcache_plugin.store.store import Store
    from pipcache_plugin.store.trees import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in a store that is not as it was stored."""

    path: Path
    what: str

    folder: Path | None = None
    """The unpacked wheel, or its bytecode, that the file is one of: taken out as a whole."""

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def find_problems(store: Store) -> Iterator[Problem]:
    """Go through all that is wrong; nothing is changed.

    :raises OSError: the store cannot be listed.
    """
    for path in store.wheels:
        if (what := _what_is_wrong(path, path.parent.name)) is not None:
            yield Problem(path=path, what=what)
    for table in [store.entries, store.metadata, store.resolutions.documents]:
        for path in table.find_damaged():
            yield Problem(path=path, what="is not what was stored")
    for entry in store.iter_entries():
        if not store.wheels.has(entry.wheel):
            yield Problem(path=entry.path, what=f"its wheel, `{entry.wheel.filename}`, is not there")
    yield from _find_problems_of_trees(store)


def repair(store: Store, problem: Problem) -> None:
    """Take what is wrong out of the way: it is made again when it is needed.

    :raises OSError: it is still there.
    """
    if problem.folder is not None:
        store.trees.remove_folder(problem.folder)
        return
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(problem.path)
        set_aside(store.root, problem.path)
        # Another one may be there: it was made again.
        if os.path.samestat(found, os.lstat(problem.path)):
            raise PermissionError(problem.path)


def _what_is_wrong(path: Path, sha256: str) -> str | None:
    try:
        return None if sha256_of(path) == sha256 else "is not what was stored"
    except FileNotFoundError:
        # Taken out meanwhile; or a link.
        return "leads nowhere" if path.is_symlink() else None
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _find_problems_of_trees(store: Store) -> Iterator[Problem]:
    for folder in store.trees.iter_damaged():
        yield Problem(path=folder / "manifest.json", what="is not what was stored", folder=folder)
    for tree in store.trees:
        for files in [tree, *store.trees.iter_bytecode(tree)]:
            folder = files.folder.parent
            # One is enough to take them all out; a folder that is not there was taken out meanwhile.
            name, what = next(_iter_changed(files), ("", None))
            if what is not None and folder.exists():
                yield Problem(path=files.folder / name, what=what, folder=folder)


def _iter_changed(files: Tree) -> Iterator[tuple[str, str]]:
    """Go through the names of files that are not as they were stored, with what is wrong with each."""
    for name, known in files.files.items():
        path = files.locate(name)
        try:
            if path is None or crc32_of(path) != known.crc32:
                yield name, "is not what was stored, or is gone"
        except OSError as error:
            yield name, f"cannot be read: {error.strerror}"
