"""Sentences about decisions, and which decisions are told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.management.explain import Decision, iter_decisions

if TYPE_CHECKING:
    from pipcache_plugin.store.log import DecisionLog
    from pipcache_plugin.store.store import Store

NOW_SECONDS = 1_800_000_000.0

RELEASE = {"project": "simple", "version": "1.0", "build_seconds": 2.06}
BUILT = {**RELEASE, "outcome": "built"}
HIT = {
    **RELEASE,
    "outcome": "hit",
    "wheel": "simple-1.0-py3-none-any.whl",
    "built_ns": int((NOW_SECONDS - 7200) * 1e9),
    "origin": "https://example.org/simple-1.0.tar.gz",
}
FOUND = (
    "simple 1.0: found simple-1.0-py3-none-any.whl, built 2 hours ago in 2.1 s"
    " from https://example.org/simple-1.0.tar.gz"
)
CFLAGS = "`CFLAGS` was `-O2`, is `-O3`"
GCC = "`gcc` was missing and is now at `/usr/bin/gcc`"
TORCH = "`torch` was 2.8.0, is 2.9.0"

MANY = [f"N{number}" for number in range(10)]
FIRST_OF_MANY = "`N0`, `N1`, `N2`, `N3`, `N4`, `N5`, `N6`, `N7`"

ODD = [None, True, -1, 10**400, float("nan"), float("inf"), "text", "", [], [None], [["x"]], {}, {"a": 1}, "\udc80\n"]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW_SECONDS)


@pytest.fixture
def log(store: Store) -> DecisionLog:
    """Return a log that nothing was written to yet."""
    return store.log


def say(content: dict[str, object], **more: object) -> str:
    """Return the sentence about a decision."""
    return str(Decision(content={**content, **more}))


class TestHit:
    """A wheel was found."""

    def test_what_was_found(self) -> None:
        """Which wheel, when it was built, how long that took, and from what."""
        assert say(HIT) == FOUND

    @pytest.mark.parametrize(
        ("there", "absent", "end"),
        [
            ([], [], ""),
            (["A"], [], "; it depends on `A`"),
            (["A", "B"], [], "; it depends on `A` and `B`"),
            (["A", "B", "C"], [], "; it depends on `A`, `B` and `C`"),
            (MANY[:8], [], "; it depends on `N0`, `N1`, `N2`, `N3`, `N4`, `N5`, `N6` and `N7`"),
            (MANY[:9], [], f"; it depends on {FIRST_OF_MANY} and 1 more"),
            (MANY, [], f"; it depends on {FIRST_OF_MANY} and 2 more"),
            ([], ["gcc"], "; it depends on the absence of `gcc`"),
            (["A"], ["gcc"], "; it depends on `A`, and on the absence of `gcc`"),
            (["A", "B"], ["gcc", "/x.h"], "; it depends on `A` and `B`, and on the absence of `gcc` and `/x.h`"),
            ([], MANY[:3], "; it depends on the absence of `N0`, `N1` and `N2`"),
            (["A"], MANY[:4], "; it depends on `A`, and on the absence of `N0`, `N1`, `N2` and 1 more"),
            (["A", "A"], [], "; it depends on `A`"),
        ],
    )
    def test_what_it_depends_on(self, there: list[str], absent: list[str], end: str) -> None:
        """By name, as long as there are not too many; each once."""
        assert say(HIT, depends_on=there, depends_on_absence_of=absent) == FOUND + end

    @pytest.mark.parametrize(
        ("seconds", "ago"),
        [
            (-100, "just now"),
            (0, "just now"),
            (0.9, "just now"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (60, "1 minute ago"),
            (3599, "59 minutes ago"),
            (3600, "1 hour ago"),
            (86400, "1 day ago"),
            (86400 * 400, "400 days ago"),
        ],
    )
    def test_age(self, seconds: float, ago: str) -> None:
        """In the largest unit; a clock that was set back is no reason to say odd things."""
        assert f", built {ago} in 2.1 s from " in say(HIT, built_ns=int((NOW_SECONDS - seconds) * 1e9))


class TestBuilt:
    """A wheel was built."""

    def test_nothing_was_stored(self) -> None:
        """Nobody built it before."""
        assert say(BUILT, reasons=[]) == (
            "simple 1.0: built in 2.1 s, as no wheel was stored for this source, Python, config settings"
            " and use of build isolation"
        )

    @pytest.mark.parametrize("reason", [CFLAGS, GCC, TORCH])
    def test_one_was_not_right(self, reason: str) -> None:
        """What differed."""
        assert say(BUILT, reasons=[reason]) == f"simple 1.0: built in 2.1 s; the stored wheel was not used: {reason}"

    def test_several_were_not_right(self) -> None:
        """What differed from each, newest first."""
        assert say(BUILT, reasons=[CFLAGS, GCC, TORCH]) == (
            f"simple 1.0: built in 2.1 s; none of the 3 stored wheels was used: {CFLAGS}; {GCC}; {TORCH}"
        )

    def test_same_reason_is_said_once(self) -> None:
        """As when a new build was asked for."""
        said = say(BUILT, reasons=["a new build was asked for"] * 3)
        assert said.endswith("; none of the 3 stored wheels was used: a new build was asked for")

    def test_many_reasons(self) -> None:
        """The first ones: those of the newest wheels."""
        said = say(BUILT, reasons=MANY)
        assert said.endswith("; none of the 10 stored wheels was used: N0; N1; N2; N3; N4; N5; N6; N7; and 2 more")


class TestOddFields:
    """The log is a file, which anybody may have written to."""

    @pytest.mark.parametrize("content", [HIT, BUILT])
    @pytest.mark.parametrize("name", [*HIT, "depends_on", "depends_on_absence_of", "reasons"])
    def test_one_field(self, content: dict[str, object], name: str) -> None:
        """Whatever is in it, there is one line that can be printed."""
        for value in ODD:
            said = say(content, **{name: value})
            assert said.isprintable()
            assert "None" not in said
            assert said.encode()

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("project", FOUND.replace("simple 1.0:", "a project 1.0:")),
            ("version", FOUND.replace("simple 1.0:", "simple:")),
            ("wheel", FOUND.replace("simple-1.0-py3-none-any.whl", "a wheel")),
            ("built_ns", FOUND.replace(" 2 hours ago", "")),
            ("build_seconds", FOUND.replace(" in 2.1 s", "")),
            ("origin", FOUND.partition(" from ")[0]),
        ],
    )
    def test_missing_field_is_left_out(self, name: str, sentence: str) -> None:
        """It is a sentence all the same."""
        assert say({field: value for field, value in HIT.items() if field != name}) == sentence
        assert say(HIT, **{name: None}) == sentence

    def test_nothing_is_known(self) -> None:
        """An empty object is a line of the log, too."""
        assert say({"outcome": "hit"}) == "a project: found a wheel"
        assert say({}).startswith("a project: built, as no wheel was stored")

    def test_values_do_not_speak_to_the_terminal(self) -> None:
        """The value of a variable may have anything in it; letters of all languages are letters."""
        said = say(BUILT, reasons=["`CFLAGS` was `-O2\n-g\x1b[31m`, is `/größe/\udc80`"])
        assert said.endswith(r"`CFLAGS` was `-O2\n-g\x1b[31m`, is `/größe/\udc80`")


class TestIterDecisions:
    """``iter_decisions``."""

    @pytest.fixture(autouse=True)
    def _fill(self, log: DecisionLog) -> None:
        for name in ["1a", "2a", "1b", "2b", "3a", "4c", "3c", "4a"]:
            log.append({"run": f"run {name[0]}", "project": name[1], "name": name})

    def told(self, log: DecisionLog, *projects: str, runs: int = 1) -> list[object]:
        """Return the names of the decisions that are told."""
        return [decision.content["name"] for decision in iter_decisions(log, projects, runs)]

    def test_last_run(self, log: DecisionLog) -> None:
        """All of it, newest first, although another ran at the same time."""
        assert self.told(log) == ["4a", "4c"]

    def test_last_runs(self, log: DecisionLog) -> None:
        """So many, counted from the one that decided last."""
        assert self.told(log, runs=2) == ["4a", "3c", "4c", "3a"]
        assert self.told(log, runs=3) == ["4a", "3c", "4c", "3a", "2b", "2a"]
        assert self.told(log, runs=99) == ["4a", "3c", "4c", "3a", "2b", "1b", "2a", "1a"]

    def test_project(self, log: DecisionLog) -> None:
        """The last time, or times, in any run."""
        assert self.told(log, "b") == ["2b"]
        assert self.told(log, "a", runs=3) == ["4a", "3a", "2a"]

    def test_each_project_has_its_count(self, log: DecisionLog) -> None:
        """One that is used often does not hide the other."""
        assert self.told(log, "a", "b") == ["4a", "2b"]
        assert self.told(log, "a", "b", runs=2) == ["4a", "3a", "2b", "1b"]

    def test_unknown_project_has_none(self, log: DecisionLog) -> None:
        """Others are told as always."""
        assert self.told(log, "d") == []
        assert self.told(log, "d", "c") == ["3c"]

    def test_odd_lines(self, log: DecisionLog) -> None:
        """A run or project that is no text is one that nobody asks for."""
        for value in ODD:
            log.append({"run": value, "project": value, "name": "odd"})
        assert self.told(log, "b") == ["2b"]
        assert len(self.told(log, runs=99)) == 8 + len(ODD)

    def test_line_without_fields(self, log: DecisionLog) -> None:
        """It is a run of its own."""
        log.append({"name": "bare"})
        assert self.told(log) == ["bare"]


def test_empty_log_tells_nothing(log: DecisionLog) -> None:
    """With projects or without."""
    assert list(iter_decisions(log, [], 1)) == []
    assert list(iter_decisions(log, ["a"], 1)) == []
