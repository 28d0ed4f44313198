"""The part "prepare": the metadata of an sdist that the resolver looks at, from the store or from our own build."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pipcache_plugin.building.errors import EnvironmentCreationError, UnsupportedProjectError
from pipcache_plugin.building.wheels import InvalidWheelError
from pipcache_plugin.pip_bridge import run, sources
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

if TYPE_CHECKING:
    from pathlib import Path

    from pip._internal.distributions.sdist import SourceDistribution

    from pipcache_plugin.pip_bridge.requirement_build import RequirementBuild

logger = logging.getLogger(__name__)


def _prepare_distribution_metadata(
    original: PipFunction,
    self: SourceDistribution,
    build_env_installer: object,
    build_isolation: object,
    check_build_deps: bool,
    *args: Any,
    **kwargs: Any,
) -> None:
    """Set the requirement's metadata, as pip's own function does."""

    def pips_own_way() -> None:
        original(self, build_env_installer, build_isolation, check_build_deps, *args, **kwargs)

    current = run.current()
    requirement = self.req
    source = sources.identify_requirement(requirement) if current is not None else None
    if current is None or source is None:
        pips_own_way()
        return

    from pipcache_plugin.pip_bridge import ahead
    from pipcache_plugin.pip_bridge.requirement_build import RequirementBuild

    begun = ahead.take(requirement)
    if begun is not None:
        build = begun.build
        build.adopt(self, pips_own_way)
    else:
        build = RequirementBuild(
            current,
            self,
            source,
            build_env_installer,
            build_isolation,
            check_build_deps=check_build_deps,
            prepare_by_pip=pips_own_way,
        )
    dist_info = _try_to_prepare(build)
    if dist_info is None:
        build.hand_to_pip()
        return
    requirement.metadata_directory = str(dist_info)
    if requirement.name:
        requirement.warn_on_mismatching_name()
    else:
        requirement._set_requirement()
    requirement.assert_source_matches_version()
    if current.ahead is not None:
        current.ahead.note_prepared(build)


def _try_to_prepare(build: RequirementBuild) -> Path | None:
    """Return the path of the ``.dist-info``; ``None`` for what pip is to do."""
    from pipcache_plugin.pip_bridge import ahead

    try:
        return build.prepare(ahead.begin_next)
    except (UnsupportedProjectError, EnvironmentCreationError, InvalidWheelError) as error:
        logger.debug("pipcache leaves %s to pip: %s", build.requirement, error)
        return None


SEAMS = [
    Seam(
        modules=("pip._internal.distributions.sdist",),
        name="SourceDistribution.prepare_distribution_metadata",
        parameters=("self", "build_env_installer", "build_isolation", "check_build_deps"),
        part=_prepare_distribution_metadata,
    )
]
