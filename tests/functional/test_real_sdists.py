"""Real sdists of the package index, with their real backends and compilers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from pip._internal.models.index import PyPI

if TYPE_CHECKING:
    from tests.functional.commands import Commands
    from tests.functional.conftest import MakeEnvironment

pytestmark = pytest.mark.network

PROJECTS = {
    "docopt": "0.6.2",
    "pyperclip": "1.9.0",
    "sgmllib3k": "1.0.0",
    "peewee": "3.17.0",
    "crcmod": "1.7",
    "langdetect": "1.0.9",
    "wrapt": "1.16.0",
    "markupsafe": "2.1.5",
    "pyyaml": "6.0.2",
    "psutil": "6.1.0",
    "ujson": "5.10.0",
    "simplejson": "3.19.3",
}


def _without_build_stamps(tree: dict[str, str]) -> dict[str, str]:
    """Leave out extension modules, which are not built reproducibly, and their hashes in RECORD."""
    return {name: re.sub(r"(\.so),.*", r"\1,,", content) for name, content in tree.items() if not name.endswith(".so")}


def test_twelve_sdists(make_environment: MakeEnvironment, pipcache: Commands, pip: Commands) -> None:
    """Cold and warm trees equal stock pip's; the second run starts no backend and fetches no sdist."""
    requirements = [f"{name}=={version}" for name, version in PROJECTS.items()]
    args = ["install", "--no-binary", ",".join(PROJECTS), *requirements, "--index-url", PyPI.simple_url]
    stock, cold, warm = make_environment(), make_environment(), make_environment()
    pip.ok(*args, into=stock)
    first = pipcache.ok(*args, into=cold)
    assert first.stdout.count("Building wheel for") > 0
    second = pipcache.ok(*args, into=warm)
    assert "Building wheel" not in second.output
    assert "Preparing metadata" not in second.output
    assert ".tar.gz" not in second.output
    assert _without_build_stamps(cold.tree) == _without_build_stamps(stock.tree)
    assert _without_build_stamps(warm.tree) == _without_build_stamps(stock.tree)
    assert {name for name in warm.tree if name.endswith(".so")} == {name for name in stock.tree if name.endswith(".so")}
