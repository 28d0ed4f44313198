"""What one build of a requirement depended on: watched while it runs, judged with what pip knows of it."""

from __future__ import annotations

import contextlib
import logging
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.building.against import collect_built_against, collect_imported, collect_lacking
from pipcache_plugin.building.circumstances import Circumstances
from pipcache_plugin.building.errors import UnwatchedBuildError
from pipcache_plugin.building.evidence import judge
from pipcache_plugin.building.watching import Watch
from pipcache_plugin.building.wheels import InvalidWheelError, verify
from pipcache_plugin.files import digests_of
from pipcache_plugin.keys.record import Record
from pipcache_plugin.machine.libraries import collect_needed
from pipcache_plugin.pip_bridge import run

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from contextlib import AbstractContextManager

    from pip._internal.models.link import Link
    from pip._internal.req.req_install import InstallRequirement

    from pipcache_plugin.keys.conditions import Conditions
    from pipcache_plugin.pip_bridge.present import PipPresent

logger = logging.getLogger(__name__)


class BuildEvidence:
    """The evidence of one build; satisfies ``keeper.Evidence``."""

    def __init__(self, requirement: InstallRequirement, link: Link, present: PipPresent, *, is_isolated: bool) -> None:
        """Nothing is watched yet."""
        self.requirement = requirement
        """The one whose ``pyproject.toml`` is read, as soon as it is."""

        self._link = link
        self._present = present
        self._is_isolated = is_isolated
        self._watch: Watch | None = None
        self._began_ns = 0
        self._system_before = ""
        self.root: Path | None = None
        """The isolated build environment, once there is one."""

    def begin(self) -> Watch | None:
        """Return the watch for the build environment that is about to be made; ``None``: the build goes unwatched."""
        try:
            self._watch = Watch(run.make_folder("pipcache-watch"), Path(self.requirement.source_dir or ""))
        except OSError as error:
            logger.debug("pipcache: a build goes unwatched: %s", error)
        self._began_ns = time.time_ns()
        self._system_before = self._present.system()
        return self._watch

    def watching(self) -> AbstractContextManager[None]:
        """Watch for as long as this lasts."""
        return self._watch.on() if self._watch is not None else contextlib.nullcontext()

    def make_record(
        self, wheel: Path, used: Mapping[str, str], build_seconds: float, earlier: Conditions | None
    ) -> Record:
        """See the Protocol."""
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
            conditions=self._judge(used, earlier, collect_needed(wheel), is_pure=is_pure),
            build_seconds=round(build_seconds, 3),
        )

    def make_conditions(self, used: Mapping[str, str]) -> Conditions:
        """See the Protocol."""
        return self._judge(used, None, (), is_pure=None)

    def _judge(
        self, used: Mapping[str, str], earlier: Conditions | None, libraries: tuple[str, ...], *, is_pure: bool | None
    ) -> Conditions:
        seen = self._watch.read() if self._watch is not None else None
        if seen is None or not seen.is_whole:
            raise UnwatchedBuildError
        project = Path(self.requirement.unpacked_source_directory)
        around = Circumstances(
            tree=Path(self.requirement.source_dir or project),
            environ=self._present.environ,
            root=self.root,
            used=used,
            constraints=self._present.constraints(used),
            built_against={} if self._is_isolated else self._collect_built_against(collect_imported(seen, project)),
            collect_installed=dict if self._is_isolated else partial(self._collect_built_against, None),
            lacking_modules=() if self._is_isolated else collect_lacking(seen, project),
            git_tags=self._present.git_tags(),
            began_ns=self._began_ns,
            system_before=self._system_before,
            stamp_system=self._present.system,
            earlier=earlier,
        )
        return judge(seen, around, libraries, is_pure=is_pure)

    def _collect_built_against(self, imported: Collection[str] | None) -> dict[str, str]:
        requires = self.requirement.pyproject_requires or []
        return collect_built_against(imported, requires, _backend_of(self.requirement))


def _backend_of(requirement: InstallRequirement) -> str:
    """Return the name of the backend, ``module`` or ``module:object``; pip keeps it elsewhere since 26.2."""
    specified = getattr(requirement, "_pep517_backend_spec", None)
    if specified is None:
        assert requirement.pep517_backend is not None, "pyproject.toml is loaded"
        specified = requirement.pep517_backend.build_backend
    return str(specified)


def _public_url(link: Link) -> str:
    """Return the URL without credentials, query and fragment: a signed URL has its secret in the query."""
    from urllib.parse import urlsplit

    parts = urlsplit(link.url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
