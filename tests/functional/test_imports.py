"""A lean start: what each path loads, pinned."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.factories import make_sdist, make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.commands import Commands
    from tests.functional.server import Index

OURS = "pipcache_plugin"

START = {
    "pipcache_plugin",
    "pipcache_plugin.cli",
    "pipcache_plugin.errors",
    "pipcache_plugin.pip_bridge",
    "pipcache_plugin.pip_bridge.notices",
    "pipcache_plugin.pip_bridge.runner",
    "pipcache_plugin.pip_bridge.seams",
    "pipcache_plugin.pip_bridge.start",
    "pipcache_plugin.pip_bridge.version",
}
"""To run pip at all."""

RESOLVING = {"pipcache_plugin.pip_bridge.beginning"}
"""To see whether there is something to install."""

EXPLAINING = {
    "pipcache_plugin.management",
    "pipcache_plugin.management.explain",
    "pipcache_plugin.management.stores",
    "pipcache_plugin.settings",
    "pipcache_plugin.store",
    "pipcache_plugin.store.blobs",
    "pipcache_plugin.store.counts",
    "pipcache_plugin.store.damaged",
    "pipcache_plugin.store.documents",
    "pipcache_plugin.store.environments",
    "pipcache_plugin.store.location",
    "pipcache_plugin.store.locks",
    "pipcache_plugin.store.log",
    "pipcache_plugin.store.owners",
    "pipcache_plugin.store.resolutions",
    "pipcache_plugin.store.scanning",
    "pipcache_plugin.store.store",
    "pipcache_plugin.store.trees",
    "pipcache_plugin.files",
    "pipcache_plugin.units",
}
"""To look into a store."""

ONLY_FOR_BUILDING = {
    "pipcache_plugin.building.project",
    "pipcache_plugin.building.watching",
    "pipcache_plugin.installation.wheels",
    "pipcache_plugin.pip_bridge.backends",
    "pipcache_plugin.pip_bridge.build_environment",
    "pipcache_plugin.pip_bridge.live",
    "pipcache_plugin.pip_bridge.requirement_build",
}
"""What an installation of wheels has no use for."""


def loaded(commands: Commands, *args: str | Path, module: str = OURS) -> set[str]:
    """Return the modules that a command loads, in its process."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", module, *map(str, args)],
        env={**commands.environ(), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=commands.work,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(re.findall(r"^import time: .*\| +(\S+)$", done.stderr, re.MULTILINE))


def of_ours(modules: set[str]) -> set[str]:
    """Return what modules are ours."""
    return {name for name in modules if name.partition(".")[0] == OURS}


def added(commands: Commands, *args: str | Path) -> set[str]:
    """Return what a command loads more than with stock pip, ours aside."""
    ours, pips = (loaded(commands, *args, module=module) for module in [OURS, "pip"])
    return ours - pips - of_ours(ours) - set(sys.builtin_module_names)


def test_nothing_to_do(pipcache: Commands) -> None:
    """Everything is installed: pip, and next to nothing of ours."""
    args = ["install", "build", "packaging"]
    assert of_ours(loaded(pipcache, *args)) == {*START, *RESOLVING}
    assert added(pipcache, *args) == set()


def test_command_that_we_have_no_part_in(pipcache: Commands) -> None:
    """``list``, for one."""
    assert of_ours(loaded(pipcache, "list")) == START
    assert added(pipcache, "list") == set()


def test_explain_loads_no_pip(pipcache: Commands) -> None:
    """The store is enough."""
    modules = loaded(pipcache, "explain")
    assert of_ours(modules) == {"pipcache_plugin", "pipcache_plugin.cli", "pipcache_plugin.errors", *EXPLAINING}
    assert not any(name.partition(".")[0] == "pip" for name in modules)


def test_hit_loads_nothing_that_builds(index: Index, pipcache: Commands, tmp_path: Path) -> None:
    """Wheels, found or downloaded, are installed without what builds them."""
    make_sdist(index.folder)
    make_wheel(index.folder, name="other")
    for number in range(2):
        modules = loaded(pipcache, "install", "simple", "other", "--target", tmp_path / str(number), *index.options)
    assert of_ours(modules) & ONLY_FOR_BUILDING == set()
    heavy = {"build", "pyproject_hooks", "installer", "elftools", "wheel"}
    assert heavy & modules == set()
