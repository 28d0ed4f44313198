"""Warnings of a build are for the debug log, and nobody else's are."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator

import pytest

from pipcache_plugin.building.quiet import quiet

PATIENCE_SECONDS = 30

logger = "pipcache_plugin.building.quiet"


@pytest.fixture(autouse=True)
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return the warnings that are shown, in a process where they are shown."""
    lines: list[str] = []

    def show(message: Warning | str, category: type[Warning], *_place: object) -> None:
        lines.append(f"{category.__name__}: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", show)
        yield lines


def warn(message: str) -> None:
    """Warn."""
    warnings.warn(message, stacklevel=2)


def test_warnings_go_to_the_debug_log(shown: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """With their kind; before and after that, they are shown."""
    caplog.set_level(logging.DEBUG)
    warn("before")
    with quiet():
        warn("of a build")
    warn("after")
    assert shown == ["UserWarning: before", "UserWarning: after"]
    assert caplog.record_tuples == [(logger, logging.DEBUG, "UserWarning: of a build")]


def test_blocks_may_be_in_each_other(shown: list[str]) -> None:
    """The outer one is quiet to its end, also when the inner one fails."""
    with quiet():
        with pytest.raises(ZeroDivisionError), quiet():
            raise ZeroDivisionError
        warn("of a build")
    warn("after")
    assert shown == ["UserWarning: after"]


def test_other_threads_are_not_quiet(shown: list[str]) -> None:
    """Each thread has its own."""
    is_quiet, may_end = threading.Event(), threading.Event()

    def build() -> None:
        with quiet():
            is_quiet.set()
            assert may_end.wait(PATIENCE_SECONDS)
            warn("of a build")

    thread = threading.Thread(target=build)
    thread.start()
    assert is_quiet.wait(PATIENCE_SECONDS)
    warn("of another thread")
    may_end.set()
    thread.join(PATIENCE_SECONDS)
    assert shown == ["UserWarning: of another thread"]


def test_function_is_replaced_once(shown: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """However many builds there are; again, when somebody has put another in its place."""
    for _ in range(3):
        with quiet():
            pass
    replaced = warnings.showwarning
    with quiet():
        assert warnings.showwarning is replaced
    others: list[object] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_args: others.append(str(message)))
    with quiet():
        warn("of a build")
    warn("after")
    assert (others, shown) == (["after"], [])
