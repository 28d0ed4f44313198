"""What holding a lock means: one process at a time, for as long as it is alive, and never at the price of an error."""

from __future__ import annotations

import errno
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipcache_plugin.store import locks
from pipcache_plugin.store.locks import HELD, hold, remove_unheld, try_to_hold

HOLDER = """
import pathlib, subprocess, sys
from pipcache_plugin.store.locks import hold
with hold(pathlib.Path(sys.argv[1]), lambda: print("waiting", flush=True)):
    print("holding", flush=True)
    if "with-child" in sys.argv:
        child = subprocess.Popen(["sleep", "30"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        print(child.pid, flush=True)
    sys.stdin.readline()
print("released", flush=True)
"""

COUNTER = """
import pathlib, sys, time
from pipcache_plugin.store.locks import hold
lock, counter = map(pathlib.Path, sys.argv[1:])
for _ in range(5):
    with hold(lock, lambda: None):
        number = int(counter.read_text())
        time.sleep(0.002)
        counter.write_text(str(number + 1))
"""

PATIENCE_SECONDS = 30

DESCRIPTORS = Path("/proc/self/fd")


class Holder:
    """Another process that holds a lock until it is told to let go."""

    def __init__(self, lock: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(lock), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._stdin, self._stdout = self.process.stdin, self.process.stdout

    def says(self, timeout_seconds: float = PATIENCE_SECONDS) -> str | None:
        """Return its next line, or ``None`` when there is none within the time."""
        readable, _, _ = select.select([self._stdout], [], [], timeout_seconds)
        return self._stdout.readline().decode().strip() if readable else None

    def let_go(self) -> None:
        """Make it leave the block."""
        self._stdin.write(b"\n")

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        """Leave nothing of it behind."""
        self.kill()
        self._stdin.close()
        self._stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Holder]]:
    """Return a function that starts a process to hold the test's lock; all of them end with the test."""
    with ExitStack() as stack:

        def start_holder(*options: str) -> Holder:
            holder = Holder(tmp_path / "locks" / "key", *options)
            stack.callback(holder.close)
            return holder

        yield start_holder


def never() -> None:
    """Stand for the message that nobody must see."""
    message = "nobody else holds the lock"
    raise AssertionError(message)


class TestProcesses:
    """Between processes."""

    def test_free_lock_is_held_at_once(self, start: Callable[..., Holder]) -> None:
        """Who is alone does not wait, and is not told that it does."""
        assert start().says() == "holding"

    def test_second_waits_for_the_first(self, start: Callable[..., Holder]) -> None:
        """It is told so once, and holds as soon as the first lets go."""
        first = start()
        assert first.says() == "holding"
        second = start()
        assert second.says() == "waiting"
        assert second.says(timeout_seconds=0.3) is None
        first.let_go()
        assert first.says() == "released"
        assert second.says() == "holding"

    def test_killed_holder_is_taken_over_from(self, start: Callable[..., Holder]) -> None:
        """The operating system lets go of what a dead process held."""
        first = start()
        assert first.says() == "holding"
        second = start()
        assert second.says() == "waiting"
        first.kill()
        assert second.says() == "holding"

    def test_children_of_a_killed_holder_hold_nothing(self, start: Callable[..., Holder]) -> None:
        """A compiler that outlives its build does not keep others from building."""
        first = start("with-child")
        assert first.says() == "holding"
        child = int(first.says() or "0")
        try:
            first.kill()
            assert start().says() == "holding"
        finally:
            os.kill(child, 9)

    def test_killed_waiter_is_forgotten(self, start: Callable[..., Holder]) -> None:
        """A third gets the lock although the second in line died."""
        first, second, third = start(), start(), start()
        holders = sorted([first, second, third], key=lambda holder: holder.says() != "holding")
        holders[1].kill()
        holders[0].let_go()
        assert holders[2].says() == "holding"

    def test_never_two_at_a_time(self, tmp_path: Path) -> None:
        """Four processes that read and write one number lose no update."""
        counter = tmp_path / "counter"
        counter.write_text("0")
        command = [sys.executable, "-c", COUNTER, str(tmp_path / "lock"), str(counter)]
        processes = [subprocess.Popen(command) for _ in range(4)]
        assert [process.wait(PATIENCE_SECONDS) for process in processes] == [0] * 4
        assert counter.read_text() == "20"


