"""``cache info|list|remove|purge`` cover our store as well, in pip's words; ``cache dir`` stays pip's one line."""

from __future__ import annotations

import contextvars
import logging
import os
from typing import TYPE_CHECKING

from pipcache_plugin.management import contents
from pipcache_plugin.pip_bridge import run
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

if TYPE_CHECKING:
    from optparse import Values

    from pip._internal.commands.cache import CacheCommand

logger = logging.getLogger(__name__)

_counts_ours = contextvars.ContextVar("counts_ours", default=True)
"""Off while pip says how many wheels are in its own cache."""


def _find_wheels(original: PipFunction, self: CacheCommand, options: Values, pattern: str) -> list[str]:
    """Add our wheels to those of pip's cache: ``list``, ``remove`` and ``purge`` go through them."""
    found: list[str] = original(self, options, pattern)
    store = run.find_store(options, os.environ) if _counts_ours.get() else None
    if store is None:
        return found
    # As pip reads a pattern: one with a hyphen has a version.
    glob = pattern + ("*.whl" if "-" in pattern else "-*.whl")
    return [*found, *map(str, contents.find_wheels(store, glob))]


def _remove_cache_items(original: PipFunction, self: CacheCommand, options: Values, args: list[str]) -> None:
    """Let pip remove the wheels, then forget what we knew of them; ``*`` and ``purge`` leave nothing."""
    original(self, options, args)
    store = run.find_store(options, os.environ)
    if store is not None:
        (contents.purge if args == ["*"] else contents.forget_removed)(store)


def _get_cache_info(original: PipFunction, self: CacheCommand, options: Values, args: list[str]) -> None:
    """Say of our store what pip says of its cache."""
    from pip._internal.utils.misc import format_size

    token = _counts_ours.set(False)
    try:
        original(self, options, args)
    finally:
        _counts_ours.reset(token)
    store = run.find_store(options, os.environ)
    if store is not None:
        wheels = list(store.wheels)
        logger.info("Wheels built by pipcache location: %s", store.wheels.folder)
        logger.info("Wheels built by pipcache size: %s", format_size(contents.size_bytes(wheels)))
        logger.info("Number of wheels built by pipcache: %s", len(wheels))


SEAMS = [
    Seam(
        modules=("pip._internal.commands.cache",),
        name="CacheCommand._find_wheels",
        parameters=("self", "options", "pattern"),
        part=_find_wheels,
    ),
    Seam(
        modules=("pip._internal.commands.cache",),
        name="CacheCommand.remove_cache_items",
        parameters=("self", "options", "args"),
        part=_remove_cache_items,
    ),
    Seam(
        modules=("pip._internal.commands.cache",),
        name="CacheCommand.get_cache_info",
        parameters=("self", "options", "args"),
        part=_get_cache_info,
    ),
]
