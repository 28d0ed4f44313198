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

    def __init__(
        self, folder: Path, install: RequirementInstaller, environ: Mapping[str, str], watch: Watch | None = None
    ) -> None:
        """Create it in *folder*, which the caller made and will remove.

        :param environ: of the process that the build is for.
        :param watch: rides in every Python of the environment.

        :raises EnvironmentCreationError: the running Python cannot make virtual environments.
        """
        self._install = install
        self._path = environ.get("PATH")
        self._scripts, self.paths = _create(folder)
        if watch is not None:
            watch.ride_in(self.paths.library)

    @property
    def python_executable(self) -> str:
        """The interpreter that backends run on."""
        return str(self.paths.python)

    def make_extra_environ(self) -> Mapping[str, str]:
        """Return the variables that make a child process find this environment's programs and no foreign modules."""
        return {"PATH": os.pathsep.join(filter(None, [str(self._scripts), self._path])), "PYTHONPATH": ""}

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

    def __init__(self, environ: Mapping[str, str], watch: Watch | None = None) -> None:
        """Nothing is made.

        :param environ: of the process that the build is for.
        :param watch: rides in every Python that the backend starts.
        """
        self._watch = watch
        self._python_path = environ.get("PYTHONPATH")

    def make_extra_environ(self) -> Mapping[str, str]:
        """Return what the watch needs: a backend sees the environment as it is otherwise."""
        return self._watch.environ(self._python_path) if self._watch is not None else {}


def _create(folder: Path) -> tuple[Path, EnvironmentPaths]:
    try:
        import venv

        # Links as the ``venv`` command makes them: relocatable installations need them, Windows does not have them.
        venv.EnvBuilder(symlinks=os.name != "nt").create(folder)
    except (ImportError, OSError, ValueError) as error:
        raise EnvironmentCreationError(reason=str(error)) from error
    schemes = _schemes_in(folder)
    scripts = Path(schemes["scripts"])
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    if not python.exists():
        raise EnvironmentCreationError(reason=f"there is no interpreter at {python}")
    return scripts, EnvironmentPaths(root=folder, python=python, schemes=schemes, library=Path(schemes["purelib"]))


def _schemes_in(folder: Path) -> dict[str, str]:
    # Python 3.10 has no "venv" scheme; its default may be a distributor's own, which virtual environments do not use.
    fallback = "nt" if os.name == "nt" else "posix_prefix"
    scheme = "venv" if "venv" in sysconfig.get_scheme_names() else fallback
    base = str(folder)
    names = dict.fromkeys(["base", "platbase", "installed_base", "installed_platbase"], base)
    paths = sysconfig.get_paths(scheme=scheme, vars=names)
    headers = folder / "include" / "site" / f"python{sysconfig.get_python_version()}"
    return {**{name: paths[name] for name in ["purelib", "platlib", "scripts", "data"]}, "headers": str(headers)}
