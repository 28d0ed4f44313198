"""Finding, counting and removing what is in a store."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.management import contents
from tests.factories import make_wheel
from tests.unit.faults import names_below

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store
    from pipcache_plugin.store.trees import Tree

KEYS = ["ab" * 32, "cd" * 32]


def make_bytecode(folder: Path) -> None:
    """Stand for a compiler."""
    (folder / "x.py").write_bytes(bytes(100))


def add_tree(store: Store, folder: Path, name: str, digest: str) -> Tree:
    """Unpack a wheel of *name* into the store, with one file of bytecode, ``bytes(100)``."""
    store.trees.add(digest, make_wheel(folder / "unpacked", name=name, files={"x.py": "", "y.txt": "y" * 50}))
    store.trees.add_bytecode(digest, "tag", make_bytecode)
    tree = store.trees.find(digest)
    assert tree is not None
    return tree


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

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            ("my_project-*.whl", ["My.Project", "my_project"]),
            ("My.Project-*.whl", ["My.Project", "my_project"]),
            ("MY.PROJECT-1.0*.whl", ["My.Project", "my_project"]),
            ("My.Project-2.0*.whl", []),
            ("my-project-1.0*.whl", ["My.Project", "my_project"]),
            ("my-project*.whl", ["My.Project", "my_project", "my_projects"]),
            # Globs are of the name as it is.
            ("my_pro*-*.whl", ["my_project", "my_projects"]),
            ("my?project-*.whl", ["my_project"]),
            ("[Mm]y.*-*.whl", ["My.Project"]),
        ],
    )
    def test_project_by_any_name(self, store: Store, tmp_path: Path, pattern: str, expected: list[str]) -> None:
        """However it is written, in the pattern or in the file name."""
        for number, name in enumerate(["my_project", "My.Project", "my_projects", "other"]):
            wheel = make_wheel(tmp_path, name="x", files={f"{name}.py": ""})
            store.add_wheel(f"{number}" * 64, wheel.rename(wheel.with_name(wheel.name.replace("x", name))), {})
        assert sorted(path.name.partition("-")[0] for path in contents.find_wheels(store, pattern)) == expected

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


class TestForgetTrees:
    """``forget``, of unpacked wheels."""

    @pytest.mark.parametrize("pattern", ["alpha-*.whl", "alpha-1.0*.whl", "al*", "*-py3-none-any.whl", "*"])
    def test_tree_goes_by_the_pattern(self, store: Store, tmp_path: Path, pattern: str) -> None:
        """Whether or not we built the wheel, and its bytecode with it; nothing is left of it."""
        tree = add_tree(store, tmp_path, "alpha", KEYS[0])
        contents.forget(store, pattern)
        assert store.trees.find(KEYS[0]) is None
        assert store.trees.find_bytecode(KEYS[0], "tag") is None
        assert not tree.folder.parent.parent.exists()

    @pytest.mark.parametrize("pattern", ["alpha-*.whl", "alpha", "", "beta-2*.whl", "bet-*.whl"])
    def test_other_trees_stay(self, store: Store, tmp_path: Path, pattern: str) -> None:
        """The whole name must match."""
        tree = add_tree(store, tmp_path, "beta", KEYS[1])
        contents.forget(store, pattern)
        assert list(store.trees) == [tree]
        assert store.trees.find_bytecode(KEYS[1], "tag") is not None

    def test_one_that_goes_at_the_same_time(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two may remove at once."""
        trees = [add_tree(store, tmp_path, name, key) for name, key in zip(["alpha", "beta"], KEYS, strict=True)]
        monkeypatch.setattr(type(store.trees), "__iter__", lambda _self: iter(trees))
        store.trees.remove(trees[0])
        contents.forget(store, "*")
        assert [store.trees.find(key) for key in KEYS] == [None, None]


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

    def test_files_of_others_stay(self, filled: Store) -> None:
        """In folders that were there before the store."""
        filled.log.append({"project": "x"})
        foreign = [
            filled.root / name for name in ["log/app.log", "metadata/title", "wheels/cart/x", "environments/prod"]
        ]
        for path in foreign:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        contents.purge(filled)
        assert sorted(path for path in filled.root.rglob("*") if path.is_file()) == sorted(foreign)

    def test_locks_that_nobody_holds_go(self, store: Store) -> None:
        """But for those of the store itself; those of environments as well."""
        place = store.environments.take("a" * 16)
        assert place is not None
        for key in KEYS:
            with store.hold(key, pytest.fail):
                pass
        for path in [store.bound, store.bound.with_name("log")]:
            path.touch()
        contents.purge(store)
        assert names_below(store.root / "locks") == [place.path.name, "bound", "log"]
        place.give_back()
        contents.purge(store)
        assert names_below(store.root / "locks") == ["bound", "log"]

    def test_what_a_killed_purge_has_left(self, filled: Store) -> None:
        """Goes with the next one."""
        (filled.root / "wheels").rename(filled.root / ".tmp-1-2")
        contents.purge(filled)
        assert sorted(path.name for path in filled.root.iterdir() if path.name != "locks") == []

    def test_where_folders_cannot_be_renamed(self, filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """On Windows, while somebody has a file of them open."""

        def refuse(path: Path, _target: Path) -> None:
            raise PermissionError(path)

        monkeypatch.setattr(Path, "rename", refuse)
        contents.purge(filled)
        assert names_below(filled.root) == []

    def test_trees_go(self, store: Store, tmp_path: Path) -> None:
        """With what a killed process left among them."""
        add_tree(store, tmp_path, "alpha", KEYS[0])
        (store.trees.folder / "ab" / ".tmp-1").mkdir()
        contents.purge(store)
        assert not store.trees.folder.exists()

    def test_resolutions_go(self, store: Store) -> None:
        """What was chosen is chosen anew."""
        store.resolutions.put(KEYS[0], [KEYS[1]], time.time() + 600)
        contents.purge(store)
        assert store.resolutions.find(KEYS[0]) is None
        assert not store.resolutions.folder.exists()

    def test_environments_in_use_stay(self, store: Store) -> None:
        """With all that is in them; what a killed process has left goes."""
        used, left = store.environments.take("a" * 16), store.environments.take("b" * 16)
        assert used is not None
        assert left is not None
        for place in [used, left]:
            place.path.mkdir()
            (place.path / "module.py").touch()
        left.give_back()
        contents.purge(store)
        assert [path.name for path in store.environments.folder.rglob("*")] == [used.path.name, "module.py"]
        used.give_back()
        contents.purge(store)
        assert list(store.environments.folder.iterdir()) == []

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


class TestSizeOfWheels:
    """``size_of_wheels`` and ``sizes_by_project``."""

    def test_wheels_are_counted(self, filled: Store, tmp_path: Path) -> None:
        """Those of one project together, however it is written."""
        wheel = make_wheel(tmp_path / "more", name="alpha", version="2.0")
        filled.add_wheel("e" * 64, wheel.rename(wheel.with_name("Alpha-2.0-py3-none-any.whl")), {})
        sizes = {path.name: path.stat().st_size for path in filled.wheels}
        assert len(sizes) == 3
        beta = sizes["beta-1.0-py3-none-any.whl"]
        assert contents.size_of_wheels(filled) == (3, sum(sizes.values()))
        assert contents.sizes_by_project(filled) == {"alpha": (2, sum(sizes.values()) - beta), "beta": (1, beta)}

    def test_store_that_is_not_there_has_none(self, store: Store) -> None:
        """Looking makes nothing."""
        assert contents.size_of_wheels(store) == (0, 0)
        assert not store.root.exists()


class TestSizeOfTrees:
    """``size_of_trees``."""

    def test_files_and_bytecode_are_counted(self, store: Store, tmp_path: Path) -> None:
        """Each tree once, bytecode as part of it."""
        sizes = [0]
        for count, (name, key) in enumerate(zip(["alpha", "beta"], KEYS, strict=True), 1):
            tree = add_tree(store, tmp_path, name, key)
            own = sum(file.size_bytes for file in tree.files.values()) + 100
            manifests = sum(path.stat().st_size for path in tree.folder.parent.rglob("manifest.json"))
            sizes.append(own + manifests)
            assert contents.size_of_trees(store) == (count, sum(sizes))

    def test_rest_of_a_killed_process_is_not_counted(self, store: Store, tmp_path: Path) -> None:
        """It is no tree."""
        tree = add_tree(store, tmp_path, "alpha", KEYS[0])
        before = contents.size_of_trees(store)
        shutil.copytree(tree.folder.parent, tree.folder.parent.with_name(".tmp-1"))
        assert contents.size_of_trees(store) == before

    def test_store_that_is_not_there_has_none(self, store: Store) -> None:
        """Looking makes nothing."""
        assert contents.size_of_trees(store) == (0, 0)
        assert not store.root.exists()
