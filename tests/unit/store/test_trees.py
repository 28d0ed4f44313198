"""Unpacked wheels: whole and as they were stored, or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from pipcache_plugin.store import unpacking
from pipcache_plugin.store.trees import FORMAT, Tree, TreeFile, Trees, crc32_of
from pipcache_plugin.store.unpacking import UnsuitableWheelError
from tests.factories import make_wheel
from tests.unit.faults import empty, flip_bit, names_below, no_file_above, run_and_kill_at_rename, truncate

ADD = """
import sys
from pipcache_plugin.store.trees import Trees
Trees(pathlib.Path(sys.argv[1])).add(sys.argv[3], pathlib.Path(sys.argv[2]))
"""

SHA256 = "ab" * 32

NAME = f"{SHA256}.2"
"""Of the folder."""

MANIFEST = "manifest.json"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return where the store is."""
    return tmp_path / "store"


@pytest.fixture
def trees(root: Path) -> Trees:
    """Return the trees of an empty store."""
    return Trees(root)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Return a wheel with a module and a data file."""
    return make_wheel(tmp_path / "built", files={"simple.py": "X = 1\n", "simple_data/x.txt": "x" * 1000})


@pytest.fixture
def tree(trees: Trees, wheel: Path) -> Tree:
    """Return the tree of ``wheel``."""
    return trees.add(SHA256, wheel)


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    """Return ``os.umask``; what it changed is undone."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def write_zip(path: Path, members: Mapping[str, bytes], mode: int = 0o100644) -> Path:
    """Write an archive with these files, whatever their names are."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, data)
    return path


def content_of(tree: Tree) -> dict[str, bytes | None]:
    """Return what each file has in it; ``None`` for one that is not located."""
    located = {name: tree.locate(name) for name in tree.files}
    return {name: path and Path(path).read_bytes() for name, path in located.items()}  # type: ignore[misc]


def zip_content(wheel: Path) -> dict[str, bytes]:
    """Return what each file in the archive has in it."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


