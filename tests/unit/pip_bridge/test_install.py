"""Which files of a wheel are linked, copied, or left to pip."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pip._internal.models.link import Link

from pipcache_plugin.installation.placing import LinkMode
from pipcache_plugin.installation.ready import ReadyFiles, bytecode_path, bytecode_suffix
from pipcache_plugin.pip_bridge import install, readying, run
from pipcache_plugin.pip_bridge.placement import Placement
from pipcache_plugin.settings import load
from pipcache_plugin.store.trees import Tree, TreeFile
from tests.factories import make_wheel, sha256_hex
from tests.unit.pip_bridge.runs import RunInFolder

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

EDITED = {"simple-1.0.data/scripts/tool.py", "simple-1.0.dist-info/METADATA", "simple-1.0.dist-info/REQUESTED"}

OTHERS = {
    "simple/__init__.py",
    "simple/native.so",
    "simple/data.txt",
    "simple-1.0.data/data/share/x",
    "simple-1.0.data/purelib/pure.py",
    "simple/scripts/odd.txt",
    "scripts/top.txt",
}

EXECUTABLE = {"simple-1.0.data/scripts/tool.py", "simple/native.so"}

OLD_NS = 1_000_000_000_000_000_000

EVERY_MODE = list(LinkMode)


def make_tree(folder: Path, wheel: str, names: set[str]) -> Tree:
    """Return a tree with these files, each of which has its name in it."""
    files = {}
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(0o755 if name in EXECUTABLE else 0o644)
        os.utime(path, ns=(OLD_NS, OLD_NS))
        files[name] = TreeFile(size_bytes=len(name), mtime_ns=OLD_NS, is_executable=name in EXECUTABLE, crc32=0)
    return Tree(folder=folder, wheel=wheel, files=files)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Let new files have the modes that the tree's files have."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return the tree of a wheel."""
    return make_tree(tmp_path / "tree", "simple-1.0-py3-none-any.whl", EDITED | OTHERS)


@pytest.fixture
def bytecode(tmp_path: Path) -> Tree:
    """Return the bytecode of all its sources."""
    return make_tree(tmp_path / "bytecode", "", {name for name in EDITED | OTHERS if name.endswith(".py")})


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return a path in a folder that is there, as pip makes it."""
    (tmp_path / "installed").mkdir()
    return tmp_path / "installed" / "file.py"


class TestPlace:
    """``Placement.place``."""

    @pytest.mark.parametrize("mode", EVERY_MODE)
    @pytest.mark.parametrize("name", sorted(EDITED | OTHERS))
    def test_link_or_copy(self, tree: Tree, target: Path, mode: LinkMode, name: str) -> None:
        """Only in one mode files are linked, and never one that pip writes to; content and mode are the same."""
        assert Placement("x.whl", tree, None, mode).place(name, str(target))
        assert target.samefile(tree.folder / name) == (mode is LinkMode.HARDLINK and name in OTHERS)
        assert target.read_text() == name
        assert target.stat().st_mode & 0o7777 == (0o755 if name in EXECUTABLE else 0o644)

    @pytest.mark.parametrize("mode", EVERY_MODE)
    def test_source_has_the_time_that_its_bytecode_is_for(self, tree: Tree, target: Path, mode: LinkMode) -> None:
        """To the nanosecond."""
        assert Placement("x.whl", tree, None, mode).place("simple/__init__.py", str(target))
        assert target.stat().st_mtime_ns == OLD_NS

    def test_data_have_the_time_of_the_installation(self, tree: Tree, target: Path) -> None:
        """As with pip, when they are files of their own."""
        assert Placement("x.whl", tree, None, LinkMode.CLONE).place("simple/data.txt", str(target))
        assert target.stat().st_mtime_ns > OLD_NS

    @pytest.mark.parametrize("mode", EVERY_MODE)
    def test_what_was_there_is_replaced(self, tree: Tree, target: Path, mode: LinkMode) -> None:
        """And not written to: it may be one file with another environment's."""
        other = target.with_name("other")
        target.write_text("old")
        other.hardlink_to(target)
        assert Placement("x.whl", tree, None, mode).place("simple/data.txt", str(target))
        assert target.read_text() == "simple/data.txt"
        assert other.read_text() == "old"

    @pytest.mark.parametrize("mode", EVERY_MODE)
    @pytest.mark.parametrize("name", ["absent.py", "simple/data.txt"])
    def test_what_the_tree_does_not_have(self, tree: Tree, target: Path, mode: LinkMode, name: str) -> None:
        """A file that it never had or that is another now: nothing is done."""
        (tree.folder / "simple/data.txt").write_text("edited")
        target.write_text("old")
        assert not Placement("x.whl", tree, None, mode).place(name, str(target))
        assert target.read_text() == "old"

    def test_link_that_may_not_be_is_a_copy(self, tree: Tree, target: Path) -> None:
        """Of a file that everybody may write to, for one; the mode is right nevertheless."""
        (tree.folder / "simple/native.so").chmod(0o777)
        assert Placement("x.whl", tree, None, LinkMode.HARDLINK).place("simple/native.so", str(target))
        assert target.stat().st_nlink == 1
        assert target.stat().st_mode & 0o7777 == 0o755


