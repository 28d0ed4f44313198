"""What holds of a store at any time, whatever the processes have died of that worked on it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.files import sha256_of
from pipcache_plugin.management import contents, pruning

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store
    from pipcache_plugin.store.trees import Tree

_PLACES = re.compile(
    r"""
    wheels/[0-9a-f]{2}/(?P<wheel>[0-9a-f]{64})/[^/]+\.whl
    | (entries|metadata|resolutions)/[0-9a-f]{2}/[0-9a-f]{64}/(?P<document>[0-9a-f]{32})\.json
    | trees/[0-9a-f]{2}/[0-9a-f]{64}\.[0-9]+/(bytecode/[^/]+/)?(manifest\.json|files/.+)
    | log/(decisions\.jsonl(\.[12])?|counts\.json)
    | locks/.+
    | damaged/.+
    | environments/.+
    """,
    re.VERBOSE | re.DOTALL,
)
"""All names of files that a store may have, apart from what killed processes leave."""

LONG_AGO = time.time() - 30 * 86_400


def check_invariants(store: Store) -> Iterator[str]:
    """Go through what does not hold, a sentence each.

    Documents verify, wheels have the digest that they are under, trees with a manifest are whole, what can be found
    through an entry is intact, the log can be read, and there is nothing else.
    """
    for name in iter_files(store):
        yield from _check_file(store.root / name, name)
    for tree in store.trees:
        for files in [tree, *store.trees.iter_bytecode(tree)]:
            yield from _check_tree(files)
    for folder in store.trees.iter_damaged():
        yield f"{folder.name}: a manifest is not what was stored"
    for entry in store.iter_entries():
        if store.wheels.has(entry.wheel) and sha256_of(store.wheels.path_of(entry.wheel)) != entry.wheel.sha256:
            yield f"an entry leads to a damaged wheel, {entry.wheel.filename}"
    yield from _check_log(store)


def iter_files(store: Store) -> Iterator[str]:
    """Go through the POSIX paths of all files of a store, relative to it."""
    start = len(f"{store.root}/")
    for folder, _, names in os.walk(store.root):
        for name in names:
            yield f"{folder}/{name}"[start:]


def _check_file(path: Path, name: str) -> Iterator[str]:
    if "/.tmp-" in f"/{name}":
        # Whether it is found there shows when it is pruned.
        return
    match = _PLACES.fullmatch(name)
    if match is None:
        yield f"{name} is no file of a store"
    elif match["wheel"] and sha256_of(path) != match["wheel"]:
        yield f"{name} has another digest"
    elif match["document"] and not hashlib.sha256(path.read_bytes()).hexdigest().startswith(match["document"]):
        yield f"{name} is not what was stored"


def _check_tree(tree: Tree) -> Iterator[str]:
    there = {path.relative_to(tree.folder).as_posix() for path in tree.folder.rglob("*") if path.is_file()}
    if not there == set(tree.files) == {name for name in tree.files if tree.locate(name)}:
        yield f"{tree.folder.parent.name}: a tree is not whole"


def _check_log(store: Store) -> Iterator[str]:
    files = sorted(store.log.folder.glob("decisions.jsonl*"))
    lines = [line for file in files for line in file.read_bytes().split(b"\n") if line]
    torn = [line for line in lines if not _is_json(line)]
    # One that a process died of; those after it begin a new line.
    if len(torn) > 1:
        yield f"the log has lines that cannot be read: {torn}"


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def make_old(store: Store) -> None:
    """Set the times of what is left over back, as if it had happened long ago."""
    for name in find_leftovers(store):
        os.utime(store.root / name, (LONG_AGO, LONG_AGO), follow_symlinks=False)


def prune(store: Store, max_bytes: int | None = None) -> None:
    """Do what ``cache prune`` does, by default without a limit: it takes out what is left over."""
    for piece in pruning.choose(pruning.collect(store), pruning.Limits(max_bytes=max_bytes)):
        pruning.remove(store, piece)
    contents.remove_empty_folders(store)


def find_leftovers(store: Store) -> list[str]:
    """Return what no process will ask for any more, relative to the store."""
    left = set()
    for folder, folders, names in os.walk(store.root):
        left |= {f"{folder}/{name}" for name in [*folders, *names] if name.startswith(".tmp-")}
    left |= {str(path) for path in [*store.damaged.glob("*"), *store.environments.folder.glob("*")]}
    # A tree without a manifest is not found, and not counted.
    left |= {str(path) for path in store.root.glob("trees/??/*") if not (path / "manifest.json").exists()}
    return sorted(os.path.relpath(path, store.root) for path in left)
