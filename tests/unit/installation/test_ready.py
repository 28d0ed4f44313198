"""Files that are ready: by whole folders where nothing is lost by that, one by one elsewhere."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pipcache_plugin.installation.ready import ReadyFiles, bytecode_path, bytecode_suffix, is_made_ready

NAMES = ["top.py", "pkg/__init__.py", "pkg/a.py", "pkg/sub/b.py", "pkg/sub/data.txt", "pkg-1.0.dist-info/METADATA"]
SOURCES = [name for name in NAMES if name.endswith(".py")]
SUFFIX = ".cpython-312.pyc"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the files of a wheel, each of which has its name in it, and their bytecode."""
    folder = tmp_path / "ready"
    for name in [*NAMES, *(bytecode_path(name, SUFFIX) for name in SOURCES)]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return an empty library."""
    path = tmp_path / "library"
    path.mkdir()
    return path


@pytest.fixture
def ready(folder: Path) -> ReadyFiles:
    """Return the wheel's files."""
    return ReadyFiles(str(folder), SUFFIX)


def take(ready: ReadyFiles, library: Path, *names: str) -> None:
    """Take files as pip does: the folder that they go to is there."""
    for name in names:
        target = library / name
        target.parent.mkdir(parents=True, exist_ok=True)
        assert ready.take(name, str(target))
        assert target.read_text() == name


def take_bytecode(ready: ReadyFiles, library: Path, *names: str) -> None:
    """Take bytecode as pip does, after the sources."""
    for name in names:
        target = library / bytecode_path(name, SUFFIX)
        target.parent.mkdir(exist_ok=True)
        assert ready.take_bytecode(name, str(target))
        assert target.read_text() == bytecode_path(name, SUFFIX)


def test_all_of_it(ready: ReadyFiles, folder: Path, library: Path) -> None:
    """Every file is there in the end, and none is left."""
    take(ready, library, *NAMES)
    take_bytecode(ready, library, *SOURCES)
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert list(ready.iter_unasked(NAMES, SOURCES)) == []


def test_folder_comes_as_a_whole(ready: ReadyFiles, folder: Path, library: Path) -> None:
    """With the first of its files; the others cost nothing."""
    take(ready, library, "pkg/a.py")
    assert not (folder / "pkg").exists()
    assert (library / "pkg/sub/b.py").is_file()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_folder_with_something_in_it_stays(ready: ReadyFiles, folder: Path, library: Path, what: str) -> None:
    """Another wheel's files: a namespace, or what an older version left."""
    other = library / "pkg/other"
    other.parent.mkdir()
    if what == "file":
        other.write_text("other")
    else:
        other.mkdir()
    take(ready, library, "pkg/a.py", "pkg/sub/b.py")
    take_bytecode(ready, library, "pkg/a.py", "pkg/sub/b.py")
    assert other.exists()
    assert (folder / "pkg/__init__.py").is_file()
    assert not (folder / "pkg/sub").exists(), "it had no counterpart"


def test_deeper_folder_first(ready: ReadyFiles, library: Path) -> None:
    """Then the one above it is not empty any more."""
    take(ready, library, "pkg/sub/b.py", "pkg/a.py", "pkg/sub/data.txt", "pkg/__init__.py")
    take_bytecode(ready, library, "pkg/sub/b.py", "pkg/a.py", "pkg/__init__.py")


def test_folder_of_another_mode_stays(ready: ReadyFiles, library: Path) -> None:
    """Somebody wanted it like that."""
    (library / "pkg").mkdir()
    (library / "pkg").chmod(0o700)
    take(ready, library, "pkg/a.py")
    assert (library / "pkg").stat().st_mode & 0o777 == 0o700


def test_folder_that_is_a_link_stays(ready: ReadyFiles, library: Path, tmp_path: Path) -> None:
    """The files go where it leads, as with pip."""
    (tmp_path / "elsewhere").mkdir()
    (library / "pkg").symlink_to(tmp_path / "elsewhere")
    take(ready, library, "pkg/a.py")
    assert (tmp_path / "elsewhere/a.py").is_file()


def test_what_is_there_is_replaced(ready: ReadyFiles, library: Path) -> None:
    """And not written to: it may be one file with another environment's."""
    old = library / "top.py"
    old.write_text("old")
    (library / "other").hardlink_to(old)
    take(ready, library, "top.py")
    assert (library / "other").read_text() == "old"


def test_other_place_than_its_folders(ready: ReadyFiles, library: Path) -> None:
    """What has gone elsewhere with its folder is not to be had."""
    take(ready, library, "pkg/a.py")
    assert not ready.take("pkg/__init__.py", str(library / "__init__.py"))
    assert not ready.take("pkg/__init__.py", str(library / "pkg/other.py"))
    assert not ready.take_bytecode("pkg/a.py", str(library / "a.pyc"))


def test_what_is_not_ready(ready: ReadyFiles, library: Path) -> None:
    """It comes from elsewhere."""
    assert not ready.take("absent.py", str(library / "absent.py"))
    assert not ready.take("top.py", str(library / "no/folder/top.py"))


def test_what_nobody_asked_for(ready: ReadyFiles, library: Path) -> None:
    """Of folders that came as a whole; the rest is not in the library."""
    (library / "pkg-1.0.dist-info").mkdir()
    (library / "pkg-1.0.dist-info/mine").write_text("mine")
    take(ready, library, "top.py", "pkg/a.py")
    take_bytecode(ready, library, "pkg/a.py")
    unasked = [Path(path).relative_to(library).as_posix() for path in ready.iter_unasked(NAMES, SOURCES)]
    others = ["pkg/__init__.py", "pkg/sub/b.py"]
    assert unasked == [*others, "pkg/sub/data.txt", *(bytecode_path(name, SUFFIX) for name in others)]
    assert all((library / name).is_file() for name in unasked)


def test_names_of_bytecode() -> None:
    """As Python has them."""
    assert Path(bytecode_path("a/b.py", bytecode_suffix())) == Path(importlib.util.cache_from_source("a/b.py"))
    assert Path(bytecode_path("b.py", bytecode_suffix())) == Path(importlib.util.cache_from_source("b.py"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.py", True), ("a/b.py", True), ("a-1.dist-info/RECORD", True), ("a-1.data/purelib/a.py", False)],
)
def test_what_is_made_ready(name: str, *, expected: bool) -> None:
    """What pip finds a place for by other rules is not."""
    assert is_made_ready(name) is expected
