"""Reading every byte of a store: what is wrong, and taking that out of the way."""

from __future__ import annotations

import base64
import contextlib
import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipcache_plugin.files import digests_of, sha256_of
from pipcache_plugin.store.damaged import set_aside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipcache_plugin.store.store import Store
    from pipcache_plugin.store.trees import Tree


_ALGORITHMS = {"sha256", "sha384", "sha512"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in a store that is not as it was stored."""

    path: Path
    what: str

    tree: Tree | None = None
    """When the file is one of an unpacked wheel, which is taken out as a whole."""

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
    for tree in store.trees:
        yield from _find_problems_of_tree(tree)


def repair(store: Store, problem: Problem) -> None:
    """Take what is wrong out of the way: it is made again when it is needed.

    :raises OSError: it is still there.
    """
    if problem.tree is not None:
        store.trees.remove(problem.tree)
        return
    set_aside(store.root, problem.path)
    if problem.path.exists():
        raise PermissionError(problem.path)


def _what_is_wrong(path: Path, sha256: str) -> str | None:
    try:
        return None if sha256_of(path) == sha256 else "is not what was stored"
    except FileNotFoundError:
        # Taken out meanwhile.
        return None
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _find_problems_of_tree(tree: Tree) -> Iterator[Problem]:
    digests = _read_record(tree)
    for name in tree.files:
        path = tree.folder / name
        located = tree.locate(name)
        if located is None:
            if tree.folder.exists():
                yield Problem(path=path, what="is not what was unpacked, or is gone", tree=tree)
            return
        try:
            if name in digests and _digest(path, digests[name][0]) != digests[name][1]:
                yield Problem(path=path, what="is not what its wheel's RECORD says", tree=tree)
                return
        except OSError as error:
            yield Problem(path=path, what=f"cannot be read: {error.strerror}", tree=tree)
            return


def _read_record(tree: Tree) -> dict[str, tuple[str, str]]:
    """Return the algorithm and digest of each file, by name, as the wheel's own RECORD has them."""
    found: dict[str, tuple[str, str]] = {}
    for name in tree.files:
        folder, _, file = name.partition("/")
        if file == "RECORD" and folder.endswith(".dist-info"):
            try:
                text = (tree.folder / name).read_text(encoding="utf-8")
            except (OSError, ValueError):
                return {}
            with contextlib.suppress(csv.Error):
                for row in csv.reader(text.splitlines()):
                    algorithm, equals, digest = row[1].partition("=") if len(row) > 1 else ("", "", "")
                    if equals and algorithm in _ALGORITHMS:
                        found[row[0]] = (algorithm, digest.rstrip("="))
    return found


def _digest(path: Path, algorithm: str) -> str:
    """Return a digest as RECORD has it."""
    digest = bytes.fromhex(digests_of(path, [algorithm])[algorithm])
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