class TestPlaceBytecode:
    """``Placement.place_bytecode``."""

    @pytest.mark.parametrize("mode", EVERY_MODE)
    @pytest.mark.parametrize("name", ["simple/__init__.py", "simple-1.0.data/purelib/pure.py"])
    def test_beside_its_source(self, tree: Tree, bytecode: Tree, target: Path, mode: LinkMode, name: str) -> None:
        """Linked unless everything is to be copied: nobody edits bytecode."""
        placement = Placement("x.whl", tree, bytecode, mode)
        placement.place(name, str(target))
        assert placement.place_bytecode(str(target))
        cached = Path(importlib.util.cache_from_source(str(target)))
        assert cached.read_text() == name
        assert cached.samefile(bytecode.folder / name) == (mode is not LinkMode.COPY)

    def test_of_a_script_is_pips(self, tree: Tree, bytecode: Tree, target: Path) -> None:
        """Its first line is another one then."""
        placement = Placement("x.whl", tree, bytecode, LinkMode.CLONE)
        placement.place("simple-1.0.data/scripts/tool.py", str(target))
        assert not placement.place_bytecode(str(target))
        assert not (target.parent / "__pycache__").exists()

    def test_of_a_source_that_was_not_placed_is_pips(self, tree: Tree, bytecode: Tree, target: Path) -> None:
        """Nobody knows what is in it."""
        placement = Placement("x.whl", tree, bytecode, LinkMode.CLONE)
        target.write_text("simple/__init__.py")
        assert not placement.place_bytecode(str(target))

    def test_of_a_source_that_was_replaced_is_pips(self, tree: Tree, bytecode: Tree, target: Path) -> None:
        """A second file for the same place, which the tree does not have: pip writes it."""
        placement = Placement("x.whl", tree, bytecode, LinkMode.CLONE)
        assert placement.place("simple/__init__.py", str(target))
        assert not placement.place("absent.py", str(target))
        assert not placement.place_bytecode(str(target))

    def test_second_source_for_one_place_counts(self, tree: Tree, bytecode: Tree, target: Path) -> None:
        """The bytecode is that of what is there."""
        placement = Placement("x.whl", tree, bytecode, LinkMode.CLONE)
        for name in ["simple/__init__.py", "simple-1.0.data/purelib/pure.py"]:
            placement.place(name, str(target))
        placement.place_bytecode(str(target))
        cached = Path(importlib.util.cache_from_source(str(target)))
        assert cached.read_text() == "simple-1.0.data/purelib/pure.py"

    def test_that_is_not_as_it_was_made_is_pips(self, tree: Tree, bytecode: Tree, target: Path) -> None:
        """So is what could not be made, and all of it when there is none."""
        (bytecode.folder / "simple/__init__.py").write_text("edited")
        for made in [bytecode, make_tree(bytecode.folder.with_name("empty"), "", set()), None]:
            placement = Placement("x.whl", tree, made, LinkMode.CLONE)
            assert placement.place("simple/__init__.py", str(target))
            assert not placement.place_bytecode(str(target))

    def test_old_one_is_replaced(self, tree: Tree, bytecode: Tree, target: Path) -> None:
        """And not written to: another environment may have it."""
        cached = Path(importlib.util.cache_from_source(str(target)))
        cached.parent.mkdir()
        cached.write_text("old")
        other = target.with_name("other")
        other.hardlink_to(cached)
        placement = Placement("x.whl", tree, bytecode, LinkMode.COPY)
        placement.place("simple/__init__.py", str(target))
        assert placement.place_bytecode(str(target))
        assert cached.read_text() == "simple/__init__.py"
        assert other.read_text() == "old"


