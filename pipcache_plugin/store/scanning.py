"""Going through the folders of a store: ``<table>/<aa>/<name>/``. With texts, as there may be a hundred thousand."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPORARY = ".tmp-"
"""So begins the name of what is not whole yet; see ``files.temporary_beside``."""

_BUCKET = re.compile(r"[0-9a-f]{2}")


def scan(folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    """Return what is in a folder, sorted by name; nothing for one that is gone, or is none.

    :raises OSError: the folder cannot be read.
    """
    try:
        with os.scandir(os.fspath(folder)) as found:
            return sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def list_buckets(table: str | os.PathLike[str]) -> list[str]:
    """Return the names of the folders ``<aa>`` of a table, sorted."""
    return [entry.name for entry in scan(table) if _BUCKET.fullmatch(entry.name)]


def iter_folders(table: str | os.PathLike[str]) -> Iterator[str]:
    """Go through the paths of the folders ``<aa>/<name>`` of a table, sorted; unfinished ones are passed over."""
    for bucket in list_buckets(table):
        for entry in scan(f"{os.fspath(table)}/{bucket}"):
            if not entry.name.startswith(TEMPORARY):
                yield entry.path


def iter_files(table: str | os.PathLike[str], suffix: str) -> Iterator[os.DirEntry[str]]:
    """Go through the files ``<aa>/<name>/*<suffix>`` of a table, sorted; unfinished ones are passed over."""
    for folder in iter_folders(table):
        for entry in scan(folder):
            if entry.name.endswith(suffix) and not entry.name.startswith(TEMPORARY):
                yield entry
