"""A stand-in for a run of pip's, and for what is known of its builds."""

from __future__ import annotations

from collections.abc import Mapping
from optparse import Values
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.building.errors import UnwatchedBuildError
from pipcache_plugin.building.wheels import verify
from pipcache_plugin.keys.conditions import Choices, Conditions
from pipcache_plugin.keys.environment import digest_value
from pipcache_plugin.keys.record import Record
from pipcache_plugin.pip_bridge.present import PipPresent
from pipcache_plugin.pip_bridge.run import Run

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store


class RunInFolder(Run):
    """A run whose temporary folders are not pip's, and which notes what the user is told."""

    def __init__(self, store: Store, folder: Path) -> None:
        options = Values({"quiet": 0})
        super().__init__(store, options, PipPresent(options, None, None))
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


class FakeEvidence:
    """Tells of builds what it was told to; satisfies ``pip_bridge.keeper.Evidence``."""

    def __init__(self, variables: Mapping[str, str | None] | None = None, *, is_watched: bool = True) -> None:
        """Let each build have asked for *variables*, which had these values; the mapping may change later."""
        self.variables = {} if variables is None else variables
        self.is_watched = is_watched
        self._count = 0

    def make_record(
        self, wheel: Path, used: Mapping[str, str], build_seconds: float, earlier: Conditions | None
    ) -> Record:
        """See the Protocol."""
        identity = verify(wheel)
        return Record(
            project=identity.project,
            version=identity.version,
            conditions=self.make_conditions(used),
            build_seconds=build_seconds,
        )

    def make_conditions(self, used: Mapping[str, str]) -> Conditions:
        """See the Protocol."""
        if not self.is_watched:
            raise UnwatchedBuildError
        self._count += 1
        salt = f"salt {self._count}"
        variables = {name: digest_value(salt, name, value) for name, value in self.variables.items()}
        return Conditions(choices=Choices(salt=salt, variables=variables, used=used))
