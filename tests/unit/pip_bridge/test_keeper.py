"""The keeper and a store that fails: installs do not notice."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.keys.build_key import BuildKey
from pipcache_plugin.pip_bridge import keeper
from pipcache_plugin.pip_bridge.keeper import Keeper
from pipcache_plugin.store.documents import Documents
from tests.factories import make_wheel
from tests.unit.faults import empty, flip_bit, names_below, truncate
from tests.unit.keys.present import FakePresent
from tests.unit.keys.samples import RECORD
from tests.unit.pip_bridge.runs import FakeEvidence, RunInFolder

if TYPE_CHECKING:
    from pipcache_plugin.keys.conditions import Conditions
    from pipcache_plugin.store.store import Store

KEY = BuildKey("ab" * 32)


@pytest.fixture
def run(store: Store, tmp_path: Path) -> RunInFolder:
    """Return a run with an empty store."""
    return RunInFolder(store, tmp_path / "run")


@pytest.fixture
def present() -> FakePresent:
    """Return what the keeper takes for the present."""
    return FakePresent(environ={"SIMPLE_FLAVOUR": "vanilla"})


@pytest.fixture
def evidence() -> FakeEvidence:
    """Return what the keeper believes of builds."""
    return FakeEvidence({"SIMPLE_FLAVOUR": "vanilla"})


@pytest.fixture
def kept(run: RunInFolder, present: FakePresent, evidence: FakeEvidence) -> Keeper:
    """Return the keeper of a key."""
    return Keeper(run, KEY, present, evidence)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Return a wheel that was built."""
    return make_wheel(tmp_path / "built")


class TestServing:
    """Finding wheels with their records."""

    def test_record_is_noted_for_the_run(self, kept: Keeper, run: RunInFolder, wheel: Path) -> None:
        """Hash-checking asks for it by the path that pip was given."""
        kept.keep_wheel(wheel, {"setuptools": "80.0"}, 2.5)
        found = kept.find_wheel()
        assert found is not None
        assert run.served[str(found.path)].conditions.choices.used == {"setuptools": "80.0"}
        assert run.served[str(found.path)].build_seconds == 2.5

    def test_only_what_is_right_is_served(self, kept: Keeper, run: RunInFolder, tmp_path: Path) -> None:
        """The newest one that is; others are not even placed."""
        for version in ("1.0", "2.0", "3.0"):
            kept.keep_wheel(make_wheel(tmp_path / "built", version=version), {}, 0)
        served = keeper.find_wheel(run, KEY, lambda _entry, record: record.version != "3.0")
        assert served is not None
        assert served.record.version == "2.0"
        assert len(names_below(tmp_path / "run")) == 1

    @pytest.mark.parametrize(
        "record",
        [None, {}, {"format": 2}, {**RECORD.to_dict(), "format": 99}, {**RECORD.to_dict(), "format": 1}, "text"],
    )
    def test_foreign_record_is_a_miss(
        self, kept: Keeper, run: RunInFolder, store: Store, wheel: Path, record: dict[str, object]
    ) -> None:
        """Nobody is warned: another version wrote it."""
        store.add_wheel(KEY, wheel, record)
        assert kept.find_wheel() is None
        assert run.warnings == []

    @pytest.mark.parametrize("damage", [truncate, empty, flip_bit])
    def test_damaged_wheel_is_a_miss(
        self, kept: Keeper, run: RunInFolder, wheel: Path, damage: Callable[[Path], None]
    ) -> None:
        """The build that follows heals the store."""
        stored_in = kept.keep_wheel(wheel, {}, 0)
        assert stored_in is not None
        damage(stored_in / wheel.name)
        assert kept.find_wheel() is None
        kept.keep_wheel(wheel, {}, 0)
        assert kept.find_wheel() is not None
        assert run.warnings == []

    def test_older_wheel_serves_when_the_newest_is_damaged(self, kept: Keeper, tmp_path: Path) -> None:
        """One damaged file costs one wheel."""
        kept.keep_wheel(make_wheel(tmp_path / "old", files={"old.py": ""}), {}, 0)
        newest = make_wheel(tmp_path / "new", files={"new.py": ""})
        stored_in = kept.keep_wheel(newest, {}, 0)
        assert stored_in is not None
        flip_bit(stored_in / newest.name)
        found = kept.find_wheel()
        assert found is not None
        assert found.path.read_bytes() == (tmp_path / "old" / newest.name).read_bytes()


