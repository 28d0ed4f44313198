"""The state of one pip command: which store it uses, what was taken from it, and whether our parts still play."""

from __future__ import annotations

import functools
import logging
import os
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.management import stores
from pipcache_plugin.pip_bridge import beginning
from pipcache_plugin.pip_bridge.notices import FAILURE_HINT, hide_credentials, say_plain_pip
from pipcache_plugin.pip_bridge.present import PipPresent
from pipcache_plugin.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from optparse import Values

    from pip._internal.req.req_install import InstallRequirement

    from pipcache_plugin.keys.record import Record
    from pipcache_plugin.pip_bridge.ahead import Ahead
    from pipcache_plugin.pip_bridge.beginning import Asked
    from pipcache_plugin.pip_bridge.jobs import Jobs
    from pipcache_plugin.pip_bridge.nested import BuildEnvironment
    from pipcache_plugin.pip_bridge.requirement_build import RequirementBuild
    from pipcache_plugin.pip_bridge.resolution import Memory
    from pipcache_plugin.store.blobs import WheelBlob
    from pipcache_plugin.store.environments import Place
    from pipcache_plugin.store.store import Entry, Store

logger = logging.getLogger(__name__)


_NAME_VARIABLE = "_PIPCACHE_RUN"
REPORT_VARIABLE = "_PIPCACHE_RESOLUTION"

_VERBOSE = 15
"""pip's level between INFO and DEBUG: shown with ``-v``."""


class Run:
    """One command of pip's with the cache on."""

    def __init__(
        self,
        store: Store,
        options: Values,
        present: PipPresent,
        command: str = "",
        settings: Settings = Settings(),  # noqa: B008 (it is frozen)
    ) -> None:
        self.store = store
        self.settings = settings
        self.command = command
        self.options = options
        self.present = present
        self.reasons: dict[str, list[str]] = {}
        """Why stored wheels were not taken, by build key."""

        self.name = os.environ.pop(_NAME_VARIABLE, "") or f"{time.time_ns()}-{os.getpid()}"
        """Of the run, in the log; the one of the command that this process installs build requirements for."""

        self._rebuild = _projects_to_rebuild(options, os.environ)
        self._rebuilt: set[str] = set()
        self._noted: set[tuple[str, WheelBlob]] = set()
        self.served: dict[str, Record] = {}
        """The records of wheels taken from the store, by the path that pip was given."""

        self.environments: dict[str, BuildEnvironment] = {}
        """Build environments of ours, by the path of their root."""

        self.ahead: Ahead | None = None
        """What pip will ask for next; ``None`` before it resolves, or when it is to do one thing after the other."""

        self.places: list[Place] = []
        """Where build environments are."""

        self.built: set[str] = set()
        """The paths of wheels that were built in this run."""

        report = os.environ.pop(REPORT_VARIABLE, "")
        self.report = Path(report) if report else None
        """Where the command that this process installs build requirements for wants to read what was installed."""

        self.ancestors = _tracked_builds(os.environ)
        """What is being built that this command installs build requirements for: files of pip's build tracker."""

        self._folder: Path | None = None
        self._has_warned = False
        self._keep_within_bound: Callable[[], None] | None = None

    @functools.cached_property
    def jobs(self) -> Jobs:
        """What goes on beside pip."""
        from pipcache_plugin.pip_bridge.jobs import Jobs, count_processors

        count = getattr(self.options, "jobs", None) or self.settings.jobs or count_processors()
        return Jobs(count, self.present.environ)

    @functools.cached_property
    def resolutions(self) -> Memory:
        """What installations of build requirements come to."""
        from pipcache_plugin.pip_bridge.resolution import Memory

        return Memory(self.store.resolutions)

    def stop(self) -> None:
        """Stop what still goes on beside pip."""
        if "jobs" in vars(self):
            self.jobs.stop()

    def give_back(self) -> None:
        """Let others have the places of build environments, which pip has removed."""
        while self.places:
            self.places.pop().give_back()
        if self._keep_within_bound is not None:
            self._keep_within_bound()

    def prepare_bound(self) -> None:
        """Get ready to look whether the store keeps within its bound, at the end: then pip lets nothing be imported."""
        if self.store.must_be_bounded():
            from pipcache_plugin.management import bound

            self._keep_within_bound = functools.partial(bound.keep, self.store, self.settings.max_size)

    def place_folder(self, name: str) -> Path:
        """Return a folder of this run for a wheel with the digest *name*; pip removes it at its end."""
        if self._folder is None:
            self._folder = make_folder("pipcache-wheels")
        folder = self._folder / name[:16]
        folder.mkdir(exist_ok=True)
        return folder

    def is_to_rebuild(self, project: str, key: str) -> bool:
        """Tell whether the user wants *project* built again, and it has not been built in this run."""
        return bool({_ALL, project} & self._rebuild) and key not in self._rebuilt

    def note_built(self, key: str) -> None:
        """Take down that *key* was built in this run: what is in the store for it is new."""
        self._rebuilt.add(key)

    def note_decision(self, outcome: str, record: Record, entry: Entry, **more: object) -> None:
        """Write down that a wheel was found, or built, and why; tell it to who asked for more words."""
        from pipcache_plugin.management.explain import Decision

        if {(outcome, entry.wheel), ("built", entry.wheel)} & self._noted:
            # What this run has built it finds from then on.
            return
        self._noted.add((outcome, entry.wheel))
        content = {
            "time_ns": time.time_ns(),
            "run": self.name,
            "command": self.command,
            "project": record.project,
            "version": record.version,
            "outcome": outcome,
            "wheel": entry.wheel.filename,
            "sha256": entry.wheel.sha256,
            "built_ns": entry.created_ns,
            "build_seconds": record.build_seconds,
            "origin": record.origin,
            **more,
        }
        self.store.log.append(content)
        logger.log(_VERBOSE, "pipcache: %s", Decision(content=content))

    def warn_once(self, message: str) -> None:
        """Tell the user that something about the cache is wrong; the first time only, and never to one who is quiet."""
        message = hide_credentials(message)
        if not self._has_warned and not self.options.quiet:
            logger.warning("%s", message)
        else:
            logger.debug("%s", message)
        self._has_warned = True


