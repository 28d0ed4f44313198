"""The bound that a store keeps by itself, looked at once a day by a command that has stored something.

The command's user waits for it. So the size is estimated, from as many buckets as can be looked into within a moment:
that is all of a store of some thousand wheels. Only a store that seems to be beyond its bound is gone through, and a
tenth of it goes at once, so that this does not happen again the next day.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from pipcache_plugin.management import contents, pruning
from pipcache_plugin.management.survey import estimate
from pipcache_plugin.store import locks

if TYPE_CHECKING:
    from pipcache_plugin.management.survey import Piece
    from pipcache_plugin.store.store import Store

logger = logging.getLogger(__name__)

_SECONDS = 0.25
"""So long at the most a user waits when nothing is to be removed."""

_MOST_LOCKS = 1000
"""Lock files that are taken out at a time: no more than that are made in a day, on most machines."""


def keep(store: Store, max_bytes: int) -> None:
    """Take out of *store* what is beyond the bound, if nobody else is at it or was today."""
    if not store.must_be_bounded():
        return
    descriptor = locks.try_to_hold(store.bound, store.root)
    if descriptor == locks.HELD:
        return
    try:
        # Where files cannot be locked, two may be at it: one then finds less.
        os.utime(store.bound)
        for piece in _choose(store, max_bytes):
            logger.debug("pipcache: removing %s, to keep the cache within %d bytes", piece.path, max_bytes)
            _remove(store, piece)
        contents.remove_unheld_locks(store, _MOST_LOCKS)
    except Exception as error:  # noqa: BLE001 (the command has done what it was to do)
        logger.debug("pipcache: the cache is not kept within bounds: %s", error)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _choose(store: Store, max_bytes: int) -> list[Piece]:
    found = estimate(store, _SECONDS)
    if found.size_bytes <= max_bytes:
        return pruning.choose(found.pieces, pruning.Limits())
    pieces = found.pieces if found.is_complete else pruning.collect(store)
    return pruning.choose(pieces, pruning.bound_to(max_bytes))


def _remove(store: Store, piece: Piece) -> None:
    try:
        pruning.remove(store, piece)
    except OSError as error:
        # Somebody else's, perhaps; there is more.
        logger.debug("pipcache: %s stays: %s", piece.path, error)
