"""What ``pipcache doctor`` finds out of settings and stores."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.installation import placing
from pipcache_plugin.management import doctor, stores
from pipcache_plugin.management.doctor import Diagnosis, describe_file_system, examine_settings, examine_store
from pipcache_plugin.settings import Settings, load
from pipcache_plugin.store import locks
from pipcache_plugin.store.store import Store
from tests.factories import make_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence


def examine(store: Store, settings: Settings | None = None) -> Diagnosis:
    """Return what is found out of a store."""
    diagnosis = Diagnosis()
    examine_store(diagnosis, store, settings or Settings())
    return diagnosis


def complaints(diagnosis: Diagnosis) -> Sequence[str]:
    """Return what is wrong, without hints."""
    return [problem.what for problem in diagnosis.problems]


class TestStore:
    """``examine_store``."""

    def test_store_that_is_all_right(self, store: Store, tmp_path: Path) -> None:
        """All facts, and no problem; nothing stays of what was tried."""
        store.add_wheel("ab" * 32, make_wheel(tmp_path), {})
        before = sorted(store.root.rglob("*"))
        found = examine(store)
        assert found.problems == []
        assert {key: found.facts[key] for key in ["location", "writable", "locks", "hard_links", "wheels"]} == {
            "location": str(store.root),
            "writable": True,
            "locks": True,
            "hard_links": True,
            "wheels": 1,
        }
        assert found.facts["unpacked_wheels"] == 0
        assert found.facts["max_size_bytes"] == 10**10
        assert isinstance(found.facts["clones"], bool)
        assert sorted(store.root.rglob("*")) == before

    def test_store_that_is_not_there_yet(self, store: Store) -> None:
        """It can be made, and is not."""
        found = examine(store)
        assert found.problems == []
        assert found.facts["writable"] is True
        assert not store.root.exists()

    def test_store_that_is_a_file(self, store: Store) -> None:
        """There is nothing more to be said."""
        store.root.touch()
        found = examine(store)
        assert complaints(found) == [f"the cache is not used: `{store.root}` is not a directory"]
        assert found.problems[0].hint

    def test_what_cannot_be_written(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is there serves; where nothing is, nothing is kept."""

        def refuse(**_: object) -> str:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(tempfile, "mkdtemp", refuse)
        assert "nothing is kept" in complaints(examine(store))[0]
        store.root.mkdir()
        found = examine(store)
        assert found.facts["writable"] is False
        assert complaints(found) == [
            f"`{store.root}` cannot be written (Permission denied): what it has is found, and nothing is added"
        ]

    def test_file_system_without_locks_and_links(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only the former is a problem."""

        def refuse(*_: object) -> None:
            raise PermissionError

        monkeypatch.setattr(locks, "try_to_hold", lambda _path: None)
        monkeypatch.setattr(os, "link", refuse)
        monkeypatch.setattr(placing, "_clone", lambda *_: True)
        found = examine(store)
        assert [found.facts[key] for key in ["locks", "hard_links", "clones"]] == [False, False, True]
        assert [what.startswith("files cannot be locked") for what in complaints(found)] == [True]

    def test_full_disk(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not even a trial can be written."""

        def write_bytes(path: Path, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", write_bytes)
        assert examine(store).facts["clones"] is False

    def test_little_room(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is told before the disk is full."""
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=10**6))
        found = examine(store)
        assert found.facts["free_bytes"] == 10**6
        assert [what.startswith("there is little room") for what in complaints(found)] == [True]

    @pytest.mark.parametrize(("count", "words"), [(1, "1 damaged file was"), (2, "2 damaged files were")])
    def test_damage(self, store: Store, count: int, words: str) -> None:
        """What was set aside is counted."""
        store.damaged.mkdir(parents=True)
        for number in range(count):
            (store.damaged / str(number)).touch()
        assert [what.startswith(words) for what in complaints(examine(store))] == [True]

    @pytest.mark.parametrize("is_root", [True, False])
    def test_somebody_elses(self, store: Store, monkeypatch: pytest.MonkeyPatch, *, is_root: bool) -> None:
        """Unless it was chosen, it is not used, but by root."""
        store.root.mkdir()
        monkeypatch.setattr(stores, "find_distrust", lambda _root: "another user's")
        monkeypatch.setattr(doctor, "takes_doubtful", lambda: is_root)
        (what,) = complaints(examine(store))
        assert ("used all the same" in what) is is_root
        assert "another user's" in what
        assert complaints(examine(store, load({"PIPCACHE_DIR": str(store.root), "PIPCACHE_CONFIG": os.devnull}))) == []

    @pytest.mark.skipif(os.name != "posix", reason="nobody owns files elsewhere")
    @pytest.mark.parametrize(
        ("mode", "words"),
        [
            (0o755, "nobody else may write to it"),
            (0o775, "its group may write to it"),
            (0o1777, "its group and everybody may write to it"),
        ],
    )
    def test_owner(self, store: Store, mode: int, words: str) -> None:
        """And who else may write."""
        store.root.mkdir()
        store.root.chmod(mode)
        owner = str(examine(store).facts["owner"])
        assert owner.endswith(f", you; {words}")

    def test_owner_without_a_name(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """As in a container."""
        import pwd

        def fail(user: int) -> object:
            raise KeyError(user)

        monkeypatch.setattr(pwd, "getpwuid", fail)
        assert str(examine(store).facts["owner"]).startswith(f"user {os.geteuid()}, you")

    def test_stores_below(self, store: Store, tmp_path: Path) -> None:
        """One with builds, one with none, one that is missing."""
        full, empty, missing = (tmp_path / name for name in ["full", "empty", "missing"])
        Store(full).add_wheel("ab" * 32, make_wheel(tmp_path), {})
        empty.mkdir()
        found = examine(Store(store.root, [full, empty, missing]))
        assert str(found.facts["read_only_cache_1"]).startswith(f"{full} (1 builds, ")
        assert "not there" in str(found.facts["read_only_cache_3"])
        assert ["has no wheels" in complaints(found)[0], "is not a directory" in complaints(found)[1]] == [True, True]
        assert "--find-links" in found.problems[0].hint


class TestSettings:
    """``examine_settings``."""

    def test_nothing_set(self, tmp_path: Path) -> None:
        """It says so."""
        diagnosis = Diagnosis()
        examine_settings(diagnosis, Settings(), tmp_path / "config.toml")
        assert diagnosis.facts == {
            "settings_file": f"{tmp_path / 'config.toml'} (not there)",
            "settings": "all by default",
        }

    def test_what_is_set(self, tmp_path: Path) -> None:
        """Each with its value and its origin."""
        file = tmp_path / "config.toml"
        file.write_text('max-size = "2GB"\ndisable = false\n')
        environ = {"PIPCACHE_CONFIG": str(file), "PIPCACHE_READ_ONLY_DIRS": os.pathsep.join(["/a", "/b"])}
        diagnosis = Diagnosis()
        examine_settings(diagnosis, load(environ), file)
        assert diagnosis.facts["settings_file"] == str(file)
        assert diagnosis.facts["settings"] == [
            f"disable = no ({file})",
            f"max-size = 2.0 GB ({file})",
            f"read-only-dirs = /a{os.pathsep}/b (PIPCACHE_READ_ONLY_DIRS)",
        ]


class TestWords:
    """How a diagnosis reads."""

    def test_human(self) -> None:
        """A line for each fact, then the problems."""
        diagnosis = Diagnosis(facts={"pip": "26.3", "hard_links": True, "size_bytes": 1500, "settings": ["a", "b"]})
        assert str(diagnosis).splitlines() == [
            "pip:                26.3",
            "Hard links:         yes",
            "Size:               1.5 kB",
            "Settings:           a",
            "                    b",
            "",
            "No problems found",
        ]
        diagnosis.complain("it is broken", "mend it")
        diagnosis.complain("it is lost")
        assert str(diagnosis).splitlines()[-3:] == [
            "2 problems found:",
            " - it is broken (hint: mend it)",
            " - it is lost",
        ]

    def test_json(self) -> None:
        """Values as they are."""
        diagnosis = Diagnosis(facts={"size_bytes": 1500})
        diagnosis.complain("x")
        assert diagnosis.to_dict() == {"facts": {"size_bytes": 1500}, "problems": [{"what": "x", "hint": ""}]}


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="this platform does not list mounts")
def test_file_system() -> None:
    """The innermost mount counts."""
    assert describe_file_system(Path("/proc/self")) == "proc"
    assert describe_file_system(Path("/")) not in {"proc", "unknown"}


def test_nobody_else_takes_a_doubtful_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root does."""
    monkeypatch.setattr(os, "geteuid", lambda: 12345, raising=False)
    assert not stores.takes_doubtful()
    assert stores.find_refusal(store) is None
