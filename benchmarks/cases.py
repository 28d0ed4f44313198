"""Cases: contenders with one task, how they compare, and whether they did the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import end_state
from installers import Installer, Setting, Task, make_copier, make_installers
from side_by_side import Comparison, Contender

MEMORY = Comparison(over="ours", under="pip", quantity="peak_bytes", at_most=1.3)
"""Asked for in every case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is measured side by side."""

    title: str
    contenders: Sequence[Contender]
    comparisons: Sequence[Comparison]
    check: Callable[[], None]
    """Raises :class:`end_state.EndStatesDifferError` if they did not do the same."""


def make_case(title: str, task: Task, setting: Setting, comparisons: Sequence[Comparison]) -> Case:
    """Let pip, ours and uv do a task."""
    installers = make_installers(task, setting)
    return Case(
        title=title,
        contenders=[installer.contender for installer in installers.values()],
        comparisons=[*comparisons, MEMORY],
        check=lambda: check(installers),
    )


def add_copier(case: Case, task: Task, setting: Setting) -> Case:
    """Let `cp` take part, after the others: no installer that puts each file in its place takes less than that."""
    copier = make_copier(task, setting)
    return replace(case, contenders=[*case.contenders, copier])


def check(installers: Mapping[str, Installer]) -> None:
    """Compare what was installed.

    :raises end_state.EndStatesDifferError: it is not the same.
    """
    places = zip(*(installer.environments for installer in installers.values()), strict=True)
    unshared = ["ours"] if installers["ours"].task.link_mode == "copy" else []
    with ProcessPoolExecutor(1) as pool:  # the memory that this process takes would be counted as its children's
        for environments in places:
            named = dict(zip(installers, environments, strict=True))
            if problems := pool.submit(end_state.find_problems, named, unshared).result():
                raise end_state.EndStatesDifferError(problems)
