"""What everything that satisfies ``building.interface.WheelKeeper`` must do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from pipcache_plugin.building.interface import WheelKeeper
from pipcache_plugin.building.wheels import verify
from pipcache_plugin.keys.build_key import BuildKey
from pipcache_plugin.pip_bridge.keeper import Keeper
from pipcache_plugin.store.store import Store
from tests.factories import make_wheel
from tests.unit.building.fakes import Memory, MemoryKeeper, files_below
from tests.unit.keys.present import FakePresent
from tests.unit.pip_bridge.runs import FakeEvidence, RunInFolder

Open: TypeAlias = Callable[[str], WheelKeeper]
"""Returns a keeper for a key, as another run would have it."""

KEY, OTHER_KEY = "ab" * 32, "cd" * 32

PATIENCE_SECONDS = 30


def open_stored(folder: Path) -> Open:
    """Return the opener of real keepers of one store."""
    runs = iter(range(1000))
    return lambda key: Keeper(
        RunInFolder(Store(folder / "store"), folder / f"run-{next(runs)}"), BuildKey(key), FakePresent(), FakeEvidence()
    )


def open_remembered(folder: Path) -> Open:
    """Return the opener of fakes of one memory."""
    runs = iter(range(1000))
    memory = Memory()
    return lambda key: MemoryKeeper(memory, key, folder / f"run-{next(runs)}")


@pytest.fixture(params=[open_stored, open_remembered], ids=["store", "memory"])
def open_keeper(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return the opener of one kind of keeper."""
    opener: Open = request.param(tmp_path)
    return opener


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Return a wheel that was built."""
    return make_wheel(tmp_path / "built")


@pytest.fixture
def dist_info(tmp_path: Path) -> Path:
    """Return metadata that were prepared."""
    folder = tmp_path / "prepared" / "simple-1.0.dist-info"
    (folder / "licenses").mkdir(parents=True)
    (folder / "METADATA").write_text("Name: simple\nVersion: 1.0\n")
    (folder / "licenses" / "LICENSE").write_bytes(bytes(range(256)))
    (folder / "empty").touch()
    return folder


class TestWheels:
    """Keeping and finding wheels."""

    def test_nothing_is_found_at_first(self, open_keeper: Open) -> None:
        """An unknown key has no wheel."""
        assert open_keeper(KEY).find_wheel() is None

    def test_kept_wheel_is_found_by_all(self, open_keeper: Open, wheel: Path) -> None:
        """In this run and in others, under its own name, with its bytes."""
        keeper = open_keeper(KEY)
        stored_in = keeper.keep_wheel(wheel, {"setuptools": "80.0"}, 1.5)
        for finder in (keeper, open_keeper(KEY)):
            found = finder.find_wheel()
            assert found is not None
            assert found.path.name == wheel.name
            assert found.path.read_bytes() == wheel.read_bytes()
            assert found.stored_in == stored_in

    def test_found_wheel_is_of_the_run(self, open_keeper: Open, wheel: Path) -> None:
        """Neither the built file nor another run's."""
        keeper = open_keeper(KEY)
        keeper.keep_wheel(wheel, {}, 0)
        wheel.unlink()
        one, other = keeper.find_wheel(), open_keeper(KEY).find_wheel()
        assert one is not None
        assert other is not None
        one.path.unlink()
        assert verify(other.path).project == "simple"

    def test_wheel_can_be_found_twice(self, open_keeper: Open, wheel: Path) -> None:
        """Once for its metadata, once to be installed."""
        keeper = open_keeper(KEY)
        keeper.keep_wheel(wheel, {}, 0)
        found = [keeper.find_wheel(), keeper.find_wheel()]
        assert [wheel and verify(wheel.path).project for wheel in found] == ["simple", "simple"]

    def test_other_keys_have_none(self, open_keeper: Open, wheel: Path) -> None:
        """A wheel answers for the key that it was built for."""
        open_keeper(KEY).keep_wheel(wheel, {}, 0)
        assert open_keeper(OTHER_KEY).find_wheel() is None

    def test_newest_is_found(self, open_keeper: Open, tmp_path: Path) -> None:
        """Of two wheels the one that was kept last."""
        for name in ("old", "new"):
            open_keeper(KEY).keep_wheel(make_wheel(tmp_path / name, files={f"{name}.py": ""}), {}, 0)
        found = open_keeper(KEY).find_wheel()
        assert found is not None
        assert found.path.read_bytes() == (tmp_path / "new" / found.path.name).read_bytes()

    def test_keeping_twice_is_no_failure(self, open_keeper: Open, wheel: Path) -> None:
        """Two processes that could not lock build the same."""
        folders = {open_keeper(KEY).keep_wheel(wheel, {}, 0) for _ in range(2)}
        assert len(folders) == 1
        assert open_keeper(KEY).find_wheel() is not None

    def test_invalid_wheel_is_not_kept(self, open_keeper: Open, tmp_path: Path) -> None:
        """It may be used, by who built it; nobody else gets it."""
        wheel = make_wheel(tmp_path / "built", record_lies_about="simple.py")
        assert open_keeper(KEY).keep_wheel(wheel, {}, 0) is None
        assert open_keeper(KEY).find_wheel() is None


