"""Files made ready by processes of their own: all of a wheel or nothing, and nothing that stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.installation.bytecode import kind_of_bytecode
from pipcache_plugin.installation.placing import LinkMode
from pipcache_plugin.installation.ready import ReadyFiles, bytecode_path, bytecode_suffix
from pipcache_plugin.pip_bridge import readying
from tests.factories import make_wheel, sha256_hex

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

KIND = kind_of_bytecode()

FILES = {
    "many/__init__.py": "",
    "many/native.so": "x" * 100,
    "many-1.0.data/purelib/many_data.py": "X = 1\n",
    **{f"many/part{number % 7}/file{number}.txt": f"{number}\n" for number in range(1000)},
}


@pytest.fixture(autouse=True)
def _cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let there be cores; and let nothing run on after a test."""
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    yield
    readying.end()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return an empty library."""
    path = tmp_path / "library"
    path.mkdir()
    return path


def add(store: Store, folder: Path, name: str = "many", files: dict[str, str] = FILES) -> str:
    """Unpack a wheel into the store, with bytecode for what is a source; return its digest."""
    wheel = make_wheel(folder / "wheels", name=name, files=files)
    sha256 = sha256_hex(wheel)
    tree = store.trees.add(sha256, wheel)

    def make(target: Path) -> None:
        for source in tree.files:
            if source.endswith(".py"):
                path = target / source
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"bytecode of {source}")

    store.trees.add_bytecode(sha256, KIND, make)
    return sha256


def begin(store: Store, library: Path, *wheels: str, mode: LinkMode = LinkMode.CLONE, kind: str | None = KIND) -> None:
    """Begin."""
    maker = readying.begin(store.trees, str(library), mode, kind)
    for sha256 in wheels:
        maker.add(sha256)


def find(sha256: str) -> ReadyFiles | None:
    """Return the files of a wheel."""
    maker = readying.current()
    assert maker is not None
    return maker.find(sha256)


def find_begun(library: Path, sha256: str) -> ReadyFiles | None:
    """Find the files of a wheel once a process has begun with it: before that, to ask is to take it away."""
    for _ in range(500):
        if list(library.glob(f".pipcache-*/{sha256}")):
            break
        time.sleep(0.01)
    return find(sha256)


def test_files_of_a_wheel(store: Store, tmp_path: Path, library: Path) -> None:
    """With their bytecode, all but those that have other places; whole folders can be taken."""
    sha256 = add(store, tmp_path)
    begin(store, library, sha256)
    ready = find_begun(library, sha256)
    assert ready is not None
    (library / "many").mkdir()
    assert ready.take("many/__init__.py", str(library / "many/__init__.py"))
    names = {path.relative_to(library).as_posix() for path in library.joinpath("many").rglob("*") if path.is_file()}
    expected = {name for name in FILES if name.startswith("many/")}
    assert names == expected | {bytecode_path("many/__init__.py", bytecode_suffix())}
    assert not ready.take("many-1.0.data/purelib/many_data.py", str(library / "many_data.py"))


def test_wheels_that_come_later(store: Store, tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They go to the processes that there are, and to one more when it is worth it."""
    wheels = [add(store, tmp_path, name) for name in ["many", "other", "third"]]
    monkeypatch.setattr(readying, "_ENOUGH_BYTES_FOR_MORE", 2 * store.trees.weigh(wheels[0]))
    maker = readying.begin(store.trees, str(library), LinkMode.CLONE, KIND)
    counts = []
    for sha256 in [*wheels, wheels[0]]:
        maker.add(sha256)
        counts.append(len(maker._processes))
    assert counts == [1, 2, 2, 2]
    assert all(find_begun(library, sha256) is not None for sha256 in wheels)
    maker.add(add(store, tmp_path, "late"))
    assert {path.name for path in library.glob(".pipcache-*/*")} == set(wheels)


@pytest.mark.parametrize("mode", list(LinkMode))
def test_link_modes(store: Store, tmp_path: Path, library: Path, mode: LinkMode) -> None:
    """As where pip's loop has them put."""
    sha256 = add(store, tmp_path)
    begin(store, library, sha256, mode=mode)
    ready = find_begun(library, sha256)
    tree, bytecode = store.trees.find(sha256), store.trees.find_bytecode(sha256, KIND)
    assert ready is not None
    assert tree is not None
    assert bytecode is not None
    for folder in ["many", "many-1.0.dist-info"]:
        (library / folder).mkdir()
    for name in ["many/__init__.py", "many/native.so", "many-1.0.dist-info/METADATA"]:
        assert ready.take(name, str(library / name))
        is_linked = mode is LinkMode.HARDLINK and not name.endswith("METADATA")
        assert (library / name).samefile(tree.folder / name) is is_linked
    made = library / bytecode_path("many/__init__.py", bytecode_suffix())
    assert made.samefile(bytecode.folder / "many/__init__.py") is (mode is not LinkMode.COPY)
    source = library / "many/__init__.py"
    assert source.stat().st_mtime_ns == tree.files["many/__init__.py"].mtime_ns


