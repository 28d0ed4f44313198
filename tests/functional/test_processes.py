"""Several processes at once: each key is built once, and nobody waits for the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.factories import Backend, make_sdist
from tests.functional.commands import ONE_BUILD, TIMEOUT_SECONDS, Commands

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index

Process = subprocess.Popen[str]

Start = Callable[[], Process]


@pytest.fixture
def start(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> Iterator[Start]:
    """Return a function that starts an install of ``simple`` into an environment of its own."""
    started: list[Process] = []

    def begin() -> Process:
        process = pipcache.start("install", "simple", *index.options, into=make_environment())
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def wait_for_hook(commands: Commands, name: str, count: int = 1) -> None:
    """Wait until the hook was called *count* times."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if commands.calls_file.exists() and commands.calls_file.read_text().split().count(name) >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"{name} was not called {count} times")


def finish(process: Process) -> str:
    """Wait for a process that has to succeed, and return what it said."""
    output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0, output
    return output


def test_two_at_once_build_once(index: Index, start: Start, pipcache: Commands) -> None:
    """Who comes second says that it waits, and uses what the first one built."""
    make_sdist(index.folder, backend=Backend(sleep_seconds=4))
    first = start()
    wait_for_hook(pipcache, "build_wheel")
    second = start()
    finish(first)
    assert "Waiting for another process" in finish(second)
    calls = pipcache.take_calls()
    assert calls["build_wheel"] == 1
    assert calls["prepare_metadata_for_build_wheel"] == 1


def test_eight_at_once_build_once(index: Index, start: Start, pipcache: Commands) -> None:
    """All succeed, with one ``build_wheel`` and one ``prepare_metadata_for_build_wheel`` among them."""
    make_sdist(index.folder, backend=Backend(sleep_seconds=1))
    processes = [start() for _ in range(8)]
    for process in processes:
        finish(process)
    calls = pipcache.take_calls()
    assert calls["build_wheel"] == 1
    assert calls["prepare_metadata_for_build_wheel"] == 1
    assert len(pipcache.wheels) == 1
    assert list(pipcache.leftovers()) == []


def test_killed_builder_is_replaced(index: Index, start: Start, pipcache: Commands) -> None:
    """Who waits takes over when the builder and its backend are killed."""
    make_sdist(index.folder, backend=Backend(sleep_seconds=4))
    first = start()
    wait_for_hook(pipcache, "build_wheel")
    second = start()
    time.sleep(1.5)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    finish(second)
    assert pipcache.take_calls()["build_wheel"] == 2
    assert len(pipcache.wheels) == 1


def test_killed_front_end_is_replaced(index: Index, start: Start, pipcache: Commands) -> None:
    """Who waits takes over when the builder is killed and its backend lives on, before the backend is done."""
    make_sdist(index.folder, backend=Backend(sleep_seconds=20))
    first = start()
    wait_for_hook(pipcache, "build_wheel")
    second = start()
    time.sleep(1.5)
    begun = time.monotonic()
    for pid in _front_ends(first.pid):
        os.kill(pid, signal.SIGKILL)
    wait_for_hook(pipcache, "build_wheel", 2)
    assert time.monotonic() - begun < 15
    for process in [first, second]:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _front_ends(root: int) -> list[int]:
    """Return the processes below *root* that are pip or us, and not a backend."""
    listed = subprocess.run(["ps", "-eww", "-o", "pid,pgid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()[1:]]
    mine = [(int(pid), args) for pid, group, args in rows if int(group) == root]
    found = [pid for pid, args in mine if "_in_process" not in args and "pip" in args]
    assert root in found
    assert len(found) < len(mine), "the backend runs"
    return found


def test_different_keys_do_not_wait(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """Two builds of one sdist with other settings run side by side."""
    make_sdist(index.folder, backend=Backend(sleep_seconds=3))
    processes = [
        pipcache.start("install", "simple", "-C", f"x={number}", *index.options, into=make_environment())
        for number in range(2)
    ]
    assert not any("Waiting" in finish(process) for process in processes)
    assert pipcache.take_calls()["build_wheel"] == 2


def test_failing_builder_lets_the_other_try(index: Index, start: Start, pipcache: Commands) -> None:
    """A build that fails in one process is tried in the other, which fails by itself."""
    make_sdist(index.folder, backend=Backend(fails_in="build_wheel"))
    for process in [start(), start()]:
        output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        assert process.returncode == 1
        assert "the backend failed as it was told to" in output
    assert pipcache.take_calls()["build_wheel"] == 2


def test_interrupt_leaves_nothing(index: Index, start: Start, pipcache: Commands) -> None:
    """Ctrl-C during a build leaves no temporary files and no half entry; the next run builds."""
    make_sdist(index.folder, backend=Backend(sleep_seconds=3))
    process = start()
    wait_for_hook(pipcache, "build_wheel")
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode != 0
    assert "Operation cancelled by user" in output
    assert list(pipcache.leftovers()) == []
    assert pipcache.wheels == []
    pipcache.take_calls()
    finish(start())
    assert pipcache.take_calls()["build_wheel"] == 1


def test_signal_to_the_command_alone(index: Index, start: Start, pipcache: Commands) -> None:
    """With ``--python`` as well, the process that was started is the one that works: it cleans up, then it ends."""
    make_sdist(index.folder, backend=Backend(sleep_seconds=20))
    process = start()
    wait_for_hook(pipcache, "build_wheel")
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 1
    assert "Operation cancelled by user" in output
    assert list(pipcache.leftovers()) == []


def test_interrupt_of_who_waits(index: Index, start: Start, pipcache: Commands) -> None:
    """Ctrl-C while waiting ends the wait at once, and leaves the builder alone."""
    make_sdist(index.folder, backend=Backend(sleep_seconds=6))
    first = start()
    wait_for_hook(pipcache, "build_wheel")
    second = start()
    time.sleep(2.5)
    os.killpg(second.pid, signal.SIGINT)
    begun = time.monotonic()
    second.communicate(timeout=TIMEOUT_SECONDS)
    assert time.monotonic() - begun < 3
    assert second.returncode != 0
    finish(first)
    assert pipcache.take_calls() == ONE_BUILD
    assert list(pipcache.leftovers()) == []
