"""What is counted, also of days that the log has no more."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import pytest

from pipcache_plugin.store.counts import Count, Counts, total

DAY_NS = 86_400_000_000_000

NOW_NS = time.time_ns()


def line(
    outcome: str = "hit", project: object = "simple", time_ns: object = NOW_NS, seconds: object = 2
) -> dict[str, object]:
    """Return a line of the log."""
    return {"outcome": outcome, "project": project, "time_ns": time_ns, "build_seconds": seconds}


@pytest.fixture
def counts(tmp_path: Path) -> Counts:
    """Return the counts of a folder that is not there yet."""
    return Counts(tmp_path / "log")


def test_lines(counts: Counts) -> None:
    """Hits have saved what the builds took."""
    lines = [line(), line(), line("built", seconds=3.5), line(project="other")]
    assert counts.by_project(lines) == {
        "other": Count(hits=1, saved_seconds=2),
        "simple": Count(hits=2, builds=1, saved_seconds=4, build_seconds=3.5),
    }
    assert total(counts.by_project(lines).values()) == Count(hits=3, builds=1, saved_seconds=6, build_seconds=3.5)


@pytest.mark.skipif(os.name != "posix", reason="without effect elsewhere")
def test_folder_of_a_shared_store(tmp_path: Path) -> None:
    """Others can write into what a reset has made."""
    tmp_path.chmod(0o2775)
    before = os.umask(0o022)
    try:
        Counts(tmp_path / "log").reset()
    finally:
        os.umask(before)
    assert (tmp_path / "log").stat().st_mode & 0o7777 == 0o2775


def test_nothing(counts: Counts) -> None:
    """Nothing is counted, and nothing made."""
    assert counts.by_project([]) == {}
    assert total([]) == Count()
    assert not counts.file.exists()


def test_lines_that_are_gone(counts: Counts) -> None:
    """They count as before, as often as some are lost."""
    lines = [line(), line("built"), line(time_ns=NOW_NS - 3 * DAY_NS)]
    expected = counts.by_project(lines)
    counts.keep(lines[:2])
    counts.keep(lines[2:])
    assert counts.by_project([]) == expected


def test_lines_of_one_name_count_once(counts: Counts) -> None:
    """A process that died after it had counted them is followed by another."""
    for _ in range(2):
        counts.keep([line()], "first")
    assert counts.has_counted("first")
    assert counts.by_project([])["simple"].hits == 1
    counts.keep([line()], "second")
    assert (counts.has_counted("first"), counts.has_counted("second")) == (False, True)
    assert counts.by_project([])["simple"].hits == 2


def test_counts_that_cannot_be_read_are_not_replaced(counts: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment there is no answer; nothing is lost."""
    counts.keep([line()])
    read = Path.read_bytes

    def refuse(self: Path) -> bytes:
        if self == counts.file:
            raise OSError(errno.EIO, "Input/output error")
        return read(self)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", refuse)
        with pytest.raises(OSError, match="Input/output"):
            counts.keep([line()])
        assert counts.by_project([]) == {}
        assert not counts.has_counted("")
    assert counts.by_project([])["simple"].hits == 1


def test_since(counts: Counts) -> None:
    """Lines to the nanosecond, days that are gone as a whole."""
    assert counts.by_project([line(), line(time_ns=NOW_NS - 1)], NOW_NS) == {"simple": Count(hits=1, saved_seconds=2)}
    counts.keep([line(), line(time_ns=NOW_NS - 10 * DAY_NS)])
    assert counts.by_project([], NOW_NS - 5 * DAY_NS)["simple"].hits == 1
    assert counts.by_project([], NOW_NS - 20 * DAY_NS)["simple"].hits == 2


PAIRS = [("hit", "simple"), ("built", "other")]


def test_days_long_past(counts: Counts) -> None:
    """They are one: they count in all, and not since some day."""
    for start in [500, 0]:
        times = [NOW_NS - day * DAY_NS for day in range(start, start + 500)]
        counts.keep([line(outcome, project, time) for time in times for outcome, project in PAIRS])
    days = json.loads(counts.file.read_bytes())["days"]
    assert 400 <= len(days) <= 401
    assert counts.by_project([])["simple"] == Count(hits=1000, saved_seconds=2000)
    assert counts.by_project([], NOW_NS - 300 * DAY_NS)["other"].builds in {300, 301}
    assert counts.by_project([], NOW_NS - 900 * DAY_NS)["other"].builds == 400


def test_reset(counts: Counts) -> None:
    """What was there does not count any more; what comes does."""
    counts.keep([line()])
    counts.reset()
    later = time.time_ns() + 1
    assert counts.by_project([line(), line(time_ns=later)]) == {"simple": Count(hits=1, saved_seconds=2)}
    counts.keep([line(), line(time_ns=later)])
    assert counts.by_project([]) == {"simple": Count(hits=1, saved_seconds=2)}


def test_reset_while_the_clock_was_wrong(counts: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes when it is right again counts, although that is before."""
    with monkeypatch.context() as patched:
        patched.setattr(time, "time_ns", lambda: NOW_NS + 400 * DAY_NS)
        counts.reset()
    assert counts.by_project([line()])["simple"].hits == 1
    counts.keep([line()])
    assert counts.by_project([])["simple"].hits == 1


@pytest.mark.parametrize(
    "odd",
    [
        {},
        line(project=None),
        line(project=3),
        line("lost"),
    ],
)
def test_odd_lines(counts: Counts, odd: dict[str, object]) -> None:
    """They do not count."""
    assert counts.by_project([odd]) == {}
    counts.keep([odd])
    assert counts.by_project([]) == {}


@pytest.mark.parametrize("seconds", [None, "3", True, -1, float("nan"), float("inf"), 10**400])
def test_odd_numbers(counts: Counts, seconds: object) -> None:
    """They count as nothing."""
    assert counts.by_project([line(seconds=seconds)]) == {"simple": Count(hits=1)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b"{}",
        b"[" * 100_000,
        json.dumps({"format": 9, "since_ns": 0, "days": {}}).encode(),
        json.dumps({"format": 1, "since_ns": 0, "days": {"x": {}}}).encode(),
        json.dumps({"format": 1, "since_ns": 0, "days": {"0": {"simple": 3}}}).encode(),
        json.dumps({"format": 1, "since_ns": 0, "days": {"0": 3}}).encode(),
    ],
)
def test_file_that_is_not_ours(counts: Counts, content: bytes) -> None:
    """It counts as none, and is replaced."""
    counts.file.parent.mkdir()
    counts.file.write_bytes(content)
    assert counts.by_project([]) == {}
    counts.keep([line()])
    assert counts.by_project([])["simple"].hits == 1
