"""What is taken out of a store, and in which order."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipcache_plugin.files import sha256_of
from pipcache_plugin.management import bound, pruning, survey
from pipcache_plugin.management.pruning import Limits, bound_to, choose, collect, remove, weigh
from pipcache_plugin.management.survey import Kind, Piece
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
    return [one.path.name for one in choose(pieces, Limits(**limits), NOW)]


def wheel(project: str, version: str, *, tag: str = "py3", **more: Any) -> Piece:
    """Return the piece of a wheel, whose digest is its name."""
    name = f"{project}-{version}-{tag}-none-any.whl"
    return piece(f"wheels/{name.replace('.', '')}/{name}", **more)


class TestChoose:
    """``choose``."""

    def test_without_limits_only_leftovers_go(self) -> None:
        """They are nobody's."""
        assert names([piece("a"), piece("b", Kind.LEFTOVER), piece("c", Kind.TREE)]) == ["b"]

    def test_age(self) -> None:
        """What was used within the time stays, whatever it is."""
        pieces = [piece("old", age=31 * DAY), piece("new", age=29 * DAY), piece("tree", Kind.TREE, age=40 * DAY)]
        assert names(pieces, older_than_seconds=30 * DAY) == ["tree", "old"]

    def test_derived_goes_first(self) -> None:
        """Among what is derived, what was not used for longest."""
        pieces = [
            piece("wheel", age=9 * DAY),
            piece("metadata", Kind.METADATA),
            piece("old tree", Kind.TREE, age=2 * DAY),
            piece("tree", Kind.TREE),
            piece("resolution", Kind.RESOLUTION),
            piece("response", Kind.RESPONSE),
        ]
        order = ["response", "resolution", "old tree", "tree", "metadata", "wheel"]
        assert [names(pieces, max_bytes=600 - 100 * count) for count in range(7)] == [order[:n] for n in range(7)]

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
        """The newest by version, not by age, however names are written; those of one version stay together."""
        pieces = [
            wheel(project, version, tag=tag)
            for project, version in [
                ("zope.interface", "1.9"),
                ("zope_interface", "1.10"),
                ("Zope.Interface", "1.2"),
                ("beta", "1.0rc1"),
                ("beta", "1.0"),
                ("beta", "1.0+local_1"),
            ]
            for tag in ["cp312", "cp313"]
        ]
        gone = ["Zope.Interface-1.2-cp312", "Zope.Interface-1.2-cp313", "beta-1.0rc1-cp312", "beta-1.0rc1-cp313"]
        assert [name.removesuffix("-none-any.whl") for name in names(pieces, keep_latest=2)] == gone
        assert names(pieces, keep_latest=3) == []
        assert names([wheel("alpha", "odd"), piece("no-wheel"), piece("nothing")], keep_latest=1) == []

    def test_versions_go_with_what_belongs_to_them(self) -> None:
        """Unpacked wheels, by the digest; metadata, by the build key."""
        pieces = [
            wheel("alpha", version, entries=(Path(f"entries/ab/key {version}/id.json"),)) for version in ["1.0", "2.0"]
        ]
        for one in list(pieces):
            key = one.entries[0].parent.name
            pieces += [piece(f"{one.path.parent.name}.2", Kind.TREE), piece(f"metadata/ab/{key}/{key}", Kind.METADATA)]
        old = wheel("alpha", "1.0").path
        assert names(pieces, keep_latest=1) == [f"{old.parent.name}.2", "key 1.0", old.name]

    def test_ci(self) -> None:
        """Wheels that were built here are what takes time."""
        kinds = [piece(kind.name, kind) for kind in Kind]
        assert set(names(kinds, is_for_ci=True)) == {"LEFTOVER", "RESPONSE", "RESOLUTION", "TREE"}

    def test_old_resolutions(self) -> None:
        """What an index said long ago is asked for again in any case."""
        pieces = [piece(f"{days}", Kind.RESOLUTION, age=days * DAY) for days in [1, 31]]
        assert names(pieces) == ["31"]

    def test_room_for_what_comes(self) -> None:
        """When there is too much, more goes than has to: the next time there is nothing to do."""
        pieces = [piece(f"{days}", age=days * DAY) for days in range(20, 0, -1)]
        assert choose(pieces, bound_to(2000), NOW) == []
        chosen = choose(pieces, bound_to(1990), NOW)
        assert [one.path.name for one in chosen] == ["20", "19", "18"]
        assert choose(pieces[3:], bound_to(1990), NOW) == []

    def test_left_over_does_not_count(self) -> None:
        """It goes anyway."""
        assert names([piece("a", Kind.LEFTOVER, size=900), piece("b")], max_bytes=100) == ["a"]

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


