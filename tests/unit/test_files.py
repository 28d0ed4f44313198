"""Small file operations: whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path

import pytest

from pipcache_plugin.files import (
    again_if_gone,
    digests_of,
    link_or_copy,
    remove_tree,
    sha256_of,
    temporary_beside,
    umask,
    write_atomically,
)
from tests.unit.faults import names_below, no_file_above, run_and_kill_at_rename


class TestDigests:
    """``digests_of`` and ``sha256_of``."""

    def test_several_digests_in_one_reading(self, tmp_path: Path) -> None:
        """Each algorithm has its digest, of a file of more than one chunk too."""
        path = tmp_path / "file"
        data = os.urandom((1 << 20) + 7)
        path.write_bytes(data)
        assert digests_of(path, ["sha256", "sha512"]) == {
            "sha256": hashlib.sha256(data).hexdigest(),
            "sha512": hashlib.sha512(data).hexdigest(),
        }

    def test_empty_file_has_the_digest_of_nothing(self, tmp_path: Path) -> None:
        """No bytes have a digest as well."""
        path = tmp_path / "file"
        path.touch()
        assert sha256_of(path) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    def test_missing_file_is_an_error(self, tmp_path: Path) -> None:
        """What cannot be read has no digest."""
        with pytest.raises(FileNotFoundError):
            sha256_of(tmp_path / "missing")


class TestUmask:
    """``umask``."""

    @pytest.fixture(params=["as this system has it", "without /proc", "without the line", "with a line that is none"])
    def _system(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Look into another file, or none, in the place of the one that Linux has."""
        status = {"without the line": b"Name:\tpython\n", "with a line that is none": b"Umask:\tx\n"}
        if request.param == "as this system has it":
            return
        path = tmp_path / "status"
        if request.param in status:
            path.write_bytes(status[request.param])
        monkeypatch.setattr("builtins.open", lambda _path, mode: path.open(mode))

    @pytest.mark.usefixtures("_system")
    @pytest.mark.parametrize("mask", [0o022, 0o077, 0o000, 0o027])
    def test_asked_and_not_changed(self, mask: int) -> None:
        """However the system tells it."""
        before = os.umask(mask)
        try:
            assert umask() == mask
            assert umask() == mask
        finally:
            now = os.umask(before)
        assert now == mask

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system tells it only when it is set")
    def test_never_set_where_the_system_tells_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another thread's files would get it for a moment."""

        def refuse(_mask: int) -> int:
            pytest.fail("it was set")

        expected = umask()
        monkeypatch.setattr(os, "umask", refuse)
        assert umask() == expected


class TestTemporaryBeside:
    """``temporary_beside``."""

    def test_names_are_new_and_in_the_same_folder(self, tmp_path: Path) -> None:
        """Two calls never give the same name."""
        target = tmp_path / "target.whl"
        names = {temporary_beside(target) for _ in range(50)}
        assert len(names) == 50
        assert all(name.parent == tmp_path and name.name.startswith(".tmp-") for name in names)


