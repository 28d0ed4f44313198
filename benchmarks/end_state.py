"""Whether installers did the same: distributions, bytecode, and files that are an environment's own."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from pages import normalise


class EndStatesDifferError(Exception):
    """What was measured is not the same work."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class EndState:
    """What is in an environment."""

    distributions: frozenset[str]
    """As requirements: ``docopt==0.6.2``."""

    compiled: frozenset[str]
    """Modules that have bytecode, as relative paths."""

    shared: frozenset[str]
    """Files other than bytecode that have more than one name on the file system, as relative paths."""


def read(environment: Path) -> EndState:
    """Look through what is installed in an environment."""
    (folder,) = environment.glob("lib/python*/site-packages")
    found = importlib.metadata.distributions(path=[str(folder)])
    files = {path: str(path.relative_to(folder)) for path in _iter_files(folder)}
    return EndState(
        distributions=frozenset(f"{normalise(each.metadata['Name'])}=={each.version}" for each in found),
        compiled=frozenset(
            name for path, name in files.items() if path.suffix == ".py" and Path(cache_from_source(path)).is_file()
        ),
        shared=frozenset(name for path, name in files.items() if path.suffix != ".pyc" and path.stat().st_nlink > 1),
    )


def find_problems(environments: Mapping[str, Path], unshared: Iterable[str]) -> list[str]:
    """Return what is not as it should be.

    :param environments: by the installer's name. What the first one made, the others should have made; more bytecode is
        no problem.
    :param unshared: those whose files are to be the environment's own.
    """
    states = {name: read(environment) for name, environment in environments.items()}
    (first_name, first), *others = states.items()
    problems = []
    for name, state in others:
        if different := first.distributions ^ state.distributions:
            problems.append(f"{first_name} and {name} differ in {_some(different)}")
        if lacking := first.compiled - state.compiled:
            problems.append(f"{name} lacks bytecode of {_some(lacking)}")
    return problems + [f"{name} shares {_some(states[name].shared)}" for name in unshared if states[name].shared]


def _iter_files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def _some(names: frozenset[str]) -> str:
    shown = sorted(names)[:5]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