class TestMetadata:
    """Keeping and finding metadata."""

    def test_nothing_is_found_at_first(self, open_keeper: Open, tmp_path: Path) -> None:
        """An unknown key has none, and nothing is written."""
        assert open_keeper(KEY).find_metadata(tmp_path / "folder") is None
        assert not (tmp_path / "folder").exists()

    def test_kept_metadata_are_written_below_the_folder(
        self, open_keeper: Open, dist_info: Path, tmp_path: Path
    ) -> None:
        """All files, folders in it too, under its own name."""
        open_keeper(KEY).keep_metadata(dist_info, {})
        found = open_keeper(KEY).find_metadata(tmp_path / "folder")
        assert found == tmp_path / "folder" / dist_info.name
        contents = [
            {path.relative_to(folder): path.read_bytes() for path in files_below(folder)}
            for folder in (found, dist_info)
        ]
        assert contents[0] == contents[1]

    def test_each_folder_has_its_own(self, open_keeper: Open, dist_info: Path, tmp_path: Path) -> None:
        """What one does to its copy, the next does not see."""
        keeper = open_keeper(KEY)
        keeper.keep_metadata(dist_info, {})
        one = keeper.find_metadata(tmp_path / "one")
        assert one is not None
        (one / "METADATA").write_text("changed")
        other = keeper.find_metadata(tmp_path / "other")
        assert other is not None
        assert (other / "METADATA").read_bytes() == (dist_info / "METADATA").read_bytes()

    def test_other_keys_have_none(self, open_keeper: Open, dist_info: Path, tmp_path: Path) -> None:
        """Metadata answer for the key that they were prepared for."""
        open_keeper(KEY).keep_metadata(dist_info, {})
        assert open_keeper(OTHER_KEY).find_metadata(tmp_path / "folder") is None

    def test_forgotten_metadata_are_gone_for_all(self, open_keeper: Open, dist_info: Path, tmp_path: Path) -> None:
        """They were wrong; those of other keys were not."""
        for key in (KEY, OTHER_KEY):
            open_keeper(key).keep_metadata(dist_info, {})
        open_keeper(KEY).forget_metadata()
        assert open_keeper(KEY).find_metadata(tmp_path / "folder") is None
        assert open_keeper(OTHER_KEY).find_metadata(tmp_path / "other") is not None

    def test_forgetting_what_is_not_known_is_no_failure(
        self, open_keeper: Open, wheel: Path, dist_info: Path, tmp_path: Path
    ) -> None:
        """Wheels stay, and metadata can be kept again."""
        keeper = open_keeper(KEY)
        keeper.keep_wheel(wheel, {}, 0)
        keeper.forget_metadata()
        keeper.forget_metadata()
        assert keeper.find_wheel() is not None
        keeper.keep_metadata(dist_info, {})
        assert keeper.find_metadata(tmp_path / "folder") is not None

    def test_metadata_are_no_wheel(self, open_keeper: Open, dist_info: Path) -> None:
        """Who has prepared has not built."""
        open_keeper(KEY).keep_metadata(dist_info, {})
        assert open_keeper(KEY).find_wheel() is None

    def test_wheel_is_no_prepared_metadata(self, open_keeper: Open, wheel: Path, tmp_path: Path) -> None:
        """What is in a wheel is the caller's to take out."""
        open_keeper(KEY).keep_wheel(wheel, {}, 0)
        assert open_keeper(KEY).find_metadata(tmp_path / "folder") is None


class TestHold:
    """Keeping others away."""

    def test_alone_nobody_waits(self, open_keeper: Open) -> None:
        """One after the other."""
        waits: list[str] = []
        for _ in range(2):
            with open_keeper(KEY).hold(lambda: waits.append("waiting")):
                pass
        assert waits == []

    def test_second_waits_and_is_told_once(self, open_keeper: Open) -> None:
        """Until the first lets go."""
        waiting, holding = threading.Event(), threading.Event()
        waits: list[str] = []

        def tell() -> None:
            waits.append("waiting")
            waiting.set()

        def hold_it() -> None:
            with open_keeper(KEY).hold(tell):
                holding.set()

        thread = threading.Thread(target=hold_it)
        with open_keeper(KEY).hold(pytest.fail):
            thread.start()
            assert waiting.wait(PATIENCE_SECONDS)
            assert not holding.is_set()
        thread.join(PATIENCE_SECONDS)
        assert holding.is_set()
        assert waits == ["waiting"]

    def test_keys_do_not_wait_for_each_other(self, open_keeper: Open) -> None:
        """Two projects are built at the same time."""
        with open_keeper(KEY).hold(pytest.fail), open_keeper(OTHER_KEY).hold(pytest.fail):
            pass

    def test_failure_inside_lets_go_and_passes(self, open_keeper: Open) -> None:
        """A build that fails is not swallowed and blocks nobody."""
        with pytest.raises(ZeroDivisionError), open_keeper(KEY).hold(pytest.fail):
            raise ZeroDivisionError
        with open_keeper(KEY).hold(pytest.fail):
            pass

    def test_who_holds_may_keep_and_find(self, open_keeper: Open, wheel: Path) -> None:
        """The lock is for backends, not for the store."""
        keeper = open_keeper(KEY)
        with keeper.hold(pytest.fail):
            keeper.keep_wheel(wheel, {}, 0)
            assert keeper.find_wheel() is not None
