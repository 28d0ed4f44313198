"""A stand-in for a run of pip's."""

from __future__ import annotations

from collections.abc import Sequence
from optparse import Values
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.building.wheels import verify
from pipcache_plugin.keys.record import Record
from pipcache_plugin.pip_bridge.run import Run

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store


class RunInFolder(Run):
    """A run whose temporary folders are not pip's, and which notes what the user is told."""

    def __init__(self, store: Store, folder: Path) -> None:
        super().__init__(store, Values({"quiet": 0}))
        self.warnings: list[str] = []
        self._place = folder

    def place_folder(self, name: str) -> Path:
        """Return a folder for a wheel."""
        folder = self._place / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def warn_once(self, message: str) -> None:
        """Note the message."""
        self.warnings.append(message)


def make_record(wheel: Path, build_requirements: Sequence[str], build_seconds: float) -> Record:
    """Describe a wheel, after it was verified."""
    identity = verify(wheel)
    return Record(
        project=identity.project,
        version=identity.version,
        build_requirements=tuple(build_requirements),
        build_seconds=build_seconds,
    )
