"""An index, environments and two users (one of stock pip, one of ours), fresh for each test.

When a comparison with the outcome of an installation fails, what ``pipcache explain`` says of it is shown.
"""

from __future__ import annotations

import ast
import contextlib
import os
import shutil
import subprocess
import sysconfig
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from tests.factories import PLAIN_BACKEND, Backend, make_source_tree, pack_tree
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


class EnvironmentMaker:
    """Makes environments in a folder, all with paths of the same length."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def __call__(self, python: str | None = None) -> Environment:
        """Make one."""
        self.count += 1
        create = create_environment if python is None else partial(create_environment, python=python)
        return create(self.folder / f"env{self.count:02}")


@pytest.fixture
def make_environment(tmp_path: Path) -> MakeEnvironment:
    """Return a function that makes environments, all with paths of the same length."""
    return EnvironmentMaker(tmp_path)


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


class Snapshots:
    """What an index and a user of ours have after some commands: made once, then copied for each test that asks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def bring(self, name: str, index: Index, pipcache: Commands, make: Callable[[], None]) -> None:
        """Have files and caches be as after *make*; nothing else was done before."""
        kept = self._folder / name
        # Backends read it: with another one, all would be built again.
        pipcache.variables["CALLS_FILE"] = str(self._folder / f"calls-of-{name}")
        folders = {kept / "files": index.folder, kept / "user": pipcache.root}
        if kept.exists():
            for source, target in folders.items():
                shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
            return
        make()
        for target, source in folders.items():
            shutil.copytree(source, target, symlinks=True)


@pytest.fixture(scope="session")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> Snapshots:
    """Return what was made once in this process."""
    return Snapshots(tmp_path_factory.mktemp("snapshots"))


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


NATIVE_TAG = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
"""Of a wheel for this platform alone."""

_LAST_LINE = "    return write_wheel(wheel_directory, files)\n"
_FIRST_IMPORT = "import base64\n"


