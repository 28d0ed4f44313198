"""The store: entries lead to wheels, and to nothing else."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.store.documents import Documents
from pipcache_plugin.store.store import FORMAT
from tests.factories import make_wheel, sha256_hex
from tests.unit.faults import empty, flip_bit, names_below, no_file_above, truncate

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

KEY = "ab" * 32
OTHER_KEY = "cd" * 32


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Return a wheel that was built."""
    return make_wheel(tmp_path / "built")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder to place wheels in."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that sets the time."""
    return lambda now_ns: monkeypatch.setattr(time, "time_ns", lambda: now_ns)


def put_entry(store: Store, **changes: object) -> Path:
    """Add an entry of a wheel that is not there, with some fields changed, and return its path."""
    content = {
        "format": FORMAT,
        "created_ns": 1,
        "wheel": {"filename": "simple-1.0-py3-none-any.whl", "sha256": "0" * 64, "size_bytes": 1},
        "record": {},
    }
    return store.entries.put(KEY, {**content, **changes})


def add_wheel(store: Store, key: str, wheel: Path, record: Mapping[str, object] | None = None) -> Path:
    """Store a wheel; return the file that the store has of it."""
    return store.wheels.path_of(store.add_wheel(key, wheel, record or {}).wheel)


class TestWheels:
    """Entries and the wheels that they lead to."""

    def test_making_the_object_touches_nothing(self, store: Store) -> None:
        """Looking into a store that is not there does not make one."""
        assert store.find_entries(KEY) == []
        assert list(store.iter_entries()) == []
        assert store.find_metadata(KEY) == []
        assert not store.root.exists()

    def test_stored_wheel_is_found_with_its_record(self, store: Store, wheel: Path, place: Path) -> None:
        """From build key to bytes."""
        path = add_wheel(store, KEY, wheel, {"any": ["json"]})
        (entry,) = store.find_entries(KEY)
        assert entry.record == {"any": ["json"]}
        assert store.wheels.path_of(entry.wheel) == path
        placed = store.place_wheel(entry, place)
        assert placed is not None
        assert placed.read_bytes() == wheel.read_bytes()

    def test_another_key_has_none(self, store: Store, wheel: Path) -> None:
        """A wheel answers for the key that it was built for."""
        store.add_wheel(KEY, wheel, {})
        assert store.find_entries(OTHER_KEY) == []

    def test_last_comes_first(self, store: Store, tmp_path: Path, clock: Callable[[int], None]) -> None:
        """Also where the clock was ahead once; what was built again is to be found."""
        for now_ns in (30, 10, 50):
            clock(now_ns)
            store.add_wheel(KEY, make_wheel(tmp_path / str(now_ns), version=f"1.{now_ns}"), {"n": now_ns})
        assert [entry.record for entry in store.find_entries(KEY)] == [{"n": 50}, {"n": 10}, {"n": 30}]
        assert [entry.created_ns for entry in store.find_entries(KEY)] == [50, 31, 30]

    def test_one_wheel_for_two_keys_is_one_file(self, store: Store, wheel: Path) -> None:
        """Two addresses, two tables."""
        assert add_wheel(store, KEY, wheel) == add_wheel(store, OTHER_KEY, wheel)
        assert len(list(store.wheels)) == 1
        assert len(list(store.iter_entries())) == 2

    @pytest.mark.parametrize("damage", [truncate, empty, Path.unlink])
    def test_entry_without_its_wheel_is_not_found(
        self, store: Store, wheel: Path, damage: Callable[[Path], None]
    ) -> None:
        """It is still gone through, by those who clean up."""
        damage(add_wheel(store, KEY, wheel))
        assert store.find_entries(KEY) == []
        assert len(list(store.iter_entries())) == 1

    def test_damaged_wheel_is_a_miss_then_not_found(self, store: Store, wheel: Path, place: Path) -> None:
        """Its entry was right about the size, which is all that is looked at first."""
        flip_bit(add_wheel(store, KEY, wheel))
        (entry,) = store.find_entries(KEY)
        assert store.place_wheel(entry, place) is None
        assert store.find_entries(KEY) == []
        assert len(names_below(store.damaged)) == 1

    def test_older_wheel_serves_when_the_newest_is_damaged(
        self, store: Store, tmp_path: Path, place: Path, clock: Callable[[int], None]
    ) -> None:
        """One damaged file costs one wheel."""
        clock(1)
        store.add_wheel(KEY, make_wheel(tmp_path / "old", files={"old.py": ""}), {})
        clock(2)
        flip_bit(add_wheel(store, KEY, make_wheel(tmp_path / "new", files={"new.py": ""})))
        placed = [store.place_wheel(entry, place) for entry in store.find_entries(KEY)]
        assert placed == [None, place / "simple-1.0-py3-none-any.whl"]

    def test_full_disk_adds_no_entry(self, store: Store, tmp_path: Path) -> None:
        """An entry never leads to a wheel that was not written."""
        big = make_wheel(tmp_path / "big", files={f"{number}.py": sha256_hex(Path(__file__)) for number in range(900)})
        with no_file_above(10_000), pytest.raises(OSError, match="File too large"):
            store.add_wheel(KEY, big, {})
        assert list(store.iter_entries()) == []
        assert names_below(store.root) == []

    def test_failure_after_the_wheel_leaves_a_wheel_without_entry(
        self, store: Store, wheel: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The wheel is written first; what fails then is a miss, and harmless."""

        def fail(*_args: object) -> Path:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Documents, "put", fail)
        with pytest.raises(OSError, match="No space left"):
            store.add_wheel(KEY, wheel, {})
        assert store.find_entries(KEY) == []
        assert len(list(store.wheels)) == 1


class TestForeignEntries:
    """Entries that this version does not understand are passed over and left alone."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"format": FORMAT - 1},
            {"format": FORMAT + 1},
            {"format": str(FORMAT)},
            {"format": None},
            {"created_ns": "yesterday"},
            {"wheel": None},
            {"wheel": {"filename": "x.whl"}},
            {"wheel": {"filename": "x.whl", "sha256": "0" * 64, "size_bytes": "1"}},
            {"wheel": {"filename": "../x-1-y.whl", "sha256": "0" * 64, "size_bytes": 1}},
            {"wheel": {"filename": "..\\x-1-y.whl", "sha256": "0" * 64, "size_bytes": 1}},
            {"wheel": {"filename": "C:x-1-y.whl", "sha256": "0" * 64, "size_bytes": 1}},
            {"wheel": {"filename": "simple.txt", "sha256": "0" * 64, "size_bytes": 1}},
            {"wheel": {"filename": "simple-1.0-py3-none-any.whl", "sha256": "A" * 64, "size_bytes": 1}},
            {"wheel": {"filename": "simple-1.0-py3-none-any.whl", "sha256": "0" * 64 + "\n", "size_bytes": 1}},
        ],
    )
    def test_odd_entry(self, store: Store, changes: dict[str, object]) -> None:
        """Another version may have written it."""
        path = put_entry(store, **changes)
        assert list(store.iter_entries()) == []
        assert store.find_entries(KEY) == []
        assert path.exists()

    def test_odd_entry_hides_no_other(self, store: Store, wheel: Path) -> None:
        """Two versions share a key's folder."""
        put_entry(store, format=FORMAT + 1)
        store.add_wheel(KEY, wheel, {})
        assert len(store.find_entries(KEY)) == 1

    def test_entry_of_a_later_version_may_say_more(self, store: Store) -> None:
        """A field on top is no other format."""
        put_entry(store, comment="hello")
        assert len(list(store.iter_entries())) == 1

    @pytest.mark.parametrize("is_absolute", [False, True])
    def test_entry_cannot_lead_out_of_the_store(
        self, store: Store, tmp_path: Path, place: Path, is_absolute: bool
    ) -> None:
        """A digest that is none names no file, and moves nobody's file to the damaged ones."""
        victim = tmp_path / "victim" / "simple-1.0-py3-none-any.whl"
        victim.parent.mkdir()
        victim.write_text("dear diary")
        store.wheels.folder.mkdir(parents=True)
        digest = str(victim.parent) if is_absolute else "../victim"
        put_entry(store, wheel={"filename": victim.name, "sha256": digest, "size_bytes": victim.stat().st_size})
        for entry in store.find_entries(KEY):
            assert store.place_wheel(entry, place) is None
        assert victim.read_text() == "dear diary"


