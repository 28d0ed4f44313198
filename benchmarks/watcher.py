"""What watching costs: wheels of real sdists built with and without the watcher, in turn, environments set up before.

Prints ratios of processor time, of the builds' processes alone.

usage: watcher.py [ROUNDS]

Needs the package index.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from pipcache_plugin.building.environment import IsolatedEnvironment
from pipcache_plugin.building.interface import EnvironmentPaths, Hook, RequirementKind
from pipcache_plugin.building.project import Project, SourceTree
from pipcache_plugin.building.watching import Watch

SDISTS = {
    "docopt==0.6.2": ["setuptools"],
    "markupsafe==2.1.5": ["setuptools"],
    "simplejson==3.19.3": ["setuptools"],
}
"""One that is pure, and two with extension modules; each with what it takes to build it."""


def install(requirements: Sequence[str], environment: EnvironmentPaths, kind: RequirementKind) -> None:  # noqa: ARG001
    """Install build requirements with plain pip."""
    command = [sys.executable, "-m", "pip", "--python", str(environment.python), "install", "--quiet", *requirements]
    subprocess.run(command, check=True)


def make_project(folder: Path, sdist: Path, requires: Sequence[str], *, is_watched: bool) -> Project:
    """Unpack *sdist* and set up its build environment."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (tree,) = folder.iterdir()
    aside = Path(tempfile.mkdtemp(dir=folder.parent))
    watch = Watch(Path(tempfile.mkdtemp(dir=folder.parent)), tree) if is_watched else None

    def run_hook(
        hook: Hook,  # noqa: ARG001
        cmd: Sequence[str],
        cwd: str | None,
        extra_environ: Mapping[str, str] | None,
    ) -> None:
        with watch.on() if watch is not None else nullcontext():
            subprocess.run(cmd, cwd=cwd, env={**os.environ, **(extra_environ or {})}, check=True, capture_output=True)

    project = Project(
        SourceTree(path=tree, requires=requires, requires_checked=[], config_settings=None),
        lambda: IsolatedEnvironment(aside, install, os.environ, watch),
        run_hook,
        lambda _missing: None,
    )
    project.prepare_environment()
    return project


def cpu_seconds() -> float:
    """Return the processor time of all child processes so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(sdist: Path, requires: Sequence[str], rounds: int) -> list[float]:
    """Return the ratio of watched to unwatched, round by round."""
    with tempfile.TemporaryDirectory() as folder:
        projects = []
        for name in ["plain", "watched"]:
            (Path(folder) / name).mkdir()
            projects.append(make_project(Path(folder) / name, sdist, requires, is_watched=name == "watched"))
        ratios = []
        for number in range(rounds + 1):
            seconds = []
            for project in projects:
                shutil.rmtree(project.tree.path / "build", ignore_errors=True)
                start = cpu_seconds()
                project.build_wheel(Path(tempfile.mkdtemp(dir=folder)), None)
                seconds.append(cpu_seconds() - start)
            if number:
                ratios.append(seconds[1] / seconds[0])
        return ratios


def main() -> None:
    """Print the median ratio for each sdist."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for requirement, requires in SDISTS.items():
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
            subprocess.run([*command, "--dest", folder, requirement], check=True)
            (sdist,) = Path(folder).iterdir()
            ratios = measure(sdist, requires, rounds)
        print(f"{requirement:<24}{statistics.median(ratios):8.3f} x  ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
