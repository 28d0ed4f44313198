"""What is taken out of a store, and in which order."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipcache_plugin.files import sha256_of
from pipcache_plugin.management import bound, pruning
from pipcache_plugin.management.pruning import Kind, Limits, Piece, choose, collect, remove
from pipcache_plugin.store import locks
from tests.factories import make_wheel

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

DAY = 86_400.0

NOW = 1_700_000_000.0


def piece(name: str, kind: Kind = Kind.WHEEL, size: int = 100, age: float = DAY, **more: Any) -> Piece:
    """Return a piece that was not used for *age* seconds."""
    return Piece(kind=kind, path=Path(name), size_bytes=size, last_used=NOW - age, **{"build_seconds": 10.0, **more})


def names(pieces: list[Piece], **limits: Any) -> list[str]:
    """Return what is chosen, in order."""
    return [one.name for one in choose(pieces, Limits(**limits), NOW)]


class TestChoose:
    """``choose``."""

    def test_without_limits_only_leftovers_go(self) -> None:
        """They are nobody's."""
        assert names([piece("a"), piece("b", Kind.LEFTOVER), piece("c", Kind.TREE)]) == ["b"]

    def test_age(self) -> None:
        """What was used within the time stays, whatever it is."""
        pieces = [piece("old", age=31 * DAY), piece("new", age=29 * DAY), piece("tree", Kind.TREE, age=40 * DAY)]
        assert names(pieces, older_than_seconds=30 * DAY) == ["old", "tree"]

    def test_derived_goes_first(self) -> None:
        """Among what is derived, what was not used for longest."""
        pieces = [
            piece("wheel", age=9 * DAY),
            piece("metadata", Kind.METADATA),
            piece("old tree", Kind.TREE, age=2 * DAY),
            piece("tree", Kind.TREE),
            piece("response", Kind.RESPONSE),
        ]
        order = ["response", "old tree", "tree", "metadata", "wheel"]
        assert [names(pieces, max_bytes=500 - 100 * count) for count in range(6)] == [order[:n] for n in range(6)]

    @pytest.mark.parametrize(
        "more", [{"age": 2 * DAY}, {"size": 200}, {"build_seconds": 5.0}, {"build_seconds": 0.0}], ids=str
    )
    def test_wheels_are_weighed(self, more: dict[str, Any]) -> None:
        """One that was used longer ago, is larger, or was built more quickly goes before another."""
        pieces = [piece("stays"), piece("goes", **more)]
        assert names(pieces, max_bytes=150) == ["goes"]

    def test_long_builds_stay(self) -> None:
        """A wheel that took an hour outlives many that took a second."""
        pieces = [
            piece("hour", age=20 * DAY, build_seconds=3600.0),
            *(piece(f"{n}", build_seconds=1.0) for n in range(5)),
        ]
        assert "hour" not in names(pieces, max_bytes=100)

    def test_versions(self) -> None:
        """The newest by version, not by age; those of one version stay together."""
        pieces = [
            piece(f"{version}-{tag}", project=project, version=version)
            for project in ["alpha", "beta"]
            for version in ["1.9", "1.10", "1.2"]
            for tag in ["x", "y"]
        ]
        assert names(pieces, keep_latest=2) == ["1.2-x", "1.2-y"] * 2
        assert names(pieces, keep_latest=3) == []
        assert names([piece("odd", project="alpha", version="odd")], keep_latest=1) == []

    def test_ci(self) -> None:
        """Wheels that were built here are what takes time."""
        kinds = [piece(kind.value, kind) for kind in Kind]
        assert set(names(kinds, is_for_ci=True)) == {"left over", "HTTP responses", "unpacked wheels"}

    def test_limits_together(self) -> None:
        """What goes for its age counts for the size."""
        pieces = [piece("old", age=40 * DAY), piece("a", age=2 * DAY), piece("b")]
        assert names(pieces, older_than_seconds=30 * DAY, max_bytes=100) == ["old", "a"]
        assert names(pieces, older_than_seconds=30 * DAY, max_bytes=200) == ["old"]

    def test_clock_that_was_turned_back(self) -> None:
        """What is used in the future was used just now."""
        pieces = [piece("future", age=-DAY), piece("past")]
        assert names(pieces, older_than_seconds=0.5 * DAY) == ["past"]
        assert names(pieces, max_bytes=100) == ["past"]


@pytest.fixture
def filled(store: Store, tmp_path: Path) -> Store:
    """Return a store with two wheels, one of them unpacked, and metadata."""
    for number, name in enumerate(["alpha", "beta"]):
        wheel = make_wheel(tmp_path / "built", name=name)
        record = {"build_seconds": 10.0 * (number + 1)}
        store.add_wheel(f"{number}" * 64, wheel, record)
        store.add_metadata(f"{number}" * 64, f"{name}-1.0.dist-info", {"METADATA": b"x"}, {})
    store.trees.add(sha256_of(wheel), wheel)
    store.trees.add_bytecode(sha256_of(wheel), "tag", make_bytecode)
    return store


def make_bytecode(folder: Path) -> None:
    """Stand for a compiler."""
    (folder / "x.py").write_bytes(bytes(1000))