def damage(path: Path, **more: Any) -> None:
    """Make an entry that says something odd of how it was built."""
    content = json.loads(path.read_bytes())
    content["record"] = more
    path.write_text(json.dumps(content))


class TestStore:
    """``collect``, ``weigh`` and ``remove``."""

    def test_pieces(self, filled: Store) -> None:
        """All that takes room."""
        assert kinds(filled) == {Kind.TREE: 1, Kind.METADATA: 2, Kind.WHEEL: 2, Kind.ENTRY: 2}
        pieces = collect(filled)
        weighed = weigh(pieces)
        assert sum(one.size_bytes for one in weighed) == sum(one.size_bytes for one in pieces)
        wheels = [one for one in weighed if one.kind is Kind.WHEEL]
        assert sorted((one.path.name, one.build_seconds) for one in wheels) == [
            ("alpha-1.0-py3-none-any.whl", 10.0),
            ("beta-1.0-py3-none-any.whl", 20.0),
        ]
        files = [path for path in filled.root.rglob("*") if path.is_file()]
        assert sum(one.size_bytes for one in pieces) == sum(path.stat().st_size for path in files)

    def test_each_can_be_removed(self, filled: Store) -> None:
        """With what leads to it; done twice is a no-op."""
        for one in weigh(collect(filled)):
            remove(filled, one)
            remove(filled, one)
        assert kinds(filled) == {}
        assert list(filled.iter_entries()) == []
        left = [path.relative_to(filled.root) for path in filled.root.rglob("*") if "locks" not in path.parts]
        assert sorted(map(str, left)) == ["entries", "metadata", "trees", "wheels"]

    def test_use_is_noted(self, filled: Store) -> None:
        """By the time of the entry's file; of a tree, by that of its manifest."""
        for entry in filled.iter_entries():
            os.utime(entry.path, (NOW, NOW))
        (tree,) = filled.trees
        filled.trees.touch(tree.folder.parent.name.partition(".")[0])
        found = {one.kind: one.last_used for one in weigh(collect(filled))}
        assert found[Kind.WHEEL] == NOW
        assert time.time() - found[Kind.TREE] < 60
        filled.touch(next(filled.iter_entries()))
        weighed = weigh(collect(filled))
        assert sum(time.time() - one.last_used < 60 for one in weighed if one.kind is Kind.WHEEL) == 1

    def test_two_entries_of_one_wheel(self, filled: Store, tmp_path: Path) -> None:
        """The one that was used last counts, and the longest build."""
        filled.add_wheel("2" * 64, make_wheel(tmp_path / "again", name="alpha"), {"build_seconds": 5.0})
        for number, entry in enumerate(filled.iter_entries()):
            os.utime(entry.path, (NOW + number, NOW + number))
        alpha, beta = sorted((one for one in weigh(collect(filled)) if one.entries), key=lambda one: one.path.name)
        assert (len(alpha.entries), alpha.build_seconds, alpha.last_used) == (2, 10.0, NOW + 2)
        assert (len(beta.entries), beta.build_seconds, beta.last_used) == (1, 20.0, NOW + 1)
        remove(filled, alpha)
        assert [entry.wheel.filename for entry in filled.iter_entries()] == ["beta-1.0-py3-none-any.whl"]

    @pytest.mark.parametrize("seconds", [None, "3", True, -1, 10**400, [], {}], ids=str)
    def test_odd_records(self, filled: Store, seconds: object) -> None:
        """They are of wheels that were built in no time."""
        for entry in filled.iter_entries():
            damage(entry.path, build_seconds=seconds)
        assert {one.build_seconds for one in weigh(collect(filled))} == {0.0}

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
    def test_odd_numbers(self, filled: Store, number: str) -> None:
        """JSON as Python writes it has more of them."""
        for entry in filled.iter_entries():
            damage(entry.path, build_seconds=float(number))
        assert {one.build_seconds for one in weigh(collect(filled))} == {0.0}

    def test_entries_of_another_version(self, filled: Store) -> None:
        """They count for their wheel, and go with it."""
        for entry in list(filled.iter_entries()):
            content = json.loads(entry.path.read_bytes())
            filled.entries.put(entry.path.parent.name, {**content, "format": 99})
            entry.path.unlink()
        assert list(filled.iter_entries()) == []
        pieces = weigh(collect(filled))
        assert sorted(one.build_seconds for one in pieces if one.kind is Kind.WHEEL) == [10.0, 20.0]
        assert {one.kind for one in pieces} == {Kind.WHEEL, Kind.TREE, Kind.METADATA}
        for one in choose(pieces, Limits(max_bytes=0)):
            remove(filled, one)
        assert not list(filled.root.glob("entries/*/*/*"))

    def test_documents_of_another_version(self, filled: Store) -> None:
        """Nobody knows what they tell: they go by age."""
        path = filled.entries.put("3" * 64, {"format": 99, "blob": "x"})
        os.utime(path, (NOW, NOW))
        (one,) = [one for one in weigh(collect(filled)) if one.path == path]
        assert one.kind is Kind.METADATA
        assert [due.path for due in choose(collect(filled), Limits(older_than_seconds=30 * DAY))] == [path]

    def test_entries_without_their_wheel(self, filled: Store) -> None:
        """They lead nowhere."""
        next(path for path in filled.wheels if path.name.startswith("alpha")).unlink()
        (one,) = [one for one in weigh(collect(filled)) if one.kind is Kind.LEFTOVER]
        assert one.path.parent.name == "0" * 64

    def test_wheel_that_comes_meanwhile(self, filled: Store, tmp_path: Path) -> None:
        """Its entry is not taken for one that leads nowhere."""
        pieces = collect(filled)
        filled.add_wheel("2" * 64, make_wheel(tmp_path / "late", name="late"), {})
        pieces += [one for one in collect(filled) if one.kind is Kind.ENTRY]
        assert not [one for one in weigh(pieces) if one.kind is Kind.LEFTOVER]

    def test_responses(self, filled: Store, tmp_path: Path) -> None:
        """Those of pip's HTTP cache that the caller knows of, by when they were read or written."""
        path = tmp_path / "pips" / "response"
        path.parent.mkdir()
        path.write_bytes(b"123")
        os.utime(path, (NOW, NOW - DAY))
        (found,) = [one for one in collect(filled, [path, tmp_path / "gone"]) if one.kind is Kind.RESPONSE]
        assert (found.size_bytes, found.last_used) == (3, NOW)
        remove(filled, found)
        assert not path.exists()
        assert path.parent.is_dir(), "it is pip's"

    def test_empty_store(self, store: Store) -> None:
        """Nothing is there, and nothing made."""
        assert collect(store) == []
        assert not store.root.exists()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the paths of files that are read as a whole from now on."""
    found: list[Path] = []
    read = Path.read_bytes

    def note(path: Path) -> bytes:
        found.append(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", note)
    return found


class TestBound:
    """The bound that is kept without being asked."""

    def test_what_is_beyond_goes(self, filled: Store) -> None:
        """Once a day."""
        assert filled.must_be_bounded()
        bound.keep(filled, 2_000)
        assert Kind.TREE not in kinds(filled)
        assert Kind.WHEEL in kinds(filled)
        assert not filled.must_be_bounded()
        os.utime(filled.bound, (time.time() - 2 * DAY,) * 2)
        assert filled.must_be_bounded()
        os.utime(filled.bound, (time.time() + 2 * DAY,) * 2)
        assert filled.must_be_bounded()

    def test_nothing_is_removed_within(self, filled: Store, reads: list[Path]) -> None:
        """And no document is read to find that out."""
        before = kinds(filled)
        bound.keep(filled, 1_000_000)
        assert kinds(filled) == before
        assert reads == []

    def test_entries_are_read_when_wheels_have_to_go(self, filled: Store, reads: list[Path]) -> None:
        """Not for what is derived."""
        size = sum(one.size_bytes for one in collect(filled))
        bound.keep(filled, size - 1)
        assert Kind.TREE not in kinds(filled)
        assert reads == []
        left = sum(one.size_bytes for one in collect(filled))
        filled.bound.unlink()
        bound.keep(filled, left)
        assert choose(collect(filled), Limits(max_bytes=left, spare_bytes=left)) == []
        assert reads == [], "not for what may stay, however little room is left"
        metadata = sum(one.size_bytes for one in collect(filled) if one.kind is Kind.METADATA)
        filled.bound.unlink()
        bound.keep(filled, left - metadata)
        assert len(reads) == 2, "for room for what comes"
        assert kinds(filled) == {Kind.WHEEL: 1, Kind.ENTRY: 1}

    def test_part_of_a_large_store(self, filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was seen tells what there is: with time for one bucket alone, all of it is looked at when it is much."""
        looks: list[Store] = []

        def look(store: Store) -> list[Piece]:
            looks.append(store)
            return survey.survey(store)

        monkeypatch.setattr(pruning, "survey", look)
        monkeypatch.setattr(bound, "_SECONDS", -1.0)
        bound.keep(filled, 1_000_000)
        assert looks == []
        filled.bound.unlink()
        bound.keep(filled, 0)
        assert looks == [filled]
        assert kinds(filled) == {}

    def test_leftovers(self, filled: Store) -> None:
        """They go, whatever the size."""
        place = filled.environments.take("a" * 16)
        assert place is not None
        place.path.mkdir()
        place.give_back()
        (filled.root / "damaged").mkdir()
        (filled.root / "damaged" / "x").touch()
        bound.keep(filled, 1_000_000)
        assert not place.path.exists()
        assert not list(filled.damaged.iterdir())

    def test_locks(self, filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """Those that nobody holds go, some at a time; those of the store itself stay."""
        monkeypatch.setattr(bound, "_MOST_LOCKS", 1)
        keys = ["a" * 64, "b" * 64, "c" * 64, "d" * 64]
        for key in keys[1:]:
            with filled.hold(key, pytest.fail):
                pass
        with filled.hold(keys[0], pytest.fail):
            bound.keep(filled, 1_000_000)
            assert len(list(filled.bound.parent.iterdir())) in {4, 5}
            monkeypatch.setattr(bound, "_MOST_LOCKS", 100)
            filled.bound.unlink()
            bound.keep(filled, 1_000_000)
            assert {path.name for path in filled.bound.parent.iterdir()} == {keys[0], "bound"}

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

    def test_where_nothing_can_be_locked(self, filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """A store on such a file system is bounded as well."""

        def make(path: Path, _root: Path) -> None:
            path.parent.mkdir(exist_ok=True)
            path.touch()

        monkeypatch.setattr(locks, "try_to_hold", make)
        bound.keep(filled, 0)
        assert kinds(filled) == {}
        assert not filled.must_be_bounded()

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

        monkeypatch.setattr(pruning, "remove", fail)
        bound.keep(filled, 0)
        assert not filled.must_be_bounded()

    def test_no_store(self, store: Store) -> None:
        """There is nothing to look at."""
        assert not store.must_be_bounded()
