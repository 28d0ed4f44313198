"""Why a build did not come to a backend. A backend's own failure is the runner's exception, passed on as it is."""

from __future__ import annotations

from pipcache_plugin.errors import PipCacheError


class UnsupportedProjectError(PipCacheError):
    """PyPA ``build`` refuses the project; another front-end may accept it."""

    code = "unsupported-project"

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"PyPA `build` does not build this project: {self.reason}"


class EnvironmentCreationError(PipCacheError):
    """No virtual environment can be made here."""

    code = "environment-creation"

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"Cannot create a build environment: {self.reason}"


class ConflictingRequirementsError(PipCacheError):
    """What is installed in the build environment is not what the project asks for."""

    code = "conflicting-requirements"

    def __init__(self, *, conflicting_with: str, conflicts: frozenset[tuple[str, str]]) -> None:
        super().__init__(conflicting_with)
        self.conflicting_with = conflicting_with
        self.conflicts = conflicts
        """Pairs of ``name==version`` installed and the requirement that it does not meet."""

    def __str__(self) -> str:
        pairs = ", ".join(f"`{installed}` does not meet `{wanted}`" for installed, wanted in sorted(self.conflicts))
        return f"Build requirements conflict with {self.conflicting_with}: {pairs}"


class UnwatchedBuildError(PipCacheError):
    """The watcher did not see the build, or broke: what the wheel depends on is not known."""

    code = "unwatched-build"

    def __str__(self) -> str:
        return "What the build depended on could not be watched"


class StaleMetadataError(PipCacheError):
    """Metadata that was kept from another run is not what the wheel built now has."""

    code = "stale-metadata"
    hint = "run the command again"

    def __init__(self, *, filename: str) -> None:
        super().__init__(filename)
        self.filename = filename

    def __str__(self) -> str:
        return f"`{self.filename}` has other metadata than were prepared for it in an earlier run"
