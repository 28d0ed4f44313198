"""The part "build": the wheels of what the resolver chose. pip's own loop conducts, and says what it always says."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipcache_plugin.building.errors import EnvironmentCreationError, StaleMetadataError, UnsupportedProjectError
from pipcache_plugin.pip_bridge import run
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pip._internal.cache import WheelCache
    from pip._internal.req.req_install import InstallRequirement

    from pipcache_plugin.building.once import BuiltWheel
    from pipcache_plugin.pip_bridge.requirement_build import RequirementBuild

logger = logging.getLogger(__name__)


def _build(
    original: PipFunction,
    requirements: Iterable[InstallRequirement],
    *args: Any,
    **kwargs: Any,
) -> tuple[list[InstallRequirement], list[InstallRequirement]]:
    """Leave out what is built already, so that pip announces only what is built now."""
    found, missing = [], []
    for requirement in requirements:
        build = run.find_build(requirement)
        if build is not None and build.found is not None:
            logger.info("Using cached %s", build.found.path.name)
            _use_wheel(requirement, str(build.found.path))
            found.append(requirement)
        else:
            missing.append(requirement)
    _start_building(missing)
    successes, failures = original(missing, *args, **kwargs)
    current = run.current()
    if current is not None:
        current.built.update(requirement.local_file_path or "" for requirement in successes)
    return [*found, *successes], failures


def _start_building(requirements: Iterable[InstallRequirement]) -> None:
    """Have everything built that is ours to build, the longest first; pip asks for one after the other."""
    if run.current() is None:
        return
    found = [run.find_build(requirement) for requirement in requirements if not requirement.editable]
    builds = [build for build in found if build is not None and not build.is_pips]
    for build in sorted(builds, key=lambda build: build.weigh(), reverse=True):
        build.start_building()


def _use_wheel(requirement: InstallRequirement, path: str) -> None:
    from pip._internal.models.link import Link
    from pip._internal.utils.urls import path_to_url

    requirement.link = Link(path_to_url(path))
    requirement.local_file_path = path


def _get_cache_dir(original: PipFunction, req: InstallRequirement, wheel_cache: WheelCache) -> str:
    """With the cache on, pip's own keeps wheels for the run only: what is kept for longer is kept in our store."""
    if run.current() is None or req.link is None:
        return str(original(req, wheel_cache))
    return wheel_cache.get_ephem_path_for_link(req.link)


def _build_one(
    original: PipFunction,
    req: InstallRequirement,
    output_dir: str,
    verify: bool,
    editable: bool,
) -> str | None:
    """Build one wheel, or wait for the process that is building it."""
    from pip._internal.exceptions import PipError

    build = run.find_build(req)
    if build is None or editable:
        path: str | None = original(req, output_dir, verify, editable)
        return path
    if build.is_pips or run.current() is None:
        return _let_pip_build(original, build, output_dir, verify=verify)
    try:
        built = _try_to_build(build, Path(output_dir))
    except PipError:
        raise
    except (UnsupportedProjectError, EnvironmentCreationError) as error:
        logger.debug("pipcache leaves %s to pip: %s", req, error)
        return _let_pip_build(original, build, output_dir, verify=verify)
    except Exception as error:  # noqa: BLE001 (ours; pip's own function cannot take over before pip has prepared)
        run.give_up(error)
        return _let_pip_build(original, build, output_dir, verify=verify)
    if built is None:
        return None
    _say_built(req, built, output_dir)
    return str(built.path) if not verify or _is_valid(req, built.path) else None


def _try_to_build(build: RequirementBuild, folder: Path) -> BuiltWheel | None:
    """Return the wheel; ``None`` when its backend failed, which pip's runner has told the user."""
    from pip._internal.exceptions import InstallationSubprocessError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        return build.get_wheel(folder)
    except InstallationSubprocessError:
        logger.error("Failed building wheel for %s", build.requirement.name)  # noqa: TRY400 (the words of pip)
        return None
    except StaleMetadataError as error:
        # Resolved on what no longer holds: to be failed here, and begun again, by ``start``.
        run.begin_again()
        current = run.current()
        if current is not None:
            current.warn_once(f"{error}; starting again")
        return None


def _let_pip_build(original: PipFunction, build: RequirementBuild, output_dir: str, *, verify: bool) -> str | None:
    if not build.is_pips:
        build.hand_to_pip()
    path: str | None = original(build.requirement, output_dir, verify, False)
    return path


def _say_built(req: InstallRequirement, built: BuiltWheel, output_dir: str) -> None:
    from pip._internal.utils.misc import hash_file

    name = built.path.name
    if built.is_found:
        logger.info("Using cached %s", name)
        return
    digest, size = hash_file(str(built.path))
    logger.info("Created wheel for %s: filename=%s size=%d sha256=%s", req.name, name, size, digest.hexdigest())
    logger.info("Stored in directory: %s", built.stored_in or output_dir)


def _is_valid(req: InstallRequirement, wheel: Path) -> bool:
    from pip._internal.exceptions import InvalidWheelFilename, UnsupportedWheel
    from pip._internal.wheel_builder import _verify_one

    try:
        _verify_one(req, str(wheel))
    except (InvalidWheelFilename, UnsupportedWheel) as error:
        logger.warning("Built wheel for %s is invalid: %s", req.name, error)
        return False
    return True


SEAMS = [
    Seam(
        modules=("pip._internal.wheel_builder",),
        name="build",
        parameters=("requirements", "wheel_cache", "verify"),
        part=_build,
    ),
    Seam(
        modules=("pip._internal.wheel_builder",),
        name="_get_cache_dir",
        parameters=("req", "wheel_cache"),
        part=_get_cache_dir,
    ),
    Seam(
        modules=("pip._internal.wheel_builder",),
        name="_build_one",
        parameters=("req", "output_dir", "verify", "editable"),
        part=_build_one,
    ),
]
