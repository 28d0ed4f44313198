"""The build of one of pip's requirements: PyPA ``build`` with pip's options, words and errors."""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.building.against import collect_built_against, collect_imported, collect_lacking
from pipcache_plugin.building.circumstances import Circumstances
from pipcache_plugin.building.environment import CurrentEnvironment, IsolatedEnvironment
from pipcache_plugin.building.errors import ConflictingRequirementsError, UnsupportedProjectError, UnwatchedBuildError
from pipcache_plugin.building.evidence import judge
from pipcache_plugin.building.once import BuildOnce, BuiltWheel
from pipcache_plugin.building.project import Project, SourceTree
from pipcache_plugin.building.watching import Watch
from pipcache_plugin.building.wheels import InvalidWheelError, extract_dist_info, verify
from pipcache_plugin.files import digests_of
from pipcache_plugin.keys.record import Record
from pipcache_plugin.machine.libraries import collect_needed
from pipcache_plugin.pip_bridge import keeper, nested, run, sources

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from pip._internal.distributions.sdist import SourceDistribution
    from pip._internal.models.link import Link
    from pip._internal.req.req_install import InstallRequirement

    from pipcache_plugin.building.interface import Hook
    from pipcache_plugin.keys.conditions import Conditions
    from pipcache_plugin.keys.source import Source

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
        self._key = sources.make_inputs(source, link, self.requirement.config_settings, build_isolation).key()
        self._present = current.present.at(self.requirement.source_dir) if link.is_vcs else current.present
        self._keeper = keeper.Keeper(current, self._key, self._present, self)
        self._watch: Watch | None = None
        self._system_before = ""
        self._environment: IsolatedEnvironment | CurrentEnvironment | None = None
        self._once: BuildOnce | None = None
        self._is_preparing = False
        self._prepare_by_pip = prepare_by_pip
        self.is_pips = False
        """Handed to pip, for something that we do not do."""

        self.found: keeper.ServedWheel | None = None
        """The wheel that needs no building, when there was one at preparation."""

        run.remember_build(self.requirement, self)

    def prepare(self) -> Path:
        """Return the path of the requirement's ``.dist-info``, from the store or from its backend."""
        folder = run.make_folder("modern-metadata")
        self.found = keeper.find_right_wheel(self._run, self._key, self._present, lambda _entry, _record: True)
        if self.found is not None:
            return extract_dist_info(self.found.path, folder)
        self._is_preparing = True
        try:
            return self._get_once().get_metadata(folder)
        except ConflictingRequirementsError as error:
            self._distribution._raise_conflicts(error.conflicting_with, set(error.conflicts))
            raise
        finally:
            self._is_preparing = False

    def get_wheel(self, folder: Path) -> BuiltWheel:
        """Return the wheel, which is written into *folder* when it is built now.

        :raises StaleMetadataError: see ``building.once``.
        """
        try:
            with self._tracked():
                return self._get_once().get_wheel(folder)
        except ConflictingRequirementsError as error:
            self._distribution._raise_conflicts(error.conflicting_with, set(error.conflicts))
            raise

    def hand_to_pip(self) -> None:
        """Let pip prepare the requirement, and build it when the time comes."""
        self.is_pips = True
        self._prepare_by_pip()

    @contextlib.contextmanager
    def _tracked(self) -> Iterator[None]:
        """Tell pip's build tracker, which ends a cycle of build requirements: with metadata known, it was not told.

        :raises InstallationError: the project requires itself to be built.
        """
        from pip._internal.exceptions import InstallationError
        from pip._internal.operations.build.build_tracker import TrackerId, get_build_tracker

        key = TrackerId(self._link.url_without_fragment)
        with get_build_tracker() as tracker:
            try:
                tracker.add(self.requirement, key)
            except LookupError as error:
                raise InstallationError(str(error)) from error
            try:
                yield
            finally:
                tracker.remove(self.requirement, key)

    def _get_once(self) -> BuildOnce:
        if self._once is None:
            requirement = self.requirement
            self._load_pyproject_toml()
            tree = SourceTree(
                path=Path(requirement.unpacked_source_directory),
                requires=requirement.pyproject_requires or [],
                requires_checked=requirement.requirements_to_check,
                config_settings=requirement.config_settings,
            )
            project = Project(tree, self._make_environment, self._run_hook, self._warn_of_missing)
            self._once = BuildOnce(self._keeper, project, self._say_waiting)
        return self._once

    def _load_pyproject_toml(self) -> None:
        try:
            self.requirement.load_pyproject_toml()
        except Exception as error:
            # Whatever is wrong with the file, pip will find it wrong as well, and say so in its own words.
            raise UnsupportedProjectError(reason=str(error)) from error

    @property
    def _project_folder(self) -> Path:
        return Path(self.requirement.unpacked_source_directory)

    def _make_environment(self) -> IsolatedEnvironment | CurrentEnvironment:
        try:
            self._watch = Watch(run.make_folder("pipcache-watch"), Path(self.requirement.source_dir or ""))
            self._system_before = self._present.system()
        except OSError as error:
            logger.debug("pipcache: a build goes unwatched: %s", error)
        if self._is_isolated:
            _check_support(self._pip_installer)
            install = nested.make_installer(self._pip_installer, self.requirement)
            self._environment = IsolatedEnvironment(run.make_folder("build-env"), install, self._watch)
        else:
            if self._check_build_deps:
                self._check_current_environment()
            self._environment = CurrentEnvironment(self._watch)
        return self._environment

    def _check_current_environment(self) -> None:
        requires = self.requirement.pyproject_requires or []
        conflicting, missing = self.requirement.build_env.check_requirements(requires)
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
        try:
            with self._watch.on() if self._watch is not None else contextlib.nullcontext():
                if self._is_preparing and hook == "build_wheel":
                    # A backend that cannot prepare metadata alone; that it is asked for them has been announced.
                    message = "Preparing metadata (pyproject.toml)"
                    call_subprocess([*cmd], command_desc=message, cwd=cwd, extra_environ=extra_environ)
                else:
                    runner_with_spinner_message(message)([*cmd], cwd=cwd, extra_environ=extra_environ)
        except InstallationSubprocessError as error:
            if self._is_preparing and hook != "get_requires_for_build_wheel":
                details = self.requirement.name or f"from {self._link}"
                raise MetadataGenerationFailed(package_details=details) from error
            raise

    def _warn_of_missing(self, missing: frozenset[str]) -> None:
        logger.warning("Missing build requirements in pyproject.toml for %s.", self.requirement)
        logger.warning(
            "The project does not specify a build backend, and pip cannot fall back to setuptools without %s.",
            " and ".join(map(repr, sorted(missing))),
        )

    def _say_waiting(self) -> None:
        name = self.requirement.name or self._link.filename
        logger.info("Waiting for another process, which is building %s", name)

    def make_record(self, wheel: Path, used: Mapping[str, str], build_seconds: float) -> Record:
        """See ``keeper.Evidence``."""
        from packaging.utils import canonicalize_name

        identity = verify(wheel)
        archive = None if self._link.is_vcs else self.requirement.local_file_path
        if self.requirement.name and canonicalize_name(self.requirement.name) != identity.project:
            raise InvalidWheelError(filename=wheel.name, problems=["it is of another project"])
        is_pure = wheel.name.endswith("-any.whl")
        return Record(
            project=identity.project,
            version=identity.version,
            source_hashes=digests_of(Path(archive), ["sha256", "sha384", "sha512"]) if archive else {},
            origin=_public_url(self._link),
            conditions=self._judge(used, collect_needed(wheel), is_pure=is_pure),
            build_seconds=round(build_seconds, 3),
        )

    def make_conditions(self, used: Mapping[str, str]) -> Conditions:
        """See ``keeper.Evidence``."""
        return self._judge(used, (), is_pure=False)

    def _judge(self, used: Mapping[str, str], libraries: tuple[str, ...], *, is_pure: bool) -> Conditions:
        seen = self._watch.read() if self._watch is not None else None
        if seen is None or not seen.is_whole:
            raise UnwatchedBuildError
        environment = self._environment
        around = Circumstances(
            tree=Path(self.requirement.source_dir or self.requirement.unpacked_source_directory),
            environ=self._present.environ,
            root=environment.paths.root if isinstance(environment, IsolatedEnvironment) else None,
            used=used,
            constraints=self._present.constraints(used),
            built_against=self._collect_built_against(collect_imported(seen, self._project_folder)),
            collect_installed=partial(self._collect_built_against, None),
            lacking_modules=() if self._is_isolated else collect_lacking(seen, self._project_folder),
            git_tags=self._present.git_tags(),
            system_before=self._system_before,
            stamp_system=self._present.system,
            earlier=self._keeper.metadata_conditions,
        )
        return judge(seen, around, libraries, is_pure=is_pure)

    def _collect_built_against(self, imported: Collection[str] | None) -> dict[str, str]:
        if self._is_isolated:
            return {}
        requires = self.requirement.pyproject_requires or []
        return collect_built_against(imported, requires, self.requirement._pep517_backend_spec)


def _check_support(pip_installer: object) -> None:
    """Check that build requirements can be installed for a virtual environment's own interpreter.

    pip's in-process installer (``--use-feature=inprocess-build-deps``) learned that with 26.2.

    :raises UnsupportedProjectError: they cannot.
    """
    from pip._internal import build_env

    in_process = getattr(build_env, "InprocessBuildEnvironmentInstaller", ())
    if isinstance(pip_installer, in_process) and not hasattr(build_env, "VenvBuildEnvironment"):
        raise UnsupportedProjectError(reason="this pip installs build requirements with its own interpreter only")


def _public_url(link: Link) -> str:
    """Return the URL without credentials, query and fragment: a signed URL has its secret in the query."""
    from urllib.parse import urlsplit

    parts = urlsplit(link.url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
