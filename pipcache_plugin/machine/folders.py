"""What is in a folder."""

from __future__ import annotations

import hashlib
import os


def digest_listing(path: str) -> str:
    """Return a digest of the names in the folder *path*, 64 hex digits; of a folder that cannot be read, ``-``."""
    try:
        names = sorted(os.listdir(path))  # noqa: PTH208 (asked for on the way of a hit)
    except (OSError, ValueError):
        return "-"
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()
