"""Wheel files by content: served intact, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipcache_plugin.store.blobs import WheelBlob, WheelBlobs
from tests.factories import make_wheel, sha256_hex
from tests.unit.faults import empty, flip_bit, names_below, no_file_above, run_and_kill_at_rename, truncate

WHEEL = "simple-1.0-py3-none-any.whl"

PUT = """
import sys
from pipcache_plugin.store.blobs import WheelBlobs
WheelBlobs(pathlib.Path(sys.argv[1])).put(pathlib.Path(sys.argv[2]))
"""

damages = pytest.mark.parametrize("damage", [truncate, empty, flip_bit])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return where the store is."""
    return tmp_path / "store"


@pytest.fixture
def blobs(root: Path) -> WheelBlobs:
    """Return the blobs of an empty store."""
    return WheelBlobs(root)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Return a wheel that was built."""
    return make_wheel(tmp_path / "built")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder to place wheels in."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


class TestPut:
    """Storing."""

    def test_address_is_the_content(self, blobs: WheelBlobs, wheel: Path) -> None:
        """Digest and size are of the bytes; the name is kept."""
        blob = blobs.put(wheel)
        assert blob == WheelBlob(filename=WHEEL, sha256=sha256_hex(wheel), size_bytes=wheel.stat().st_size)
        assert blobs.path_of(blob).read_bytes() == wheel.read_bytes()

    def test_path_is_the_documented_one(self, blobs: WheelBlobs, root: Path, wheel: Path) -> None:
        """Other versions look for ``wheels/<aa>/<sha256>/<file>.whl``."""
        digest = sha256_hex(wheel)
        assert blobs.path_of(blobs.put(wheel)) == root / "wheels" / digest[:2] / digest / WHEEL

    def test_stored_file_is_its_own(self, blobs: WheelBlobs, wheel: Path) -> None:
        """What happens to the wheel that was built is nothing to the store."""
        blob = blobs.put(wheel)
        flip_bit(wheel)
        assert sha256_hex(blobs.path_of(blob)) == blob.sha256

    def test_second_time_is_a_no_op(self, blobs: WheelBlobs, wheel: Path) -> None:
        """The file that others may have open stays the same file."""
        blob = blobs.put(wheel)
        before = blobs.path_of(blob).stat()
        assert blobs.put(wheel) == blob
        assert os.path.samestat(blobs.path_of(blob).stat(), before)

    @damages
    def test_damaged_file_is_replaced(self, blobs: WheelBlobs, wheel: Path, damage: Callable[[Path], None]) -> None:
        """Storing again heals."""
        blob = blobs.put(wheel)
        damage(blobs.path_of(blob))
        blobs.put(wheel)
        assert sha256_hex(blobs.path_of(blob)) == blob.sha256

    def test_same_bytes_under_two_names(self, blobs: WheelBlobs, wheel: Path, tmp_path: Path) -> None:
        """A wheel's name says for what it is; one name does not replace another."""
        other = Path(shutil.copy(wheel, tmp_path / "simple-1.0-py2-none-any.whl"))
        one, two = blobs.put(wheel), blobs.put(other)
        assert blobs.has(one)
        assert blobs.has(two)

    def test_full_disk_stores_nothing(self, blobs: WheelBlobs, root: Path, tmp_path: Path) -> None:
        """A write that the kernel refuses leaves neither wheel nor temporary file."""
        big = make_wheel(tmp_path / "big", extra_members={"data": os.urandom(200_000).hex()})
        with no_file_above(10_000), pytest.raises(OSError, match="File too large"):
            blobs.put(big)
        assert names_below(root) == []

    def test_no_space_stores_nothing(
        self, blobs: WheelBlobs, root: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """ENOSPC in the middle of the copy is the caller's to know and leaves nothing."""

        def copy_half(source: Path, target: Path) -> None:
            target.write_bytes(source.read_bytes()[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(shutil, "copyfile", copy_half)
        with pytest.raises(OSError, match="No space left"):
            blobs.put(wheel)
        assert names_below(root) == []

    def test_root_that_is_a_file(self, blobs: WheelBlobs, root: Path, wheel: Path) -> None:
        """A store that can be none refuses, and the file stays what it was."""
        root.write_text("mine")
        with pytest.raises(OSError, match="store"):
            blobs.put(wheel)
        assert root.read_text() == "mine"

    def test_killed_writer_disturbs_nobody(self, blobs: WheelBlobs, root: Path, wheel: Path, place: Path) -> None:
        """Half a store operation leaves a ``.tmp-`` file, no wheel; the next one succeeds."""
        run_and_kill_at_rename(PUT, [str(root), str(wheel)])
        (left,) = names_below(root)
        assert left.startswith(".tmp-")
        assert list(blobs) == []
        blob = blobs.put(wheel)
        assert blobs.place(blob, place) == place / WHEEL
        assert list(blobs) == [blobs.path_of(blob)]

    def test_eight_processes_store_the_same_wheel(
        self, blobs: WheelBlobs, root: Path, wheel: Path, place: Path
    ) -> None:
        """All succeed; there is one intact file and nothing else."""
        command = [sys.executable, "-c", "import pathlib\n" + PUT, str(root), str(wheel)]
        processes = [subprocess.Popen(command) for _ in range(8)]
        assert [process.wait(timeout=60) for process in processes] == [0] * 8
        assert names_below(root) == [WHEEL]
        blob = WheelBlob(filename=WHEEL, sha256=sha256_hex(wheel), size_bytes=wheel.stat().st_size)
        assert blobs.place(blob, place) == place / WHEEL


class TestPlace:
    """Serving."""

    def test_placed_wheel_has_the_bytes_and_the_name(self, blobs: WheelBlobs, wheel: Path, place: Path) -> None:
        """What was stored is what is placed."""
        placed = blobs.place(blobs.put(wheel), place)
        assert placed == place / WHEEL
        assert placed.read_bytes() == wheel.read_bytes()

    def test_placed_wheel_survives_the_store(self, blobs: WheelBlobs, root: Path, wheel: Path, place: Path) -> None:
        """An eviction during the run takes nothing away from it."""
        placed = blobs.place(blobs.put(wheel), place)
        shutil.rmtree(root)
        assert placed is not None
        assert placed.read_bytes() == wheel.read_bytes()

    def test_other_file_system_gets_a_copy(
        self, blobs: WheelBlobs, wheel: Path, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where no link can be, the bytes are copied and verified."""

        def refuse(*_args: object) -> None:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

        monkeypatch.setattr(os, "link", refuse)
        blob = blobs.put(wheel)
        placed = blobs.place(blob, place)
        assert placed is not None
        assert placed.read_bytes() == wheel.read_bytes()
        assert not placed.samefile(blobs.path_of(blob))

    def test_older_file_in_the_folder_is_replaced(self, blobs: WheelBlobs, wheel: Path, place: Path) -> None:
        """A leftover of the same name is not taken for the wheel."""
        (place / WHEEL).write_text("leftover")
        placed = blobs.place(blobs.put(wheel), place)
        assert placed is not None
        assert placed.read_bytes() == wheel.read_bytes()

    def test_absent_wheel_is_a_miss(self, blobs: WheelBlobs, place: Path) -> None:
        """An evicted wheel is no error."""
        blob = WheelBlob(filename=WHEEL, sha256="a" * 64, size_bytes=1)
        assert blobs.place(blob, place) is None
        assert names_below(place) == []

    def test_wheel_that_goes_while_it_is_placed_is_a_miss(
        self, blobs: WheelBlobs, wheel: Path, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An eviction at the same moment is no error."""
        blob = blobs.put(wheel)
        link = os.link

        def evict_then_link(source: Path, target: Path) -> None:
            source.unlink()
            link(source, target)

        monkeypatch.setattr(os, "link", evict_then_link)
        assert blobs.place(blob, place) is None

    @damages
    def test_damaged_wheel_is_a_miss_and_set_aside(
        self, blobs: WheelBlobs, root: Path, wheel: Path, place: Path, damage: Callable[[Path], None]
    ) -> None:
        """It is not placed, not found again, and kept for whom it may concern."""
        blob = blobs.put(wheel)
        damage(blobs.path_of(blob))
        damaged = blobs.path_of(blob).read_bytes()
        assert blobs.place(blob, place) is None
        assert names_below(place) == []
        assert not blobs.has(blob)
        (aside,) = (root / "damaged").iterdir()
        assert aside.name.endswith(WHEEL)
        assert aside.read_bytes() == damaged

    def test_two_damaged_wheels_are_both_kept(self, blobs: WheelBlobs, root: Path, wheel: Path, place: Path) -> None:
        """The second does not replace the first."""
        for _ in range(2):
            blob = blobs.put(wheel)
            truncate(blobs.path_of(blob))
            assert blobs.place(blob, place) is None
        assert len(names_below(root / "damaged")) == 2

    def test_damaged_wheel_that_cannot_be_moved_is_a_miss_each_time(
        self, blobs: WheelBlobs, root: Path, wheel: Path, place: Path
    ) -> None:
        """In a store that cannot be written it stays, and is passed over."""
        blob = blobs.put(wheel)
        flip_bit(blobs.path_of(blob))
        (root / "damaged").write_text("no folder can be here")
        assert blobs.place(blob, place) is None
        assert blobs.place(blob, place) is None
        assert names_below(place) == []

    def test_entry_of_another_size_is_a_miss(self, blobs: WheelBlobs, wheel: Path, place: Path) -> None:
        """Size is part of the address."""
        blob = blobs.put(wheel)
        other = WheelBlob(filename=blob.filename, sha256=blob.sha256, size_bytes=blob.size_bytes + 1)
        assert blobs.place(other, place) is None

    def test_root_that_is_a_file_is_an_error(self, blobs: WheelBlobs, root: Path, place: Path) -> None:
        """Absent is not broken."""
        root.touch()
        with pytest.raises(OSError, match="store"):
            blobs.place(WheelBlob(filename=WHEEL, sha256="a" * 64, size_bytes=1), place)

    def test_missing_folder_is_not_taken_for_a_missing_wheel(
        self, blobs: WheelBlobs, wheel: Path, tmp_path: Path
    ) -> None:
        """The folder is the caller's; where it is gone, that is no miss."""
        with pytest.raises(OSError, match="nowhere"):
            blobs.place(blobs.put(wheel), tmp_path / "nowhere")


class TestHas:
    """Looking without reading."""

    def test_right_size_is_enough(self, blobs: WheelBlobs, wheel: Path) -> None:
        """The bytes are read when the wheel is placed."""
        blob = blobs.put(wheel)
        flip_bit(blobs.path_of(blob))
        assert blobs.has(blob)

    @pytest.mark.parametrize("damage", [truncate, empty, Path.unlink])
    def test_wrong_size_is_as_good_as_gone(
        self, blobs: WheelBlobs, wheel: Path, damage: Callable[[Path], None]
    ) -> None:
        """A shortened wheel is not there."""
        blob = blobs.put(wheel)
        damage(blobs.path_of(blob))
        assert not blobs.has(blob)

    def test_root_that_is_a_file_has_nothing(self, blobs: WheelBlobs, root: Path) -> None:
        """No folder, no wheel."""
        root.touch()
        assert not blobs.has(WheelBlob(filename=WHEEL, sha256="a" * 64, size_bytes=1))


class TestIteration:
    """All wheels."""

    def test_empty_store_has_none(self, blobs: WheelBlobs) -> None:
        """Nothing was stored, nothing is made."""
        assert list(blobs) == []

    def test_wheels_only(self, blobs: WheelBlobs, tmp_path: Path) -> None:
        """Temporary files, other files and other folders are none of them."""
        versions = ["1.0", "2.0", "3.0"]
        paths = [blobs.path_of(blobs.put(make_wheel(tmp_path / "built", version=version))) for version in versions]
        (paths[0].parent / ".tmp-1-2").touch()
        (blobs.folder / "README").touch()
        (blobs.folder / "zz").mkdir()
        assert list(blobs) == sorted(paths)
