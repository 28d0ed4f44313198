"""What takes room in a store is found, wherever it is, and measured; and a part of it tells how much that is."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipcache_plugin.files import sha256_of
from pipcache_plugin.management.survey import Kind, Piece, estimate, measure, measure_tree, survey
from tests.factories import make_wheel

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

HOUR = 3600.0


def left_over(store: Store) -> list[str]:
    """Return the paths of what is left over, relative to the store."""
    return sorted(str(piece.path.relative_to(store.root)) for piece in survey(store) if piece.kind is Kind.LEFTOVER)


def set_age(path: Path, seconds: float) -> None:
    """Let something have been changed so long ago."""
    changed = time.time() - seconds
    os.utime(path, (changed, changed))


def make_bytecode(folder: Path) -> None:
    """Stand for a compiler."""
    (folder / "simple.py").write_bytes(bytes(99))


@pytest.fixture
def filled(store: Store, tmp_path: Path) -> Store:
    """Return a store with one of everything."""
    wheel = make_wheel(tmp_path / "built")
    entry = store.add_wheel("ab" * 32, wheel, {})
    store.add_metadata("ab" * 32, "simple-1.0.dist-info", {"METADATA": b"x"}, {})
    store.resolutions.put("ab" * 32, ["cd" * 32], 9e9)
    store.trees.add(entry.wheel.sha256, wheel)
    store.trees.add_bytecode(entry.wheel.sha256, "kind", make_bytecode)
    return store


class TestSurvey:
    """``survey``."""

    def test_one_of_everything(self, filled: Store) -> None:
        """Each with the size and the time of its files."""
        pieces = {piece.kind: piece for piece in survey(filled)}
        assert set(pieces) == set(Kind) - {Kind.LEFTOVER, Kind.RESPONSE}
        for piece in pieces.values():
            assert piece.size_bytes == measure(piece.path) > 0
            set_age(piece.path / "manifest.json" if piece.kind is Kind.TREE else piece.path, 9 * HOUR)
        assert {round((time.time() - piece.last_used) / HOUR) for piece in survey(filled)} == {9}

    @pytest.mark.parametrize(
        "place",
        [
            *("", "wheels", "wheels/ab", "wheels/ab/cd", "entries/ab/cd", "metadata/ab/cd", "resolutions/ab/cd"),
            *("entries/ab", "trees/ab", f"trees/ab/{'ab' * 32}/bytecode", f"trees/ab/{'ab' * 32}.2/bytecode", "log"),
        ],
    )
    def test_what_killed_processes_leave(self, store: Store, place: str) -> None:
        """It is found where they leave it, when it is old; and when it is of a time that has not come."""
        paths = {name: store.root / place / f".tmp-{name}" for name in ["new", "old", "soon", "future"]}
        for path in paths.values():
            path.mkdir(parents=True)
            (path / "x.whl").touch()
        set_age(paths["old"], 2 * HOUR)
        set_age(paths["soon"], -2 * HOUR)
        set_age(paths["future"], -48 * HOUR)
        for folder in (store.root / place).parents:
            # A tree without a manifest is one as well, when it is old.
            if folder != store.root and store.root in folder.parents:
                set_age(folder, 0)
        expected = [str(Path(place, f".tmp-{name}")) for name in ["future", "old"]]
        assert left_over(store) == expected
        assert not [piece for piece in survey(store) if piece.kind is not Kind.LEFTOVER]

    def test_what_did_not_verify(self, store: Store) -> None:
        """At once."""
        (store.damaged / "12-folder").mkdir(parents=True)
        (store.damaged / "12-folder" / "x").write_bytes(bytes(5))
        (store.damaged / "34-x.whl").write_bytes(bytes(3))
        assert left_over(store) == [f"damaged{os.sep}12-folder", f"damaged{os.sep}34-x.whl"]
        assert sorted(piece.size_bytes for piece in survey(store)) == [3, 5]

    def test_environments(self, store: Store) -> None:
        """Those that nobody has."""
        places = [store.environments.take(letter * 16) for letter in "ab"]
        for place in places:
            assert place is not None
            place.path.mkdir()
        assert left_over(store) == []
        assert places[0] is not None
        places[0].give_back()
        assert left_over(store) == [str(places[0].path.relative_to(store.root))]

    def test_late_bytecode(self, filled: Store) -> None:
        """A tree that is none any more, once it is old."""
        (tree,) = filled.trees
        (tree.folder.parent / "manifest.json").unlink()
        assert left_over(filled) == []
        set_age(tree.folder.parent, 2 * HOUR)
        assert left_over(filled) == [str(tree.folder.parent.relative_to(filled.root))]

    def test_trees_of_other_formats(self, filled: Store) -> None:
        """They are trees, and no business of ours but for their age."""
        (tree,) = filled.trees
        sha256 = tree.folder.parent.name.partition(".")[0]
        older, newer = (tree.folder.parent.with_name(name) for name in [sha256, f"{sha256}.99"])
        for path in [older, newer]:
            (path / "files").mkdir(parents=True)
            (path / "files" / "x").write_bytes(bytes(10))
        manifest = {"format": 1, "wheel": "x", "files": {"x": [10, 1, 0]}}
        (older / "manifest.json").write_text(json.dumps(manifest))
        (newer / "manifest.json").write_bytes(b"in another way")
        set_age(older / "manifest.json", 9 * HOUR)
        found = {piece.path: piece for piece in survey(filled) if piece.kind is Kind.TREE}
        assert set(found) == {older, newer, tree.folder.parent}
        assert found[older].size_bytes == 10 + (older / "manifest.json").stat().st_size
        assert found[newer].size_bytes == 10 + len(b"in another way")
        assert round((time.time() - found[older].last_used) / HOUR) == 9

    def test_folder_of_the_file_system(self, filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """``lost+found`` is root's, and no reason not to look at the rest."""
        (filled.root / "lost+found").mkdir()
        before = os.scandir

        def scandir(path: str) -> Any:
            if path.endswith("lost+found"):
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return before(path)

        expected = survey(filled)
        monkeypatch.setattr(os, "scandir", scandir)
        assert survey(filled) == expected != []

    def test_strangers(self, filled: Store) -> None:
        """What is nobody's stays."""
        before = survey(filled)
        for name in ["notes.txt", "wheels/x.whl", "wheels/ab/x", "entries/zz/x/y.json", "wheels/ab/cd/README"]:
            path = filled.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        assert survey(filled) == before

    def test_empty_store(self, store: Store) -> None:
        """Nothing is made."""
        assert survey(store) == []
        assert not store.root.exists()


