"""What is in a store, wheel by wheel."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.utils import parse_wheel_filename

from pipcache_plugin.management.inventory import describe, to_json
from pipcache_plugin.store.store import Store
from tests.factories import make_wheel

if TYPE_CHECKING:
    from pipcache_plugin.management.inventory import Item

KEY = "ab" * 32

INPUTS = {
    "source": {"kind": "sdist", "sha256": "cd" * 32},
    "subdirectory": "sub",
    "interpreter": {"implementation": "cpython"},
    "config_settings": [["x", "1"]],
    "is_isolated": True,
    "index": "https://example.org/simple/",
}

RECORD = {
    "origin": "https://example.org/files/simple-1.0.tar.gz",
    "conditions": {"choices": {"used": {"setuptools": "80.0"}}},
    "build_seconds": 2.5,
}

FIELDS = [
    *("name", "version", "tags", "filename", "path", "size", "sha256", "source", "origin", "index", "subdirectory"),
    *("python", "config_settings", "is_isolated", "build_requirements", "build_seconds", "hits", "created"),
    *("last_used", "read_only"),
]


def only(store: Store, **more: Any) -> Item:
    """Describe the one wheel of a store."""
    (item,) = describe(store, list(store.wheels), **more)
    return item


def test_everything(store: Store, tmp_path: Path) -> None:
    """What its entry, its name and the log tell."""
    entry = store.add_wheel(KEY, make_wheel(tmp_path, tags="cp312.py3-none-any"), RECORD, INPUTS)
    os.utime(entry.path, (1e9, 1e9))
    for outcome in ["hit", "hit", "built"]:
        store.log.append({"outcome": outcome, "sha256": entry.wheel.sha256})
    item = only(store)
    path = store.wheels.path_of(entry.wheel)
    assert list(item) == FIELDS
    assert item.pop("created") is not None
    assert item == {
        "name": "simple",
        "version": "1.0",
        "tags": ["cp312-none-any", "py3-none-any"],
        "filename": path.name,
        "path": str(path),
        "size": path.stat().st_size,
        "sha256": entry.wheel.sha256,
        "source": INPUTS["source"],
        "origin": RECORD["origin"],
        "index": INPUTS["index"],
        "subdirectory": "sub",
        "python": INPUTS["interpreter"],
        "config_settings": [["x", "1"]],
        "is_isolated": True,
        "build_requirements": {"setuptools": "80.0"},
        "build_seconds": 2.5,
        "hits": 2,
        "last_used": "2001-09-09T01:46:40+00:00",
        "read_only": False,
    }


@pytest.mark.parametrize("inputs", [None, {}, [], {"index": None}])
@pytest.mark.parametrize("record", [{}, {"conditions": []}, {"conditions": {"choices": 3}}])
def test_unknown(store: Store, tmp_path: Path, inputs: Any, record: dict[str, object]) -> None:
    """It is null."""
    store.add_wheel(KEY, make_wheel(tmp_path), record, inputs)
    item = only(store)
    assert list(item) == FIELDS
    assert {name for name, value in item.items() if value is None} == {
        *("source", "origin", "index", "subdirectory", "python", "config_settings", "is_isolated"),
        *("build_requirements", "build_seconds"),
    }


def test_wheels_without_entries(tmp_path: Path) -> None:
    """Those of pip's own cache, for one: names tell something."""
    wheel = make_wheel(tmp_path, name="My.Project")
    item = describe(None, [wheel])[0]
    assert list(item) == FIELDS
    assert (item["name"], item["version"], item["size"]) == ("my-project", "1.0", wheel.stat().st_size)
    assert (item["sha256"], item["created"], item["read_only"]) == (None, None, False)


@pytest.mark.parametrize("build", ["", "-1", "-1abc"])
@pytest.mark.parametrize(
    "tags", ["py3-none-any", "py2.py3-none-any", "cp312-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64"]
)
def test_names(tmp_path: Path, build: str, tags: str) -> None:
    """They are read as ``packaging`` reads them."""
    name = f"Zope.Interface-1.0.0{build}-{tags}.whl"
    item = describe(None, [tmp_path / name])[0]
    project, version, _, expected = parse_wheel_filename(name)
    assert (item["name"], item["version"]) == (project, str(version))
    assert item["tags"] == sorted(map(str, expected))
    assert item["size"] is None, "it has just gone"


@pytest.mark.parametrize(
    "name", ["x.whl", "a-b.whl", "a-b-c-d.whl", "a-x-py3-none-any.whl", "a-1.0-py3-none.whl", "a-1-x-py3-none-any.whl"]
)
def test_odd_names(tmp_path: Path, name: str) -> None:
    """They tell nothing."""
    item = describe(None, [tmp_path / name])[0]
    assert (item["name"], item["version"], item["tags"], item["filename"]) == (None, None, None, name)


def test_selection_and_order(store: Store, tmp_path: Path) -> None:
    """Only what was asked for, each build of it, by file name, then by time."""
    for number, name in enumerate(["gamma", "alpha", "beta"]):
        store.add_wheel(f"{number}" * 64, make_wheel(tmp_path, name=name), {"build_seconds": 1})
    store.add_wheel("3" * 64, make_wheel(tmp_path, name="alpha"), {"build_seconds": 2})
    paths = [path for path in store.wheels if not path.name.startswith("beta")]
    found = [(item["name"], item["build_seconds"]) for item in describe(store, paths)]
    assert found == [("alpha", 1), ("alpha", 2), ("gamma", 1)]


def test_stores_below(tmp_path: Path) -> None:
    """What they have is told as well, and that nothing can be done about it."""
    lower, upper = Store(tmp_path / "lower"), Store(tmp_path / "upper", [tmp_path / "lower"])
    lower.add_wheel(KEY, make_wheel(tmp_path / "one", name="alpha"), {"build_seconds": 1})
    upper.add_wheel(KEY, make_wheel(tmp_path / "two", name="beta"), {"build_seconds": 2})
    paths = [*upper.wheels, *(path for one in upper.lower for path in one.wheels)]
    found = [(item["name"], item["build_seconds"], item["read_only"]) for item in describe(upper, paths)]
    assert found == [("alpha", 1, True), ("beta", 2, False)]


@pytest.mark.parametrize("items", [[], [{"a": 1}], [{"a": 1}, {"b": [2]}]], ids=len)
def test_json(items: list[dict[str, object]]) -> None:
    """A line for each."""
    text = to_json(items)
    assert json.loads(text) == items
    assert len(text.splitlines()) == (len(items) + 2 if items else 1)
