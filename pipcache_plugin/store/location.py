"""Where the store is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def choose_root(chosen: Path | None, pip_cache_dir: Path | None, configured: Path | None) -> Path:
    """Return the store's root: *chosen*, or ``pipcache`` in *pip_cache_dir*, or *configured*, or the platform's choice.

    :param chosen: by the environment.
    :param pip_cache_dir: the cache directory that was given to pip (option, variable or configuration); ``None`` where
        none was given.
    :param configured: in the user's file, for where nothing else was said.
    """
    if chosen is not None:
        return chosen.absolute()
    if pip_cache_dir is not None:
        return pip_cache_dir / "pipcache"
    if configured is not None:
        return configured
    from platformdirs import user_cache_path

    return user_cache_path("pipcache", appauthor=False)
