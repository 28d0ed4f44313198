"""What ``pipcache doctor`` finds out: the part of it that asks pip, and then the store."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin import __version__
from pipcache_plugin.errors import PipCacheError
from pipcache_plugin.management.doctor import Diagnosis, examine_settings, examine_store
from pipcache_plugin.pip_bridge import run, seams, start
from pipcache_plugin.pip_bridge.options import read_options
from pipcache_plugin.settings import SettingsError, find_file, load

if TYPE_CHECKING:
    from optparse import Values

    from pipcache_plugin.settings import Settings


def examine(cache_dir: str | None) -> Diagnosis:
    """Return all that can be found out; nothing is changed.

    :param cache_dir: as pip would be given it on its command line.
    """
    diagnosis = Diagnosis()
    diagnosis.add("pipcache", __version__)
    _examine_pip(diagnosis)
    diagnosis.add("python", f"{sys.version.split()[0]} ({sys.executable})")
    try:
        settings = load(os.environ)
    except SettingsError as error:
        for problem in error.problems:
            diagnosis.complain(problem, f"nothing is installed until that is mended; {error.hint}")
        return diagnosis
    examine_settings(diagnosis, settings, find_file(os.environ))
    options = read_options(cache_dir)
    off = _find_switch(options, settings)
    diagnosis.add("cache", f"off: {off}" if off else "on")
    if off:
        diagnosis.complain(f"the cache is turned off by {off}")
    store = run.find_store(options, settings)
    if store is not None:
        examine_store(diagnosis, store, settings)
    return diagnosis


def _examine_pip(diagnosis: Diagnosis) -> None:
    """Tell whether our parts can play with this pip."""
    import pip

    diagnosis.add("pip", f"{pip.__version__} ({Path(pip.__file__).parent.parent})")
    try:
        start.check_pip()
        known = _collect_seams()
        problems = seams.find_problems(known)
    except PipCacheError as error:
        diagnosis.complain(f"plain pip runs, without the cache: {error}")
        return
    except ImportError as error:
        problems, known = [str(error)], []
    diagnosis.add("parts", f"{len(known) - len(problems)} of {len(known)} fit this pip")
    if problems:
        hint = "use a pip that pipcache was tested with, or a newer pipcache"
        diagnosis.complain(f"plain pip runs, without the cache: {'; '.join(problems)}", hint)


def _collect_seams() -> list[seams.Seam]:
    from pipcache_plugin.pip_bridge import beginning, cache_command, parts, runner, version

    return [*runner.seams([]), *version.SEAMS, *beginning.SEAMS, *parts.SEAMS, *cache_command.SEAMS]


def _find_switch(options: Values, settings: Settings) -> str | None:
    """Return what turns the cache off."""
    if settings.disable:
        return f"`disable` (`{settings.origins['disable']}`)"
    if options.cache_dir is False:
        name = "the variable `PIP_NO_CACHE_DIR`" if os.environ.get("PIP_NO_CACHE_DIR") else "pip's configuration"
        return f"{name} (`no-cache-dir`)"
    return None
