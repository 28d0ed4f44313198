"""Which store a command uses, and whether it may."""

from __future__ import annotations

import os
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
    if store.root.exists() and not store.root.is_dir():
        return f"`{store.root}` is not a directory"
    return None


def find_doubt(store: Store, settings: Settings) -> str | None:
    """Return why a store should not be used without asking; ``None`` when it was chosen, or is the user's own."""
    distrust = find_distrust(store.root) if "dir" not in settings.origins else None
    if distrust is None:
        return None
    return f"the cache at `{store.root}` is {distrust}; to choose it, set `PIPCACHE_DIR` to it"


def takes_doubtful() -> bool:
    """Tell whether this user goes on with a doubtful store: root does, whose home may be one that is mounted."""
    return os.name == "posix" and os.geteuid() == 0
