"""A process below which faults are injected: it does an operation again and again, with a fault at each step in turn.

Started with the variables of ``Injector``, and two arguments: the state file and a folder of its own. It reads a line
of JSON for each ``Task`` and answers with one, a ``Report``. A child is forked for each step at which it is to be
killed. Afterwards what has to hold of a store at any time must hold, the operation must succeed when it is done again,
and nothing may stay that pruning does not take out.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from pipcache_plugin.store import log
from pipcache_plugin.store.store import Store
from tests.faults import filled
from tests.faults.injector import Action, Calls, Fault, Injector
from tests.faults.invariants import check_invariants, find_leftovers, make_old, prune
from tests.faults.operations import OPERATIONS, Operation

_MOST_STEPS = 2000

_LOG_BYTES = 250
"""So large a log is turned over; every third line of ours does that."""


class Task(TypedDict):
    """What is to be done."""

    operation: str
    """Its name in ``OPERATIONS``."""

    fault: tuple[int, int, int, bool]
    """The fields of ``Fault``."""

    must_succeed: bool
    """With the fault; it may raise OSError otherwise."""

    stride: int
    """From each step to the next one that is tried."""


class Report(TypedDict):
    """What came of it."""

    steps: int
    """How many there are."""

    problems: list[str]
    """What was wrong, and at which step."""


class Stepping:
    """One operation, and what it begins with."""

    def __init__(self, operation: Operation, injector: Injector, folder: Path) -> None:
        """Prepare the store that each step begins with, in a new *folder*."""
        self._operation = operation
        self._injector = injector
        self._folder = folder
        self._begin = folder / "begin"
        store = Store(self._begin / "store")
        if operation.is_shared:
            store.root.mkdir(parents=True)
            store.root.chmod(0o2775)
        filled.make_wheels(self._begin / "work")
        operation.prepare(store, self._begin / "work")
        self._known = set(check_invariants(store))

    def check(self, fault: Fault, stride: int, *, must_succeed: bool) -> Report:
        """Let the fault happen at one step after the other, until there are no more."""
        problems: list[str] = []
        for step in range(1, _MOST_STEPS, stride):
            folder = self._folder / str(step)
            shutil.copytree(self._begin, folder, symlinks=True)
            store, work = Store(folder / "store"), folder / "work"
            found = list(self._check_step(store, work, fault, step, must_succeed=must_succeed))
            where = self._injector.last_hit.replace(str(folder), "")
            problems += [f"step {step}, {where}: {one}" for one in found]
            shutil.rmtree(folder)
            if not self._injector.hits:
                break
        return Report(steps=self._injector.count, problems=problems)

    def _check_step(self, store: Store, work: Path, fault: Fault, step: int, *, must_succeed: bool) -> Iterator[str]:
        self._injector.arm(store.root, fault, step)
        try:
            if fault.action is Action.KILL:
                yield from self._run_forked(store, work)
            else:
                yield from self._run(store, work, may_fail=not must_succeed)
        finally:
            self._injector.disarm()
        yield from self._new_problems(store, "afterwards")
        if fault.action is Action.FAIL and fault.calls == Calls.ROOM:
            # What has no room can still be removed.
            yield from (f"not removed: {name}" for name in find_leftovers(store) if ".tmp-" in name)
        if must_succeed:
            yield from self._check(store, work)
            return
        if step % 2:
            yield from self._prune(store)
        yield from (f"again: {problem}" for problem in self._run(store, work, may_fail=False))
        yield from self._check(store, work)
        yield from self._new_problems(store, "in the end")
        yield from self._prune(store)

    def _prune(self, store: Store) -> Iterator[str]:
        if find_leftovers(store):
            make_old(store)
            prune(store)
            if left := find_leftovers(store):
                yield f"left over: {left}"

    def _new_problems(self, store: Store, when: str) -> Iterator[str]:
        return (f"{when}: {problem}" for problem in check_invariants(store) if problem not in self._known)

    def _run(self, store: Store, work: Path, *, may_fail: bool = True) -> Iterator[str]:
        try:
            self._operation.run(store, work)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is what is looked for)
            if not (may_fail and isinstance(error, OSError)):
                yield traceback.format_exc(limit=-4)

    def _check(self, store: Store, work: Path) -> Iterator[str]:
        try:
            self._operation.check(store, work)
        except Exception:  # noqa: BLE001 (the same)
            yield f"not done: {traceback.format_exc(limit=-4)}"

    def _run_forked(self, store: Store, work: Path) -> Iterator[str]:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.write(writer, "".join(self._run(store, work)).encode(errors="replace")[-4000:])
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8", errors="replace") as file:
            if problem := file.read():
                yield problem
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) != bool(self._injector.hits) or os.WTERMSIG(status) not in {0, signal.SIGKILL}:
            yield f"ended with {status}"


def main() -> None:
    """Do what is read."""
    injector, folder = Injector(Path(sys.argv[1])), Path(sys.argv[2])
    log._LARGEST_BYTES = _LOG_BYTES
    for number in itertools.count():
        line = sys.stdin.readline()
        if not line:
            return
        place = folder / str(number)
        try:
            report = _do(json.loads(line), injector, place)
        except Exception:  # noqa: BLE001 (told to whoever asked)
            report = Report(steps=0, problems=[traceback.format_exc()])
        shutil.rmtree(place, ignore_errors=True)
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()


def _do(task: Task, injector: Injector, folder: Path) -> Report:
    action, calls, error, lasts = task["fault"]
    fault = Fault(action=Action(action), calls=Calls(calls), error=error, lasts=lasts)
    stepping = Stepping(OPERATIONS[task["operation"]], injector, folder)
    return stepping.check(fault, task["stride"], must_succeed=task["must_succeed"])


if __name__ == "__main__":
    main()
