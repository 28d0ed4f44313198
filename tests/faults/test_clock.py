"""A clock that jumps: what is in a store may be from the future, and is used, counted and taken out all the same."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.management import bound, contents, inventory, pruning, verifying
from pipcache_plugin.management.explain import Decision
from pipcache_plugin.management.survey import Kind
from tests.faults import filled, invariants

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

YEAR_SECONDS = 366 * 86_400

JUMPS = pytest.mark.parametrize("jump_seconds", [YEAR_SECONDS, -YEAR_SECONDS, 60 * YEAR_SECONDS], ids=str)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a folder with the wheels."""
    filled.make_wheels(tmp_path / "work")
    return tmp_path / "work"


def jump(patched: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the clock be wrong."""
    now, now_ns = time.time, time.time_ns
    patched.setattr(time, "time", lambda: now() + seconds)
    patched.setattr(time, "time_ns", lambda: now_ns() + int(seconds * 1e9))


def fill_at(store: Store, work: Path, seconds: float) -> None:
    """Fill a store while the clock is wrong."""
    with pytest.MonkeyPatch.context() as patched:
        jump(patched, seconds)
        filled.fill(store, work)
    for folder, name in [("entries", "*/*/*.json"), ("metadata", "*/*/*.json"), ("wheels", "*/*/*.whl")]:
        for path in (store.root / folder).glob(name):
            os.utime(path, (time.time() + seconds,) * 2)
    for tree in store.trees:
        os.utime(tree.folder.parent / "manifest.json", (time.time() + seconds,) * 2)


@JUMPS
def test_all_of_it_is_found(store: Store, work: Path, jump_seconds: int) -> None:
    """When something was stored makes no difference to whether it is right."""
    fill_at(store, work, jump_seconds)
    filled.check_all(store, work)
    assert list(verifying.find_problems(store)) == []
    assert list(invariants.check_invariants(store)) == []
    assert len(inventory.describe(store, store.wheels)) == len(filled.KEYS)
    assert all("ago" in str(Decision(content={**line, "built_ns": 1})) for line in store.log)


@JUMPS
def test_what_comes_later_is_stored_beside(store: Store, work: Path, jump_seconds: int) -> None:
    """And everything can be stored again."""
    fill_at(store, work, jump_seconds)
    filled.fill(store, work)
    entries = store.find_entries(filled.KEYS["alpha"])
    assert len(entries) == 2
    assert filled.count(store) == 2 * filled.LINES_SO_FAR * len(filled.KEYS)
    filled.check_wheel(store, work)


@JUMPS
def test_pruning(store: Store, work: Path, jump_seconds: int) -> None:
    """What is from the future is new, what is from the past is old, and for want of room all of it goes."""
    fill_at(store, work, jump_seconds)
    pieces = pruning.collect(store)
    old = pruning.choose(pieces, pruning.Limits(older_than_seconds=30 * 86_400))
    kinds = {Kind.WHEEL, Kind.TREE, Kind.METADATA}
    assert ({piece.kind for piece in old} >= kinds) is (jump_seconds < 0)
    invariants.prune(store, 0)
    assert not [*store.wheels, *store.trees, *store.iter_entries()]
    contents.purge(store)


@pytest.mark.parametrize("age_seconds", [-YEAR_SECONDS, 2 * 86_400])
def test_leftovers_go(store: Store, work: Path, age_seconds: float) -> None:
    """One of a process that was killed, when the clock was wrong or long ago."""
    filled.fill(store, work)
    left = store.root / "wheels" / ".tmp-1-abc"
    left.write_text("half")
    invariants.prune(store)
    assert left.exists()
    os.utime(left, (time.time() - age_seconds,) * 2)
    invariants.prune(store)
    assert not left.exists()
    filled.check_wheel(store, work)


@pytest.mark.parametrize("age_seconds", [-YEAR_SECONDS, -60, YEAR_SECONDS])
def test_bound_from_another_time(store: Store, work: Path, age_seconds: float) -> None:
    """Looked at in the future, it is looked at again now, and then not before tomorrow."""
    filled.fill(store, work)
    bound.keep(store, 10**9)
    assert not store.must_be_bounded()
    os.utime(store.bound, (time.time() - age_seconds,) * 2)
    assert store.must_be_bounded()
    bound.keep(store, 0)
    assert list(store.wheels) == []
    assert not store.must_be_bounded()


@JUMPS
def test_statistics(store: Store, jump_seconds: int) -> None:
    """They count what the log has, and begin anew whenever they are told to."""
    filled.append(store)
    with pytest.MonkeyPatch.context() as patched:
        jump(patched, jump_seconds)
        filled.append(store)
        assert filled.count(store) == 2
        store.log.counts.reset()
        filled.append(store)
        assert filled.count(store) >= 1
    before = filled.count(store)
    filled.append(store)
    assert filled.count(store) == before + 1
    store.log.counts.reset()
    filled.append(store)
    # What is from the future is not from before.
    assert 1 <= filled.count(store) <= 3


def test_unpacked_while_the_clock_was_wrong(store: Store, work: Path) -> None:
    """Files have the time of the clock, and are as they were stored."""
    for seconds in [YEAR_SECONDS, -YEAR_SECONDS]:
        with pytest.MonkeyPatch.context() as patched:
            jump(patched, seconds)
            filled.add_tree(store, work)
            filled.add_bytecode(store, work)
        filled.check_tree(store, work)
        filled.check_bytecode(store, work)
        store.trees.touch(filled.digest_in(work))
        filled.check_tree(store, work)
        contents.purge(store)
