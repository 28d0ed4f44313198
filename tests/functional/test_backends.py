"""Projects that are built with setuptools: it is imported once for all hooks, and nobody can tell."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.factories import Backend, make_source_tree, make_wheel, pack_tree
from tests.functional.commands import ONE_BUILD, Commands, Environment
from tests.functional.trees import normalised

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index

SETUPTOOLS = """
import importlib.util, os
with open(os.environ["IMPORTS"], "a") as file:
    file.write("x")
FLAVOUR = os.environ.get("AT_IMPORT")

def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(name)
    path = os.path.join(os.getcwd(), "_backend", "tiny_backend.py")
    spec = importlib.util.spec_from_file_location("tiny_backend", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)
"""
"""A backend of that name, which does what the backend in the source tree does."""


@pytest.fixture
def imports(pipcache: Commands, pip: Commands, tmp_path: Path) -> Path:
    """Return the file that has a letter for each time that the backend was imported."""
    path = tmp_path / "imports"
    for commands in [pipcache, pip]:
        commands.variables["IMPORTS"] = str(path)
    return path


def add(index: Index, name: str = "simple", backend: Backend | None = None) -> None:
    """Put an sdist that is built with setuptools, and setuptools, into the index."""
    files = {"setuptools/__init__.py": "", "setuptools/build_meta.py": SETUPTOOLS}
    make_wheel(index.folder, name="setuptools", version="80.0", files=files)
    tree = make_source_tree(index.folder.parent / "trees", name=name, backend=backend or Backend())
    (tree / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    )
    pack_tree(tree, index.folder / f"{tree.name}.tar.gz")


def count(imports: Path) -> int:
    """Return how often the backend was imported since it was asked last."""
    number = len(imports.read_text())
    imports.unlink()
    return number


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each hook imports it")
def test_backend_is_imported_once(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands, imports: Path
) -> None:
    """The hooks, and what is said, are those of stock pip."""
    add(index)
    said = []
    for commands, expected in [(pip, 3), (pipcache, 1)]:
        environment = make_environment()
        result = commands.ok("install", "simple", *index.options, into=environment)
        said.append([normalised(text, environment.root, commands.root) for text in [result.stdout, result.stderr]])
        assert commands.take_calls() == ONE_BUILD
        assert count(imports) == expected
    assert said[1] == said[0]


@pytest.mark.parametrize("hook", ["get_requires_for_build_wheel", "prepare_metadata_for_build_wheel", "build_wheel"])
def test_hook_that_fails(  # noqa: PLR0917 (fixtures)
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands, imports: Path, hook: str
) -> None:
    """All that it has said is shown, as by stock pip."""
    add(index, backend=Backend(fails_in=hook))
    said = []
    for commands in [pip, pipcache]:
        environment = make_environment()
        result = commands("install", "simple", *index.options, into=environment)
        assert result.returncode == 1
        said.append(normalised(result.stderr, environment.root, commands.root))
    assert imports.exists()
    assert said[1] == said[0]
    assert any("the backend failed as it was told to" in line for line in said[1])


def test_what_is_installed_for_the_backend_is_there(
    index: Index, environment: Environment, pipcache: Commands, imports: Path
) -> None:
    """After that it is imported again, as with stock pip."""
    make_wheel(index.folder, name="tool")
    add(index, backend=Backend(extra_requires=("tool",)))
    pipcache.ok("install", "simple", *index.options, into=environment)
    assert count(imports) == 2


@pytest.mark.parametrize("variable", ["AT_IMPORT", "IN_A_HOOK"])
def test_variables_are_seen(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, imports: Path, variable: str
) -> None:
    """Those that the import asks for, and those that a hook does: with another value it is built again."""
    add(index, backend=Backend(echoes_variable="IN_A_HOOK"))
    counts = []
    for value in ["one", "one", "two"]:
        pipcache.ok("install", "simple", *index.options, into=make_environment(), env={variable: value})
        counts.append(pipcache.take_calls()["build_wheel"])
    assert counts == [1, 0, 1]
    assert imports.exists()


def test_what_is_said_at_once(index: Index, environment: Environment, pipcache: Commands, imports: Path) -> None:
    """With ``-v`` each hook is a process of the usual kind: what it says is shown while it runs."""
    add(index)
    pipcache.ok("install", "-v", "simple", *index.options, into=environment)
    assert count(imports) == 3
