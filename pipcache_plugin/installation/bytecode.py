"""Bytecode of many sources, made by as many processes as there are cores."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENOUGH = 150
"""So many sources keep a process busy for longer than it takes to start one."""

_COMPILE = """
import json, os, py_compile, sys, warnings
warnings.simplefilter("ignore")
for source, target, name in json.load(sys.stdin):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        py_compile.compile(source, target, name, True, int(sys.argv[1]), py_compile.PycInvalidationMode.TIMESTAMP)
    except OSError:
        sys.exit(1)
    except Exception:
        pass
"""
"""What cannot be compiled has no bytecode: whoever installs it tries, and says so. A full disk is another matter."""


def kind_of_bytecode() -> str:
    """Return what tells the running Python's bytecode from any other's."""
    level = sys.flags.optimize
    return f"{sys.implementation.cache_tag}-{importlib.util.MAGIC_NUMBER.hex()}{f'-opt{level}' if level else ''}"


def compile_all(jobs: Sequence[tuple[str, str, str]]) -> None:
    """Compile sources for the running Python; one that cannot be compiled is passed over.

    :param jobs: source, target and the name that the code has for itself, each.

    :raises OSError: a process could not be started, or did not come to its end; some of the targets may be there.
    """
    if not jobs:
        return
    count = max(1, min(os.cpu_count() or 1, len(jobs) // _ENOUGH))
    command = [sys.executable, "-I", "-S", "-c", _COMPILE, str(sys.flags.optimize)]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(count):
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            processes.append(process)
            assert process.stdin is not None, "it was asked for"
            # Every so manieth: neighbours are of one size.
            process.stdin.write(json.dumps(jobs[number::count]).encode("ascii"))
            process.stdin.close()
        statuses = [process.wait() for process in processes]
    except BaseException:
        for process in processes:
            process.kill()
            process.wait()
            with contextlib.suppress(OSError):
                # What it was not given any more.
                cast("IO[bytes]", process.stdin).close()
        raise
    if any(statuses):
        message = f"a process that compiles ended with {statuses}"
        raise ChildProcessError(message)
