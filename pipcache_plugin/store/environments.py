"""Places for build environments: ``environments/<key>-<number>/``, each for one build at a time.

A build finds its environment at the same path as another with the same requirements did: compiler caches see the paths
in what they compile. What is there is removed by whoever made it, or by the next one that gets the place.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.files import remove_tree
from pipcache_plugin.store import locks
from pipcache_plugin.store.owners import make_folder
from pipcache_plugin.store.scanning import scan

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLACE = re.compile(r"[0-9a-f]{16}-\d{1,3}")
"""The name of one. Other folders, of whoever had a folder of this name before, are none of ours."""

_MOST = 1000
"""So many places with one key; more builds at a time than any machine runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder that is nobody else's for as long as this process runs, or until it is given back."""

    path: Path
    """Not there yet."""

    descriptor: int

    def give_back(self) -> None:
        """Let others have it; what is still there is theirs to remove."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


class Environments:
    """The places of a store."""

    def __init__(self, root: Path) -> None:
        """Nothing is made."""
        self._root = root
        self.folder = root / "environments"

    def take(self, key: str) -> Place | None:
        """Return the first place with *key* that is free; ``None`` where files cannot be locked.

        :raises OSError: there is a place, and it cannot be made empty.
        """
        for number in range(_MOST):
            name = f"{key}-{number}"
            descriptor = locks.try_to_hold(self._lock_of(name), self._root)
            if descriptor is None:
                return None
            if descriptor != locks.HELD:
                path = self.folder / name
                self._make_empty(path, descriptor)
                return Place(path=path, descriptor=descriptor)
        return None

    def iter_unused(self) -> Iterator[Path]:
        """Go through the places that something is in and that nobody has.

        :raises OSError: the places cannot be listed.
        """
        for entry in scan(self.folder):
            if not _PLACE.fullmatch(entry.name):
                continue
            descriptor = locks.try_to_hold(self._lock_of(entry.name), self._root)
            if descriptor is not None and descriptor != locks.HELD:
                os.close(descriptor)
                yield Path(entry.path)

    def remove(self, name: str) -> None:
        """Remove what is in a place, unless somebody has it.

        :raises OSError: something cannot be removed.
        """
        descriptor = locks.try_to_hold(self._lock_of(name), self._root)
        if descriptor is not None and descriptor != locks.HELD:
            try:
                remove_tree(self.folder / name)
            finally:
                os.close(descriptor)

    def remove_unused(self) -> None:
        """Remove what is in places that nobody has.

        :raises OSError: something cannot be removed.
        """
        for path in self.iter_unused():
            self.remove(path.name)

    def _lock_of(self, name: str) -> Path:
        return self._root / "locks" / "environments" / name

    def _make_empty(self, path: Path, descriptor: int) -> None:
        try:
            make_folder(self._root, self.folder)
            if path.is_dir():
                # Of a process that was killed.
                shutil.rmtree(path)
        except BaseException:
            os.close(descriptor)
            raise
