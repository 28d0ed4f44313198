"""Processes are killed with what they have started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipcache_plugin.machine.processes import kill_with_children

PATIENCE_SECONDS = 30

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

FAMILY = """
import os, subprocess, sys, threading, time
depth = int(sys.argv[1])
os.write(1, f"{os.getpid()}\\n".encode())  # at once: others write as well
def start():
    if depth:
        subprocess.Popen([sys.executable, "-c", sys.argv[2], str(depth - 1), sys.argv[2]])
        time.sleep(60)
# Children of another thread are listed elsewhere than those of the first.
threads = [threading.Thread(target=start), threading.Thread(target=start)]
for thread in threads:
    thread.start()
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    """Tell whether there is such a process, other than one that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that is nobody's child but ours."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def test_children_and_grandchildren_are_killed(stranger: subprocess.Popen[bytes]) -> None:
    """All seven, whichever thread has started them; and nobody else."""
    command = [sys.executable, "-c", FAMILY, "2", FAMILY]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pids = [int(process.stdout.readline()) for _ in range(7)]
        assert all(map(is_running, pids))
        kill_with_children(process)
        assert process.wait(PATIENCE_SECONDS) < 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert stranger.poll() is None
    assert is_running(os.getpid())


def test_process_that_has_ended() -> None:
    """There is nothing to kill, waited for or not."""
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()
        kill_with_children(process)
        status = process.wait(PATIENCE_SECONDS)
        kill_with_children(process)
        assert process.wait(PATIENCE_SECONDS) == status
