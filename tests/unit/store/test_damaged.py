"""Setting aside what does not verify."""

from __future__ import annotations

from pathlib import Path

from pipcache_plugin.store.damaged import set_aside
from tests.unit.faults import names_below


def test_file_is_moved_with_its_bytes(tmp_path: Path) -> None:
    """Its name ends with the old one."""
    path = tmp_path / "file"
    path.write_text("damaged")
    set_aside(tmp_path, path)
    assert not path.exists()
    (aside,) = (tmp_path / "damaged").iterdir()
    assert aside.name.endswith("-file")
    assert aside.read_text() == "damaged"


def test_file_that_is_gone_is_no_error(tmp_path: Path) -> None:
    """Another process set it aside at the same moment."""
    set_aside(tmp_path, tmp_path / "file")
    assert names_below(tmp_path) == []


def test_file_stays_where_nothing_can_be_moved(tmp_path: Path) -> None:
    """A store that cannot be written is no error."""
    path = tmp_path / "file"
    path.touch()
    (tmp_path / "damaged").touch()
    set_aside(tmp_path, path)
    assert path.exists()
