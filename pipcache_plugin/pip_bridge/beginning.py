"""What every command that resolves goes through; the parts are set when it has found something to install.

A command that finds everything installed already is the most frequent one. It pays for what is here, and for no more.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from pipcache_plugin.pip_bridge.notices import say_plain_pip
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam, UnknownPipError, install

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from optparse import Values


class Asked(NamedTuple):
    """A command of pip's that is about to resolve."""

    command: str
    options: Values
    session: Any
    finder: Any


_asked: Asked | None = None
"""What has not begun yet."""

_roots: tuple[Any, Sequence[Any]] | None = None
"""pip's factory of candidates, and what the user asked for."""

_has_parts = False

refused_cache_dir: str | None = None
"""The directory that pip does not use, as it is somebody else's."""


def add_options(command: Any) -> None:
    """Give one of pip's commands the options that are ours."""
    command.cmd_opts.add_option(
        "--rebuild",
        dest="rebuild",
        metavar="name",
        action="append",
        default=[],
        help="Build this project again although there is a cached wheel, and keep the new one (pipcache's). "
        "Can be given more than once; :all: stands for every project, :none: takes back what was given before it.",
    )
    command.cmd_opts.add_option(
        "--jobs",
        dest="jobs",
        metavar="n",
        action="store",
        type="int",
        help="Run at most this many build processes at once (pipcache's); the default is the number of processors.",
    )


def _check_path_owner(original: PipFunction, path: str) -> bool:
    global refused_cache_dir
    is_owned = bool(original(path))
    if not is_owned:
        refused_cache_dir = path
    return is_owned


def _make_requirement_preparer(original: PipFunction, cls: type, *args: Any, **kwargs: Any) -> Any:
    """Take down what is asked: here is the first place where a command that resolves has its options."""
    global _asked, _roots
    preparer = original(cls, *args, **kwargs)
    if _is_inner():
        return preparer
    options = kwargs["options"] if "options" in kwargs else args[1]
    _check_jobs(options)
    command = cls.__name__.removesuffix("Command").lower()
    _asked = Asked(command, options, kwargs.get("session"), kwargs.get("finder"))
    _roots = None
    if "legacy-resolver" in options.deprecated_features_enabled:
        # It has no candidates.
        _begin()
    return preparer


def _check_jobs(options: Values) -> None:
    jobs = getattr(options, "jobs", None)
    if jobs is not None and jobs < 1:
        from pip._internal.exceptions import CommandError

        message = f"--jobs must be at least 1, not {jobs}"
        raise CommandError(message)


def _collect_root_requirements(
    original: PipFunction, self: Any, root_ireqs: Sequence[Any], *args: Any, **kwargs: Any
) -> Any:
    """Take down what the user asks for."""
    global _roots
    if not _is_inner():
        _roots = (self, root_ireqs)
    return original(self, root_ireqs, *args, **kwargs)


def _link_candidate(original: PipFunction, self: Any, link: Any, template: Any, *args: Any, **kwargs: Any) -> None:
    """Begin with the first candidate; whether there is a wheel for it is for ``lookup`` to say."""
    if _begin():
        from pipcache_plugin.pip_bridge.lookup import link_candidate

        link_candidate(original, self, link, template, *args, **kwargs)
    else:
        original(self, link, template, *args, **kwargs)


def _editable_candidate(original: PipFunction, self: Any, *args: Any, **kwargs: Any) -> None:
    """Begin: pip prepares an editable itself, and we install what that requires."""
    _begin()
    original(self, *args, **kwargs)


def _begin() -> bool:
    """Set the parts and begin the run, if that was not done; tell whether there are parts."""
    global _asked
    if _asked is not None and not _is_inner():
        asked, _asked = _asked, None
        if _set_parts():
            from pipcache_plugin.pip_bridge import ahead, run

            run.begin(asked)
            if _roots is not None:
                ahead.begin(*_roots)
    return _has_parts


def _set_parts() -> bool:
    global _has_parts
    if not _has_parts:
        from pipcache_plugin.pip_bridge import parts

        try:
            install(parts.SEAMS)
            _has_parts = True
        except UnknownPipError as error:
            say_plain_pip(error, sys.argv[1:])
    return _has_parts


def _is_inner() -> bool:
    inner = sys.modules.get("pipcache_plugin.pip_bridge.inner")
    return inner is not None and bool(inner.is_inner())


def _global_tempdir_manager(original: PipFunction, *args: Any, **kwargs: Any) -> Any:
    """Stop what goes on beside pip before its folders are removed; who gets their places then finds them empty."""

    @contextlib.contextmanager
    def manager() -> Iterator[None]:
        try:
            with original(*args, **kwargs):
                try:
                    yield
                finally:
                    _tell_run("stop")
        finally:
            _tell_run("give_back")

    return manager()


def _tell_run(what: str) -> None:
    # Not there when there was nothing to do.
    run = sys.modules.get("pipcache_plugin.pip_bridge.run")
    if run is not None:
        getattr(run, what)()


CACHE_SEAMS = [
    Seam(
        modules=("pip._internal.cli.base_command",),
        name="check_path_owner",
        parameters=("path",),
        part=_check_path_owner,
    ),
]
"""Of every command that has a cache."""

SEAMS = [
    *CACHE_SEAMS,
    Seam(
        modules=("pip._internal.cli.base_command",),
        name="global_tempdir_manager",
        parameters=(),
        part=_global_tempdir_manager,
        is_local=True,
    ),
    Seam(
        modules=("pip._internal.cli.req_command",),
        name="RequirementCommand.make_requirement_preparer",
        parameters=("cls", "temp_build_dir", "options"),
        part=_make_requirement_preparer,
    ),
    Seam(
        modules=("pip._internal.resolution.resolvelib.factory",),
        name="Factory.collect_root_requirements",
        parameters=("self", "root_ireqs"),
        part=_collect_root_requirements,
    ),
    Seam(
        modules=("pip._internal.resolution.resolvelib.candidates",),
        name="LinkCandidate.__init__",
        parameters=("self", "link", "template", "factory", "name", "version"),
        part=_link_candidate,
    ),
    Seam(
        modules=("pip._internal.resolution.resolvelib.candidates",),
        name="EditableCandidate.__init__",
        parameters=("self",),
        part=_editable_candidate,
    ),
]
