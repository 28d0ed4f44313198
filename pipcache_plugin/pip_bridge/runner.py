"""Run us on another interpreter: for ``--python``, and for the installation of build requirements.

The child runs ``__pipcache-runner__.py``; ``_PIPCACHE_MODULES`` tells it from which folders this process has pip and
what we need.
"""

from __future__ import annotations

import os
from pathlib import Path

from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

MODULES_VARIABLE = "_PIPCACHE_MODULES"

_NEEDED = (
    "pip",
    "pipcache_plugin",
    "build",
    "installer",
    "packaging",
    "elftools",
    "platformdirs",
    "pyproject_hooks",
    "tomli",
    "wheel",
)
"""Top-level modules; one that is not here is not needed by this Python, or its lack is noticed where it is."""


def path() -> str:
    """Return the file that the other interpreter is to run."""
    return str(Path(__file__).with_name("__pipcache-runner__.py"))


def modules() -> str:
    """Return, as JSON, the folder in which each needed module is: the value of ``_PIPCACHE_MODULES``."""
    import json
    from importlib.util import find_spec

    found = {}
    for name in _NEEDED:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            found[name] = str(origin.parent.parent if spec.submodule_search_locations else origin.parent)
    return json.dumps(found)


def _get_runnable_pip(original: PipFunction) -> str:  # noqa: ARG001 (what our runner falls back to)
    """Return our runner for ``--python``. This process does no more than wait for it."""
    os.environ[MODULES_VARIABLE] = modules()
    return path()


SEAMS = [
    Seam(
        modules=("pip._internal.cli.main_parser",),
        name="get_runnable_pip",
        parameters=(),
        part=_get_runnable_pip,
        is_local=True,
    )
]
