"""Several users and one store: a team's, root's in a container, and one that is somebody else's business."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.factories import make_sdist
from tests.functional.commands import NO_BUILD, ONE_BUILD, Environment, Result
from tests.functional.conftest import EnvironmentMaker
from tests.functional.users import ALICE, BOB, TEAM, User, needs_users, owners_of, without_rights

if TYPE_CHECKING:
    from tests.functional.server import Index

pytestmark = needs_users()


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder that everybody can look into: the one for tests is root's alone."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        yield place


@pytest.fixture
def alice(place: Path) -> User:
    """Return somebody."""
    return User(root=place / "alice", module="pipcache_plugin", user=ALICE)


@pytest.fixture
def bob(place: Path) -> User:
    """Return somebody else."""
    return User(root=place / "bob", module="pipcache_plugin", user=BOB)


class Install(Protocol):
    """Installs for a user, into an environment of theirs."""

    def __call__(self, user: User, *requirements: str, env: dict[str, str] | None = None) -> tuple[Result, Environment]:
        """Return what was said, and the environment."""


@pytest.fixture
def install(index: Index, place: Path) -> Install:
    """Return a function that installs for a user, into an environment of theirs."""
    make_sdist(index.folder)
    make_sdist(index.folder, name="other", version="2.0")
    make_environment = EnvironmentMaker(place)

    def install(user: User, *requirements: str, env: dict[str, str] | None = None) -> tuple[Result, Environment]:
        environment = make_environment()
        user.own(environment.root)
        return user.ok("install", *requirements, *index.options, into=environment, env=env), environment

    return install


def test_store_of_a_team(install: Install, alice: User, bob: User, place: Path) -> None:
    """What one has built the other finds, and both can add to all of it, whatever their umask."""
    shared = place / "shared"
    shared.mkdir()
    shared.chmod(0o2775)
    alice.own(shared)
    env = {"PIPCACHE_DIR": str(shared)}
    for first, second, project in [(alice, bob, "simple"), (bob, alice, "other")]:
        result, _ = install(first, project, env=env)
        assert first.take_calls() == ONE_BUILD
        assert result.warnings == []
        result, environment = install(second, project, env=env)
        assert second.take_calls() == NO_BUILD
        assert result.warnings == []
        assert len(environment.distributions) == 1
    assert owners_of(shared) == {ALICE, BOB}
    assert without_rights(shared, ALICE) == without_rights(shared, BOB) == []
    assert "Wheels removed: 2" in bob.ok("cache", "prune", "--max-size=0", env=env).stdout
    assert not list(shared.glob("wheels/*/*/*"))


def test_container_with_a_home_that_is_mounted(install: Install, alice: User, place: Path) -> None:
    """Its root uses the store, and says so; what it makes is of use for whom the home belongs to."""
    container = User(root=place / "container", module="pipcache_plugin", user=0, group=0)
    env = {"HOME": str(alice.home), "XDG_CACHE_HOME": str(alice.xdg_cache)}
    result, _ = install(container, "simple", env=env)
    assert container.take_calls() == ONE_BUILD
    assert owners_of(alice.store) == {ALICE}
    result, _ = install(alice, "simple")
    assert alice.take_calls() == NO_BUILD
    assert result.warnings == []
    result, _ = install(container, "simple", "other", env=env)
    assert container.take_calls() == ONE_BUILD
    assert ["another user's" in line for line in result.warnings if "pip" in line and str(alice.store) in line] == [
        True
    ]
    assert owners_of(alice.store) == {ALICE}
    result, _ = install(container, "simple", env={**env, "PIPCACHE_DIR": str(alice.store)})
    assert not any(str(alice.store) in line for line in result.warnings)
    result, _ = install(alice, "other")
    assert alice.take_calls() == NO_BUILD
    assert result.warnings == []


def test_somebody_elses_store(install: Install, alice: User, bob: User) -> None:
    """Is not used unless that was chosen: who can write to it decides what is installed."""
    install(alice, "simple")
    assert alice.take_calls() == ONE_BUILD
    env = {"XDG_CACHE_HOME": str(alice.xdg_cache)}
    result, environment = install(bob, "simple", env=env)
    assert bob.take_calls() == ONE_BUILD
    assert ["another user's" in line for line in result.warnings if "pipcache" in line] == [True]
    assert environment.distributions == {"simple-1.0"}
    result, _ = install(bob, "simple", env={**env, "PIPCACHE_DIR": str(alice.store)})
    assert bob.take_calls() == NO_BUILD
    assert not any("pipcache" in line for line in result.warnings)
    assert owners_of(alice.store) == {ALICE}
    told = bob("doctor", env=env)
    assert told.returncode == 1
    assert "the cache is not used: the cache at" in told.stdout


def test_store_that_everybody_may_write_to(install: Install, alice: User) -> None:
    """The same."""
    alice.store.mkdir(parents=True)
    alice.own(alice.xdg_cache)
    alice.store.chmod(0o777)
    result, _ = install(alice, "simple")
    assert ["for everybody to write to" in line for line in result.warnings] == [True]
    assert alice.wheels == []
    install(alice, "simple", env={"PIPCACHE_DIR": str(alice.store)})
    assert len(alice.wheels) == 1


def test_users_with_a_group_of_their_own(install: Install, place: Path) -> None:
    """Whose umask lets the group write to all: many systems are set up so, and nothing is said."""
    carol = User(root=place / "carol", module="pipcache_plugin", user=ALICE, group=ALICE, umask=0o002)
    for calls in [ONE_BUILD, NO_BUILD]:
        result, _ = install(carol, "simple")
        assert result.warnings == []
        assert carol.take_calls() == calls
    assert carol.store.stat().st_mode & 0o020
    assert TEAM not in {path.stat().st_gid for path in carol.store.rglob("*")}
