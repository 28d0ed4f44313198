"""How often wheels were found and built, what that saved, and how much room they take: by project and in all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipcache_plugin.management.contents import size_of_trees, sizes_by_project
from pipcache_plugin.store.counts import Count, total
from pipcache_plugin.units import format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipcache_plugin.store.store import Store

_TITLES = ("Project", "Found", "Built", "Saved", "Size")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Of one project."""

    count: Count
    wheels: int
    """How many there are in the store."""

    size_bytes: int
    """Of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What there is to tell of a store."""

    projects: Mapping[str, Share]
    """By normalized name: all that were counted, and all that have wheels."""

    size_of_trees_bytes: int

    @property
    def count(self) -> Count:
        """Of all projects together."""
        return total(share.count for share in self.projects.values())

    @property
    def wheels(self) -> int:
        """How many there are in the store."""
        return sum(share.wheels for share in self.projects.values())

    @property
    def size_bytes(self) -> int:
        """Of all wheels, unpacked ones included."""
        return sum(share.size_bytes for share in self.projects.values()) + self.size_of_trees_bytes

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "total": self.count.to_dict(),
            "projects": {
                project: {**share.count.to_dict(), "wheels": share.wheels, "size": share.size_bytes}
                for project, share in self.projects.items()
            },
            "wheels": self.wheels,
            "size": self.size_bytes,
        }

    def iter_lines(self) -> Iterator[str]:
        """Return it for people to read."""
        count, wheels = self.count, self.wheels
        yield f"Wheels found: {count.hits}"
        yield f"Wheels built: {count.builds}"
        yield f"Time saved: {format_duration(count.saved_seconds)}"
        yield f"Time spent building: {format_duration(count.build_seconds)}"
        noun = "wheel" if wheels == 1 else "wheels"
        yield f"Size: {format_size(self.size_bytes)} ({wheels} {noun}, unpacked wheels included)"
        if self.projects:
            yield "By project:"
            yield ""
            yield from _iter_table([_TITLES, *self._iter_rows()])

    def _iter_rows(self) -> Iterator[Sequence[str]]:
        """Go through the projects that were counted, what saved most first; the others, perhaps many, in one row."""
        counted = {project: share for project, share in self.projects.items() if share.count.hits + share.count.builds}
        for project, share in sorted(counted.items(), key=lambda item: (-item[1].count.saved_seconds, item[0])):
            count = share.count
            saved, size = format_duration(count.saved_seconds), format_size(share.size_bytes)
            yield project, str(count.hits), str(count.builds), saved, size
        others = [share for project, share in self.projects.items() if project not in counted]
        if others:
            size = format_size(sum(share.size_bytes for share in others))
            yield f"({len(others)} {'other' if len(others) == 1 else 'others'})", "0", "0", format_duration(0.0), size


def collect_statistics(store: Store, since_ns: int = 0) -> Statistics:
    """Return what there is to tell of a store since a time, Unix time in nanoseconds."""
    counts, sizes = store.log.counts.by_project(store.log, since_ns), sizes_by_project(store)
    shares = {}
    for project in sorted({*counts, *sizes}):
        wheels, size = sizes.get(project, (0, 0))
        shares[project] = Share(count=counts.get(project, Count()), wheels=wheels, size_bytes=size)
    return Statistics(projects=shares, size_of_trees_bytes=size_of_trees(store)[1])


def _iter_table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Go through the lines of a table whose first column is a text, and whose others are numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in [rows[0], ["-" * width for width in widths], *rows[1:]]:
        name, *numbers = row
        cells = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True))]
        yield " ".join(cells)