class Outcome(tuple[object, Counter[str]]):  # noqa: SLOT001 (a tuple has no room for slots)
    """What was built into the wheel, or by way into the wheels, and the hooks that were called: compared as a pair."""

    explain: Callable[..., str]
    """Returns what ``pipcache explain`` says of projects, or of the whole last command."""

    def describe_difference(self, wanted: tuple[object, Counter[str]]) -> list[str]:
        """Return lines for a test that wanted something else; of many values, those that are wrong."""
        value, calls = self
        wanted_value, wanted_calls = wanted
        wrong: list[str] = []
        if isinstance(value, dict) and isinstance(wanted_value, dict):
            wrong = [way for way in value if value[way] != wanted_value.get(way)]
            value, wanted_value = ({way: values.get(way) for way in wrong} for values in (value, wanted_value))
        lines = ["another outcome"]
        if value != wanted_value:
            lines += [f"value:  {value!r}", f"wanted: {wanted_value!r}"]
        if calls != wanted_calls:
            lines += [f"hooks:  {dict(calls)}", f"wanted: {dict(wanted_calls)}"]
        return [*lines, *self.explain(*(f"by_{way}" for way in wrong)).splitlines()]


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Say why something was built, or why it was not."""
    if isinstance(left, Outcome) and isinstance(right, tuple) and op == "==":
        return left.describe_difference(right)
    return None


class Workshop:
    """A project whose ``build_wheel`` is written by a test, an index that has it, and environments to install it into.

    The build says what it found: ``value``, which is then in the wheel. There may be many projects, each of which finds
    out the same in a way of its own; they are installed together, and each has conditions of its own.
    """

    def __init__(self, index: Index, folder: Path, make_environment: MakeEnvironment, pipcache: Commands) -> None:
        """Nothing is written yet."""
        self.index = index
        self.folder = folder
        self.make_environment = make_environment
        self.pipcache = pipcache
        self.machine = folder / "machine"
        """Stands for the rest of the machine: not the build's own, no home, nothing temporary."""

        self.machine.mkdir()
        self.ways: list[str] = []
        """Names of what ``each`` installs."""

    def write(
        self,
        body: str,
        *,
        name: str = "simple",
        top: str = "",
        files: Mapping[str, str | bytes] | None = None,
        edits: Mapping[str, str] | None = None,
        backend: Backend = PLAIN_BACKEND,
        build_requires: Sequence[str] = (),
        requires_dist: Sequence[str] = (),
    ) -> Path:
        """Put an sdist into the index and return its source tree.

        A tree of the same name that was written before is replaced.

        :param body: statements in ``build_wheel`` that assign ``value``; ``NATIVE_TAG`` and ``PROJECT`` are there.
        :param top: statements at the top of the backend.
        :param files: more files of the source tree.
        :param edits: parts of the backend's text that are replaced.
        """
        shutil.rmtree(self.folder / "trees" / f"{name}-1.0", ignore_errors=True)
        tree = make_source_tree(
            self.folder / "trees",
            name=name,
            backend=backend,
            build_requires=build_requires,
            requires_dist=requires_dist,
        )
        last_lines = f'files["{name}_probe.py"] = "VALUE = {{!r}}\\n".format(value).encode()\n{_LAST_LINE.strip()}\n'
        replaced = {
            _FIRST_IMPORT: f"NATIVE_TAG = {NATIVE_TAG!r}\n{_FIRST_IMPORT}{textwrap.dedent(top)}\n",
            _LAST_LINE: textwrap.indent(textwrap.dedent(body).strip() + "\n" + last_lines, "    "),
            **(edits or {}),
        }
        module = tree / "_backend" / "tiny_backend.py"
        text = module.read_text()
        for old, new in replaced.items():
            assert old in text, f"the backend has no {old!r}"
            text = text.replace(old, new, 1)
        module.write_text(text)
        for path, content in (files or {}).items():
            target = tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        pack_tree(tree, self.index.folder / f"{tree.name}.tar.gz")
        return tree

    def write_way(
        self,
        way: str,
        body: str,
        *,
        top: str = "",
        files: Mapping[str, str | bytes] | None = None,
        edits: Mapping[str, str] | None = None,
    ) -> None:
        """Write one more of the projects that ``each`` installs; see ``write``."""
        self.write(body, name=f"by_{way}", top=top, files=files, edits=edits)
        self.ways.append(way)

    def write_ways(
        self, bodies: Mapping[str, str], *, end: str = "", top: str = "", files: Mapping[str, str | bytes] | None = None
    ) -> None:
        """Write a project for each of *bodies*, all of which end with *end*."""
        for way, body in bodies.items():
            self.write_way(way, body + end, top=top, files=files)

    def install(
        self,
        *args: str | Path,
        requirement: str | Sequence[str] = "simple",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        into: Environment | None = None,
    ) -> Environment:
        """Install into an environment, by default a fresh one, from the index, and return the environment."""
        target = into or self.make_environment()
        requirements = [requirement] if isinstance(requirement, str) else requirement
        self.pipcache.ok("install", *requirements, *args, *self.index.options, into=target, env=env, cwd=cwd)
        return target

    def __call__(
        self,
        *args: str | Path,
        requirement: str = "simple",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        into: Environment | None = None,
    ) -> Outcome:
        """Install and return the ``value`` of the wheel of ``simple`` and the hooks that were called."""
        environment = self.install(*args, requirement=requirement, env=env, cwd=cwd, into=into)
        return self._tell(probe(environment))

    def each(self, *args: str | Path, env: Mapping[str, str] | None = None, into: Environment | None = None) -> Outcome:
        """Install all of ``ways`` and return the ``value`` of each and the hooks that were called."""
        names = [f"by_{way}" for way in self.ways]
        environment = self.install(*args, requirement=names, env=env, into=into)
        return self._tell({way: probe(environment, name) for way, name in zip(self.ways, names, strict=True)})

    def all(self, value: object) -> dict[str, object]:
        """Return *value* for each of ``ways``."""
        return dict.fromkeys(self.ways, value)

    def _tell(self, value: object) -> Outcome:
        outcome = Outcome((value, self.pipcache.take_calls()))
        outcome.explain = lambda *projects: self.pipcache("explain", *projects).output
        return outcome

    def add_program(self, script: str, name: str = "fakecc", folder: str = "bin") -> str:
        """Write a shell script that can be executed, and return the ``PATH`` that has it, before all else."""
        path = self.machine / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return self.path(folder)

    def path(self, *folders: str) -> str:
        """Return a ``PATH`` that begins with *folders* of the machine."""
        return os.pathsep.join([*(str(self.machine / folder) for folder in folders), os.environ["PATH"]])


def probe(environment: Environment, name: str = "simple") -> str | None:
    """Return the ``value`` that the installed wheel was built with."""
    text = (environment.library / f"{name}_probe.py").read_text()
    value: str | None = ast.literal_eval(text.partition("=")[2].strip())
    return value


@pytest.fixture
def workshop(index: Index, tmp_path: Path, make_environment: MakeEnvironment, pipcache: Commands) -> Workshop:
    """Return a workshop without a project yet."""
    return Workshop(index, tmp_path, make_environment, pipcache)


@contextlib.contextmanager
def open_workshop(folder: Path) -> Iterator[Workshop]:
    """Make a workshop for more than one test: an index, a user and environments in *folder*."""
    (folder / "files").mkdir()
    index = Index(folder=folder / "files")
    try:
        pipcache = Commands(root=folder / "ours", module="pipcache_plugin")
        yield Workshop(index, folder, EnvironmentMaker(folder), pipcache)
    finally:
        index.stop()
