"""What is measured, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cases import MEMORY, Case, add_copier, make_case
from corpus import BUILD_REQUIREMENTS, GROWTH, LARGE, TWELVE
from installers import Setting, Task, make_own_installers
from side_by_side import Comparison
from synthetic import name_of

OWN = ("build", "installer", "packaging", "platformdirs")
"""Dependencies of ours: they are there."""

MIDDLE = ("fastapi", "sqlalchemy", "boto3", "rich", "black", "sphinx")
"""Some of the large set, with what they depend on."""

PIP_TIME = Comparison(over="pip", under="ours")
UV_TIME = Comparison(over="uv", under="ours")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One or several cases that belong together."""

    description: str
    files: str
    """The set of files that the package index needs."""

    rounds: int
    """Unless another number is asked for."""

    make_cases: Callable[[Setting], Iterable[Case]]


def from_sdists() -> list[str]:
    """Return the arguments that have the twelve installed from sdists, and what they need from wheels."""
    names = [requirement.partition("==")[0] for requirement in TWELVE]
    return [*(part for name in names for part in ("--no-binary", name)), *TWELVE]


def cold(setting: Setting) -> Iterable[Case]:
    """Build the twelve."""
    task = Task(name="cold", index="twelve", arguments=from_sdists(), is_cold=True)
    comparisons = [
        Comparison(over="pip", under="ours", at_least=2.3),
        Comparison(over="uv", under="ours", at_least=1),
    ]
    yield make_case("cold: twelve sdists, empty caches", task, setting, comparisons)


def warm(setting: Setting) -> Iterable[Case]:
    """Install the twelve again."""
    task = Task(name="warm", index="twelve", arguments=from_sdists())
    comparisons = [Comparison(over="pip", under="ours", at_least=1.6), UV_TIME]
    yield make_case("warm: twelve sdists, built before", task, setting, comparisons)


def large(setting: Setting) -> Iterable[Case]:
    """Install many wheels, as an environment's own files."""
    task = Task(name="large", index="large", arguments=LARGE)
    comparisons = [
        Comparison(over="ours", under="cp -a", at_most=1.3),
        Comparison(over="pip", under="ours", at_least=4),
        Comparison(over="uv", under="ours", at_least=1),
    ]
    case = make_case("large: many wheels, installed before", task, setting, comparisons)
    yield add_copier(case, task, setting)


def hardlink(setting: Setting) -> Iterable[Case]:
    """Install many wheels, as links."""
    task = Task(name="hardlink", index="large", arguments=LARGE, link_mode="hardlink")
    comparisons = [
        Comparison(over="ours", under="cp -al", at_most=1.5),
        Comparison(over="uv", under="ours", at_least=3),
        PIP_TIME,
    ]
    case = make_case("hardlink: many wheels, installed before, linked", task, setting, comparisons)
    yield add_copier(case, task, setting)


def nothing(setting: Setting) -> Iterable[Case]:
    """Install what is there."""
    comparisons = [Comparison(over="ours", under="pip", at_most=1.1)]
    tasks = {
        "the twelve": Task(name="nothing-twelve", index="twelve", arguments=from_sdists(), keeps_environments=True),
        "build requirements": Task(
            name="nothing-build", index="twelve", arguments=BUILD_REQUIREMENTS, keeps_environments=True
        ),
    }
    for described, task in tasks.items():
        yield make_case(f"nothing to do: {described}", task, setting, [*comparisons, UV_TIME])
    task = Task(name="nothing-own", index="twelve", arguments=OWN, keeps_environments=True)
    yield Case(
        title="nothing to do: without `--python`, where pip and ours are installed",
        contenders=[installer.contender for installer in make_own_installers(task, setting)],
        comparisons=[*comparisons, MEMORY],
        check=lambda: None,
    )


def growth(setting: Setting) -> Iterable[Case]:
    """Install more and more wheels."""
    for count in [10, 100, GROWTH]:
        names = [name_of(number) for number in range(1, count + 1)]
        task = Task(name=f"growth-{count}", index="growth", arguments=names)
        yield make_case(f"growth: {count} small wheels, installed before", task, setting, [PIP_TIME, UV_TIME])


def parallel(setting: Setting) -> Iterable[Case]:
    """Install into several environments at once."""
    for count in [1, 2, 4]:
        task = Task(name=f"parallel-{count}", index="large", arguments=MIDDLE, environments=count)
        title = f"parallel: into {count} {'environment' if count == 1 else 'environments'} at once, installed before"
        yield make_case(title, task, setting, [PIP_TIME, UV_TIME])


SCENARIOS: Mapping[str, Scenario] = {
    "cold": Scenario(description="twelve sdists, everything empty", files="twelve", rounds=3, make_cases=cold),
    "warm": Scenario(description="the same, built before", files="twelve", rounds=10, make_cases=warm),
    "large": Scenario(description="many wheels, beside `cp -a`", files="large", rounds=5, make_cases=large),
    "hardlink": Scenario(description="the same, beside `cp -al`", files="large", rounds=5, make_cases=hardlink),
    "nothing": Scenario(description="all is installed already", files="twelve", rounds=15, make_cases=nothing),
    "growth": Scenario(description="10, 100 and 1000 small wheels", files="growth", rounds=3, make_cases=growth),
    "parallel": Scenario(description="1, 2 and 4 installs at once", files="large", rounds=5, make_cases=parallel),
}
