"""What building needs of others: a way to run backends, to install build requirements, and to keep what was built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

Hook: TypeAlias = Literal["get_requires_for_build_wheel", "prepare_metadata_for_build_wheel", "build_wheel"]

RequirementKind: TypeAlias = Literal["build dependencies", "backend dependencies"]
"""What ``pyproject.toml`` declares, and what the backend asks for on top."""


class HookRunner(Protocol):
    """Runs the process in which a backend hook is called."""

    def __call__(
        self, hook: Hook, cmd: Sequence[str], cwd: str | None, extra_environ: Mapping[str, str] | None
    ) -> None:
        """Run *cmd* in *cwd* with *extra_environ* added to the environment.

        :raises Exception: the process failed; whatever is raised reaches the caller of the build as it is.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPaths:
    """An isolated build environment, as far as installing into it goes."""

    root: Path
    python: Path
    """Its interpreter."""

    schemes: Mapping[str, str]
    """The folder of each installation scheme: ``purelib``, ``scripts`` and so on; ``headers`` has one for each name."""

    library: Path
    """Where its distributions are (``purelib``, which in a virtual environment is ``platlib`` too)."""


class RequirementInstaller(Protocol):
    """Installs build requirements into an isolated build environment."""

    def __call__(self, requirements: Sequence[str], environment: EnvironmentPaths, kind: RequirementKind) -> None:
        """Install *requirements*, never an empty sequence.

        :raises Exception: they cannot be installed; reaches the caller of the build as it is.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundWheel:
    """A wheel that somebody built before."""

    path: Path
    """Its own file, for as long as this run; not to be edited."""

    stored_in: Path
    """The folder it came from."""


class WheelKeeper(Protocol):
    """Keeps wheels and metadata for one build key. Nothing here fails: what cannot be kept is not."""

    def find_wheel(self) -> FoundWheel | None:
        """Return the wheel that may be used here, or ``None``."""

    def keep_wheel(self, wheel: Path, used: Mapping[str, str], build_seconds: float) -> Path | None:
        """Store a wheel that was built; return the folder it is in, or ``None`` when it could not be stored.

        :param used: the version of each distribution in the isolated build environment.
        """

    def find_metadata(self, folder: Path) -> Path | None:
        """Write the known ``.dist-info`` below *folder* and return its path, or ``None``."""

    def keep_metadata(self, dist_info: Path, used: Mapping[str, str]) -> None:
        """Store a ``.dist-info`` folder that a backend prepared."""

    def forget_metadata(self) -> None:
        """Take out the metadata that ``find_metadata`` gives: it is not what the wheel has."""

    def hold(self, on_wait: Callable[[], None]) -> AbstractContextManager[None]:
        """Keep other processes from working on the same key."""
