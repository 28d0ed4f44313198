"""The world as it is now, as far as pip and this machine know it: what a wheel's conditions are compared with."""

from __future__ import annotations

import copy
import functools
import os
from typing import TYPE_CHECKING, Any

from pipcache_plugin.keys.environment import select_toolchain
from pipcache_plugin.machine.programs import find_program, split_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from optparse import Values


class PipPresent:
    """The present of one run; satisfies ``keys.differences.Present``."""

    def __init__(self, options: Values, session: Any, finder: Any, *, is_toolchain_exact: bool = False) -> None:
        """Nothing is asked yet, but for the environment: pip changes its own now and then, for what it builds."""
        self.is_toolchain_exact = is_toolchain_exact
        """See the Protocol."""

        self.environ: Mapping[str, str] = {
            name: value for name, value in os.environ.items() if not name.startswith("_PIPCACHE_")
        }
        """See the Protocol."""

        self._options = options
        self.session = session
        self._finder = finder
        self._checkout: str | None = None
        self._all_constraints: list[Mapping[str, str]] = []

    def at(self, checkout: str | None) -> PipPresent:
        """Return the same present for a source that is checked out in the folder *checkout*."""
        other = copy.copy(self)
        other._checkout = checkout
        return other

    def toolchain(self) -> Mapping[str, str]:
        """See the Protocol."""
        return select_toolchain(self.environ)

    def constraints(self, projects: Iterable[str]) -> Mapping[str, str]:
        """See the Protocol."""
        return {name: self._constraints[name] for name in projects if name in self._constraints}

    def satisfies(self, version: str, specifier: str) -> bool:
        """See the Protocol."""
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        try:
            return SpecifierSet(specifier).contains(version, prereleases=True)
        except InvalidSpecifier:
            # A constraint with a URL: only the very same one is met.
            return False

    def installed(self, project: str) -> str | None:
        """See the Protocol."""
        return self.all_installed.get(project)

    @functools.cached_property
    def all_installed(self) -> Mapping[str, str]:
        """The versions of all distributions that the running Python finds, by normalized name."""
        import sys

        from pipcache_plugin.building.requirements import collect_installed

        return collect_installed(sys.path)

    def git_tags(self) -> str | None:
        """See the Protocol."""
        return _digest_tags(self._checkout) if self._checkout is not None else None

    def find_program(self, name: str) -> str | None:
        """See the Protocol."""
        return find_program(name, split_path(self.environ.get("PATH")))

    def identify_program(self, name: str) -> str | None:
        """See the Protocol."""
        from pipcache_plugin.machine.identity import identify_program

        return identify_program(name, self.environ)

    def has_path(self, path: str) -> bool:
        """See the Protocol."""
        return os.path.exists(path)

    def list_folder(self, path: str) -> Sequence[str]:
        """See the Protocol."""
        from pipcache_plugin.machine.folders import list_folder

        return list_folder(path)

    def has_module(self, name: str) -> bool:
        """See the Protocol."""
        from pipcache_plugin.machine.modules import has_module

        return has_module(name)

    def system(self, searched: Sequence[str] = ()) -> str:
        """See the Protocol."""
        from pipcache_plugin.machine.stamp import stamp_system

        return stamp_system(self.environ, searched)

    def has_library(self, name: str) -> bool:
        """See the Protocol."""
        from pipcache_plugin.machine.libraries import has_library

        return has_library(name)

    @property
    def _constraints(self) -> Mapping[str, str]:
        """All build constraints, by normalized name: specifiers and markers in canonical order. Read once."""
        if not self._all_constraints:
            self._all_constraints.append(self._read_constraints())
        return self._all_constraints[0]

    def _read_constraints(self) -> Mapping[str, str]:
        from pip._internal.req.constructors import install_req_from_parsed_requirement
        from pip._internal.req.req_file import parse_requirements
        from pip._internal.utils.misc import remove_auth_from_url
        from pip._vendor.packaging.utils import canonicalize_name

        found: dict[str, list[str]] = {}
        for file in _constraint_files(self._options):
            for parsed in parse_requirements(
                file, constraint=True, finder=self._finder, options=self._options, session=self.session
            ):
                requirement = install_req_from_parsed_requirement(parsed)
                if requirement.req is not None and requirement.match_markers():
                    name = canonicalize_name(requirement.req.name)
                    link = requirement.link
                    # A URL may have a secret in it, in its query for one, and is compared as a whole.
                    text = _digest(remove_auth_from_url(link.url)) if link else str(requirement.req.specifier)
                    found.setdefault(name, []).append(text)
        return {name: ",".join(sorted(",".join(texts).split(","))) for name, texts in found.items()}


def _constraint_files(options: Values) -> list[str]:
    files: list[str] = list(getattr(options, "build_constraints", None) or [])
    if not files and not _ignores_regular_constraints(options):
        # Up to 26.1, constraints of the environment and the configuration reached build environments all the same,
        # unless build constraints were given.
        files = _configured_constraints(options)
    return files


def _configured_constraints(options: Values) -> list[str]:
    """Return the files of constraints that every pip in this environment reads, whatever its command line has."""
    from pip._internal.configuration import Configuration

    configuration = Configuration(isolated=options.isolated_mode)
    configuration.load()
    values = dict(configuration.items())
    merged = {name: value for kind in values.values() if isinstance(kind, dict) for name, value in kind.items()}
    for name in [":env:.constraint", "install.constraint", "global.constraint"]:
        if merged.get(name):
            return str(merged[name]).split()
    return []


def _ignores_regular_constraints(options: Values) -> bool:
    from pip._internal import build_env

    return hasattr(build_env, "VenvBuildEnvironment") or "build-constraint" in options.features_enabled


def _digest(text: str) -> str:
    import hashlib

    return f"sha256={hashlib.sha256(text.encode()).hexdigest()}"


def _digest_tags(checkout: str) -> str:
    """Return a digest of the tags that Git tells of, and of what they point at."""
    import hashlib
    import subprocess

    try:
        done = subprocess.run(
            ["git", "-C", checkout, "show-ref", "--tags", "--dereference"],  # noqa: S607 (the one that builds ask)
            capture_output=True,
            check=False,
        )
    except OSError:
        return "unknown"
    return hashlib.sha256(done.stdout).hexdigest()
