"""How much of a wheel's archive may be unpacked: bounds that no wheel comes near, and that a bomb does not keep.

All is told from the archive's directory, before anything is unpacked: ``zipfile`` gives no more of a file than what is
declared there. Whoever reads a wheel asks here first. Nothing is known of where it is unpacked to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from zipfile import ZipFile, ZipInfo

_FREE_BYTES = 1 << 30
"""So much may be unpacked from any archive, however small it is."""

_MOST_TIMES = 200
"""More than that only from one that becomes no more than so many times as large. Code becomes three to five times as
large as its archive, tables and texts twenty times; a bomb a thousand times."""

MOST_DIST_INFO_BYTES = 64 << 20
"""Of all files in ``.dist-info`` together, which are read as a whole. RECORD has some 120 bytes for each file."""

_MOST_PARTS = 100
"""Of a path: what makes and removes folders goes one call deeper for each."""

_MOST_SHOWN = 200
"""Characters of a name."""

_LEADS_OUT = re.compile(r"[/\\]|[a-z]:|(?:.*[/\\])?\.\.(?:[/\\]|\Z)", re.IGNORECASE | re.DOTALL)
"""Matches a path that is absolute on some system, or has a step up in it."""


def find_excess(archive: ZipFile, size_bytes: int) -> str | None:
    """Say why a wheel should not be unpacked, or read as a whole; ``None`` when there is nothing against it.

    :param size_bytes: of the archive's file.
    """
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    if unpacked > max(_FREE_BYTES, _MOST_TIMES * size_bytes):
        return f"its {size_bytes} bytes would become {unpacked}"
    if sum(member.compress_size for member in members) > size_bytes:
        return "files in it overlap"
    if _sum_dist_info(members) > MOST_DIST_INFO_BYTES:
        return f"its .dist-info has more than {MOST_DIST_INFO_BYTES} bytes"
    deep = (member.filename for member in members if member.filename.count("/") >= _MOST_PARTS)
    return next((f"{quote(name)} is in too many folders" for name in deep), None)


def leads_out(name: str) -> bool:
    """Tell whether a file of an archive may be written elsewhere than below the folder that it is unpacked to."""
    return _LEADS_OUT.match(name) is not None


def quote(name: str) -> str:
    """Return the name of a file as it can be shown: whoever made the archive chose it."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name[:_MOST_SHOWN])
    return f"`{shown}{'…' if len(name) > _MOST_SHOWN else ''}`"


def _sum_dist_info(members: Collection[ZipInfo]) -> int:
    # Whichever it is: what reads a wheel may take the one for the other.
    return sum(member.file_size for member in members if ".dist-info/" in member.filename.lower())
