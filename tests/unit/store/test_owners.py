"""Whose a store is: what is made in it is for all who may write to its root."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipcache_plugin.store import locks, owners
from pipcache_plugin.store.store import Store
from tests.factories import make_wheel

pytestmark = pytest.mark.skipif(os.name != "posix", reason="nobody owns files elsewhere")

SOMEBODY = 12345

needs_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")


def mode(path: Path) -> int:
    """Return the permission bits of a file."""
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Have new files be for their owner to write to."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of a store that its group may write to."""
    root = tmp_path / "store"
    root.mkdir()
    root.chmod(0o2775)
    return root


def fill(root: Path, folder: Path) -> None:
    """Store one of everything."""
    store = Store(root)
    entry = store.add_wheel("ab" * 32, make_wheel(folder), {"x": 1})
    store.add_metadata("ab" * 32, "simple-1.0.dist-info", {"METADATA": b"x"}, {})
    placed = store.place_wheel(entry, folder)
    assert placed is not None
    store.trees.add(entry.wheel.sha256, placed)
    store.trees.note_use(entry.wheel.sha256)
    store.trees.add_bytecode(entry.wheel.sha256, "cpython", lambda made: (made / "x.py").touch())
    store.resolutions.put("ab" * 32, [entry.wheel.sha256], 1.0)
    store.log.append({"project": "simple", "outcome": "hit", "time_ns": 1})
    store.log.counts.reset()
    with store.hold("ab" * 32, lambda: None):
        pass
    place = store.environments.take("ab" * 32)
    assert place is not None
    place.give_back()
    descriptor = locks.try_to_hold(store.bound, root)
    assert descriptor is not None
    os.close(descriptor)


def test_shared_store(root: Path, tmp_path: Path) -> None:
    """Whatever is made in it, the group may write to, and it belongs to that group."""
    fill(root, tmp_path / "wheels")
    paths = list(root.rglob("*"))
    assert len(paths) > 30
    assert [path for path in paths if not mode(path) & 0o020] == []
    assert [path for path in paths if path.is_dir() and mode(path) & 0o070 != 0o070] == []
    assert [path for path in paths if mode(path) & 0o002] == []


def test_private_store(root: Path, tmp_path: Path) -> None:
    """As the umask says."""
    root.chmod(0o755)
    fill(root, tmp_path / "wheels")
    assert [path for path in root.rglob("*") if mode(path) & 0o022] == []


@needs_root
def test_roots_part_in_somebody_elses_store(root: Path, tmp_path: Path) -> None:
    """Belongs to whom the store belongs to."""
    root.chmod(0o755)
    os.chown(root, SOMEBODY, SOMEBODY)
    fill(root, tmp_path / "wheels")
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in root.rglob("*")} == {(SOMEBODY, SOMEBODY)}
    assert [path for path in root.rglob("*") if mode(path) & 0o022] == []


@needs_root
def test_new_store_in_somebody_elses_folder(tmp_path: Path) -> None:
    """As a container's root makes it in a home that is mounted; what was there before stays as it is."""
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, SOMEBODY, SOMEBODY)
    root = home / ".cache" / "pipcache"
    owners.make_folder(root, root / "wheels")
    owned = [path.stat().st_uid for path in [tmp_path, home, root.parent, root, root / "wheels"]]
    assert owned == [0, SOMEBODY, SOMEBODY, SOMEBODY, SOMEBODY]


@pytest.mark.parametrize(("parent", "expected"), [(0o1777, 0o755), (0o777, 0o755), (0o2775, 0o2775), (0o775, 0o755)])
def test_new_store_in_a_folder_for_many(tmp_path: Path, parent: int, expected: int) -> None:
    """It is shared where the folder says so (``chmod g+ws``), not because everybody may make folders there."""
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(parent)
    owners.make_folder(folder / "store", folder / "store" / "wheels")
    assert mode(folder / "store") == expected
    assert mode(folder / "store" / "wheels") == expected


def test_links_are_left_alone(root: Path, tmp_path: Path) -> None:
    """What they lead to is nobody's business."""
    target = tmp_path / "target"
    target.touch()
    (root / "link").symlink_to(target)
    owners.share(root, root / "link")
    owners.share_all(root, root)
    assert mode(target) == 0o644


def test_what_is_gone(root: Path) -> None:
    """Is no error; nor is a root that is not there."""
    owners.share(root, root / "gone")
    owners.share(root / "gone", root)
    owners.share_all(root / "gone", root)


def test_folder_that_goes_as_it_is_made(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody removes it, as empty: it is made again."""
    folder = root / "folder"
    mkdir = Path.mkdir

    def make_late(path: Path, *args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(Path, "mkdir", mkdir)
        raise FileExistsError(path)

    monkeypatch.setattr(Path, "mkdir", make_late)
    owners.make_folder(root, folder)
    assert folder.is_dir()


def test_folder_that_is_a_file(root: Path) -> None:
    """Is an error, of which a store makes what it makes of all."""
    (root / "wheels").touch()
    with pytest.raises(FileExistsError):
        owners.make_folder(root, root / "wheels")
    with pytest.raises(NotADirectoryError):
        owners.make_folder(root, root / "wheels" / "ab")


class TestFindDistrust:
    """``find_distrust``."""

    def test_ones_own(self, root: Path) -> None:
        """The group's is one's own: many systems have a group for each user."""
        assert owners.find_distrust(root) is None

    def test_not_there(self, root: Path) -> None:
        """Nobody has put anything in it."""
        assert owners.find_distrust(root / "gone") is None

    def test_everybodys(self, root: Path) -> None:
        """Also where nobody can replace what is another's: in the folders below everybody can."""
        for mode in [0o777, 0o1777]:
            root.chmod(mode)
            assert owners.find_distrust(root) == "for everybody to write to"

    @needs_root
    def test_another_users(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also for root; what is root's is all right for everybody."""
        os.chown(root, SOMEBODY, SOMEBODY)
        assert owners.find_distrust(root) == "another user's"
        monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)
        assert owners.find_distrust(root) is None
        os.chown(root, 0, 0)
        assert owners.find_distrust(root) is None