class TestAdd:
    """Unpacking."""

    def test_tree_has_all_files_of_the_wheel(self, trees: Trees, wheel: Path) -> None:
        """Each one with its bytes, and nothing else; the wheel's name is kept."""
        tree = trees.add(SHA256, wheel)
        assert content_of(tree) == zip_content(wheel)
        assert tree.wheel == wheel.name
        assert sorted(tree.files) == sorted(
            path.relative_to(tree.folder).as_posix() for path in tree.folder.rglob("*") if path.is_file()
        )

    def test_path_is_the_documented_one(self, trees: Trees, root: Path, tree: Tree) -> None:
        """``trees/<aa>/<sha256>.<format>/files``, beside a manifest."""
        assert tree.folder == root / "trees" / "ab" / NAME / "files"
        assert trees.path_of(SHA256) == tree.folder.parent
        assert {path.name for path in tree.folder.parent.iterdir()} == {"files", MANIFEST}

    def test_manifest_is_the_documented_one(self, trees: Trees, tree: Tree) -> None:
        """It is JSON, and begins with the checksum of its rest."""
        found = (tree.folder / "simple.py").stat()
        data = (trees.path_of(SHA256) / MANIFEST).read_bytes()
        content = json.loads(data)
        assert list(content) == ["crc32", "format", "of", "wheel", "files"]
        assert content["crc32"] == f"{zlib.crc32(data[18:]):08x}"
        assert content["format"] == 2
        assert content["of"] == SHA256
        assert content["wheel"] == tree.wheel
        assert content["files"]["simple.py"] == [6, found.st_mtime_ns, False, zlib.crc32(b"X = 1\n")]
        assert tree.files["simple.py"] == TreeFile(
            size_bytes=6, mtime_ns=found.st_mtime_ns, is_executable=False, crc32=zlib.crc32(b"X = 1\n")
        )

    def test_checksums_are_those_of_the_files(self, trees: Trees, tmp_path: Path) -> None:
        """Of what is on the disk: of many bytes, and of none."""
        members = {"large": os.urandom(3 << 20), "empty": b"", "a/small": b"x"}
        tree = trees.add(SHA256, write_zip(tmp_path / "x.whl", members))
        assert {name: known.crc32 for name, known in tree.files.items()} == {
            name: zlib.crc32(data) for name, data in members.items()
        }
        assert {name: crc32_of(f"{tree.folder}/{name}") for name in members} == {
            name: known.crc32 for name, known in tree.files.items()
        }

    def test_what_was_added_is_found(self, trees: Trees, root: Path, tree: Tree) -> None:
        """By another process as well."""
        assert trees.find(SHA256) == tree
        assert Trees(root).find(SHA256) == tree

    def test_nothing_is_found_in_an_empty_store(self, trees: Trees, root: Path) -> None:
        """Looking makes nothing."""
        assert trees.find(SHA256) is None
        assert trees.find_bytecode(SHA256, "tag") is None
        assert not root.exists()

    @pytest.mark.parametrize("way", ["renamed", "emptied"])
    def test_taken_out_while_it_is_unpacked(
        self, trees: Trees, wheel: Path, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        """What is written after that makes no tree without what was written before."""
        unpack_one = unpacking._unpack

        def interfere(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> unpacking.UnpackedFile:
            if member.filename == "simple_data/x.txt":
                shutil.rmtree(folder) if way == "emptied" else trees.folder.rename(trees.folder.with_name("gone"))
            return unpack_one(archive, member, folder)

        monkeypatch.setattr(unpacking, "_unpack", interfere)
        with pytest.raises(FileNotFoundError):
            trees.add(SHA256, wheel)
        assert trees.find(SHA256) is None
        assert names_below(trees.folder) == []

    def test_bytecode_taken_out_while_it_is_made(self, trees: Trees, tree: Tree) -> None:
        """The same."""

        def make(folder: Path) -> None:
            (folder / "simple.py").touch()
            trees.folder.rename(trees.folder.with_name("gone"))
            folder.mkdir(parents=True)
            (folder / "other.py").touch()

        assert tree.files
        with pytest.raises(FileNotFoundError):
            trees.add_bytecode(SHA256, "kind", make)
        assert trees.find_bytecode(SHA256, "kind") is None

    def test_second_time_is_a_no_op(self, trees: Trees, wheel: Path, tree: Tree) -> None:
        """Files that others may be copying stay the same files."""
        before = (tree.folder / "simple.py").stat()
        assert trees.add(SHA256, wheel) == tree
        assert os.path.samestat((tree.folder / "simple.py").stat(), before)

    def test_tree_is_its_own(self, wheel: Path, tree: Tree) -> None:
        """What happens to the wheel is nothing to its tree."""
        expected = zip_content(wheel)
        wheel.unlink()
        assert content_of(tree) == expected

    def test_empty_files(self, trees: Trees, tmp_path: Path) -> None:
        """An empty file is a file."""
        tree = trees.add(SHA256, write_zip(tmp_path / "x.whl", {"a/__init__.py": b"", "b": b"b"}))
        assert content_of(tree) == {"a/__init__.py": b"", "b": b"b"}

    def test_folders_of_the_archive_are_no_files(self, trees: Trees, tmp_path: Path) -> None:
        """A member for a folder is passed over, as by pip."""
        tree = trees.add(SHA256, write_zip(tmp_path / "x.whl", {"a/": b"", "a/b": b"b", "c/": b""}))
        assert content_of(tree) == {"a/b": b"b"}

    def test_archive_without_files(self, trees: Trees, tmp_path: Path) -> None:
        """It is no wheel, but a tree."""
        assert trees.add(SHA256, write_zip(tmp_path / "x.whl", {})).files == {}
        assert trees.find(SHA256) is not None

    @pytest.mark.parametrize("mode", [0o100755, 0o100744, 0o100645, 0o100010])
    def test_executables(self, trees: Trees, tmp_path: Path, mode: int) -> None:
        """One bit for anybody is enough."""
        tree = trees.add(SHA256, write_zip(tmp_path / "x.whl", {"tool": b"#!/bin/sh\n"}, mode))
        assert tree.files["tool"].is_executable
        assert os.access(tree.folder / "tool", os.X_OK)

    @pytest.mark.parametrize("mode", [0o100644, 0o120777, 0o755, 0])
    def test_others_are_not_executable(self, trees: Trees, tmp_path: Path, mode: int) -> None:
        """Neither are symbolic links, or what has no type."""
        tree = trees.add(SHA256, write_zip(tmp_path / "x.whl", {"tool": b"target"}, mode))
        assert not tree.files["tool"].is_executable
        assert not (tree.folder / "tool").is_symlink()
        assert (tree.folder / "tool").stat().st_mode & 0o111 == 0

    def test_executable_whatever_the_umask_is(self, trees: Trees, tmp_path: Path, umask: Callable[[int], int]) -> None:
        """Who installs it may have another one."""
        umask(0o177)
        tree = trees.add(SHA256, write_zip(tmp_path / "x.whl", {"tool": b"", "text": b""}, 0o100755))
        assert tree.files["tool"].is_executable

    @pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
    def test_modes_are_of_new_files(
        self, trees: Trees, wheel: Path, umask: Callable[[int], int], mask: int, expected: int
    ) -> None:
        """As with the rest of the store."""
        umask(mask)
        tree = trees.add(SHA256, wheel)
        assert (tree.folder / "simple.py").stat().st_mode & 0o777 == expected
        assert tree.folder.parent.stat().st_mode & 0o777 == 0o777 & ~mask

    @pytest.mark.parametrize(
        "name",
        [
            "a b.py",
            "naïve/ßtraße.txt",
            "日本/語.py",
            "a,b\"c'.txt",
            "per%cent$ign",
            "line\nbreak",
            "-dash",
            "~",
            "..hidden",
            ".dot/.x",
            "tab\there",
            "\x1b[31mred",
            "rtl\u202egnp.py",
            "bom\ufeff.py",
            "next\x85line\u2028",
            "x" * 255,
            "/".join(["deep"] * 100),
            "console.py",
            "com10",
            "nulls/x",
            "star*?[x]",
            MANIFEST,
            "files/x",
            "\U0001f40d.py",
        ],
    )
    def test_odd_names(self, trees: Trees, tmp_path: Path, name: str) -> None:
        """Each comes out as it went in."""
        wheel = write_zip(tmp_path / "x.whl", {name: b"content"})
        assert content_of(trees.add(SHA256, wheel)) == {name: b"content"}
        found = trees.find(SHA256)
        assert found is not None
        assert content_of(found) == {name: b"content"}

    @pytest.mark.parametrize(
        "name",
        [
            "../x",
            "a/../../x",
            "a/../x",
            "/x",
            "//x",
            "a//b",
            "./x",
            "a/./b",
            "..",
            "a/..",
            "C:x",
            "C:/x",
            "x:stream",
            "a\\b",
            "..\\x",
            "\\x",
            "\\\\server\\x",
            "x-1.0.data/../../x",
            "a/...",
            "dots.",
            "spaces ",
            "dots./x",
            "CON",
            "aux.py",
            "a/Nul .tar.gz/b",
            "com1",
            "LPT\xb9.x",
        ],
    )
    def test_names_that_may_lead_elsewhere(self, trees: Trees, root: Path, tmp_path: Path, name: str) -> None:
        """Here or on another system: nothing is unpacked, inside or outside."""
        wheel = write_zip(tmp_path / "x.whl", {"first": b"", name: b"hostile"})
        with pytest.raises(UnsuitableWheelError, match="may lead elsewhere"):
            trees.add(SHA256, wheel)
        assert names_below(tmp_path) == ["x.whl"]
        assert trees.find(SHA256) is None

    @pytest.mark.parametrize("second", ["simple.py", "SIMPLE.py", "Simple.PY"])
    def test_two_files_of_one_name(self, trees: Trees, root: Path, tmp_path: Path, second: str) -> None:
        """On some file systems names that differ by case are one."""
        path = write_zip(tmp_path / "x.whl", {"simple.py": b"1"})
        with zipfile.ZipFile(path, "a") as archive, pytest.MonkeyPatch.context() as patch:
            patch.setattr("warnings.warn", lambda *_args, **_kwargs: None)
            archive.writestr(second, b"2")
        with pytest.raises(UnsuitableWheelError, match="there are two"):
            trees.add(SHA256, path)
        assert names_below(root) == []

    def test_file_in_the_place_of_a_folder(self, trees: Trees, root: Path, tmp_path: Path) -> None:
        """Such a wheel cannot be unpacked by anybody."""
        with pytest.raises(OSError, match="a"):
            trees.add(SHA256, write_zip(tmp_path / "x.whl", {"a": b"", "a/b": b""}))
        assert names_below(root) == []

    @pytest.mark.parametrize("damage", [truncate, empty])
    def test_archive_that_is_none(self, trees: Trees, root: Path, wheel: Path, damage: Callable[[Path], None]) -> None:
        """A part of a wheel is no wheel."""
        damage(wheel)
        with pytest.raises(UnsuitableWheelError, match=wheel.name):
            trees.add(SHA256, wheel)
        assert names_below(root) == []

    @pytest.mark.parametrize("position", range(30, 70, 4))
    def test_archive_with_a_damaged_file(self, trees: Trees, root: Path, wheel: Path, position: int) -> None:
        """A checksum that is wrong, or a stream that cannot be read: whatever it is, it is known as such."""
        with zipfile.ZipFile(wheel) as archive:
            start = archive.infolist()[1].header_offset
        flip_bit(wheel, start + position)
        with pytest.raises(UnsuitableWheelError):
            trees.add(SHA256, wheel)
        assert names_below(root) == []

    def test_archive_with_a_stream_that_is_none(self, trees: Trees, root: Path, tmp_path: Path) -> None:
        """What the decompressor raises is no error of the archive's kind."""
        wheel = tmp_path / "x.whl"
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("name", "x" * 1000)
        data = bytearray(wheel.read_bytes())
        data[30 + len("name")] = 0b111
        wheel.write_bytes(data)
        with pytest.raises(UnsuitableWheelError, match="invalid block type"):
            trees.add(SHA256, wheel)
        assert names_below(root) == []

    def test_encrypted_archive(self, trees: Trees, wheel: Path) -> None:
        """Nobody can read it."""
        data = bytearray(wheel.read_bytes())
        for signature, offset in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)]:
            data[data.index(signature) + offset] |= 1
        wheel.write_bytes(data)
        with pytest.raises(UnsuitableWheelError, match="encrypted"):
            trees.add(SHA256, wheel)

    @pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_unusual_compression(self, trees: Trees, tmp_path: Path, kind: int) -> None:
        """Wheels have none; what it raises when it is damaged depends on modules that a Python may lack."""
        with zipfile.ZipFile(tmp_path / "x.whl", "w", kind) as archive:
            archive.writestr("x", b"x")
        with pytest.raises(UnsuitableWheelError, match="compressed"):
            trees.add(SHA256, tmp_path / "x.whl")

    def test_wheel_that_is_not_there(self, trees: Trees, root: Path, tmp_path: Path) -> None:
        """That is not the wheel's fault."""
        with pytest.raises(FileNotFoundError):
            trees.add(SHA256, tmp_path / "x.whl")
        assert names_below(root) == []

    def test_full_disk_leaves_nothing(self, trees: Trees, root: Path, tmp_path: Path) -> None:
        """A write that the kernel refuses leaves neither tree nor temporary files."""
        wheel = write_zip(tmp_path / "x.whl", {"small": b"x", "big": bytes(3_000_000)})
        with no_file_above(2_000_000), pytest.raises(OSError, match="File too large"):
            trees.add(SHA256, wheel)
        assert names_below(root) == []
        assert list((root / "trees" / "ab").iterdir()) == []

    def test_no_space_for_the_manifest_leaves_nothing(
        self, trees: Trees, root: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The last write fails as the first."""

        def refuse(*_args: object, **_kwargs: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, "write_bytes", refuse)
        with pytest.raises(OSError, match="No space left"):
            trees.add(SHA256, wheel)
        assert list((root / "trees" / "ab").iterdir()) == []

    def test_interrupt_leaves_nothing(
        self, trees: Trees, root: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ctrl-C while unpacking."""

        def interrupt(*_args: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(shutil, "copyfileobj", interrupt)
        with pytest.raises(KeyboardInterrupt):
            trees.add(SHA256, wheel)
        assert list((root / "trees" / "ab").iterdir()) == []

    def test_root_that_is_a_file(self, trees: Trees, root: Path, wheel: Path) -> None:
        """A store that can be none refuses, has nothing, and stays what it was."""
        root.write_text("mine")
        with pytest.raises(OSError, match="store"):
            trees.add(SHA256, wheel)
        assert trees.find(SHA256) is None
        assert list(trees) == []
        assert root.read_text() == "mine"


class TestTogether:
    """Several processes."""

    def test_killed_writer_disturbs_nobody(self, trees: Trees, root: Path, wheel: Path) -> None:
        """What it leaves is neither found nor gone through; the next one succeeds."""
        run_and_kill_at_rename(ADD, [str(root), str(wheel), SHA256])
        (left,) = (root / "trees" / "ab").iterdir()
        assert left.name.startswith(".tmp-")
        assert (left / MANIFEST).is_file(), "it was all but done"
        assert trees.find(SHA256) is None
        assert list(trees) == []
        tree = trees.add(SHA256, wheel)
        assert content_of(tree) == zip_content(wheel)
        assert list(trees) == [tree]

    def test_six_processes_add_the_same_wheel(self, trees: Trees, root: Path, wheel: Path) -> None:
        """All succeed; there is one tree and nothing else."""
        command = [sys.executable, "-c", "import pathlib\n" + ADD, str(root), str(wheel), SHA256]
        processes = [subprocess.Popen(command) for _ in range(6)]
        assert [process.wait(timeout=60) for process in processes] == [0] * 6
        assert [path.name for path in (root / "trees" / "ab").iterdir()] == [NAME]
        (tree,) = trees
        assert content_of(tree) == zip_content(wheel)

    def test_who_comes_second_keeps_the_first_tree(self, trees: Trees, root: Path, wheel: Path) -> None:
        """A tree that appears meanwhile is the one that counts; the other leaves nothing."""
        first: list[Tree] = []
        open_zip = zipfile.ZipFile

        def add_meanwhile(path: Path) -> zipfile.ZipFile:
            with pytest.MonkeyPatch.context() as inner:
                inner.setattr(zipfile, "ZipFile", open_zip)
                first.append(Trees(root).add(SHA256, wheel))
            return open_zip(path)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(zipfile, "ZipFile", add_meanwhile)
            second = trees.add(SHA256, wheel)
        assert second == first[0]
        assert content_of(second) == zip_content(wheel)
        assert [path.name for path in (root / "trees" / "ab").iterdir()] == [NAME]


class TestManifest:
    """What a tree says of itself."""

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "{",
            "[]",
            "null",
            "{}",
            '{"format": 3, "of": "OF", "wheel": "x.whl", "files": {}}',
            '{"format": "2", "of": "OF", "wheel": "x.whl", "files": {}}',
            '{"format": 2, "of": "OF", "wheel": null, "files": {}}',
            '{"format": 2, "of": "OF", "wheel": "x.whl"}',
            '{"format": 2, "of": "OF", "wheel": "x.whl", "files": []}',
            '{"format": 2, "of": "of another", "wheel": "x.whl", "files": {}}',
            '{"format": 2, "wheel": "x.whl", "files": {}}',
            "\xff",
        ],
    )
    @pytest.mark.parametrize("has_checksum", [False, True])
    def test_unreadable_manifest_is_no_tree(
        self, trees: Trees, wheel: Path, tree: Tree, content: str, has_checksum: bool
    ) -> None:
        """It is not found, and replaced when the wheel is unpacked again."""
        data = content.replace("OF", SHA256).encode("latin-1")
        if has_checksum:
            rest = b'",' + data[1:]
            data = b'{"crc32":"%08x' % zlib.crc32(rest) + rest
        (tree.folder.parent / MANIFEST).write_bytes(data)
        assert trees.find(SHA256) is None
        assert list(trees) == []
        assert content_of(trees.add(SHA256, wheel)) == zip_content(wheel)
        assert trees.find(SHA256) is not None

    def test_any_flipped_bit(self, trees: Trees, tree: Tree) -> None:
        """Not one is trusted: a flag, the name of the wheel, a digit of a size."""
        path = tree.folder.parent / MANIFEST
        data = path.read_bytes()
        for position in range(len(data)):
            damaged = bytearray(data)
            damaged[position] ^= 1 << position % 8
            path.write_bytes(damaged)
            assert trees.find(SHA256) is None
        assert list(trees.iter_damaged()) == [path.parent]
        path.write_bytes(data)
        assert trees.find(SHA256) == tree
        assert list(trees.iter_damaged()) == []

    def test_tree_in_the_place_of_another(self, trees: Trees, wheel: Path, tree: Tree) -> None:
        """However whole it is, it is not what was asked for."""
        other = "cd" * 32
        trees.path_of(other).parent.mkdir()
        shutil.copytree(trees.path_of(SHA256), trees.path_of(other))
        assert trees.find(other) is None
        assert list(trees) == [tree]
        assert list(trees.iter_damaged()) == [trees.path_of(other)]
        assert trees.add(other, wheel).folder.parent == trees.path_of(other)
        assert trees.find(SHA256) == tree

    def test_bytecode_in_the_place_of_another(self, trees: Trees, wheel: Path, tree: Tree) -> None:
        """Of another wheel, or of another kind."""
        other = "cd" * 32
        trees.add(other, wheel)
        made = trees.add_bytecode(SHA256, "one", TestBytecode.make)
        places = [trees.path_of(SHA256) / "bytecode" / "two", trees.path_of(other) / "bytecode" / "one"]
        for place in places:
            shutil.copytree(made.folder.parent, place)
        assert trees.find_bytecode(SHA256, "two") is None
        assert trees.find_bytecode(other, "one") is None
        assert [kind for tree in trees for kind in trees.iter_bytecode(tree)] == [made]
        assert list(trees.iter_damaged()) == places

    @pytest.mark.parametrize("damage", [truncate, empty, Path.unlink])
    def test_damaged_manifest_is_no_tree(
        self, trees: Trees, wheel: Path, tree: Tree, damage: Callable[[Path], None]
    ) -> None:
        """A part of it is nothing."""
        damage(tree.folder.parent / MANIFEST)
        assert trees.find(SHA256) is None
        assert content_of(trees.add(SHA256, wheel)) == zip_content(wheel)

    def test_file_in_the_place_of_the_tree(self, trees: Trees, root: Path, wheel: Path) -> None:
        """It is not ours to remove: nothing is stored."""
        path = trees.path_of(SHA256)
        path.parent.mkdir(parents=True)
        path.write_text("mine")
        with pytest.raises(OSError, match=SHA256):
            trees.add(SHA256, wheel)
        assert names_below(root) == [NAME]


