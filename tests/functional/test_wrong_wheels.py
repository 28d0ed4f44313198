"""What pip, uv and pipcache install the second time, when what a wheel was built from or for is another.

The tables of docs/explanation/pip-and-uv.md are what these tests find. They need no network; but uv comes from the
package index, and they take their time: so they run with those that need it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_wheel
from tests.functional.conftest import probe
from tests.functional.server import Index

if TYPE_CHECKING:
    from tests.functional.commands import Environment
    from tests.functional.conftest import GitRepository, Workshop

PAGE = Path(__file__).parent.parent.parent / "docs" / "explanation" / "pip-and-uv.md"
TOOLS = ["pip", "uv", "pipcache"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A workshop, and which tool installs in it."""

    workshop: Workshop
    tool: str
    make_repository: Callable[[Path], GitRepository]

    def install(
        self,
        *args: str,
        requirement: str = "simple",
        env: Mapping[str, str] | None = None,
        into: Environment | None = None,
        index: Index | None = None,
    ) -> object:
        """Install ``simple``, and return what was found out when it was built."""
        target = into or self.workshop.make_environment()
        options = [*(index or self.workshop.index).options, "--find-links", str(self.helpers)]
        words = [*self._start(target), requirement, *args, *options]
        variables = self.workshop.pipcache.environ({"UV_NO_CONFIG": "1", **(env or {})})
        done = subprocess.run(
            words, env=variables, cwd=self.workshop.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
        return probe(target)

    def _start(self, target: Environment) -> list[str]:
        if self.tool == "uv":
            return [str(_find_uv()), "pip", "install", "--python", str(target.python)]
        module = {"pip": "pip", "pipcache": "pipcache_plugin"}[self.tool]
        return [sys.executable, "-m", module, "--python", str(target.python), "install"]

    def setting(self, value: str) -> list[str]:
        """Return the options that give the backend ``flavour``."""
        return ["--config-setting" if self.tool == "uv" else "--config-settings", f"flavour={value}"]

    def constrain(self, line: str) -> list[str]:
        """Return the options that constrain build requirements."""
        path = self.workshop.folder / f"{re.sub('[^a-z0-9]', '', line)}.txt"
        path.write_text(f"{line}\n")
        return ["--build-constraint", str(path)]

    def environment_with(self, *requirements: str) -> Environment:
        """Return an environment in which *requirements* are installed."""
        return self.workshop.install("--find-links", self.helpers, requirement=requirements)

    def write_helper(self, version: str) -> None:
        """Put a build requirement into the index, with a header, as those have that matter."""
        files = {"helper.py": f"V = {version!r}\n", "helper.h": ""}
        make_wheel(self.helpers, name="helper", version=version, files=files)

    @property
    def helpers(self) -> Path:
        """A folder for ``--find-links``."""
        folder = self.workshop.folder / "helpers"
        folder.mkdir(exist_ok=True)
        return folder


def _find_uv() -> Path:
    beside = Path(sys.executable).with_name("uv")
    found = beside if beside.exists() else shutil.which("uv")
    if not found:
        pytest.skip("there is no uv")
    return Path(found)


def variable_changed(one: Setting) -> tuple[object, object]:
    """Change an environment variable that the backend reads."""
    one.workshop.write('value = os.environ.get("FLAVOUR")')
    return one.install(env={"FLAVOUR": "a"}), one.install(env={"FLAVOUR": "b"})


def setting_changed(one: Setting) -> tuple[object, object]:
    """Change a config setting."""
    one.workshop.write('value = (config_settings or {}).get("flavour")')
    return one.install(*one.setting("a")), one.install(*one.setting("b"))


def setting_dropped(one: Setting) -> tuple[object, object]:
    """Give no config setting any more."""
    one.workshop.write('value = (config_settings or {}).get("flavour")')
    return one.install(*one.setting("a")), one.install()


def constraint_changed(one: Setting) -> tuple[object, object]:
    """Constrain a build requirement to another version."""
    one.workshop.write("value = helper.V", top="import helper", build_requires=["helper"])
    one.write_helper("1.0")
    one.write_helper("2.0")
    return one.install(*one.constrain("helper==1.0")), one.install(*one.constrain("helper==2.0"))


def built_against_another(one: Setting) -> tuple[object, object]:
    """Build without isolation against one version, then against another."""
    one.workshop.write("value = helper.V", top="import helper", build_requires=["helper"])
    one.write_helper("1.0")
    one.write_helper("2.0")
    values = [
        one.install("--no-build-isolation", into=one.environment_with(f"helper=={version}"))
        for version in ["1.0", "2.0"]
    ]
    return values[0], values[1]


def isolated_afterwards(one: Setting) -> tuple[object, object]:
    """Build without isolation against an old version, then with isolation."""
    one.workshop.write("value = helper.V", top="import helper", build_requires=["helper"])
    one.write_helper("1.0")
    one.write_helper("2.0")
    return one.install("--no-build-isolation", into=one.environment_with("helper==1.0")), one.install()


def another_python(one: Setting) -> tuple[object, object]:
    """Tag a wheel ``py3-none-any`` that says which Python has built it."""
    other = next((f"python3.{minor}" for minor in (13, 12, 11, 10) if _is_other(f"python3.{minor}")), None)
    if other is None:
        pytest.skip("there is one Python only")
    one.workshop.write('value = "%d.%d" % sys.version_info[:2]')
    return one.install(), one.install(into=one.workshop.make_environment(other))


def _is_other(name: str) -> bool:
    code = "import sys; print(sys.version_info[:2], end='')"
    try:
        said = subprocess.run([name, "-c", code], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return said != str(sys.version_info[:2])


def url_replaced(one: Setting) -> tuple[object, object]:
    """Put another archive at the same URL."""
    url = f"simple @ {one.workshop.index.file_url('simple-1.0.tar.gz')}"
    return _install_replaced(one, url)


def release_replaced(one: Setting) -> tuple[object, object]:
    """Put another archive under the same name into an index that gives no hashes."""
    one.workshop.index.hash_names = []
    return _install_replaced(one, "simple")


def file_replaced(one: Setting) -> tuple[object, object]:
    """Put another archive at the same path."""
    return _install_replaced(one, f"simple @ {(one.workshop.index.folder / 'simple-1.0.tar.gz').as_uri()}")


def _install_replaced(one: Setting, requirement: str) -> tuple[object, object]:
    one.workshop.index.cache_control = "no-cache"
    values = []
    for value in ["a", "b"]:
        one.workshop.write(f"value = {value!r}")
        values.append(one.install(requirement=requirement))
    return values[0], values[1]


def compiler_appeared(one: Setting) -> tuple[object, object]:
    """Add a compiler that the build did without."""
    one.workshop.write('import shutil; value = "compiled" if shutil.which("fakecc") else "pure"')
    pure = one.install()
    return pure, one.install(env={"PATH": one.workshop.add_program("exit 0")})


def tag_added(one: Setting) -> tuple[object, object]:
    """Add a tag to the commit, where the version comes from a tag."""
    describe = '["git", "describe", "--tags", "--always"], cwd=SOURCE.parent, text=True'
    tree = one.workshop.write(f"import subprocess; value = subprocess.check_output({describe}).strip()")
    repository = one.make_repository(tree)
    commit = repository.commit()
    repository.git("tag", "v1")
    values = [one.install(requirement=f"simple @ {repository.url}@{commit}")]
    repository.git("tag", "--annotate", "--message", "x", "v2")
    values.append(one.install(requirement=f"simple @ {repository.url}@{commit}"))
    return values[0], values[1]


CASES = {
    "an environment variable that the build reads has another value": variable_changed,
    "a config setting has another value": setting_changed,
    "a config setting is given no more": setting_dropped,
    "a build requirement is constrained to another version": constraint_changed,
    "without build isolation, another version is installed of what is built against": built_against_another,
    "built without isolation, wanted with it": isolated_afterwards,
    "another Python, and a wheel tagged `py3-none-any`": another_python,
    "another archive at the same URL": url_replaced,
    "another archive under the same name in an index without hashes": release_replaced,
    "another archive at the same path": file_replaced,
    "a compiler that the build did without is there now": compiler_appeared,
    "the commit has got a Git tag that the version is taken from": tag_added,
}


def mirrored(one: Setting) -> tuple[object, object]:
    """Take the same archive from another index."""
    one.workshop.write("import uuid; value = str(uuid.uuid4())")
    first = one.install()
    mirror = Index(folder=one.workshop.index.folder, cache_control="max-age=600")
    try:
        return first, one.install(index=mirror)
    finally:
        mirror.stop()


def another_remote(one: Setting) -> tuple[object, object]:
    """Take the same commit from another repository."""
    tree = one.workshop.write("import uuid; value = str(uuid.uuid4())")
    repository = one.make_repository(tree)
    commit = repository.commit()
    clone = repository.clone(one.workshop.folder / "clone")
    first = one.install(requirement=f"simple @ {repository.url}@{commit}")
    return first, one.install(requirement=f"simple @ {clone.url}@{commit}")


SAME = {
    "the same archive from another index": mirrored,
    "the same commit from another repository": another_remote,
}


def rows() -> Mapping[str, Sequence[str]]:
    """Return what the page says of each case: ``right`` or ``wrong``, ``found`` or ``built``, for each tool."""
    lines = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if "|" in line]
    return {case: said for case, *said in lines if case in CASES or case in SAME}


def test_the_page_has_every_case() -> None:
    """And says something of each tool."""
    assert list(rows()) == [*CASES, *SAME]
    assert {len(said) for said in rows().values()} == {len(TOOLS)}


@pytest.mark.network
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("case", CASES)
def test_second_installation(
    case: str, tool: str, workshop: Workshop, make_repository: Callable[[Path], GitRepository]
) -> None:
    """The second time, what was built the first time is installed, or what is right."""
    workshop.index.cache_control = "max-age=600"
    setting = Setting(workshop=workshop, tool=tool, make_repository=make_repository)
    first, second = CASES[case](setting)
    assert {"wrong": second == first, "right": second != first}[rows()[case][TOOLS.index(tool)]]


@pytest.mark.network
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("case", SAME)
def test_the_same_from_elsewhere(
    case: str, tool: str, workshop: Workshop, make_repository: Callable[[Path], GitRepository]
) -> None:
    """The second time, the wheel of the first is found, or built again."""
    workshop.index.cache_control = "max-age=600"
    first, second = SAME[case](Setting(workshop=workshop, tool=tool, make_repository=make_repository))
    assert {"found": second == first, "built": second != first}[rows()[case][TOOLS.index(tool)]]