class TestThreads:
    """Within a process, where builds run in parallel."""

    def test_second_thread_waits_for_the_first(self, tmp_path: Path) -> None:
        """Two threads are as two processes."""
        waiting, holding = threading.Event(), threading.Event()

        def hold_it() -> None:
            with hold(tmp_path / "lock", waiting.set):
                holding.set()

        thread = threading.Thread(target=hold_it)
        with hold(tmp_path / "lock", never):
            thread.start()
            assert waiting.wait(PATIENCE_SECONDS)
            assert not holding.is_set()
        thread.join(PATIENCE_SECONDS)
        assert holding.is_set()


class TestOneProcess:
    """One after the other."""

    def test_lock_can_be_held_again(self, tmp_path: Path) -> None:
        """Leaving the block lets go, in the same process as well."""
        for _ in range(2):
            with hold(tmp_path / "lock", never):
                pass

    def test_failure_inside_lets_go_and_passes(self, tmp_path: Path) -> None:
        """A build that fails does not block the next."""
        with pytest.raises(ZeroDivisionError), hold(tmp_path / "lock", never):
            raise ZeroDivisionError
        with hold(tmp_path / "lock", never):
            pass

    def test_lock_file_stays_and_is_empty(self, tmp_path: Path) -> None:
        """Others take it out, now and then."""
        with hold(tmp_path / "a" / "b" / "lock", never):
            pass
        assert (tmp_path / "a" / "b" / "lock").read_bytes() == b""

    @pytest.mark.skipif(not DESCRIPTORS.exists(), reason="this platform does not list open files")
    def test_descriptors_do_not_pile_up(self, tmp_path: Path) -> None:
        """Fifty locks leave no file open."""
        before = len(list(DESCRIPTORS.iterdir()))
        for number in range(50):
            with hold(tmp_path / str(number), never):
                pass
        assert len(list(DESCRIPTORS.iterdir())) == before


