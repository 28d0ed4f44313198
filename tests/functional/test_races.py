"""What is taken out of a store while it is used: whoever installs gets all files, and the right ones.

First threads that do to a store what an installation does, as often as they can; then whole commands.
"""

from __future__ import annotations

import os
import py_compile
import random
import shutil
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.files import sha256_of
from pipcache_plugin.installation.wheels import UninstallableWheelError, install_wheel
from pipcache_plugin.management import bound, contents, pruning, verifying
from pipcache_plugin.store.store import Store
from tests.factories import make_sdist, make_wheel
from tests.functional.crowd import going_on, is_compiled
from tests.unit.faults import flip_bit

if TYPE_CHECKING:
    from pipcache_plugin.store.trees import Tree
    from tests.functional.commands import Commands, Environment
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index

pytestmark = pytest.mark.thorough

ROUNDS = 25
"""Of each thread."""

KIND = "kind"

Take = Callable[[Store], None]


def purge(store: Store) -> None:
    """Do what ``cache purge`` does."""
    contents.purge(store)


def prune(store: Store) -> None:
    """Do what ``cache prune --max-size 0`` does."""
    for piece in pruning.choose(pruning.collect(store), pruning.Limits(max_bytes=0)):
        pruning.remove(store, piece)
    contents.remove_unheld_locks(store)


def remove_all(store: Store) -> None:
    """Do what ``cache remove`` does, of all wheels."""
    for path in contents.find_wheels(store, "*"):
        path.unlink(missing_ok=True)
    contents.forget(store, "*")


def damage_and_repair(store: Store) -> None:
    """Damage a wheel, an entry and a manifest, then do what ``cache verify --repair`` does."""
    for pattern in ["wheels/*/*/*.whl", "entries/*/*/*.json", "trees/*/[0-9a-f]*/manifest.json"]:
        try:
            found = list(store.root.glob(pattern))
        except FileNotFoundError:
            # Up to Python 3.12, for a folder that has just gone.
            continue
        if found:
            path = random.choice(found)
            try:
                # Another file in its place: those who have it have it.
                shutil.copyfile(path, copy := path.with_name(".tmp-damaged"))
                flip_bit(copy)
                copy.replace(path)
            except FileNotFoundError:
                """It was taken out."""
    for problem in verifying.find_problems(store):
        verifying.repair(store, problem)


def keep_bound(store: Store) -> None:
    """Do what is done once a day, with room for less than there is."""
    if store.bound.exists():
        os.utime(store.bound, (0, 0))
    bound.keep(store, 3_000)


TAKES: list[Take] = [purge, prune, remove_all, damage_and_repair, keep_bound]


class Shop:
    """Wheels that are built, stored, found and installed, by several threads."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.wheels = {
            letter * 64: make_wheel(folder / "built", name=name, files=self._files(name))
            for letter, name in zip("abc", ["alpha", "beta", "gamma"], strict=True)
        }
        self.counts: dict[str, int] = {"hits": 0, "builds": 0, "placed": 0}
        self._holders: dict[str, int] = {}

    @staticmethod
    def _files(name: str) -> dict[str, str]:
        return {f"{name}/__init__.py": "X = 1\n", f"{name}/more.py": "Y = 2\n", f"{name}/data.txt": "data" * 300}

    def work(self, number: int) -> None:
        """Install again and again."""
        for count in range(ROUNDS):
            here = self.folder / f"work-{number}-{count}"
            here.mkdir()
            key = random.choice([*self.wheels])
            self.install(key, here)
            self.use_environment(str(number % 2) * 16)
            self.take_notes()
            shutil.rmtree(here)

    def install(self, key: str, here: Path) -> None:
        """Find a wheel, or build it; then install it, as a whole or not at all."""
        with self.store.hold(key, lambda: None):
            assert self._holders.setdefault(key, 0) == 0, "two hold one lock"
            self._holders[key] = 1
            wheel = self._find(key, here) or self._build(key)
            self._holders[key] = 0
        # Whatever happens to the store now.
        assert wheel.read_bytes() == self.wheels[key].read_bytes()
        try:
            tree, bytecode = self.unpack(wheel)
            schemes = dict.fromkeys(["purelib", "platlib", "headers", "scripts", "data"], str(here / "library"))
            install_wheel(tree, bytecode, schemes, sys.executable)
        except (OSError, UninstallableWheelError):
            # It is pip's to install it.
            return
        self.counts["placed"] += 1
        for name, text in self._files(wheel.name.partition("-")[0]).items():
            assert (here / "library" / name).read_text() == text

    def _find(self, key: str, here: Path) -> Path | None:
        for entry in self.store.find_entries(key):
            placed = self.store.place_wheel(entry, here)
            if placed is not None:
                self.store.touch(entry)
                self.counts["hits"] += 1
                return placed
        return None

    def _build(self, key: str) -> Path:
        wheel = self.wheels[key]
        self.counts["builds"] += 1
        self.store.add_metadata(key, f"{wheel.name.partition('-')[0]}-1.0.dist-info", {"METADATA": b"x"}, {})
        self.store.find_metadata(key)
        self.store.add_wheel(key, wheel, {"build_seconds": 1.0})
        return wheel

    def unpack(self, wheel: Path) -> tuple[Tree, Tree]:
        """Return the tree of a wheel and its bytecode, made now if need be."""
        trees, sha256 = self.store.trees, sha256_of(wheel)
        tree = trees.find(sha256) or trees.add(sha256, wheel)
        trees.touch(sha256)

        def compile_all(folder: Path) -> None:
            for name in tree.files:
                if name.endswith(".py"):
                    py_compile.compile(f"{tree.folder}/{name}", f"{folder}/{name}", name, doraise=True)

        return tree, trees.find_bytecode(sha256, KIND) or trees.add_bytecode(sha256, KIND, compile_all)

    def use_environment(self, key: str) -> None:
        """Have a place to oneself for a moment."""
        place = self.store.environments.take(key)
        assert place is not None
        try:
            place.path.mkdir()
            (place.path / "mine").touch()
            time.sleep(0.001)
            assert [path.name for path in place.path.iterdir()] == ["mine"]
            shutil.rmtree(place.path)
        finally:
            place.give_back()

    def take_notes(self) -> None:
        """Remember and log."""
        self.store.resolutions.put("d" * 64, ["e" * 64], time.time() + random.random() * 100)
        self.store.resolutions.find("d" * 64)
        self.store.log.append({"outcome": "hit", "project": "alpha", "time_ns": time.time_ns(), "build_seconds": 1})

    def check(self) -> None:
        """Look whether everything in the store is what it says, when nobody takes anything out any more."""
        for problem in verifying.find_problems(self.store):
            verifying.repair(self.store, problem)
        members = {sha256_of(wheel): set(zipfile.ZipFile(wheel).namelist()) for wheel in self.wheels.values()}
        for tree in self.store.trees:
            assert set(tree.files) == members[tree.folder.parent.name.partition(".")[0]]
        for key in self.wheels:
            here = self.folder / f"after-{key[0]}"
            here.mkdir()
            placed = self.counts["placed"]
            self.install(key, here)
            assert self.counts["placed"] == placed + 1
            assert all(map(is_compiled, here.rglob("library/*/*.py")))
        assert list(self.store.root.rglob(".tmp-*")) == []
        assert not self.store.environments.folder.exists() or list(self.store.environments.folder.iterdir()) == []


@pytest.fixture
def eager() -> Iterator[None]:
    """Have threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("take", TAKES, ids=lambda take: take.__name__)
