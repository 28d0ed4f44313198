"""Build requirements resolved within this process, by a second command of pip's: no further process has to start.

It has options and a finder of its own, read from the command line that the further process would have had. That
process is started all the same for whatever is more than choosing wheels and downloading them: to build something, to
see what is installed already, to tell the user what went wrong.
"""

from __future__ import annotations

import contextlib
import contextvars
import inspect
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pip._internal.exceptions import PipError

from pipcache_plugin.errors import PipCacheError
from pipcache_plugin.files import sha256_of
from pipcache_plugin.pip_bridge import run
from pipcache_plugin.pip_bridge.transcript import Transcript, written_to
from pipcache_plugin.store.unpacking import UnsuitableWheelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from optparse import Values

    from pip._internal.req.req_install import InstallRequirement

logger = logging.getLogger(__name__)


class Resolved(NamedTuple):
    """What is to be installed."""

    wheels: Sequence[str]
    """SHA-256 of each, in order; the store has their trees."""

    fresh_until: Sequence[float]
    """Of each page of the index, Unix time in seconds."""


class MoreThanWheelsError(PipCacheError, PipError):
    """A build requirement is no wheel of an index. One of pip's errors as well, as it passes through pip."""

    code = "more-than-wheels"

    def __str__(self) -> str:
        return "A build requirement is no wheel of an index"


_pages: contextvars.ContextVar[list[float] | None] = contextvars.ContextVar("pages", default=None)
"""Until when each page is fresh that was asked for here; ``None`` outside of an inner command."""


def is_inner() -> bool:
    """Tell whether this is about an inner command's requirements, and not about those of the user's."""
    return _pages.get() is not None


def note_page(fresh_until: float) -> bool:
    """Note that a page was asked for; tell whether that was for an inner command."""
    pages = _pages.get()
    if pages is not None:
        pages.append(fresh_until)
    return pages is not None


def resolve(current: run.Run, arguments: Sequence[str], *, ignores_constraints: bool) -> Resolved | None:
    """Return what ``pip install`` with *arguments* would install into an empty environment; ``None``: let it tell.

    :param ignores_constraints: for build requirements, only build constraints count.
    """
    pages: list[float] = []
    token = _pages.set(pages)
    try:
        with written_to(Transcript(in_thread=True)):
            requirements = _resolve(current, arguments, ignores_constraints=ignores_constraints)
            return Resolved([_keep(current, requirement) for requirement in requirements], pages)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever it is, the process that is started then meets it)
        logger.debug("pipcache: build requirements are left to a process of their own: %r", error)
        return None
    finally:
        _pages.reset(token)


def _resolve(current: run.Run, arguments: Sequence[str], *, ignores_constraints: bool) -> Sequence[InstallRequirement]:
    from pip._internal.cache import WheelCache
    from pip._internal.commands.install import InstallCommand

    # Not by ``create_command``, which sets the seams of the command that the user has given.
    command: Any = InstallCommand(name="install", summary="")
    options, args = command.parse_args([*arguments])
    _settle(options, current, ignores_constraints=ignores_constraints)
    # Threads share one in pip's own ``list --outdated`` as well; a new one starts ``rustc`` to say who it is.
    session = current.present.session
    finder = command._build_package_finder(
        options=options, session=session, ignore_requires_python=options.ignore_requires_python
    )
    requirements = command.get_requirements(args, options, finder, session)
    with _made_preparer(command, options=options, session=session, finder=finder) as preparer:
        resolver = command.make_resolver(
            preparer=preparer,
            finder=finder,
            options=options,
            wheel_cache=WheelCache(options.cache_dir),
            ignore_installed=True,
            ignore_requires_python=options.ignore_requires_python,
        )
        found = resolver.resolve(requirements, check_supported_wheels=True)
        preparer.prepare_linked_requirements_more(found.requirements.values())
        ordered: Sequence[InstallRequirement] = resolver.get_installation_order(found)
    return ordered


def _settle(options: Values, current: run.Run, *, ignores_constraints: bool) -> None:
    from pip._internal import build_env

    # The main command has checked that directory, and has said what is wrong with it.
    options.cache_dir = current.options.cache_dir
    options.progress_bar = "off"
    options.use_user_site = False
    if ignores_constraints:
        # Told by a variable, which pip would look for in this process's environment.
        options.constraints = options.build_constraints if hasattr(build_env, "VenvBuildEnvironment") else []
    if options.ignore_dependencies or options.require_hashes or options.python_version or options.platforms:
        # From variables or a configuration file, which would have their say there.
        raise MoreThanWheelsError


@contextlib.contextmanager
def _made_preparer(command: Any, **made: Any) -> Iterator[Any]:
    from pip._internal.operations.build.build_tracker import BuildTracker
    from pip._internal.utils.temp_dir import TempDirectory

    make = command.make_requirement_preparer
    if "allow_editables" in inspect.signature(make).parameters:
        made["allow_editables"] = True
    with TempDirectory(kind="install") as folder, BuildTracker(run.make_folder("build-tracker").as_posix()) as tracker:
        yield make(temp_build_dir=folder, build_tracker=tracker, use_user_site=False, **made)


def _keep(current: run.Run, requirement: InstallRequirement) -> str:
    """Have the store keep the wheel's tree; return its digest."""
    path = Path(requirement.local_file_path or "")
    if requirement.is_direct or not requirement.is_wheel or not path.is_file():
        raise MoreThanWheelsError
    sha256 = sha256_of(path)
    trees = current.store.trees
    try:
        if trees.find(sha256) is None:
            trees.add(sha256, path)
    except UnsuitableWheelError as error:
        raise MoreThanWheelsError from error
    return sha256
