"""Every word that is pip's goes through unchanged; where we cannot take part, pip works without us."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import build
import pip as running_pip
import pytest

import pipcache_plugin
from pipcache_plugin.pip_bridge.version import OWN_COMMANDS
from tests.factories import make_sdist, make_wheel
from tests.functional.commands import ONE_BUILD, Commands, Environment
from tests.functional.trees import normalised

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index


def as_pip(text: str) -> str:
    """Return *text* with our module's name where pip's would be, and without options and commands of ours."""
    text = re.sub(r"^  --(?:rebuild|jobs) .*\n(?: {10,}.*\n)*", "", text, flags=re.MULTILINE)
    text = re.sub(rf"^  (?:{'|'.join(OWN_COMMANDS)}) +\S.*\n", "", text, flags=re.MULTILINE)
    text = text.replace("list, prune, purge, remove, stats, verify)", "list, purge, remove)")
    return text.replace("-m pipcache_plugin", "-m pip")


@pytest.mark.parametrize(
    "args",
    [
        ["list"],
        ["list", "--format=json"],
        ["list", "--outdated", "--no-index"],
        ["freeze"],
        ["check"],
        ["inspect"],
        ["config", "list"],
        ["config", "get", "absent.key"],
        ["config", "debug"],
        ["show", "pip"],
        ["show", "absent"],
        ["hash", "absent.whl"],
        ["debug"],
        ["completion", "--bash"],
        ["cache"],
        ["cache", "unknown"],
        ["cache", "dir", "--no-cache-dir"],
        ["help"],
        ["help", "install"],
        ["help", "absent"],
        ["-h"],
        [],
        ["install", "-h"],
        ["wheel", "--help"],
        ["lock", "--help"],
        ["absent"],
        ["instal"],
        ["install", "--absent-option"],
        ["--absent-option"],
        ["install"],
        ["install", "--require-virtualenv", "x", "--cache-dir"],
        ["uninstall", "-y", "absent"],
        ["install", "--no-index", "absent"],
        ["--isolated", "list"],
        ["--require-virtualenv", "freeze", "--all"],
        ["--python", "/absent/python", "list"],
        ["--python"],
    ],
    ids=lambda args: " ".join(args) or "nothing",
)
def test_command_says_and_returns_what_pip_does(pipcache: Commands, pip: Commands, args: list[str]) -> None:
    """Both streams and the exit status are equal, with the name of the program aside."""
    expected, result = pip(*args), pipcache(*args)
    assert result.returncode == expected.returncode
    folders = [commands.root for commands in [pip, pipcache]]
    assert normalised(as_pip(result.stdout), *folders) == normalised(as_pip(expected.stdout), *folders)
    assert normalised(as_pip(result.stderr), *folders) == normalised(as_pip(expected.stderr), *folders)


@pytest.mark.parametrize("args", [["list"], ["freeze"], ["inspect"], ["--version"], ["list", "-q"]])
def test_python_option_says_what_pip_says(
    environment: Environment, pipcache: Commands, pip: Commands, args: list[str]
) -> None:
    """``--python`` works for any command, in an environment that has neither pip nor us."""
    expected, result = (commands("--python", environment.python, *args) for commands in [pip, pipcache])
    assert result.returncode == expected.returncode == 0
    assert as_pip(result.stdout).startswith(expected.stdout.rstrip("\n"))
    assert result.stderr == expected.stderr


def test_version_names_both(pipcache: Commands, pip: Commands) -> None:
    """One line, which begins with all that pip says of itself."""
    (expected,) = pip.ok("--version").stdout.splitlines()
    (line,) = pipcache.ok("--version").stdout.splitlines()
    assert line.startswith(expected)
    assert f"pipcache_plugin {pipcache_plugin.__version__}" in line.removeprefix(expected)


def test_console_script(index: Index, environment: Environment, pipcache: Commands) -> None:
    """``pipcache ARGS`` is ``python -m pipcache_plugin ARGS``."""
    script = shutil.which("pipcache", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if script is None:
        pytest.skip("the project is not installed")
    make_sdist(index.folder)
    import subprocess

    command = [script, "--python", str(environment.python), "install", "simple", *index.options]
    done = subprocess.run(
        command, env=pipcache.environ(), cwd=pipcache.work, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(pipcache.wheels) == 1
    assert environment.distributions == {"simple-1.0"}


@pytest.mark.parametrize(("value", "is_off"), [("1", True), ("yes", True), ("0", False), ("", False), ("off", False)])
def test_switched_off_by_variable(
    index: Index, environment: Environment, pipcache: Commands, value: str, *, is_off: bool
) -> None:
    """``PIPCACHE_DISABLE=1`` is plain pip: no store appears, and pip's own cache is used."""
    make_sdist(index.folder)
    env = {"PIPCACHE_DISABLE": value}
    pipcache.ok("install", "simple", *index.options, into=environment, env=env)
    assert pipcache.take_calls() == ONE_BUILD
    assert pipcache.store.exists() != is_off
    assert (pipcache.xdg_cache / "pip" / "wheels").exists() == is_off
    assert ("pipcache" in pipcache.ok("--version", env=env).stdout) != is_off


