"""What a wheel that was built without isolation was made for: with another version of it, the wheel would be another.

The declared build requirements other than the backend's own distribution, and whatever the source tree's own build code
imported that carries extension modules or headers (torch, numpy). A new setuptools is no reason to build again.
"""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.building.quiet import quiet
from pipcache_plugin.building.requirements import collect_installed
from pipcache_plugin.machine.modules import has_module

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from importlib.metadata import Distribution

    from pipcache_plugin.building.watching import Observations

_COMPILED = {".so", ".pyd", ".h", ".hpp", ".cuh", ".pxd"}
_NEVER = {"setuptools", "wheel", "pip"}


_BY_NAME = {
    *("import_module", "__import__", "find_spec"),
    *("version", "distribution", "metadata", "requires", "files", "from_name", "get_distribution", "require"),
}
"""Functions that take the name of a module or a distribution."""


def collect_imported(seen: Observations, tree: Path) -> frozenset[str]:
    """Return the top-level modules that the source tree's own code imports, or tries to.

    Seen at work; and read in the files that ran, as what others have loaded before is imported without a trace.
    """
    names = {module for module, _ in seen.imports}
    for file in seen.ran:
        # Backends execute setup.py from its text.
        path = tree / ("setup.py" if file.startswith("<") else file)
        try:
            with quiet():
                names.update(_iter_imports(ast.parse(path.read_bytes())))
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
    return frozenset(filter(None, names))


def _iter_imports(module: ast.AST) -> Iterator[str]:
    for node in ast.walk(module):
        match node:
            case ast.Import(names=aliases):
                yield from (alias.name.partition(".")[0] for alias in aliases)
            case ast.ImportFrom(module=str(name), level=0):
                yield name.partition(".")[0]
            case ast.Call(
                func=ast.Name(id=function) | ast.Attribute(attr=function), args=[ast.Constant(value=str(name)), *_]
            ) if function in _BY_NAME:
                yield from {name, name.partition(".")[0]}


def collect_lacking(seen: Observations, tree: Path) -> tuple[str, ...]:
    """Return the top-level modules that the source tree's own code tried to import and that are not there, sorted."""
    own = set()
    for folder, _, files in os.walk(tree):
        own |= {name.removesuffix(".py") for name in files} | ({Path(folder).name} if "__init__.py" in files else set())
    tried = {module for module, _ in seen.imports} - own
    return tuple(sorted(name for name in tried if not has_module(name)))


def collect_built_against(imported: Collection[str] | None, requires: Sequence[str], backend: str) -> dict[str, str]:
    """Return the version of each such distribution in the running environment, by normalized name.

    :param imported: top-level modules that the source tree's own code imported; ``None``: any, nobody knows.
    :param requires: the declared build requirements.
    :param backend: as in ``pyproject.toml``: ``module`` or ``module:object``.
    """
    from packaging.utils import canonicalize_name

    by_module = _distributions_by_module()
    own = {canonicalize_name(name) for name in by_module.get(backend.partition(":")[0].partition(".")[0], [])}
    names = _iter_required(requires)
    if imported is None:
        names |= set(collect_installed(sys.path))
    for module in imported or ():
        # A version is asked for by the distribution's name.
        names |= {canonicalize_name(name) for name in [*by_module.get(module, []), module] if _is_compiled(name)}
    found = {name: _find(name) for name in sorted(names - own - _NEVER)}
    return {name: distribution.version for name, distribution in found.items() if distribution is not None}


def _distributions_by_module() -> dict[str, list[str]]:
    """Return the names of the distributions that have each top-level module.

    ``importlib.metadata.packages_distributions`` does that from Python 3.11 on; in 3.10 it passes over distributions
    without ``top_level.txt``.
    """
    from importlib.metadata import distributions

    found: dict[str, list[str]] = {}
    for distribution in distributions():
        # A folder that a failed uninstallation left has no name.
        name = distribution.metadata["Name"] if distribution.read_text("METADATA") else None
        if name is None:
            continue
        listed = (distribution.read_text("top_level.txt") or "").split()
        inferred = (_top_level(file.parts) for file in distribution.files or [])
        for module in {*listed, *filter(None, inferred)}:
            found.setdefault(module, []).append(name)
    return found


def _top_level(parts: Sequence[str]) -> str | None:
    """Return the top-level module that an installed file belongs to; ``None`` for metadata, scripts and the like."""
    top = parts[0]
    if len(parts) == 1:
        stem, _, suffix = top.partition(".")
        return stem if suffix.endswith(("py", "so", "pyd")) else None
    return None if top in {"..", "__pycache__"} or "." in top else top


def _iter_required(requires: Sequence[str]) -> set[str]:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    names: set[str] = set()
    for text in requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            names.add(canonicalize_name(requirement.name))
    return names


def _is_compiled(name: str) -> bool:
    distribution = _find(name)
    files = distribution.files if distribution is not None else None
    return any(Path(file).suffix in _COMPILED for file in files or [])


def _find(name: str) -> Distribution | None:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return distribution(name)
    except (PackageNotFoundError, ValueError):
        # What is imported need not be a name that a distribution can have.
        return None