_current: Run | None = None

_begun: list[Run] = []
"""What has to be ended, also when it was given up."""


def current() -> Run | None:
    """Return the run that our parts play in; ``None`` when the cache is off, or was given up."""
    return _current


def give_up(error: Exception) -> None:
    """Take our parts out of the rest of the run, after something of ours broke."""
    global _current
    if _current is None:
        say_plain_pip(error, sys.argv[1:])
    else:
        reason = f"{type(error).__name__}: {error}"
        _current.warn_once(f"Continuing without pipcache, which failed: {reason} (hint: {FAILURE_HINT})")
    logger.debug("pipcache failed: %s", hide_credentials("".join(traceback.format_exception(error))))
    _current = None


_must_begin_again = False


def begin_again() -> None:
    """Let the command run once more when it has failed: it was resolved on metadata that do not hold."""
    global _must_begin_again
    _must_begin_again = True


def must_begin_again() -> bool:
    """Tell whether the command that has just failed is to be run once more; says so once."""
    global _must_begin_again
    answer, _must_begin_again = _must_begin_again, False
    return answer


_BUILD_ATTRIBUTE = "pipcache_build"


def remember_build(requirement: InstallRequirement, build: RequirementBuild) -> None:
    """Attach *build* to the requirement: pip copies requirements (to add extras, for one), and their attributes."""
    setattr(requirement, _BUILD_ATTRIBUTE, build)


def find_build(requirement: InstallRequirement) -> RequirementBuild | None:
    """Return the build that prepared *requirement*; ``None`` for one whose source is not cached."""
    return getattr(requirement, _BUILD_ATTRIBUTE, None)


REBUILD_VARIABLE = "PIPCACHE_REBUILD"

_ALL, _NONE = ":all:", ":none:"
"""As in pip's options that name projects."""


def _tracked_builds(environ: Mapping[str, str]) -> list[Path]:
    folder = environ.get("PIP_BUILD_TRACKER")
    return sorted(Path(folder).iterdir()) if folder and Path(folder).is_dir() else []


def _projects_to_rebuild(options: Values, environ: Mapping[str, str]) -> set[str]:
    from pip._vendor.packaging.utils import canonicalize_name

    names: set[str] = set()
    given = [environ.get(REBUILD_VARIABLE, ""), *getattr(options, "rebuild", [])]
    for name in " ".join(given).replace(",", " ").split():
        names = set() if name == _NONE else names | {canonicalize_name(name)}
    return names


