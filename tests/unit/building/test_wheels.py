"""Wheel files: valid, or refused with all that is wrong."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipcache_plugin.building.wheels import (
    InvalidWheelError,
    WheelIdentity,
    extract_dist_info,
    read_metadata,
    verify,
    what_resolves,
)
from tests.factories import make_wheel, patch_member
from tests.unit.faults import empty, names_below, truncate

DIST_INFO = "simple-1.0.dist-info"

GIB = 1 << 30


def misplace(wheel: Path) -> None:
    """Let the archive say that its contents begin where they do not: reading seeks to before the file."""
    data = bytearray(wheel.read_bytes())
    data[-4] ^= 0xFF
    wheel.write_bytes(data)


def problems_of(wheel: Path) -> list[str]:
    """Return what is wrong with a wheel that is refused."""
    with pytest.raises(InvalidWheelError) as caught:
        verify(wheel)
    assert caught.value.filename == wheel.name
    return caught.value.problems


class TestValidWheels:
    """What ``verify`` accepts."""

    def test_identity(self, tmp_path: Path) -> None:
        """The name is normalized, the version is METADATA's."""
        wheel = make_wheel(tmp_path, name="My.Project", version="1.0", metadata_version="1.0.0")
        assert verify(wheel) == WheelIdentity(project="my-project", version="1.0.0")

    @pytest.mark.parametrize(
        "tags", ["py3-none-any", "py2.py3-none-any", "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"]
    )
    def test_compressed_tags(self, tmp_path: Path, tags: str) -> None:
        """A set in the file name is a line each in WHEEL, in any order."""
        verify(make_wheel(tmp_path, tags=tags))

    def test_set_in_one_line_of_the_wheel_file(self, tmp_path: Path) -> None:
        """Some backends write it as the file name has it."""
        verify(make_wheel(tmp_path, tags="py2.py3-none-any", wheel_tags=["py2.py3-none-any"]))

    def test_build_tag(self, tmp_path: Path) -> None:
        """It is no part of the tags."""
        verify(make_wheel(tmp_path, tags="1-py3-none-any", wheel_tags=["py3-none-any"]))

    def test_later_minor_format(self, tmp_path: Path) -> None:
        """Of format 1.x every x is readable."""
        verify(make_wheel(tmp_path, wheel_format="1.9"))

    def test_large_and_empty_files(self, tmp_path: Path) -> None:
        """Of more bytes than are read at once, and of none."""
        verify(make_wheel(tmp_path, files={"large.txt": "x" * (3 << 20), "simple/__init__.py": ""}))

    @pytest.mark.parametrize(
        "name",
        [
            "new\nline.py",
            "carriage\rreturn",
            "tab\there",
            "next\x85line\u2028x",
            "\x0b\x0c\x1c",
            'a,b"c',
            "\x1b[31mred",
            "rtl\u202egnp.py",
            "\U0001f40d.py",
            "back\\slash",
            "dots.",
            "spaces ",
            "CON",
            "aux.py",
            "x" * 255,
            "..x/x..",
            "line:colon",
        ],
    )
    def test_odd_names(self, tmp_path: Path, name: str) -> None:
        """RECORD is a table: whatever is in a field, it is the name of the file."""
        verify(make_wheel(tmp_path, files={name: "content"}))

    @pytest.mark.parametrize(
        ("name", "version", "tags", "wheel_tags"),
        [
            ("My.Proj_ect-X", "1!2.0+a.b", "py3-none-any", None),
            ("simple", "1.0.post1.dev2", "7abc-py3-none-any", ["py3-none-any"]),
            ("UPPER", "2024.01.01", "py3-none-any", None),
        ],
    )
    def test_odd_releases(
        self, tmp_path: Path, name: str, version: str, tags: str, wheel_tags: list[str] | None
    ) -> None:
        """Epochs, local versions, build tags, names that are not normalized."""
        wheel = make_wheel(tmp_path, name=name, version=version, tags=tags, wheel_tags=wheel_tags)
        assert verify(wheel).version == version

    def test_every_scheme(self, tmp_path: Path) -> None:
        """And what only looks like a folder of schemes."""
        schemes = ["purelib", "platlib", "headers", "scripts", "data"]
        files = {f"simple-1.0.data/{scheme}/a/b": "" for scheme in schemes}
        verify(make_wheel(tmp_path, files={**files, "a/x.data/b": ""}))

    @pytest.mark.parametrize(
        "text",
        [
            "[console_scripts]\nx = a:b\nsub/x = a:b.c [extra]\nUPPER=a:b\n%(x)s = a:b\n",
            "[gui_scripts]\nx = a:b\n",
            "[anything]\n../x = a\n",
            "# nothing\n",
            "[console_scripts]\nx = a:b\nx = c:d\n[console_scripts]\n",
        ],
    )
    def test_entry_points(self, tmp_path: Path, text: str) -> None:
        """Only scripts are files."""
        verify(make_wheel(tmp_path, files={f"{DIST_INFO}/entry_points.txt": text}))

    def test_files_that_differ_by_case(self, tmp_path: Path) -> None:
        """Where they are built, they are two."""
        verify(make_wheel(tmp_path, files={"simple.py": "1", "Simple.py": "2"}))

    def test_signatures_need_no_record(self, tmp_path: Path) -> None:
        """RECORD.jws cannot be listed in what it signs."""
        verify(make_wheel(tmp_path, extra_members={f"{DIST_INFO}/RECORD.jws": "{}"}))

    def test_folders_need_no_record(self, tmp_path: Path) -> None:
        """Only files are listed."""
        wheel = make_wheel(tmp_path)
        with zipfile.ZipFile(wheel, "a") as archive:
            archive.writestr("simple/", b"")
        verify(wheel)


