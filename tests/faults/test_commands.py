"""Whole commands with faults below the store: the installation succeeds, or the next one does as if there were none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipcache_plugin.store.store import Store
from tests.factories import make_sdist, make_wheel
from tests.faults import invariants
from tests.faults.injector import FAULTS, NO_LOCKS, Action, Fault, Injector
from tests.functional.commands import ONE_BUILD, Environment, Result
from tests.functional.conftest import Workshop, open_workshop
from tests.functional.test_store import mount, unmount
from tests.unit.faults import DAMAGES, swap

_MODULES = {"simple.py": "VERSION = '1.0'\n", "simple_data/__init__.py": "", "simple_data/x.txt": "x" * 3000}


class Faulty:
    """A user with ``simple`` in an index, whose store things happen to."""

    def __init__(self, workshop: Workshop, shim: Path, folder: Path) -> None:
        """Install once, so that there is a filled store to begin with."""
        make_wheel(workshop.index.folder, name="tool")
        make_sdist(workshop.index.folder, build_requires=["tool"], modules=_MODULES)
        self.workshop = workshop
        self.pipcache = workshop.pipcache
        self.store = Store(self.pipcache.store)
        self.injector = Injector(folder / "faults")
        self._variables = self.injector.variables(shim)
        self._kept = folder / "kept"
        self.tree = self._fill().tree
        """What an installation comes to."""

        shutil.copytree(self.store.root, self._kept, symlinks=True)

    def _fill(self) -> Environment:
        environment = self.workshop.make_environment()
        self.succeeds(self.install(environment))
        assert self.pipcache.take_calls() == ONE_BUILD
        return environment

    def begin(self, *, is_filled: bool = False) -> None:
        """Begin with an empty store, or with one that has ``simple``."""
        shutil.rmtree(self.store.root, ignore_errors=True)
        if is_filled:
            shutil.copytree(self._kept, self.store.root, symlinks=True)

    def install(self, environment: Environment) -> Result:
        """Install ``simple``, with the fault that is armed."""
        args = ["install", "simple", *self.workshop.index.options]
        process = self.pipcache.start(*args, into=environment, env=self._variables)
        output, _ = process.communicate(timeout=120)
        return Result(args=args, returncode=process.returncode, stdout="", stderr=output)

    def installs_with(self, fault: Fault, step: int = 1) -> int:
        """Install with a fault: right, with one warning at the most; return how many wheels were built."""
        environment = self.workshop.make_environment()
        self.injector.arm(self.store.root, fault, step)
        try:
            result = self.install(environment)
        finally:
            self.injector.disarm()
        self.succeeds(result)
        assert environment.tree == self.tree
        assert list(invariants.check_invariants(self.store)) == []
        return self.pipcache.take_calls()["build_wheel"]

    def installs(self) -> int:
        """Install without a fault, and without a warning; return how many wheels were built."""
        environment = self.workshop.make_environment()
        result = self.install(environment)
        self.succeeds(result)
        assert result.warnings == []
        assert environment.tree == self.tree
        return self.pipcache.take_calls()["build_wheel"]

    def run(self, *args: str) -> Result:
        """Run a command of another kind, with the fault that is armed."""
        return self.pipcache(*args, env=self._variables)

    @staticmethod
    def succeeds(result: Result) -> None:
        """Assert that a command has succeeded, with one warning at the most."""
        assert result.returncode == 0, result.output
        assert len(result.warnings) <= 1, result.output
        assert "Traceback" not in result.output


@pytest.fixture(scope="module")
def faulty(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """Return a user whose store is full, for the tests of this module."""
    folder = tmp_path_factory.mktemp("commands")
    with open_workshop(folder) as workshop:
        yield Faulty(workshop, shim, folder)


@pytest.fixture(scope="module")
def count(faulty: Faulty) -> int:
    """Return how many calls of an installation into an empty store change something."""
    faulty.begin()
    faulty.injector.arm(faulty.store.root, Fault(action=Action.COUNT))
    faulty.succeeds(faulty.install(faulty.workshop.make_environment()))
    faulty.injector.disarm()
    faulty.pipcache.take_calls()
    return faulty.injector.count


@pytest.mark.parametrize(
    ("tenth", "action"), [(1, Action.KILL), (4, Action.KILL_GROUP), (7, Action.KILL_GROUP), (9, Action.KILL)]
)
def test_killed_and_run_again(faulty: Faulty, count: int, tenth: int, action: Action) -> None:
    """Whatever it had done when it was killed: the next one builds once at most, and all that is left over goes."""
    faulty.begin()
    faulty.injector.arm(faulty.store.root, Fault(action=action), count * tenth // 10)
    result = faulty.install(faulty.workshop.make_environment())
    faulty.injector.disarm()
    assert faulty.injector.hits
    # Who only makes something ready may be killed, and nobody notices.
    assert result.returncode in ({-9} if action is Action.KILL_GROUP else {-9, 0}), result.output
    assert faulty.pipcache.take_calls()["build_wheel"] <= 1
    assert list(invariants.check_invariants(faulty.store)) == []
    has_entry = any(True for _ in faulty.store.iter_entries())
    assert faulty.installs() == (0 if has_entry else 1)
    assert list(invariants.check_invariants(faulty.store)) == []
    invariants.make_old(faulty.store)
    invariants.prune(faulty.store)
    assert invariants.find_leftovers(faulty.store) == []
    if action is Action.KILL:
        assert faulty.installs() == 0


@pytest.mark.parametrize("step", [1, 30, 90])
def test_full_disk(faulty: Faulty, step: int) -> None:
    """From a call on there is no room: it is installed all the same, after one warning at the most."""
    faulty.begin()
    faulty.store.root.mkdir(parents=True)
    assert faulty.installs_with(FAULTS["full-disk"], step) == 1
    assert faulty.injector.hits
    assert not [name for name in invariants.find_leftovers(faulty.store) if ".tmp-" in name]


def test_store_that_can_only_be_read(faulty: Faulty) -> None:
    """It serves."""
    faulty.begin(is_filled=True)
    assert faulty.installs_with(FAULTS["read-only"]) == 0
    assert faulty.injector.hits


@pytest.mark.parametrize("step", [1, 20])
def test_store_that_cannot_be_read(faulty: Faulty, step: int) -> None:
    """EIO for all that is looked at, from the beginning or from a call on: it is built once more at the most."""
    faulty.begin(is_filled=True)
    assert faulty.installs_with(FAULTS["unreadable"], step) <= 1
    assert faulty.injector.hits


def test_no_locks(faulty: Faulty) -> None:
    """Nobody waits, and build environments are elsewhere."""
    faulty.begin()
    assert faulty.installs_with(NO_LOCKS[0]) == 1
    assert faulty.injector.hits
    assert not faulty.store.environments.folder.exists()


@pytest.mark.parametrize("command", [["list", "--format", "json"], ["verify", "--repair"]])
def test_cache_commands_say_what_is_wrong(faulty: Faulty, command: list[str]) -> None:
    """A store that cannot be read is no reason for a traceback."""
    faulty.begin(is_filled=True)
    faulty.injector.arm(faulty.store.root, FAULTS["unreadable"])
    result = faulty.run("cache", *command)
    faulty.injector.disarm()
    assert faulty.injector.hits
    assert "Traceback" not in result.output
    assert "Input/output error" in result.output


@pytest.mark.parametrize("damage", ["bit-flipped", "swapped"])
def test_all_files_damaged(faulty: Faulty, damage: str) -> None:
    """All of the store at once: right all the same, and whole again afterwards."""
    faulty.begin(is_filled=True)
    names = [name for name in sorted(invariants.iter_files(faulty.store)) if not name.startswith("locks/")]
    paths = [path for name in names if (path := faulty.store.root / name).stat().st_size]
    if damage == "swapped":
        for path, other in zip(paths[::2], paths[1::2], strict=False):
            swap(path, other)
    else:
        for path in paths:
            DAMAGES[damage](path)
    assert faulty.installs() == 1
    assert faulty.installs() == 0


@pytest.fixture
def tiny_store(faulty: Faulty) -> Iterator[None]:
    """Let the store be on a file system that has room for some small files, and that is full soon."""
    faulty.begin()
    faulty.store.root.mkdir(parents=True)
    mount(faulty.store.root, "-t", "tmpfs", "-o", "size=80k", "tmpfs")
    yield
    unmount(faulty.store.root)


@pytest.mark.usefixtures("tiny_store")
def test_file_system_that_fills_up(faulty: Faulty) -> None:
    """What has room is stored, the rest is not, and everything is installed."""
    rest = faulty.store.root / "somebody else's"
    for room_bytes in [40_000, 10_000, 0]:
        free_bytes = shutil.disk_usage(faulty.store.root).free
        rest.write_bytes(rest.read_bytes() if rest.exists() else b"" + bytes(max(free_bytes - room_bytes, 0)))
        environment = faulty.workshop.make_environment()
        faulty.succeeds(faulty.install(environment))
        assert environment.tree == faulty.tree
        problems = [problem for problem in invariants.check_invariants(faulty.store) if "somebody" not in problem]
        assert problems == []
    faulty.pipcache.take_calls()
