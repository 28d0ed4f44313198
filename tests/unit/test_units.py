"""Sizes and durations, read and written."""

from __future__ import annotations

import re

import pytest
from pip._internal.utils import misc

from pipcache_plugin.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1000", 1000),
        ("5GB", 5_000_000_000),
        ("500 MB", 500_000_000),
        ("1.5g", 1_500_000_000),
        ("2GiB", 2 << 30),
        ("3 kib", 3 << 10),
        ("10b", 10),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    """With the units that people use."""
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["GB", "-1", "1PB", "5 GB more", "9" * 400, "ib", "5ib", "1e9", "nan"])
def test_what_is_no_size(text: str) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match=re.escape(text)):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10s", 10), ("45m", 2700), ("12 h", 43200), ("30d", 2_592_000), ("2W", 1_209_600), ("0.5d", 43200)],
)
def test_durations(text: str, expected: float) -> None:
    """From seconds to weeks."""
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["30", "d", "-1d", "1y", "1 month", f"{'9' * 20}d", f"{'9' * 400}s"])
def test_what_is_no_duration(text: str) -> None:
    """Without a unit nobody knows what is meant."""
    with pytest.raises(ValueError, match=re.escape(text)):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0 s"),
        (4.21, "4.2 s"),
        (60, "1 min 0 s"),
        (200.4, "3 min 20 s"),
        (3900, "1 h 5 min"),
        (360_000, "100 h 0 min"),
    ],
)
def test_durations_as_they_are_read(seconds: float, expected: str) -> None:
    """No more digits than anybody wants."""
    assert format_duration(seconds) == expected


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 9999, 10_001, 123_456, 999_000, 1_000_001, 2.5e8, 1e9])
def test_sizes_read_as_pips_do(size: float) -> None:
    """Both stand in one list."""
    assert format_size(size) == misc.format_size(size)


def test_sizes_that_pip_has_no_word_for() -> None:
    """Caches are larger than wheels."""
    assert [format_size(size) for size in [1.25e9, 3e12]] == ["1.2 GB", "3000.0 GB"]