class TestUnlockablePlaces:
    """Where nothing can be locked, nobody waits, and nothing fails."""

    def test_place_below_a_file(self, tmp_path: Path) -> None:
        """No folder, no lock file: both hold it at once."""
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "lock"
        with hold(path, never), hold(path, never):
            pass

    @pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EMFILE])
    def test_lock_file_that_cannot_be_made(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        """Somebody else's folder, a read-only or full file system."""

        def refuse(*_args: object) -> int:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patched:
            patched.setattr(os, "open", refuse)
            with hold(tmp_path / "lock", never):
                pass

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_folder_without_write_permission(self, tmp_path: Path) -> None:
        """A store that was mounted to be read."""
        tmp_path.chmod(0o555)
        with hold(tmp_path / "lock", never):
            pass

    @pytest.mark.parametrize("name", ["ENOLCK", "ENOSYS", "EOPNOTSUPP", "EINVAL"])
    def test_file_system_without_locks(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """Some network file systems have none."""
        fcntl = pytest.importorskip("fcntl")

        def refuse(*_args: object) -> None:
            raise OSError(getattr(errno, name), name)

        monkeypatch.setattr(fcntl, "flock", refuse)
        with hold(tmp_path / "lock", never), hold(tmp_path / "lock", never):
            pass

    def test_other_failure_is_no_silent_success(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A disk that fails is not a file system without locks."""
        fcntl = pytest.importorskip("fcntl")

        def fail(*_args: object) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(fcntl, "flock", fail)
        with pytest.raises(OSError, match="Input/output error"), hold(tmp_path / "lock", never):
            pytest.fail("the lock is not held")


class TestTryToHold:
    """``try_to_hold``: at once, or not at all."""

    def test_free_lock_is_held_until_it_is_closed(self, tmp_path: Path) -> None:
        """Nobody else gets it meanwhile, in this process either."""
        descriptor = try_to_hold(tmp_path / "locks" / "key")
        assert descriptor is not None
        assert descriptor >= 0
        assert try_to_hold(tmp_path / "locks" / "key") == HELD
        os.close(descriptor)
        with hold(tmp_path / "locks" / "key", never):
            assert try_to_hold(tmp_path / "locks" / "key") == HELD

    def test_lock_of_another_process(self, tmp_path: Path, start: Callable[..., Holder]) -> None:
        """Not to be had, until that process is dead."""
        holder = start()
        assert holder.says() == "holding"
        assert try_to_hold(tmp_path / "locks" / "key") == HELD
        holder.kill()
        descriptor = try_to_hold(tmp_path / "locks" / "key")
        assert descriptor is not None
        assert descriptor >= 0
        os.close(descriptor)

    def test_children_do_not_hold_it(self, tmp_path: Path) -> None:
        """A process that was started meanwhile, and outlives us, has nothing of it."""
        descriptor = try_to_hold(tmp_path / "lock")
        assert descriptor is not None
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False) as child:
            os.close(descriptor)
            # The system may close what a new program does not get a moment after it has begun.
            with hold(tmp_path / "lock", lambda: None):
                assert child.poll() is None
            child.communicate(b"\n")

    def test_place_below_a_file(self, tmp_path: Path) -> None:
        """Where there can be no lock file there is no lock."""
        (tmp_path / "file").touch()
        assert try_to_hold(tmp_path / "file" / "lock") is None

    @pytest.mark.skipif(not DESCRIPTORS.exists(), reason="this platform does not list open files")
    @pytest.mark.parametrize("name", ["ENOLCK", "ENOSYS", "EOPNOTSUPP", "EINVAL", "EIO"])
    def test_file_system_without_locks(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """Who asks has to know that there is no lock; and no file stays open."""
        fcntl = pytest.importorskip("fcntl")

        def refuse(*_args: object) -> None:
            raise OSError(getattr(errno, name), name)

        monkeypatch.setattr(fcntl, "flock", refuse)
        before = len(list(DESCRIPTORS.iterdir()))
        assert try_to_hold(tmp_path / "lock") is None
        assert len(list(DESCRIPTORS.iterdir())) == before

    @pytest.mark.skipif(not DESCRIPTORS.exists(), reason="this platform does not list open files")
    def test_asking_in_vain_leaves_no_file_open(self, tmp_path: Path) -> None:
        """However often."""
        with hold(tmp_path / "lock", never):
            before = len(list(DESCRIPTORS.iterdir()))
            assert {try_to_hold(tmp_path / "lock") for _ in range(20)} == {HELD}
            assert len(list(DESCRIPTORS.iterdir())) == before


REMOVER = """
import pathlib, sys
from pipcache_plugin.store.locks import remove_unheld
print("removing", flush=True)
while not pathlib.Path(sys.argv[2]).exists():
    remove_unheld(pathlib.Path(sys.argv[1]))
"""


class TestRemoveUnheld:
    """``remove_unheld``: lock files do not pile up, and there are never two of a name that are held."""

    def test_lock_that_nobody_holds(self, tmp_path: Path) -> None:
        """It goes; done twice is a no-op."""
        with hold(tmp_path / "lock", never):
            pass
        for _ in range(2):
            remove_unheld(tmp_path / "lock")
            assert not (tmp_path / "lock").exists()

    def test_lock_that_is_held(self, tmp_path: Path, start: Callable[..., Holder]) -> None:
        """It stays, in this process and in others."""
        holder = start()
        assert holder.says() == "holding"
        remove_unheld(tmp_path / "locks" / "key")
        assert (tmp_path / "locks" / "key").exists()
        with hold(tmp_path / "lock", never):
            remove_unheld(tmp_path / "lock")
            assert try_to_hold(tmp_path / "lock") == HELD

    def test_lock_that_goes_before_it_is_locked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who has opened it takes the next one, which others see."""
        path, count = tmp_path / "lock", 0
        lock = locks._try_to_lock

        def lock_late(descriptor: int, *, is_strict: bool = False) -> bool:
            nonlocal count
            count += 1
            if count < 3:
                path.unlink()
            return lock(descriptor, is_strict=is_strict)

        monkeypatch.setattr(locks, "_try_to_lock", lock_late)
        with hold(path, never):
            assert count == 3
            assert try_to_hold(path) == HELD
        count = 0
        descriptor = try_to_hold(path)
        assert descriptor is not None
        assert try_to_hold(path) == HELD
        os.close(descriptor)

    def test_file_system_that_does_not_know_its_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody waits for ever."""
        monkeypatch.setattr(os.path, "samestat", lambda *_args: False)
        with hold(tmp_path / "lock", never):
            pass
        assert try_to_hold(tmp_path / "lock") is None

    def test_never_two_at_a_time(self, tmp_path: Path) -> None:
        """Four processes that read and write one number lose no update while a fifth takes out the lock."""
        counter, over = tmp_path / "counter", tmp_path / "over"
        counter.write_text("0")
        command = [sys.executable, "-c", REMOVER, str(tmp_path / "lock"), str(over)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as remover:
            assert remover.stdout is not None
            assert remover.stdout.readline() == "removing\n"
            command = [sys.executable, "-c", COUNTER, str(tmp_path / "lock"), str(counter)]
            processes = [subprocess.Popen(command) for _ in range(4)]
            assert [process.wait(PATIENCE_SECONDS) for process in processes] == [0] * 4
            over.touch()
        assert counter.read_text() == "20"
