"""What work in a thread has to say: taken down there, and said by pip's own thread when its turn comes.

pip's output is then what it would be if one thing were done after the other.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A record of pip's log."""

    record: logging.LogRecord
    indentation: int


@dataclass(slots=True, kw_only=True)
class Step:
    """Something that takes a while, for which pip shows a spinner."""

    message: str
    indentation: int
    project: str = ""
    """Whose it is; empty for one that has no name yet."""

    began: float | None = None
    """When its process was started, in seconds of the monotonic clock."""

    status: str | None = None
    """``done``, ``error``, …; ``None`` while it lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """That a step is over."""

    step: Step


Event: TypeAlias = Said | Step | Ended

Idle: TypeAlias = Callable[[], bool]
"""Does something useful while there is nothing to say; returns whether there was something to do."""

FindSteps: TypeAlias = Callable[[], Sequence[Step]]

_PAUSE_SECONDS = 0.1


class Transcript:
    """What one piece of work says. One thread writes, another reads."""

    def __init__(self, project: str = "", *, in_thread: bool = False) -> None:
        """Nothing is said yet; how far it is indented counts from here.

        :param project: whose steps these will be.
        :param in_thread: it will be in a thread of its own, where nothing is indented.
        """
        from pip._internal.utils.logging import get_indentation

        self._project = project
        self._indentation = 0 if in_thread else -get_indentation()
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._shown = 0
        self._is_closed = False

    def say(self, record: logging.LogRecord) -> None:
        """Take down a record."""
        self._add(Said(record=record, indentation=self._indent()))

    @contextlib.contextmanager
    def step(self, message: str) -> Iterator[Any]:
        """Take down that something begins, and how it ends; stands in for pip's ``open_spinner``."""
        step = Step(message=message, indentation=self._indent(), project=self._project)
        self._add(step)
        spinner = _Spinner(self, step)
        try:
            yield spinner
        except BaseException:
            spinner.finish("error")
            raise
        spinner.finish("done")

    def close(self) -> None:
        """Nothing more will be said."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def end(self, step: Step, status: str) -> None:
        """Note how a step ended; the first word counts."""
        with self._changed:
            if step.status is None:
                step.status = status
                self._events.append(Ended(step=step))
            self._changed.notify_all()

    @property
    def current_step(self) -> Step | None:
        """What is being done now."""
        with self._changed:
            last = next((event for event in reversed(self._events) if isinstance(event, Step)), None)
        return last if last is not None and last.status is None else None

    def show(self, idle: Idle = lambda: False, find_others: FindSteps = tuple) -> None:
        """Say everything, in pip's own thread, until there is nothing more to come.

        :param idle: called while there is nothing to say.
        :param find_others: finds what else goes on.
        """
        while not self._is_over:
            event = self._next()
            if event is None:
                self._rest(idle)
            else:
                self._show_event(event, idle, find_others)

    @property
    def _is_over(self) -> bool:
        with self._changed:
            return self._is_closed and self._shown == len(self._events)

    def _next(self) -> Event | None:
        """Return what is to be shown next, once; ``None`` when there is nothing yet."""
        with self._changed:
            if self._shown == len(self._events):
                return None
            self._shown += 1
            return self._events[self._shown - 1]

    def _indent(self) -> int:
        from pip._internal.utils.logging import get_indentation

        return max(0, self._indentation + get_indentation())

    def _add(self, event: Event) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def _show_event(self, event: Event, idle: Idle, find_others: FindSteps) -> None:
        from pip._internal.utils.logging import indent_log

        if isinstance(event, Said):
            with indent_log(event.indentation):
                logging.getLogger(event.record.name).handle(event.record)
        elif isinstance(event, Step):
            self._show_step(event, idle, find_others)

    def _show_step(self, step: Step, idle: Idle, find_others: FindSteps) -> None:
        from pip._internal.utils.logging import indent_log

        from pipcache_plugin.pip_bridge.live import open_lines

        with indent_log(step.indentation), open_lines(step, find_others) as spinner:
            spinner.spin()
            while True:
                event = self._next()
                if isinstance(event, Ended) and event.step is step:
                    break
                if event is None:
                    self._rest(idle)
                    spinner.spin()
                    continue
                # What a process says while it runs, when the user wants to read it.
                with indent_log(-step.indentation):
                    self._show_event(event, idle, find_others)
            spinner.finish(step.status or "done")

    def _rest(self, idle: Idle) -> None:
        if idle():
            return
        with self._changed:
            if self._shown == len(self._events) and not self._is_closed:
                self._changed.wait(_PAUSE_SECONDS)


class _Spinner:
    """What pip turns while a child process runs; satisfies its ``SpinnerInterface``."""

    def __init__(self, transcript: Transcript, step: Step) -> None:
        self._transcript = transcript
        self._step = step

    def spin(self) -> None:
        """Do nothing: whoever shows the step turns its spinner."""

    def finish(self, final_status: str) -> None:
        """Note the end."""
        self._transcript.end(self._step, final_status)


_current: contextvars.ContextVar[Transcript | None] = contextvars.ContextVar("transcript", default=None)
"""Where this thread, here and now, says what it has to say."""


def note_begin() -> None:
    """Note that the process of the step that this thread is at starts now."""
    transcript = _current.get()
    step = transcript.current_step if transcript is not None else None
    if step is not None:
        step.began = time.monotonic()


@contextlib.contextmanager
def written_to(transcript: Transcript) -> Iterator[None]:
    """Take down what this thread says while this lasts."""
    _take_down_records()
    token = _current.set(transcript)
    try:
        yield
    finally:
        _current.reset(token)


class _Taker(logging.Handler):
    """Takes records down, where there is a transcript."""

    def emit(self, record: logging.LogRecord) -> None:
        """See the base class."""
        transcript = _current.get()
        if transcript is not None:
            transcript.say(record)


def _is_said_now(record: logging.LogRecord) -> bool:  # noqa: ARG001 (a filter's signature)
    return _current.get() is None


_setting_up = threading.Lock()


def _take_down_records() -> None:
    """Have the handlers that pip has set up leave alone what is taken down."""
    root = logging.getLogger()
    with _setting_up:
        if any(isinstance(handler, _Taker) for handler in root.handlers):
            return
        for handler in root.handlers:
            handler.addFilter(_is_said_now)
        root.addHandler(_Taker())


def _open_spinner(original: PipFunction, message: str, *args: Any, **kwargs: Any) -> Any:
    transcript = _current.get()
    return original(message, *args, **kwargs) if transcript is None else transcript.step(message)


SEAMS = [
    Seam(
        modules=("pip._internal.cli.spinners",),
        name="open_spinner",
        parameters=("message",),
        part=_open_spinner,
    )
]
