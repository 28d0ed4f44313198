"""Many processes that install at the same time, from one index into environments of their own, with one store."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.store.store import Store
from tests.factories import make_sdist
from tests.functional.commands import Commands, Environment, create_environment

if TYPE_CHECKING:
    from tests.functional.server import Index

PATIENCE_SECONDS = 900
"""Some dozens of processes take turns, on a machine that has other work."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One process, and what it installs."""

    process: subprocess.Popen[str]
    environment: Environment
    projects: Sequence[str]


class Crowd:
    """Processes of one user."""

    def __init__(self, index: Index, pipcache: Commands, folder: Path, projects: int) -> None:
        """Put *projects* tiny sdists into the index: each of two modules, each third one with a dependency."""
        self.index = index
        self.pipcache = pipcache
        self.store = Store(pipcache.store)
        self.projects = [f"project_{number:02}" for number in range(projects)]
        self._folder = folder
        self._count = 0
        self._skeleton = create_environment(folder / "skeleton")
        # More connections than it may make wait by itself.
        index._server.socket.listen(256)
        for number, name in enumerate(self.projects):
            requires = [self.projects[number - 1]] if number % 3 == 2 else []
            make_sdist(index.folder, name=name, requires_dist=requires, modules=self._modules_of(name))

    def install(self, count: int) -> Iterator[str]:
        """Have *count* processes install overlapping sets, and go through what went wrong, a sentence each."""
        members = [self._start(number) for number in range(count)]
        for member in members:
            output, _ = member.process.communicate(timeout=PATIENCE_SECONDS)
            yield from self._check(member, output)
        for path in self.pipcache.leftovers():
            yield f"{path} is left"
        for path in self.store.environments.folder.glob("*"):
            yield f"{path} is left"

    def take_builds(self) -> Counter[str]:
        """Return how often each hook that writes something was called since the last time."""
        calls = self.pipcache.take_calls()
        return Counter({name: calls[name] for name in ["prepare_metadata_for_build_wheel", "build_wheel"]})

    @property
    def each_once(self) -> Counter[str]:
        """What ``take_builds`` returns when each project was built once."""
        return Counter(dict.fromkeys(["prepare_metadata_for_build_wheel", "build_wheel"], len(self.projects)))

    def _start(self, number: int) -> Member:
        self._count += 1
        root = self._folder / f"environment-{self._count}"
        shutil.copytree(self._skeleton.root, root, symlinks=True)
        environment = Environment(root=root)
        most = len(self.projects)
        projects = sorted({self.projects[place % most] for place in [number, 5 * number + 1, 7 * number + 3]})
        process = self.pipcache.start("install", *projects, *self.index.options, into=environment)
        return Member(process=process, environment=environment, projects=projects)

    def _check(self, member: Member, output: str) -> Iterator[str]:
        if member.process.returncode:
            yield f"status {member.process.returncode}: {output}"
            return
        yield from (line for line in output.splitlines() if line.startswith(("WARNING", "ERROR")))
        wanted = {*member.projects, *filter(None, map(self._dependency_of, member.projects))}
        found = {name.removesuffix("-1.0") for name in member.environment.distributions}
        if found != wanted:
            yield f"{sorted(found)} are installed, not {sorted(wanted)}"
        for name in wanted & found:
            yield from _check_files(member.environment.library, self._modules_of(name))
        for path in member.environment.library.glob(".pipcache-*"):
            yield f"{path} is left"
        shutil.rmtree(member.environment.root)

    def _dependency_of(self, name: str) -> str | None:
        number = self.projects.index(name)
        return self.projects[number - 1] if number % 3 == 2 else None

    @staticmethod
    def _modules_of(name: str) -> dict[str, str]:
        return {f"{name}/__init__.py": f"NAME = {name!r}\n", f"{name}/more.py": f"MORE = {name!r} * 100\n"}


def _check_files(library: Path, modules: dict[str, str]) -> Iterator[str]:
    for path, text in modules.items():
        module = library / path
        if not module.is_file() or module.read_text() != text:
            yield f"{module} is not what was built"
        elif not is_compiled(module):
            yield f"{module} has no bytecode of its own"


def is_compiled(module: Path) -> bool:
    """Tell whether there is bytecode of a module that Python takes: the one of a source of this time and size.

    Source: https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation
    """
    bytecode = Path(importlib.util.cache_from_source(str(module)))
    if not bytecode.is_file():
        return False
    flags, mtime, size = (int.from_bytes(bytecode.read_bytes()[start : start + 4], "little") for start in [4, 8, 12])
    status = module.stat()
    return flags != 0 or (mtime, size) == (int(status.st_mtime) & 0xFFFFFFFF, status.st_size)


@contextmanager
def going_on(do: Callable[[], object], pause_seconds: float = 0.05) -> Iterator[list[int]]:
    """Do something over and over in a thread; give a list that has an item for each time. It must not fail."""
    over, times, errors = threading.Event(), list[int](), list[BaseException]()

    def run() -> None:
        while not over.wait(pause_seconds):
            try:
                do()
            except BaseException as error:  # noqa: BLE001 (raised where it is seen)
                errors.append(error)
                return
            times.append(1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield times
    finally:
        over.set()
        thread.join()
    if errors:
        raise errors[0]


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what is certain to come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)
