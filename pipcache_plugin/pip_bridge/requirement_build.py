"""The build of one of pip's requirements: PyPA ``build`` with pip's options, words and errors."""

from __future__ import annotations

import contextlib
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.building.environment import CurrentEnvironment, IsolatedEnvironment
from pipcache_plugin.building.errors import ConflictingRequirementsError, UnsupportedProjectError
from pipcache_plugin.building.once import BuildOnce, BuiltWheel
from pipcache_plugin.building.project import Project, SourceTree
from pipcache_plugin.building.scripts import weigh_native_sources
from pipcache_plugin.building.wheels import extract_dist_info
from pipcache_plugin.pip_bridge import install, keeper, nested, run, sources
from pipcache_plugin.pip_bridge.backends import ImportedBackend, offered
from pipcache_plugin.pip_bridge.build_environment import find_folder
from pipcache_plugin.pip_bridge.build_evidence import BuildEvidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pip._internal.distributions.sdist import SourceDistribution
    from pip._internal.req.req_install import InstallRequirement

    from pipcache_plugin.building.interface import EnvironmentPaths, Hook, RequirementKind
    from pipcache_plugin.keys.source import Source
    from pipcache_plugin.pip_bridge.jobs import Job
    from pipcache_plugin.pip_bridge.transcript import Idle

logger = logging.getLogger(__name__)


