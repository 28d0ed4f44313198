"""pip's child processes run us: the installation of build requirements, and ``--python``.

The child runs ``__pipcache-runner__.py`` on its own interpreter; ``_PIPCACHE_MODULES`` tells it from which folders this
process has pip and what we need.
"""

from __future__ import annotations

import json
import os
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipcache_plugin.pip_bridge.run import current, nested_environ
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipcache_plugin.building.interface import EnvironmentPaths, RequirementInstaller, RequirementKind

MODULES_VARIABLE = "_PIPCACHE_MODULES"

_NEEDED = (
    "pip",
    "pipcache_plugin",
    "build",
    "installer",
    "packaging",
    "platformdirs",
    "pyproject_hooks",
    "tomli",
    "wheel",
)
"""Top-level modules; one that is not here is not needed by this Python, or its lack is noticed where it is."""


class Prefix(NamedTuple):
    """What pip's installers of build requirements ask of a prefix, in all releases."""

    path: str
    lib_dirs: Sequence[str]
    venv_executable: str


def make_installer(
    pip_installer: Any,
    requirement: Any,
) -> RequirementInstaller:
    """Return an installer of build requirements that is pip's own, with all the options that pip hands down."""

    def install(requirements: Sequence[str], environment: EnvironmentPaths, kind: RequirementKind) -> None:
        prefix = Prefix(str(environment.root), [str(environment.library)], str(environment.python))
        run = current()
        assert run is not None, "build environments are made in a run"
        run.environments[prefix.path] = environment
        pip_installer.install(requirements, prefix, kind=kind, for_req=requirement)

    return install


def _call_subprocess(original: PipFunction, cmd: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
    """Start pip's ``[python, runnable pip, "install", …]`` with our runner, in our environment when it is one."""
    words = [*cmd]
    words[1] = str(_runner())
    environ = {**(kwargs.pop("extra_environ", None) or {}), **nested_environ, MODULES_VARIABLE: _modules()}
    environment = _environment_in(words)
    if environment is not None:
        # Up to 26.1 pip installs build requirements with its own interpreter, into a prefix: scripts would start that.
        words[0] = str(environment.python)
        words = [word for word in words if word != "--ignore-installed"]
        path = os.pathsep.join(filter(None, [str(environment.python.parent), os.environ.get("PATH")]))
        environ |= {"PATH": path, "PYTHONPATH": ""}
    return original(words, *args, extra_environ=environ, **kwargs)


def _environment_in(words: Sequence[Any]) -> EnvironmentPaths | None:
    run = current()
    prefix = words[words.index("--prefix") + 1] if "--prefix" in words else None
    return run.environments.get(prefix) if run is not None and prefix is not None else None


def _get_runnable_pip(original: PipFunction) -> str:  # noqa: ARG001 (what our runner falls back to)
    """Return our runner for ``--python``. This process does no more than wait for it."""
    os.environ[MODULES_VARIABLE] = _modules()
    return str(_runner())


def _runner() -> Path:
    return Path(__file__).with_name("__pipcache-runner__.py")


def _modules() -> str:
    """Return, as JSON, the folder in which each needed module is."""
    found = {}
    for name in _NEEDED:
        spec = PathFinder.find_spec(name) or find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            found[name] = str((origin.parent if origin.stem == "__init__" else origin).parent)
    return json.dumps(found)


SEAMS = [
    Seam(
        modules=("pip._internal.build_env.installer", "pip._internal.build_env"),
        name="call_subprocess",
        parameters=("cmd",),
        part=_call_subprocess,
        is_local=True,
    )
]

PYTHON_OPTION_SEAMS = [
    Seam(
        modules=("pip._internal.cli.main_parser",),
        name="get_runnable_pip",
        parameters=(),
        part=_get_runnable_pip,
        is_local=True,
    )
]
