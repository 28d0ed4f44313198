"""Locks of processes that are dead, stopped, or have left their lock files: whoever is alive goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.management import bound, contents
from pipcache_plugin.store import log
from tests.faults import filled, invariants

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

PLACE = "0123456789abcdef"
PATIENCE_SECONDS = 30

_HOLD = """
import pathlib, sys, time
from pipcache_plugin.store import locks
from pipcache_plugin.store.store import Store
store = Store(pathlib.Path(sys.argv[1]))
place = store.environments.take(sys.argv[3])
(place.path / "lib").mkdir(parents=True)
held = [locks.try_to_hold(store.bound, store.root), locks.try_to_hold(store.root / "locks" / "log", store.root)]
with store.hold(sys.argv[2], lambda: None):
    print("holding", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def work(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fill the store, and return a folder with the wheels."""
    monkeypatch.setattr(log, "_LARGEST_BYTES", 250)
    filled.make_wheels(tmp_path / "work")
    filled.fill(store, tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def holder(store: Store, work: Path) -> Iterator[subprocess.Popen[str]]:
    """Return a process that holds a key, a place, the bound and the log."""
    command = [sys.executable, "-c", _HOLD, str(store.root), filled.KEYS["alpha"], PLACE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        yield process
        process.kill()


class Waiter(threading.Thread):
    """Another one that wants the key."""

    def __init__(self, store: Store) -> None:
        super().__init__(daemon=True)
        self._store = store
        self.waits = threading.Event()
        self.start()

    def run(self) -> None:
        """Wait for the key, and let it go."""
        with self._store.hold(filled.KEYS["alpha"], self.waits.set):
            pass


def use_all(store: Store, work: Path) -> None:
    """Do what needs no lock that others hold: all but to build the key that is being built."""
    filled.add_wheel(store, work)
    filled.check_wheel(store, work)
    for _ in range(5):
        filled.append(store)
    with store.hold(filled.KEYS["beta"], lambda: None):
        pass


def test_stopped_and_then_killed(store: Store, work: Path, holder: subprocess.Popen[str]) -> None:
    """Who builds the same waits, and nobody else; when it is killed, all of what it had is free."""
    holder.send_signal(signal.SIGSTOP)
    before = filled.count(store)
    use_all(store, work)
    os.utime(store.bound, (0, 0))
    bound.keep(store, 0)
    assert len(list(store.wheels)) == len(filled.KEYS), "somebody is at it"
    place = store.environments.take(PLACE)
    assert place is not None
    assert place.path.name == f"{PLACE}-1"
    place.give_back()
    contents.remove_unheld_locks(store)
    store.environments.remove_unused()
    assert (store.environments.folder / f"{PLACE}-0").exists()
    waiter = Waiter(store)
    assert waiter.waits.wait(PATIENCE_SECONDS)
    holder.kill()
    holder.wait()
    waiter.join(PATIENCE_SECONDS)
    assert not waiter.is_alive()
    use_all(store, work)
    assert filled.count(store) == before + 10
    assert sum(file.stat().st_size for file in store.log.folder.glob("decisions*")) < 800
    place = store.environments.take(PLACE)
    assert place is not None
    assert place.path.name == f"{PLACE}-0"
    assert not place.path.exists()
    place.give_back()
    bound.keep(store, 0)
    assert list(store.wheels) == []


def test_purged_while_held(store: Store, work: Path, holder: subprocess.Popen[str]) -> None:
    """What is in use stays; who waits gets it from whoever has it, and not beside that one."""
    waiter = Waiter(store)
    assert waiter.waits.wait(PATIENCE_SECONDS)
    contents.purge(store)
    assert (store.environments.folder / f"{PLACE}-0").exists()
    late = Waiter(store)
    assert late.waits.wait(PATIENCE_SECONDS)
    assert waiter.is_alive()
    holder.kill()
    holder.wait()
    for thread in [waiter, late]:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
    contents.purge(store)
    assert invariants.find_leftovers(store) == []


def test_lock_files_that_are_left(store: Store, work: Path) -> None:
    """Of whatever content and age, they are nobody's."""
    folder = store.root / "locks"
    names = [filled.KEYS["alpha"], "log", "bound", f"environments/{PLACE}-0", "somebody else's"]
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("left")
        os.utime(path, (0, 0))
    waiter = Waiter(store)
    waiter.join(PATIENCE_SECONDS)
    assert not waiter.waits.is_set()
    use_all(store, work)
    place = store.environments.take(PLACE)
    assert place is not None
    assert place.path.name == f"{PLACE}-0"
    place.give_back()
    bound.keep(store, 0)
    assert list(store.wheels) == []
