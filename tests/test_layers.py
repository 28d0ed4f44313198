"""Imports point down: which room may know of which, read from the source of every module.

Every ``import`` counts, in functions and under ``TYPE_CHECKING`` too: to name a type is to know of it.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import pipcache_plugin

OURS = "pipcache_plugin"

ALLOWED = {
    "errors": set[str](),
    "files": {"errors"},
    "archives": set(),
    "units": set(),
    "settings": {"errors", "units"},
    "keys": {"keys", "errors", "files"},
    "store": {"store", "keys", "errors", "files", "archives"},
    "machine": {"machine", "keys", "errors", "files"},
    "shells": {"shells", "errors", "files"},
    "installation": {"installation", "errors", "files", "archives"},
}
"""All that these rooms may import of ours."""

FORBIDDEN = {
    "building": {"pip_bridge", "management"},
    "management": {"pip_bridge", "building"},
}
"""What these may not; the rest is theirs to choose."""

WATCHER = f"{OURS}.building.watcher"
"""What may take private names from the standard library: it changes what that does. Executed, and never imported."""

BRIDGE = "pip_bridge"
"""The one room that may import pip, and pip's underscored names."""

ENTRIES = {"cli": {"__main__"}, "__main__": set[str]()}
"""Who may import the command line, and what runs it."""


@dataclass(frozen=True)
class Import:
    """One name that a module imports."""

    importer: str
    """Dotted name of the module."""

    line: int
    target: str
    """Dotted name of what is imported: a module, or a name in one."""

    @property
    def importing_room(self) -> str:
        """Return the room of the module that imports."""
        return room_of(self.importer)

    @property
    def imported_room(self) -> str | None:
        """Return the room of ours that is imported; ``None`` for another project's."""
        return room_of(self.target) if is_below(self.target, OURS) else None

    def __str__(self) -> str:
        """Return what can be found in an editor."""
        return f"{self.importer}:{self.line} imports {self.target}"


def is_below(name: str, top: str) -> bool:
    """Tell whether a dotted name is *top*, or in it."""
    return name == top or name.startswith(top + ".")


def room_of(name: str) -> str:
    """Return ``keys`` of ``pipcache_plugin.keys.source``; empty for the package itself."""
    return name.split(".")[1] if "." in name else ""


def is_underscored(name: str) -> bool:
    """Tell whether some part of a dotted name is private."""
    return any(part.startswith("_") and not part.endswith("__") for part in name.split("."))


