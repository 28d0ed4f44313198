"""Build environments: the same wheels without asking again, the same path, and nobody else's files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pip
import pytest

from tests.factories import Backend, make_source_tree, make_wheel, pack_tree

if TYPE_CHECKING:
    from tests.functional.commands import Commands, Environment
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index

ASKS_EACH_TIME = tuple(map(int, pip.__version__.split(".")[:2])) < (26, 2)
"""Up to 26.1, pip asks an index for each page, however fresh it is."""

_LAST_LINE = "    return write_wheel(wheel_directory, files)\n"


def make_project(index: Index, name: str, code: str = "", *requires: str) -> Path:
    """Put an sdist into the index whose wheel says where it was built, and with what."""
    tree = make_source_tree(index.folder.parent / "trees", name=name, build_requires=requires or ["tool"])
    backend = tree / "_backend" / "tiny_backend.py"
    told = (
        "    import sys, tool\n"
        f"{code}"
        "    text = 'PREFIX = {!r}\\nTOOL = {!r}\\n'.format(sys.prefix, tool.VERSION)\n"
        f"    files['{name}_built.py'] = text.encode()\n"
    )
    backend.write_text(backend.read_text().replace(_LAST_LINE, told + _LAST_LINE, 1))
    return pack_tree(tree, index.folder / f"{tree.name}.tar.gz")


def pages(index: Index, name: str) -> int:
    """Return how often the page of a project was sent."""
    return index.requests.count(f"/simple/{name}/")


def test_build_requirements_are_resolved_once_in_a_run(
    index: Index, environment: Environment, pipcache: Commands
) -> None:
    """Of four projects that require the same, one asks the index."""
    wheel = make_wheel(index.folder, name="tool", version="2.0")
    names = ["one", "two", "three", "four"]
    for name in names:
        make_project(index, name)
    pipcache.ok("install", *names, *index.options, into=environment)
    assert [environment.imports(f"{name}_built.TOOL") for name in names] == ["2.0"] * 4
    assert (pages(index, "tool"), index.downloads(wheel.name)) == (1, 1)


def test_fresh_pages_are_not_asked_for_in_the_next_run(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """What was chosen in another run holds as long as the index says that its pages do."""
    index.cache_control = "max-age=600"
    wheel = make_wheel(index.folder, name="tool", version="2.0")
    for name in ["one", "two"]:
        make_project(index, name)
        environment = make_environment()
        pipcache.ok("install", name, *index.options, into=environment)
        assert environment.imports(f"{name}_built.TOOL") == "2.0"
    # Of an index that is reached without TLS, pip keeps no files.
    assert pages(index, "tool") == index.downloads(wheel.name) == (2 if ASKS_EACH_TIME else 1)


@pytest.mark.parametrize("cache_control", [None, "no-cache", "max-age=0", "no-store, max-age=600"])
def test_pages_that_are_not_fresh_are_asked_for(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, cache_control: str | None
) -> None:
    """A new release is built with as soon as pip would see it."""
    index.cache_control = cache_control
    for name, version in {"one": "2.0", "two": "3.0"}.items():
        make_wheel(index.folder, name="tool", version=version)
        make_project(index, name)
        environment = make_environment()
        pipcache.ok("install", name, *index.options, into=environment)
        assert environment.imports(f"{name}_built.TOOL") == version


@pytest.mark.parametrize("options", [["--pre"], ["--extra-index-url", "{other}"], ["--build-constraint", "{file}"]])
def test_other_options_choose_anew(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, options: list[str], tmp_path: Path
) -> None:
    """What was chosen holds for the same question only."""
    index.cache_control = "max-age=600"
    make_wheel(index.folder, name="tool", version="2.0")
    make_project(index, "one")
    make_project(index, "two")
    pipcache.ok("install", "one", *index.options, into=make_environment())
    count = pages(index, "tool")
    (tmp_path / "constraints.txt").write_text("tool<3\n")
    given = [option.format(other=index.url, file=tmp_path / "constraints.txt") for option in options]
    environment = make_environment()
    pipcache.ok("install", "two", *given, *index.options, "--no-cache-dir", into=environment)
    pipcache.ok("install", "two", "--force-reinstall", *given, *index.options, into=environment)
    assert environment.imports("two_built.TOOL") == "2.0"
    assert pages(index, "tool") > count


def test_requirement_that_is_built_is_resolved_anew(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """A wheel that was built here may not be right in the next run."""
    index.cache_control = "max-age=600"
    tree = make_source_tree(index.folder.parent / "trees", name="tool", version="1.0")
    pack_tree(tree, index.folder / "tool-1.0.tar.gz")
    for name in ["one", "two"]:
        make_project(index, name)
        environment = make_environment()
        pipcache.ok("install", name, *index.options, into=environment)
        assert environment.imports(f"{name}_built.TOOL") == "1.0"
    assert not list(pipcache.store.glob("resolutions/*/*/*.json"))


def test_path_is_the_same_each_time(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """Compiler caches see it in what they compile; whose build it is, and into what it is installed, is not in it."""
    make_wheel(index.folder, name="tool")
    prefixes = set()
    for name in ["one", "two"]:
        make_project(index, name)
        environment = make_environment()
        pipcache.ok("install", name, *index.options, into=environment)
        prefixes.add(environment.imports(f"{name}_built.PREFIX"))
    [prefix] = prefixes
    assert Path(prefix).parent == pipcache.store / "environments"
    assert not Path(prefix).exists()


def test_environments_are_not_shared(index: Index, environment: Environment, pipcache: Commands) -> None:
    """Each build has one of its own, for as long as it takes."""
    make_wheel(index.folder, name="tool")
    for name in ["one", "two"]:
        make_project(index, name)
    pipcache.ok("install", "one", "two", *index.options, into=environment)
    prefixes = {environment.imports(f"{name}_built.PREFIX") for name in ["one", "two"]}
    assert len(prefixes) == 2
    assert list((pipcache.store / "environments").iterdir()) == []


@pytest.mark.parametrize(
    "code",
    [
        "    with open(tool.__file__, 'a') as file: file.write('VERSION = \"edited\"\\n')\n",
        "    import os; os.remove(tool.__file__)\n",
        "    import pathlib; pathlib.Path(tool.__file__).with_name('planted.py').touch()\n",
    ],
)
def test_what_a_build_does_to_its_environment_stays_there(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, code: str
) -> None:
    """Neither the next build nor who installs the same wheel sees it."""
    make_wheel(index.folder, name="tool", version="2.0")
    make_project(index, "one", code)
    for _ in range(2):
        pipcache.ok("install", "one", "--rebuild", "one", *index.options, into=make_environment())
    make_project(index, "two")
    environment = make_environment()
    pipcache.ok("install", "two", "tool", *index.options, into=environment)
    assert environment.imports("two_built.TOOL") == "2.0"
    assert environment.imports("tool.VERSION") == "2.0"
    assert not list(environment.library.glob("planted.py"))


def test_scripts_and_data_are_where_they_belong(index: Index, environment: Environment, pipcache: Commands) -> None:
    """In an environment that is placed as in one that pip has filled: the second project's is."""
    make_wheel(
        index.folder,
        name="tool",
        files={"tool.py": "VERSION = 'x'\ndef main():\n    print('from the tool')\n"},
        entry_points={"tool-command": "tool:main"},
        extra_members={
            "tool-1.0.data/scripts/tool-script": "#!python\nimport tool\ntool.main()\n",
            "tool-1.0.data/data/share/tool/data.txt": "data",
        },
    )
    code = (
        "    import subprocess, pathlib\n"
        "    for command in ['tool-command', 'tool-script']:\n"
        "        assert subprocess.check_output([command], text=True) == 'from the tool\\n'\n"
        "    assert (pathlib.Path(sys.prefix) / 'share/tool/data.txt').read_text() == 'data'\n"
        "    import importlib.metadata\n"
        "    listed = importlib.metadata.files('tool')\n"
        "    assert all(file.locate().exists() for file in listed), listed\n"
    )
    for name in ["one", "two"]:
        make_project(index, name, code)
    pipcache.ok("install", "one", "two", *index.options, into=environment)


