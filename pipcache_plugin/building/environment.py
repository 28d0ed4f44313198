"""Build environments: a virtual environment of its own for a build, or the one that the front-end runs in."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.building.errors import EnvironmentCreationError
from pipcache_plugin.building.interface import EnvironmentPaths, RequirementInstaller, RequirementKind
from pipcache_plugin.building.requirements import collect_installed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipcache_plugin.building.watching import Watch


class IsolatedEnvironment:
    """A virtual environment for one build; satisfies ``build.env.IsolatedEnv``."""

    def __init__(self, folder: Path, install: RequirementInstaller, watch: Watch | None = None) -> None:
        """Create it in *folder*, which the caller made and will remove.

        :param watch: rides in every Python of the environment.

        :raises EnvironmentCreationError: the running Python cannot make virtual environments.
        """
        self._install = install
        self._scripts, self.paths = _create(folder)
        if watch is not None:
            watch.ride_in(self.paths.library)

    @property
    def python_executable(self) -> str:
        """The interpreter that backends run on."""
        return str(self.paths.python)

    def make_extra_environ(self) -> Mapping[str, str]:
        """Return the variables that make a child process find this environment's programs and no foreign modules."""
        path = os.environ.get("PATH")
        return {"PATH": os.pathsep.join(filter(None, [str(self._scripts), path])), "PYTHONPATH": ""}

    def install(self, requirements: Sequence[str], kind: RequirementKind) -> None:
        """Install *requirements*, if any."""
        if requirements:
            self._install(requirements, self.paths, kind)

    def collect_installed(self) -> dict[str, str]:
        """Return the version of each distribution in the environment, by normalized name."""
        return collect_installed([str(self.paths.library)])


class CurrentEnvironment:
    """No isolation: the backend runs on the Python, and with the modules, that the front-end runs with."""

    python_executable = sys.executable

    def __init__(self, watch: Watch | None = None) -> None:
        """Nothing is made.

        :param watch: rides in every Python that the backend starts.
        """
        self._watch = watch

    def make_extra_environ(self) -> Mapping[str, str]:
        """Return what the watch needs: a backend sees the environment as it is otherwise."""
        return self._watch.environ(os.environ.get("PYTHONPATH")) if self._watch is not None else {}


def _create(folder: Path) -> tuple[Path, EnvironmentPaths]:
    try:
        import venv

        # Links as the ``venv`` command makes them: relocatable installations need them, Windows does not have them.
        venv.EnvBuilder(symlinks=os.name != "nt").create(folder)
    except (ImportError, OSError, ValueError) as error:
        raise EnvironmentCreationError(reason=str(error)) from error
    scripts = _path_in(folder, "scripts")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    if not python.exists():
        raise EnvironmentCreationError(reason=f"there is no interpreter at {python}")
    return scripts, EnvironmentPaths(root=folder, python=python, library=_path_in(folder, "purelib"))


def _path_in(folder: Path, name: str) -> Path:
    # Python 3.10 has no "venv" scheme; its default may be a distributor's own, which virtual environments do not use.
    fallback = "nt" if os.name == "nt" else "posix_prefix"
    scheme = "venv" if "venv" in sysconfig.get_scheme_names() else fallback
    base = str(folder)
    return Path(sysconfig.get_path(name, scheme=scheme, vars={"base": base, "platbase": base}))
