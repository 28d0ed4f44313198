"""Sizes and durations as users write and read them."""

from __future__ import annotations

import math
import re

_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY_BYTES = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_LONGEST_SECONDS = 1e12
"""Before there was anything; a number that can be counted with."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

_NAMES = [(10**9, "GB"), (10**6, "MB"), (10**3, "kB")]

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?)(?P<binary>i?)b?", re.IGNORECASE)
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[smhdw])", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return a number of bytes: of ``5GB``, ``500 MB``, ``1.5g``, ``2GiB`` or ``1000``.

    :raises ValueError: it is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or (match["binary"] and not match["unit"]):
        raise ValueError(text)
    units = _BINARY_BYTES if match["binary"] else _BYTES
    size = float(match["number"]) * units[match["unit"].lower()]
    if math.isinf(size):
        raise ValueError(text)
    return int(size)


def parse_duration(text: str) -> float:
    """Return a number of seconds: of ``30d``, ``12 h``, ``2w``, ``45m`` or ``10s``.

    :raises ValueError: it is no duration.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    seconds = float(match["number"]) * _SECONDS[match["unit"].lower()]
    if seconds > _LONGEST_SECONDS:
        raise ValueError(text)
    return seconds


def format_duration(seconds: float) -> str:
    """Return ``1 h 5 min``, ``3 min 20 s`` or ``4.2 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def format_size(size_bytes: float) -> str:
    """Return ``1.5 GB``, ``10 kB`` or ``12 bytes``, as pip does."""
    for unit, name in _NAMES:
        if size_bytes > unit:
            digits = 0 if name == "kB" and size_bytes > 10 * unit else 1
            return f"{size_bytes / unit:.{digits}f} {name}"
    return f"{int(size_bytes)} bytes"
