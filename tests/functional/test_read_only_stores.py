"""Stores below the one that is written to: what they have is found, and nothing in them changes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_sdist, make_wheel
from tests.functional.commands import NO_BUILD, ONE_BUILD, ONE_PREPARATION, Commands, builds

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment, Snapshots, Workshop
    from tests.functional.server import Index


@pytest.fixture
def baked(index: Index, make_environment: MakeEnvironment, pipcache: Commands, snapshots: Snapshots) -> Path:
    """Return a store with what is needed for ``simple``, a source, and ``other``, a wheel; as a read-only one."""
    baked = pipcache.root / "baked"

    def bake() -> None:
        make_sdist(index.folder)
        make_wheel(index.folder, name="other")
        variables = {"PIPCACHE_DIR": str(baked)}
        pipcache.ok("install", "simple", "other", *index.options, into=make_environment(), env=variables)
        assert pipcache.take_calls() == ONE_BUILD

    snapshots.bring("baked", index, pipcache, bake)
    pipcache.variables["PIPCACHE_READ_ONLY_DIRS"] = str(baked)
    return baked


def look(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return the time and the content of every file below *folder*."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.fixture
def unchanged(baked: Path) -> Callable[[], bool]:
    """Return a function that tells whether the read-only store is as it was."""
    before = look(baked)
    return lambda: look(baked) == before


def test_found_below(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, unchanged: Callable[[], bool]
) -> None:
    """No build, no unpacking; what happened is written down in the store of one's own."""
    environment = make_environment()
    result = pipcache.ok("install", "simple", "other", *index.options, into=environment)
    assert pipcache.take_calls() == NO_BUILD
    assert result.warnings == []
    assert environment.distributions == {"simple-1.0", "other-1.0"}
    assert list((environment.library / "__pycache__").glob("simple.*"))
    assert pipcache.wheels == []
    assert not list(pipcache.store.glob("trees/*/*"))
    assert "simple 1.0: found" in pipcache.ok("explain").stdout
    assert unchanged()


