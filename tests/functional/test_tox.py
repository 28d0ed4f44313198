"""Real tox: with our plugin, without it, and with our command in its place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.documented.blocks import ROOT, find_blocks
from tests.documented.fixtures import _make_reader, _serve, _supplies  # noqa: F401 (fixtures)
from tests.documented.transcript import Command
from tests.factories import Backend, make_sdist, make_source_tree
from tests.functional.commands import Commands, Environment, Result

if TYPE_CHECKING:
    from tests.documented.fixtures import MakeReader
    from tests.functional.server import Index

PAGE = ROOT / "docs" / "how-to" / "tox.md"

STOCK = {"TOX_DISABLED_EXTERNAL_PLUGINS": "pipcache"}
"""Makes tox what it is without us."""

OURS = re.compile(r"(\S+): (\w+)> python -I \S+/tox_install\.py \S+/pipcache-tox-\w+ install (.*)")
PIPS = re.compile(r"(\S+): (\w+)> python -I -m pip install (.*)")


BUILD_SDIST = """

def build_sdist(sdist_directory, config_settings=None):
    import gzip, tarfile

    name = "{name}-{version}".format(**PROJECT)
    with (
        gzip.GzipFile(Path(sdist_directory, name + ".tar.gz"), "wb", mtime=0) as file,
        tarfile.open(fileobj=file, mode="w") as archive,
    ):
        for path in ["pyproject.toml", "_backend/tiny_backend.py", "src/project.py"]:
            archive.add(path, name + "/" + path)
    return name + ".tar.gz"
"""


class Project:
    """A project with a ``tox.ini``, and a user who runs tox in it."""

    def __init__(self, folder: Path, index: Index, app_data: Path) -> None:
        self.index = index
        self.folder = make_source_tree(
            folder,
            name="project",
            requires_dist=["needed"],
            build_requires=["tool"],
        )
        with (self.folder / "_backend" / "tiny_backend.py").open("a") as backend:
            backend.write(BUILD_SDIST)
        self.user = Commands(
            root=folder / "user",
            module="tox",
            variables={"PIP_INDEX_URL": index.url, "VIRTUALENV_OVERRIDE_APP_DATA": str(app_data)},
        )

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def __call__(self, *args: str, env: Mapping[str, str] | None = None) -> Result:
        """Run tox, which has to succeed."""
        result = self.try_to(*args, env=env)
        assert result.returncode == 0, result.output
        assert list(self.user.temporary.iterdir()) == []
        return result

    def try_to(self, *args: str, env: Mapping[str, str] | None = None) -> Result:
        """Run tox."""
        return self.user(*args, cwd=self.folder, env=env)

    def iter_logs(self) -> Iterator[str]:
        """Go through what installations said."""
        for log in sorted(self.folder.glob(".tox/*/log/*install*.log")):
            yield log.read_text()

    def environment(self, name: str) -> Environment:
        """Return an environment of tox's."""
        return Environment(root=self.folder / ".tox" / name)

    def trees(self, *names: str) -> dict[str, dict[str, str]]:
        """Return what is installed, by name of the environment; tox numbers the packages that it makes."""
        numbered = re.compile(r"(?<=/package/)\d+(?=/)|(?<=/direct_url\.json,).*")
        return {
            name: {
                path: numbered.sub("<n>", content)
                for path, content in self.environment(name).tree.items()
                if not path.startswith(("log/", "tmp/", ".tox-info", "dist/", ".meta/"))
            }
            for name in names
        }


@pytest.fixture(scope="module")
def app_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where virtualenv keeps what it unpacks once."""
    return tmp_path_factory.mktemp("app-data")


@pytest.fixture
def project(tmp_path: Path, index: Index, app_data: Path) -> Project:
    """Return a project that requires ``needed``, and ``tool`` to be built; both are sdists."""
    for name in ["needed", "tool", "simple"]:
        make_sdist(index.folder, name=name)
    return Project(tmp_path, index, app_data)


def commands(result: Result, pattern: re.Pattern[str] = OURS) -> dict[tuple[str, str], str]:
    """Return the arguments of pip by environment and step; the package's path is its file name."""
    found = (pattern.fullmatch(line) for line in result.stdout.splitlines())
    return {(match[1], match[2]): re.sub(r"/\S*/", "", match[3]) for match in found if match}


