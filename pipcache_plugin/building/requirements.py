"""Does what is installed meet what a build requires? As pip asks it: markers without extras, pre-releases allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmet:
    """The build requirements that are not met."""

    conflicts: frozenset[tuple[str, str]]
    """Pairs of ``name==version`` installed and the requirement that it does not meet."""

    missing: frozenset[str]
    """Requirements of which nothing is installed."""


def collect_installed(path: Sequence[str]) -> dict[str, str]:
    """Return the version of each distribution found on *path*, by normalized name; the first one found counts."""
    from importlib.metadata import distributions

    from packaging.utils import canonicalize_name

    found: dict[str, str] = {}
    for distribution in distributions(path=list(path)):
        # Broken metadata has no name, or no version.
        metadata = distribution.metadata
        if "Name" in metadata and "Version" in metadata:
            found.setdefault(canonicalize_name(metadata["Name"]), metadata["Version"])
    return found


def check(requirements: Iterable[str], path: Sequence[str]) -> Unmet:
    """Compare *requirements* with the distributions on *path*.

    :raises packaging.requirements.InvalidRequirement: one of them is none.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    installed = collect_installed(path)
    conflicts, missing = set(), set()
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = installed.get(canonicalize_name(requirement.name))
        if version is None:
            missing.add(text)
        elif not requirement.specifier.contains(version, prereleases=True):
            conflicts.add((f"{requirement.name}=={version}", text))
    return Unmet(conflicts=frozenset(conflicts), missing=frozenset(missing))