class TestReadyFiles:
    """Placements of a wheel whose files are ready."""

    @pytest.fixture
    def placement(self, tree: Tree, bytecode: Tree, tmp_path: Path) -> Placement:
        """Return a placement of the tree's wheel."""
        folder = tmp_path / "ready"
        for name in tree.files:
            for path in [name, *([bytecode_path(name, bytecode_suffix())] if name in bytecode.files else [])]:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(f"ready {path}")
        ready = ReadyFiles(str(folder), bytecode_suffix())
        return Placement("x.whl", tree, bytecode, LinkMode.CLONE, ready)

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        """Return where a source is to be, in a folder that pip has made."""
        (tmp_path / "installed/simple").mkdir(parents=True)
        return tmp_path / "installed/simple/__init__.py"

    def test_they_are_taken(self, placement: Placement, source: Path) -> None:
        """Before those of the tree."""
        assert placement.place("simple/__init__.py", str(source))
        assert placement.place_bytecode(str(source))
        assert source.read_text() == "ready simple/__init__.py"
        cached = Path(importlib.util.cache_from_source(str(source)))
        assert cached.read_text().startswith("ready simple/__pycache__/")

    def test_those_that_are_not_there_come_from_the_tree(self, placement: Placement, source: Path) -> None:
        """To another place than that of their folder, for one."""
        assert placement.place("simple/__init__.py", str(source))
        other = source.with_name("other.py")
        assert placement.place("simple/__init__.py", str(other))
        assert placement.place_bytecode(str(other))
        assert other.read_text() == "simple/__init__.py"
        assert Path(importlib.util.cache_from_source(str(other))).read_text() == "simple/__init__.py"

    def test_bytecode_of_a_source_that_was_replaced_goes(self, placement: Placement, source: Path) -> None:
        """It came with the folder, and is of the first of two files for one place."""
        assert placement.place("simple/__init__.py", str(source))
        cached = Path(importlib.util.cache_from_source(str(source)))
        assert cached.exists()
        assert not placement.place("absent.py", str(source))
        assert not cached.exists()
        assert not placement.place_bytecode(str(source))

    def test_what_pip_did_not_ask_for_goes(self, placement: Placement, source: Path) -> None:
        """It came with the folder, and pip has failed; what pip asked for is pip's business."""
        assert placement.place("simple/__init__.py", str(source))
        assert (source.parent / "scripts/odd.txt").exists()
        placement.take_back()
        assert [path for path in source.parent.rglob("*") if path.is_file()] == [source]

    def test_nothing_goes_where_nothing_was_ready(self, tree: Tree, source: Path) -> None:
        """As pip leaves it."""
        placement = Placement("x.whl", tree, None, LinkMode.CLONE)
        placement.place("simple/__init__.py", str(source))
        placement.take_back()
        assert source.exists()