def summary(result: Result) -> str:
    """Return what we say at the end; empty when that is nothing."""
    (*_, last) = result.stdout.splitlines()
    _, _, said = last.partition("  pipcache: ")
    assert "pipcache:" not in result.stdout.replace(last, "")
    return re.sub(r"\d+\.\d s", "<n> s", said)


ALL_KINDS = """\
[tox]
requires = pipcache-plugin
env_list = wheel, sdist, editable, plain
[testenv]
package = {env_name}
commands = python -c "import needed"
[testenv:plain]
skip_install = true
pip_pre = true
deps = -r requirements.txt
constraints = constraints.txt
commands = python -c "import simple"
"""


@pytest.mark.thorough
def test_environments_are_those_of_tox_alone(project: Project) -> None:
    """Packaged in each way, and not at all; all is built once, several at a time, and found from then on."""
    project.write("tox.ini", ALL_KINDS)
    project.write("requirements.txt", "simple\nlimited\n")
    project.write("constraints.txt", "limited < 2\n")
    make_sdist(project.index.folder, version="2.0a1")
    for version in ["1.0", "2.0"]:
        make_sdist(project.index.folder, name="limited", version=version)
    names = ["wheel", "sdist", "editable", "plain"]
    alone = project(env=STOCK)
    assert "pipcache" not in alone.output
    trees = project.trees(*names, ".pkg")
    assert {"simple-2.0a1", "limited-1.0"} <= project.environment("plain").distributions
    shutil.rmtree(project.folder / ".tox")

    first = project("run-parallel", "-e", "wheel,sdist,plain")
    for name, tree in project.trees("wheel", "sdist", "plain", ".pkg").items():
        assert tree == trees[name]
    assert re.fullmatch(r"\d+ wheels found, 4 built, <n> s saved", summary(first))
    second = project("run", "--recreate")
    assert project.trees(*names, ".pkg") == trees
    assert commands(second) == commands(alone, PIPS)
    assert commands(second)["plain", "install_deps"] == "--pre -r requirements.txt -c constraints.txt"
    # Three times needed; tool for tox's own builds, and for pip's of the sdist; simple and limited.
    assert summary(second) == "7 wheels found, <n> s saved"
    third = project("run", "-e", "plain")
    assert commands(third) == {}
    assert summary(third) == ""


EACH_ITS_OWN = """\
[tox]
requires = pipcache-plugin
env_list = chosen, off, nopip, told
[testenv]
skip_install = true
deps = simple
commands = python -c "import os; print(sorted(name for name in os.environ if 'PIPCACHE' in name))"
[testenv:chosen]
install_command = python -m pip install --no-deps {opts} {packages}
[testenv:off]
set_env = PIPCACHE_DISABLE = 1
[testenv:nopip]
set_env =
    VIRTUALENV_NO_PIP = 1
    PYTHONPATH = {tox_root}/shadow
[testenv:told]
set_env = PIPCACHE_DIR = {tox_root}/told
"""


def test_each_environment_has_its_way(project: Project) -> None:
    """What is set for an environment holds for it; what is set outside reaches installations, and no command."""
    project.write("tox.ini", EACH_ITS_OWN)
    # Neither the current folder, where tox runs, nor what tests import from is a place to take pip and ours from.
    for path in ["wheel.py", "shadow/pip.py"]:
        project.write(path, "raise SystemExit('not from here')")
    outside = project.folder / "outside"
    result = project(env={"PIPCACHE_DIR": str(outside)})
    assert set(commands(result)) == {("nopip", "install_deps"), ("told", "install_deps")}
    assert set(commands(result, PIPS)) == {("off", "install_deps")}
    assert "chosen: install_deps> python -m pip install --no-deps simple\n" in result.stdout
    for name in ["chosen", "off", "nopip", "told"]:
        assert "simple-1.0" in project.environment(name).distributions
    assert not any(name.startswith("pip-") for name in project.environment("nopip").distributions)
    for store in [outside, project.folder / "told"]:
        assert len(list(store.glob("wheels/*/*/simple-*.whl"))) == 1
    assert not project.user.store.exists()
    # One in each store, both of this run.
    assert summary(result) == "2 wheels built"
    said = [line for line in result.stdout.splitlines() if line.startswith("[")]
    assert said == ["[]", "['PIPCACHE_DISABLE']", "[]", "['PIPCACHE_DIR']"]


