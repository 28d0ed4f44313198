"""Turns, ratios and reports of the benchmarks."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from report import Result, as_json, as_text
from side_by_side import Comparison, Contender, compare, measure
from usage import Command, Usage, run


def usages(*wall_seconds: float) -> list[Usage]:
    return [Usage(wall_seconds=seconds, cpu_seconds=seconds / 2, peak_bytes=10_000_000) for seconds in wall_seconds]


def python(folder: Path, code: str) -> Command:
    return Command(arguments=[sys.executable, "-c", code], environ=dict(os.environ), folder=folder)


def result_of(comparisons: Sequence[Comparison]) -> Result:
    taken = {"pip": usages(4, 8), "ours": usages(2, 2)}
    return Result(title="a case", usages=taken, outcomes=[compare(each, taken) for each in comparisons])


def ends(process: int) -> bool:
    """Tell whether a process of somebody else ends within some seconds; one that nobody has waited for has ended."""
    stat = Path(f"/proc/{process}/stat")
    for _ in range(500):
        try:
            if stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


class TestCompare:
    """``compare``."""

    def test_pairs_of_the_same_round(self) -> None:
        """Each number is divided by its neighbour's; the median counts."""
        taken = {"pip": usages(4, 9, 2), "ours": usages(2, 3, 2)}
        outcome = compare(Comparison(over="pip", under="ours"), taken)
        assert outcome.ratios == [2, 3, 1]
        assert (outcome.median, outcome.is_met) == (2, None)

    @pytest.mark.parametrize(
        ("at_least", "at_most", "expected"),
        [(2, None, True), (2.1, None, False), (None, 2, True), (None, 1.9, False), (1, 3, True)],
    )
    def test_targets(self, at_least: float | None, at_most: float | None, *, expected: bool) -> None:
        """A bound itself is good enough."""
        comparison = Comparison(over="pip", under="ours", at_least=at_least, at_most=at_most)
        assert compare(comparison, {"pip": usages(4), "ours": usages(2)}).is_met is expected

    def test_other_quantities(self) -> None:
        """Memory and processor time are compared alike."""
        taken = {"pip": usages(4), "ours": usages(2)}
        assert compare(Comparison(over="pip", under="ours", quantity="peak_bytes"), taken).ratios == [1]


class TestMeasure:
    """``measure``."""

    def test_turns(self, tmp_path: Path) -> None:
        """Everybody prepares and runs in turn; the first round is checked, and not counted."""
        calls: list[str] = []
        told: list[str] = []

        def contender(name: str) -> Contender:
            code = f"print(file=open({str(tmp_path / name)!r}, 'a'))"
            return Contender(name=name, prepare=lambda: calls.append(name), commands=[python(tmp_path, code)])

        contenders = [contender("a"), contender("b")]
        taken = measure(contenders, rounds=2, check=lambda: calls.append("check"), tell=told.append)
        assert calls == ["a", "b", "check", "a", "b", "a", "b"]
        assert [len(each) for each in taken.values()] == [2, 2]
        assert (tmp_path / "a").read_text() == "\n" * 3
        assert [line.split(" ")[:3] for line in told[:3]] == [
            ["round", "0:", "a"],
            ["round", "0:", "b"],
            ["round", "1:", "a"],
        ]


class TestRun:
    """``run``."""

    def test_children_count(self, tmp_path: Path) -> None:
        """Processor time and memory of what a command starts are in what it took."""
        work = "x = bytearray(150_000_000); sum(range(3_000_000))"
        code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}], check=True)"
        used = run([python(tmp_path, code)])
        assert used.peak_bytes > 150_000_000
        assert used.cpu_seconds > 0.01
        assert used.wall_seconds > 0

    def test_commands_start_at_once(self, tmp_path: Path) -> None:
        """Each waits until the other is there."""
        folders = [tmp_path / name for name in ["a", "b"]]
        for folder in folders:
            folder.mkdir()
        code = "import os, time; open('here', 'w').close()\nwhile not os.path.exists('../{}/here'): time.sleep(0.01)"
        run([python(folder, code.format(other.name)) for folder, other in zip(folders, folders[::-1], strict=True)])

    def test_interruption_ends_what_was_started(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing goes on that nobody waits for, down to processes of processes."""
        command = f"{sys.executable} -c 'import time; time.sleep(60)'"
        code = f"""
            import subprocess
            inner = subprocess.Popen({command!r}, shell=True)
            print(inner.pid, flush=True)
            inner.wait()
        """
        output = tmp_path / "output.txt"

        def interrupt(_process: int, _options: int) -> None:
            while not output.read_text().endswith("\n"):
                time.sleep(0.01)
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "wait4", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run([python(tmp_path, textwrap.dedent(code))])
        assert ends(int(output.read_text()))

    def test_failure_has_the_output(self, tmp_path: Path) -> None:
        """Nothing is measured then, and the reason is seen."""
        with pytest.raises(subprocess.CalledProcessError) as caught:
            run([python(tmp_path, "import sys; print('reason', flush=True); sys.exit(3)")])
        assert (caught.value.returncode, caught.value.output) == (3, "reason\n")


class TestReport:
    """``as_text`` and ``as_json``."""

    def test_text(self) -> None:
        """Medians, then ratios, each with its spread and what was asked of it."""
        comparisons = [
            Comparison(over="pip", under="ours", at_least=2),
            Comparison(over="ours", under="pip", quantity="peak_bytes", at_most=0.5),
            Comparison(over="ours", under="pip", quantity="cpu_seconds"),
        ]
        assert [" ".join(line.split()) for line in as_text(result_of(comparisons)).splitlines()] == [
            "a case (2 rounds)",
            "wall s CPU s peak MB",
            "pip 6.000 3.000 10.0",
            "ours 2.000 1.000 10.0",
            "pip/ours time 3.00x (2.00 to 4.00) at least 2x: met",
            "ours/pip memory 1.00x (1.00 to 1.00) at most 0.5x: MISSED",
            "ours/pip processor time 0.38x (0.25 to 0.50)",
        ]

    def test_json(self) -> None:
        """All numbers of all rounds."""
        document = as_json(result_of([Comparison(over="pip", under="ours", at_least=5)]))
        assert document["usages"] == {
            "pip": [
                {"wall_seconds": 4, "cpu_seconds": 2, "peak_bytes": 10_000_000},
                {"wall_seconds": 8, "cpu_seconds": 4, "peak_bytes": 10_000_000},
            ],
            "ours": [{"wall_seconds": 2, "cpu_seconds": 1, "peak_bytes": 10_000_000}] * 2,
        }
        assert document["outcomes"] == [
            {
                "over": "pip",
                "under": "ours",
                "quantity": "wall_seconds",
                "at_least": 5,
                "at_most": None,
                "ratios": [2, 4],
                "median": 3,
                "is_met": False,
            }
        ]

    def test_missed_target(self) -> None:
        """One is enough; a ratio that nothing is asked of does not count."""
        good, bad = (Comparison(over="pip", under="ours", at_least=bound) for bound in [1, 9])
        assert result_of([good, Comparison(over="ours", under="pip")]).is_met
        assert not result_of([good, bad]).is_met
