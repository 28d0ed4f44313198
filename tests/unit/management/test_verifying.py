"""What is wrong in a store is found, all of it, and can be taken out."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipcache_plugin.files import sha256_of
from pipcache_plugin.management.verifying import find_problems, repair
from pipcache_plugin.store.damaged import set_aside
from pipcache_plugin.store.trees import crc32_of
from tests.factories import make_wheel

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

KEY = "ab" * 32


def make_bytecode(folder: Path) -> None:
    """Stand for a compiler."""
    (folder / "alpha").mkdir()
    (folder / "alpha" / "__init__.py").write_bytes(b"bytecode")


@pytest.fixture
def filled(store: Store, tmp_path: Path) -> Store:
    """Return a store with one of everything."""
    wheel = make_wheel(
        tmp_path / "built", name="alpha", files={"alpha/__init__.py": "X = 1\n", "alpha/data.txt": "data"}
    )
    store.add_wheel(KEY, wheel, {})
    store.add_metadata(KEY, "alpha-1.0.dist-info", {"METADATA": b"x"}, {})
    store.trees.add(sha256_of(wheel), wheel)
    store.trees.add_bytecode(sha256_of(wheel), "kind", make_bytecode)
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
    "RECORD of a tree": lambda store: only(store.trees.folder, "RECORD"),
    "manifest of a tree": lambda store: only(store.trees.folder, "??/*/manifest.json"),
    "bytecode": lambda store: only(store.trees.folder, "bytecode/kind/files/*/__init__.py"),
    "manifest of bytecode": lambda store: only(store.trees.folder, "bytecode/kind/manifest.json"),
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


@pytest.mark.parametrize("where", ["wheel", "file of a tree", "bytecode"])
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


def test_whole_folder_gone(filled: Store) -> None:
    """A manifest without its files is damage; files without one are nobody's."""
    (tree,) = filled.trees
    shutil.rmtree(tree.folder)
    (problem,) = find_problems(filled)
    repair(filled, problem)
    assert list(filled.trees) == []
    assert list(find_problems(filled)) == []


@pytest.mark.parametrize("where", ["bytecode", "manifest of bytecode"])
def test_damaged_bytecode_goes_alone(filled: Store, where: str) -> None:
    """The files that it was made of are as they were."""
    flip(WHERE[where](filled))
    (problem,) = find_problems(filled)
    repair(filled, problem)
    (tree,) = filled.trees
    assert list(filled.trees.iter_bytecode(tree)) == []


def test_one_problem_for_each_tree(filled: Store) -> None:
    """All of its files go together."""
    for where in ["file of a tree", "RECORD of a tree"]:
        flip(WHERE[where](filled))
    assert len(list(find_problems(filled))) == 1


@pytest.mark.parametrize(
    "breakage",
    [{"record_lies_about": "alpha.py"}, {"record_lacks": "alpha.py"}, {"record_adds": "x"}, {"has_record": False}],
)
def test_wheel_with_a_record_that_lies(store: Store, tmp_path: Path, breakage: dict[str, Any]) -> None:
    """It came so, and is kept as it came: nothing happened to it here."""
    wheel = make_wheel(tmp_path / "built", name="alpha", files={"alpha.py": "X = 1\n"}, **breakage)
    store.trees.add(sha256_of(wheel), wheel)
    assert list(find_problems(store)) == []


def test_trees_of_other_versions(filled: Store) -> None:
    """Only they know what is right."""
    folder = filled.trees.folder / "ab" / KEY
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    assert list(find_problems(filled)) == []


def test_removed_meanwhile(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody takes out while it is read was not damaged."""
    (tree,) = filled.trees

    def remove_first(path: str) -> int:
        filled.trees.remove(tree)
        return crc32_of(path)

    monkeypatch.setattr("pipcache_plugin.management.verifying.crc32_of", remove_first)
    assert list(find_problems(filled)) == []


def test_file_that_cannot_be_read(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails is told of, each time, and in its words."""

    def fail(path: str) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("pipcache_plugin.management.verifying.crc32_of", fail)
    problems = list(find_problems(filled))
    assert [problem.what for problem in problems] == ["cannot be read: Input/output error"] * 2


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


@pytest.mark.parametrize("is_made_again", [True, False])
def test_what_is_made_again_meanwhile(filled: Store, monkeypatch: pytest.MonkeyPatch, *, is_made_again: bool) -> None:
    """It is another one; only what is still there is an error."""
    path = WHERE["wheel"](filled)
    flip(path)
    (problem,) = find_problems(filled)

    def set_aside_late(root: Path, path: Path) -> None:
        if is_made_again:
            set_aside(root, path)
            path.touch()

    monkeypatch.setattr("pipcache_plugin.management.verifying.set_aside", set_aside_late)
    if is_made_again:
        repair(filled, problem)
    else:
        with pytest.raises(PermissionError):
            repair(filled, problem)
