"""Installers of the benchmarks are to have done the same."""

from __future__ import annotations

import os
import py_compile
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import end_state
from synthetic import make_wheel


@pytest.fixture
def environments(tmp_path: Path) -> list[Path]:
    """Return two environments, with the same wheel in each, and bytecode."""
    wheel = make_wheel(tmp_path, "bench-0001")
    found = [tmp_path / name for name in ["a", "b"]]
    for environment in found:
        folder = site_packages(environment)
        folder.mkdir(parents=True)
        zipfile.ZipFile(wheel).extractall(folder)
        for module in folder.glob("*/*.py"):
            py_compile.compile(str(module))
    return found


def site_packages(environment: Path) -> Path:
    return environment / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"


def problems(environments: list[Path], unshared: Sequence[str] = ()) -> list[str]:
    return end_state.find_problems({each.name: each for each in environments}, unshared)


def test_same_is_no_problem(environments: list[Path]) -> None:
    """Two environments with the same files are alike."""
    state = end_state.read(environments[0])
    assert state.distributions == {"bench-0001==1.0"}
    assert state.compiled == {f"bench_0001/{name}.py" for name in ["__init__", "part1", "part2", "part3", "part4"]}
    assert problems(environments) == []


def test_other_distributions_are(environments: list[Path]) -> None:
    """A distribution that only one has is named."""
    site_packages(environments[1]).joinpath("bench_0001-1.0.dist-info", "METADATA").write_text(
        "Metadata-Version: 2.1\nName: bench-0001\nVersion: 2.0\n"
    )
    assert problems(environments) == ["a and b differ in bench-0001==1.0, bench-0001==2.0"]


def test_lacking_bytecode_is(environments: list[Path]) -> None:
    """What the first one compiled, the others should; more is no harm."""
    (bytecode,) = site_packages(environments[1]).glob("bench_0001/__pycache__/part1.*")
    bytecode.unlink()
    assert problems(environments) == ["b lacks bytecode of bench_0001/part1.py"]
    assert problems(environments[::-1]) == []


def test_shared_files_are_found(environments: list[Path]) -> None:
    """A link to a file is found where there should be none, unless it is bytecode."""
    first, second = (site_packages(environment) / "bench_0001" for environment in environments)
    for name in ["part1.py", f"__pycache__/part2.{sys.implementation.cache_tag}.pyc"]:
        (second / name).unlink()
        os.link(first / name, second / name)
    assert problems(environments) == []
    assert problems(environments, ["b"]) == ["b shares bench_0001/part1.py"]
