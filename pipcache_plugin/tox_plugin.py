"""The tox 4 plugin: installs go through the cache, and the end of the run says what that saved.

tox installs with ``python -I -m pip install {opts} {packages}``, where ``python`` is the environment's own. In its
place, ``python -I <tox_install.py> <folder> install {opts} {packages}`` runs the same interpreter in the same way, with
our pip. The command is a configuration value of the lowest priority: whatever the user has set goes before it. tox's
own stays for environments that it does not install into by its own pip, and for any Python that we do not know.

What the installation has to know of the world outside of the environment, which tox keeps out of it, is in the folder:
not in ``pass_env``, where commands and build backends would see it too.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import logging
import os
import shutil
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipcache_plugin import tox_install
from pipcache_plugin.pip_bridge.runner import MODULES_VARIABLE, modules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tox.config.loader.memory import MemoryLoader
    from tox.config.main import Config
    from tox.config.sets import EnvConfigSet
    from tox.config.types import Command
    from tox.session.state import State
    from tox.tox_env.python.virtual_env.api import VirtualEnv

logger = logging.getLogger(__name__)

_KEY = "install_command"

_PYTHON_REQUIRES = (3, 10)

_PIP = ["-m", "pip"]
"""What is replaced in tox's own command."""

_RUN_VARIABLE = "_PIPCACHE_RUN"
"""As in ``pip_bridge.run``, which loads pip."""


def tox_add_env_config(env_conf: EnvConfigSet, state: State) -> None:
    """Offer our command to an environment; whether it takes it is decided when it installs."""
    if _KEY in env_conf:
        env_conf.loaders.append(_make_loader(_current_run(state), env_conf.name))


with contextlib.suppress(ImportError):
    # tox 3 looks for plugins under the same name. It has none of these hooks, and goes on without.
    from tox.plugin import impl

    impl(tox_add_env_config)


def _make_loader(run: ToxRun, name: str) -> MemoryLoader:
    from tox.config.loader.memory import MemoryLoader

    class InstallCommand(MemoryLoader):
        """Has the command, for an environment that takes part."""

        def load_raw(self, key: str, conf: Config | None, env_name: str | None) -> object:
            """See ``Loader``; a ``KeyError`` lets tox go on to its default."""
            command = None
            if key == _KEY and conf is not None:
                try:
                    command = run.find_command(name, conf, env_name)
                except (AttributeError, ImportError, TypeError) as error:
                    run.warn_once(f"this tox is not as expected ({error})")
            if command is None:
                raise KeyError(key)
            return command

    return InstallCommand()


@functools.lru_cache(maxsize=1)
def _current_run(state: State) -> ToxRun:
    """Return what we know of the run with this state: tox has one in a process."""
    return ToxRun(state)


