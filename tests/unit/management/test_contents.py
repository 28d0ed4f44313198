"""Finding, counting and removing what is in a store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.management import contents
from tests.factories import make_wheel
from tests.unit.faults import names_below

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

KEYS = ["ab" * 32, "cd" * 32]


@pytest.fixture
def filled(store: Store, tmp_path: Path) -> Store:
    """Return a store with two projects: a wheel and metadata each."""
    for key, name in zip(KEYS, ["alpha", "beta"], strict=True):
        store.add_wheel(key, make_wheel(tmp_path / "built", name=name), {})
        store.add_metadata(key, f"{name}-1.0.dist-info", {"METADATA": b""}, {})
    return store


def wheel_of(store: Store, name: str) -> Path:
    """Return the one wheel of a project."""
    (path,) = contents.find_wheels(store, f"{name}-*.whl")
    return path


class TestFindWheels:
    """``find_wheels``."""

    def test_glob_is_of_the_file_name(self, filled: Store) -> None:
        """Folders do not count."""
        assert [path.name for path in contents.find_wheels(filled, "al*")] == ["alpha-1.0-py3-none-any.whl"]

    def test_star_finds_all(self, filled: Store) -> None:
        """Each wheel once."""
        assert len(contents.find_wheels(filled, "*")) == 2

    @pytest.mark.parametrize("pattern", ["", "gamma-*.whl", "alpha"])
    def test_no_match_is_no_wheel(self, filled: Store, pattern: str) -> None:
        """The whole name must match."""
        assert contents.find_wheels(filled, pattern) == []

    def test_store_that_is_not_there_has_none(self, store: Store) -> None:
        """Looking makes nothing."""
        assert contents.find_wheels(store, "*") == []
        assert not store.root.exists()


class TestForget:
    """``forget``."""

    def test_what_belonged_to_a_removed_wheel_goes(self, filled: Store) -> None:
        """Entry, metadata and empty folders."""
        wheel_of(filled, "alpha").unlink()
        contents.forget(filled, "alpha-*.whl")
        assert filled.entries.find(KEYS[0]) == []
        assert filled.find_metadata(KEYS[0]) == []
        folders = [filled.wheels.folder, filled.entries.folder, filled.metadata.folder]
        assert [len(list(folder.iterdir())) for folder in folders] == [1, 1, 1]

    def test_what_belongs_to_another_wheel_stays(self, filled: Store) -> None:
        """The other project is still served."""
        wheel_of(filled, "alpha").unlink()
        contents.forget(filled, "alpha-*.whl")
        assert len(filled.find_entries(KEYS[1])) == 1
        assert len(filled.find_metadata(KEYS[1])) == 1

    def test_wheel_that_is_there_is_not_forgotten(self, filled: Store) -> None:
        """Only metadata go by the pattern."""
        contents.forget(filled, "*")
        assert len(filled.find_entries(KEYS[0])) == 1
        assert filled.find_metadata(KEYS[0]) == []

    @pytest.mark.parametrize("pattern", ["alpha-1.0*.whl", "alpha-*.whl", "al*.whl", "*.whl"])
    def test_metadata_without_a_wheel_go_by_the_pattern(self, store: Store, pattern: str) -> None:
        """They were prepared for a release that was never built."""
        store.add_metadata(KEYS[0], "alpha-1.0.dist-info", {}, {})
        contents.forget(store, pattern)
        assert store.find_metadata(KEYS[0]) == []

    @pytest.mark.parametrize("pattern", ["alpha-1.0.1*.whl", "alpha-2*.whl", "alp-*.whl", "beta-*.whl"])
    def test_metadata_of_another_release_stay(self, store: Store, pattern: str) -> None:
        """What does not match is not touched."""
        store.add_metadata(KEYS[0], "alpha-1.0.dist-info", {}, {})
        contents.forget(store, pattern)
        assert len(store.find_metadata(KEYS[0])) == 1

    def test_all_removed_leaves_no_file(self, filled: Store) -> None:
        """The store looks as if nothing was ever in it."""
        for path in contents.find_wheels(filled, "*"):
            path.unlink()
        contents.forget(filled, "*")
        assert names_below(filled.root) == []
        assert contents.find_wheels(filled, "*") == []

    def test_folder_that_somebody_writes_into_stays(self, filled: Store) -> None:
        """A wheel that is being stored at the moment is not disturbed."""
        path = wheel_of(filled, "alpha")
        path.unlink()
        path.with_name(".tmp-1-2").touch()
        contents.forget(filled, "alpha-*.whl")
        assert path.with_name(".tmp-1-2").exists()

    def test_other_wheel_for_the_same_key_stays(self, filled: Store, tmp_path: Path) -> None:
        """Of two wheels for one key one is gone."""
        filled.add_wheel(KEYS[0], make_wheel(tmp_path / "other", name="alpha", files={"other.py": ""}), {})
        contents.find_wheels(filled, "alpha-*.whl")[0].unlink()
        contents.forget(filled, "alpha-*.whl")
        assert len(filled.find_entries(KEYS[0])) == 1

    def test_store_that_is_not_there(self, store: Store) -> None:
        """There is nothing to forget."""
        contents.forget(store, "*")
        assert not store.root.exists()


class TestCanRemove:
    """``can_remove``."""

    def test_own_store(self, filled: Store) -> None:
        """Who may write may remove."""
        assert contents.can_remove(filled)

    @pytest.mark.parametrize("name", ["root", "folder of a wheel"])
    def test_somebody_elses_folder(self, filled: Store, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """One folder that cannot be written is enough to leave all as it is."""
        locked = filled.root if name == "root" else wheel_of(filled, "alpha").parent
        monkeypatch.setattr(os, "access", lambda path, _mode: path != locked)
        assert not contents.can_remove(filled)


class TestPurge:
    """``purge``."""

    def test_everything_goes_but_locks(self, filled: Store) -> None:
        """A process that holds a lock keeps it."""
        (filled.root / "damaged").mkdir()
        (filled.root / "damaged" / "file").touch()
        wheel_of(filled, "alpha").with_name(".tmp-1-2").touch()
        with filled.hold(KEYS[0], lambda: None):
            contents.purge(filled)
        assert names_below(filled.root) == [KEYS[0]]
        assert contents.find_wheels(filled, "*") == []

    def test_store_can_be_used_again(self, filled: Store, tmp_path: Path) -> None:
        """A purge is no end."""
        contents.purge(filled)
        filled.add_wheel(KEYS[0], make_wheel(tmp_path / "built"), {})
        assert len(filled.find_entries(KEYS[0])) == 1

    def test_store_that_is_not_there(self, store: Store) -> None:
        """There is nothing to purge, and twice is as once."""
        contents.purge(store)
        contents.purge(store)
        assert not store.root.exists()


class TestSize:
    """``size_bytes``."""

    def test_sum_of_the_files(self, tmp_path: Path) -> None:
        """One that has just gone counts nothing."""
        (tmp_path / "a").write_bytes(bytes(3))
        (tmp_path / "b").write_bytes(bytes(4))
        assert contents.size_bytes([tmp_path / name for name in "abc"]) == 7

    def test_nothing_has_no_size(self) -> None:
        """The size of no files is zero."""
        assert contents.size_bytes([]) == 0