class TestMetadata:
    """Prepared metadata by build key."""

    DIST_INFO = "simple-1.0.dist-info"
    FILES: Mapping[str, bytes] = {"METADATA": b"Name: simple\n", "licenses/LICENSE": bytes(range(256)), "empty": b""}

    def test_bytes_come_back(self, store: Store) -> None:
        """Files in folders, binary files and empty ones survive, and what they were prepared under."""
        store.add_metadata(KEY, self.DIST_INFO, self.FILES, {"any": ["json"]})
        (found,) = store.find_metadata(KEY)
        assert (found.dist_info, found.files, found.conditions) == (self.DIST_INFO, self.FILES, {"any": ["json"]})
        assert found.path.is_file()

    def test_another_key_has_none(self, store: Store) -> None:
        """Metadata answer for the key that they were prepared for."""
        store.add_metadata(KEY, self.DIST_INFO, self.FILES, {})
        assert store.find_metadata(OTHER_KEY) == []

    @pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
    def test_newest_comes_first(self, store: Store, clock: Callable[[int], None], order: tuple[int, ...]) -> None:
        """In whatever order the files are read."""
        for now_ns in order:
            clock(now_ns)
            store.add_metadata(KEY, f"simple-{now_ns}.dist-info", {}, {})
        assert [found.created_ns for found in store.find_metadata(KEY)] == [3, 2, 1]

    @pytest.mark.parametrize(
        "changes",
        [
            {"format": FORMAT + 1},
            {"created_ns": None},
            {"dist_info": 1},
            {"dist_info": "simple-1.0"},
            {"dist_info": ".."},
            {"dist_info": "../simple-1.0.dist-info"},
            {"dist_info": "/simple-1.0.dist-info"},
            {"dist_info": "..\\simple-1.0.dist-info"},
            {"dist_info": "C:simple-1.0.dist-info"},
            {"files": []},
            {"files": {"METADATA": "no base64!"}},
            {"files": {"METADATA": "A"}},
            {"files": {"METADATA": "\u00e9"}},
            {"files": {"METADATA": None}},
            {"files": {"METADATA": 1}},
            {"files": {"../evil": ""}},
            {"files": {"a/../../evil": ""}},
            {"files": {"/evil": ""}},
            {"files": {"..\\evil": ""}},
            {"files": {"C:evil": ""}},
            {"files": {"evil\0": ""}},
            {"files": {"": ""}},
            {"files": {".": ""}},
            {"files": {"a//b": ""}},
        ],
    )
    def test_odd_document_is_a_miss(self, store: Store, changes: dict[str, object]) -> None:
        """Another version may have written it, or somebody who wants to write elsewhere."""
        content = {"format": FORMAT, "created_ns": 1, "dist_info": self.DIST_INFO, "files": {}, "conditions": {}}
        path = store.metadata.put(KEY, {**content, **changes})
        assert store.find_metadata(KEY) == []
        assert path.exists()

    def test_odd_document_hides_no_other(self, store: Store) -> None:
        """Two versions share a key's folder."""
        store.metadata.put(KEY, {"format": FORMAT + 1})
        store.add_metadata(KEY, self.DIST_INFO, self.FILES, {})
        assert len(store.find_metadata(KEY)) == 1

    def test_damaged_document_is_a_miss(self, store: Store) -> None:
        """It is set aside, as wheels are."""
        store.add_metadata(KEY, self.DIST_INFO, self.FILES, {})
        (document,) = store.metadata.find(KEY)
        truncate(document.path)
        assert store.find_metadata(KEY) == []
        assert len(names_below(store.damaged)) == 1