@pytest.mark.usefixtures("baked")
def test_metadata_below(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """``download`` prepares nothing."""
    pipcache.ok("download", "--no-binary", "simple", "simple", *index.options)
    assert pipcache.take_calls() == NO_BUILD
    pipcache.ok("install", "simple", *index.options, into=make_environment(), env={"PIPCACHE_READ_ONLY_DIRS": ""})
    assert pipcache.take_calls() == ONE_BUILD


def test_conditions_hold_below_as_well(workshop: Workshop, tmp_path: Path) -> None:
    """What was built with other flags is built again, into the store of one's own."""
    baked = tmp_path / "baked"
    workshop.write("value = os.environ.get('FLAVOUR')", top="import os")
    assert workshop(env={"FLAVOUR": "a", "PIPCACHE_DIR": str(baked)}) == ("a", ONE_BUILD)
    workshop.pipcache.variables["PIPCACHE_READ_ONLY_DIRS"] = str(baked)
    assert workshop(env={"FLAVOUR": "a"}) == ("a", NO_BUILD)
    assert workshop(env={"FLAVOUR": "b"})[0] == "b"
    assert workshop.pipcache.take_calls() == NO_BUILD
    assert len(workshop.pipcache.wheels) == 1
    assert workshop(env={"FLAVOUR": "b"}) == ("b", NO_BUILD)
    assert workshop(env={"FLAVOUR": "a"}) == ("a", NO_BUILD)


@pytest.mark.parametrize("damage", ["wheels/*/*/*.whl", "entries/*/*/*.json"])
def test_damaged_below(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, baked: Path, damage: str
) -> None:
    """It is passed over and stays where it is; from then on there is a wheel in the store of one's own."""
    (path,) = baked.glob(damage)
    path.write_bytes(path.read_bytes()[:-1])
    before = look(baked)
    for calls in [{"build_wheel": 1}, {}]:
        result = pipcache.ok("install", "simple", *index.options, into=make_environment())
        assert result.warnings == []
        assert {name: count for name, count in pipcache.take_calls().items() if name == "build_wheel"} == calls
    assert len(pipcache.wheels) == 1
    assert look(baked) == before


def test_damaged_tree_below(index: Index, make_environment: MakeEnvironment, pipcache: Commands, baked: Path) -> None:
    """Its files come out of the wheel, and then there is a tree in the store of one's own."""
    for path in baked.glob("trees/*/*/files/other.py"):
        path.write_text("broken = True\n")
    before = look(baked)
    for _ in range(2):
        environment = make_environment()
        assert pipcache.ok("install", "other", *index.options, into=environment).warnings == []
        assert "broken" not in (environment.library / "other.py").read_text()
        assert len(list(pipcache.store.glob("trees/*/*/files/other.py"))) == 1
    assert look(baked) == before


def test_several_and_one_that_is_missing(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, baked: Path, tmp_path: Path
) -> None:
    """Each is asked; of the missing one the user is told."""
    folders = [tmp_path / "missing", tmp_path / "empty", baked]
    folders[1].mkdir()
    variables = {"PIPCACHE_READ_ONLY_DIRS": os.pathsep.join(map(str, folders))}
    result = pipcache.ok("install", "simple", *index.options, into=make_environment(), env=variables)
    assert ["is not a directory" in line and "missing" in line for line in result.warnings] == [True]
    assert pipcache.take_calls() == NO_BUILD


def test_copied_by_an_archive(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, baked: Path, tmp_path: Path
) -> None:
    """As layers of images are, which know times by the second: unpacked wheels are found all the same."""
    archive, copied = tmp_path / "layer.tar", tmp_path / "copied"
    copied.mkdir()
    subprocess.run(["tar", "--format=ustar", "-C", baked, "-cf", archive, "."], check=True)
    subprocess.run(["tar", "-C", copied, "-xf", archive], check=True)
    variables = {"PIPCACHE_READ_ONLY_DIRS": str(copied), "PIPCACHE_LINK_MODE": "hardlink"}
    environment = make_environment()
    pipcache.ok("install", "simple", "other", *index.options, into=environment, env=variables)
    assert pipcache.take_calls() == NO_BUILD
    inodes = {path.stat().st_ino for path in copied.rglob("*.py")}
    assert {(environment.library / f"{name}.py").stat().st_ino for name in ["simple", "other"]} <= inodes
    assert not list(pipcache.store.glob("trees/*/*"))


def test_management_leaves_it_alone(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, unchanged: Callable[[], bool], baked: Path
) -> None:
    """It is listed and told of; nothing is removed from it."""
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    listed = pipcache.ok("cache", "list", "--format", "abspath").stdout.split()
    assert [Path(path).name for path in listed if path.startswith(str(baked))] == ["simple-1.0-py3-none-any.whl"]
    assert f"Read-only cache: {baked} (1 wheels)" in pipcache.ok("cache", "info").stdout
    pipcache("cache", "remove", "simple")
    pipcache.ok("cache", "prune", "--max-size", "0")
    pipcache.ok("cache", "purge")
    pipcache.ok("cache", "verify", "--repair")
    assert unchanged()


@pytest.mark.usefixtures("baked")
def test_read_only_above_as_well(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, tmp_path: Path
) -> None:
    """Where nothing can be written, what is below is still found."""
    pipcache.ok(
        "install", "simple", *index.options, into=make_environment(), env={"PIPCACHE_DIR": str(tmp_path / "x" / "y")}
    )
    assert pipcache.take_calls() == NO_BUILD
    file = tmp_path / "file"
    file.touch()
    result = pipcache.ok(
        "install", "simple", *index.options, into=make_environment(), env={"PIPCACHE_DIR": str(file / "store")}
    )
    assert pipcache.take_calls() == NO_BUILD
    assert result.warnings == []


def test_nothing_of_all_that_is_kept_for_a_new_version(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, baked: Path
) -> None:
    """What another version of ours has written below is passed over."""
    for path in baked.glob("entries/*/*/*.json"):
        path.write_text(path.read_text().replace('"format": ', '"format": 9'))
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    assert pipcache.take_calls() + ONE_PREPARATION >= builds(1)
