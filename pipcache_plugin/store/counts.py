"""How often wheels were found and built, and what that took: from the log, and of days that the log has no more.

``<root>/log/counts.json`` is ``{"format", "since_ns", "days": {<first nanosecond of a day, UTC>: {<project>: {"hits",
"builds", "saved_seconds", "build_seconds"}}}, "counted"}``; nothing before ``since_ns`` counts, and ``counted`` names
the lines that were counted last. Days that are long past are one, the day 0. Another format has another file name: a
version of ours that does not know it then leaves it alone.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pipcache_plugin.files import write_atomically
from pipcache_plugin.store.damaged import set_aside
from pipcache_plugin.store.owners import make_folder, share

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FORMAT = 1

_DAY_NS = 86_400_000_000_000

_MOST_DAYS = 400
"""So many are told from each other: a file that everything is added to stays small."""

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


@dataclass(slots=True, kw_only=True)
class _Kept:
    """What the file has."""

    since_ns: int = 0
    days: dict[int, dict[str, Count]] = field(default_factory=dict)
    """By the first nanosecond of the day, then by project."""

    counted: str = ""


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
        kept = _Kept()
        with contextlib.suppress(OSError):
            kept = self._read()
        counts: dict[str, Count] = defaultdict(Count)
        for day, projects in kept.days.items():
            if day + _DAY_NS > since_ns:
                for project, count in projects.items():
                    counts[project].add(count)
        for line in lines:
            if (found := _count_line(line, max(since_ns, kept.since_ns))) is not None:
                counts[found[0]].add(found[1])
        return dict(sorted(counts.items()))

    def has_counted(self, name: str) -> bool:
        """Tell whether the lines that were counted last have this name."""
        with contextlib.suppress(OSError):
            return self._read().counted == name
        return False

    def keep(self, lines: Iterable[Mapping[str, object]], name: str = "") -> None:
        """Count lines that the log is about to lose.

        :param name: of these lines, not empty: when they were counted last, they are not counted again.

        :raises OSError: they were not counted, and may be later.
        """
        kept = self._read()
        if name and kept.counted == name:
            return
        is_new = False
        for line in lines:
            if (found := _count_line(line, kept.since_ns)) is not None:
                is_new = True
                day = _time_ns(line) // _DAY_NS * _DAY_NS
                kept.days.setdefault(day, {}).setdefault(found[0], Count()).add(found[1])
        if is_new:
            kept.counted = name
            _merge_days(kept.days)
            self._write(kept)

    def reset(self) -> None:
        """Begin anew: nothing before now counts.

        :raises OSError: all is as it was.
        """
        self._write(_Kept(since_ns=time.time_ns()))

    def _read(self) -> _Kept:
        """Return what the file has; nothing when it is not there, or no file of ours.

        :raises OSError: it may have something, and cannot be read.
        """
        try:
            data = self.file.read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return _Kept()
        with contextlib.suppress(ValueError, RecursionError, TypeError, AttributeError):
            match json.loads(data):
                case {"format": int(number), "since_ns": int(since_ns), "days": dict(days)} as content if (
                    number == FORMAT
                ):
                    known = {
                        int(day): {str(project): _read_count(count) for project, count in projects.items()}
                        for day, projects in days.items()
                    }
                    # Begun anew while the clock was wrong: nothing would count for as long as it was ahead.
                    is_past = since_ns <= time.time_ns()
                    counted = str(content.get("counted", ""))
                    return _Kept(since_ns=since_ns if is_past else 0, days=known, counted=counted)
        return _Kept()

    def _write(self, kept: _Kept) -> None:
        days = {
            str(day): {project: count.to_dict() for project, count in projects.items()}
            for day, projects in kept.days.items()
        }
        content = {"format": FORMAT, "since_ns": kept.since_ns, "days": days, "counted": kept.counted}
        root = self.file.parent.parent
        if self.file.is_dir():
            # A folder cannot be replaced by a file.
            set_aside(root, self.file)
        make_folder(root, self.file.parent)
        write_atomically(self.file, json.dumps(content).encode("ascii"), partial(share, root))


def _merge_days(days: dict[int, dict[str, Count]]) -> None:
    """Make one of all but the last days."""
    for day in sorted(days, reverse=True)[_MOST_DAYS:]:
        for project, count in days.pop(day).items():
            days.setdefault(0, {}).setdefault(project, Count()).add(count)


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
