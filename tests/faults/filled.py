"""A store with something of every kind in it, and what it has to give."""

from __future__ import annotations

import dataclasses
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.files import sha256_of
from tests.factories import make_wheel
from tests.unit.keys.samples import CONDITIONS, INPUTS, RECORD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipcache_plugin.store.store import Entry, Store

KEYS = {"alpha": "ab" * 32, "beta": "cd" * 32}
"""The build key of each project."""

RESOLUTION = "ef" * 32
CHOSEN = ["12" * 32, "34" * 32]
KIND = "cpython-312-00"
METADATA = {"METADATA": b"Metadata-Version: 2.1\n", "licenses/LICENSE": b"as you like\n"}
LINES_SO_FAR = 7
"""Of the log, for each project of a filled store."""


def make_wheels(folder: Path) -> None:
    """Write the wheels of all projects, in a fixed order and with fixed bytes."""
    for name in KEYS:
        make_wheel(folder, name=name, files={f"{name}/__init__.py": f"NAME = {name!r}\n" * 50})


def wheel_in(folder: Path, name: str = "alpha") -> Path:
    """Return the wheel of a project."""
    return folder / f"{name}-1.0-py3-none-any.whl"


def digest_in(folder: Path, name: str = "alpha") -> str:
    """Return the SHA-256 of that."""
    return sha256_of(wheel_in(folder, name))


def members_of(wheel: Path) -> Mapping[str, bytes]:
    """Return what is in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def record_of(name: str) -> dict[str, object]:
    """Return the record of a project's wheel."""
    return dict(dataclasses.replace(RECORD, project=name).to_dict())


def add_wheel(store: Store, work: Path, name: str = "alpha") -> Entry:
    """Store a wheel with its entry."""
    return store.add_wheel(KEYS[name], wheel_in(work, name), record_of(name), INPUTS.to_dict())


def add_metadata(store: Store, name: str = "alpha") -> None:
    """Store prepared metadata."""
    store.add_metadata(KEYS[name], f"{name}-1.0.dist-info", METADATA, CONDITIONS.to_dict())


def add_tree(store: Store, work: Path, name: str = "alpha") -> None:
    """Store an unpacked wheel."""
    store.trees.add(digest_in(work, name), wheel_in(work, name))


def add_bytecode(store: Store, work: Path, name: str = "alpha") -> None:
    """Store the bytecode of an unpacked wheel."""

    def make(folder: Path) -> None:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_bytes(b"bytecode of " + name.encode())

    store.trees.add_bytecode(digest_in(work, name), KIND, make)


def add_resolution(store: Store) -> None:
    """Store what an installation of build requirements chose."""
    store.resolutions.put(RESOLUTION, CHOSEN, 4e9)


def append(store: Store, name: str = "alpha") -> None:
    """Add a line to the log, that a wheel was found."""
    store.log.append({"outcome": "hit", "project": name, "time_ns": time.time_ns(), "build_seconds": 2.0})


def fill_log(store: Store) -> None:
    """Log so much that the log was turned over, and some lines are in the counts alone."""
    for _ in range(LINES_SO_FAR):
        append(store)


def fill_with_one(store: Store, work: Path, name: str = "alpha") -> None:
    """Put a project into a store: wheel, metadata, tree and bytecode; a resolution, a log and its counts.

    :param work: the folder of the wheels.
    """
    add_wheel(store, work, name)
    add_metadata(store, name)
    add_tree(store, work, name)
    add_bytecode(store, work, name)
    add_resolution(store)
    fill_log(store)


def fill(store: Store, work: Path) -> None:
    """Put all projects into a store; see ``fill_with_one``."""
    for name in KEYS:
        fill_with_one(store, work, name)


def check_wheel(store: Store, work: Path, name: str = "alpha") -> None:
    """Assert that a wheel is found, and is right."""
    entry = store.find_entries(KEYS[name])[0]
    assert entry.record == record_of(name)
    place = work / "placed"
    place.mkdir(exist_ok=True)
    placed = store.place_wheel(entry, place)
    assert placed is not None
    assert placed.read_bytes() == wheel_in(work, name).read_bytes()
    placed.unlink()


def check_metadata(store: Store, name: str = "alpha") -> None:
    """Assert that metadata are found, and are right."""
    found = store.find_metadata(KEYS[name])[0]
    assert (found.dist_info, found.files) == (f"{name}-1.0.dist-info", METADATA)


def check_tree(store: Store, work: Path, name: str = "alpha") -> None:
    """Assert that a tree is found, and is right."""
    tree = store.trees.find(digest_in(work, name))
    assert tree is not None
    members = members_of(wheel_in(work, name))
    assert {file: Path(tree.locate(file) or "").read_bytes() for file in tree.files} == members


def check_bytecode(store: Store, work: Path, name: str = "alpha") -> None:
    """Assert that bytecode is found, and is right."""
    tree = store.trees.find_bytecode(digest_in(work, name), KIND)
    assert tree is not None
    found = {file: Path(tree.locate(file) or "").read_bytes() for file in tree.files}
    assert found == {f"{name}/__init__.py": b"bytecode of " + name.encode()}


def check_resolution(store: Store) -> None:
    """Assert that a resolution is found, and is right."""
    assert store.resolutions.find(RESOLUTION) == CHOSEN


def count(store: Store) -> int:
    """Return how many lines the log had, those that it has lost for the counts included."""
    return sum(one.hits for one in store.log.counts.by_project(store.log).values())


def check_all(store: Store, work: Path) -> None:
    """Assert that all of what ``fill`` has stored is found."""
    for name in KEYS:
        check_wheel(store, work, name)
        check_metadata(store, name)
        check_tree(store, work, name)
        check_bytecode(store, work, name)
    check_resolution(store)
    assert count(store) == LINES_SO_FAR * len(KEYS)
