"""A present that is as it is told to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pipcache_plugin.keys.environment import select_toolchain


@dataclass(kw_only=True)
class FakePresent:
    """Satisfies ``keys.differences.Present``: nothing is set, installed or there unless a field says so."""

    environ: Mapping[str, str] = field(default_factory=dict)
    build_constraints: Mapping[str, str] = field(default_factory=dict)
    installed_versions: Mapping[str, str] = field(default_factory=dict)
    tags: str | None = None
    programs: Mapping[str, str] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)
    listings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    stamp: str = "stamp"
    searched: tuple[str, ...] = ()
    libraries: set[str] = field(default_factory=set)
    is_toolchain_exact: bool = False
    identities: Mapping[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The names of the costly questions that were asked, in order."""

    def toolchain(self) -> Mapping[str, str]:
        """See the Protocol."""
        return select_toolchain(self.environ)

    def constraints(self, projects: Iterable[str]) -> Mapping[str, str]:
        """See the Protocol."""
        return {name: self.build_constraints[name] for name in projects if name in self.build_constraints}

    def satisfies(self, version: str, specifier: str) -> bool:
        """See the Protocol."""
        try:
            return SpecifierSet(specifier).contains(version, prereleases=True)
        except InvalidSpecifier:
            return False

    def installed(self, project: str) -> str | None:
        """See the Protocol."""
        return self.installed_versions.get(project)

    def git_tags(self) -> str | None:
        """See the Protocol."""
        self.asked.append("git tags")
        return self.tags

    def find_program(self, name: str) -> str | None:
        """See the Protocol."""
        return self.programs.get(name)

    def identify_program(self, name: str) -> str | None:
        """See the Protocol."""
        self.asked.append("program")
        return self.identities.get(name)

    def has_path(self, path: str) -> bool:
        """See the Protocol."""
        return path in self.paths

    def list_folder(self, path: str) -> Sequence[str]:
        """See the Protocol."""
        return self.listings.get(path, ())

    def has_module(self, name: str) -> bool:
        """See the Protocol."""
        return name in self.modules

    def system(self, searched: Sequence[str] = ()) -> str:
        """See the Protocol."""
        self.asked.append("system")
        return self.stamp if tuple(searched) == self.searched else "of other folders"

    def has_library(self, name: str) -> bool:
        """See the Protocol."""
        return name in self.libraries
