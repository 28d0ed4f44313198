"""Tables of small JSON files that verify themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pipcache_plugin.store.documents import Documents
from tests.unit.faults import empty, flip_bit, names_below, no_file_above, run_and_kill_at_rename, truncate

KEY = "ab" * 32
OTHER_KEY = "cd" * 32

PUT = """
import sys
from pipcache_plugin.store.documents import Documents
Documents(pathlib.Path(sys.argv[1]), "entries").put(sys.argv[2], {"number": 1})
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return where the store is."""
    return tmp_path / "store"


@pytest.fixture
def documents(root: Path) -> Documents:
    """Return an empty table."""
    return Documents(root, "entries")


def contents(documents: Documents, key: str = KEY) -> list[object]:
    """Return what is found under *key*, ordered by its text."""
    return sorted((dict(document.content) for document in documents.find(key)), key=str)


def put_bytes(documents: Documents, data: bytes) -> Path:
    """Write a file whose name verifies, whatever is in it."""
    path = documents.folder / KEY[:2] / KEY / f"{hashlib.sha256(data).hexdigest()[:32]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


class TestPutAndFind:
    """Storing and reading back."""

    def test_content_comes_back(self, documents: Documents) -> None:
        """Names and values of all kinds of JSON survive."""
        content = {"text": "ä\udc80\U0001f600", "number": 2**60, "list": [None, True, 1.5], "object": {"a": {}}}
        path = documents.put(KEY, content)
        (document,) = documents.find(KEY)
        assert document.content == content
        assert document.path == path

    def test_path_is_the_documented_one(self, documents: Documents, root: Path) -> None:
        """Other versions look for ``<table>/<aa>/<build key>/<id>.json``, whose id is of its bytes."""
        path = documents.put(KEY, {"number": 1})
        assert path.parent == root / "entries" / "ab" / KEY
        assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()[:32]

    def test_keys_do_not_mix(self, documents: Documents) -> None:
        """Each key has its own."""
        documents.put(KEY, {"number": 1})
        documents.put(OTHER_KEY, {"number": 2})
        assert contents(documents) == [{"number": 1}]

    def test_several_live_side_by_side(self, documents: Documents) -> None:
        """Another content is another document."""
        documents.put(KEY, {"number": 1})
        documents.put(KEY, {"number": 2})
        assert contents(documents) == [{"number": 1}, {"number": 2}]

    def test_second_time_is_a_no_op(self, documents: Documents, root: Path) -> None:
        """The same content is the same document, in any order of its names."""
        one = documents.put(KEY, {"a": 1, "b": 2})
        assert documents.put(KEY, {"b": 2, "a": 1}) == one
        assert names_below(root) == [one.name]

    def test_unknown_key_has_none(self, documents: Documents, root: Path) -> None:
        """Asking makes no folder."""
        assert documents.find(KEY) == []
        assert not root.exists()

    def test_full_disk_stores_nothing(self, documents: Documents, root: Path) -> None:
        """A write that the kernel refuses leaves no file."""
        with no_file_above(1000), pytest.raises(OSError, match="File too large"):
            documents.put(KEY, {"text": "x" * 10_000})
        assert names_below(root) == []

    def test_root_that_is_a_file_is_an_error(self, documents: Documents, root: Path) -> None:
        """Neither writing nor reading takes it for an empty store."""
        root.touch()
        with pytest.raises(OSError, match="entries"):
            documents.put(KEY, {"number": 1})
        with pytest.raises(OSError, match="entries"):
            documents.find(KEY)

    def test_killed_writer_disturbs_nobody(self, documents: Documents, root: Path) -> None:
        """Its temporary file is no document, also when it lies beside one."""
        run_and_kill_at_rename(PUT, [str(root), KEY])
        assert documents.find(KEY) == []
        assert list(documents) == []
        documents.put(KEY, {"number": 2})
        assert contents(documents) == [{"number": 2}]
        assert [name for name in names_below(root) if name.startswith(".tmp-")]


class TestDamage:
    """What does not verify is not found."""

    @pytest.mark.parametrize("damage", [truncate, empty, lambda path: flip_bit(path, 5)])
    def test_damaged_document_is_set_aside(
        self, documents: Documents, root: Path, damage: Callable[[Path], None]
    ) -> None:
        """The others under its key are still found."""
        path = documents.put(KEY, {"number": 1})
        documents.put(KEY, {"number": 2})
        damage(path)
        assert contents(documents) == [{"number": 2}]
        assert not path.exists()
        (aside,) = names_below(root / "damaged")
        assert aside.endswith(path.name)

    def test_damaged_document_that_cannot_be_moved_is_passed_over(self, documents: Documents, root: Path) -> None:
        """In a store that cannot be written it is no document either."""
        truncate(documents.put(KEY, {"number": 1}))
        (root / "damaged").write_text("no folder can be here")
        assert documents.find(KEY) == []
        assert documents.find(KEY) == []

    @pytest.mark.parametrize(
        "data", [b"", b"{", b"\xff\xfe", b"\x00", b"[1]", b'"text"', b"1", b"null", b"[" * 100_000]
    )
    def test_verified_bytes_that_are_no_object(self, documents: Documents, data: bytes) -> None:
        """Who wrote them, and why, is not for us to know; they are no document, and no error."""
        path = put_bytes(documents, data)
        documents.put(KEY, {"number": 2})
        assert contents(documents) == [{"number": 2}]
        assert not path.exists()

    def test_folder_that_is_called_like_a_document(self, documents: Documents, root: Path) -> None:
        """It is set aside as well, and hides nothing."""
        path = documents.put(KEY, {"number": 1})
        path.with_name("folder.json").mkdir()
        assert contents(documents) == [{"number": 1}]
        assert [aside.is_dir() for aside in (root / "damaged").iterdir()] == [True]

    def test_document_that_goes_between_listing_and_reading(self, documents: Documents) -> None:
        """An eviction at the same moment is a miss."""
        path = documents.put(KEY, {"number": 1})
        path.with_name("gone.json").symlink_to("nowhere.json")
        assert contents(documents) == [{"number": 1}]

    def test_other_files_are_left_alone(self, documents: Documents, root: Path) -> None:
        """Only ``.json`` files are documents; nothing else is moved."""
        path = documents.put(KEY, {"number": 1})
        path.with_name(".tmp-1-2").touch()
        path.with_name("notes.txt").touch()
        assert contents(documents) == [{"number": 1}]
        assert not (root / "damaged").exists()


class TestIteration:
    """All documents."""

    def test_empty_table_has_none(self, documents: Documents) -> None:
        """A store that is not there has no documents."""
        assert list(documents) == []

    def test_all_keys(self, documents: Documents) -> None:
        """Every document of every key is there once."""
        paths = {documents.put(key, {"number": number}) for key in (KEY, OTHER_KEY) for number in range(3)}
        found = [document.path for document in documents]
        assert set(found) == paths
        assert len(found) == 6

    def test_stray_files_are_passed_over(self, documents: Documents) -> None:
        """A file where a folder should be, as some desktops leave them, hides nothing."""
        path = documents.put(KEY, {"number": 1})
        (path.parent.parent / "stray").touch()
        (documents.folder / "stray").touch()
        assert [document.path for document in documents] == [path]
