"""Build environments out of the store: all that was asked for, or nothing that is in the way."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.building.interface import EnvironmentPaths
from pipcache_plugin.building.requirements import collect_installed
from pipcache_plugin.pip_bridge.build_environment import find_folder, place_wheels
from tests.factories import make_wheel, sha256_hex
from tests.unit.pip_bridge.runs import RunInFolder

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store


@pytest.fixture
def run(store: Store, tmp_path: Path) -> RunInFolder:
    """Return a run."""
    return RunInFolder(store, tmp_path / "run")


@pytest.fixture
def paths(tmp_path: Path) -> EnvironmentPaths:
    """Return an empty environment."""
    root = tmp_path / "environment"
    schemes = {name: str(root / name) for name in ["purelib", "scripts", "data", "headers"]}
    schemes["platlib"] = schemes["purelib"]
    return EnvironmentPaths(root=root, python=Path(sys.executable), schemes=schemes, library=root / "purelib")


@pytest.fixture
def digests(store: Store, tmp_path: Path) -> list[str]:
    """Return the digests of two wheels that the store has unpacked."""
    wheels = [make_wheel(tmp_path / "wheels", name=name) for name in ["first", "Second.One"]]
    for wheel in wheels:
        store.trees.add(sha256_hex(wheel), wheel)
    return [sha256_hex(wheel) for wheel in wheels]


def installed(paths: EnvironmentPaths) -> dict[str, str]:
    """Return what is installed."""
    return collect_installed([str(paths.library)])


class TestPlaceWheels:
    """``place_wheels``."""

    def test_all_are_placed(self, run: RunInFolder, paths: EnvironmentPaths, digests: list[str]) -> None:
        """Those that are known; from the second time on with bytecode."""
        for count in [0, 2, 2]:
            assert place_wheels(run, digests, paths, {"other"})
            assert installed(paths) == {"first": "1.0", "second-one": "1.0"}
            assert len(list(paths.library.rglob("*.pyc"))) == count
            shutil.rmtree(paths.root)

    def test_none_is_placed_when_one_is_missing(
        self, run: RunInFolder, paths: EnvironmentPaths, digests: list[str]
    ) -> None:
        """Whoever installs them then finds what was there before."""
        assert not place_wheels(run, [*digests, "0" * 64], paths, ())
        assert not paths.root.exists()

    def test_none_is_placed_when_one_is_damaged(
        self, run: RunInFolder, paths: EnvironmentPaths, digests: list[str]
    ) -> None:
        """The damaged one is removed, so that there can be a new one."""
        tree = run.store.trees.find(digests[1])
        assert tree is not None
        (tree.folder / "second_one.py").write_text("damaged")
        assert not place_wheels(run, digests, paths, ())
        assert not paths.root.exists()
        assert [run.store.trees.find(digest) is None for digest in digests] == [False, True]

    @pytest.mark.parametrize("name", ["first", "second-one"])
    def test_nothing_is_replaced(
        self, run: RunInFolder, paths: EnvironmentPaths, digests: list[str], name: str
    ) -> None:
        """What is there has files that a new version may not have: pip removes them."""
        assert not place_wheels(run, digests, paths, {name})
        assert not paths.root.exists()

    def test_wheel_that_cannot_be_installed(
        self, run: RunInFolder, paths: EnvironmentPaths, digests: list[str], tmp_path: Path
    ) -> None:
        """What is wrong with it is for pip to say; it has no tree any more."""
        wheel = make_wheel(tmp_path / "wheels", name="third", has_record=False)
        run.store.trees.add(sha256_hex(wheel), wheel)
        assert not place_wheels(run, [*digests, sha256_hex(wheel)], paths, ())
        assert "third" not in installed(paths)
        assert run.store.trees.find(sha256_hex(wheel)) is None
        assert run.warnings == []


class TestFindFolder:
    """``find_folder``."""

    @pytest.fixture(autouse=True)
    def made(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
        """Return what pip is asked to make, or to remove."""
        module = "pipcache_plugin.pip_bridge.build_environment"
        removed: list[Path] = []
        monkeypatch.setattr(f"{module}._let_pip_remove", removed.append)
        monkeypatch.setattr(f"{module}.make_folder", lambda kind: tmp_path / "elsewhere" / kind)
        return removed

    def test_same_path_for_the_same_requirements(self, run: RunInFolder, made: list[Path]) -> None:
        """In whatever order; another one while it is in use, and for others."""
        first = find_folder(run, ["a", "b"])
        second = find_folder(run, ["b", "a"])
        other = find_folder(run, ["a"])
        assert len({first, second, other}) == 3
        assert made == [first, second, other]
        run.give_back()
        assert find_folder(run, ["b", "a"]) == first
        run.give_back()

    def test_elsewhere_where_there_is_no_place(self, run: RunInFolder, tmp_path: Path) -> None:
        """A store that cannot be written."""
        run.store.root.write_text("mine")
        assert find_folder(run, []) == tmp_path / "elsewhere" / "build-env"
        assert run.places == []
