"""Folders and what is in them."""

from __future__ import annotations

from pathlib import Path

from pipcache_plugin.machine.folders import digest_listing


def test_names_count(tmp_path: Path) -> None:
    """What comes, goes or is called another way changes the digest; contents do not."""
    seen = [digest_listing(str(tmp_path))]
    (tmp_path / "one.h").write_text("x")
    seen.append(digest_listing(str(tmp_path)))
    (tmp_path / "one.h").write_text("y")
    assert digest_listing(str(tmp_path)) == seen[-1]
    (tmp_path / "one.h").rename(tmp_path / "two.h")
    seen.append(digest_listing(str(tmp_path)))
    (tmp_path / "three.h").touch()
    seen.append(digest_listing(str(tmp_path)))
    assert len(set(seen)) == 4


def test_folder_that_cannot_be_read(tmp_path: Path) -> None:
    """It is one that has not this or that in it."""
    (tmp_path / "file").touch()
    assert (
        digest_listing(str(tmp_path / "none")) == digest_listing(str(tmp_path / "file")) == digest_listing("\0") == "-"
    )
    assert digest_listing(str(tmp_path)) != "-"