def test_damaged_tree_is_made_anew(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """A file that is not as it was stored is not built with."""
    index.cache_control = "max-age=600"
    make_wheel(index.folder, name="tool", version="2.0")
    make_project(index, "one")
    make_project(index, "two")
    pipcache.ok("install", "one", *index.options, into=make_environment())
    [stored] = pipcache.store.glob("trees/*/*/files/tool.py")
    stored.write_text("VERSION = 'damaged, and longer'\n")
    environment = make_environment()
    result = pipcache.ok("install", "two", *index.options, into=environment)
    assert environment.imports("two_built.TOOL") == "2.0"
    assert "WARNING" not in result.output


def test_requirement_that_replaces_another(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """What a backend asks for needs another version of what is there: nothing of the earlier one is left."""
    index.cache_control = "max-age=600"
    make_wheel(index.folder, name="tool", version="1.0", files={"tool.py": "VERSION = '1.0'\n", "tool_old.py": ""})
    make_wheel(index.folder, name="tool", version="2.0")
    make_wheel(index.folder, name="more", requires_dist=["tool>=2"])
    code = (
        "    import importlib.metadata, importlib.util\n"
        "    found = [d.version for d in importlib.metadata.distributions() if d.name == 'tool']\n"
        "    assert found == ['2.0'], found\n"
        "    assert importlib.util.find_spec('tool_old') is None\n"
    )
    for name in ["one", "two"]:
        tree = make_source_tree(
            index.folder.parent / "trees",
            name=name,
            build_requires=["tool==1.0"],
            backend=Backend(extra_requires=("more",)),
        )
        backend = tree / "_backend" / "tiny_backend.py"
        backend.write_text(backend.read_text().replace(_LAST_LINE, code + _LAST_LINE, 1))
        pack_tree(tree, index.folder / f"{tree.name}.tar.gz")
        pipcache.ok("install", name, *index.options, into=make_environment())


def test_store_with_a_separator_in_its_path(index: Index, environment: Environment, pipcache: Commands) -> None:
    """A folder that no ``PATH`` can have in it is no place for an environment."""
    make_wheel(index.folder, name="tool", version="2.0")
    make_project(index, "one")
    store = pipcache.root / "with:colon"
    pipcache.ok("install", "one", *index.options, into=environment, env={"PIPCACHE_DIR": str(store)})
    assert Path(environment.imports("one_built.PREFIX")).is_relative_to(pipcache.temporary)


def test_purge_leaves_what_is_in_use(index: Index, environment: Environment, pipcache: Commands) -> None:
    """An environment that a build is in stays; one that a killed process has left goes."""
    make_wheel(index.folder, name="tool")
    purge = f"    import subprocess; subprocess.run({pipcache.command('cache', 'purge')!r}, check=True)\n"
    left = pipcache.store / "environments" / "0123456789abcdef-0"
    left.mkdir(parents=True)
    make_project(index, "one", purge + "    assert __import__('os').path.exists(tool.__file__)\n")
    pipcache.ok("install", "one", *index.options, into=environment)
    assert not left.exists()
