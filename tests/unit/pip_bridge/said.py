"""What a user of pip would have read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Shown(logging.Handler):
    """A handler as pip has several: what reaches it is shown."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Show a line, as far to the right as pip's formatter does."""
        from pip._internal.utils.logging import get_indentation

        self.lines.append(" " * get_indentation() + record.getMessage())


@contextmanager
def only_handlers(*handlers: logging.Handler, level: int = logging.DEBUG) -> Iterator[None]:
    """Have no other handlers than these at the root, and nobody else's filters on anything."""
    root = logging.getLogger()
    before, level_before = root.handlers, root.level
    root.handlers = [*handlers]
    root.setLevel(level)
    try:
        yield
    finally:
        root.handlers = before
        root.setLevel(level_before)
