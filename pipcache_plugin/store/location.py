"""Where the store is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "PIPCACHE_DIR"


def choose_root(environ: Mapping[str, str], pip_cache_dir: str | None) -> Path:
    """Return the store's root: ``PIPCACHE_DIR``, or ``pipcache`` in *pip_cache_dir*, or the platform's cache folder.

    :param pip_cache_dir: the cache directory that was given to pip (option, variable or configuration); ``None`` where
        none was given.
    """
    if chosen := environ.get(VARIABLE):
        return Path(chosen).expanduser().absolute()
    if pip_cache_dir:
        return Path(pip_cache_dir) / "pipcache"
    from platformdirs import user_cache_path

    return user_cache_path("pipcache", appauthor=False)