class TestInvalidWheels:
    """What ``verify`` refuses."""

    @pytest.mark.parametrize(
        ("breakage", "problem"),
        [
            ({"record_lies_about": "simple.py"}, "simple.py"),
            ({"record_lies_about": "empty.py", "files": {"empty.py": ""}}, "empty.py"),
            ({"record_lies_about": f"{DIST_INFO}/METADATA"}, "METADATA"),
            ({"record_lacks": "simple.py"}, "simple.py"),
            ({"extra_members": {"smuggled.py": ""}}, "smuggled.py"),
            ({"record_adds": "absent.py"}, "absent.py"),
            ({"has_record": False}, "RECORD"),
            ({"has_metadata": False}, "METADATA"),
            ({"metadata_name": "other"}, "another name"),
            ({"metadata_version": "2.0"}, "another version"),
            ({"metadata_version": "not a version"}, "not a version"),
            ({"metadata_format": "0.9"}, "Metadata-Version"),
            ({"metadata_format": "newest"}, "newest"),
            ({"wheel_format": "2.0"}, "Wheel-Version"),
            ({"wheel_format": ""}, "Wheel-Version"),
            ({"wheel_tags": ["py2-none-any"]}, "other tags"),
            ({"wheel_tags": ["py3-none-any", "py2-none-any"]}, "other tags"),
            ({"wheel_tags": []}, "other tags"),
            ({"tags": "py2.py3-none-any", "wheel_tags": ["py3-none-any"]}, "other tags"),
            ({"has_second_dist_info": True}, "more than one .dist-info"),
            ({"extra_members": [("simple.py", "another")]}, "simple.py"),
            ({"files": {"../x": ""}}, "`../x` leads out"),
            ({"files": {"a/../../x": ""}}, "leads out"),
            ({"files": {"/x": ""}}, "leads out"),
            ({"files": {"C:\\x": ""}}, "leads out"),
            ({"files": {"..\\x": ""}}, "leads out"),
            ({"files": {f"{DIST_INFO}/../../x": ""}}, "leads out"),
            ({"files": {"simple-1.0.data/../../x": ""}}, "leads out"),
            ({"files": {"simple-1.0.data/nonsense/x": ""}}, "of no scheme"),
            ({"files": {"simple-1.0.data/x": ""}}, "of no scheme"),
            ({"files": {"other.data/x": ""}}, "of no scheme"),
            ({"files": {"a": "", "a/b/c": ""}}, "`a` is a file and a folder"),
            ({"files": {"a/b": "", "a/b/c": ""}}, "`a/b` is a file and a folder"),
            ({"files": {"a/" + "x" * 256: ""}}, "too long"),
            ({"files": {"\xfc" * 128: ""}}, "too long"),
            ({"entry_points": {"../../x": "simple:main"}}, "the script `../../x` leads elsewhere"),
            ({"entry_points": {"fine": "simple:main", "/x": "simple:main"}}, "the script `/x` leads elsewhere"),
            ({"entry_points": {"x": "simple:main()\nimport os"}}, "entry_points.txt cannot be read"),
            ({"files": {f"{DIST_INFO}/entry_points.txt": "[gui_scripts]\n../x = a:b\n"}}, "leads elsewhere"),
            ({"files": {f"{DIST_INFO}/entry_points.txt": "nonsense\n"}}, "entry_points.txt cannot be read"),
            ({"files": {f"{DIST_INFO}/entry_points.txt": "[console_scripts\n"}}, "entry_points.txt cannot be read"),
            ({"record_adds": "../\x1b[31m"}, "`../\\x1b[31m`"),
        ],
    )
    def test_contradiction(self, tmp_path: Path, breakage: dict[str, object], problem: str) -> None:
        """Each one is told, and what it is about."""
        (told,) = problems_of(make_wheel(tmp_path, **breakage))  # type: ignore[arg-type]
        assert problem in told

    def test_all_problems_are_told_at_once(self, tmp_path: Path) -> None:
        """Who repairs a backend wants to know them all."""
        wheel = make_wheel(
            tmp_path,
            metadata_name="other",
            metadata_version="2.0",
            wheel_tags=["py2-none-any"],
            record_adds="absent.py",
        )
        assert len(problems_of(wheel)) == 4

    @pytest.mark.parametrize("damage", [truncate, empty, misplace])
    def test_broken_archive(self, tmp_path: Path, damage: Callable[[Path], None]) -> None:
        """What cannot be unpacked is no wheel."""
        wheel = make_wheel(tmp_path)
        damage(wheel)
        assert problems_of(wheel)

    def test_archive_that_lost_its_last_byte(self, tmp_path: Path) -> None:
        """One byte is enough."""
        assert problems_of(make_wheel(tmp_path, cut_bytes=1))

    @pytest.mark.parametrize(
        "name", ["simple.whl", "simple-1.0.zip", "simple-1.0-py3-none-any.zip", "simple-x-y-z-a.whl"]
    )
    def test_file_name_of_no_wheel(self, tmp_path: Path, name: str) -> None:
        """The name is part of a wheel."""
        assert problems_of(make_wheel(tmp_path).rename(tmp_path / name))

    @pytest.mark.parametrize("name", ["other-1.0-py3-none-any.whl", "simple-2.0-py3-none-any.whl"])
    def test_file_name_of_another_release(self, tmp_path: Path, name: str) -> None:
        """A renamed wheel is not what its name says."""
        assert problems_of(make_wheel(tmp_path).rename(tmp_path / name))

    @pytest.mark.parametrize(
        "record",
        [
            "\xe9",
            "one,two",
            "a,b,c,d",
            "simple.py,sha256,1",
            "simple.py,nohash=00,1",
            "simple.py,md5=00,1",
            '"open',
            '"a"b,,',
            "\0",
            ",,\n,,",
            "",
        ],
    )
    def test_odd_record(self, tmp_path: Path, record: str) -> None:
        """A RECORD that is no table of hashes."""
        wheel = make_wheel(tmp_path, has_record=False)
        with zipfile.ZipFile(wheel, "a") as archive:
            archive.writestr(f"{DIST_INFO}/RECORD", record.encode("latin-1"))
        assert problems_of(wheel)

    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("simple.py", {"flags": 1}),
            ("simple.py", {"compression": 97}),
            ("simple.py", {"crc32": 1}),
            ("simple.py", {"size_bytes": 3}),
            (f"{DIST_INFO}/RECORD", {"crc32": 1}),
            (f"{DIST_INFO}/METADATA", {"compression": 97}),
        ],
    )
    def test_file_that_is_not_what_is_said_of_it(self, tmp_path: Path, name: str, fields: dict[str, int]) -> None:
        """In the archive's own directory."""
        assert problems_of(patch_member(make_wheel(tmp_path), name, **fields))

    @pytest.mark.parametrize(
        ("name", "fields", "problem"),
        [
            ("simple.py", {"size_bytes": GIB + 1}, "would become"),
            ("simple.py", {"compressed_bytes": 1 << 20}, "overlap"),
            *((f"{DIST_INFO}/{name}", {"size_bytes": 70 << 20}, "has more than") for name in ["RECORD", "METADATA"]),
        ],
    )
    def test_bomb(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, fields: dict[str, int], problem: str
    ) -> None:
        """It is refused before anything of it is read."""
        wheel = patch_member(make_wheel(tmp_path), name, **fields)

        def read(*_args: object, **_kwargs: object) -> None:
            raise AssertionError

        monkeypatch.setattr(zipfile.ZipFile, "open", read)
        (told,) = problems_of(wheel)
        assert problem in told
        with pytest.raises(InvalidWheelError, match=problem):
            read_metadata(wheel)
        with pytest.raises(InvalidWheelError, match=problem):
            extract_dist_info(wheel, tmp_path / "folder")
        assert not (tmp_path / "folder").exists()

    def test_encrypted_member(self, tmp_path: Path) -> None:
        """No installer has the password."""
        wheel = make_wheel(tmp_path)
        data = bytearray(wheel.read_bytes())
        central = data.index(b"PK\x01\x02")
        data[central + 8] |= 1
        data[6] |= 1
        wheel.write_bytes(data)
        assert problems_of(wheel)


