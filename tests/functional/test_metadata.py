"""Metadata of a source is prepared once, for ``download``, ``lock`` and releases that the resolver only looks at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pip
import pytest

from tests.factories import Backend, make_sdist
from tests.functional.commands import NO_BUILD, ONE_PREPARATION, UNPREPARED_BUILD, Commands, Environment

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index

PIP_VERSION = tuple(int(number) for number in pip.__version__.split(".")[:2])


def test_download_prepares_metadata_once(index: Index, tmp_path: Path, pipcache: Commands) -> None:
    """A second ``download`` fetches the sdist and asks no backend."""
    sdist = make_sdist(index.folder)
    for name, expected in [("one", ONE_PREPARATION), ("two", NO_BUILD)]:
        pipcache.ok("download", "simple", "--dest", tmp_path / name, *index.options)
        assert pipcache.take_calls() == expected
        assert (tmp_path / name / sdist.name).read_bytes() == sdist.read_bytes()


def test_download_of_a_stored_wheel_gets_the_sdist(
    index: Index, tmp_path: Path, environment: Environment, pipcache: Commands
) -> None:
    """``download`` gives the sdist, as pip does, also when its wheel is stored; the metadata comes from the wheel."""
    sdist = make_sdist(index.folder, backend=Backend(has_prepare=False))
    pipcache.ok("install", "simple", *index.options, into=environment)
    pipcache.take_calls()
    pipcache.ok("download", "simple", "--dest", tmp_path / "downloads", *index.options)
    assert pipcache.take_calls() == NO_BUILD
    assert [path.name for path in (tmp_path / "downloads").iterdir()] == [sdist.name]


def test_download_sees_dependencies_in_known_metadata(index: Index, tmp_path: Path, pipcache: Commands) -> None:
    """What a release requires is known from its stored metadata."""
    make_sdist(index.folder, requires_dist=["needed"])
    make_sdist(index.folder, name="needed")
    for name in ["one", "two"]:
        pipcache.ok("download", "simple", "--dest", tmp_path / name, *index.options)
        names = sorted(path.name for path in (tmp_path / name).iterdir())
        assert names == ["needed-1.0.tar.gz", "simple-1.0.tar.gz"]
    expected = dict.fromkeys(ONE_PREPARATION, 2)
    assert pipcache.take_calls() == expected


@pytest.mark.skipif(PIP_VERSION < (25, 1), reason="pip has no `lock`")
def test_lock_prepares_metadata_once(index: Index, pipcache: Commands, pip: Commands) -> None:
    """A second ``lock`` asks no backend; both files are what stock pip writes."""
    make_sdist(index.folder, requires_dist=["needed"])
    make_sdist(index.folder, name="needed")
    pip.ok("lock", "simple", *index.options)
    expected = (pip.work / "pylock.toml").read_text()
    for calls in [dict.fromkeys(ONE_PREPARATION, 2), NO_BUILD]:
        pipcache.ok("lock", "simple", *index.options)
        assert pipcache.take_calls() == calls
        assert (pipcache.work / "pylock.toml").read_text() == expected


@pytest.mark.skipif(PIP_VERSION < (25, 1), reason="pip has no `lock`")
def test_lock_of_stored_wheels_equals_stock_pips(
    index: Index, environment: Environment, pipcache: Commands, pip: Commands
) -> None:
    """A wheel in the store does not get into the lock file."""
    make_sdist(index.folder)
    pip.ok("lock", "simple", *index.options)
    pipcache.ok("install", "simple", *index.options, into=environment)
    pipcache.take_calls()
    pipcache.ok("lock", "simple", *index.options)
    assert pipcache.take_calls() == NO_BUILD
    assert (pipcache.work / "pylock.toml").read_text() == (pip.work / "pylock.toml").read_text()


def test_backtracking_prepares_each_release_once(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """Releases that the resolver rejects are looked at once, over all runs; the chosen one is built."""
    for version in ["1.0", "2.0", "3.0"]:
        wanted = "needed==1.0" if version == "1.0" else "needed==9.0"
        make_sdist(index.folder, version=version, requires_dist=[wanted])
    make_sdist(index.folder, name="needed")
    first, second = make_environment(), make_environment()
    pipcache.ok("install", "simple", "needed==1.0", *index.options, into=first)
    calls = pipcache.take_calls()
    assert calls["prepare_metadata_for_build_wheel"] == 4
    assert calls["build_wheel"] == 2
    pipcache.ok("install", "simple", "needed==1.0", *index.options, into=second)
    assert pipcache.take_calls() == NO_BUILD
    assert first.distributions == second.distributions == {"simple-1.0", "needed-1.0"}


def test_install_after_download_prepares_nothing_again(
    index: Index, tmp_path: Path, environment: Environment, pipcache: Commands
) -> None:
    """The wheel is built with the metadata that is known."""
    make_sdist(index.folder)
    pipcache.ok("download", "simple", "--dest", tmp_path / "downloads", *index.options)
    pipcache.take_calls()
    pipcache.ok("install", "simple", *index.options, into=environment)
    calls = pipcache.take_calls()
    assert calls["prepare_metadata_for_build_wheel"] == 0
    assert calls["build_wheel"] == 1
    assert environment.distributions == {"simple-1.0"}


def test_backend_without_prepare_builds_its_wheel_once(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """A wheel that was built for its metadata is the wheel that is installed and stored."""
    make_sdist(index.folder, backend=Backend(has_prepare=False))
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    assert pipcache.take_calls() == UNPREPARED_BUILD
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    assert pipcache.take_calls() == NO_BUILD


def test_download_without_prepare_stores_the_wheel(
    index: Index, tmp_path: Path, environment: Environment, pipcache: Commands
) -> None:
    """A backend that must build a wheel for its metadata does so once for ``download`` and ``install`` together."""
    make_sdist(index.folder, backend=Backend(has_prepare=False))
    pipcache.ok("download", "simple", "--dest", tmp_path / "downloads", *index.options)
    pipcache.ok("install", "simple", *index.options, into=environment)
    assert pipcache.take_calls() == UNPREPARED_BUILD