def make_folder(kind: str) -> Path:
    """Return a new temporary folder that pip removes when the command ends."""
    from pip._internal.utils.temp_dir import TempDirectory

    return Path(TempDirectory(kind=kind, globally_managed=True).path)


def load_settings() -> Settings:
    """Return the settings of this process.

    :raises CommandError: something is not understood, which pip tells the user.
    """
    from pip._internal.exceptions import CommandError

    try:
        return load(os.environ)
    except SettingsError as error:
        message = f"{error} (hint: {error.hint})"
        raise CommandError(message) from error


def find_store(options: Values, settings: Settings) -> Store | None:
    """Return the store that a command with *options* uses; ``None`` when caching is turned off."""
    from pip._internal.locations import USER_CACHE_DIR
    from pip._internal.utils.misc import normalize_path

    cache_dir = options.cache_dir
    if cache_dir is None:
        # Not turned off, but in a directory of somebody else's; whether we may write to ours shows when we write.
        cache_dir = beginning.refused_cache_dir
    if not cache_dir:
        return None
    is_default = normalize_path(cache_dir) == normalize_path(USER_CACHE_DIR)
    return stores.open_store(settings, None if is_default else Path(cache_dir))


def _environ_of_nested(options: Values) -> dict[str, str]:
    """Return what makes pip's child processes use the same caches: pip does not hand these options down."""
    # What is to be built again is named by the user, and the build requirements of it are not.
    environ = {REBUILD_VARIABLE: ""} if os.environ.get(REBUILD_VARIABLE) else {}
    if getattr(options, "rebuild", []):
        # Perhaps in pip's variable for the option, or in its configuration, which its child processes read as well.
        environ["PIP_REBUILD"] = _NONE
    # It is one of the processes that this one may run at once.
    environ["PIP_JOBS"] = "1"
    if options.keyring_provider != "auto":
        environ["PIP_KEYRING_PROVIDER"] = options.keyring_provider
    if options.cache_dir:
        environ["PIP_CACHE_DIR"] = options.cache_dir
    elif options.cache_dir is not None:
        environ["PIP_NO_CACHE_DIR"] = "1"
    return environ


nested_environ: dict[str, str] = {}
"""Variables for pip processes that this one starts to install build requirements."""


def begin(asked: Asked) -> None:
    """Begin the run of a command, which has something to look for."""
    global _current
    options = asked.options
    settings = load_settings()
    nested_environ.clear()
    nested_environ.update(_environ_of_nested(options))
    store = find_store(options, settings) if not settings.disable else None
    is_exact = settings.toolchain == "exact"
    present = PipPresent(options, asked.session, asked.finder, is_toolchain_exact=is_exact)
    current = Run(store, options, present, asked.command, settings) if store else None
    if current is not None and not _is_usable(current):
        current = None
    if current is not None:
        nested_environ[_NAME_VARIABLE] = current.name
        current.prepare_bound()
        _begun.append(current)
    _current = current


def _is_usable(current: Run) -> bool:
    """Tell whether the store may be used, and the user what is wrong with it, and with those below it."""
    store = current.store
    doubt = stores.find_doubt(store, current.settings)
    if (refusal := stores.find_refusal(store)) is not None:
        hint = "remove it, or set `PIPCACHE_DIR` to another place"
        current.warn_once(f"Continuing without pipcache: {refusal} (hint: {hint})")
        return False
    if doubt is not None and not stores.takes_doubtful():
        current.warn_once(f"Continuing without pipcache: {doubt}")
        return False
    if doubt is not None:
        current.warn_once(f"Who can write to it decides what is installed: {doubt}")
    for lower in store.lower:
        if not lower.root.is_dir():
            hint = f"take it out of `read-only-dirs` in `{current.settings.origins['read-only-dirs']}`"
            current.warn_once(
                f"`{lower.root}`, a read-only cache, is not a directory: going on without it (hint: {hint})"
            )
    return True


def stop() -> None:
    """Stop what still goes on beside pip, before pip removes its folders."""
    for begun in _begun:
        begun.stop()


def give_back() -> None:
    """Let others have the places of what pip has removed."""
    while _begun:
        _begun.pop().give_back()
