"""What is in a folder."""

from __future__ import annotations

import os


def list_folder(path: str) -> tuple[str, ...]:
    """Return the names in the folder *path*, sorted; none of one that cannot be read."""
    try:
        return tuple(sorted(os.listdir(path)))  # noqa: PTH208 (asked for on the way of a hit)
    except (OSError, ValueError):
        return ()