class TestEstimate:
    """``estimate``."""

    def test_all_of_a_small_store(self, filled: Store) -> None:
        """There is time for it."""
        found = estimate(filled, 60)
        assert found.is_complete
        assert found.size_bytes == sum(piece.size_bytes for piece in survey(filled))
        assert sorted(map(_key, found.pieces)) == sorted(map(_key, survey(filled)))

    def test_what_is_left_over_does_not_count(self, filled: Store) -> None:
        """It goes anyway."""
        before = estimate(filled, 60).size_bytes
        (filled.root / "damaged").mkdir()
        (filled.root / "damaged" / "x").write_bytes(bytes(1000))
        assert estimate(filled, 60).size_bytes == before

    def test_part_of_a_large_one(self, store: Store) -> None:
        """Without time, one bucket, another each time: in each is about as much."""
        for number in range(256):
            folder = store.metadata.folder / f"{number:02x}" / f"{number:02x}{'0' * 62}"
            folder.mkdir(parents=True)
            (folder / "x.json").write_bytes(bytes(100))
        seen = set()
        for _ in range(5):
            found = estimate(store, -1)
            assert not found.is_complete
            assert found.size_bytes == 25_600
            (piece,) = found.pieces
            seen.add(piece.path)
        assert len(seen) > 1

    def test_empty_store(self, store: Store) -> None:
        """All of nothing."""
        found = estimate(store, 60)
        assert (found.size_bytes, found.pieces, found.is_complete) == (0, [], True)


def _key(piece: Piece) -> str:
    return str(piece.path)


class TestMeasure:
    """``measure`` and ``measure_tree``."""

    def test_files_and_folders(self, tmp_path: Path) -> None:
        """Links count for themselves; what is gone, nothing."""
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "a" / "b" / "x").write_bytes(bytes(5))
        (tmp_path / "a" / "y").write_bytes(bytes(7))
        assert measure(tmp_path) == 12
        assert measure(tmp_path / "a" / "y") == 7
        assert measure(tmp_path / "gone") == 0
        (tmp_path / "a" / "loop").symlink_to(tmp_path)
        assert measure(tmp_path) == 12 + len(str(tmp_path))

    def test_tree(self, filled: Store) -> None:
        """As its manifests say: no file is looked at."""
        (tree,) = filled.trees
        folder = tree.folder.parent
        size = measure(folder)
        assert measure_tree(str(folder)) == size
        (tree.folder / "simple.py").unlink()
        assert measure_tree(str(folder)) == size
        (folder / "manifest.json").unlink()
        assert measure_tree(str(folder)) == 0

    @pytest.mark.parametrize(
        "manifest",
        [
            *("", "[]", "{}", '{"files": []}', '{"files": {"x": 1}}', '{"files": {"x": ["much"]}}', "[" * 99_999),
            *('{"files": {"x": [1e999]}}', '{"files": {"x": [NaN]}}', '{"files": {"x": []}}'),
        ],
        ids=range(10),
    )
    def test_manifests_that_say_nothing(self, tmp_path: Path, manifest: str) -> None:
        """Then files are looked at."""
        (tmp_path / "files").mkdir()
        (tmp_path / "files" / "x").write_bytes(bytes(10))
        (tmp_path / "manifest.json").write_text(manifest)
        assert measure_tree(str(tmp_path)) == 10 + len(manifest)


def test_digests(filled: Store) -> None:
    """A wheel's piece is under its digest."""
    (wheel,) = [piece for piece in survey(filled) if piece.kind is Kind.WHEEL]
    assert wheel.path.parent.name == sha256_of(wheel.path)
