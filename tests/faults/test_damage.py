"""Every kind of file in a store, damaged in every way: it is not used, it is found, and it is replaced."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from pipcache_plugin.management import contents, inventory, pruning, verifying
from pipcache_plugin.store import log
from pipcache_plugin.store.store import Store
from tests.faults import filled, invariants
from tests.faults.operations import read_all
from tests.unit.faults import DAMAGES, flip_bit_in_silence, swap

KINDS: Mapping[str, str] = {
    "wheel": "wheels/*/*/{name}-*.whl",
    "entry": "entries/*/{key}/*.json",
    "metadata": "metadata/*/{key}/*.json",
    "manifest": "trees/*/{digest}*/manifest.json",
    "unpacked-file": "trees/*/{digest}*/files/{name}/__init__.py",
    "bytecode-manifest": "trees/*/{digest}*/bytecode/*/manifest.json",
    "bytecode": "trees/*/{digest}*/bytecode/*/files/{name}/__init__.py",
    "resolution": "resolutions/*/{resolution}/*.json",
    "log": "log/decisions.jsonl",
    "older-log": "log/decisions.jsonl.1",
    "counts": "log/counts.json",
}
"""Where the file of a project is, below the root."""

OTHERS = {
    "resolution": KINDS["metadata"],
    "log": KINDS["counts"],
    "older-log": KINDS["log"],
    "counts": KINDS["older-log"],
}
"""What a file is swapped with, of which there is one kind of its own."""

LOGS = {"log", "older-log", "counts"}
"""What is lost of these is lost: nothing depends on it."""


@pytest.fixture(scope="module")
def begin(quick_folder: Path) -> Path:
    """Return a folder with a filled store, and with the wheels in it, for all tests to copy."""
    folder = quick_folder / "begin"
    filled.make_wheels(folder / "work")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(log, "_LARGEST_BYTES", 250)
        filled.fill(Store(folder / "store"), folder / "work")
    return folder


@pytest.fixture
def work(begin: Path) -> Iterator[Path]:
    """Return a folder with the wheels; the store is beside it."""
    folder = begin.with_name("damaged")
    shutil.copytree(begin, folder)
    yield folder / "work"
    shutil.rmtree(folder)


@pytest.fixture
def store(work: Path) -> Store:
    """Return a filled store."""
    return Store(work.parent / "store")


def find_file(store: Store, work: Path, pattern: str, name: str = "alpha") -> Path:
    """Return the file of a kind, of a project."""
    digest = filled.digest_in(work, name)
    key = filled.KEYS[name]
    (path,) = store.root.glob(pattern.format(name=name, key=key, digest=digest, resolution=filled.RESOLUTION))
    return path


def do_damage(store: Store, work: Path, kind: str, damage: str) -> Path:
    """Damage a file of alpha's, or swap it with another, and return its path."""
    path = find_file(store, work, KINDS[kind])
    if damage == "swapped":
        swap(path, find_file(store, work, OTHERS.get(kind, KINDS[kind]), "alpha" if kind in OTHERS else "beta"))
    else:
        DAMAGES[damage](path)
    return path


kinds = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in LOGS])
all_kinds = pytest.mark.parametrize("kind", KINDS)
damages = pytest.mark.parametrize("damage", [*DAMAGES, "swapped"])


@all_kinds
@damages
def test_damaged_file_is_not_used(store: Store, work: Path, kind: str, damage: str) -> None:
    """All that is read is right, or is not there; nothing raises."""
    do_damage(store, work, kind, damage)
    for read in read_all(store, work):
        read()