class TestBrokenStore:
    """A store that cannot be used: one message, then misses."""

    @pytest.fixture(autouse=True)
    def _break(self, store: Store) -> None:
        store.root.write_text("a file, not a folder")

    def test_looking_is_a_miss(self, kept: Keeper, run: RunInFolder, store: Store, tmp_path: Path) -> None:
        """The message names the place."""
        assert kept.find_wheel() is None
        assert len(run.warnings) == 1
        assert str(store.root) in run.warnings[0]
        assert kept.find_metadata(tmp_path / "folder") is None

    def test_keeping_is_not_kept(self, kept: Keeper, run: RunInFolder, wheel: Path, tmp_path: Path) -> None:
        """Both are told, to one who tells the user once."""
        assert kept.keep_wheel(wheel, {}, 0) is None
        kept.keep_metadata(tmp_path, {})
        assert len(run.warnings) == 2

    def test_holding_holds_nobody(self, kept: Keeper) -> None:
        """Builds go on without locks."""
        with kept.hold(pytest.fail), kept.hold(pytest.fail):
            pass


class TestFailures:
    """Single operations that fail."""

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO])
    def test_wheel_that_cannot_be_written(
        self, kept: Keeper, run: RunInFolder, wheel: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        """The reason is told."""

        def fail(*_args: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(shutil, "copyfile", fail)
        assert kept.keep_wheel(wheel, {}, 0) is None
        assert len(run.warnings) == 1
        assert os.strerror(number) in run.warnings[0]

    def test_wheel_that_cannot_be_placed(
        self, kept: Keeper, run: RunInFolder, wheel: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A full temporary folder is a miss, not an error."""
        kept.keep_wheel(wheel, {}, 0)

        def fail(*_args: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "link", fail)
        monkeypatch.setattr(shutil, "copyfile", fail)
        assert kept.find_wheel() is None
        assert len(run.warnings) == 1

    def test_metadata_that_cannot_be_written(
        self, kept: Keeper, run: RunInFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The resolver has them all the same."""

        def fail(*_args: object) -> Path:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Documents, "put", fail)
        kept.keep_metadata(tmp_path, {})
        assert len(run.warnings) == 1

    def test_invalid_wheel_warns_nobody(self, kept: Keeper, run: RunInFolder, tmp_path: Path) -> None:
        """What there is to say of it, pip says."""
        assert kept.keep_wheel(make_wheel(tmp_path, has_metadata=False), {}, 0) is None
        assert run.warnings == []

    def test_our_own_bugs_are_no_misses(self, run: RunInFolder, wheel: Path) -> None:
        """What is neither the file system's nor the wheel's fault is raised."""

        class Broken(FakeEvidence):
            def make_conditions(self, used: Mapping[str, str]) -> Conditions:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            Keeper(run, KEY, FakePresent(), Broken()).keep_wheel(wheel, {}, 0)
        with pytest.raises(ZeroDivisionError):
            Keeper(run, KEY, FakePresent(), Broken()).keep_metadata(wheel.parent, {})


class TestConditions:
    """Wheels and metadata are right while their conditions hold."""

    @pytest.fixture
    def dist_info(self, tmp_path: Path) -> Path:
        """Return metadata that were prepared."""
        folder = tmp_path / "prepared" / "simple-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text("Name: simple\n")
        return folder

    @pytest.mark.parametrize("value", ["chocolate", "", None])
    def test_another_choice_has_none(
        self, kept: Keeper, present: FakePresent, wheel: Path, dist_info: Path, value: str | None
    ) -> None:
        """A variable with another value, or gone; it serves again when it is back."""
        kept.keep_wheel(wheel, {}, 0)
        kept.keep_metadata(dist_info, {})
        before, present.environ = present.environ, {} if value is None else {"SIMPLE_FLAVOUR": value}
        assert kept.find_wheel() is None
        assert kept.find_metadata(dist_info.parent / "folder") is None
        present.environ = before
        assert kept.find_wheel() is not None
        assert kept.find_metadata(dist_info.parent / "folder") is not None

    def test_two_choices_have_theirs(
        self, kept: Keeper, present: FakePresent, evidence: FakeEvidence, dist_info: Path, tmp_path: Path
    ) -> None:
        """Going back and forth hits both times, and forgetting one keeps the other."""
        for value in ("vanilla", "chocolate"):
            evidence.variables = {"SIMPLE_FLAVOUR": value}
            (dist_info / "METADATA").write_text(value)
            kept.keep_metadata(dist_info, {})
            kept.keep_wheel(make_wheel(tmp_path / value, files={f"{value}.py": ""}), {}, 0)
        for value in ("vanilla", "chocolate", "vanilla"):
            present.environ = {"SIMPLE_FLAVOUR": value}
            metadata, found = kept.find_metadata(tmp_path / "metadata" / value), kept.find_wheel()
            assert metadata is not None
            assert (metadata / "METADATA").read_text() == value
            assert found is not None
            assert found.path.read_bytes() == (tmp_path / value / found.path.name).read_bytes()
        kept.forget_metadata()
        assert kept.find_metadata(tmp_path / "again") is None
        present.environ = {"SIMPLE_FLAVOUR": "chocolate"}
        assert kept.find_metadata(tmp_path / "again") is not None

    def test_variable_that_nobody_asked_for_does_not_count(
        self, kept: Keeper, present: FakePresent, wheel: Path
    ) -> None:
        """An unrelated variable is no reason to build again."""
        kept.keep_wheel(wheel, {}, 0)
        present.environ = {**present.environ, "UNRELATED": "x", "HOME": "/elsewhere"}
        assert kept.find_wheel() is not None

    def test_reason_is_told(self, kept: Keeper, run: RunInFolder, present: FakePresent, wheel: Path) -> None:
        """For each stored wheel that is passed over, one sentence."""
        kept.keep_wheel(wheel, {}, 0)
        kept.find_wheel()
        assert run.reasons[KEY] == []
        present.environ = {}
        kept.find_wheel()
        (reason,) = run.reasons[KEY]
        assert "`SIMPLE_FLAVOUR`" in reason

    def test_built_again_because_it_was_damaged(
        self, kept: Keeper, run: RunInFolder, store: Store, wheel: Path
    ) -> None:
        """That is the reason, however often it was looked for before it was built."""
        stored_in = kept.keep_wheel(wheel, {}, 0)
        assert stored_in is not None
        flip_bit(stored_in / wheel.name)
        later = Keeper(run, KEY, FakePresent(environ={"SIMPLE_FLAVOUR": "vanilla"}), FakeEvidence())
        for _ in range(3):
            assert later.find_wheel() is None
        assert run.reasons[KEY] == ["it was damaged"]
        later.keep_wheel(make_wheel(wheel.parent / "again", files={"again.py": ""}), {}, 0)
        assert next(iter(store.log))["reasons"] == ["it was damaged"]

    def test_built_again_because_the_user_wants_it(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, kept: Keeper, wheel: Path, dist_info: Path
    ) -> None:
        """Once: then there is a new wheel. Metadata of a project in any spelling are prepared again as well."""
        kept.keep_wheel(wheel, {}, 0)
        kept.keep_metadata(dist_info, {})
        monkeypatch.setenv("PIPCACHE_REBUILD", "Simple")
        run = RunInFolder(store, wheel.parent / "run")
        again = Keeper(run, KEY, FakePresent(environ={"SIMPLE_FLAVOUR": "vanilla"}), FakeEvidence())
        assert again.find_wheel() is None
        assert again.find_metadata(dist_info.parent / "folder") is None
        assert run.reasons[KEY] == ["a new build was asked for"]
        again.keep_wheel(wheel, {}, 0)
        assert again.find_wheel() is not None
        assert again.find_metadata(dist_info.parent / "folder") is not None

    def test_unwatched_build_is_not_kept(
        self, kept: Keeper, run: RunInFolder, evidence: FakeEvidence, wheel: Path, dist_info: Path
    ) -> None:
        """Nobody knows what it depends on; the user is not warned."""
        evidence.is_watched = False
        assert kept.keep_wheel(wheel, {}, 0) is None
        kept.keep_metadata(dist_info, {})
        evidence.is_watched = True
        assert kept.find_wheel() is None
        assert kept.find_metadata(dist_info.parent / "folder") is None
        assert run.warnings == []

    def test_values_are_not_on_disk(
        self, kept: Keeper, store: Store, evidence: FakeEvidence, dist_info: Path, wheel: Path
    ) -> None:
        """Neither in clear nor as a digest that could be looked up: the same environment differs each time."""
        evidence.variables = {"SIMPLE_TOKEN": "very secret"}
        for _ in range(2):
            kept.keep_metadata(dist_info, {})
        kept.keep_wheel(wheel, {}, 0)
        everything = b"".join(path.read_bytes() for path in store.root.rglob("*") if path.is_file())
        assert b"SIMPLE_TOKEN" in everything
        assert b"very secret" not in everything
        digests = {str(document.content["conditions"]) for document in store.metadata}
        assert len(digests) == 2

    @pytest.mark.parametrize("conditions", [None, {}, [], {"choices": {}, "lacks": {}, "needs": {}}, {"salt": "x"}])
    def test_odd_conditions_are_a_miss(
        self, kept: Keeper, store: Store, tmp_path: Path, conditions: dict[str, object]
    ) -> None:
        """Nothing is known of where they were prepared."""
        store.add_metadata(KEY, "simple-1.0.dist-info", {"METADATA": b""}, conditions)
        assert kept.find_metadata(tmp_path / "folder") is None
