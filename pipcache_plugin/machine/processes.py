"""Processes and what they have started."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator


def kill_with_children(process: subprocess.Popen[Any]) -> None:
    """Kill *process* and, where the system tells which they are, all that it has started.

    A process group would do it as well; but then a signal to ours, from a terminal or a CI runner, would not reach it.
    """
    children = list(_iter_descendants(process.pid))
    with contextlib.suppress(OSError):
        process.kill()
    for child in children:
        with contextlib.suppress(OSError):
            os.kill(child, getattr(signal, "SIGKILL", signal.SIGTERM))


def _iter_descendants(pid: int) -> Iterator[int]:
    """Go through the processes below *pid*; none where there is no ``/proc``.

    Source: https://man7.org/linux/man-pages/man5/proc_tid_children.5.html
    """
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, path.read_text(encoding="ascii").split()):
                yield child
                yield from _iter_descendants(child)
