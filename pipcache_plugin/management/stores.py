"""Which store a command uses, and whether it may."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from pipcache_plugin.store.location import choose_root
from pipcache_plugin.store.owners import find_distrust
from pipcache_plugin.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from pipcache_plugin.settings import Settings


def open_store(settings: Settings, pip_cache_dir: Path | None) -> Store:
    """Return the store that the settings lead to; nothing is made.

    :param pip_cache_dir: see ``store.location``.
    """
    is_chosen = settings.is_from_variable("dir")
    chosen, configured = (settings.dir, None) if is_chosen else (None, settings.dir)
    return Store(choose_root(chosen, pip_cache_dir, configured), [path.absolute() for path in settings.read_only_dirs])


def find_refusal(store: Store) -> str | None:
    """Return why a store cannot be used at all; ``None`` when it can."""
    try:
        is_folder = stat.S_ISDIR(store.root.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return f"`{store.root}` cannot be looked at: {error.strerror}"
    return None if is_folder else f"`{store.root}` is not a directory"


def find_doubt(store: Store, settings: Settings) -> str | None:
    """Return why a store should not be used without asking; ``None`` when it was chosen, or is the user's own."""
    # A directory that the file names goes after one that pip was given, which may be anybody's.
    is_chosen = settings.dir is not None and settings.dir.absolute() == store.root
    distrust = None if is_chosen else find_distrust(store.root)
    if distrust is None:
        return None
    return f"the cache at `{store.root}` is {distrust}; to choose it, set `PIPCACHE_DIR` to it"


def takes_doubtful() -> bool:
    """Tell whether this user goes on with a doubtful store: root does, whose home may be one that is mounted."""
    return os.name == "posix" and os.geteuid() == 0
