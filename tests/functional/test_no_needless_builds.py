"""What is no reason to build again: each line of it is a hit, and no hook of a backend is called.

Most tests share a wheel that is built once, by a build that looks at everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_source_tree, make_wheel, pack_tree
from tests.functional.commands import NO_BUILD, ONE_BUILD
from tests.functional.conftest import open_workshop

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


VALUE = "compiled by one forme"


UNASKED = {
    "unrelated": {"UNRELATED": "x", "MY_TOKEN": "y"},
    "user": {"USER": "somebody", "LOGNAME": "somebody", "USERNAME": "somebody", "SHELL": "/bin/zsh", "SHLVL": "3"},
    "locale": {"LANG": "de_DE.UTF-8", "LC_ALL": "C", "LC_CTYPE": "C.UTF-8", "LANGUAGE": "de"},
    "terminal": {"TERM": "dumb", "COLUMNS": "40", "LINES": "10", "NO_COLOR": "1", "FORCE_COLOR": "1"},
    "github": {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "77", "GITHUB_SHA": "a", "RUNNER_TEMP": "/x"},
    "other_ci": {"CI_JOB_ID": "5", "GITLAB_CI": "true", "BUILD_NUMBER": "7", "JENKINS_URL": "x", "TF_BUILD": "1"},
    "session": {"SSH_AUTH_SOCK": "/x", "DISPLAY": ":1", "XDG_RUNTIME_DIR": "/x", "DBUS_SESSION_BUS_ADDRESS": "x"},
    "environment": {"VIRTUAL_ENV": "/x", "PYTEST_CURRENT_TEST": "x", "TOX_ENV_NAME": "py312", "PIP_NO_COLOR": "1"},
    "python": {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1"},
}
WHEN_IT_WAS_BUILT = {
    "UNRELATED": "was",
    "USER": "builder",
    "SHLVL": "1",
    "COLUMNS": "80",
    "GITHUB_RUN_ID": "76",
    "BUILD_NUMBER": "6",
    "DISPLAY": ":0",
    "VIRTUAL_ENV": "/was",
}
"""Then some of them had other values; for most tests, none of them is set."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """A wheel that was built, and those of the variables that it was built with that it depends on."""

    workshop: Workshop
    env: dict[str, str]

    def assert_hit(self, *args: str, requirement: str = "simple", cwd: Path | None = None, **changes: str) -> None:
        """Install, with some variables changed: the wheel must serve."""
        found = self.workshop(*args, requirement=requirement, env={**self.env, **changes}, cwd=cwd)
        assert found == (VALUE, NO_BUILD)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Build ``simple`` once; a test puts back what it changes on the machine."""
    with open_workshop(tmp_path_factory.mktemp("built")) as workshop:
        workshop.write(BODY, top=TOP, files={"src/ext.c": "int x;\n", "Makefile": "X := $(FLAVOUR) $(WITH_EXTRAS)\n"})
        env = {"PATH": workshop.add_program("echo compiled by one for"), "FLAVOUR": "me"}
        assert workshop(env={**env, **WHEN_IT_WAS_BUILT}) == (VALUE, ONE_BUILD)
        yield Built(workshop=workshop, env=env)


def test_variables_that_nobody_asked_for(built: Built) -> None:
    """Who runs it, where, and in which session is no choice, also when foreign programs ran."""
    built.assert_hit()
    env = dict(built.env)
    for changes in UNASKED.values():
        env |= changes
    assert built.workshop(env=env) == (VALUE, NO_BUILD)


COMPARES = """
    first, second = os.environ.copy(), os.environ.copy()
    second["X"] = "y"
    value = " ".join(name for name in sorted(first.keys() | second.keys()) if first.get(name) != second.get(name))
"""


