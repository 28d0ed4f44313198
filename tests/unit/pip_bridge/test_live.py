"""What is said of things that go on."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from pipcache_plugin.pip_bridge.live import describe, describe_other, fit, open_lines
from tests.unit.pip_bridge.said import Shown, only_handlers

NOW = 10_000.0


@dataclass(frozen=True, kw_only=True)
class Going:
    """Satisfies ``live.Running``."""

    message: str = "Building wheel for simple (pyproject.toml)"
    project: str = "simple"
    began: float | None = None


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "waiting"),
        (0, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 0 s"),
        (125, "2 min 5 s"),
        (3600, "60 min 0 s"),
    ],
)
def test_age(seconds: float | None, expected: str) -> None:
    """Behind pip's own words, in seconds and minutes; what has not begun waits."""
    step = Going(began=None if seconds is None else NOW - seconds)
    assert describe(step, NOW) == f"{step.message} ... {expected}"
    assert describe_other(step, NOW) == describe(step, NOW)


@pytest.mark.parametrize(
    ("message", "project", "expected"),
    [
        ("Preparing metadata (pyproject.toml)", "simple", "simple: Preparing metadata (pyproject.toml) ... 0 s"),
        ("Preparing metadata (pyproject.toml)", "", "Preparing metadata (pyproject.toml) ... 0 s"),
        ("Building wheel for simple-more (x)", "simple", "simple: Building wheel for simple-more (x) ... 0 s"),
        ("Building wheel for simple", "simple", "Building wheel for simple ... 0 s"),
    ],
)
def test_others_have_their_names(message: str, project: str, expected: str) -> None:
    """Where pip's words do not have it: somebody else's line is above them."""
    assert describe_other(Going(message=message, project=project, began=NOW), NOW) == expected


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (40, "  Building wheel for simple ... 12 s"),
        (36, "  Building wheel for simple ... 12 s"),
        (35, "  Building wheel for simp… ... 12 s"),
        (20, "  Building… ... 12 s"),
    ],
)
def test_narrow_terminal(width: int, expected: str) -> None:
    """The age stays in sight."""
    line = "  Building wheel for simple ... 12 s"
    assert fit(line, width) == expected
    assert len(fit(line, width)) <= width


@pytest.mark.parametrize("error", [None, ValueError(), KeyboardInterrupt()])
@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_elsewhere_than_in_a_terminal(error: BaseException | None, level: int) -> None:
    """It is pip's spinner that says what it always says; nobody is asked what else goes on."""

    def refuse() -> list[Going]:
        message = "nobody would see it"
        raise AssertionError(message)

    handler = Shown()
    with ExitStack() as stack:
        stack.enter_context(only_handlers(handler, level=level))
        if error is not None:
            stack.enter_context(pytest.raises(type(error)))
        with open_lines(Going(message="Working"), refuse) as spinner:
            spinner.spin()
            if error is not None:
                raise error
    word = {None: "done", ValueError: "error", KeyboardInterrupt: "canceled"}[type(error) if error else None]
    assert handler.lines == ["Working: started", f"Working: finished with status '{word}'"]
