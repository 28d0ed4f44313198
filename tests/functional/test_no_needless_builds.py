"""What is no reason to build again: each line of it is a hit, and no hook of a backend is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_source_tree, make_wheel, pack_tree
from tests.functional.commands import NO_BUILD, ONE_BUILD

if TYPE_CHECKING:
    from tests.functional.conftest import GitRepository, Workshop
    from tests.functional.server import Index

TOP = """
import glob, locale, platform, shutil, subprocess, sysconfig, tempfile
"""
BODY = """
    flavour = os.environ.get("FLAVOUR", "none")
    missing = shutil.which("othercc") or ""
    value = subprocess.check_output([shutil.which("fakecc"), "$FLAVOUR"], text=True).strip() + flavour + missing
    for copy in [dict(os.environ), os.environ.copy(), {**os.environ}, os.environ | {"X": "y"}]:
        copy["PATH"] = "/nowhere" + os.pathsep + os.environ["PATH"]
        subprocess.run(["fakecc"], env=copy, check=True)
        subprocess.run([sys.executable, "-c", "import os; os.environ.copy()"], env=copy, check=True)
    assert not os.path.exists(os.path.expanduser("~/.fakerc")) and not (Path.home() / ".config" / "fake").exists()
    with tempfile.TemporaryDirectory() as folder:
        assert not os.path.exists(folder + "/absent")
    locale.getlocale(), platform.platform(), sysconfig.get_config_vars(), glob.glob("/etc/fake*"), os.getcwd()
    PROJECT["tag"] = NATIVE_TAG
"""
"""Looks at everything that a build may look at: a compiler, one that is not there, home, the temporary folder."""


@pytest.fixture
def env(workshop: Workshop) -> dict[str, str]:
    """Build ``simple``, and return the variables that it was built with."""
    workshop.write(BODY, top=TOP, files={"src/ext.c": "int x;\n", "Makefile": "X := $(FLAVOUR) $(WITH_EXTRAS)\n"})
    env = {"PATH": workshop.add_program("echo compiled by one for"), "FLAVOUR": "me"}
    assert workshop(env=env) == ("compiled by one forme", ONE_BUILD)
    return env


@pytest.fixture
def assert_hit(workshop: Workshop, env: dict[str, str]) -> Callable[..., None]:
    """Return a function that installs with some variables changed, which must be a hit."""

    def check(*args: str, cwd: Path | None = None, **changes: str) -> None:
        assert workshop(*args, env={**env, **changes}, cwd=cwd) == ("compiled by one forme", NO_BUILD)

    return check


Hit = Callable[..., None]


@pytest.mark.parametrize(
    "changes",
    [
        {"UNRELATED": "x", "MY_TOKEN": "y"},
        {"USER": "somebody", "LOGNAME": "somebody", "USERNAME": "somebody", "SHELL": "/bin/zsh", "SHLVL": "3"},
        {"LANG": "de_DE.UTF-8", "LC_ALL": "C", "LC_CTYPE": "C.UTF-8", "LANGUAGE": "de"},
        {"TERM": "dumb", "COLUMNS": "40", "LINES": "10", "NO_COLOR": "1", "FORCE_COLOR": "1"},
        {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "77", "GITHUB_SHA": "abc", "RUNNER_TEMP": "/x"},
        {"CI_JOB_ID": "5", "GITLAB_CI": "true", "BUILD_NUMBER": "7", "JENKINS_URL": "http://x", "TF_BUILD": "1"},
        {"SSH_AUTH_SOCK": "/x", "DISPLAY": ":1", "XDG_RUNTIME_DIR": "/run/user/7", "DBUS_SESSION_BUS_ADDRESS": "x"},
        {"VIRTUAL_ENV": "/x", "PYTEST_CURRENT_TEST": "x", "TOX_ENV_NAME": "py312", "PIP_NO_COLOR": "1"},
        {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1"},
    ],
    ids=["unrelated", "user", "locale", "terminal", "github", "other_ci", "session", "environment", "python"],
)
def test_variable_that_nobody_asked_for(assert_hit: Hit, changes: dict[str, str]) -> None:
    """Who runs it, where, and in which session is no choice, also when foreign programs ran."""
    assert_hit(**changes)


def test_other_home(assert_hit: Hit, tmp_path: Path, workshop: Workshop) -> None:
    """Another home is no reason to build, although the build looked for files there."""
    home = tmp_path / "another-home"
    home.mkdir()
    assert_hit(HOME=str(home), XDG_CACHE_HOME=str(workshop.pipcache.xdg_cache))


def test_other_current_folder(assert_hit: Hit, tmp_path: Path) -> None:
    """Where the command is run does not count."""
    (tmp_path / "elsewhere").mkdir()
    assert_hit(cwd=tmp_path / "elsewhere", PWD=str(tmp_path / "elsewhere"), OLDPWD="/")


def test_other_temporary_folder(assert_hit: Hit, tmp_path: Path) -> None:
    """Another folder for temporary files does not count."""
    (tmp_path / "another-tmp").mkdir()
    assert_hit(TMPDIR=str(tmp_path / "another-tmp"), TEMP="/x", TMP="/y")


def test_other_order_of_the_path(assert_hit: Hit, env: dict[str, str]) -> None:
    """The order of ``PATH`` does not count."""
    assert_hit(PATH=":".join(reversed(env["PATH"].split(":"))))


def test_more_and_fewer_folders_on_the_path(assert_hit: Hit, env: dict[str, str], tmp_path: Path) -> None:
    """Folders of ``PATH`` without the programs that were looked for do not count, be they there or not."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "thirdcc").touch(mode=0o755)
    assert_hit(PATH=f"{tmp_path}/tools:/absent/bin:{env['PATH']}:{tmp_path}")
    assert_hit(PATH=env["PATH"].partition(":")[0])