class TestExpect:
    """What is made ready while pip resolves and downloads."""

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            (f"https://x/a-1-py3-none-any.whl#sha256={'A' * 64}", "a" * 64),
            (f"https://x/a-1-py3-none-any.whl#md5={'a' * 32}", None),
            ("https://x/a-1-py3-none-any.whl#sha256=../../x", None),
            ("https://x/a-1-py3-none-any.whl", None),
            (f"https://x/a-1.tar.gz#sha256={'a' * 64}", None),
        ],
    )
    def test_wheels_of_a_known_digest(self, url: str, expected: str | None) -> None:
        """Told by the index, or by the user."""
        assert install.told_sha256(Link(url)) == expected
        assert install.told_sha256(None) is None

    @pytest.mark.parametrize(
        ("command", "changes", "expected"),
        [
            ("install", {}, True),
            ("install", {"dry_run": True}, False),
            ("install", {"target_dir": "x"}, False),
            ("wheel", {}, False),
        ],
    )
    def test_only_what_is_installed(
        self, store: Store, tmp_path: Path, command: str, changes: dict[str, Any], expected: bool
    ) -> None:
        """Nothing is put into a library that nothing is installed into."""
        running = RunInFolder(store, tmp_path / "run")
        running.command = command
        plain = {"target_dir": None, "use_user_site": False, "root_path": None, "isolated_mode": False}
        for name, value in {**plain, "prefix_path": str(tmp_path), "dry_run": False, **changes}.items():
            setattr(running.options, name, value)
        try:
            install.expect(running, "a" * 64)
            assert (readying.current() is not None) is expected
        finally:
            readying.end()

    def test_library(self, tmp_path: Path) -> None:
        """Where pip installs; not where it moves files from."""
        options: Any = SimpleNamespace(
            target_dir=None, use_user_site=False, root_path=None, isolated_mode=False, prefix_path=str(tmp_path)
        )
        library = install._find_library(options)
        assert library is not None
        assert Path(library).is_relative_to(tmp_path)
        options.target_dir = str(tmp_path)
        assert install._find_library(options) is None


Find = Callable[[Path], Any]