def test_any_flipped_bit_is_refused_or_harmless(tmp_path: Path) -> None:
    """Whatever byte is damaged, nothing but our error is raised, and nothing but the truth told."""
    wheel = make_wheel(tmp_path, files={"simple.py": "pass\n"})
    data = wheel.read_bytes()
    refused = 0
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1 << position % 8
        wheel.write_bytes(damaged)
        try:
            assert verify(wheel) == WheelIdentity(project="simple", version="1.0")
        except InvalidWheelError:
            refused += 1
    assert refused > len(data) / 2


class TestExtractDistInfo:
    """``extract_dist_info``."""

    def test_all_of_it_and_nothing_else(self, tmp_path: Path) -> None:
        """Modules stay in the wheel."""
        files = {"simple.py": "", f"{DIST_INFO}/licenses/LICENSE": "free"}
        found = extract_dist_info(make_wheel(tmp_path, files=files), tmp_path / "folder")
        assert found == tmp_path / "folder" / DIST_INFO
        assert names_below(tmp_path / "folder") == ["LICENSE", "METADATA", "RECORD", "WHEEL"]
        assert (found / "licenses" / "LICENSE").read_text() == "free"

    def test_two_of_them_are_refused(self, tmp_path: Path) -> None:
        """Nobody knows which one counts; nothing is written."""
        with pytest.raises(InvalidWheelError, match="no single"):
            extract_dist_info(make_wheel(tmp_path, has_second_dist_info=True), tmp_path / "folder")
        assert not (tmp_path / "folder").exists()

    def test_none_is_refused(self, tmp_path: Path) -> None:
        """A file that only ends like one is none."""
        wheel = tmp_path / "simple-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("simple.dist-info", "")
            archive.writestr("below/simple-1.0.dist-info/METADATA", "")
        with pytest.raises(InvalidWheelError, match="no single"):
            extract_dist_info(wheel, tmp_path / "folder")

    @pytest.mark.parametrize(
        "member", ["../simple-1.0.dist-info/EVIL", "/simple-1.0.dist-info/EVIL", "simple-1.0.dist-info/../../EVIL"]
    )
    def test_nothing_is_written_elsewhere(self, tmp_path: Path, member: str) -> None:
        """A member that points out of the folder stays inside, or is refused."""
        wheel = make_wheel(tmp_path / "wheel", extra_members={member: ""})
        folder = tmp_path / "a" / "folder"
        with contextlib.suppress(InvalidWheelError):
            extract_dist_info(wheel, folder)
        outside = [path for path in tmp_path.rglob("EVIL") if not path.is_relative_to(folder / DIST_INFO)]
        assert outside == []

    @pytest.mark.parametrize("damage", [truncate, empty, misplace])
    def test_broken_archive(self, tmp_path: Path, damage: Callable[[Path], None]) -> None:
        """What cannot be unpacked has none."""
        wheel = make_wheel(tmp_path)
        damage(wheel)
        with pytest.raises(InvalidWheelError):
            extract_dist_info(wheel, tmp_path / "folder")


