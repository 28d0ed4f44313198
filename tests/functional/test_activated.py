"""The ``pipcache`` script acts on the activated environment, wherever it is installed; nothing of ours gets there."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import Backend, make_sdist, make_wheel
from tests.functional.commands import NO_BUILD, ONE_BUILD, Commands, Environment, Result, create_environment

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index

pytestmark = pytest.mark.skipif(os.name != "posix", reason="scripts are written by hand")

SCRIPT = "#!{python}\nimport sys\nfrom pipcache_plugin.cli import script\nsys.exit(script())\n"


def install_ours(root: Path) -> Path:
    """Make a virtual environment that has what this one has, and the script; return the script."""
    venv.EnvBuilder(symlinks=True, with_pip=False).create(root)
    environment = Environment(root=root)
    places = [path for path in sys.path if path and Path(path).is_dir() and "site-packages" in path]
    places.append(str(Path(__file__).parents[2]))
    (environment.library / "all.pth").write_text("\n".join(places))
    script = root / "bin" / "pipcache"
    script.write_text(SCRIPT.format(python=environment.python))
    script.chmod(0o755)
    return script


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    """Return the script in an environment of its own, as pipx makes it."""
    script = install_ours(tmp_path / "tool")
    (tmp_path / "tool" / "pipx_metadata.json").write_text("{}")
    return script


Run = Callable[..., Result]


@pytest.fixture
def run(pipcache: Commands) -> Run:
    """Return a function that runs a script, with an environment activated if one is given."""

    def run(script: Path | str, *args: str | Path, activated: Environment | None = None, path: str = "") -> Result:
        environ = pipcache.environ()
        folders = [path, environ["PATH"]] if path else [environ["PATH"]]
        if activated is not None:
            environ["VIRTUAL_ENV"] = str(activated.root)
            folders.insert(0, str(activated.root / "bin"))
        environ["PATH"] = os.pathsep.join(folders)
        command = [str(script), *map(str, args)]
        done = subprocess.run(command, env=environ, cwd=pipcache.work, capture_output=True, text=True, check=False)
        return Result(args=command, returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)

    return run


def test_activated_environment(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, tool: Path, run: Run
) -> None:
    """Each has what was installed while it was activated; nothing is said of it."""
    make_sdist(index.folder)
    for calls in [ONE_BUILD, NO_BUILD]:
        environment = make_environment()
        result = run(tool, "install", "simple", *index.options, activated=environment)
        assert (result.returncode, result.stderr) == (0, "")
        assert environment.distributions == {"simple-1.0"}
        assert pipcache.take_calls() == calls
    told = run(tool, "doctor", activated=environment)
    assert f"({environment.python})" in told.stdout
    assert "simple" in run(tool, "list", activated=environment).stdout
    assert run(tool, "uninstall", "-y", "simple", activated=environment).returncode == 0
    assert not list(environment.root.rglob("simple*"))


def test_nothing_of_ours_gets_there(
    index: Index, environment: Environment, pip: Commands, tool: Path, run: Run
) -> None:
    """Neither pip nor we are seen by ``list``, ``freeze``, ``check``, ``inspect`` or the resolver."""
    make_wheel(index.folder, name="packaging", version="0.1", requires_dist=["platformdirs"])
    make_wheel(index.folder, name="platformdirs", version="0.1")
    before = set(environment.root.rglob("*"))
    for command in [
        ["list"],
        ["freeze"],
        ["check"],
        ["inspect"],
        ["install", "--dry-run", "packaging", *index.options],
    ]:
        result = run(tool, *command, activated=environment)
        expected = pip(*command, into=environment)
        assert result.returncode == expected.returncode == 0
        assert result.stdout.replace("/ours/", "/") == expected.stdout.replace("/pips/", "/")
    assert set(environment.root.rglob("*")) == before
    assert run(tool, "install", "packaging", *index.options, activated=environment).returncode == 0
    assert environment.distributions == {"packaging-0.1", "platformdirs-0.1"}
    assert not list(environment.library.glob("*.pth"))


def test_where_it_acts(index: Index, make_environment: MakeEnvironment, tool: Path, run: Run, tmp_path: Path) -> None:
    """What is activated, unless a Python is named, or a script is started by its path that is no tool."""
    make_wheel(index.folder)
    install = ["install", "simple", *index.options]
    activated, named = make_environment(), make_environment()
    run(tool, "--python", named.python, *install, activated=activated)
    assert named.distributions == {"simple-1.0"}
    assert activated.distributions == set()
    own = install_ours(tmp_path / "own")
    run(own, *install, activated=activated)
    assert Environment(root=tmp_path / "own").distributions == {"simple-1.0"}
    assert activated.distributions == set()
    # By its name it is the ``pipcache`` of the shell.
    run("pipcache", *install, activated=activated, path=str(own.parent))
    assert activated.distributions == {"simple-1.0"}


def test_configuration_of_the_environment(
    index: Index, environment: Environment, pipcache: Commands, tool: Path, run: Run
) -> None:
    """What ``config`` writes for the environment is in it, and says to all commands where the cache is."""
    make_sdist(index.folder)
    pipcache.variables["PIP_CONFIG_FILE"] = ""
    run(tool, "config", "--site", "set", "global.cache-dir", environment.root / "cache", activated=environment)
    assert (environment.root / "pip.conf").is_file()
    assert run(tool, "install", "simple", *index.options, activated=environment).returncode == 0
    assert "simple-1.0" in run(tool, "cache", "list", activated=environment).stdout
    assert run(tool, "explain", "simple", activated=environment).returncode == 0
    # Elsewhere it does not count.
    assert "simple-1.0" not in run(tool, "cache", "list").stdout
    assert run(tool, "explain", "simple").returncode == 1


def test_nobody_has_named_it(index: Index, environment: Environment, pipcache: Commands, tool: Path, run: Run) -> None:
    """A pip that a build runs is not taken for what ``--python`` has started: it would pass over its own one."""
    make_sdist(index.folder, backend=Backend(echoes_variable="_PIP_RUNNING_IN_SUBPROCESS"))
    assert run(tool, "install", "simple", *index.options, activated=environment).returncode == 0
    assert "VALUE = None" in (environment.library / "simple_variable.py").read_text()


def test_what_is_turned_off_can_be_examined(environment: Environment, pipcache: Commands, tool: Path, run: Run) -> None:
    """``doctor`` is ours whatever is activated."""
    pipcache.variables["PIPCACHE_DISABLE"] = "1"
    assert "disable" in run(tool, "doctor", activated=environment).stdout


def test_activated_but_not_in_path(index: Index, environment: Environment, pipcache: Commands, tool: Path) -> None:
    """It is said where the command acts, but not to one who is quiet."""
    make_wheel(index.folder)
    env = {**pipcache.environ(), "VIRTUAL_ENV": str(environment.root)}
    for options, said in [([], True), (["-q"], False)]:
        command = [str(tool), "install", "simple", *options, *index.options]
        done = subprocess.run(command, env=env, cwd=pipcache.work, capture_output=True, text=True, check=True)
        assert (f"pipcache: acting on `{environment.python}`" in done.stderr) is said
    assert environment.distributions == {"simple-1.0"}


def test_alone_in_its_environment(index: Index, tool: Path, run: Run, tmp_path: Path) -> None:
    """A tool does not install into itself; whatever says where else is all right."""
    make_wheel(index.folder)
    result = run(tool, "install", "simple", *index.options)
    assert result.returncode == 2
    assert "hint: activate an environment, or name one" in result.stderr
    assert run(tool, "install", "simple", "--target", tmp_path / "t", *index.options).returncode == 0
    assert (tmp_path / "t" / "simple.py").is_file()
    for args in [["--version"], ["cache", "info"], ["explain"], ["doctor"], ["download", "simple", *index.options]]:
        assert run(tool, *args).returncode == 0


def test_plain_pip_acts_there_as_well(
    index: Index, environment: Environment, pipcache: Commands, tool: Path, run: Run
) -> None:
    """Turned off, it is pip, on the same environment."""
    make_sdist(index.folder)
    pipcache.variables["PIPCACHE_DISABLE"] = "1"
    assert run(tool, "install", "simple", *index.options, activated=environment).returncode == 0
    assert environment.distributions == {"simple-1.0"}
    assert not pipcache.store.exists()


def find_other_python() -> str | None:
    """Return an interpreter of another version that we support, if this machine has one."""
    names = [f"python3.{minor}" for minor in range(10, 16) if minor != sys.version_info.minor]
    for name, folder in itertools.product(names, os.environ["PATH"].split(os.pathsep)):
        python = shutil.which(name, path=folder)
        # With pyenv, there are names for versions that are not chosen.
        if python and subprocess.run([python, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return python
    return None


def test_other_python(index: Index, pipcache: Commands, tool: Path, run: Run, tmp_path: Path) -> None:
    """An environment of another Python is as good."""
    python = find_other_python()
    if python is None:
        pytest.skip("there is no other Python here")
    make_sdist(index.folder)
    environment = create_environment(tmp_path / "other", python)
    result = run(tool, "install", "simple", *index.options, activated=environment)
    assert result.returncode == 0, result.output
    assert environment.distributions == {"simple-1.0"}
    assert pipcache.take_calls() == ONE_BUILD
