"""The shim, compiled once, and a process below which faults are injected."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.injector import Fault, Injector, compile_shim
from tests.faults.stepping import Report

_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the compiled shim."""
    shim = compile_shim(tmp_path_factory.mktemp("shim"))
    if shim is None:
        pytest.skip("faults are injected on Linux, and where there is a C compiler")
    return shim


@pytest.fixture(scope="session")
def quick_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder for thousands of small stores: in memory, where that can be."""
    if os.access(_MEMORY, os.W_OK):
        with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
            yield Path(folder)
    else:
        yield tmp_path_factory.mktemp("quick")


@pytest.fixture
def injector(tmp_path: Path) -> Injector:
    """Return an injector that is not armed."""
    return Injector(tmp_path / "faults")


Check = Callable[..., Report]


@pytest.fixture(scope="session")
def check_steps(shim: Path, quick_folder: Path) -> Iterator[Check]:
    """Return a function that does an operation with a fault at each step in turn, in a process of its own."""
    injector = Injector(quick_folder / "state")
    command = [sys.executable, "-m", "tests.faults.stepping", str(injector.state), str(quick_folder)]
    environ = {**os.environ, **injector.variables(shim)}
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ, cwd=root
    ) as process:

        def check(operation: str, fault: Fault, *, must_succeed: bool = False, stride: int = 1) -> Report:
            assert process.stdin is not None
            assert process.stdout is not None
            fields = [fault.action, fault.calls, fault.error, fault.lasts]
            task = {"operation": operation, "fault": fields, "must_succeed": must_succeed, "stride": stride}
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            report: Report = json.loads(process.stdout.readline())
            return report

        yield check
