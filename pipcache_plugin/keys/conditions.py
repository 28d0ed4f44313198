"""When a wheel that was built before is right: choices that must be the same, lacks that must persist, needs to be met.

``Conditions`` is what a record keeps of a build. ``iter_differences`` compares it with the present; no difference means
that a fresh build would give nothing that the user could tell apart, or something worse. Presence is never a condition:
a compiler that is newer, or gone, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from pipcache_plugin.keys.environment import digest_value
from pipcache_plugin.keys.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Kind: TypeAlias = Literal[
    "variable", "constraint", "requirement", "git tags", "program", "path", "system", "library", "unknown tags"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What was asked for, beyond the build key; compared by equality."""

    salt: str = ""
    """For the digests; random, new in each record."""

    variables: Mapping[str, str | None] = field(default_factory=dict)
    """The digest of each environment variable that the build asked for; ``None``: it was not set."""

    shown: Mapping[str, str | None] = field(default_factory=dict)
    """The same for variables of the toolchain, in clear."""

    toolchain: Mapping[str, str] | None = None
    """All variables of the toolchain that were set, in clear, when a program ran that may have read them unseen."""

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
                "toolchain": None if choices.toolchain is None else dict(sorted(choices.toolchain.items())),
                "constraints": dict(sorted(choices.constraints.items())),
                "used": dict(sorted(choices.used.items())),
                "built_against": dict(sorted(choices.built_against.items())),
                "git_tags": choices.git_tags,
            },
            "lacks": {"programs": list(lacks.programs), "paths": list(lacks.paths), "system": lacks.system},
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
                toolchain=choices.take_mapping("toolchain", str) if choices.has("toolchain") else None,
                constraints=choices.take_mapping("constraints", str),
                used=choices.take_mapping("used", str),
                built_against=choices.take_mapping("built_against", str),
                git_tags=choices.take("git_tags", (str, type(None))),
            ),
            lacks=Lacks(
                programs=lacks.take_texts("programs"),
                paths=lacks.take_texts("paths"),
                system=lacks.take("system", (str, type(None))),
            ),
            needs=Needs(libraries=needs.take_texts("libraries")),
        )
        for part in [fields, choices, lacks, needs]:
            part.expect_no_more()
        return conditions


class Present(Protocol):
    """The world as it is now."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment that a backend would be given."""

    def toolchain(self) -> Mapping[str, str]:
        """Return the toolchain's variables that are set."""

    def constraints(self, projects: Iterable[str]) -> Mapping[str, str]:
        """Return the build constraints on *projects*, in canonical form."""

    def satisfies(self, version: str, specifier: str) -> bool:
        """Tell whether *version* meets *specifier*."""

    def installed(self, project: str) -> str | None:
        """Return the version of an installed distribution."""

    def git_tags(self) -> str | None:
        """Return the digest of the tags of the checkout; ``None`` while there is no checkout."""

    def find_program(self, name: str) -> str | None:
        """Return where a program is."""

    def has_path(self, path: str) -> bool:
        """Tell whether *path* exists."""

    def system(self) -> str:
        """Return the stamp of what is installed on the system."""

    def has_library(self, name: str) -> bool:
        """Tell whether the dynamic loader would find a shared library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One reason why a wheel is not right here."""

    kind: Kind
    name: str
    was: str | None = None
    now: str | None = None

    def __str__(self) -> str:
        said = {
            "program": f"`{self.name}` was missing and is now at `{self.now}`",
            "path": f"`{self.name}` was missing and is there now",
            "system": "a step of its build failed, and what is installed on the system has changed",
            "library": f"it needs the shared library `{self.name}`, which is not there",
            "git tags": "the tags of its Git repository have changed",
            "unknown tags": "its version may come from Git tags, which are not known before a clone",
        }.get(self.kind)
        return said or f"{self._subject} {self._change}"

    @property
    def _change(self) -> str:
        if self.was is None:
            return f"was not set, is {self.now}"
        return f"was {self.was}, is {self.now}" if self.now is not None else f"was {self.was}, is not set any more"

    @property
    def _subject(self) -> str:
        if self.kind == "constraint":
            return f"the build constraint on `{self.name}`"
        return f"`{self.name}`"


def list_dependences(conditions: Conditions) -> tuple[list[str], list[str]]:
    """Return the names of all that is compared: of what was there, and of what was not."""
    choices, lacks = conditions.choices, conditions.lacks
    variables = {**choices.variables, **choices.shown, **(choices.toolchain or {})}
    there = sorted(name for name, value in variables.items() if value is not None)
    tags = [] if choices.git_tags is None else ["Git tags"]
    there += [*choices.constraints, *choices.built_against, *tags, *conditions.needs.libraries]
    absent = sorted(name for name, value in variables.items() if value is None)
    return there, [*absent, *lacks.programs, *lacks.paths]


def iter_differences(conditions: Conditions, present: Present) -> Iterator[Difference]:
    """Go through what is not as it was, cheap questions first; nothing means that the wheel is right."""
    yield from _iter_changed_variables(conditions.choices, present)
    yield from _iter_changed_requirements(conditions.choices, present)
    tags = conditions.choices.git_tags
    if tags is not None and present.git_tags() != tags:
        yield Difference(kind="git tags" if present.git_tags() else "unknown tags", name="tags")
    for name in conditions.lacks.programs:
        if found := present.find_program(name):
            yield Difference(kind="program", name=name, now=found)
    for path in conditions.lacks.paths:
        if present.has_path(path):
            yield Difference(kind="path", name=path)
    for name in conditions.needs.libraries:
        if not present.has_library(name):
            yield Difference(kind="library", name=name)
    if conditions.lacks.system is not None and conditions.lacks.system != present.system():
        yield Difference(kind="system", name="system")


def _iter_changed_variables(choices: Choices, present: Present) -> Iterator[Difference]:
    for name, digest in choices.variables.items():
        value = present.environ.get(name)
        if digest_value(choices.salt, name, value) != digest:
            was, now = "" if digest is None else "another value", "" if value is None else "another value"
            if was and now:
                was, now = "one value", "another"
            yield Difference(kind="variable", name=name, was=was or None, now="set" if now and not was else now or None)
    today = present.toolchain() if choices.toolchain is not None else {}
    recorded = {**(choices.toolchain or {}), **choices.shown}
    for name in sorted({*recorded, *today}):
        old, new = recorded.get(name), present.environ.get(name)
        if old != new:
            yield Difference(kind="variable", name=name, was=_quoted(old), now=_quoted(new))


def _quoted(text: str | None) -> str | None:
    return None if text is None else f"`{text}`"


def _iter_changed_requirements(choices: Choices, present: Present) -> Iterator[Difference]:
    today = present.constraints(choices.used)
    for project in sorted({*choices.constraints, *today}):
        was, now = choices.constraints.get(project), today.get(project)
        version = choices.used.get(project)
        if was == now or (was is None and now is not None and version and present.satisfies(version, now)):
            continue
        yield Difference(kind="constraint", name=project, was=_quoted(was), now=_quoted(now))
    for project, built_against in choices.built_against.items():
        installed = present.installed(project)
        if installed != built_against:
            yield Difference(kind="requirement", name=project, was=built_against, now=installed)
