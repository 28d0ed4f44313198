"""An index, environments and two users (one of stock pip, one of ours), fresh for each test."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from tests.functional.commands import Commands, Environment, create_environment
from tests.functional.server import Index


class MakeEnvironment(Protocol):
    """Makes fresh virtual environments."""

    def __call__(self, python: str | None = None) -> Environment:
        """Make one, of the running Python or of another."""


@pytest.fixture
def make_index(tmp_path: Path) -> Iterator[Callable[..., Index]]:
    """Return a function that starts an index: by default over the folder ``files``, shared by all."""
    started: list[Index] = []
    (tmp_path / "files").mkdir()

    def make(folder: Path = tmp_path / "files", **switches: object) -> Index:
        folder.mkdir(exist_ok=True)
        index = Index(folder=folder, **switches)  # type: ignore[arg-type]
        started.append(index)
        return index

    yield make
    for index in started:
        index.stop()


@pytest.fixture
def index(make_index: Callable[..., Index]) -> Index:
    """Return an index over the folder ``files``, still empty."""
    return make_index()


@pytest.fixture
def make_environment(tmp_path: Path) -> MakeEnvironment:
    """Return a function that makes environments, all with paths of the same length."""
    count = 0

    def make(python: str | None = None) -> Environment:
        nonlocal count
        count += 1
        create = create_environment if python is None else partial(create_environment, python=python)
        return create(tmp_path / f"env{count:02}")

    return make


@pytest.fixture
def environment(make_environment: MakeEnvironment) -> Environment:
    """Return a fresh virtual environment without pip."""
    return make_environment()


@pytest.fixture
def pipcache(tmp_path: Path) -> Commands:
    """Return a user of ours, whose caches are empty."""
    return Commands(root=tmp_path / "ours", module="pipcache_plugin")


@pytest.fixture
def pip(tmp_path: Path) -> Commands:
    """Return a user of stock pip, whose caches are empty; paths are as long as ours."""
    return Commands(root=tmp_path / "pips", module="pip")


class GitRepository:
    """A Git repository with one project in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *args: str) -> str:
        """Run git and return what it says."""
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", *identity, *args]
        done = subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self) -> str:
        """Commit everything and return the full hash."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "x")
        return self.git("rev-parse", "HEAD")

    @property
    def url(self) -> str:
        """For ``git+``."""
        return f"git+{self.folder.as_uri()}"

    def clone(self, folder: Path) -> GitRepository:
        """Return another repository with the same commits."""
        self.git("clone", "--quiet", str(self.folder), str(folder))
        clone = object.__new__(GitRepository)
        clone.folder = folder
        return clone


@pytest.fixture
def make_repository() -> Callable[[Path], GitRepository]:
    """Return a function that makes a repository of a folder, which exists already."""
    return GitRepository
