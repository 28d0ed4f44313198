"""Is a stored wheel right here? Its conditions compared with the present, and what is different in a sentence.

No difference means that a fresh build would give nothing that the user could tell apart, or something worse. Presence
is never a condition: a compiler that is newer, or gone, changes nothing; but for who wants the toolchain to be exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from pipcache_plugin.keys.environment import digest_value, is_common, is_picked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipcache_plugin.keys.conditions import Choices, Conditions, Lacks

Kind: TypeAlias = Literal[
    "variable",
    "constraint",
    "requirement",
    "git tags",
    "unknown tags",
    "program",
    "path",
    "listing",
    "module",
    "system",
    "library",
    "missing library",
    "toolchain",
]


class Present(Protocol):
    """The world as it is now."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment that a backend would be given."""

    @property
    def is_toolchain_exact(self) -> bool:
        """Whether the programs that built a wheel must be here, and the same."""

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

    def identify_program(self, name: str) -> str | None:
        """Return the digest of a program; ``None`` when there is none."""

    def has_path(self, path: str) -> bool:
        """Tell whether *path* exists."""

    def list_folder(self, path: str) -> Sequence[str]:
        """Return the names in a folder, sorted; none of one that is not there."""

    def has_module(self, name: str) -> bool:
        """Tell whether the Python of a build without isolation finds a top-level module."""

    def system(self, searched: Sequence[str] = ()) -> str:
        """Return the stamp of what is installed on the system, and in the folders *searched*."""

    def has_library(self, name: str) -> bool:
        """Tell whether the dynamic loader would find a shared library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One reason why a wheel is not right here."""

    kind: Kind
    name: str
    was: str | None = None
    now: str | None = None
    """Of the toolchain: what is said of all its programs that are not the same."""

    def __str__(self) -> str:
        said = {
            "program": f"`{self.name}` was missing and is now at `{self.now}`",
            "path": f"`{self.name}` was missing and is there now",
            "listing": f"its build looked through `{self.name}`, into which `{self.now}` has come",
            "module": f"the module `{self.name}` was missing and can be imported now",
            "system": "something that its build lacked may be there now: what is installed on the system has changed",
            "library": f"the shared library `{self.name}` was missing and is there now",
            "missing library": f"it needs the shared library `{self.name}`, which is not there",
            "toolchain": self.now,
            "git tags": "the tags of its Git repository have changed",
            "unknown tags": "its version may come from Git tags, which are not known before a clone",
        }.get(self.kind)
        return said or f"{self._subject} {self._change}"

    @property
    def _change(self) -> str:
        if self.was is None:
            return f"was not set, is {self.now}"
        gone = "not installed any more" if self.kind == "requirement" else "not set any more"
        return f"was {self.was}, is {self.now or gone}"

    @property
    def _subject(self) -> str:
        if self.kind == "constraint":
            return f"the build constraint on `{self.name}`"
        return f"`{self.name}`"


def list_dependences(conditions: Conditions, *, is_toolchain_exact: bool = False) -> tuple[list[str], list[str]]:
    """Return the names of all that is compared: of what was there, and of what was not; the project's own first."""
    choices, lacks = conditions.choices, conditions.lacks
    variables = {**choices.variables, **choices.shown, **(choices.toolchain or {})}
    names = sorted(variables, key=lambda name: (is_common(name), name))
    tags = [] if choices.git_tags is None else ["Git tags"]
    there = [name for name in names if variables[name] is not None]
    there += filter(None, choices.started if is_toolchain_exact else [])
    there += [*choices.constraints, *choices.built_against, *tags, *conditions.needs.libraries, *lacks.listings]
    absent = [name for name in names if variables[name] is None]
    families = [f"{prefix}*" if prefix else "any other variable" for prefix in choices.prefixes]
    found = [*lacks.programs, *lacks.paths, *lacks.libraries, *lacks.modules, *families]
    return there, [*filter(lambda name: not is_common(name), absent), *found, *filter(is_common, absent)]


