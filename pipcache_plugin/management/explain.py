"""Why a wheel was found, or built: the decisions of past runs, read from the store's log.

As JSON, a decision is an object with

* ``project``, ``version``: of the release;
* ``outcome``: ``hit`` or ``built``;
* ``time_ns``: Unix time in nanoseconds; ``run``: the same for all decisions of a command, those on its build
  requirements included; ``command``: pip's name of it;
* ``wheel``: the file name; ``sha256``: its digest;
* ``built_ns``, ``build_seconds``, ``origin``: when, how long and from where it was built;
* ``depends_on``: for a hit, names of what is as it was: variables, constraints, requirements, libraries;
* ``depends_on_absence_of``: for a hit, names of what is still not there: variables, programs, paths;
* ``reasons``: for a build, why each stored wheel of the same source was not taken, a sentence each; empty when there
  was none.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pipcache_plugin.store.log import DecisionLog

_MOST_NAMES = 8

_UNITS = [("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One line of the log."""

    content: Mapping[str, object]

    def __str__(self) -> str:
        said = self.content
        release = " ".join(filter(None, [str(said.get("project")), str(said.get("version") or "")]))
        if said.get("outcome") == "hit":
            return f"{release}: found {said.get('wheel')}, {self._about_the_build()}{self._dependence()}"
        return f"{release}: built in {_seconds(said.get('build_seconds'))}, {self._reason()}"

    def _about_the_build(self) -> str:
        built_ns = self.content.get("built_ns")
        ago = _ago((time.time_ns() - built_ns) / 1e9) if isinstance(built_ns, int) else "some time ago"
        return f"built {ago} in {_seconds(self.content.get('build_seconds'))} from {self.content.get('origin')}"

    def _dependence(self) -> str:
        there, absent = self._names("depends_on"), self._names("depends_on_absence_of")
        parts = []
        if there:
            parts.append(", ".join(f"`{name}`" for name in there[:_MOST_NAMES]) + _and_more(len(there) - _MOST_NAMES))
        if absent:
            parts.append(
                f"{len(absent)} thing{'s' if len(absent) > 1 else ''} that {_are(len(absent))} still not there"
            )
        return f"; it depends on {' and on '.join(parts)}" if parts else ""

    def _names(self, field: str) -> list[str]:
        names = self.content.get(field)
        return [str(name) for name in names] if isinstance(names, list) else []

    def _reason(self) -> str:
        reasons = self._names("reasons")
        if not reasons:
            return "as there was no wheel of this source, Python, config settings and isolation"
        if len(reasons) == 1:
            return f"as for the wheel that there was {reasons[0]}"
        return "as for each wheel that there was something is different: " + "; ".join(reasons)


def _and_more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""


def _are(count: int) -> str:
    return "are" if count > 1 else "is"


def iter_decisions(log: DecisionLog, projects: Collection[str], runs: int) -> Iterator[Decision]:
    """Go through decisions, newest first.

    :param projects: normalized names; the last decisions on each of them. None: the last *runs* commands.
    """
    # Commands that run at the same time write into one log: their lines are mixed.
    wanted: dict[object, None] = {}
    count = dict.fromkeys(projects, 0)
    for content in log:
        if projects:
            project = str(content.get("project"))
            if count.get(project, runs) < runs:
                count[project] += 1
                yield Decision(content=content)
        elif content.get("run") in wanted or len(wanted) < runs:
            wanted[content.get("run")] = None
            yield Decision(content=content)


def _seconds(value: object) -> str:
    return f"{value:.1f} s" if isinstance(value, (int, float)) else "an unknown time"


def _ago(seconds: float) -> str:
    for name, size in _UNITS:
        count = int(seconds // size)
        if count:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"
