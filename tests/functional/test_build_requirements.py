"""Build requirements go through the cache as well, and through the index, the constraints and the caches of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import Backend, make_sdist, make_source_tree, make_wheel, pack_tree
from tests.functional.commands import NO_BUILD, ONE_BUILD, Commands, Environment, builds

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index


def make_project(index: Index, *requires: str, version: str = "1.0", name: str = "simple") -> Path:
    """Put an sdist into the index whose wheel says which ``tool`` was in its build environment."""
    tree = make_source_tree(index.folder.parent / "trees", name=name, version=version, build_requires=list(requires))
    backend = tree / "_backend" / "tiny_backend.py"
    text = backend.read_text()
    backend.write_text(
        text.replace(
            "    return write_wheel(wheel_directory, files)\n",
            "    import tool\n"
            '    files["built_with.py"] = "TOOL = {!r}\\n".format(tool.VERSION).encode()\n'
            "    return write_wheel(wheel_directory, files)\n",
            1,
        )
    )
    return pack_tree(tree, index.folder / f"{tree.name}.tar.gz")


def test_wheel_as_build_requirement(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """A wheel of the index is installed into the build environment; the second run does not ask for it."""
    wheel = make_wheel(index.folder, name="tool", version="3.0")
    make_project(index, "tool>=1")
    for _ in range(2):
        environment = make_environment()
        pipcache.ok("install", "simple", *index.options, into=environment)
        assert environment.imports("built_with.TOOL") == "3.0"
        assert environment.distributions == {"simple-1.0"}
    assert pipcache.take_calls() == ONE_BUILD
    assert index.downloads(wheel.name) == 1


def test_requirement_that_the_backend_asks_for(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """What ``get_requires_for_build_wheel`` returns is installed, once."""
    wheel = make_wheel(index.folder, name="tool")
    make_sdist(index.folder, backend=Backend(extra_requires=("tool",)))
    for _ in range(2):
        pipcache.ok("install", "simple", *index.options, into=make_environment())
    assert pipcache.take_calls() == ONE_BUILD
    assert index.downloads(wheel.name) == 1


def test_sdist_as_build_requirement_is_built_once(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """A nested build fills the store, and is a hit for the next project that requires it."""
    tool = make_sdist(index.folder, name="tool", version="3.0")
    make_project(index, "tool")
    make_project(index, "tool", name="other")
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    assert pipcache.take_calls() == builds(2)
    environment = make_environment()
    pipcache.ok("install", "other", *index.options, into=environment)
    assert pipcache.take_calls() == ONE_BUILD
    assert environment.imports("built_with.TOOL") == "3.0"
    pipcache.ok("install", "tool", *index.options, into=make_environment())
    assert pipcache.take_calls() == NO_BUILD
    assert index.downloads(tool.name) == 1


def test_build_requirements_are_nested_twice(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """A build requirement whose build requirement is an sdist: three builds, and then none."""
    make_sdist(index.folder, name="base")
    make_sdist(index.folder, name="tool", build_requires=["base"])
    make_project(index, "tool")
    for expected in [builds(3), NO_BUILD]:
        pipcache.ok("install", "simple", *index.options, into=make_environment())
        assert pipcache.take_calls() == expected


def test_script_of_a_build_requirement_is_found(index: Index, environment: Environment, pipcache: Commands) -> None:
    """A backend can start a program that a build requirement brings along."""
    make_wheel(index.folder, name="tool", entry_points={"the-tool": "tool:main"})
    tree = make_source_tree(index.folder.parent / "trees", build_requires=["tool"])
    backend = tree / "_backend" / "tiny_backend.py"
    backend.write_text(
        backend.read_text().replace(
            "    time.sleep",
            "    import subprocess\n"
            '    said = subprocess.check_output(["the-tool"], text=True)\n'
            '    (SOURCE / "said.py").write_text("TEXT = {!r}\\n".format(said.strip()))\n'
            "    time.sleep",
        )
    )
    pack_tree(tree, index.folder / "simple-1.0.tar.gz")
    pipcache.ok("install", "simple", *index.options, into=environment)
    assert environment.imports("said.TEXT") == "tool 1.0"


@pytest.mark.parametrize("way", ["option", "variable"])
def test_build_constraint_is_honoured(index: Index, environment: Environment, pipcache: Commands, way: str) -> None:
    """``--build-constraint`` and its variable decide which release of a build requirement is used."""
    for version in ["1.0", "2.0"]:
        make_wheel(index.folder, name="tool", version=version)
    make_project(index, "tool")
    constraints = index.folder.parent / "constraints.txt"
    constraints.write_text("tool<2\n")
    options = ["--build-constraint", str(constraints)] if way == "option" else []
    env = {} if options else {"PIP_BUILD_CONSTRAINT": str(constraints)}
    pipcache.ok("install", "simple", *options, *index.options, into=environment, env=env)
    assert environment.imports("built_with.TOOL") == "1.0"


def test_absent_release_in_a_build_constraint_fails(index: Index, environment: Environment, pipcache: Commands) -> None:
    """A constraint that no release satisfies fails, as with pip."""
    make_wheel(index.folder, name="tool")
    make_project(index, "tool")
    constraints = index.folder.parent / "constraints.txt"
    constraints.write_text("tool==9.0\n")
    args = ["install", "simple", "--build-constraint", str(constraints), *index.options]
    result = pipcache(*args, into=environment)
    assert result.returncode == 1
    assert pipcache.wheels == []


def test_wheel_built_without_a_constraint_does_not_serve_with_one(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """The build requirements that were used must satisfy today's build constraints."""
    for version in ["1.0", "2.0"]:
        make_wheel(index.folder, name="tool", version=version)
    make_project(index, "tool")
    constraints = index.folder.parent / "constraints.txt"
    constraints.write_text("tool<2\n")
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    environment = make_environment()
    pipcache.ok("install", "simple", "--build-constraint", constraints, *index.options, into=environment)
    assert environment.imports("built_with.TOOL") == "1.0"


