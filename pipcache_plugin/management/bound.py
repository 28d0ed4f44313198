"""The bound that a store keeps by itself, looked at once a day by a command that has stored something."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from pipcache_plugin.management import pruning
from pipcache_plugin.store import locks

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

logger = logging.getLogger(__name__)


def keep(store: Store, max_bytes: int) -> None:
    """Take out of *store* what is beyond the bound, if nobody else is at it or was today."""
    if not store.must_be_bounded():
        return
    descriptor = locks.try_to_hold(store.bound, store.root)
    if descriptor in {None, locks.HELD}:
        return
    assert descriptor is not None, "it is held"
    try:
        os.utime(store.bound)
        for piece in pruning.choose(pruning.collect(store), pruning.Limits(max_bytes=max_bytes)):
            logger.debug("pipcache: removing %s, to keep the cache within %d bytes", piece.path, max_bytes)
            _remove(store, piece)
    except Exception as error:  # noqa: BLE001 (the command has done what it was to do)
        logger.debug("pipcache: the cache is not kept within bounds: %s", error)
    finally:
        os.close(descriptor)


def _remove(store: Store, piece: pruning.Piece) -> None:
    try:
        pruning.remove(store, piece)
    except OSError as error:
        # Somebody else's, perhaps; there is more.
        logger.debug("pipcache: %s stays: %s", piece.path, error)