def test_threads(store: Store, tmp_path: Path, take: Take) -> None:
    """Nothing is lost that is in use, nothing stored in part, nobody fails."""
    shop = Shop(store, tmp_path)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            shop.work(number)
        except BaseException as error:  # noqa: BLE001 (raised below)
            errors.append(error)

    with going_on(lambda: take(store), pause_seconds=0.002) as times:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for error in errors:
        raise error
    assert len(times) > 3
    assert shop.counts["builds"] > 3
    shop.check()


@pytest.mark.usefixtures("eager")
def test_threads_that_all_take_out(store: Store, tmp_path: Path) -> None:
    """They do not disturb each other either."""
    shop = Shop(store, tmp_path)
    with (
        going_on(lambda: purge(store), pause_seconds=0.01),
        going_on(lambda: prune(store), pause_seconds=0.002),
        going_on(lambda: remove_all(store), pause_seconds=0.002),
        going_on(lambda: damage_and_repair(store), pause_seconds=0.002),
        going_on(lambda: keep_bound(store), pause_seconds=0.002),
    ):
        shop.work(0)
    shop.check()


MODULES = {f"large/part{number}.py": f"NUMBER = {number}\n" for number in range(200)}
"""So many that processes make them ready while pip works."""


def remove_and_repair(store: Store) -> None:
    """Do one after the other."""
    remove_all(store)
    damage_and_repair(store)


@pytest.mark.parametrize("take", [purge, prune, remove_and_repair], ids=lambda take: take.__name__)
def test_commands(index: Index, pipcache: Commands, make_environment: MakeEnvironment, take: Take) -> None:
    """A project that needs another to be built, and a large wheel: built and found, and always installed."""
    make_wheel(index.folder, name="tool")
    make_wheel(index.folder, name="large", files=MODULES)
    make_sdist(index.folder, build_requires=["tool"])
    store = Store(pipcache.store)
    arguments = ["install", "simple", "large", *index.options]
    # There is something to take out from the beginning on.
    pipcache.ok(*arguments, into=make_environment())
    with going_on(lambda: take(store), pause_seconds=0.02) as times:
        for _ in range(2):
            environment = make_environment()
            result = pipcache.ok(*arguments, into=environment)
            assert result.warnings == []
            check_installed(environment)
    assert len(times) > 3
    assert list(pipcache.leftovers()) == []


def check_installed(environment: Environment) -> None:
    """Look whether all files are there, each with bytecode of its own, and nothing else."""
    assert environment.distributions == {"simple-1.0", "large-1.0"}
    assert {name: (environment.library / name).read_text() for name in MODULES} == MODULES
    modules = [path for path in environment.library.rglob("*.py") if "_virtualenv" not in path.name]
    assert len(modules) == len(MODULES) + 1
    assert [path for path in modules if not is_compiled(path)] == []
    assert list(environment.library.glob(".pipcache-*")) == []