class TestLocate:
    """Files that are as they were."""

    def test_untouched_file(self, tree: Tree) -> None:
        """Its path is below the tree."""
        assert tree.locate("simple.py") == str(tree.folder / "simple.py")

    @pytest.mark.parametrize("name", ["absent.py", "", ".", "../manifest.json", "simple_data", "/simple.py"])
    def test_name_that_is_not_in_the_manifest(self, tree: Tree, name: str) -> None:
        """There may be a file of this name; it is none of the tree."""
        assert tree.locate(name) is None

    @pytest.mark.parametrize("damage", [truncate, empty, Path.unlink])
    def test_damaged_file(self, tree: Tree, damage: Callable[[Path], None]) -> None:
        """Another size, or nothing at all; the others are not concerned."""
        damage(tree.folder / "simple_data/x.txt")
        assert tree.locate("simple_data/x.txt") is None
        assert tree.locate("simple.py") is not None

    def test_other_size_at_the_same_time(self, tree: Tree) -> None:
        """Who edits may set the time back."""
        path = tree.folder / "simple.py"
        before = path.stat()
        path.write_text("X = 11\n")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert tree.locate("simple.py") is None

    @pytest.mark.parametrize("difference_ns", [-1_000_000_000, -1, 1, 1_000_000_000])
    def test_other_time(self, tree: Tree, difference_ns: int) -> None:
        """Every nanosecond counts."""
        path = tree.folder / "simple.py"
        time_ns = path.stat().st_mtime_ns + difference_ns
        os.utime(path, ns=(time_ns, time_ns))
        assert tree.locate("simple.py") is None

    def test_whole_tree_gone(self, trees: Trees, tree: Tree) -> None:
        """A tree may vanish at any time."""
        shutil.rmtree(trees.folder)
        assert tree.locate("simple.py") is None

    def test_folder_in_the_place_of_a_file(self, tree: Tree) -> None:
        """Its size is another."""
        (tree.folder / "simple.py").unlink()
        (tree.folder / "simple.py").mkdir()
        assert tree.locate("simple.py") is None


