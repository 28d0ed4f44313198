"""Warnings of builds go to the debug log, also when several builds run in threads of one process."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

_is_quiet = contextvars.ContextVar("is_quiet", default=False)
"""In this thread, here and now."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send the warnings of this thread to the debug log, as pip does with those for authors of projects."""
    _route()
    token = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(token)


def _route() -> None:
    """Show warnings as ever, but for those of quiet threads; once, as the whole process has one function for that."""
    show = warnings.showwarning
    if getattr(show, "is_routing", False):
        return

    def route(message: Warning | str, category: type[Warning], *place: object) -> None:
        if _is_quiet.get():
            logger.debug("%s: %s", category.__name__, message)
        else:
            show(message, category, *place)  # type: ignore[arg-type]

    route.is_routing = True  # type: ignore[attr-defined]
    warnings.showwarning = route  # type: ignore[assignment]