@pytest.fixture
def copied_pip(tmp_path: Path) -> Path:
    """Copy the running pip into a folder for ``PYTHONPATH``, and return that folder."""
    folder = tmp_path / "other-pip"
    source = Path(running_pip.__file__).parent
    shutil.copytree(source, folder / "pip", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def edit(file: Path, old: str, new: str) -> None:
    """Replace each *old*, of which there is one at least."""
    text = file.read_text()
    assert old in text, f"{old} is not in {file}"
    file.write_text(text.replace(old, new))


def change_version(pip_folder: Path, version: str) -> None:
    """Make a copy of pip say that it is *version*."""
    edit(pip_folder / "pip" / "__init__.py", f'__version__ = "{running_pip.__version__}"', f'__version__ = "{version}"')


def assert_plain_pip_installs(index: Index, environment: Environment, pipcache: Commands, pip_folder: Path) -> None:
    """Install by the pip in *pip_folder*: one warning on stderr, none when quiet, and no store."""
    make_sdist(index.folder)
    env = {"PYTHONPATH": str(pip_folder)}
    # No --python: its child process has the same pip, but a PYTHONPATH would reach the environment's Python, too.
    target = ["--target", str(environment.root / "target")]
    result = pipcache.ok("install", "simple", *target, *index.options, env=env)
    assert len(result.warnings) == 1, result.stderr
    assert "pipcache" in result.warnings[0]
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert (environment.root / "target" / "simple.py").is_file()
    quiet = pipcache.ok("install", "-q", "--upgrade", "simple", *target, *index.options, env=env)
    assert quiet.output == ""
    assert not pipcache.store.exists()


@pytest.mark.parametrize("version", ["25.2", "24.0", "9.0.3", "unknown"])
def test_old_pip_works_without_us(
    index: Index, environment: Environment, pipcache: Commands, copied_pip: Path, version: str
) -> None:
    """A pip that is too old, or has no version that can be read, installs by itself."""
    change_version(copied_pip, version)
    assert_plain_pip_installs(index, environment, pipcache, copied_pip)


def test_prerelease_and_newer_pips_are_used(
    index: Index, environment: Environment, pipcache: Commands, copied_pip: Path
) -> None:
    """A newer pip whose seams are as known goes through the cache."""
    change_version(copied_pip, "99.0.dev1")
    make_sdist(index.folder)
    env = {"PYTHONPATH": str(copied_pip)}
    result = pipcache.ok("install", "simple", "--target", environment.root / "target", *index.options, env=env)
    assert result.stderr == ""
    assert len(pipcache.wheels) == 1


def rename_everywhere(pip_folder: Path, old: str, new: str) -> None:
    """Rename a word in all of pip, so that it works as before."""
    for file in (pip_folder / "pip" / "_internal").rglob("*.py"):
        text = file.read_text()
        if old in text:
            file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    "name",
    [
        "get_cache_entry",
        "prepare_distribution_metadata",
        "_get_linked_req_hashes",
        "temp_build_dir",
        "wheel_cache",
        "build_env_installer",
        "_build_one",
        "template",
    ],
)
def test_broken_seam_is_plain_pip(
    index: Index, environment: Environment, pipcache: Commands, copied_pip: Path, name: str
) -> None:
    """A function or parameter of pip's with another name: one warning, and pip installs by itself."""
    rename_everywhere(copied_pip, name, f"renamed_{name}")
    assert_plain_pip_installs(index, environment, pipcache, copied_pip)


