"""What processes do to a store: how it is before, what is done, and what must be so when it was done to the end."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.management import bound, contents, inventory, pruning, verifying
from tests.faults import filled, invariants
from tests.unit.faults import empty, flip_bit, truncate

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

Step = Callable[["Store", Path], None]
"""Is given the store, and a folder beside it with the wheels."""

PLACE = "0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something that is done to a store."""

    run: Step
    """May raise OSError when there is a fault, and nothing else."""

    check: Step
    """Asserts that it was done: also when it was begun before, and not finished."""

    prepare: Step = lambda _store, _work: None
    is_shared: bool = False
    """The store is one that its group may write to."""


def _nothing_found(store: Store, _work: Path) -> None:
    for name in filled.KEYS:
        assert store.find_entries(filled.KEYS[name]) == []
        assert store.find_metadata(filled.KEYS[name]) == []
    assert not [*store.wheels, *store.trees]


def _only(name: str, part: Callable[[Store, Path, str], object]) -> Step:
    """Do a part of what fills a store, for one project."""

    def run(store: Store, work: Path) -> None:
        part(store, work, name)

    return run


# What is stored.


def _prepare_damaged_wheel(store: Store, work: Path) -> None:
    entry = filled.add_wheel(store, work)
    flip_bit(store.wheels.path_of(entry.wheel))


def _prepare_damaged_tree(store: Store, work: Path) -> None:
    filled.add_tree(store, work)
    truncate(store.trees.path_of(filled.digest_in(work)) / "manifest.json")


def _prepare_tree(store: Store, work: Path) -> None:
    filled.add_tree(store, work)


def _prepare_other_resolution(store: Store, _work: Path) -> None:
    store.resolutions.put(filled.RESOLUTION, filled.CHOSEN[:1], 3e9)


def _keep_all(store: Store, work: Path) -> None:
    """Store what comes with a wheel, and use it."""
    entry = filled.add_wheel(store, work)
    filled.add_tree(store, work)
    store.trees.note_use(entry.wheel.sha256)
    filled.add_bytecode(store, work)
    store.trees.touch(entry.wheel.sha256)
    store.touch(entry)
    filled.append(store)


def _check_kept(store: Store, work: Path) -> None:
    filled.check_wheel(store, work)
    filled.check_tree(store, work)
    filled.check_bytecode(store, work)
    assert filled.count(store) >= 1


def _check_shared(store: Store, work: Path) -> None:
    _check_kept(store, work)
    for path in store.root.rglob("*"):
        if ".tmp-" not in str(path):
            assert path.stat().st_mode & 0o020, path


def _hold(store: Store, _work: Path) -> None:
    with store.hold(filled.KEYS["alpha"], lambda: None):
        pass


# The log.


def _prepare_full_log(store: Store, work: Path) -> None:
    filled.fill_log(store)
    size = store.log.file.stat().st_size
    while store.log.file.stat().st_size >= size:
        shutil.rmtree(work / "log", ignore_errors=True)
        shutil.copytree(store.log.folder, work / "log")
        size = store.log.file.stat().st_size
        filled.append(store)
        if not store.log.file.exists():
            break
    # As it was before the line that turned it over.
    shutil.rmtree(store.log.folder)
    (work / "log").rename(store.log.folder)
    (work / "count").write_text(str(filled.count(store)))


def _check_log(store: Store, work: Path) -> None:
    before = int((work / "count").read_text())
    now = filled.count(store)
    assert now in {before + 1, before + 2}
    for number in range(1, 8):
        # It is turned over again, and again.
        filled.append(store)
        assert filled.count(store) == now + number


def _reset(store: Store, _work: Path) -> None:
    store.log.counts.reset()


def _check_reset(store: Store, _work: Path) -> None:
    assert filled.count(store) == 0


# What is taken out.


def _prepare_damaged_entry(store: Store, work: Path) -> None:
    empty(filled.add_wheel(store, work).path)


def _find(store: Store, _work: Path) -> None:
    store.find_entries(filled.KEYS["alpha"])


def _check_set_aside(store: Store, _work: Path) -> None:
    assert store.find_entries(filled.KEYS["alpha"]) == []
    assert not list(store.root.glob("entries/*/*/*.json"))


