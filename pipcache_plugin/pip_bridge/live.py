"""What goes on in a terminal while several things go on: a line for each, with its age, until pip's own line is due.

pip's console draws; elsewhere than in a terminal pip's spinner says what it always says.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

logger = logging.getLogger(__name__)


class Running(Protocol):
    """Something that takes a while."""

    @property
    def message(self) -> str:
        """What pip says of it."""

    @property
    def project(self) -> str:
        """Whose it is; empty for one that has no name yet."""

    @property
    def began(self) -> float | None:
        """In seconds of the monotonic clock; ``None`` while it waits."""


class Spinner(Protocol):
    """What pip turns; see its ``SpinnerInterface``."""

    def spin(self) -> None:
        """Show that it goes on."""

    def finish(self, final_status: str) -> None:
        """Show how it ended."""


@contextlib.contextmanager
def open_lines(step: Running, find_others: Callable[[], Sequence[Running]]) -> Iterator[Spinner]:
    """Show that *step* goes on, and what else does."""
    from pip._internal.cli.spinners import open_spinner
    from pip._internal.utils.logging import get_console

    # With ``-v``, what processes say is shown between pip's lines; with ``-q`` there are none.
    if logger.getEffectiveLevel() != logging.INFO or not (sys.stdout.isatty() and get_console().is_interactive):
        with open_spinner(step.message) as spinner:
            # Between the lines that a process says, pip's stands still.
            yield spinner if logger.getEffectiveLevel() >= logging.INFO else _Still(spinner)
        return
    lines = _Lines(step, find_others)
    try:
        yield lines
    except KeyboardInterrupt:
        lines.finish("canceled")
        raise
    except BaseException:
        lines.finish("error")
        raise
    lines.finish("done")


class _Still:
    """A spinner that does not turn; satisfies ``Spinner``."""

    def __init__(self, spinner: Spinner) -> None:
        self._spinner = spinner

    def spin(self) -> None:
        """See the Protocol."""

    def finish(self, final_status: str) -> None:
        """See the Protocol."""
        self._spinner.finish(final_status)


class _Lines:
    """The lines of what goes on; satisfies ``Spinner``."""

    def __init__(self, step: Running, find_others: Callable[[], Sequence[Running]]) -> None:
        from pip._internal.utils.logging import get_console, get_indentation
        from pip._vendor.rich.live import Live

        self._step = step
        self._find_others = find_others
        self._indent = " " * get_indentation()
        self._console: Any = get_console()
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._shown = ""
        self._is_finished = False

    def spin(self) -> None:
        """See the Protocol."""
        from pip._vendor.rich.text import Text

        now = time.monotonic()
        others = [describe_other(other, now) for other in self._find_others() if other.began is not None]
        texts = [describe(self._step, now), *others]
        shown = "\n".join(fit(f"{self._indent}{text}", self._console.width) for text in texts)
        if shown != self._shown and not self._is_finished:
            self._shown = shown
            self._live.start()
            self._live.update(Text(shown, no_wrap=True, overflow="ellipsis"), refresh=True)

    def finish(self, final_status: str) -> None:
        """See the Protocol."""
        if not self._is_finished:
            self._is_finished = True
            self._live.stop()
            line = f"{self._indent}{self._step.message} ... {final_status}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def describe(step: Running, now: float) -> str:
    """Return what is shown of a step while it goes on: pip's own line, with its age."""
    return f"{step.message} ... {_duration(int(now - step.began)) if step.began is not None else 'waiting'}"


def describe_other(step: Running, now: float) -> str:
    """Return what is shown of a step that pip's own lines do not tell of yet."""
    is_named = not step.project or f" {step.project} " in f" {step.message} "
    text = describe(step, now)
    return text if is_named else f"{step.project}: {text}"


def fit(line: str, width: int) -> str:
    """Return a line of a step that is no longer than a terminal is wide: its age is not what is left out."""
    message, dots, age = line.rpartition(" ... ")
    too_long = len(line) - width
    return line if too_long <= 0 else f"{message[: -too_long - 1]}…{dots}{age}"


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
