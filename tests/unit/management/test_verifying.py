"""What is wrong in a store is found, all of it, and can be taken out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.files import sha256_of
from pipcache_plugin.management.verifying import find_problems, repair
from tests.factories import make_wheel

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

KEY = "ab" * 32


@pytest.fixture
def filled(store: Store, tmp_path: Path) -> Store:
    """Return a store with one of everything."""
    wheel = make_wheel(
        tmp_path / "built", name="alpha", files={"alpha/__init__.py": "X = 1\n", "alpha/data.txt": "data"}
    )
    store.add_wheel(KEY, wheel, {})
    store.add_metadata(KEY, "alpha-1.0.dist-info", {"METADATA": b"x"}, {})
    store.trees.add(sha256_of(wheel), wheel)
    store.resolutions.put(KEY, [KEY], 9e9)
    return store


def only(folder: Path, pattern: str) -> Path:
    """Return the one file that matches."""
    (path,) = folder.rglob(pattern)
    return path


def flip(path: Path) -> None:
    """Change one bit, and nothing that can be seen without reading."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def cut(path: Path) -> None:
    """Leave half of it."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def empty(path: Path) -> None:
    """Leave nothing in it."""
    path.write_bytes(b"")


WHERE: dict[str, Callable[[Store], Path]] = {
    "wheel": lambda store: only(store.wheels.folder, "*.whl"),
    "entry": lambda store: only(store.entries.folder, "*.json"),
    "metadata": lambda store: only(store.metadata.folder, "*.json"),
    "resolution": lambda store: only(store.resolutions.folder, "*.json"),
    "file of a tree": lambda store: only(store.trees.folder, "data.txt"),
}


def test_nothing_is_wrong(filled: Store) -> None:
    """Nothing is reported."""
    assert list(find_problems(filled)) == []


def test_empty_store(store: Store) -> None:
    """Nothing is made."""
    assert list(find_problems(store)) == []
    assert not store.root.exists()


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("damage", [flip, cut, empty])
def test_damage_is_found_and_repaired(filled: Store, where: str, damage: Callable[[Path], None]) -> None:
    """It is found each time, until it is repaired."""
    path = WHERE[where](filled)
    damage(path)
    for _ in range(2):
        assert path in {problem.path for problem in find_problems(filled)}
    for problem in find_problems(filled):
        assert str(path.name) in str(problem) or where == "wheel"
        repair(filled, problem)
    assert not path.exists()
    while problems := list(find_problems(filled)):
        # Without its wheel, an entry is of no use.
        assert {problem.path.parent.parent.parent.name for problem in problems} == {"entries"}
        for problem in problems:
            repair(filled, problem)


@pytest.mark.parametrize("where", ["wheel", "file of a tree"])
def test_what_is_gone(filled: Store, where: str) -> None:
    """What leads to it is wrong."""
    WHERE[where](filled).unlink()
    (problem,) = find_problems(filled)
    repair(filled, problem)
    assert list(find_problems(filled)) == []


def test_what_is_wrong_is_kept(filled: Store) -> None:
    """Somebody may want to know what happened to it; a tree can be made again."""
    flip(WHERE["wheel"](filled))
    problems = list(find_problems(filled))
    repair(filled, problems[0])
    assert [path.suffix for path in filled.damaged.iterdir()] == [".whl"]


def test_wheel_with_a_record_that_lies(store: Store, tmp_path: Path) -> None:
    """Its files are not what it says: whoever trusts it is told."""
    wheel = make_wheel(tmp_path / "built", name="alpha", files={"alpha.py": "X = 1\n"})
    tree = store.trees.add(sha256_of(wheel), wheel)
    record = tree.folder / "alpha-1.0.dist-info" / "RECORD"
    status = record.stat()
    text = record.read_text()
    line = next(line for line in text.splitlines() if line.startswith("alpha.py"))
    digest = line.split("=")[1].split(",")[0]
    record.write_text(text.replace(digest, "A" * len(digest)))
    os.utime(record, ns=(status.st_atime_ns, status.st_mtime_ns))
    (problem,) = find_problems(store)
    assert problem.path.name == "alpha.py"
    assert "RECORD" in problem.what


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may do anything")
def test_what_cannot_be_taken_out(filled: Store) -> None:
    """It is an error."""
    path = WHERE["wheel"](filled)
    flip(path)
    path.parent.chmod(0o500)
    try:
        (problem,) = find_problems(filled)
        with pytest.raises(PermissionError):
            repair(filled, problem)
    finally:
        path.parent.chmod(0o700)