def test_toolchain_of_a_build_that_ran_no_program(workshop: Workshop) -> None:
    """Compiler flags do not count for a build that started nothing."""
    workshop.write("value = 'pure'")
    assert workshop() == ("pure", ONE_BUILD)
    assert workshop(env={"CFLAGS": "-O3", "CC": "clang", "CMAKE_ARGS": "-G Ninja"}) == ("pure", NO_BUILD)


def test_toolchain_of_a_build_that_ran_git_and_python_alone(workshop: Workshop) -> None:
    """Compiler flags do not count for programs that do not read them."""
    body = "subprocess.run(['git', '--version'])\nsubprocess.run([sys.executable, '-c', ''])\nvalue = 'pure'"
    workshop.write(body, top="import subprocess")
    assert workshop() == ("pure", ONE_BUILD)
    assert workshop(env={"CFLAGS": "-O3"}) == ("pure", NO_BUILD)


def test_compiler_that_is_gone(assert_hit: Hit, workshop: Workshop) -> None:
    """What was compiled is right without the compiler."""
    (workshop.machine / "bin" / "fakecc").unlink()
    assert_hit()


def test_compiler_that_was_replaced(assert_hit: Hit, workshop: Workshop) -> None:
    """What was compiled is right beside another compiler, in the same place or in another."""
    workshop.add_program("echo compiled by two for")
    assert_hit()
    (workshop.machine / "bin" / "fakecc").unlink()
    assert_hit(PATH=workshop.add_program("echo compiled by three for", folder="bin3"))


@pytest.mark.usefixtures("env")
def test_compiler_that_was_not_found_and_not_installed_is_no_reason(assert_hit: Hit, workshop: Workshop) -> None:
    """A file of that name that cannot be executed is no program."""
    (workshop.machine / "bin" / "othercc").write_text("not for execution")
    assert_hit()


def test_release_of_a_build_requirement(workshop: Workshop) -> None:
    """A new release on the index, or one that is gone, is no reason to build."""
    wheel = make_wheel(workshop.index.folder, name="tool", version="1.0")
    workshop.write("import tool\nvalue = tool.VERSION", build_requires=["tool"])
    assert workshop() == ("1.0", ONE_BUILD)
    make_wheel(workshop.index.folder, name="tool", version="2.0")
    assert workshop() == ("1.0", NO_BUILD)
    wheel.unlink()
    assert workshop() == ("1.0", NO_BUILD)


@pytest.mark.usefixtures("env")
def test_mirror(assert_hit: Hit, make_index: Callable[..., Index]) -> None:
    """The same sdist on another index is a hit."""
    mirror = make_index(prefix="mirrored")
    assert_hit("--index-url", mirror.url)


def test_direct_url_then_index(workshop: Workshop, env: dict[str, str]) -> None:
    """What the index gave serves a direct URL; what a direct URL gave serves the index."""
    direct = f"simple @ {workshop.index.file_url('simple-1.0.tar.gz')}"
    assert workshop(requirement=direct, env=env) == ("compiled by one forme", NO_BUILD)
    tree = workshop.write("value = 'late'", name="late")
    late = f"late @ {workshop.index.file_url(f'{tree.name}.tar.gz')}"
    workshop.install(requirement=late, env=env)
    assert workshop.pipcache.take_calls() == ONE_BUILD
    workshop.install(requirement="late", env=env)
    assert workshop.pipcache.take_calls() == NO_BUILD


def test_same_commit_from_another_remote(
    workshop: Workshop, tmp_path: Path, make_repository: Callable[[Path], GitRepository]
) -> None:
    """A commit is the same one whoever has it."""
    tree = workshop.write("value = os.environ.get('FLAVOUR', 'none')")
    repository = make_repository(tree)
    commit = repository.commit()
    urls = [repository.url, repository.clone(tmp_path / "clone").url, "git+file:///nowhere/at/all"]
    for url, expected in zip(urls, [ONE_BUILD, NO_BUILD, NO_BUILD], strict=True):
        assert workshop(requirement=f"simple @ {url}@{commit}") == ("none", expected)


def test_same_files_packed_again_are_another_source(workshop: Workshop) -> None:
    """The exception: an archive of other bytes is not known to be the same."""
    workshop.write("value = 'any'")
    assert workshop() == ("any", ONE_BUILD)
    tree = make_source_tree(workshop.folder / "again", modules={"simple_probe.py": "VALUE = 'again'\n"})
    pack_tree(tree, workshop.index.folder / "simple-1.0.tar.gz")
    assert workshop() == ("again", ONE_BUILD)


@pytest.mark.parametrize("is_isolated", [True, False], ids=["isolated", "not_isolated"])
def test_other_environment_to_install_into(workshop: Workshop, is_isolated: bool) -> None:
    """Environments with other distributions in them share wheels that were not built against those."""
    workshop.write("value = 'any'")
    make_wheel(workshop.index.folder, name="bystander", files={"bystander/_C.so": "x", "bystander/__init__.py": ""})
    args = [] if is_isolated else ["--no-build-isolation"]
    assert workshop(*args)[0] == "any"
    crowded = workshop.install(requirement="bystander")
    workshop.pipcache.take_calls()
    assert workshop(*args, into=crowded) == ("any", NO_BUILD)