@pytest.mark.parametrize("name", ["create_command", "create_main_parser"])
def test_broken_entry_seam_is_plain_pip(
    index: Index, environment: Environment, pipcache: Commands, copied_pip: Path, name: str
) -> None:
    """The seams that are set before pip has parsed anything."""
    rename_everywhere(copied_pip, name, f"renamed_{name}")
    assert_plain_pip_installs(index, environment, pipcache, copied_pip)


def test_broken_seam_of_one_command_leaves_others_alone(pipcache: Commands, copied_pip: Path) -> None:
    """``list`` has no seam that could be broken, and no warning."""
    rename_everywhere(copied_pip, "get_cache_entry", "renamed_cache_entry")
    assert pipcache.ok("list", env={"PYTHONPATH": str(copied_pip)}).warnings == []


def test_missing_dependency_of_ours_is_plain_pip(
    index: Index, tmp_path: Path, environment: Environment, pipcache: Commands
) -> None:
    """A library of ours that cannot be imported: a warning, and pip installs by itself."""
    make_sdist(index.folder)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "platformdirs.py").write_text("raise ImportError('broken on purpose')\n")
    env = {"PYTHONPATH": str(tmp_path / "broken")}
    result = pipcache.ok("install", "simple", "--target", environment.root / "target", *index.options, env=env)
    assert result.stderr.count("WARNING") == 1
    assert "Traceback" not in result.output


@pytest.mark.parametrize("name", ["pip", "packaging", "build", "wheel", "installer", "platformdirs", "json", "logging"])
def test_module_in_the_current_folder_is_not_imported(
    index: Index, environment: Environment, pipcache: Commands, name: str
) -> None:
    """A ``pip.py`` or ``packaging.py`` of the user's project does not get in the way."""
    make_sdist(index.folder)
    (pipcache.work / f"{name}.py").write_text(f"raise SystemExit('the wrong {name} was imported')\n")
    pipcache.ok("install", "simple", *index.options, into=environment)
    assert environment.distributions == {"simple-1.0"}
    assert len(pipcache.wheels) == 1


def test_install_into_the_running_environment(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """Without ``--python``, the environment of the interpreter is installed into."""
    make_sdist(index.folder)
    environment = make_environment()
    libraries = {Path(module.__file__ or "").parents[1] for module in [running_pip, pipcache_plugin, build]}
    env = {"PYTHONPATH": os.pathsep.join(map(str, libraries))}
    pipcache.ok("install", "simple", *index.options, python=environment.python, env=env)
    assert environment.distributions == {"simple-1.0"}
    assert len(pipcache.wheels) == 1


def test_uninstalling_a_wheel_goes_through(index: Index, environment: Environment, pipcache: Commands) -> None:
    """``uninstall`` is pip's own."""
    make_wheel(index.folder)
    pipcache.ok("install", "simple", *index.options, into=environment)
    assert "Successfully uninstalled simple-1.0" in pipcache.ok("uninstall", "-y", "simple", into=environment).stdout
    assert environment.tree == {}


def test_quiet_levels_equal_pips(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """``-q`` says as little as pip does, for a build and for a hit."""
    make_sdist(index.folder)
    for _ in range(2):
        for commands in [pip, pipcache]:
            result = commands.ok("install", "-q", "simple", *index.options, into=make_environment())
            assert result.output == ""


def test_log_file_goes_through(index: Index, environment: Environment, pipcache: Commands) -> None:
    """``--log`` is written, by the parent and by nested runs."""
    make_sdist(index.folder)
    pipcache.ok("install", "simple", "--log", "pip.log", *index.options, into=environment)
    assert "Successfully installed simple-1.0" in (pipcache.work / "pip.log").read_text()