def test_new_release_of_a_build_requirement_is_no_reason_to_build(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """A newer setuptools on the index leaves stored wheels right."""
    make_wheel(index.folder, name="tool", version="1.0")
    make_project(index, "tool")
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    make_wheel(index.folder, name="tool", version="2.0")
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    assert pipcache.take_calls() == ONE_BUILD


def test_index_options_reach_nested_installs(index: Index, environment: Environment, pipcache: Commands) -> None:
    """``--find-links`` with ``--no-index`` is all that the build environment has as well."""
    make_wheel(index.folder, name="tool", version="1.0")
    make_project(index, "tool")
    pipcache.ok("install", "simple", "--no-index", "--find-links", index.folder, into=environment)
    assert environment.imports("built_with.TOOL") == "1.0"
    assert index.requests == []


def test_extra_index_reaches_nested_installs(
    index: Index, make_index: Callable[..., Index], tmp_path: Path, environment: Environment, pipcache: Commands
) -> None:
    """``--extra-index-url`` holds for build requirements."""
    extra = make_index(tmp_path / "extra")
    make_wheel(extra.folder, name="tool", version="2.0")
    make_project(index, "tool")
    pipcache.ok("install", "simple", *index.options, "--extra-index-url", extra.url, into=environment)
    assert environment.imports("built_with.TOOL") == "2.0"


def http_cache_of(folder: Path) -> list[Path]:
    """Return the files that pip's HTTP cache keeps below *folder*."""
    return [path for path in folder.glob("http*/**/*") if path.is_file()]


def test_cache_folder_reaches_nested_installs(
    index: Index, tmp_path: Path, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """``--cache-dir`` holds for what is downloaded and built for a build environment."""
    index.cache_control = "max-age=600"
    make_sdist(index.folder, name="tool")
    make_project(index, "tool")
    # pip keeps plain HTTP in its cache for trusted hosts only.
    options = [*index.options, "--trusted-host", "127.0.0.1", "--cache-dir", str(tmp_path / "chosen")]
    pipcache.ok("install", "simple", *options, into=make_environment())
    store = tmp_path / "chosen" / "pipcache"
    assert sorted(path.name.split("-")[0] for path in store.glob("wheels/*/*/*.whl")) == ["simple", "tool"]
    bodies = b"".join(path.read_bytes() for path in http_cache_of(tmp_path / "chosen"))
    assert (index.folder / "tool-1.0.tar.gz").read_bytes() in bodies
    assert not pipcache.xdg_cache.exists()
    assert pipcache.take_calls() == builds(2)
    pipcache.ok("install", "simple", *options, into=make_environment())
    assert pipcache.take_calls() == NO_BUILD


def test_no_cache_reaches_nested_installs(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """``--no-cache-dir`` leaves no file of either cache, for build requirements either."""
    index.cache_control = "max-age=600"
    make_sdist(index.folder, name="tool")
    make_project(index, "tool")
    options = [*index.options, "--trusted-host", "127.0.0.1", "--no-cache-dir"]
    for _ in range(2):
        pipcache.ok("install", "simple", *options, into=make_environment())
        assert pipcache.take_calls()["build_wheel"] == 2
    assert not pipcache.xdg_cache.exists()


def test_pythonpath_does_not_reach_an_isolated_build(
    index: Index, tmp_path: Path, environment: Environment, pipcache: Commands
) -> None:
    """A module on ``PYTHONPATH`` does not stand in for a build requirement."""
    make_wheel(index.folder, name="tool", version="1.0")
    make_project(index, "tool")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "tool.py").write_text("VERSION = 'foreign'\n")
    env = {"PYTHONPATH": str(tmp_path / "foreign")}
    pipcache.ok("install", "simple", *index.options, into=environment, env=env)
    assert environment.imports("built_with.TOOL") == "1.0"


def test_build_environment_does_not_see_the_target(index: Index, environment: Environment, pipcache: Commands) -> None:
    """An isolated build does not see what is installed in the environment."""
    make_wheel(index.folder, name="tool", version="1.0")
    make_project(index)
    pipcache.ok("install", "tool", *index.options, into=environment)
    assert pipcache("install", "simple", *index.options, into=environment).returncode == 1
    pipcache.ok("install", "simple", "--no-build-isolation", *index.options, into=environment)
    assert environment.imports("built_with.TOOL") == "1.0"


def test_cyclic_build_requirements_fail_as_with_pip(
    index: Index, environment: Environment, pipcache: Commands, pip: Commands
) -> None:
    """Two sdists that need each other for their builds: a failure, no waiting for ever."""
    make_sdist(index.folder, name="first", build_requires=["second"])
    make_sdist(index.folder, name="second", build_requires=["first"])
    results = [commands("install", "first", *index.options, into=environment) for commands in [pip, pipcache]]
    assert results[0].returncode == results[1].returncode == 1
    assert "is already being built" in results[1].output


def test_index_of_files(environment: Environment, pipcache: Commands, tmp_path: Path) -> None:
    """By a ``file:`` URL: nobody is asked for its pages, and nothing is wrong with that."""
    folders = {name: tmp_path / "index" / name for name in ["simple", "tool", "part"]}
    for folder in folders.values():
        folder.mkdir(parents=True)
    files = [
        make_sdist(folders["simple"], build_requires=["tool"]),
        make_sdist(folders["tool"], name="tool", requires_dist=["part"]),
        make_wheel(folders["part"], name="part"),
    ]
    for file in files:
        (file.parent / "index.html").write_text(f'<!DOCTYPE html><a href="{file.name}">{file.name}</a>')
    url = (tmp_path / "index").as_uri()
    result = pipcache.ok("install", "simple", "-v", "--index-url", url, into=environment)
    assert environment.distributions == {"simple-1.0"}
    assert "Continuing without pipcache" not in result.output
    assert len(pipcache.wheels) == 2