class TestBytecode:
    """Trees beside the tree."""

    @staticmethod
    def make(folder: Path) -> None:
        """Stand for a compiler."""
        (folder / "a").mkdir()
        (folder / "a" / "simple.py").write_bytes(b"bytecode")

    @pytest.mark.usefixtures("tree")
    def test_what_was_made_is_found(self, trees: Trees) -> None:
        """Under the name of its source, for its kind only."""
        made = trees.add_bytecode(SHA256, "cpython-312", self.make)
        assert content_of(made) == {"a/simple.py": b"bytecode"}
        assert made.wheel == ""
        assert made.folder == trees.path_of(SHA256) / "bytecode" / "cpython-312" / "files"
        assert trees.find_bytecode(SHA256, "cpython-312") == made
        assert trees.find_bytecode(SHA256, "cpython-313") is None
        assert trees.find_bytecode("cd" * 32, "cpython-312") is None

    def test_made_once(self, trees: Trees, tree: Tree) -> None:
        """The second time nobody is asked; the tree of the wheel is the same."""
        first = trees.add_bytecode(SHA256, "tag", self.make)

        def fail(folder: Path) -> None:
            raise AssertionError(folder)

        assert trees.add_bytecode(SHA256, "tag", fail) == first
        assert trees.find(SHA256) == tree

    def test_two_kinds_side_by_side(self, trees: Trees, tree: Tree) -> None:
        """Neither is a tree of a wheel."""
        kinds = [trees.add_bytecode(SHA256, tag, self.make) for tag in ["one", "two"]]
        assert [trees.find_bytecode(SHA256, tag) for tag in ["one", "two"]] == kinds
        assert list(trees) == [tree]

    def test_compiler_that_fails_leaves_nothing(self, trees: Trees, tree: Tree) -> None:
        """Half of the bytecode is none."""

        def fail(folder: Path) -> None:
            self.make(folder)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with pytest.raises(OSError, match="No space left"):
            trees.add_bytecode(SHA256, "tag", fail)
        assert trees.find_bytecode(SHA256, "tag") is None
        assert list((tree.folder.parent / "bytecode").iterdir()) == []

    def test_no_bytecode_at_all_is_remembered(self, trees: Trees, tree: Tree) -> None:
        """A wheel without sources is not looked through each time."""
        trees.add_bytecode(SHA256, "tag", lambda _folder: None)
        found = trees.find_bytecode(SHA256, "tag")
        assert found is not None
        assert found.files == {}

    def test_bytecode_of_a_tree_that_is_gone(self, trees: Trees, wheel: Path, tree: Tree) -> None:
        """Bytecode alone is no tree, and does not outlive the next one: it was made of other files."""
        trees.remove(tree)
        trees.add_bytecode(SHA256, "tag", self.make)
        assert trees.find(SHA256) is None
        assert list(trees) == []
        trees.add(SHA256, wheel)
        assert trees.find_bytecode(SHA256, "tag") is None