class TestReadMetadata:
    """``read_metadata``."""

    def test_bytes_as_they_are(self, tmp_path: Path) -> None:
        """Of the METADATA at the wheel's root, not of one that is vendored."""
        wheel = make_wheel(tmp_path, files={"simple/_vendor/other-1.0.dist-info/METADATA": "Name: other\n"})
        assert read_metadata(wheel) == b"Metadata-Version: 2.1\nName: simple\nVersion: 1.0\n"

    @pytest.mark.parametrize("breakage", [{"has_metadata": False}, {"has_second_dist_info": True}])
    def test_none_or_two_are_refused(self, tmp_path: Path, breakage: dict[str, bool]) -> None:
        """Nobody knows which one counts."""
        with pytest.raises(InvalidWheelError):
            read_metadata(make_wheel(tmp_path, **breakage))  # type: ignore[arg-type]

    @pytest.mark.parametrize("damage", [truncate, empty, misplace])
    def test_broken_archive(self, tmp_path: Path, damage: Callable[[Path], None]) -> None:
        """What cannot be unpacked has none."""
        wheel = make_wheel(tmp_path)
        damage(wheel)
        with pytest.raises(InvalidWheelError):
            read_metadata(wheel)


class TestWhatResolves:
    """``what_resolves``."""

    METADATA = (
        "Metadata-Version: 2.1\nName: simple\nVersion: 1.0\nSummary: Nothing\nRequires-Python: >=3.10\n"
        "Requires-Dist: one >=1\nRequires-Dist: two; extra == 'more'\nProvides-Extra: more\n\nName: no header\n"
    )

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("Summary: Nothing", "Summary: Something"),
            ("Metadata-Version: 2.1", "Metadata-Version: 2.4"),
            ("Requires-Dist: one >=1", "Requires-Dist: one>=1"),
            ("no header", "still no header"),
            (
                "Requires-Dist: one >=1\nRequires-Dist: two; extra == 'more'",
                "Requires-Dist: two; extra == 'more'\nRequires-Dist: one >=1",
            ),
        ],
    )
    def test_what_does_not_count(self, old: str, new: str) -> None:
        """Words, white space and order install nothing else."""
        assert old in self.METADATA
        changed = self.METADATA.replace(old, new)
        assert what_resolves(changed.encode()) == what_resolves(self.METADATA.encode())

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("Name: simple", "Name: other"),
            ("Version: 1.0\n", "Version: 1.1\n"),
            ("one >=1", "one >=2"),
            ("Requires-Dist: one >=1\n", ""),
            ("Requires-Python: >=3.10", "Requires-Python: >=3.11"),
            ("Provides-Extra: more", "Provides-Extra: less"),
        ],
    )
    def test_what_counts(self, old: str, new: str) -> None:
        """Each of these may install something else."""
        assert old in self.METADATA
        changed = self.METADATA.replace(old, new, 1)
        assert what_resolves(changed.encode()) != what_resolves(self.METADATA.encode())
