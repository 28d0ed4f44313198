"""Work that goes on beside pip: in threads, with so many child processes at a time as there are slots."""

from __future__ import annotations

import contextlib
import contextvars
import os
import queue
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pipcache_plugin.machine.processes import kill_with_children
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam
from pipcache_plugin.pip_bridge.transcript import Transcript, note_begin, written_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pipcache_plugin.pip_bridge.transcript import Idle, Step

_Result = TypeVar("_Result")


class Job(Generic[_Result]):
    """A piece of work in a thread, which says things."""

    def __init__(self, jobs: Jobs, work: Callable[[], _Result], project: str) -> None:
        self._jobs = jobs
        self._work = work
        self._outcome: list[_Result] = []
        self._error: BaseException | None = None
        self.transcript = Transcript(project, in_thread=True)

    def run(self) -> None:
        """Do the work, in the thread that calls."""
        try:
            with written_to(self.transcript):
                self._outcome.append(self._work())
        except BaseException as error:  # noqa: BLE001 (belongs to whoever waits)
            self._error = error
        finally:
            self.transcript.close()

    def follow(self, idle: Idle) -> _Result:
        """Say what the job says, until it is done; then return what came of it, or raise what it raised.

        :param idle: called while there is nothing to say; see ``transcript``.
        """
        self.transcript.show(idle, lambda: self._jobs.find_steps(leave_out=self))
        if self._error is not None:
            raise self._error
        return self._outcome[0]


class Jobs:
    """The jobs of one command."""

    def __init__(self, count: int, environ: Mapping[str, str]) -> None:
        """Nothing is started yet.

        :param count: how many child processes may run at once.
        :param environ: what they are to find in their environment: pip changes its own now and then.
        """
        self.count = count
        self._environ = environ
        self._slots = threading.Semaphore(count)
        self._waiting: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[Any]] = set()
        self._is_stopped = False
        self.unfinished: list[Job[Any]] = []
        """In the order in which they were given."""

    def find_steps(self, leave_out: Job[Any]) -> list[Step]:
        """Return what the jobs but one are at."""
        with self._lock:
            jobs = [job for job in self.unfinished if job is not leave_out]
        return [step for job in jobs if (step := job.transcript.current_step) is not None]

    def start(self, work: Callable[[], _Result], project: str) -> Job[_Result]:
        """Have *work* done as soon as may be.

        :param project: whose it is; empty for one that has no name yet.
        """
        _remember_processes()
        job = Job(self, work, project)
        with self._lock:
            self.unfinished.append(job)
        self._waiting.put(job)
        # One may wait for another process's build, or for what another thread finds out.
        if len(self._threads) < min(2 * self.count, len(self.unfinished)):
            # Daemons: one that waits for a lock must not keep the command from ending.
            thread = threading.Thread(target=self._work, daemon=True)
            self._threads.append(thread)
            thread.start()
        return job

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Wait until one more child process may run, and count as one while this lasts."""
        with self._slots:
            if self._is_stopped:
                # The command is at its end: nothing on the way should handle that.
                raise SystemExit
            yield

    def note_process(self, process: subprocess.Popen[Any]) -> None:
        """Remember a child process, to be killed when the command ends before it does."""
        with self._lock:
            self._processes = {one for one in self._processes if one.returncode is None} | {process}
            is_stopped = self._is_stopped
        if is_stopped:
            kill_with_children(process)

    def stop(self) -> None:
        """Kill what still runs. What it was for fails; nobody waits for it any more."""
        with self._lock:
            self._is_stopped = True
            processes = [process for process in self._processes if process.returncode is None]
        for process in processes:
            kill_with_children(process)
        for _ in self._threads:
            self._waiting.put(None)

    def environ(self, extra: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
        """Return the variables that a child process is to have, and the names of those that it is not to have."""
        environ = {**self._environ, **extra}
        return environ, sorted(({*os.environ} | _OF_BUILD_ENVIRONMENTS) - {*environ})

    def _work(self) -> None:
        _jobs.set(self)
        while (job := self._waiting.get()) is not None and not self._is_stopped:
            job.run()
            with self._lock:
                self.unfinished.remove(job)


_jobs: contextvars.ContextVar[Jobs | None] = contextvars.ContextVar("jobs", default=None)
"""Of which this thread does one."""


_needs_slot = contextvars.ContextVar("needs_slot", default=True)


@contextlib.contextmanager
def without_slot() -> Iterator[None]:
    """Let this thread run a process for which no slot has to be free: one that does little itself, or waits for others.

    Whoever has a slot must come to an end without waiting for anybody who needs one.
    """
    token = _needs_slot.set(False)
    try:
        yield
    finally:
        _needs_slot.reset(token)


_OF_BUILD_ENVIRONMENTS = {"PYTHONNOUSERSITE", "PYTHONPATH"}
"""Variables that pip sets while it builds something itself."""


def count_processors() -> int:
    """Return how many child processes may run at once when the user does not say."""
    # Fewer than the machine has, where a container or ``taskset`` allows fewer.
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class _Subprocess:
    """The ``subprocess`` module, for pip: what a job starts is remembered."""

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    @staticmethod
    def Popen(command: Any, **kwargs: Any) -> Any:  # noqa: N802 (the name of the original)
        """Start a process, or what stands in for it."""
        from pipcache_plugin.pip_bridge.backends import start_hook

        hook = start_hook(command, kwargs.get("cwd"), kwargs.get("env") or os.environ)
        if hook is not None:
            return hook
        process = subprocess.Popen(command, **kwargs)
        jobs = _jobs.get()
        if jobs is not None:
            jobs.note_process(process)
        return process


def _remember_processes() -> None:
    from pip._internal.utils import subprocess as pips

    if vars(pips).get("subprocess") is subprocess:
        setattr(pips, "subprocess", _Subprocess())  # noqa: B010 (it does not export what it imports)


def _call_subprocess(original: PipFunction, *args: Any, **kwargs: Any) -> Any:
    """Run a child process of a job when there is room for one more, with the environment of the run."""
    jobs = _jobs.get()
    if jobs is None:
        return original(*args, **kwargs)
    environ, missing = jobs.environ(kwargs.pop("extra_environ", None) or {})
    missing += kwargs.pop("unset_environ", None) or []
    with jobs.slot() if _needs_slot.get() else contextlib.nullcontext():
        note_begin()
        return original(*args, extra_environ=environ, unset_environ=missing, **kwargs)


SEAMS = [
    Seam(
        modules=("pip._internal.utils.subprocess",),
        name="call_subprocess",
        parameters=("cmd", "show_stdout", "cwd"),
        part=_call_subprocess,
    )
]
