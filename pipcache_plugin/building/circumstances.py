"""What the front-end knows of a build, for those who judge what the wheel depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pipcache_plugin.keys.conditions import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the front-end knows of a build that the watcher does not see."""

    tree: Path
    """The whole source, of which the project may be a subdirectory."""

    environ: Mapping[str, str]
    """The environment that the front-end runs in, and hands on."""

    root: Path | None
    """The isolated build environment."""

    used: Mapping[str, str]
    """The versions in it."""

    constraints: Mapping[str, str]
    """The build constraints on those."""

    built_against: Mapping[str, str]
    """Not isolated: what the wheel was built for, with versions."""

    collect_installed: Callable[[], Mapping[str, str]]
    """Not isolated: returns all that it may have been built for, with versions; nothing when isolated."""

    lacking_modules: tuple[str, ...]
    """Not isolated: top-level modules that could not be imported."""

    git_tags: str | None
    """A digest of the tags, if the source is a Git checkout."""

    began_ns: int
    """When the build began, Unix time in nanoseconds."""

    system_before: str
    """A stamp of what was installed on the system when the build began."""

    stamp_system: Callable[[Sequence[str]], str]
    """Returns a stamp of what is installed on the system, and in folders that are given."""

    earlier: Conditions | None = None
    """Those of the metadata that the build was given, from another run."""