def use(store: Store, work: Path, name: str) -> None:
    """Do what an installation does with a store: what is not found, or not as it should be, is stored again."""
    place = work / "place"
    place.mkdir(exist_ok=True)
    placed = [store.place_wheel(entry, place) for entry in store.find_entries(filled.KEYS[name])]
    if not any(placed):
        filled.add_wheel(store, work, name)
    if not store.find_metadata(filled.KEYS[name]):
        filled.add_metadata(store, name)
    if store.resolutions.find(filled.RESOLUTION) is None:
        filled.add_resolution(store)
    for _ in range(2):
        filled.add_tree(store, work, name)
        filled.add_bytecode(store, work, name)
        tree = store.trees.find(filled.digest_in(work, name))
        bytecode = store.trees.find_bytecode(filled.digest_in(work, name), filled.KIND)
        assert tree is not None
        assert bytecode is not None
        if not all(part.locate(file) for part in [tree, bytecode] for file in part.files):
            store.trees.remove(tree)


@kinds
@damages
def test_next_installation_repairs(store: Store, work: Path, kind: str, damage: str) -> None:
    """Afterwards, all is as it was before."""
    do_damage(store, work, kind, damage)
    for name in filled.KEYS:
        use(store, work, name)
    filled.check_all(store, work)


@kinds
@damages
def test_verification_repairs(store: Store, work: Path, kind: str, damage: str) -> None:
    """It finds what is wrong, and takes it out; the rest stays."""
    path = do_damage(store, work, kind, damage)
    problems = list(verifying.find_problems(store))
    assert any(path.name in str(problem) or path.parent.name in str(problem) for problem in problems), problems
    for problem in problems:
        verifying.repair(store, problem)
    # What led to a wheel is of no use without it.
    for problem in verifying.find_problems(store):
        verifying.repair(store, problem)
    assert list(verifying.find_problems(store)) == []
    assert list(invariants.check_invariants(store)) == []
    for name in filled.KEYS:
        use(store, work, name)
    filled.check_all(store, work)


@pytest.mark.parametrize("kind", ["wheel", "entry", "metadata", "unpacked-file", "bytecode", "resolution"])
def test_verification_reads_every_byte(store: Store, work: Path, kind: str) -> None:
    """A bit that a disk has lost leaves size and time as they were."""
    flip_bit_in_silence(find_file(store, work, KINDS[kind]), 5)
    assert len(list(verifying.find_problems(store))) == 1


@all_kinds
@damages
def test_damaged_store_is_looked_after(store: Store, work: Path, kind: str, damage: str) -> None:
    """It can be listed, measured, counted and pruned, to the last file."""
    do_damage(store, work, kind, damage)
    json.dumps(inventory.describe(store, store.wheels))
    contents.size_of_trees(store)
    filled.count(store)
    assert contents.can_remove(store)
    filled.append(store)
    store.log.counts.reset()
    filled.append(store)
    assert filled.count(store) <= 1
    for limits in [pruning.Limits(), pruning.Limits(is_for_ci=True), pruning.Limits(max_bytes=0)]:
        for piece in pruning.choose(pruning.collect(store), limits):
            pruning.remove(store, piece)
    invariants.make_old(store)
    invariants.prune(store, 0)
    assert not [path for path in invariants.iter_files(store) if not path.startswith(("log/", "locks/"))]
    contents.purge(store)
    # What a link led to is no file of ours.
    assert [path.name for path in store.log.folder.glob("*") if path.name != "nowhere"] == []


@pytest.mark.parametrize("damage", [*DAMAGES])
def test_everything_is_damaged(store: Store, work: Path, damage: str) -> None:
    """All files of a store at once: it is as good as empty, and is filled again."""
    damage_all(store, DAMAGES[damage])
    for read in read_all(store, work):
        read()
    for name in filled.KEYS:
        use(store, work, name)
        filled.check_wheel(store, work, name)
        filled.check_tree(store, work, name)
        filled.check_bytecode(store, work, name)
    filled.check_resolution(store)


def damage_all(store: Store, damage: Callable[[Path], None]) -> None:
    """Damage every file of a store."""
    for name in sorted(invariants.iter_files(store)):
        if os.path.lexists(store.root / name) and (store.root / name).stat().st_size:
            damage(store.root / name)
