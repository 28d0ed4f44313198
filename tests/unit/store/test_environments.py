"""Places for build environments: each for one at a time, the same path again when it is free."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipcache_plugin.store import locks
from pipcache_plugin.store.environments import Environments, Place

KEY = "0123456789abcdef"

HOLDER = """
import pathlib, sys, time
from pipcache_plugin.store.environments import Environments
place = Environments(pathlib.Path(sys.argv[1])).take(sys.argv[2])
place.path.mkdir()
print(place.path.name, flush=True)
time.sleep(60)
"""

DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return where the store is."""
    return tmp_path / "store"


@pytest.fixture
def environments(root: Path) -> Environments:
    """Return the places of an empty store."""
    return Environments(root)


@pytest.fixture
def holder(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Return another process, which has taken the first place and made a folder of it."""
    command = [sys.executable, "-c", HOLDER, str(root), KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{KEY}-0\n"
        yield process
        process.kill()


def take(environments: Environments, key: str = KEY) -> Place:
    """Take a place that is to be had."""
    place = environments.take(key)
    assert place is not None
    return place


class TestTake:
    """Taking and giving back."""

    def test_making_the_object_touches_nothing(self, environments: Environments, root: Path) -> None:
        """Folders appear with the first place."""
        environments.remove_unused()
        assert not root.exists()

    def test_path_is_the_documented_one(self, environments: Environments, root: Path) -> None:
        """It is not there yet; the folder around it is."""
        place = take(environments)
        assert place.path == root / "environments" / f"{KEY}-0"
        assert not place.path.exists()
        assert place.path.parent.is_dir()
        place.give_back()

    def test_second_place_while_the_first_is_held(self, environments: Environments, root: Path) -> None:
        """Within one process too; another key has first places of its own."""
        places = [take(environments), take(Environments(root)), take(environments, "f" * 16)]
        assert [place.path.name for place in places] == [f"{KEY}-0", f"{KEY}-1", f"{'f' * 16}-0"]
        for place in places:
            place.give_back()

    def test_first_place_again_when_it_is_free(self, environments: Environments) -> None:
        """Whichever it is: the lowest number counts."""
        first, second = take(environments), take(environments)
        first.give_back()
        again = take(environments)
        assert again.path == first.path
        for place in [again, second]:
            place.give_back()

    def test_held_by_another_process(self, environments: Environments, holder: subprocess.Popen[str]) -> None:
        """Its folder is left alone."""
        place = take(environments)
        assert place.path.name == f"{KEY}-1"
        environments.remove_unused()
        assert place.path.with_name(f"{KEY}-0").is_dir()
        place.give_back()

    def test_of_a_process_that_was_killed(self, environments: Environments, holder: subprocess.Popen[str]) -> None:
        """The place is free, and what was left in it is gone."""
        holder.send_signal(signal.SIGKILL)
        holder.wait(30)
        place = take(environments)
        assert place.path.name == f"{KEY}-0"
        assert not place.path.exists()
        place.give_back()

    def test_leftovers_are_removed(self, environments: Environments, root: Path) -> None:
        """What is in a place is nobody's when the place is free."""
        left = root / "environments" / f"{KEY}-0" / "lib" / "module.py"
        left.parent.mkdir(parents=True)
        left.touch()
        place = take(environments)
        assert not place.path.exists()
        place.give_back()

    def test_where_nothing_can_be_locked(self, environments: Environments, monkeypatch: pytest.MonkeyPatch) -> None:
        """There is no place of which one could know that it is free."""
        monkeypatch.setattr(locks, "try_to_hold", lambda _path, _root: None)
        assert environments.take(KEY) is None
        assert not environments.folder.exists()

    def test_where_all_are_held(self, environments: Environments, monkeypatch: pytest.MonkeyPatch) -> None:
        """The search comes to an end."""
        monkeypatch.setattr(locks, "try_to_hold", lambda _path, _root: locks.HELD)
        assert environments.take(KEY) is None

    @pytest.mark.skipif(not DESCRIPTORS.exists(), reason="this platform does not list open files")
    def test_place_that_cannot_be_emptied(self, environments: Environments, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is not held after that, and no file stays open."""
        before = len(list(DESCRIPTORS.iterdir()))
        with monkeypatch.context() as patched:
            patched.setattr("shutil.rmtree", refuse)
            (environments.folder / f"{KEY}-0").mkdir(parents=True)
            with pytest.raises(PermissionError):
                environments.take(KEY)
        assert len(list(DESCRIPTORS.iterdir())) == before
        take(environments).give_back()

    @pytest.mark.skipif(not DESCRIPTORS.exists(), reason="this platform does not list open files")
    def test_descriptors_do_not_pile_up(self, environments: Environments) -> None:
        """Neither of places that were given back nor of those that were tried in vain."""
        first = take(environments)
        before = len(list(DESCRIPTORS.iterdir()))
        for _ in range(20):
            take(environments).give_back()
        environments.remove_unused()
        assert len(list(DESCRIPTORS.iterdir())) == before
        first.give_back()


class TestRemoveUnused:
    """What nobody has."""

    def test_held_places_stay(self, environments: Environments) -> None:
        """Of two folders, the one that a build is in."""
        first, second = take(environments), take(environments)
        for place in [first, second]:
            place.path.mkdir()
        first.give_back()
        environments.remove_unused()
        assert [path.name for path in environments.folder.iterdir()] == [second.path.name]
        second.give_back()

    def test_folders_of_others_stay(self, environments: Environments) -> None:
        """Who makes a store of a folder may have had one of this name in it."""
        place = take(environments)
        place.path.mkdir()
        place.give_back()
        foreign = environments.folder / "prod"
        foreign.mkdir()
        assert list(environments.iter_unused()) == [place.path]
        environments.remove_unused()
        assert list(environments.folder.iterdir()) == [foreign]

    def test_place_that_goes_at_the_same_time(
        self, environments: Environments, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who had it has removed it when its lock is free."""
        (environments.folder / f"{KEY}-0").mkdir(parents=True)
        (environments.folder / f"{KEY}-1").mkdir()
        hold = locks.try_to_hold

        def hold_late(path: Path, root: Path) -> int | None:
            shutil.rmtree(environments.folder / path.name, ignore_errors=True)
            return hold(path, root)

        monkeypatch.setattr(locks, "try_to_hold", hold_late)
        environments.remove_unused()
        assert list(environments.folder.iterdir()) == []

    @pytest.mark.skipif(not DESCRIPTORS.exists(), reason="this platform does not list open files")
    def test_what_cannot_be_removed_is_an_error(
        self, environments: Environments, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its lock is let go of."""
        (environments.folder / f"{KEY}-0").mkdir(parents=True)
        before = len(os.listdir(DESCRIPTORS))  # noqa: PTH208 (the same number of files open each time)
        monkeypatch.setattr("shutil.rmtree", refuse)
        with pytest.raises(PermissionError):
            environments.remove_unused()
        assert len(os.listdir(DESCRIPTORS)) == before  # noqa: PTH208 (the same)


def refuse(*_args: object, **_kwargs: object) -> None:
    """Stand for a file system that does not let one."""
    raise PermissionError
