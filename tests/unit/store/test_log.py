"""The log of decisions: what many processes append, and one reads."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipcache_plugin.store import log as log_module
from pipcache_plugin.store.log import DecisionLog
from tests.unit.faults import names_below, no_file_above

APPEND = """
import pathlib, sys
from pipcache_plugin.store.log import DecisionLog
log = DecisionLog(pathlib.Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    log.append({"who": sys.argv[2], "number": number, "text": sys.argv[2] * 300})
"""

GOOD = b'{"format": 1, "number": 1}'


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    """Return a log that nothing was written to yet."""
    return DecisionLog(tmp_path / "store")


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "_LARGEST_BYTES", 100)


def numbers(log: DecisionLog) -> list[object]:
    """Return the numbers of the lines, as they are read."""
    return [decision["number"] for decision in log]


def append(log: DecisionLog, *more: int) -> None:
    """Append a line for each number."""
    for number in more:
        log.append({"number": number})


def write(log: DecisionLog, data: bytes) -> None:
    """Make a log of these bytes."""
    log.folder.mkdir(parents=True)
    log.file.write_bytes(data)


class TestAppending:
    """Lines come back."""

    def test_newest_is_first(self, log: DecisionLog) -> None:
        """Who asks, asks about the last run."""
        append(log, 1, 2, 3)
        assert numbers(log) == [3, 2, 1]

    def test_content_comes_back(self, log: DecisionLog) -> None:
        """With the number of the format; any text is one line."""
        content = {"text": "ä\n\r\u2028\udc80\U0001f600", "list": ["a", None, 1.5], "none": None}
        log.append(content)
        assert list(log) == [{**content, "format": 1}]
        assert log.file.read_bytes().count(b"\n") == 1

    def test_file_is_the_documented_one(self, log: DecisionLog, tmp_path: Path) -> None:
        """Others may read it line by line."""
        append(log, 1)
        assert log.file == tmp_path / "store" / "log" / "decisions.jsonl"
        assert json.loads(log.file.read_text()) == {"format": 1, "number": 1}

    def test_nothing_was_written(self, log: DecisionLog, tmp_path: Path) -> None:
        """Reading makes no folder."""
        assert list(log) == []
        assert not (tmp_path / "store").exists()


@pytest.mark.usefixtures("_small")
class TestTurningOver:
    """A file that is full becomes the older one."""

    def test_both_files_are_read(self, log: DecisionLog) -> None:
        """The older one after the newer one."""
        append(log, *range(6))
        assert names_below(log.folder) == ["decisions.jsonl", "decisions.jsonl.1"]
        assert numbers(log) == [5, 4, 3, 2, 1, 0]

    def test_two_files_are_kept(self, log: DecisionLog) -> None:
        """A log that is written to for years stays small, and keeps the newest."""
        append(log, *range(1000))
        assert names_below(log.folder) in (["decisions.jsonl", "decisions.jsonl.1"], ["decisions.jsonl.1"])
        assert sum(path.stat().st_size for path in log.folder.iterdir()) < 300
        found = numbers(log)
        assert found == list(range(999, 999 - len(found), -1))

    def test_no_line_is_counted_twice(self, log: DecisionLog, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also when the full file cannot be turned over for a while."""
        replace = Path.replace

        def refuse(self: Path, target: Path) -> Path:
            if self == log.file:
                raise PermissionError
            return replace(self, target)

        def count() -> int:
            return log.counts.by_project(log)["simple"].hits

        for number in range(20):
            monkeypatch.setattr(Path, "replace", refuse if number % 5 else replace)
            log.append({"outcome": "hit", "project": "simple", "time_ns": 1, "build_seconds": 0})
            assert count() <= number + 1
        assert count() == 20

    @pytest.mark.parametrize("dies_in", ["keep", "unlink"])
    def test_lines_of_a_killed_process_count_once(
        self, log: DecisionLog, monkeypatch: pytest.MonkeyPatch, dies_in: str
    ) -> None:
        """Before they are counted, or before the file that they were in is removed."""

        class KilledError(BaseException):
            pass

        def die(*_: object) -> None:
            raise KilledError

        def add() -> None:
            log.append({"outcome": "hit", "project": "simple", "time_ns": 1, "build_seconds": 0})

        for _ in range(4):
            add()
        with monkeypatch.context() as patched:
            patched.setattr(log.counts if dies_in == "keep" else Path, dies_in, die)
            for number in range(5, 7):
                with contextlib.suppress(KilledError):
                    add()
                assert log.counts.by_project(log)["simple"].hits == number
        for number in range(7, 12):
            add()
            assert log.counts.by_project(log)["simple"].hits == number

    @pytest.mark.parametrize("name", ["decisions.jsonl.1", "decisions.jsonl.2", "counts.json"])
    @pytest.mark.parametrize("is_link", [False, True])
    def test_folder_or_link_in_the_way(self, log: DecisionLog, name: str, *, is_link: bool) -> None:
        """The log is turned over all the same, and is no larger than it should be."""
        path = log.folder / name
        path.parent.mkdir(parents=True)
        if is_link:
            path.symlink_to("nowhere")
        else:
            (path / "below").mkdir(parents=True)
        for _ in range(20):
            log.append({"outcome": "hit", "project": "simple", "time_ns": 1, "build_seconds": 0})
        assert log.counts.by_project(log)["simple"].hits == 20
        assert sum(file.stat().st_size for file in log.folder.glob("decisions*")) < 400

    def test_line_that_is_larger_than_a_file(self, log: DecisionLog) -> None:
        """It is kept whole."""
        log.append({"number": 1, "text": "x" * 1000})
        append(log, 2)
        assert numbers(log) == [2, 1]

    def test_only_the_full_file_is_turned_over(self, log: DecisionLog, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two processes find it full; the second one does not put the new file in the place of the old one."""
        append(log, 1, 2)
        write_for_real = os.write

        def write_late(descriptor: int, data: bytes) -> int:
            monkeypatch.setattr(os, "write", write_for_real)
            append(log, 3, 4, 5)
            return write_for_real(descriptor, data)

        monkeypatch.setattr(os, "write", write_late)
        append(log, 6)
        assert set(numbers(log)) == {1, 2, 3, 4, 5, 6}


class TestOddLines:
    """What cannot be read is passed over, and the lines around it are not."""

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b'{"format": 1, "numb',
            b"no JSON",
            b"\xff\xfe\x00",
            b"[1]",
            b'"text"',
            b"1",
            b"null",
            b"{}",
            b'{"format": 2, "number": 2}',
            b'{"format": "1", "number": 2}',
            b'{"number": 2}',
            b"[" * 100_000,
            b"1" * 10_000,
        ],
    )
    def test_odd_line(self, log: DecisionLog, line: bytes) -> None:
        """Torn, of another format, or somebody else's."""
        write(log, b"\n".join([GOOD, line, GOOD, b""]))
        assert numbers(log) == [1, 1]

    def test_line_after_a_torn_one(self, log: DecisionLog) -> None:
        """It begins a new line, and all is well from there on."""
        write(log, GOOD + b"\n" + GOOD[:7])
        append(log, 2, 3)
        assert numbers(log) == [3, 2, 1]

    def test_file_that_is_a_folder(self, log: DecisionLog) -> None:
        """There is nothing to read, and nothing to write to."""
        log.file.mkdir(parents=True)
        append(log, 1)
        assert list(log) == []


class TestUnwritable:
    """Decisions are made all the same."""

    @pytest.mark.parametrize("name", [".", "log"])
    def test_folder_that_is_a_file(self, log: DecisionLog, tmp_path: Path, name: str) -> None:
        """Nobody is told."""
        path = tmp_path / "store" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a file, not a folder")
        append(log, 1)
        assert list(log) == []
        assert path.read_text() == "a file, not a folder"

    @pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="may write everywhere")
    def test_folder_of_somebody_else(self, log: DecisionLog) -> None:
        """A store that can only be read."""
        append(log, 1)
        log.file.chmod(0o444)
        log.folder.chmod(0o555)
        append(log, 2)
        log.folder.chmod(0o755)
        assert numbers(log) == [1]

    def test_full_disk(self, log: DecisionLog) -> None:
        """The line is torn, or not there; the next one that fits is read."""
        append(log, 1)
        with no_file_above(log.file.stat().st_size + 10):
            append(log, 2)
            append(log, 3)
        append(log, 4)
        assert numbers(log) == [4, 1]


def test_many_processes(log: DecisionLog, tmp_path: Path) -> None:
    """Nothing is lost, each line is whole, and each process finds its own in order.

    Who sees a line that another is about to write may take it for torn, and leave an empty one.
    """
    names, count = "abcd", 100
    command = [sys.executable, "-c", APPEND, str(tmp_path / "store")]
    processes = [subprocess.Popen([*command, name, str(count)]) for name in names]
    assert [process.wait(timeout=60) for process in processes] == [0] * len(names)
    assert len([line for line in log.file.read_bytes().splitlines() if line]) == len(names) * count
    for name in names:
        found = [decision for decision in log if decision["who"] == name]
        assert [decision["number"] for decision in found] == list(range(count))[::-1]
        assert all(decision["text"] == name * 300 for decision in found)