def test_environment_that_is_compared_with_a_changed_one(workshop: Workshop) -> None:
    """To go through two copies, as scikit-build-core does to print what it changes, is to ask for nothing by name."""
    workshop.write(COMPARES)
    assert workshop(env={"UNRELATED": "x", "GONE": "z"}) == ("X", ONE_BUILD)
    assert workshop(env={"UNRELATED": "y"}) == ("X", NO_BUILD)


def test_other_home(built: Built, tmp_path: Path) -> None:
    """Another home is no reason to build, although the build looked for files there."""
    built.assert_hit(HOME=str(tmp_path), XDG_CACHE_HOME=str(built.workshop.pipcache.xdg_cache))


def test_other_current_folder(built: Built, tmp_path: Path) -> None:
    """Where the command is run does not count."""
    built.assert_hit(cwd=tmp_path, PWD=str(tmp_path), OLDPWD="/")


def test_other_temporary_folder(built: Built, tmp_path: Path) -> None:
    """Another folder for temporary files does not count."""
    built.assert_hit(TMPDIR=str(tmp_path), TEMP="/x", TMP="/y")


def test_other_order_of_the_path(built: Built) -> None:
    """The order of ``PATH`` does not count."""
    built.assert_hit(PATH=":".join(reversed(built.env["PATH"].split(":"))))


def test_more_and_fewer_folders_on_the_path(built: Built, tmp_path: Path) -> None:
    """Folders of ``PATH`` without the programs that were looked for do not count, be they there or not."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "thirdcc").touch(mode=0o755)
    built.assert_hit(PATH=f"{tmp_path}/tools:/absent/bin:{built.env['PATH']}:{tmp_path}")
    built.assert_hit(PATH=built.env["PATH"].partition(":")[0])


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


def test_compiler_that_is_gone_or_was_replaced(built: Built) -> None:
    """What was compiled is right without the compiler, and beside another one, in its place or elsewhere."""
    compiler = built.workshop.machine / "bin" / "fakecc"
    kept = compiler.rename(built.workshop.machine / "kept")
    try:
        built.assert_hit()
        built.assert_hit(PATH=built.workshop.add_program("echo compiled by three for", folder="bin3"))
        built.workshop.add_program("echo compiled by two for")
        built.assert_hit()
    finally:
        kept.rename(compiler)


def test_compiler_that_was_not_found_and_not_installed_is_no_reason(built: Built, tmp_path: Path) -> None:
    """A file of that name that cannot be executed is no program."""
    (tmp_path / "othercc").write_text("not for execution")
    built.assert_hit(PATH=f"{tmp_path}:{built.env['PATH']}")


def test_release_of_a_build_requirement(workshop: Workshop) -> None:
    """A new release on the index, or one that is gone, is no reason to build."""
    wheel = make_wheel(workshop.index.folder, name="tool", version="1.0")
    workshop.write("import tool\nvalue = tool.VERSION", build_requires=["tool"])
    assert workshop() == ("1.0", ONE_BUILD)
    make_wheel(workshop.index.folder, name="tool", version="2.0")
    assert workshop() == ("1.0", NO_BUILD)
    wheel.unlink()
    assert workshop() == ("1.0", NO_BUILD)


def test_mirror(built: Built, make_index: Callable[..., Index]) -> None:
    """The same sdist on another index is a hit."""
    built.assert_hit("--index-url", make_index(built.workshop.index.folder, prefix="mirrored").url)


def test_index_then_direct_url(built: Built) -> None:
    """What the index gave serves a direct URL."""
    built.assert_hit(requirement=f"simple @ {built.workshop.index.file_url('simple-1.0.tar.gz')}")


def test_direct_url_then_index(workshop: Workshop) -> None:
    """What a direct URL gave serves the index."""
    workshop.write("value = 'any'")
    direct = f"simple @ {workshop.index.file_url('simple-1.0.tar.gz')}"
    assert workshop(requirement=direct) == ("any", ONE_BUILD)
    assert workshop() == ("any", NO_BUILD)


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
