"""Programs on ``PATH``."""

from __future__ import annotations

import os
from pathlib import Path

from pipcache_plugin.machine.programs import find_program, iter_programs, split_path


def put(path: Path, mode: int = 0o755) -> Path:
    """Write a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(mode)
    return path


def test_first_one_is_found(tmp_path: Path) -> None:
    """In the order of the folders."""
    for name in ("b", "c"):
        put(tmp_path / name / "tool")
    folders = [str(tmp_path / name) for name in ("a", "b", "c")]
    assert find_program("tool", folders) == str(tmp_path / "b" / "tool")
    assert find_program("tool", reversed(folders)) == str(tmp_path / "c" / "tool")


def test_what_cannot_be_run_is_no_program(tmp_path: Path) -> None:
    """A folder, a file without the permission, a broken link."""
    (tmp_path / "folder").mkdir()
    put(tmp_path / "text", 0o644)
    (tmp_path / "link").symlink_to("nowhere")
    assert [find_program(name, [str(tmp_path)]) for name in ("folder", "text", "link", "lacking")] == [None] * 4


def test_link_is_a_program(tmp_path: Path) -> None:
    """Under its own name."""
    (tmp_path / "cc").symlink_to(put(tmp_path / "gcc-12"))
    assert find_program("cc", [str(tmp_path)]) == str(tmp_path / "cc")


def test_name_with_a_folder_is_a_path(tmp_path: Path) -> None:
    """Whatever is on ``PATH``, and if nothing is."""
    tool = str(put(tmp_path / "tool"))
    assert find_program(tool, []) == tool
    assert find_program("sub/tool", [str(put(tmp_path / "bin" / "sub" / "tool").parents[1])]) is None


def test_all_of_a_name(tmp_path: Path) -> None:
    """In the order of the folders."""
    tools = [str(put(tmp_path / name / "tool")) for name in ("a", "b")]
    assert [*iter_programs("tool", [str(tmp_path / name) for name in ("a", "none", "b")])] == tools


def test_path_is_split() -> None:
    """Empty parts are none; without a variable there is the system's."""
    assert split_path("/a::/b:") == ["/a", "/b"]
    assert split_path("") == []
    assert split_path(None) == [folder for folder in os.defpath.split(os.pathsep) if folder]
