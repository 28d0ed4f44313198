"""Work beside pip: so many processes at a time, none after the end, and errors where they are waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pip._internal.utils import subprocess as pips

from pipcache_plugin.pip_bridge import jobs as jobs_module
from pipcache_plugin.pip_bridge.jobs import Job, Jobs, _call_subprocess, count_processors, without_slot
from tests.unit.pip_bridge.said import Shown, only_handlers

PATIENCE_SECONDS = 30


@pytest.fixture(autouse=True)
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    """Return pip's only handler; what is set in pip is undone."""
    monkeypatch.setattr(pips, "subprocess", subprocess)
    handler = Shown()
    with only_handlers(handler):
        yield handler


@pytest.fixture
def make_jobs() -> Iterator[Callable[..., Jobs]]:
    """Return a function that makes jobs; they end with the test."""
    made: list[Jobs] = []

    def make(count: int = 2, environ: Mapping[str, str] | None = None) -> Jobs:
        made.append(Jobs(count, os.environ.copy() if environ is None else environ))
        return made[-1]

    yield make
    for jobs in made:
        jobs.stop()


def follow(job: Job[Any]) -> Any:
    """Wait for a job, with nothing else to do."""
    return job.follow(lambda: False)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for something that another thread or process brings about."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def call(*words: str, **kwargs: Any) -> Any:
    """Run a child process in a job, as pip does with our part around its function."""
    return _call_subprocess(pips.call_subprocess, [sys.executable, *words], command_desc="a child", **kwargs)


def call_fake(original: Callable[..., Any], **kwargs: Any) -> Any:
    """Let a function stand for pip's."""
    return _call_subprocess(original, ["program"], **kwargs)


class Processes:
    """Stands for child processes, which end when they are told to; counts them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = self.most = 0
        self.may_end = threading.Event()

    def __call__(self, *_args: object, **_kwargs: object) -> None:
        """Be one."""
        with self._lock:
            self.count += 1
            self.most = max(self.most, self.count)
        assert self.may_end.wait(PATIENCE_SECONDS)
        with self._lock:
            self.count -= 1


class TestOutcome:
    """What comes of a job."""

    def test_result_reaches_who_waits(self, make_jobs: Callable[..., Jobs]) -> None:
        """Of each job its own, in whatever order they are asked for."""
        jobs = make_jobs()
        started = [jobs.start(lambda number=number: number, "") for number in range(10)]  # type: ignore[misc]
        assert [follow(job) for job in reversed(started)] == [*reversed(range(10))]

    @pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt])
    def test_error_reaches_who_waits(self, make_jobs: Callable[..., Jobs], kind: type[BaseException]) -> None:
        """Whatever it is; the jobs after it are done as well."""
        error, jobs = kind("mine"), make_jobs(1)

        def fail() -> None:
            raise error

        failed, other = jobs.start(fail, ""), jobs.start(lambda: "fine", "")
        assert follow(other) == "fine"
        with pytest.raises(kind, match="mine") as caught:
            follow(failed)
        assert caught.value is error

    def test_what_it_says_is_said_by_who_waits(self, make_jobs: Callable[..., Jobs], shown: Shown) -> None:
        """The first that is waited for comes first; what led to an error comes before it."""
        jobs = make_jobs()

        def work(word: str) -> None:
            import logging

            logging.getLogger(__name__).info(word)
            raise ValueError(word)

        started = [jobs.start(lambda word=word: work(word), "") for word in ["one", "two"]]  # type: ignore[misc]
        for job in reversed(started):
            with pytest.raises(ValueError, match=r"one|two"):
                follow(job)
        assert shown.lines == ["two", "one"]

    def test_unfinished_are_known(self, make_jobs: Callable[..., Jobs]) -> None:
        """In the order in which they were given; each leaves when it is done."""
        jobs, may_end = make_jobs(1), threading.Event()
        first = jobs.start(lambda: may_end.wait(PATIENCE_SECONDS), "")
        second = jobs.start(lambda: may_end.wait(PATIENCE_SECONDS), "")
        assert jobs.unfinished == [first, second]
        may_end.set()
        wait_until(lambda: not jobs.unfinished)

    def test_steps_of_others(self, make_jobs: Callable[..., Jobs]) -> None:
        """Those that are going on, with their projects; one's own is known already."""
        jobs, are_started, may_end = make_jobs(3), threading.Event(), threading.Event()
        started: list[Job[None]] = []

        def work(number: int) -> None:
            assert are_started.wait(PATIENCE_SECONDS)
            with started[number].transcript.step(f"Working {number}"):
                assert may_end.wait(PATIENCE_SECONDS)

        started += [jobs.start(partial(work, number), f"p{number}") for number in range(3)]
        are_started.set()
        wait_until(lambda: all(job.transcript.current_step for job in started))
        found = [(step.message, step.project) for step in jobs.find_steps(leave_out=started[1])]
        assert found == [("Working 0", "p0"), ("Working 2", "p2")]
        may_end.set()
        wait_until(lambda: not jobs.unfinished)
        assert jobs.find_steps(leave_out=started[1]) == []