def _place(store: Store, work: Path) -> None:
    place = work / "here"
    place.mkdir(exist_ok=True)
    for entry in store.find_entries(filled.KEYS["alpha"]):
        assert store.place_wheel(entry, place) is None


def _check_placed(store: Store, _work: Path) -> None:
    assert store.find_entries(filled.KEYS["alpha"]) == []
    assert list(store.wheels) == []


def _remove(store: Store, _work: Path) -> None:
    """Do what ``cache remove alpha`` does."""
    for path in contents.find_wheels(store, "alpha-*.whl"):
        path.unlink()
    contents.forget(store, "alpha-*.whl")


def _check_removed(store: Store, work: Path) -> None:
    assert not [path for path in store.root.rglob("*") if "alpha" in path.name and ".tmp-" not in str(path)]
    assert store.find_entries(filled.KEYS["alpha"]) == []
    filled.check_wheel(store, work, "beta")
    filled.check_tree(store, work, "beta")
    filled.check_bytecode(store, work, "beta")


def _purge(store: Store, _work: Path) -> None:
    contents.purge(store)


def _check_purged(store: Store, work: Path) -> None:
    _nothing_found(store, work)
    assert not [path for path in store.root.rglob("*") if path.is_file() and "locks" not in path.parts]


def _prune(store: Store, _work: Path) -> None:
    invariants.prune(store, 0)


