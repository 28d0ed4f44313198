"""Why a wheel was found, or built: the decisions of past runs, read from the store's log.

As JSON, a decision is an object with

* ``project``, ``version``: of the release;
* ``outcome``: ``hit`` or ``built``;
* ``time_ns``: Unix time in nanoseconds; ``run``: the same for all decisions of a command, those on its build
  requirements included; ``command``: pip's name of it;
* ``wheel``: the file name; ``sha256``: its digest;
* ``built_ns``, ``build_seconds``, ``origin``: when, how long and from where it was built;
* ``depends_on``: for a hit, names of what is as it was: variables, constraints, requirements, Git tags, libraries,
  folders;
* ``depends_on_absence_of``: for a hit, names of what is still not there: variables, programs, paths, libraries,
  modules;
* ``reasons``: for a build, why each stored wheel of the same source was not used, newest first, a sentence each; empty
  when there was none.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from pipcache_plugin.store.log import DecisionLog

_MOST_NAMES = 8
_MOST_ABSENT = 3
"""So many names, or reasons, in a sentence; JSON has all of them. Builds look for much that nobody has."""

_LARGEST_NUMBER = 1 << 63

_UNITS = [("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One line of the log. Any of its fields may be missing or odd: the log is only a file."""

    content: Mapping[str, object]

    def __str__(self) -> str:
        release = " ".join(filter(None, [self._text("project") or "a project", self._text("version")]))
        said = self._hit() if self.content.get("outcome") == "hit" else f"built{self._duration()}{self._reason()}"
        # Values of variables and names of files may have anything in them.
        return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in f"{release}: {said}")

    def _hit(self) -> str:
        origin = self._text("origin")
        source = f" from {origin}" if origin else ""
        build = f"{self._age()}{self._duration()}{source}"
        return f"found {self._text('wheel') or 'a wheel'}{build and f', built{build}'}{self._dependence()}"

    def _age(self) -> str:
        built_ns = _number(self.content.get("built_ns"))
        return "" if built_ns is None else f" {_ago(time.time() - built_ns / 1e9)}"

    def _duration(self) -> str:
        seconds = _number(self.content.get("build_seconds"))
        return "" if seconds is None else f" in {seconds:.1f} s"

    def _dependence(self) -> str:
        there, absent = self._quoted("depends_on"), self._quoted("depends_on_absence_of")
        parts = [f"on {_join(there, _MOST_NAMES)}"] if there else []
        parts += [f"on the absence of {_join(absent, _MOST_ABSENT)}"] if absent else []
        return f"; it depends {', and '.join(parts)}" if parts else ""

    def _reason(self) -> str:
        reasons = self._texts("reasons")
        if not reasons:
            return ", as no wheel was stored for this source, Python, config settings and use of build isolation"
        which = "the stored wheel was not" if len(reasons) == 1 else f"none of the {len(reasons)} stored wheels was"
        # What differs is often the same for all of them.
        different = list(dict.fromkeys(reasons))
        if len(different) > _MOST_NAMES:
            different = [*different[:_MOST_NAMES], f"and {len(different) - _MOST_NAMES} more"]
        return f"; {which} used: {'; '.join(different)}"

    def _text(self, field: str) -> str:
        value = self.content.get(field)
        return value if isinstance(value, str) else ""

    def _texts(self, field: str) -> list[str]:
        values = self.content.get(field)
        return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []

    def _quoted(self, field: str) -> list[str]:
        return [f"`{name}`" for name in dict.fromkeys(self._texts(field))]


def iter_decisions(log: DecisionLog, projects: Collection[str], runs: int) -> Iterator[Decision]:
    """Go through decisions, newest first.

    :param projects: normalized names; the last *runs* decisions on each of them. None: all of the last *runs* commands.
    """
    # Commands that run at the same time write into one log: their lines are mixed.
    wanted: set[str] = set()
    count = dict.fromkeys(projects, 0)
    for content in log:
        if projects:
            project = str(content.get("project"))
            if count.get(project, runs) < runs:
                count[project] += 1
                yield Decision(content=content)
        elif (run := str(content.get("run"))) in wanted or len(wanted) < runs:
            wanted.add(run)
            yield Decision(content=content)


def _join(names: Sequence[str], most: int) -> str:
    """Return "a, b and c", or the first ones "and 3 more"."""
    *first, last = names if len(names) <= most else [*names[:most], f"{len(names) - most} more"]
    return f"{', '.join(first)} and {last}" if first else last


def _number(value: object) -> float | None:
    """Return a number that can be counted with."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _LARGEST_NUMBER:
        return None
    return float(value)


def _ago(seconds: float) -> str:
    for name, size in _UNITS:
        count = int(seconds // size)
        if count > 0:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"