class TestSlots:
    """How many processes there are at once."""

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_no_more_than_the_slots(self, make_jobs: Callable[..., Jobs], count: int) -> None:
        """And no fewer, when there is enough to do."""
        jobs, processes = make_jobs(count), Processes()
        started = [jobs.start(lambda: call_fake(processes), "") for _ in range(2 * count + 1)]
        wait_until(lambda: processes.count == count)
        processes.may_end.set()
        for job in started:
            follow(job)
        assert processes.most == count

    def test_process_that_needs_no_slot(self, make_jobs: Callable[..., Jobs]) -> None:
        """It runs while all slots are taken; that holds for as long as it is said, and in one thread."""
        jobs, processes = make_jobs(1), Processes()
        first = jobs.start(lambda: call_fake(processes), "")
        wait_until(lambda: processes.count == 1)

        def work() -> str:
            with without_slot():
                answer: str = call_fake(lambda *_args, **_kwargs: "no slot")
            call_fake(processes)
            return answer

        second = jobs.start(work, "")
        wait_until(lambda: second in jobs.unfinished)
        processes.may_end.set()
        follow(first)
        assert follow(second) == "no slot"
        assert processes.most == 1

    def test_failed_process_gives_its_slot_back(self, make_jobs: Callable[..., Jobs]) -> None:
        """The next one can begin."""
        jobs = make_jobs(1)

        def fail(*_args: object, **_kwargs: object) -> None:
            raise ZeroDivisionError

        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                follow(jobs.start(lambda: call_fake(fail), ""))

    def test_who_waits_for_another_job_does_not_stop_it(self, make_jobs: Callable[..., Jobs]) -> None:
        """There are more threads than slots."""
        jobs, done = make_jobs(1), threading.Event()
        first = jobs.start(lambda: done.wait(PATIENCE_SECONDS), "")
        jobs.start(done.set, "")
        assert follow(first) is True

    def test_elsewhere_there_are_no_slots(self) -> None:
        """What is no job's, pip runs as ever."""
        assert call_fake(lambda *args, **kwargs: (args, kwargs), cwd="x") == ((["program"],), {"cwd": "x"})


class TestEnviron:
    """What a child process finds in its environment."""

    def test_of_the_run_and_not_of_now(self, make_jobs: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch) -> None:
        """For what pip builds itself it sets variables meanwhile, and takes away others."""
        environ = {**os.environ, "FROM_THE_RUN": "kept", "CHANGED": "before"}
        environ.pop("SET_MEANWHILE", None)
        monkeypatch.setenv("SET_MEANWHILE", "x")
        monkeypatch.setenv("CHANGED", "after")
        monkeypatch.delenv("FROM_THE_RUN", raising=False)
        code = "import os; print(*[os.environ.get(n) for n in ['FROM_THE_RUN', 'CHANGED', 'SET_MEANWHILE']])"
        job = make_jobs(1, environ).start(lambda: call("-c", code), "")
        assert follow(job).split() == ["kept", "before", "None"]

    def test_of_its_own(self, make_jobs: Callable[..., Jobs]) -> None:
        """What it is given counts more than what the run has; what is taken from it, it has not."""
        environ = {**os.environ, "GIVEN": "of the run", "TAKEN": "x"}
        code = "import os; print(os.environ['GIVEN'], 'TAKEN' in os.environ)"
        options = {"extra_environ": {"GIVEN": "own"}, "unset_environ": ["TAKEN"]}
        assert follow(make_jobs(1, environ).start(lambda: call("-c", code, **options), "")).split() == ["own", "False"]

    @pytest.mark.parametrize("name", ["PYTHONNOUSERSITE", "PYTHONPATH"])
    def test_variables_of_build_environments(self, make_jobs: Callable[..., Jobs], name: str) -> None:
        """They may be set between the question and the start of the process: not to be had, unless they are the run's.

        A process that is asked to have them has them.
        """
        assert name in make_jobs(1, {}).environ({})[1]
        environ, missing = make_jobs(1, {name: "x"}).environ({})
        assert (environ[name], name in missing) == ("x", False)
        assert name not in make_jobs(1, {}).environ({name: ""})[1]