def _keep_bound(store: Store, _work: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        # Nobody has looked today.
        os.utime(store.bound, (0, 0))
    bound.keep(store, 0)


def _prepare_damage(store: Store, work: Path) -> None:
    filled.fill(store, work)
    entry, *_ = store.find_entries(filled.KEYS["alpha"])
    flip_bit(store.wheels.path_of(entry.wheel))
    for metadata in store.root.glob(f"metadata/*/{filled.KEYS['alpha']}/*.json"):
        truncate(metadata)
    flip_bit(store.trees.path_of(entry.wheel.sha256) / "files" / "alpha" / "__init__.py", 3)


def _repair(store: Store, _work: Path) -> None:
    for problem in verifying.find_problems(store):
        verifying.repair(store, problem)


def _check_repaired(store: Store, work: Path) -> None:
    assert list(verifying.find_problems(store)) == []
    assert len(list(store.wheels)) == len(list(store.trees)) == 1
    filled.check_wheel(store, work, "beta")
    filled.check_tree(store, work, "beta")


# Places of build environments.


def _prepare_environment(store: Store, _work: Path) -> None:
    """Leave what a killed process leaves."""
    folder = store.environments.folder / f"{PLACE}-0" / "lib"
    folder.mkdir(parents=True)
    (folder / "x.py").write_text("x")


def _use_environment(store: Store, _work: Path) -> None:
    place = store.environments.take(PLACE)
    if place is None:
        return
    try:
        place.path.mkdir()
        (place.path / "x.py").write_text("y")
        shutil.rmtree(place.path)
    finally:
        place.give_back()


def _check_environment(store: Store, _work: Path) -> None:
    place = store.environments.take(PLACE)
    assert place is not None
    assert place.path.name == f"{PLACE}-0"
    assert not place.path.exists()
    place.give_back()


def _remove_environments(store: Store, _work: Path) -> None:
    store.environments.remove_unused()


def _check_no_environments(store: Store, _work: Path) -> None:
    assert list(store.environments.folder.iterdir()) == []


# What is read.


def read_all(store: Store, work: Path) -> Iterator[Callable[[], object]]:
    """Go through all that is read of a filled store: each may raise OSError, or return less than there is."""
    place = work / "read"
    place.mkdir(exist_ok=True)
    digest = filled.digest_in(work)
    members, bytecode = filled.members_of(filled.wheel_in(work)), {"alpha/__init__.py": b"bytecode of alpha"}

    def place_wheels() -> None:
        for entry in store.find_entries(filled.KEYS["alpha"]):
            placed = store.place_wheel(entry, place)
            assert placed is None or placed.read_bytes() == filled.wheel_in(work).read_bytes()

    def read_metadata() -> None:
        for found in store.find_metadata(filled.KEYS["alpha"]):
            assert found.files == filled.METADATA

    def read_trees() -> None:
        found = [(store.trees.find(digest, filled.KIND), members)]
        found.append((store.trees.find_bytecode(digest, filled.KIND), bytecode))
        for tree, wanted in found:
            for name in tree.files if tree is not None else ():
                located = tree.locate(name) if tree is not None else None
                assert located is None or Path(located).read_bytes() == wanted[name]

    def read_resolution() -> None:
        assert store.resolutions.find(filled.RESOLUTION) in (None, filled.CHOSEN)

    def read_log() -> None:
        assert {line.get("project") for line in store.log} <= {*filled.KEYS, None}
        assert filled.count(store) <= filled.LINES_SO_FAR * len(filled.KEYS)

    yield from [place_wheels, read_metadata, read_trees, read_resolution, read_log]
    yield store.must_be_bounded
    yield lambda: contents.find_wheels(store, "*")
    yield lambda: contents.size_of_trees(store)
    yield lambda: contents.can_remove(store)
    yield lambda: pruning.choose(pruning.collect(store), pruning.Limits(max_bytes=0))
    yield lambda: inventory.describe(store, store.wheels)
    yield lambda: list(verifying.find_problems(store))
    yield lambda: store.trees.weigh(digest)


def _read(store: Store, work: Path) -> None:
    for read in read_all(store, work):
        with contextlib.suppress(OSError):
            read()


OPERATIONS: Mapping[str, Operation] = {
    "store-wheel": Operation(run=_only("alpha", filled.add_wheel), check=filled.check_wheel),
    "store-wheel-over-damaged": Operation(
        prepare=_prepare_damaged_wheel, run=_only("alpha", filled.add_wheel), check=filled.check_wheel
    ),
    "store-metadata": Operation(
        run=lambda store, _work: filled.add_metadata(store), check=lambda store, _work: filled.check_metadata(store)
    ),
    "unpack": Operation(run=_only("alpha", filled.add_tree), check=filled.check_tree),
    "unpack-over-damaged": Operation(
        prepare=_prepare_damaged_tree, run=_only("alpha", filled.add_tree), check=filled.check_tree
    ),
    "store-bytecode": Operation(
        prepare=_prepare_tree, run=_only("alpha", filled.add_bytecode), check=filled.check_bytecode
    ),
    "store-resolution": Operation(
        prepare=_prepare_other_resolution,
        run=lambda store, _work: filled.add_resolution(store),
        check=lambda store, _work: filled.check_resolution(store),
    ),
    "store-all-shared": Operation(run=_keep_all, check=_check_shared, is_shared=True),
    "hold": Operation(run=_hold, check=_hold),
    "log": Operation(run=lambda store, _work: filled.append(store), check=lambda store, _work: _check_logged(store)),
    "log-turned-over": Operation(
        prepare=_prepare_full_log, run=lambda store, _work: filled.append(store), check=_check_log
    ),
    "reset-counts": Operation(prepare=lambda store, _work: filled.fill_log(store), run=_reset, check=_check_reset),
    "set-entry-aside": Operation(prepare=_prepare_damaged_entry, run=_find, check=_check_set_aside),
    "set-wheel-aside": Operation(prepare=_prepare_damaged_wheel, run=_place, check=_check_placed),
    "remove": Operation(prepare=filled.fill, run=_remove, check=_check_removed),
    "purge": Operation(prepare=filled.fill_with_one, run=_purge, check=_check_purged),
    "prune": Operation(prepare=filled.fill_with_one, run=_prune, check=_nothing_found),
    "keep-bound": Operation(prepare=filled.fill_with_one, run=_keep_bound, check=_nothing_found),
    "repair": Operation(prepare=_prepare_damage, run=_repair, check=_check_repaired),
    "use-environment": Operation(prepare=_prepare_environment, run=_use_environment, check=_check_environment),
    "remove-environments": Operation(
        prepare=_prepare_environment, run=_remove_environments, check=_check_no_environments
    ),
    "read": Operation(prepare=filled.fill, run=_read, check=filled.check_all),
}


def _check_logged(store: Store) -> None:
    assert filled.count(store) in {1, 2}