def iter_imports(importer: str, source: str) -> Iterator[Import]:
    """Go through all that a module imports, and the private names that it takes from modules it imported."""
    foreign: dict[str, str] = {}
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(importer, node.lineno, alias.name)
                foreign[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            package = importer.split(".")[: -node.level] if node.level else []
            base = ".".join([*package, *filter(None, [node.module])])
            for alias in node.names:
                yield Import(importer, node.lineno, f"{base}.{alias.name}")
                foreign[alias.asname or alias.name] = f"{base}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and is_underscored(node.attr):
            module = foreign.get(node.value.id)
            if module is not None:
                yield Import(importer, node.lineno, f"{module}.{node.attr}")


def violates(found: Import) -> bool:
    """Tell whether an import breaks a rule."""
    room, target = found.importing_room, found.imported_room
    if target is None:
        if is_below(found.target, "pip"):
            return room != BRIDGE
        is_for_the_watcher = is_below(found.importer, WATCHER) and found.target.split(".")[0] in sys.stdlib_module_names
        return is_underscored(found.target) and not is_for_the_watcher
    if target in ENTRIES:
        return room not in ENTRIES[target]
    if room in ALLOWED:
        return target not in ALLOWED[room]
    return target in FORBIDDEN.get(room, set())


def find_violations(sources: Mapping[str, str]) -> list[str]:
    """Return the imports that break a rule, among modules given by dotted name."""
    return [str(found) for name, text in sources.items() for found in iter_imports(name, text) if violates(found)]


def collect_sources() -> dict[str, str]:
    """Return the source of each of our modules, by dotted name."""
    folder = Path(pipcache_plugin.__file__).parent
    sources = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        # The name of a package's own module has a last part too, so that relative imports are resolved alike.
        sources[".".join(parts)] = path.read_text(encoding="utf-8")
    return sources


def test_imports_point_down() -> None:
    """No module of ours breaks a rule."""
    assert find_violations(collect_sources()) == []


def test_all_rooms_are_seen() -> None:
    """The test above reads what it should, and rules are about rooms that there are."""
    rooms = {room_of(name) for name in collect_sources()}
    assert rooms >= {*ALLOWED, *FORBIDDEN, BRIDGE, *ENTRIES}
    assert f"{OURS}.{BRIDGE}.__pipcache-runner__" in collect_sources()


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("keys.source", "import pip"),
        ("building.project", "import pip._internal.cli"),
        ("cli", "from pip import main"),
        ("store.store", "def load():\n    from pip._vendor import requests"),
        ("management.contents", "if TYPE_CHECKING:\n    from pip._internal.models.link import Link"),
        ("keys.source", "from pipcache_plugin.store.store import Store"),
        ("keys.source", "from pipcache_plugin import store"),
        ("keys.source", "from ..store import blobs"),
        ("keys.__init__", "from ..building import once"),
        ("store.store", "import pipcache_plugin.building.once"),
        ("store.store", "from pipcache_plugin.machine import programs"),
        ("keys.conditions", "from pipcache_plugin.machine.programs import find_program"),
        ("machine.programs", "from pipcache_plugin.store import store"),
        ("machine.stamp", "from pipcache_plugin.building import evidence"),
        ("building.watching", "import sys\nsys._getframe()"),
        ("building.watcher.imports", "import build._builder"),
        ("building.watcher.imports", "import pip"),
        ("store.store", "from pipcache_plugin.management import contents"),
        ("files", "from pipcache_plugin.store import store"),
        ("building.once", "from pipcache_plugin.pip_bridge.run import Run"),
        ("building.once", "from pipcache_plugin import management"),
        ("management.contents", "from pipcache_plugin.building.wheels import verify"),
        ("management.contents", "from pipcache_plugin.pip_bridge import run"),
        ("pip_bridge.start", "from pipcache_plugin import cli"),
        ("building.once", "from pipcache_plugin.cli import main"),
        ("cli", "import pipcache_plugin.__main__"),
        ("building.project", "from build._builder import ProjectBuilder"),
        ("building.project", "import build._builder"),
        ("building.project", "import build\nbuild._builder.x()"),
        ("building.wheels", "from wheel.wheelfile import _secret"),
        ("pip_bridge.run", "from packaging._parser import parse"),
        ("pip_bridge.run", "from packaging import tags as t\nt._cpython_tags()"),
        ("files", "import _thread"),
    ],
)
def test_rules_are_enforced(importer: str, source: str) -> None:
    """Each of these is a violation."""
    assert len(find_violations({f"{OURS}.{importer}": source})) >= 1


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("pip_bridge.start", "import pip\nfrom pip._internal.cli import main\nmain._private()"),
        ("pip_bridge.start", "from pip._vendor.packaging.version import Version"),
        ("pip_bridge.start", "from pipcache_plugin.building.once import BuildOnce"),
        ("cli", "def main():\n    from pipcache_plugin.pip_bridge import start"),
        ("__main__", "from pipcache_plugin.cli import main"),
        ("keys.build_key", "from __future__ import annotations\nfrom pipcache_plugin.keys.source import Source"),
        ("keys.build_key", "from .source import Source\nfrom ..errors import PipCacheError"),
        ("store.blobs", "from pipcache_plugin.files import sha256_of"),
        ("building.wheels", "import pipeline"),
        ("building.evidence", "from pipcache_plugin.machine.programs import find_program"),
        ("machine.libraries", "from pipcache_plugin.files import sha256_of"),
        ("building.watcher.imports", "import sys, _posixsubprocess\nsys._getframe()"),
        ("building.wheels", "import build\nprint(build.__version__)"),
        ("management.contents", "from pipcache_plugin.store.store import Store"),
    ],
)
def test_rules_forbid_nothing_else(importer: str, source: str) -> None:
    """None of these is one."""
    assert find_violations({f"{OURS}.{importer}": source}) == []


def collect_imported(statement: str) -> set[str]:
    """Return the modules that *statement* loads in a process of its own."""
    script = (
        f"import json, sys; before = set(sys.modules); {statement}; print(json.dumps([*set(sys.modules) - before]))"
    )
    return set(json.loads(subprocess.check_output([sys.executable, "-c", script], text=True, timeout=60)))


def test_command_line_imports_next_to_nothing() -> None:
    """The way to pip is short: nothing of ours but itself, and no other project at all."""
    imported = collect_imported("import pipcache_plugin.cli")
    assert {name for name in imported if is_below(name, OURS)} == {OURS, f"{OURS}.cli"}
    assert {name.split(".")[0] for name in imported} <= {OURS, *sys.stdlib_module_names}


EXTENDING = {f"{OURS}.installation.wheels"}
"""Modules whose classes extend another project's; imported where they are needed, as that project is."""

LOWER_MODULES = [
    name
    for name in collect_sources()
    if room_of(name) in {*ALLOWED, *FORBIDDEN}
    and not is_below(name, WATCHER)
    and name not in EXTENDING
    and "-" not in name
]


def test_lower_rooms_import_other_projects_when_they_need_them() -> None:
    """A hit loads them without build, packaging, wheel and the like; those are imported in functions."""
    names = ", ".join(name.removesuffix(".__init__") for name in LOWER_MODULES)
    imported = collect_imported(f"import {names}")
    assert {name.split(".")[0] for name in imported} <= {OURS, *sys.stdlib_module_names}
