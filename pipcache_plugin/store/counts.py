"""How often wheels were found and built, and what that took: from the log, and of days that the log has no more.

``<root>/log/counts.json`` is ``{"format", "since_ns", "days": {<first nanosecond of a day, UTC>: {<project>: {"hits",
"builds", "saved_seconds", "build_seconds"}}}}``; nothing before ``since_ns`` counts.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from pipcache_plugin.files import write_atomically
from pipcache_plugin.store.owners import share

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FORMAT = 1

_DAY_NS = 86_400_000_000_000

_LARGEST = 1e19
"""Nothing that is counted is more: a log is only a file."""


@dataclass(slots=True, kw_only=True)
class Count:
    """Of one project, or of all."""

    hits: int = 0
    builds: int = 0
    saved_seconds: float = 0.0
    """What the builds took whose wheels were found."""

    build_seconds: float = 0.0

    def add(self, other: Count) -> None:
        """Count in what another count has."""
        self.hits += other.hits
        self.builds += other.builds
        self.saved_seconds += other.saved_seconds
        self.build_seconds += other.build_seconds

    def to_dict(self) -> dict[str, float]:
        """Return the count as JSON values; times to the millisecond."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


class Counts:
    """What was counted in a store."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made.

        :param folder: of the log.
        """
        self.file = folder / "counts.json"

    def by_project(self, lines: Iterable[Mapping[str, object]], since_ns: int = 0) -> dict[str, Count]:
        """Return what was counted since a time, by normalized project name.

        :param lines: of the log.
        :param since_ns: Unix time in nanoseconds; of a day that the log has no more, all counts or nothing.
        """
        start_ns, days = self._read()
        counts: dict[str, Count] = defaultdict(Count)
        for day, projects in days.items():
            if day + _DAY_NS > since_ns:
                for project, count in projects.items():
                    counts[project].add(count)
        for line in lines:
            if (found := _count_line(line, max(since_ns, start_ns))) is not None:
                counts[found[0]].add(found[1])
        return dict(sorted(counts.items()))

    def keep(self, lines: Iterable[Mapping[str, object]]) -> None:
        """Count lines that the log is about to lose.

        :raises OSError: they were not counted.
        """
        start_ns, days = self._read()
        is_new = False
        for line in lines:
            if (found := _count_line(line, start_ns)) is not None:
                is_new = True
                day = _time_ns(line) // _DAY_NS * _DAY_NS
                days.setdefault(day, {}).setdefault(found[0], Count()).add(found[1])
        if is_new:
            self._write(start_ns, days)

    def reset(self) -> None:
        """Begin anew: nothing before now counts.

        :raises OSError: all is as it was.
        """
        self._write(time.time_ns(), {})

    def _read(self) -> tuple[int, dict[int, dict[str, Count]]]:
        with contextlib.suppress(OSError, ValueError, RecursionError, TypeError, AttributeError):
            match json.loads(self.file.read_bytes()):
                case {"format": int(number), "since_ns": int(start_ns), "days": dict(days)} if number == FORMAT:
                    return start_ns, {
                        int(day): {str(project): _read_count(count) for project, count in projects.items()}
                        for day, projects in days.items()
                    }
        return 0, {}

    def _write(self, start_ns: int, days: Mapping[int, Mapping[str, Count]]) -> None:
        known = {
            str(day): {project: count.to_dict() for project, count in projects.items()}
            for day, projects in days.items()
        }
        data = json.dumps({"format": FORMAT, "since_ns": start_ns, "days": known}).encode("ascii")
        write_atomically(self.file, data, partial(share, self.file.parent.parent))


def _count_line(line: Mapping[str, object], start_ns: int) -> tuple[str, Count] | None:
    """Return the project of a decision, and what it counts; ``None`` for one that does not."""
    project, outcome = line.get("project"), line.get("outcome")
    if not isinstance(project, str) or _time_ns(line) < start_ns:
        return None
    seconds = _number(line.get("build_seconds"))
    if outcome == "hit":
        return project, Count(hits=1, saved_seconds=seconds)
    return (project, Count(builds=1, build_seconds=seconds)) if outcome == "built" else None


def _time_ns(line: Mapping[str, object]) -> int:
    value = line.get("time_ns")
    return value if isinstance(value, int) and 0 <= value <= _LARGEST else 0


def _read_count(value: Mapping[str, object]) -> Count:
    hits, builds = (int(_number(value.get(name))) for name in ["hits", "builds"])
    saved, build = (_number(value.get(name)) for name in ["saved_seconds", "build_seconds"])
    return Count(hits=hits, builds=builds, saved_seconds=saved, build_seconds=build)


def _number(value: object) -> float:
    """Return a number that can be counted with; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LARGEST:
        return 0.0
    return float(value)


def total(counts: Iterable[Count]) -> Count:
    """Return all together."""
    result = Count()
    for count in counts:
        result.add(count)
    return result
