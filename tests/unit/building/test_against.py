"""What a wheel that was built without isolation was made for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipcache_plugin.building.against import collect_built_against
from pipcache_plugin.building.watching import Observations


def seen(*modules: str) -> Observations:
    """Return what was seen of a build whose own code imported *modules*."""
    return Observations(
        variables=frozenset(),
        programs={},
        commands=frozenset(),
        absent=frozenset(),
        failed=frozenset(),
        imports=frozenset((module, "/tree/setup.py") for module in modules),
        is_whole=True,
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
    monkeypatch.setattr(sys, "path", [str(tmp_path)])


def test_declared_requirements_count() -> None:
    """All but the backend's own distribution and what every build has; with their names normalized."""
    requires = ["setuptools>=77", "wheel", "my-backend", "torch_like>=2", "pure", "lacking", "not a requirement !"]
    assert collect_built_against(seen(), requires, "my_backend.api:hooks") == {"torch-like": "2.8.0", "pure": "3.0"}


def test_requirement_of_another_platform_does_not_count() -> None:
    """Its marker says so."""
    assert collect_built_against(seen(), ["pure; sys_platform == 'amiga'"], "my_backend") == {}


def test_imported_ones_with_compiled_parts_count() -> None:
    """A wheel may be made for an ABI, or with headers; not for the words of a pure module."""
    found = collect_built_against(seen("torchlike", "headers", "pure", "json", "unknown"), [], "my_backend")
    assert found == {"headers": "1.0", "torch-like": "2.8.0"}


def test_backend_and_setuptools_do_not_count() -> None:
    """A new one is no reason to build again."""
    assert collect_built_against(seen("setuptools", "my_backend", "wheel"), [], "my_backend") == {}
