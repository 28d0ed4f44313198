"""The conditions under which a wheel is right: choices that are the same, lacks that persist, needs that are met.

A record keeps them of a build; ``differences`` compares them with the present.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipcache_plugin.keys.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What was asked for, beyond the build key; compared by equality."""

    salt: str = ""
    """For the digests; random, new in each record."""

    variables: Mapping[str, str | None] = field(default_factory=dict)
    """The digest of each environment variable that the build asked for; ``None``: it was not set."""

    shown: Mapping[str, str | None] = field(default_factory=dict)
    """The same for variables of the toolchain, in clear."""

    prefixes: tuple[str, ...] = ()
    """What names begin with that the build may have picked out of all: those that were set are among the above, and
    there must be no other."""

    toolchain: Mapping[str, str] | None = None
    """All variables of the toolchain that were set, in clear, when a program ran that may have read them unseen."""

    started: Mapping[str, str | None] = field(default_factory=dict)
    """The digest of each program that the build started, by the name it is found by, or its path; ``None``: nobody
    knows what it was, nor, with an empty name, which. Compared by who wants the toolchain to be exactly the same."""

    constraints: Mapping[str, str] = field(default_factory=dict)
    """The build constraints on what was used: specifiers by normalized project name."""

    used: Mapping[str, str] = field(default_factory=dict)
    """Isolated: the version of each distribution in the build environment. Must satisfy today's constraints."""

    built_against: Mapping[str, str] = field(default_factory=dict)
    """Not isolated: the version of each distribution that the build was made for. Must be installed."""

    git_tags: str | None = None
    """A digest of the tags that Git could tell of, when the build asked it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacks:
    """What the build looked for and did not find."""

    programs: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    listings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The names in each folder that the source tree's own code went through, by path: no other may have come."""

    modules: tuple[str, ...] = ()
    """Not isolated: top-level modules that the source tree's own code tried to import."""

    libraries: tuple[str, ...] = ()
    """File names of shared libraries that were to be loaded."""

    searched: tuple[str, ...] = ()
    """Folders that failed steps looked into for headers and libraries, and that the stamp covers too."""

    system: str | None = None
    """A stamp of what is installed on the system, when a step of the build failed that could succeed another day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the wheel needs to run."""

    libraries: tuple[str, ...] = ()
    """File names of shared libraries that it does not bring along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """All of it."""

    choices: Choices = field(default_factory=Choices)
    lacks: Lacks = field(default_factory=Lacks)
    needs: Needs = field(default_factory=Needs)

    def to_dict(self) -> dict[str, object]:
        """Return the conditions as JSON values."""
        choices, lacks, needs = self.choices, self.lacks, self.needs
        return {
            "choices": {
                "salt": choices.salt,
                "variables": dict(sorted(choices.variables.items())),
                "shown": dict(sorted(choices.shown.items())),
                "prefixes": list(choices.prefixes),
                "toolchain": None if choices.toolchain is None else dict(sorted(choices.toolchain.items())),
                "started": dict(sorted(choices.started.items())),
                "constraints": dict(sorted(choices.constraints.items())),
                "used": dict(sorted(choices.used.items())),
                "built_against": dict(sorted(choices.built_against.items())),
                "git_tags": choices.git_tags,
            },
            "lacks": {
                "programs": list(lacks.programs),
                "paths": list(lacks.paths),
                "listings": {path: list(names) for path, names in sorted(lacks.listings.items())},
                "modules": list(lacks.modules),
                "libraries": list(lacks.libraries),
                "searched": list(lacks.searched),
                "system": lacks.system,
            },
            "needs": {"libraries": list(needs.libraries)},
        }

    @classmethod
    def from_dict(cls, value: object) -> Conditions:
        """Read what ``to_dict`` returned.

        :raises InvalidRecordError: there are unknown fields, or one is missing or odd.
        """
        fields = Fields(value)
        choices, lacks, needs = (Fields(fields.take(name, dict)) for name in ["choices", "lacks", "needs"])
        conditions = cls(
            choices=Choices(
                salt=choices.take("salt", str),
                variables=choices.take_mapping("variables", (str, type(None))),
                shown=choices.take_mapping("shown", (str, type(None))),
                prefixes=choices.take_texts("prefixes"),
                toolchain=choices.take_mapping("toolchain", str) if choices.has("toolchain") else None,
                started=choices.take_mapping("started", (str, type(None))),
                constraints=choices.take_mapping("constraints", str),
                used=choices.take_mapping("used", str),
                built_against=choices.take_mapping("built_against", str),
                git_tags=choices.take("git_tags", (str, type(None))),
            ),
            lacks=Lacks(
                programs=lacks.take_texts("programs"),
                paths=lacks.take_texts("paths"),
                listings=lacks.take_texts_by_name("listings"),
                modules=lacks.take_texts("modules"),
                libraries=lacks.take_texts("libraries"),
                searched=lacks.take_texts("searched"),
                system=lacks.take("system", (str, type(None))),
            ),
            needs=Needs(libraries=needs.take_texts("libraries")),
        )
        for part in [fields, choices, lacks, needs]:
            part.expect_no_more()
        return conditions
