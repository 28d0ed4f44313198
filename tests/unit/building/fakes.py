"""Stand-ins for what building needs of others; the keeper passes the same contract as the real one."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement

from pipcache_plugin.building.interface import EnvironmentPaths, FoundWheel, Hook, RequirementKind
from pipcache_plugin.building.wheels import InvalidWheelError, verify


@dataclass(frozen=True, kw_only=True)
class HookCall:
    """A process in which a hook was called."""

    hook: Hook
    python: str
    cwd: str | None
    arguments: Mapping[str, object]
    """By name, as the backend got them."""

    extra_environ: Mapping[str, str]


class SubprocessRunner:
    """Runs hooks in processes of their own, quietly; satisfies ``building.interface.HookRunner``."""

    def __init__(self) -> None:
        self.calls: list[HookCall] = []

    @property
    def hooks(self) -> list[str]:
        """Return the names of the hooks that were called, in order."""
        return [call.hook for call in self.calls]

    def __call__(
        self, hook: Hook, cmd: Sequence[str], cwd: str | None, extra_environ: Mapping[str, str] | None
    ) -> None:
        """Run *cmd*.

        :raises subprocess.CalledProcessError: it failed; ``stderr`` has what it said.
        """
        # The last argument is the folder in which pyproject_hooks hands over arguments and results.
        arguments = json.loads(Path(cmd[-1], "input.json").read_text())["kwargs"]
        extra = dict(extra_environ or {})
        self.calls.append(HookCall(hook=hook, python=cmd[0], cwd=cwd, arguments=arguments, extra_environ=extra))
        subprocess.run([*cmd], cwd=cwd, env={**os.environ, **extra}, check=True, capture_output=True, text=True)


class DistInfoInstaller:
    """Installs nothing but the metadata of what is required; satisfies ``building.interface.RequirementInstaller``."""

    def __init__(self, versions: Mapping[str, str] | None = None) -> None:
        """Install each project in the version that *versions* has for it, 1.0 otherwise."""
        self.calls: list[tuple[list[str], RequirementKind]] = []
        self._versions = versions or {}

    def __call__(self, requirements: Sequence[str], environment: EnvironmentPaths, kind: RequirementKind) -> None:
        """Write a ``.dist-info`` for each of *requirements*."""
        self.calls.append((list(requirements), kind))
        for requirement in requirements:
            name = Requirement(requirement).name
            add_dist_info(environment.library, name, self._versions.get(name, "1.0"))


def add_dist_info(library: Path, name: str, version: str) -> None:
    """Make *name* an installed distribution."""
    folder = library / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@dataclass
class Memory:
    """What memory keepers share, as real ones share a store."""

    wheels: dict[str, list[tuple[str, bytes]]] = field(default_factory=lambda: defaultdict(list))
    """Name and bytes by key, newest last."""

    metadata: dict[str, tuple[str, dict[str, bytes]]] = field(default_factory=dict)
    locks: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))


class MemoryKeeper:
    """Keeps wheels and metadata of a key in memory; satisfies ``building.interface.WheelKeeper``."""

    def __init__(self, memory: Memory, key: str, folder: Path) -> None:
        """Use *memory*, and *folder* for the files that are handed out."""
        self._memory = memory
        self._key = key
        self._folder = folder
        self.events: list[str] = []
        """What was asked of it, in order; ``hold`` and ``release`` among them."""

        self.kept: list[tuple[dict[str, str], float]] = []
        """Versions used and seconds of each wheel that was kept."""

    def find_wheel(self) -> FoundWheel | None:
        """See the Protocol."""
        self.events.append("find wheel")
        if not self._memory.wheels[self._key]:
            return None
        name, data = self._memory.wheels[self._key][-1]
        path = self._folder / f"found-{len(self.events)}" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        return FoundWheel(path=path, stored_in=self._stored_in)

    def keep_wheel(self, wheel: Path, used: Mapping[str, str], build_seconds: float) -> Path | None:
        """See the Protocol."""
        self.events.append("keep wheel")
        try:
            verify(wheel)
        except InvalidWheelError:
            return None
        self._memory.wheels[self._key].append((wheel.name, wheel.read_bytes()))
        self.kept.append((dict(used), build_seconds))
        return self._stored_in

    def find_metadata(self, folder: Path) -> Path | None:
        """See the Protocol."""
        self.events.append("find metadata")
        if self._key not in self._memory.metadata:
            return None
        name, files = self._memory.metadata[self._key]
        for path, data in files.items():
            target = folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return folder / name

    def keep_metadata(self, dist_info: Path, used: Mapping[str, str]) -> None:
        """See the Protocol."""
        self.events.append("keep metadata")
        files = {path.relative_to(dist_info).as_posix(): path.read_bytes() for path in files_below(dist_info)}
        self._memory.metadata[self._key] = (dist_info.name, files)

    def forget_metadata(self) -> None:
        """See the Protocol."""
        self.events.append("forget metadata")
        self._memory.metadata.pop(self._key, None)

    @contextmanager
    def hold(self, on_wait: Callable[[], None]) -> Iterator[None]:
        """See the Protocol."""
        lock = self._memory.locks[self._key]
        if not lock.acquire(blocking=False):
            on_wait()
            lock.acquire()
        self.events.append("hold")
        try:
            yield
        finally:
            self.events.append("release")
            lock.release()

    @property
    def _stored_in(self) -> Path:
        return self._folder.parent / "memory" / self._key


def files_below(folder: Path) -> list[Path]:
    """Return all files below *folder*, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