def find_python(version: str) -> str | None:
    """Return the path of an interpreter, which may be a name that a version manager has for a choice."""
    found = [str(path) for path in Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}")]
    for path in [shutil.which(f"python{version}"), *found]:
        if path is not None:
            command = [path, "-c", "import sys; print(sys.executable)"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.strip()
    return None


def test_other_pythons(project: Project) -> None:
    """A wheel is built for each; one that is too old for us is tox's alone."""
    pythons = {version: find_python(version) for version in ["3.9", "3.10"]}
    there = {version: path for version, path in pythons.items() if path}
    sections = [f"[testenv:of-{version}]\nbase_python = {path}\n" for version, path in there.items()]
    project.write("tox.ini", "[testenv]\nskip_install = true\ndeps = simple\n" + "".join(sections))
    if not there:
        pytest.skip("there is no other Python")
    names = [f"of-{version}" for version in there]
    result = project("-e", ",".join(names))
    too_old = {name for name in names if name == "of-3.9"}
    assert {name for name, _ in commands(result)} == {*names} - too_old
    assert {name for name, _ in commands(result, PIPS)} == too_old
    for name in names:
        assert project.environment(name).imports("simple.VERSION") == "1.0"
    assert summary(result).startswith(f"{len(names) - len(too_old)} wheel")


def test_broken_cache(project: Project) -> None:
    """The store is a file: the installation says so, and is pip's."""
    project.write("tox.ini", "[testenv]\nskip_install = true\ndeps = simple\n")
    store = project.folder / "store"
    store.touch()
    result = project(env={"PIPCACHE_DIR": str(store)})
    assert project.environment("py").imports("simple.VERSION") == "1.0"
    assert f"Continuing without pipcache: `{store}` is not a directory" in "".join(project.iter_logs())
    assert summary(result) == ""


def test_failing_build(project: Project) -> None:
    """It fails as it does with tox alone, and says why."""
    make_sdist(project.index.folder, name="broken", backend=Backend(fails_in="build_wheel"))
    project.write("tox.ini", "[testenv]\nskip_install = true\ndeps = broken\n")
    result = project.try_to()
    assert result.returncode == 1
    assert "the backend failed as it was told to" in result.output
    assert "py: FAIL code 1" in result.output
    assert list(project.user.temporary.iterdir()) == []


def test_command_without_the_plugin(project: Project) -> None:
    """It finds what it has built; tox wants to be told that the program may be run."""
    (block,) = [block for block in find_blocks(PAGE) if "install_command = pipcache" in block.text]
    settings = block.text.replace("[testenv]\n", "[testenv]\npackage = wheel\n", 1)
    project.write("tox.ini", settings)
    env = {**STOCK, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    assert "pipcache" in project(env=env).output
    assert {wheel.name.partition("-")[0] for wheel in project.user.wheels} == {"needed", "tool"}
    downloads = len(project.index.requests)
    project("--recreate", env=env)
    assert "Using cached needed-1.0" in "".join(project.iter_logs())
    assert not any(path.endswith(".tar.gz") for path in project.index.requests[downloads:])
    project.write("tox.ini", settings.replace("allowlist_externals = pipcache", "allowlist_externals ="))
    result = project.try_to("--recreate", env=env)
    assert result.returncode == 1
    assert "pipcache is not allowed, use allowlist_externals to allow it" in result.output


@pytest.mark.network
def test_example_with_a_tox_that_knows_nothing_of_us(make_reader: MakeReader) -> None:
    """``requires`` is all: tox makes an environment for itself, with our plugin."""
    reader = make_reader(has_network=True)
    shutil.copytree(ROOT / "examples" / "tox", reader.work, dirs_exist_ok=True)
    lines = [
        "python3 -m venv tools",
        "tools/bin/python -m pip install --quiet tox",
        "tools/bin/tox",
        "tools/bin/tox -r",
    ]
    *_, first, second = reader.run([Command(text=f"{line}\n", where="test_tox") for line in lines])
    assert "is missing [requires (has)]: pipcache-plugin" in first
    assert re.search(r"^  pipcache: 1 wheel found, 1 built, .* saved$", first, re.MULTILINE)
    assert re.search(r"^  pipcache: 2 wheels found, .* saved$", second, re.MULTILINE)