class RequirementBuild:
    """Metadata and wheel of one requirement with a cacheable source."""

    def __init__(
        self,
        current: run.Run,
        distribution: SourceDistribution,
        source: Source,
        pip_installer: object,
        build_isolation: object,
        *,
        check_build_deps: bool,
        prepare_by_pip: Callable[[], None],
    ) -> None:
        """Nothing happens yet; from now on ``run.find_build`` finds it.

        :param distribution: pip's, whose requirement is downloaded and unpacked.
        :param prepare_by_pip: lets pip prepare the requirement its own way.
        """
        self.requirement: InstallRequirement = distribution.req
        self._run = current
        self._distribution = distribution
        self._pip_installer = pip_installer
        self._is_isolated = sources.is_isolated(build_isolation)
        self._check_build_deps = check_build_deps
        link = self.requirement.link
        assert link is not None, "a prepared requirement has a link"
        self._link = link
        inputs = sources.make_inputs(source, link, self.requirement.config_settings, build_isolation)
        self._key = inputs.key()
        self._present = current.present.at(self.requirement.source_dir) if link.is_vcs else current.present
        self._evidence = BuildEvidence(self.requirement, link, self._present, is_isolated=self._is_isolated)
        told = sources.tell_inputs(inputs, link)
        self._keeper = keeper.Keeper(current, self._key, self._present, self._evidence, told)
        self._once: BuildOnce | None = None
        self._requires: Sequence[str] = []
        self._is_preparing = False
        self._prepare_by_pip = prepare_by_pip
        self._tracker_environ: dict[str, str] = {}
        self._preparation: Job[Path] | None = None
        self._building: Job[BuiltWheel] | None = None
        self._sha256: str | None = None
        # What a hook says at once must be said at once; and without isolation, the environment is the user's.
        can_stay = self._is_isolated and not current.options.verbose
        self._backend = ImportedBackend(current.jobs.note_process) if can_stay else None
        self.is_pips = False
        """Handed to pip, for something that we do not do."""

        self.found: keeper.ServedWheel | None = None
        """The wheel that needs no building, when there was one at preparation."""

        run.remember_build(self.requirement, self)

    def adopt(self, distribution: SourceDistribution, prepare_by_pip: Callable[[], None]) -> None:
        """Go on with pip's own requirement; so far there was one like it."""
        self.requirement = distribution.req
        self._distribution = distribution
        self._prepare_by_pip = prepare_by_pip
        run.remember_build(self.requirement, self)

    def start_preparing(self) -> None:
        """Have the metadata prepared, beside pip."""
        self._preparation = self._run.jobs.start(self._prepare, self.requirement.name or "")

    def prepare(self, idle: Idle) -> Path:
        """Return the path of the requirement's ``.dist-info``, from the store or from its backend.

        :param idle: called while there is nothing to do but to wait.
        """
        if _is_in_process(self._pip_installer):
            return self._prepare()
        if self._preparation is None:
            self.start_preparing()
            assert self._preparation is not None, "it was started"
        return self._preparation.follow(idle)

    def weigh(self) -> int:
        """Return how long the build is likely to take, in no unit."""
        return weigh_native_sources(Path(self.requirement.unpacked_source_directory))

    def start_building(self) -> None:
        """Have the wheel built, beside pip; done twice is a no-op."""
        if self._building is None and not _is_in_process(self._pip_installer):
            self._building = self._run.jobs.start(self._build, self.requirement.name or "")

    def get_wheel(self, folder: Path) -> BuiltWheel:
        """Return the wheel, which is in *folder* when it was built now.

        :raises StaleMetadataError: see ``building.once``.
        """
        built = self._build() if self._building is None else self._building.follow(lambda: False)
        install.expect(self._run, self._sha256)
        if built.is_found:
            return built
        return replace(built, path=Path(shutil.move(built.path, folder / built.path.name)))

    def hand_to_pip(self) -> None:
        """Let pip prepare the requirement, and build it when the time comes."""
        self.is_pips = True
        self._close_backend()
        self._prepare_by_pip()

    def _prepare(self) -> Path:
        folder = run.make_folder("modern-metadata")
        self.found = keeper.find_right_wheel(self._run, self._key, self._present, lambda _entry, _record: True)
        if self.found is not None:
            return extract_dist_info(self.found.path, folder)
        self._is_preparing = True
        try:
            with self._tracked():
                return self._get_once().get_metadata(folder)
        except ConflictingRequirementsError as error:
            self._distribution._raise_conflicts(error.conflicting_with, set(error.conflicts))
            raise
        finally:
            self._is_preparing = False
            if self._run.command not in {"install", "wheel"}:
                self._close_backend()

    def _build(self) -> BuiltWheel:
        try:
            with self._tracked():
                built = self._get_once().get_wheel(run.make_folder("pipcache-built"))
        except ConflictingRequirementsError as error:
            self._distribution._raise_conflicts(error.conflicting_with, set(error.conflicts))
            raise
        finally:
            self._close_backend()
        self._unpack(built.path)
        return built

    def _unpack(self, wheel: Path) -> None:
        """Have the wheel's files at hand when pip installs it, which it does after the last build."""
        unpacked = install.unpack(self._run, wheel) if self._run.command == "install" else None
        self._sha256 = unpacked.sha256 if unpacked is not None else None

    @contextlib.contextmanager
    def _tracked(self) -> Iterator[None]:
        """Tell pip's build tracker, which ends a cycle of build requirements.

        One of its own: what is being built at the same time, for another reason, is no part of a cycle.

        :raises InstallationError: the project requires itself to be built.
        """
        from pip._internal.exceptions import InstallationError
        from pip._internal.operations.build.build_tracker import BuildTracker, TrackerId

        if not self._tracker_environ:
            folder = run.make_folder("build-tracker")
            for file in self._run.ancestors:
                shutil.copy(file, folder)
            self._tracker_environ["PIP_BUILD_TRACKER"] = str(folder)
        key = TrackerId(self._link.url_without_fragment)
        with BuildTracker(self._tracker_environ["PIP_BUILD_TRACKER"]) as tracker:
            try:
                tracker.add(self.requirement, key)
            except LookupError as error:
                raise InstallationError(str(error)) from error
            yield

    def _get_once(self) -> BuildOnce:
        if self._once is None:
            # From now on this one's: pip's own, which may be adopted at any time, has nothing loaded.
            requirement = self.requirement
            _load_pyproject_toml(requirement)
            self._evidence.requirement = requirement
            self._requires = requirement.pyproject_requires or []
            tree = SourceTree(
                path=Path(requirement.unpacked_source_directory),
                requires=self._requires,
                requires_checked=requirement.requirements_to_check,
                config_settings=requirement.config_settings,
            )
            project = Project(tree, self._make_environment, self._run_hook, self._warn_of_missing)
            self._once = BuildOnce(self._keeper, project, self._say_waiting)
        return self._once

    def _make_environment(self) -> IsolatedEnvironment | CurrentEnvironment:
        watch = self._evidence.begin()
        if self._is_isolated:
            _check_support(self._pip_installer)
            install = nested.make_installer(self._run, self._pip_installer, self.requirement, self._tracker_environ)

            def install_anew(requirements: Sequence[str], environment: EnvironmentPaths, kind: RequirementKind) -> None:
                self._close_backend()
                install(requirements, environment, kind)

            folder = find_folder(self._run, self._requires)
            isolated = IsolatedEnvironment(folder, install_anew, self._present.environ, watch)
            self._evidence.root = isolated.paths.root
            return isolated
        if self._check_build_deps:
            self._check_current_environment()
        return CurrentEnvironment(self._present.environ, watch)

    def _check_current_environment(self) -> None:
        conflicting, missing = self.requirement.build_env.check_requirements(self._requires)
        if conflicting:
            self._distribution._raise_conflicts("the backend dependencies", conflicting)
        if missing:
            self._distribution._raise_missing_reqs(missing)

    def _run_hook(
        self, hook: Hook, cmd: Sequence[str], cwd: str | None, extra_environ: Mapping[str, str] | None
    ) -> None:
        from pip._internal.exceptions import InstallationSubprocessError, MetadataGenerationFailed
        from pip._internal.utils.subprocess import call_subprocess, runner_with_spinner_message

        message = {
            "get_requires_for_build_wheel": "Getting requirements to build wheel",
            "prepare_metadata_for_build_wheel": "Preparing metadata (pyproject.toml)",
            "build_wheel": f"Building wheel for {self.requirement.name} (pyproject.toml)",
        }[hook]
        environ = {**(extra_environ or {}), **self._tracker_environ}
        try:
            with self._evidence.watching(), offered(self._backend):
                if self._is_preparing and hook == "build_wheel":
                    # A backend that cannot prepare metadata alone; that it is asked for them has been announced.
                    message = "Preparing metadata (pyproject.toml)"
                    call_subprocess([*cmd], command_desc=message, cwd=cwd, extra_environ=environ)
                else:
                    runner_with_spinner_message(message)([*cmd], cwd=cwd, extra_environ=environ)
        except InstallationSubprocessError as error:
            if self._is_preparing and hook != "get_requires_for_build_wheel":
                details = self.requirement.name or f"from {self._link}"
                raise MetadataGenerationFailed(package_details=details) from error
            raise

    def _close_backend(self) -> None:
        if self._backend is not None:
            self._backend.close()

    def _warn_of_missing(self, missing: frozenset[str]) -> None:
        logger.warning("Missing build requirements in pyproject.toml for %s.", self.requirement)
        logger.warning(
            "The project does not specify a build backend, and pip cannot fall back to setuptools without %s.",
            " and ".join(map(repr, sorted(missing))),
        )

    def _say_waiting(self) -> None:
        name = self.requirement.name or self._link.filename
        logger.info("Waiting for another process, which is building %s", name)


def _load_pyproject_toml(requirement: InstallRequirement) -> None:
    try:
        requirement.load_pyproject_toml()
    except Exception as error:
        # Whatever is wrong with the file, pip will find it wrong as well, and say so in its own words.
        raise UnsupportedProjectError(reason=str(error)) from error


def _is_in_process(pip_installer: object) -> bool:
    """Tell whether pip installs build requirements within this process, which is for one thread alone."""
    from pip._internal import build_env

    return isinstance(pip_installer, getattr(build_env, "InprocessBuildEnvironmentInstaller", ()))


def _check_support(pip_installer: object) -> None:
    """Check that build requirements can be installed for a virtual environment's own interpreter.

    pip's in-process installer (``--use-feature=inprocess-build-deps``) learned that with 26.2.

    :raises UnsupportedProjectError: they cannot.
    """
    from pip._internal import build_env

    if _is_in_process(pip_installer) and not hasattr(build_env, "VenvBuildEnvironment"):
        raise UnsupportedProjectError(reason="this pip installs build requirements with its own interpreter only")