class TestFindPlacement:
    """What is at hand while pip installs a wheel."""

    @pytest.fixture
    def running(self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunInFolder:
        """Return the run of a command that compiles."""
        running = RunInFolder(store, tmp_path / "run")
        monkeypatch.setattr(run, "_current", running)
        monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
        return running

    @pytest.fixture
    def wheel(self, tmp_path: Path) -> Path:
        """Return a wheel."""
        return make_wheel(tmp_path / "wheels")

    def test_wheel_is_unpacked_and_compiled_once(
        self, running: RunInFolder, store: Store, wheel: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The second time all is there."""
        assert install._find_placement(str(wheel)) is not None
        (tree,) = store.trees
        assert tree.folder.parent == store.trees.path_of(sha256_hex(wheel))
        monkeypatch.setattr(install, "compile_all", lambda _jobs: pytest.fail("it is compiled already"))
        assert install._find_placement(str(wheel)) is not None
        assert running.warnings == []

    @pytest.mark.parametrize("how", ["option", "variable"])
    def test_no_bytecode_where_pip_makes_none_of_that_kind(
        self, running: RunInFolder, store: Store, wheel: Path, monkeypatch: pytest.MonkeyPatch, how: str
    ) -> None:
        """``--no-compile``, or a kind that is checked by hash."""
        if how == "option":
            running.options.compile = False
        else:
            monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
        placement = install._find_placement(str(wheel))
        assert placement is not None
        assert placement._bytecode is None
        assert not (store.trees.path_of(sha256_hex(wheel)) / "bytecode").exists()

    def test_bytecode_that_cannot_be_made(
        self, running: RunInFolder, wheel: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The files are placed without."""

        def fail(_jobs: object) -> None:
            raise OSError

        monkeypatch.setattr(install, "compile_all", fail)
        placement = install._find_placement(str(wheel))
        assert placement is not None
        assert placement._bytecode is None
        assert running.warnings == []

    def test_nothing_without_a_cache(self, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Pip installs alone."""
        monkeypatch.setattr(run, "_current", None)
        assert install._find_placement(str(wheel)) is None

    @pytest.mark.parametrize("why", ["no wheel", "damaged", "no store"])
    def test_nothing_of_what_cannot_be_unpacked(
        self, running: RunInFolder, store: Store, wheel: Path, why: str
    ) -> None:
        """Pip installs alone, and says what is to be said."""
        if why == "no wheel":
            wheel.unlink()
        elif why == "damaged":
            wheel.write_bytes(wheel.read_bytes()[:100])
        else:
            store.root.write_text("mine")
        assert install._find_placement(str(wheel)) is None
        assert running.warnings == []

    @pytest.mark.parametrize("mode", LinkMode)
    def test_link_mode(self, running: RunInFolder, mode: LinkMode) -> None:
        """As it is set; by default nobody can edit the store."""
        assert install._link_mode(running) is LinkMode.CLONE
        running.settings = load({"PIPCACHE_LINK_MODE": mode.value, "PIPCACHE_CONFIG": os.devnull})
        assert install._link_mode(running) is mode


class TestParts:
    """What pip calls in the place of its own functions."""

    @pytest.fixture
    def placed(self, tree: Tree, bytecode: Tree) -> Iterator[None]:
        """Let pip be in the middle of installing the tree's wheel."""
        token = install._placement.set(Placement("x.whl", tree, bytecode, LinkMode.CLONE))
        yield
        install._placement.reset(token)

    @staticmethod
    def save(filename: str, name: str, target: Path) -> list[object]:
        """Save a file of the archive *filename*, and return what was left to pip."""
        left: list[object] = []
        file = SimpleNamespace(
            _zip_file=SimpleNamespace(filename=filename), src_record_path=name, dest_path=str(target), written=False
        )
        install._save(left.append, file)  # type: ignore[arg-type]
        assert file.written is (filename == "x.whl")
        return left

    @pytest.mark.usefixtures("placed")
    def test_file_of_the_tree(self, target: Path) -> None:
        """Pip has nothing to do."""
        assert self.save("x.whl", "simple/__init__.py", target) == []
        assert target.read_text() == "simple/__init__.py"

    @pytest.mark.usefixtures("placed")
    @pytest.mark.parametrize(("filename", "name"), [("x.whl", "absent.py"), ("other.whl", "simple/__init__.py")])
    def test_other_file(self, target: Path, filename: str, name: str) -> None:
        """What the tree does not have, or what is of another wheel, pip writes."""
        assert len(self.save(filename, name, target)) == 1
        assert not target.exists()

    @pytest.mark.usefixtures("placed")
    def test_place_that_cannot_be_written(self, target: Path) -> None:
        """Pip tries, and says so."""
        assert len(self.save("x.whl", "simple/__init__.py", target.parent / "nowhere" / "file.py")) == 1

    def test_nothing_is_placed_outside_of_an_installation(self, target: Path) -> None:
        """Or when the tree is not to be had."""
        left: list[object] = []
        file = SimpleNamespace(_zip_file=SimpleNamespace(filename="x.whl"), src_record_path="x", dest_path=str(target))
        install._save(left.append, file)  # type: ignore[arg-type]
        assert left == [file]
        assert install._compile_file(lambda name: f"compiled {name}", "x.py") == "compiled x.py"

    @pytest.mark.usefixtures("placed")
    def test_compiling(self, target: Path) -> None:
        """What was placed has its bytecode; what was not is compiled."""
        self.save("x.whl", "simple/__init__.py", target)
        asked: list[str] = []
        assert install._compile_file(asked.append, str(target)) is True
        install._compile_file(asked.append, str(target.with_name("other.py")))
        assert asked == [str(target.with_name("other.py"))]

    @pytest.mark.usefixtures("placed")
    def test_bytecode_that_cannot_be_placed(self, target: Path) -> None:
        """Pip tries, and says so."""
        self.save("x.whl", "simple/__init__.py", target)
        (target.parent / "__pycache__").write_text("no folder")
        asked: list[str] = []
        install._compile_file(asked.append, str(target))
        assert asked == [str(target)]
