"""What a wheel that was built without isolation was made for: with another version of it, the wheel would be another.

The declared build requirements other than the backend's own distribution, and whatever the source tree's own build code
imported that carries extension modules or headers (torch, numpy). A new setuptools is no reason to build again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import Distribution

    from pipcache_plugin.building.watching import Observations

_COMPILED = {".so", ".pyd", ".h", ".hpp", ".cuh", ".pxd"}
_NEVER = {"setuptools", "wheel", "pip"}


def collect_built_against(seen: Observations, requires: Sequence[str], backend: str) -> dict[str, str]:
    """Return the version of each such distribution in the running environment, by normalized name.

    :param requires: the declared build requirements.
    :param backend: as in ``pyproject.toml``: ``module`` or ``module:object``.
    """
    from importlib.metadata import packages_distributions

    from packaging.utils import canonicalize_name

    by_module = packages_distributions()
    own = {canonicalize_name(name) for name in by_module.get(backend.partition(":")[0].partition(".")[0], [])}
    names = _iter_required(requires)
    for module in {module for module, _ in seen.imports}:
        names |= {canonicalize_name(name) for name in by_module.get(module, []) if _is_compiled(name)}
    found = {name: _find(name) for name in sorted(names - own - _NEVER)}
    return {name: distribution.version for name, distribution in found.items() if distribution is not None}


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
    except PackageNotFoundError:
        return None
