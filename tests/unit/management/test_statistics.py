"""What is told of a store, for people and for programs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.files import sha256_of
from pipcache_plugin.management.contents import size_of_trees
from pipcache_plugin.management.statistics import Share, Statistics, collect_statistics
from pipcache_plugin.store.counts import Count
from tests.factories import make_wheel

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store


def add(store: Store, folder: Path, name: str, key: str) -> Path:
    """Store a wheel, whose file name is written as old backends do, and return its path."""
    wheel = make_wheel(folder, name=name)
    wheel = wheel.rename(wheel.with_name(wheel.name.replace("my_project", "My.Project")))
    store.add_wheel(key * 64, wheel, {})
    return wheel


def log(store: Store, outcome: str, project: str, seconds: float) -> None:
    """Note a decision."""
    content = {"outcome": outcome, "project": project, "time_ns": time.time_ns(), "build_seconds": seconds}
    store.log.append(content)


def test_store(store: Store, tmp_path: Path) -> None:
    """What was counted, and what is there, by normalized name."""
    wheels = [add(store, tmp_path / folder, "my-project", key) for folder, key in [("one", "a"), ("two", "b")]]
    other = add(store, tmp_path, "other", "c")
    store.trees.add(sha256_of(other), other)
    log(store, "built", "my-project", 3.0)
    log(store, "hit", "my-project", 3.0)
    log(store, "hit", "gone", 2.0)
    found = collect_statistics(store)
    size = wheels[0].stat().st_size
    assert found.projects == {
        "gone": Share(count=Count(hits=1, saved_seconds=2.0), wheels=0, size_bytes=0),
        "my-project": Share(
            count=Count(hits=1, builds=1, saved_seconds=3.0, build_seconds=3.0), wheels=1, size_bytes=size
        ),
        "other": Share(count=Count(), wheels=1, size_bytes=other.stat().st_size),
    }
    assert found.wheels == 2
    assert found.size_bytes == size + other.stat().st_size + size_of_trees(store)[1]
    assert found.count == Count(hits=2, builds=1, saved_seconds=5.0, build_seconds=3.0)


def test_since(store: Store, tmp_path: Path) -> None:
    """What is there is there, whenever it was counted."""
    add(store, tmp_path, "other", "c")
    log(store, "built", "other", 3.0)
    found = collect_statistics(store, time.time_ns() + 1)
    assert found.count == Count()
    assert found.projects["other"].wheels == 1


def test_empty_store(store: Store) -> None:
    """All is zero, and nothing is made."""
    assert list(collect_statistics(store).iter_lines()) == [
        "Wheels found: 0",
        "Wheels built: 0",
        "Time saved: 0.0 s",
        "Time spent building: 0.0 s",
        "Size: 0 bytes (0 wheels, unpacked wheels included)",
    ]
    assert not store.root.exists()


def share(hits: int, builds: int, saved: float, size: int, wheels: int = 1) -> Share:
    """Return what there is of a project."""
    count = Count(hits=hits, builds=builds, saved_seconds=saved, build_seconds=builds * 10.0)
    return Share(count=count, wheels=wheels, size_bytes=size)


def test_text() -> None:
    """What saved most comes first; what was not counted, together at the end."""
    projects = {
        "a": share(0, 0, 0.0, 1000),
        "b": share(0, 0, 0.0, 500),
        "markupsafe": share(2, 3, 5.6, 36_100),
        "numpy": share(1234, 1, 200.0, 8_100_000, wheels=3),
    }
    assert list(Statistics(projects=projects, size_of_trees_bytes=1_000_000).iter_lines()) == [
        "Wheels found: 1236",
        "Wheels built: 4",
        "Time saved: 3 min 26 s",
        "Time spent building: 40.0 s",
        "Size: 9.1 MB (6 wheels, unpacked wheels included)",
        "By project:",
        "",
        "Project    Found Built      Saved   Size",
        "---------- ----- ----- ---------- ------",
        "numpy       1234     1 3 min 20 s 8.1 MB",
        "markupsafe     2     3      5.6 s  36 kB",
        "(2 others)     0     0      0.0 s 1.5 kB",
    ]


def test_text_of_one() -> None:
    """One of anything is not many."""
    *_, size, _title, _, _head, _line, row = Statistics(
        projects={"alpha": share(0, 0, 0.0, 10)}, size_of_trees_bytes=0
    ).iter_lines()
    assert size == "Size: 10 bytes (1 wheel, unpacked wheels included)"
    assert row.startswith("(1 other)")


def test_json() -> None:
    """As it is documented."""
    projects = {"a": share(2, 1, 5.6789, 36)}
    assert Statistics(projects=projects, size_of_trees_bytes=4).to_dict() == {
        "total": {"hits": 2, "builds": 1, "saved_seconds": 5.679, "build_seconds": 10.0},
        "projects": {
            "a": {"hits": 2, "builds": 1, "saved_seconds": 5.679, "build_seconds": 10.0, "wheels": 1, "size": 36}
        },
        "wheels": 1,
        "size": 40,
    }
