"""A store on a full disk: builds go on elsewhere, where there may be room."""

from __future__ import annotations

import shutil
import sys
from collections import namedtuple
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pip._internal.exceptions import InstallationError
from pip._internal.utils.temp_dir import global_tempdir_manager

from pipcache_plugin.building.errors import EnvironmentCreationError
from pipcache_plugin.building.interface import EnvironmentPaths
from pipcache_plugin.building.watching import Watch
from pipcache_plugin.pip_bridge import nested
from pipcache_plugin.pip_bridge.build_environment import find_folder
from tests.unit.faults import names_below, no_file_above
from tests.unit.pip_bridge.runs import RunInFolder

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

Usage = namedtuple("Usage", ["total", "used", "free"])  # noqa: PYI024 (as ``shutil`` has it)


@pytest.fixture
def run(store: Store, tmp_path: Path) -> RunInFolder:
    """Return a run."""
    return RunInFolder(store, tmp_path / "run")


@pytest.fixture
def paths(tmp_path: Path) -> EnvironmentPaths:
    """Return an empty environment."""
    root = tmp_path / "environment"
    root.mkdir()
    return EnvironmentPaths(root=root, python=Path(sys.executable), schemes={}, library=root)


class FailingInstaller:
    """Stands for pip's installer of build requirements."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def install(self, *_: object, **__: object) -> None:
        """Fail."""
        raise self._error


def test_environment_is_elsewhere(run: RunInFolder, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With little room in the store, where pip would have it; the place is not taken."""
    with global_tempdir_manager():
        assert find_folder(run, ["x"]).parent == store.environments.folder
        run.give_back()
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 1000))
        assert find_folder(run, ["x"]).parent != store.environments.folder
        monkeypatch.undo()
        assert find_folder(run, ["x"]).name.endswith("-0")
        run.give_back()


@pytest.mark.parametrize("error", [InstallationError("a process failed"), OSError(28, "No space left on device")])
def test_environment_that_has_no_room_is_left_to_pip(
    run: RunInFolder, paths: EnvironmentPaths, error: Exception
) -> None:
    """Whatever fails while nothing can be written; nothing is left of the trial. Other failures are what they are."""
    install = nested.make_installer(run, FailingInstaller(error), None, {})
    with pytest.raises(type(error)):
        install(["x"], paths, "build dependencies")
    with no_file_above(1000), pytest.raises(EnvironmentCreationError):
        install(["x"], paths, "build dependencies")
    assert names_below(paths.root) == []


def test_half_of_a_watch_is_none(tmp_path: Path, paths: EnvironmentPaths) -> None:
    """A .pth file that ends somewhere would be an error of every Python."""
    (tmp_path / "watch").mkdir()
    watch = Watch(tmp_path / "watch", tmp_path)
    with no_file_above(100):
        watch.ride_in(paths.library)
    assert names_below(paths.library) == []
    watch.ride_in(paths.library)
    assert len(names_below(paths.library)) == 1