class ToxRun:
    """One run of tox."""

    def __init__(self, state: State) -> None:
        """Nothing is made yet."""
        self._state = state
        self._modules = _find_modules()
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._has_warned = False
        self.name = f"tox-{time.time_ns()}-{os.getpid()}"
        """Of all its installations, in the log of the store."""

    def find_command(self, name: str, conf: Config, env_name: str | None) -> Command | None:
        """Return what installs into the environment *name*; ``None`` where that is for tox to say."""
        from tox.config.types import Command
        from tox.tox_env.python.pip.pip_install import Pip

        environment: Any = self._state.envs[name]
        installer = environment.installer
        if type(installer) is not Pip:
            # One that is derived from it has reasons of its own.
            return None
        # Raises what tox raises for an interpreter that is not there.
        args = installer.default_install_command(conf, env_name).args
        if not _is_supported(environment) or self._is_disabled(environment):
            return None
        start = _find_pip(args)
        if start is None:
            self.warn_once(f"tox installs with another command than expected, `{' '.join(args)}`")
            return None
        try:
            folder = self.open_folder()
        except OSError as error:
            self.warn_once(f"{type(error).__name__}: {error}")
            return None
        return Command([*args[:start], tox_install.__file__, str(folder), *args[start + len(_PIP) :]])

    def open_folder(self) -> Path:
        """Return the folder of this run, made for it the first time; it is gone when the process ends.

        :raises OSError: it cannot be made.
        """
        with self._lock:
            if self._folder is None:
                folder = Path(tempfile.mkdtemp(prefix="pipcache-tox-"))
                atexit.register(shutil.rmtree, folder, ignore_errors=True)
                variables = {**collect_variables(os.environ), MODULES_VARIABLE: self._modules, _RUN_VARIABLE: self.name}
                (folder / tox_install.VARIABLES).write_text(json.dumps(variables), encoding="utf-8")
                self._folder = folder
                # What is registered last is called first.
                atexit.register(self.say_summary)
            return self._folder

    def say_summary(self) -> None:
        """Say what was found and built, after all that tox says, unless it was told to be quiet."""
        from tox.config.cli.parser import DEFAULT_VERBOSITY

        summary = self.summarize() if self._state.conf.options.verbosity >= DEFAULT_VERBOSITY else ""
        if summary:
            with contextlib.suppress(OSError, ValueError):
                # Nobody may read it any more.
                sys.stdout.write(f"  pipcache: {summary}\n")
                sys.stdout.flush()

    def summarize(self) -> str:
        """Return how many wheels were found and built in this run; an empty text when none were."""
        from pipcache_plugin.store.log import DecisionLog

        lines = (line for root in self._read_stores() for line in DecisionLog(root))
        return summarize(line for line in lines if line.get("run") == self.name)

    def _read_stores(self) -> list[Path]:
        try:
            text = (self.open_folder() / tox_install.STORES).read_text(encoding="utf-8")
        except OSError:
            return []
        return [Path(root) for root in dict.fromkeys(text.splitlines())]

    def _is_disabled(self, environment: VirtualEnv) -> bool:
        from pipcache_plugin.settings import SettingsError, load

        try:
            return load(collect_variables(os.environ) | environment.environment_variables).disable
        except SettingsError:
            # For the installation to say.
            return False

    def warn_once(self, message: str) -> None:
        """Tell the user why tox installs as it does alone."""
        with self._lock:
            if not self._has_warned:
                logger.warning("continuing without pipcache: %s", message)
            self._has_warned = True


def _find_pip(args: Sequence[str]) -> int | None:
    """Return where in tox's command pip is named."""
    starts = (start for start in range(len(args)) if list(args[start : start + len(_PIP)]) == _PIP)
    return next(starts, None)


def _is_supported(environment: VirtualEnv) -> bool:
    python = environment.base_python
    return python.implementation == "CPython" and tuple(python.version_info[:2]) >= _PYTHON_REQUIRES


def collect_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what makes an installation use the cache, and the settings, that are used outside of tox.

    ``XDG_CONFIG_HOME`` is not among it: there, pip would find a configuration that it does not find with tox alone.
    """
    from pipcache_plugin.settings import FILE_VARIABLE, find_file

    ours = {name: value for name, value in environ.items() if name.startswith("PIPCACHE_") or name == "XDG_CACHE_HOME"}
    file = find_file(environ)
    # Never raises; and one that a variable names has to be there.
    return {FILE_VARIABLE: str(file) if os.path.exists(file) else os.devnull, **ours}  # noqa: PTH110


def _find_modules() -> str:
    """Return where our modules are; those of a project that tox runs in may have the same names."""
    # ``python -m tox`` has it there. Only the main thread is here: environments have not begun.
    first = sys.path.pop(0) if sys.path and sys.path[0] in {"", str(Path.cwd())} else None
    try:
        with warnings.catch_warnings():
            # Where setuptools is installed, and something has imported distutils, it warns of whoever looks for pip.
            warnings.simplefilter("ignore")
            return modules()
    finally:
        if first is not None:
            sys.path.insert(0, first)


def summarize(decisions: Iterable[Mapping[str, object]]) -> str:
    """Return a few words on lines of a log: ``7 wheels found, 2 built, 48.0 s saved``; an empty text on none."""
    from pipcache_plugin.units import format_duration

    found, built, saved_seconds = 0, 0, 0.0
    for decision in decisions:
        if decision.get("outcome") == "hit":
            found += 1
            seconds = decision.get("build_seconds")
            saved_seconds += seconds if isinstance(seconds, (int, float)) else 0
        elif decision.get("outcome") == "built":
            built += 1
    if not found:
        return f"{_count_wheels(built)} built" if built else ""
    also_built = f", {built} built" if built else ""
    return f"{_count_wheels(found)} found{also_built}, {format_duration(saved_seconds)} saved"


def _count_wheels(count: int) -> str:
    return f"{count} wheel{'s' if count != 1 else ''}"