def test_without_bytecode(store: Store, tmp_path: Path, library: Path) -> None:
    """Where pip is to make none, or makes its own."""
    sha256 = add(store, tmp_path)
    begin(store, library, sha256, kind=None)
    assert find_begun(library, sha256) is not None
    assert not list(library.rglob("*.pyc"))


def test_nothing_stays(store: Store, tmp_path: Path, library: Path) -> None:
    """Of what nobody asked for."""
    wheels = [add(store, tmp_path), add(store, tmp_path, "other")]
    begin(store, library, *wheels)
    assert find_begun(library, wheels[0]) is not None
    (folder,) = library.iterdir()
    assert folder.name.startswith(".pipcache-")
    readying.end()
    assert list(library.iterdir()) == []
    assert readying.current() is None


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal_to_all_processes(store: Store, tmp_path: Path, library: Path, name: str) -> None:
    """Whoever cleans up does not end before."""
    sha256 = add(store, tmp_path)
    begin(store, library, sha256)
    assert find_begun(library, sha256) is not None
    maker = readying.current()
    assert maker is not None
    for process in maker._processes:
        process.send_signal(getattr(signal, name))
    readying.end()
    assert list(library.iterdir()) == []
    assert [process.returncode for process in maker._processes] == [0]


def test_nothing_stays_of_a_run_that_was_killed(store: Store, tmp_path: Path, library: Path) -> None:
    """The processes see that it is gone."""
    sha256 = add(store, tmp_path)
    code = (
        "import os, signal, sys; from pathlib import Path; os.cpu_count = lambda: 3;"
        "from pipcache_plugin.store.store import Store; from pipcache_plugin.installation.placing import LinkMode;"
        "from pipcache_plugin.pip_bridge import readying;"
        f"maker = readying.begin(Store(Path(sys.argv[1])).trees, sys.argv[2], LinkMode.CLONE, {KIND!r});"
        f"maker.add({sha256!r});"
        "import time; time.sleep(0.2); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, store.root, library], check=False)
    assert done.returncode == -signal.SIGKILL
    for _ in range(500):
        if not list(library.iterdir()):
            return
        time.sleep(0.02)
    pytest.fail("the folder is still there")


@pytest.mark.parametrize("how", ["damaged", "no bytecode", "gone"])
def test_wheel_that_cannot_be_made_ready(
    store: Store, tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Nothing of it is; the others are."""
    sha256, other = add(store, tmp_path), add(store, tmp_path, "other")
    tree = store.trees.find(sha256)
    assert tree is not None
    if how == "damaged":
        (tree.folder / "many/native.so").write_text("edited")
    elif how == "gone":
        (tree.folder / "many/native.so").unlink()
    monkeypatch.setattr(readying, "_MOST_PROCESSES", 1)
    begin(store, library, sha256, other, kind="another kind" if how == "no bytecode" else KIND)
    if how != "no bytecode":
        assert find_begun(library, other) is not None
    assert find(sha256) is None
    assert not list(library.glob(f".pipcache-*/{sha256}/*"))


def test_wheel_that_pip_comes_to_first(
    store: Store, tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The processes leave it alone, and nobody waits."""
    sha256, other = add(store, tmp_path), add(store, tmp_path, "other")
    monkeypatch.setattr(readying, "_RUN", f"import sys; sys.stdin.readline(); print('{other} ready'); sys.stdin.read()")
    begin(store, library, sha256)
    assert find(sha256) is None
    (folder,) = library.iterdir()
    assert [path.name for path in folder.iterdir()] == [sha256]


@pytest.mark.parametrize("how", ["killed", "failed"])
def test_process_that_ends_early(
    store: Store, tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Nobody waits for what it has begun with."""
    sha256 = add(store, tmp_path)
    end = "os.kill(os.getpid(), 9)" if how == "killed" else "sys.exit(1)"
    code = "import json, os, sys; task = json.loads(sys.stdin.readline());"
    monkeypatch.setattr(readying, "_RUN", f"{code} os.mkdir(f\"{{task['folder']}}/{sha256}\"); {end}")
    begin(store, library, sha256)
    (folder,) = library.iterdir()
    while not list(folder.iterdir()):
        pass
    assert find(sha256) is None


@pytest.mark.parametrize("why", ["few files", "one core", "no library", "file", "prefix", "no process", "no tree"])
def test_not_worth_it_or_not_possible(
    store: Store, tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """Then pip's loop does it all, and the library is as it was."""
    sha256 = add(store, tmp_path, files={"few.py": ""} if why == "few files" else FILES)
    if why == "one core":
        monkeypatch.setattr(os, "cpu_count", lambda: 1)
    elif why == "no library":
        library = library / "no"
    elif why == "file":
        library = library / "file"
        library.write_text("")
    elif why == "prefix":
        monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    elif why == "no process":
        monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    begin(store, library, "0" * 64 if why == "no tree" else sha256)
    assert find(sha256) is None
    assert not list(tmp_path.glob("library/.pipcache-*"))
