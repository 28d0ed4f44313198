"""Build requirements are installed by a child process of pip's: it runs us, with our caches, in our environments."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from pipcache_plugin.pip_bridge import runner
from pipcache_plugin.pip_bridge.run import current, nested_environ
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipcache_plugin.building.interface import EnvironmentPaths, RequirementInstaller, RequirementKind


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
    words[1] = runner.path()
    environ = {**(kwargs.pop("extra_environ", None) or {}), **nested_environ, runner.MODULES_VARIABLE: runner.modules()}
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


SEAMS = [
    Seam(
        modules=("pip._internal.build_env.installer", "pip._internal.build_env"),
        name="call_subprocess",
        parameters=("cmd",),
        part=_call_subprocess,
        is_local=True,
    )
]