class TestHold:
    """A lock for each key."""

    def test_lock_file_is_the_documented_one(self, store: Store) -> None:
        """Other versions lock ``locks/<build key>``."""
        with store.hold(KEY, _never):
            assert (store.root / "locks" / KEY).is_file()

    def test_keys_do_not_wait_for_each_other(self, store: Store) -> None:
        """Two builds of two projects run at the same time."""
        with store.hold(KEY, _never), store.hold(OTHER_KEY, _never):
            pass


def _never() -> None:
    message = "nobody else holds the lock"
    raise AssertionError(message)


def test_root_that_is_a_file_is_an_error_but_for_locks(store: Store, wheel: Path) -> None:
    """What cannot be read or written says so; where nothing can be locked, nobody waits."""
    store.root.touch()
    with pytest.raises(OSError, match="store"):
        store.find_entries(KEY)
    with pytest.raises(OSError, match="store"):
        store.add_wheel(KEY, wheel, {})
    with pytest.raises(OSError, match="store"):
        store.find_metadata(KEY)
    with pytest.raises(OSError, match="store"):
        store.add_metadata(KEY, TestMetadata.DIST_INFO, TestMetadata.FILES, {})
    with store.hold(KEY, _never):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
class TestReadOnly:
    """A store without write permission serves, and takes nothing."""

    @pytest.fixture(autouse=True)
    def _lock_up(self, store: Store, wheel: Path) -> Iterator[None]:
        store.add_wheel(KEY, wheel, {})
        store.add_metadata(KEY, TestMetadata.DIST_INFO, TestMetadata.FILES, {})
        folders = [store.root, *(path for path in store.root.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        yield
        for folder in folders:
            folder.chmod(0o755)

    def test_it_serves(self, store: Store, place: Path) -> None:
        """Wheels and metadata."""
        (entry,) = store.find_entries(KEY)
        assert store.place_wheel(entry, place) is not None
        assert store.find_metadata(KEY)[0].files == TestMetadata.FILES

    def test_it_takes_nothing(self, store: Store, tmp_path: Path) -> None:
        """The reason is told."""
        with pytest.raises(PermissionError):
            store.add_wheel(KEY, make_wheel(tmp_path / "other", version="2.0"), {})
        with pytest.raises(PermissionError):
            store.add_metadata(OTHER_KEY, TestMetadata.DIST_INFO, {}, {})

    def test_damage_is_a_miss(self, store: Store, place: Path) -> None:
        """Nothing can be set aside; nothing wrong is served."""
        (entry,) = store.find_entries(KEY)
        truncate(store.wheels.path_of(entry.wheel))
        assert store.place_wheel(entry, place) is None
        assert store.find_entries(KEY) == []

    def test_nobody_waits(self, store: Store) -> None:
        """Where there can be no lock file, there is no lock."""
        with store.hold(KEY, _never), store.hold(KEY, _never):
            pass