class TestRemove:
    """``remove`` and iteration."""

    def test_removed_tree_leaves_nothing(self, trees: Trees, tree: Tree) -> None:
        """Bytecode and the folder above included."""
        trees.add_bytecode(SHA256, "tag", TestBytecode.make)
        trees.remove(tree)
        assert trees.find(SHA256) is None
        assert trees.find_bytecode(SHA256, "tag") is None
        assert list(trees.folder.iterdir()) == []

    def test_other_trees_stay(self, trees: Trees, wheel: Path, tree: Tree) -> None:
        """One that is in the same folder, too."""
        other = trees.add("ab" + "0" * 62, wheel)
        trees.remove(tree)
        assert list(trees) == [other]
        assert content_of(other) == zip_content(wheel)

    def test_removed_by_somebody_else(self, trees: Trees, tree: Tree) -> None:
        """Twice is as once."""
        trees.remove(tree)
        trees.remove(tree)
        assert trees.find(SHA256) is None

    def test_added_again(self, trees: Trees, wheel: Path, tree: Tree) -> None:
        """A removal is no end."""
        trees.remove(tree)
        assert content_of(trees.add(SHA256, wheel)) == zip_content(wheel)

    def test_iteration_is_sorted_and_of_trees_only(self, trees: Trees, wheel: Path) -> None:
        """Other files and folders are passed over."""
        digests = ["cd" * 32, "ab" * 32, "ab" + "0" * 62]
        added = {digest: trees.add(digest, wheel) for digest in digests}
        (trees.folder / "README").touch()
        (trees.folder / "zz").mkdir()
        (trees.folder / "ab" / "file").touch()
        shutil.copytree(trees.path_of("ab" * 32), trees.folder / "ab" / ".tmp-123")
        assert list(trees) == [added[digest] for digest in sorted(digests)]

    def test_empty_store_has_none(self, trees: Trees, root: Path) -> None:
        """Nothing was stored, nothing is made."""
        assert list(trees) == []
        assert not root.exists()

    def test_bytecode_alone(self, trees: Trees, tree: Tree) -> None:
        """The tree that it was made of stays."""
        made = trees.add_bytecode(SHA256, "one", TestBytecode.make)
        other = trees.add_bytecode(SHA256, "two", TestBytecode.make)
        trees.remove_folder(made.folder.parent)
        assert trees.find_bytecode(SHA256, "one") is None
        assert list(trees.iter_bytecode(tree)) == [other]
        assert trees.find(SHA256) == tree