def iter_differences(conditions: Conditions, present: Present) -> Iterator[Difference]:
    """Go through what is not as it was, cheap questions first; nothing means that the wheel is right."""
    yield from _iter_changed_variables(conditions.choices, present)
    yield from _iter_changed_requirements(conditions.choices, present)
    tags = conditions.choices.git_tags
    if tags is not None and present.git_tags() != tags:
        yield Difference(kind="git tags" if present.git_tags() else "unknown tags", name="tags")
    yield from _iter_appeared(conditions.lacks, present)
    for name in conditions.needs.libraries:
        if not present.has_library(name):
            yield Difference(kind="missing library", name=name)
    lacks = conditions.lacks
    if lacks.system is not None and lacks.system != present.system(lacks.searched):
        yield Difference(kind="system", name="system")
    if present.is_toolchain_exact:
        yield from _iter_other_programs(conditions.choices, present)


def _iter_appeared(lacks: Lacks, present: Present) -> Iterator[Difference]:
    for name in lacks.programs:
        if found := present.find_program(name):
            yield Difference(kind="program", name=name, now=found)
    yield from (Difference(kind="path", name=path) for path in lacks.paths if present.has_path(path))
    for path, names in lacks.listings.items():
        for name in sorted({*present.list_folder(path)}.difference(names))[:1]:
            yield Difference(kind="listing", name=path, now=name)
    yield from (Difference(kind="library", name=name) for name in lacks.libraries if present.has_library(name))
    yield from (Difference(kind="module", name=name) for name in lacks.modules if present.has_module(name))


def _iter_other_programs(choices: Choices, present: Present) -> Iterator[Difference]:
    """Go through the one difference that all programs make together: a wheel is told to be wrong in one sentence."""
    gone = [name for name in choices.started if name and present.find_program(name) is None]
    unknown = [name for name, digest in choices.started.items() if digest is None and name not in gone]
    left = {name: digest for name, digest in choices.started.items() if name not in {*gone, *unknown}}
    other = [name for name, digest in left.items() if present.identify_program(name) != digest]
    said = []
    if other:
        is_one = len(other) == 1
        what = "is another program than the one" if is_one else "are other programs than those"
        said.append(f"{_enumerate(other)} {what} it was built with")
    if gone:
        said.append(f"{_enumerate(gone)} {'is' if len(gone) == 1 else 'are'} not here")
    if unknown:
        said.append(f"it is not known which {_enumerate(unknown)} it was built with")
    if said:
        yield Difference(kind="toolchain", name=", ".join([*other, *gone, *unknown]), now=", and ".join(said))


_MOST_PROGRAMS = 5
"""So many names in a sentence."""


def _enumerate(names: Sequence[str]) -> str:
    """Return "`a`, `b` and `c`", or the first ones "and 3 more"."""
    quoted = [f"`{name}`" if name else "program" for name in names]
    *first, last = quoted if len(quoted) <= _MOST_PROGRAMS else [*quoted[:4], f"{len(quoted) - 4} more"]
    return f"{', '.join(first)} and {last}" if first else last


def _iter_changed_variables(choices: Choices, present: Present) -> Iterator[Difference]:
    for name, digest in choices.variables.items():
        value = present.environ.get(name)
        if digest_value(choices.salt, name, value) != digest:
            # Neither value is told.
            if digest is None or value is None:
                was, now = None if digest is None else "set", None if value is None else "set"
            else:
                was, now = "one value", "another"
            yield Difference(kind="variable", name=name, was=was, now=now)
    today = present.toolchain() if choices.toolchain is not None else {}
    recorded = {**(choices.toolchain or {}), **choices.shown}
    for name in sorted({*recorded, *today}):
        old, new = recorded.get(name), present.environ.get(name)
        if old != new:
            yield Difference(kind="variable", name=name, was=_quoted(old), now=_quoted(new))
    if choices.prefixes:
        for name in sorted(present.environ):
            if is_picked(name, choices.prefixes) and name not in {**choices.variables, **recorded}:
                yield Difference(kind="variable", name=name, now="set")


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
