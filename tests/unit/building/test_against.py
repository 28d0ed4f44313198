"""What a wheel that was built without isolation was made for."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pipcache_plugin.building.against import collect_built_against, collect_imported, collect_lacking
from pipcache_plugin.building.watching import Observations


def seen(imports: Mapping[str, str] | None = None, ran: Sequence[str] = ()) -> Observations:
    """Return what was seen of a build.

    :param imports: files of the source tree's own code by the module that each imported.
    """
    return Observations(
        variables=frozenset(),
        programs={},
        commands=frozenset(),
        absent=frozenset(),
        failed=frozenset(),
        imports=frozenset((imports or {}).items()),
        is_whole=True,
        ran=frozenset(ran),
    )


@pytest.fixture(autouse=True)
def _library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have some distributions installed, and nothing else."""
    for name, version, module, file in [
        ("Torch.Like", "2.8.0", "torchlike", "torchlike/_C.so"),
        ("headers", "1.0", "headers", "headers/include/x.h"),
        ("pure", "3.0", "pure", "pure/__init__.py"),
        ("my-backend", "5.0", "my_backend", "my_backend/fast.so"),
        ("setuptools", "80.0", "setuptools", "setuptools/cli.so"),
        ("wheel", "0.45", "wheel", "wheel/x.py"),
    ]:
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (folder / "RECORD").write_text(f"{module}/__init__.py,,\n{file},,\n")
        (folder / "top_level.txt").write_text(f"{module}\n")
        (tmp_path / module).mkdir()
        (tmp_path / module / "__init__.py").touch()
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    others = [entry for entry in sys.path if not entry.endswith(("site-packages", "dist-packages"))]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *others])


def test_declared_requirements_count() -> None:
    """All but the backend's own distribution and what every build has; with their names normalized."""
    requires = ["setuptools>=77", "wheel", "my-backend", "torch_like>=2", "pure", "lacking", "not a requirement !"]
    assert collect_built_against([], requires, "my_backend.api:hooks") == {"torch-like": "2.8.0", "pure": "3.0"}


def test_requirement_of_another_platform_does_not_count() -> None:
    """Its marker says so."""
    assert collect_built_against([], ["pure; sys_platform == 'amiga'"], "my_backend") == {}


def test_imported_ones_with_compiled_parts_count() -> None:
    """A wheel may be made for an ABI, or with headers; not for the words of a pure module."""
    found = collect_built_against(["torchlike", "headers", "pure", "json", "unknown"], [], "my_backend")
    assert found == {"headers": "1.0", "torch-like": "2.8.0"}


def test_backend_and_setuptools_do_not_count() -> None:
    """A new one is no reason to build again."""
    assert collect_built_against(["setuptools", "my_backend", "wheel"], [], "my_backend") == {}


def test_version_that_was_asked_for_by_the_distributions_name() -> None:
    """Its module may have another name."""
    assert collect_built_against(["torch.like"], [], "my_backend") == {"torch-like": "2.8.0"}


TEXT = """
import one.sub, two as other
from three.sub import name
from . import relative
from .sibling import name
def late():
    import four
    import importlib, importlib.metadata
    importlib.import_module("five.sub")
    __import__("six")
    importlib.metadata.version("seven")
    importlib.metadata.version("ten.eleven")
    importlib.import_module(".twelve", "one")
    print("eight", help("nine"))
"""


MORE = {"five.sub", "ten", "ten.eleven", ".twelve"}
"""By which a distribution may be called."""


def test_odd_name_is_none_of_a_distribution() -> None:
    """Nothing is raised."""
    assert collect_built_against([".twelve", "\0"], [], "my_backend") == {}


def test_imported_by_files_that_ran(tmp_path: Path) -> None:
    """However they are imported; setup.py is executed from its text."""
    (tmp_path / "setup.py").write_text(TEXT)
    (tmp_path / "idle.py").write_text("import idle_one")
    (tmp_path / "odd.py").write_text("import (")
    (tmp_path / "helper.py").write_text("import helper_one")
    found = collect_imported(seen({"torch": "setup.py"}, ["<string>", "odd.py", str(tmp_path / "helper.py")]), tmp_path)
    assert found == {"torch", "one", "two", "three", "four", "importlib", "five", "six", "seven", "helper_one"} | MORE


def test_lacking_modules(tmp_path: Path) -> None:
    """Neither installed, nor of the source tree, nor built into Python."""
    (tmp_path / "helper.py").touch()
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "csrc" / "no_such_a").mkdir(parents=True)
    tried = {"torchlike": "x", "sys": "x", "helper": "x", "package": "x", "no_such_b": "x", "no_such_a": "y"}
    assert collect_lacking(seen(tried), tmp_path) == ("no_such_a", "no_such_b")


def test_distribution_without_top_level_txt(tmp_path: Path) -> None:
    """As most backends make them: its files tell; one without a name is passed over."""
    folder = tmp_path / "numpy_like-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy-like\nVersion: 1.0\n")
    (folder / "RECORD").write_text(
        "nplike/_core.so,,\n_npsingle.abi3.so,,\n../../bin/tool,,\nnumpy_like-1.0.dist-info/X,,\n"
    )
    (tmp_path / "left-1.0.dist-info").mkdir()
    (tmp_path / "nplike").mkdir()
    for name in ["nplike/_core.so", "_npsingle.abi3.so"]:
        (tmp_path / name).touch()
    for module in ["nplike", "_npsingle"]:
        assert collect_built_against([module], [], "my_backend") == {"numpy-like": "1.0"}
    assert collect_built_against(["tool", "..", "numpy_like-1"], [], "my_backend") == {}