class TestOtherFormats:
    """Trees of other versions of ours, in the same store."""

    @pytest.fixture(params=[SHA256, f"{SHA256}.1", f"{SHA256}.{FORMAT + 1}", f"{SHA256}.22"])
    def foreign(self, root: Path, request: pytest.FixtureRequest) -> Path:
        """Return the folder of one."""
        folder = root / "trees" / "ab" / str(request.param)
        (folder / "files").mkdir(parents=True)
        (folder / MANIFEST).write_text('{"format": 99}')
        (folder / "files" / "simple.py").write_text("theirs")
        return folder

    def test_left_alone(self, trees: Trees, wheel: Path, foreign: Path) -> None:
        """Both are there, whoever comes first, and whatever happens to ours."""
        assert trees.find(SHA256) is None
        for _ in range(2):
            tree = trees.add(SHA256, wheel)
            assert list(trees) == [tree]
            assert list(trees.iter_damaged()) == []
            trees.remove(tree)
        assert sorted(names_below(foreign)) == [MANIFEST, "simple.py"]
        assert (foreign / "files" / "simple.py").read_text() == "theirs"

    def test_can_be_taken_out(self, trees: Trees, tree: Tree, foreign: Path) -> None:
        """Whoever wants room for something else; ours stays."""
        trees.remove_folder(foreign)
        assert not foreign.exists()
        assert list(trees) == [tree]