SLEEPER = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(f"{child.pid}\\n")
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
class TestStop:
    """The end of a command."""

    def test_processes_and_their_children_are_killed(self, make_jobs: Callable[..., Jobs], tmp_path: Path) -> None:
        """What they were for fails."""
        jobs, file = make_jobs(1), tmp_path / "pid"
        job = jobs.start(lambda: call("-c", SLEEPER, str(file)), "")
        wait_until(lambda: file.exists() and file.read_text().endswith("\n"))
        jobs.stop()
        with pytest.raises(Exception, match="exited with"):
            follow(job)
        wait_until(lambda: not is_running(int(file.read_text())))

    def test_nothing_starts_after_it(self, make_jobs: Callable[..., Jobs]) -> None:
        """Neither what has waited for a slot nor what has waited for a thread."""
        jobs, processes = make_jobs(1), Processes()
        started = [jobs.start(lambda: call_fake(processes), "") for _ in range(4)]
        wait_until(lambda: processes.count == 1)
        jobs.stop()
        processes.may_end.set()
        follow(started[0])
        with pytest.raises(SystemExit):
            follow(started[1])
        assert processes.most == 1

    def test_process_that_needs_no_slot_ends_at_once(self, make_jobs: Callable[..., Jobs]) -> None:
        """There is nobody to wait for it."""
        jobs = make_jobs(1)
        has_begun, may_start = threading.Event(), threading.Event()

        def work() -> None:
            has_begun.set()
            assert may_start.wait(PATIENCE_SECONDS)
            with without_slot():
                call("-c", "import time; time.sleep(60)")

        job = jobs.start(work, "")
        assert has_begun.wait(PATIENCE_SECONDS)
        jobs.stop()
        may_start.set()
        with pytest.raises(Exception, match="exited with"):
            follow(job)

    def test_threads_end(self, make_jobs: Callable[..., Jobs]) -> None:
        """Nobody is left to wait for work."""
        before = threading.active_count()
        jobs = make_jobs(3)
        for job in [jobs.start(lambda: None, "") for _ in range(3)]:
            follow(job)
        jobs.stop()
        wait_until(lambda: threading.active_count() <= before)

    def test_ended_processes_are_left_alone(
        self, make_jobs: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Their number may be another process's by now."""
        killed: list[object] = []
        monkeypatch.setattr(jobs_module, "kill_with_children", killed.append)
        jobs = make_jobs(1)
        follow(jobs.start(lambda: call("-c", ""), ""))
        jobs.stop()
        assert killed == []


def is_running(pid: int) -> bool:
    """Tell whether there is such a process, other than one that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class TestCountProcessors:
    """How many at once."""

    @pytest.mark.parametrize(("allowed", "expected"), [({0}, 1), ({0, 3, 5}, 3)])
    def test_as_many_as_may_be_used(self, monkeypatch: pytest.MonkeyPatch, allowed: set[int], expected: int) -> None:
        """A container or ``taskset`` may allow fewer than the machine has."""
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: allowed, raising=False)
        assert count_processors() == expected

    @pytest.mark.parametrize(("found", "expected"), [(6, 6), (None, 1)])
    def test_where_that_is_not_known(self, monkeypatch: pytest.MonkeyPatch, found: int | None, expected: int) -> None:
        """As many as the machine has; if nobody knows, one."""
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda: found)
        assert count_processors() == expected