def kinds(store: Store) -> dict[Kind, int]:
    """Return how many pieces of each kind there are."""
    found = [one.kind for one in collect(store)]
    return {kind: found.count(kind) for kind in Kind if kind in found}


class TestStore:
    """``collect`` and ``remove``."""

    def test_pieces(self, filled: Store) -> None:
        """All that takes room."""
        assert kinds(filled) == {Kind.TREE: 1, Kind.METADATA: 2, Kind.WHEEL: 2}
        wheels = [one for one in collect(filled) if one.kind is Kind.WHEEL]
        assert sorted((one.project, one.version, one.build_seconds) for one in wheels) == [
            ("alpha", "1.0", 10.0),
            ("beta", "1.0", 20.0),
        ]
        (tree,) = [one for one in collect(filled) if one.kind is Kind.TREE]
        files = [path for path in (tree.path / "files").rglob("*") if path.is_file()]
        assert tree.size_bytes == sum(path.stat().st_size for path in files) + 1000

    def test_each_can_be_removed(self, filled: Store) -> None:
        """With what leads to it; done twice is a no-op."""
        for one in collect(filled):
            remove(filled, one)
            remove(filled, one)
        assert kinds(filled) == {}
        assert list(filled.iter_entries()) == []
        left = [path for path in filled.root.rglob("*") if path.is_file() and "locks" not in path.parts]
        assert left == []

    def test_use_is_noted(self, filled: Store) -> None:
        """By the time of the entry's file; of a tree, by that of its manifest."""
        for entry in filled.iter_entries():
            os.utime(entry.path, (NOW, NOW))
        (tree,) = filled.trees
        filled.trees.touch(tree.folder.parent.name)
        found = {one.kind: one.last_used for one in collect(filled)}
        assert found[Kind.WHEEL] == NOW
        assert time.time() - found[Kind.TREE] < 60
        filled.touch(next(filled.iter_entries()))
        assert sum(time.time() - one.last_used < 60 for one in collect(filled) if one.kind is Kind.WHEEL) == 1

    def test_leftovers(self, filled: Store) -> None:
        """Of processes that were killed, once they are old; and what did not verify."""
        (filled.damaged).mkdir()
        (filled.damaged / "x.whl").write_bytes(b"x")
        new, old = (filled.wheels.folder / f".tmp-{name}" for name in ["new", "old"])
        for path in [new, old]:
            path.mkdir()
            (path / "file").write_bytes(b"12345")
        os.utime(old, (NOW / 2, NOW / 2))
        found = [one for one in collect(filled) if one.kind is Kind.LEFTOVER]
        assert {one.path.name: one.size_bytes for one in found} == {"x.whl": 1, ".tmp-old": 5}
        for one in found:
            remove(filled, one)
        assert new.is_dir()
        assert not old.exists()

    def test_responses(self, filled: Store, tmp_path: Path) -> None:
        """Those of pip's HTTP cache that the caller knows of, by when they were read or written."""
        path = tmp_path / "response"
        path.write_bytes(b"123")
        os.utime(path, (NOW, NOW - DAY))
        (found,) = [one for one in collect(filled, [path, tmp_path / "gone"]) if one.kind is Kind.RESPONSE]
        assert (found.size_bytes, found.last_used) == (3, NOW)

    def test_empty_store(self, store: Store) -> None:
        """Nothing is there, and nothing made."""
        assert collect(store) == []
        assert not store.root.exists()


class TestBound:
    """The bound that is kept without being asked."""

    def test_what_is_beyond_goes(self, filled: Store) -> None:
        """Once a day."""
        assert filled.must_be_bounded()
        bound.keep(filled, 1_000)
        assert Kind.TREE not in kinds(filled)
        assert Kind.WHEEL in kinds(filled)
        assert not filled.must_be_bounded()
        os.utime(filled.bound, (time.time() - 2 * DAY,) * 2)
        assert filled.must_be_bounded()
        os.utime(filled.bound, (time.time() + 2 * DAY,) * 2)
        assert filled.must_be_bounded()

    def test_nothing_is_removed_within(self, filled: Store) -> None:
        """And nothing but the stamp is made."""
        before = kinds(filled)
        bound.keep(filled, 1_000_000)
        assert kinds(filled) == before

    def test_somebody_else_is_at_it(self, filled: Store) -> None:
        """Then they do it."""
        before = kinds(filled)
        descriptor = locks.try_to_hold(filled.bound)
        assert descriptor is not None
        try:
            bound.keep(filled, 0)
        finally:
            os.close(descriptor)
        assert kinds(filled) == before

    def test_what_cannot_be_removed(self, filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """It stays; the rest goes."""

        def refuse(store: Store, one: Piece) -> None:
            if one.kind is Kind.TREE:
                raise PermissionError
            remove(store, one)

        monkeypatch.setattr(pruning, "remove", refuse)
        bound.keep(filled, 0)
        assert kinds(filled) == {Kind.TREE: 1}

    def test_whatever_goes_wrong(self, filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """The command has done what it was to do."""

        def fail(*_: object) -> None:
            raise OverflowError

        monkeypatch.setattr(pruning, "collect", fail)
        bound.keep(filled, 0)
        assert not filled.must_be_bounded()

    def test_no_store(self, store: Store) -> None:
        """There is nothing to look at."""
        assert not store.must_be_bounded()
