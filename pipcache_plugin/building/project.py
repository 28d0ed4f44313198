"""One source tree, from preparation to wheel: the hooks of its backend, called through PyPA ``build``.

The steps are called in order, each at most once: ``prepare_environment``, ``prepare_metadata``, ``build_wheel``; the
environment is set up once for both metadata and wheel. Which step runs in which process is the caller's business.
"""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.building.environment import CurrentEnvironment, IsolatedEnvironment
from pipcache_plugin.building.errors import ConflictingRequirementsError, UnsupportedProjectError
from pipcache_plugin.building.quiet import quiet
from pipcache_plugin.building.requirements import Unmet, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from build import ProjectBuilder

    from pipcache_plugin.building.interface import Hook, HookRunner

# The front-end that conducts has its own words for each step.
logging.getLogger("build").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """An unpacked source and what its ``pyproject.toml`` says of building it."""

    path: Path
    """The folder of the project, below the root of the source when it is in a subdirectory."""

    requires: Sequence[str]
    """Static build requirements."""

    requires_checked: Sequence[str]
    """What must be among them although nobody installs it: setuptools, when no backend is named."""

    config_settings: Mapping[str, str | Sequence[str]] | None


class Project:
    """The build of one source tree."""

    def __init__(
        self,
        tree: SourceTree,
        make_environment: Callable[[], IsolatedEnvironment | CurrentEnvironment],
        run_hook: HookRunner,
        on_missing: Callable[[frozenset[str]], None],
    ) -> None:
        """Nothing happens yet.

        :param make_environment: called when the environment is needed, at most once.
        :param on_missing: told which of ``requires_checked`` are missing.
        """
        self.tree = tree
        self._make_environment = make_environment
        self._run_hook = run_hook
        self._on_missing = on_missing
        self._environment: IsolatedEnvironment | CurrentEnvironment | None = None
        self.seconds = 0.0
        """Wall time of the steps so far."""

        self.wheel: Path | None = None
        """Built already: by ``build_wheel``, or for its metadata by a backend that cannot prepare them alone."""

    @property
    def used(self) -> dict[str, str]:
        """The version of each distribution in the isolated environment; empty before it is made, or without."""
        return self._environment.collect_installed() if isinstance(self._environment, IsolatedEnvironment) else {}

    def prepare_environment(self) -> None:
        """Make the build environment and install what the build requires; does nothing the second time.

        :raises UnsupportedProjectError: see ``_builder``.
        :raises ConflictingRequirementsError: the requirements contradict each other.
        :raises EnvironmentCreationError: there is no virtual environment to be had.
        """
        if self._environment is not None:
            return
        with self._timed():
            environment = self._make_environment()
            self._environment = environment
            if isinstance(environment, IsolatedEnvironment):
                self._install_requirements(environment)

    def prepare_metadata(self, folder: Path) -> Path | None:
        """Let the backend prepare the ``.dist-info`` below *folder*; ``None`` when it has no hook for that."""
        with self._timed(), _translated():
            prepared = self._builder("prepare_metadata_for_build_wheel").prepare(
                "wheel", folder, self.tree.config_settings
            )
            return Path(prepared) if prepared else None

    def build_wheel(self, folder: Path, metadata: Path | None) -> Path:
        """Let the backend build the wheel into *folder*.

        :param metadata: what ``prepare_metadata`` returned for this source, now or in another run.
        """
        with self._timed(), _translated():
            built = self._builder("build_wheel").build(
                "wheel", folder, self.tree.config_settings, str(metadata) if metadata else None
            )
        # A link leads elsewhere when it is moved.
        if not Path(built).is_file() or Path(built).is_symlink():
            raise UnsupportedProjectError(reason=f"its backend made no `{Path(built).name}`")
        self.wheel = Path(built)
        return self.wheel

    def _install_requirements(self, environment: IsolatedEnvironment) -> None:
        # Asked first, so that a project that ``build`` refuses costs no installation.
        self._builder("get_requires_for_build_wheel")
        library = [str(environment.paths.library)]
        environment.install(self.tree.requires, "build dependencies")
        unmet = _check(self.tree.requires_checked, library)
        if unmet.conflicts:
            raise ConflictingRequirementsError(
                conflicting_with="PEP 517/518 supported requirements", conflicts=unmet.conflicts
            )
        if unmet.missing:
            self._on_missing(unmet.missing)
        with _translated():
            asked = self._builder("get_requires_for_build_wheel").get_requires_for_build(
                "wheel", self.tree.config_settings
            )
        unmet = _check(asked, library)
        if unmet.conflicts:
            raise ConflictingRequirementsError(conflicting_with="the backend dependencies", conflicts=unmet.conflicts)
        environment.install(sorted(unmet.missing), "backend dependencies")

    def _builder(self, hook: Hook) -> ProjectBuilder:
        """Return a builder whose processes are announced as *hook*.

        :raises UnsupportedProjectError: ``build`` does not accept the project.
        """
        from build import BuildException, ProjectBuilder

        assert self._environment is not None, "prepare_environment comes first"
        try:
            with quiet():
                return ProjectBuilder.from_isolated_env(
                    self._environment, self.tree.path, runner=partial(self._run_hook, hook)
                )
        except BuildException as error:
            raise UnsupportedProjectError(reason=str(error)) from error

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - start


def _check(requirements: Iterable[str], library: Sequence[str]) -> Unmet:
    from packaging.requirements import InvalidRequirement

    try:
        return check(requirements, library)
    except (InvalidRequirement, TypeError) as error:
        raise UnsupportedProjectError(reason=str(error)) from error


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Let a runner's exception through as it was raised; what stops ``build`` itself is an unsupported project."""
    import pyproject_hooks
    from build import BuildBackendException, BuildException

    refusals = (
        pyproject_hooks.BackendUnavailable,
        pyproject_hooks.HookMissing,
        pyproject_hooks.UnsupportedOperation,
    )
    try:
        with quiet():
            yield
    except BuildBackendException as error:
        cause = error.exception
        if isinstance(cause, refusals):
            raise UnsupportedProjectError(reason=str(error)) from error
        raise cause from None
    except (BuildException, TypeError) as error:
        # The latter: what the hook returned is no name.
        raise UnsupportedProjectError(reason=str(error)) from error
