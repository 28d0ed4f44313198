"""One file to one place: a clone, a copy or a link, never a file that somebody else can edit."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipcache_plugin import files
from pipcache_plugin.installation import placing
from pipcache_plugin.installation.placing import LinkMode, clone_or_copy, link, put, remove
from tests.unit.faults import no_file_above

Umask = Callable[[int], None]


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be known of file systems from other tests."""
    monkeypatch.setattr(placing, "_cannot_clone", set())


@pytest.fixture
def umask() -> Iterator[Umask]:
    """Return a function that sets the umask; it is set back."""
    before = os.umask(0o022)

    def change(mask: int) -> None:
        os.umask(mask)

    yield change
    os.umask(before)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a file as a store has it."""
    path = tmp_path / "source"
    path.write_bytes(b"content")
    path.chmod(0o644)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return where nothing is yet."""
    return tmp_path / "target"


def fail_with(number: int) -> Callable[..., None]:
    """Return a function that fails, for the reason *number*."""

    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


class TestPut:
    """``put``."""

    @pytest.mark.parametrize("may_link", [True, False])
    @pytest.mark.parametrize("there", ["nothing", "file", "link to nowhere", "link to a file"])
    def test_what_is_there_is_replaced(
        self, source: Path, target: Path, tmp_path: Path, there: str, *, may_link: bool
    ) -> None:
        """And not written to: it may be one file with another environment's."""
        source.chmod(0o666 & ~files.umask())
        other = tmp_path / "other"
        if there == "file":
            other.write_bytes(b"old")
            target.hardlink_to(other)
        elif there != "nothing":
            target.symlink_to(other)
        if there == "link to a file":
            other.write_bytes(b"old")
        assert put(str(source), str(target), mask=files.umask(), may_link=may_link) is may_link
        assert target.read_bytes() == b"content"
        assert not target.is_symlink()
        assert target.samefile(source) is may_link
        assert not other.exists() or other.read_bytes() == b"old"

    def test_copy_where_no_link_can_be(self, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """On another file system, for one."""
        monkeypatch.setattr(os, "link", fail_with(errno.EXDEV))
        assert not put(str(source), str(target), mask=files.umask(), may_link=True)
        assert target.read_bytes() == b"content"

    @pytest.mark.parametrize("may_link", [True, False])
    def test_folder_stays(self, source: Path, target: Path, *, may_link: bool) -> None:
        """It is not ours to remove."""
        source.chmod(0o666 & ~files.umask())
        target.mkdir()
        with pytest.raises(OSError, match="target"):
            put(str(source), str(target), mask=files.umask(), may_link=may_link)
        assert target.is_dir()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(("mode", "may"), [(0o664, False), (0o644, True)])
def test_no_link_that_a_group_could_edit(source: Path, target: Path, mode: int, *, may: bool) -> None:
    """Of a shared store: whoever of the group edits that file would edit the one in the environment."""
    source.chmod(mode)
    os.chown(source, -1, 4711)
    assert link(str(source), str(target), 0o666 & ~mode) is may


class TestCloneOrCopy:
    """``clone_or_copy``."""

    @pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 400, bytes(3_000_000)], ids=len)
    def test_content(self, source: Path, target: Path, content: bytes) -> None:
        """Nothing, little and much."""
        source.write_bytes(content)
        clone_or_copy(str(source), str(target))
        assert target.read_bytes() == source.read_bytes()

    @pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
    @pytest.mark.parametrize("source_mode", [0o644, 0o600, 0o755, 0o444])
    def test_mode_is_that_of_a_new_file(
        self, source: Path, target: Path, umask: Umask, mask: int, source_mode: int
    ) -> None:
        """Whatever the source's is."""
        source.chmod(source_mode)
        umask(mask)
        clone_or_copy(str(source), str(target))
        assert target.stat().st_mode & 0o7777 == 0o666 & ~mask

    def test_edit_does_not_reach_the_source(self, source: Path, target: Path) -> None:
        """It is a file of its own."""
        clone_or_copy(str(source), str(target))
        with target.open("r+b") as file:
            file.write(b"EDITED")
        assert source.read_bytes() == b"content"

    @pytest.mark.parametrize("kind", ["file", "folder", "link to nowhere", "link to a file"])
    def test_what_is_there_is_refused(self, source: Path, target: Path, tmp_path: Path, kind: str) -> None:
        """And stays what it was; nothing is written through a link."""
        other = tmp_path / "other"
        if kind == "file":
            target.write_bytes(b"mine")
        elif kind == "folder":
            target.mkdir()
        else:
            target.symlink_to(other)
        if kind == "link to a file":
            other.write_bytes(b"mine")
        with pytest.raises(FileExistsError):
            clone_or_copy(str(source), str(target))
        assert not target.is_file() or target.read_bytes() == b"mine"
        assert other.exists() == (kind == "link to a file")

    def test_source_that_is_gone_makes_no_target(self, source: Path, target: Path) -> None:
        """The store may lose it at any time."""
        source.unlink()
        with pytest.raises(FileNotFoundError):
            clone_or_copy(str(source), str(target))
        assert not target.exists()

    @pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EXDEV, errno.ENOTTY, errno.EINVAL, errno.ENOSPC])
    def test_refused_clone_is_a_copy(
        self, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        """Most file systems have no clones."""
        monkeypatch.setattr(fcntl, "ioctl", fail_with(number))
        clone_or_copy(str(source), str(target))
        assert target.read_bytes() == b"content"

    def test_clone_is_tried_once(self, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a file system refuses for one file it refuses for the next."""
        tries: list[int] = []

        def refuse(*_args: object) -> None:
            tries.append(1)
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

        monkeypatch.setattr(fcntl, "ioctl", refuse)
        for name in "abc":
            clone_or_copy(str(source), str(tmp_path / name))
        assert len(tries) == 1
        assert [(tmp_path / name).read_bytes() for name in "abc"] == [b"content"] * 3

    def test_clone_is_taken(self, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the kernel has cloned is not copied besides."""
        requests: list[int] = []

        def clone(to_file: int, request: int, from_file: int) -> None:
            requests.append(request)
            assert os.pread(from_file, 10, 0) == b"content"
            os.write(to_file, b"cloned")

        monkeypatch.setattr(fcntl, "ioctl", clone)
        clone_or_copy(str(source), str(target))
        assert target.read_bytes() == b"cloned"
        assert requests == [0x40049409]

    def test_empty_file_is_not_cloned(self, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A refusal would say nothing of others."""
        source.write_bytes(b"")
        monkeypatch.setattr(fcntl, "ioctl", lambda *_args: pytest.fail("there is nothing to clone"))
        clone_or_copy(str(source), str(target))
        assert target.read_bytes() == b""

    @pytest.mark.parametrize("size_bytes", [20_000, 3_000_000])
    def test_full_disk_is_an_error(self, source: Path, target: Path, size_bytes: int) -> None:
        """A file that is cut off is not taken for a whole one."""
        source.write_bytes(bytes(size_bytes))
        with no_file_above(10_000), pytest.raises(OSError, match="File too large"):
            clone_or_copy(str(source), str(target))


class TestLink:
    """``link``."""

    def test_same_file(self, source: Path, target: Path) -> None:
        """One file with two names."""
        assert link(str(source), str(target), files.umask())
        assert target.samefile(source)

    @pytest.mark.parametrize(
        ("mask", "mode", "may"),
        [
            (0o022, 0o644, True),
            (0o022, 0o755, True),
            (0o022, 0o600, False),
            (0o022, 0o664, False),
            (0o022, 0o666, False),
            (0o022, 0o444, False),
            (0o022, 0o711, False),
            (0o022, 0o4755, False),
            (0o077, 0o600, True),
            (0o077, 0o700, True),
            (0o077, 0o644, False),
            (0o002, 0o664, True),
            (0o002, 0o644, False),
        ],
    )
    def test_mode_must_be_that_of_a_new_file(  # noqa: PLR0917
        self, source: Path, target: Path, umask: Umask, mask: int, mode: int, may: bool
    ) -> None:
        """Otherwise nothing is there afterwards."""
        source.chmod(mode)
        umask(mask)
        assert link(str(source), str(target), files.umask()) is may
        assert target.exists() is may

    def test_somebody_elses_file(self, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its owner could edit what is installed."""
        stat = os.stat

        def stat_of_another(path: str) -> os.stat_result:
            values = list(stat(path))
            values[4] += 1
            return os.stat_result(values)

        with monkeypatch.context() as patch:
            patch.setattr(os, "stat", stat_of_another)
            assert not link(str(source), str(target), files.umask())
        assert not target.exists()

    @pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.EACCES])
    def test_refused_link(self, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        """Another file system, one without links, too many of them, or the kernel's protection: a copy may be made."""
        monkeypatch.setattr(os, "link", fail_with(number))
        assert not link(str(source), str(target), files.umask())

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.ENOENT, errno.EIO])
    def test_impossible_link(self, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        """A copy could not be made either."""
        monkeypatch.setattr(os, "link", fail_with(number))
        with pytest.raises(OSError, match=r"\[Errno"):
            link(str(source), str(target), files.umask())

    def test_what_is_there_is_refused(self, source: Path, target: Path) -> None:
        """And stays what it was."""
        target.write_bytes(b"mine")
        with pytest.raises(FileExistsError):
            link(str(source), str(target), files.umask())
        assert target.read_bytes() == b"mine"

    def test_source_that_is_gone(self, source: Path, target: Path) -> None:
        """The store may lose it at any time."""
        source.unlink()
        with pytest.raises(FileNotFoundError):
            link(str(source), str(target), files.umask())


class TestRemove:
    """``remove``."""

    def test_file(self, target: Path) -> None:
        """It is gone."""
        target.write_bytes(b"old")
        remove(str(target))
        assert not target.exists()

    def test_nothing(self, target: Path) -> None:
        """There is nothing to do, and nothing to complain of."""
        remove(str(target))
        assert not target.exists()

    def test_other_name_of_the_file_stays(self, source: Path, target: Path) -> None:
        """What is replaced in one environment stays in another."""
        os.link(source, target)
        remove(str(target))
        assert source.read_bytes() == b"content"

    def test_symbolic_link(self, source: Path, target: Path) -> None:
        """The link goes, and what it led to stays."""
        target.symlink_to(source)
        remove(str(target))
        assert not target.is_symlink()
        assert source.read_bytes() == b"content"

    def test_folder_is_an_error(self, target: Path) -> None:
        """It is not ours to remove."""
        target.mkdir()
        with pytest.raises(OSError, match="target"):
            remove(str(target))
        assert target.is_dir()


def test_modes_are_the_documented_ones() -> None:
    """Users write these words."""
    assert {mode.value for mode in LinkMode} == {"clone", "copy", "hardlink"}