class TestWriteAtomically:
    """``write_atomically``."""

    def test_folders_are_made(self, tmp_path: Path) -> None:
        """The first file of a folder makes the folder."""
        target = tmp_path / "a" / "b" / "file"
        write_atomically(target, b"content")
        assert target.read_bytes() == b"content"
        assert names_below(tmp_path) == ["file"]

    def test_existing_file_is_replaced_not_written_into(self, tmp_path: Path) -> None:
        """Who has the old file open keeps it."""
        target = tmp_path / "file"
        write_atomically(target, b"old")
        with target.open("rb") as reader:
            write_atomically(target, b"new")
            assert reader.read() == b"old"
        assert target.read_bytes() == b"new"

    def test_full_disk_changes_nothing(self, tmp_path: Path) -> None:
        """A write that the kernel refuses leaves the old file and no other."""
        target = tmp_path / "file"
        write_atomically(target, b"old")
        with no_file_above(1000), pytest.raises(OSError, match="File too large"):
            write_atomically(target, bytes(100_000))
        assert target.read_bytes() == b"old"
        assert names_below(tmp_path) == ["file"]

    def test_interrupt_leaves_nothing_behind(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C is no error of the file system, and cleans up all the same."""

        def interrupt(_self: Path, _target: Path) -> Path:
            raise KeyboardInterrupt

        monkeypatch.setattr(Path, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_atomically(tmp_path / "file", b"content")
        assert names_below(tmp_path) == []

    def test_killed_writer_leaves_a_temporary_file_only(self, tmp_path: Path) -> None:
        """What is left begins with ``.tmp-`` and is not the target."""
        script = "import sys; from pipcache_plugin.files import write_atomically\n"
        script += "write_atomically(pathlib.Path(sys.argv[1]), b'content')"
        run_and_kill_at_rename(script, [str(tmp_path / "file")])
        (left,) = names_below(tmp_path)
        assert left.startswith(".tmp-")

    def test_folder_below_a_file_is_an_error(self, tmp_path: Path) -> None:
        """Where no folder can be, nothing is written."""
        (tmp_path / "file").touch()
        with pytest.raises(OSError, match="file"):
            write_atomically(tmp_path / "file" / "below", b"content")


class TestLinkOrCopy:
    """``link_or_copy``."""

    def test_link_where_allowed(self, tmp_path: Path) -> None:
        """On one file system both names are the same file."""
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(b"content")
        link_or_copy(source, target)
        assert target.samefile(source)

    @pytest.mark.parametrize("number", [errno.EXDEV, errno.EMLINK, errno.EPERM])
    def test_copy_where_links_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        """Another file system, too many links, protected files: a copy has the same bytes."""

        def refuse(*_args: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "link", refuse)
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(b"content")
        link_or_copy(source, target)
        assert target.read_bytes() == b"content"
        assert not target.samefile(source)

    def test_existing_target_is_replaced(self, tmp_path: Path) -> None:
        """The old target's bytes are not touched: another name may have them."""
        source, target, other = tmp_path / "source", tmp_path / "target", tmp_path / "other"
        source.write_bytes(b"new")
        target.write_bytes(b"old")
        os.link(target, other)
        link_or_copy(source, target)
        assert (target.read_bytes(), other.read_bytes()) == (b"new", b"old")

    def test_missing_source_is_an_error(self, tmp_path: Path) -> None:
        """Nothing appears in the place of what is not there."""
        with pytest.raises(FileNotFoundError):
            link_or_copy(tmp_path / "source", tmp_path / "target")
        assert names_below(tmp_path) == []


class TestRemoveTree:
    """``remove_tree``."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Return a folder with files in folders."""
        for name in ["a/x", "a/y", "b/z"]:
            path = tmp_path / "folder" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path / "folder"

    def test_all_of_it(self, folder: Path) -> None:
        """Done twice is a no-op."""
        remove_tree(folder)
        assert not folder.exists()
        remove_tree(str(folder))

    @pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOTEMPTY])
    def test_others_are_at_it(self, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        """What they remove first, or still write, keeps nobody from removing the rest."""
        rmtree, tries = shutil.rmtree, []

        def interfere(path: Path) -> None:
            tries.append(path)
            if len(tries) < 4:
                raise OSError(number, os.strerror(number))
            rmtree(path)

        monkeypatch.setattr(shutil, "rmtree", interfere)
        remove_tree(folder)
        assert not folder.exists()

    @pytest.mark.parametrize("number", [errno.EACCES, errno.ENOTEMPTY])
    def test_what_cannot_be_removed(self, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        """It is an error, at once or in the end."""

        def refuse(_path: Path) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(shutil, "rmtree", refuse)
        with pytest.raises(OSError, match=os.strerror(number)):
            remove_tree(folder)


class TestAgainIfGone:
    """``again_if_gone``."""

    def test_folder_that_goes(self, tmp_path: Path) -> None:
        """It is made again, and again."""
        tries: list[int] = []

        def store() -> str:
            (tmp_path / "folder").mkdir(exist_ok=True)
            tries.append(1)
            if len(tries) < 4:
                (tmp_path / "folder").rmdir()
            (tmp_path / "folder" / "file").write_bytes(b"content")
            return "stored"

        assert again_if_gone(store) == "stored"
        assert (tmp_path / "folder" / "file").read_bytes() == b"content"

    @pytest.mark.parametrize("error", [FileNotFoundError, FileExistsError])
    def test_not_for_ever(self, error: type[OSError]) -> None:
        """Something else is wrong."""

        def fail() -> None:
            raise error

        with pytest.raises(error):
            again_if_gone(fail)

    def test_other_errors(self) -> None:
        """They are not tried again."""
        tries: list[int] = []

        def fail() -> None:
            tries.append(1)
            raise PermissionError

        with pytest.raises(PermissionError):
            again_if_gone(fail)
        assert tries == [1]
