"""What is taken out of a store, whatever is in it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipcache_plugin.management.pruning import Limits, choose
from pipcache_plugin.management.survey import Kind, Piece

pytestmark = pytest.mark.property

NOW = time.time()

DAY = 86_400.0

DERIVED = {Kind.RESPONSE, Kind.RESOLUTION, Kind.TREE, Kind.METADATA}

names = st.builds(
    "{}-{}-py3-none-any.whl".format,
    st.sampled_from(["alpha", "Zope.Interface", "zope_interface"]),
    st.sampled_from(["1.0", "1.10", "2.0rc1", "no version"]),
)

pieces = st.builds(
    Piece,
    kind=st.sampled_from(sorted(set(Kind) - {Kind.ENTRY}, key=lambda kind: kind.name)),
    path=st.builds(Path, st.just("table"), st.text("0123456789abcdef", min_size=3, max_size=5), names),
    size_bytes=st.integers(0, 10_000),
    last_used=st.floats(NOW - 100 * DAY, NOW + DAY),
    build_seconds=st.floats(0, 7200),
)

stores = st.lists(pieces, max_size=30, unique_by=lambda piece: piece.path)

limits = st.builds(
    Limits,
    max_bytes=st.none() | st.integers(0, 100_000),
    spare_bytes=st.integers(0, 10_000),
    older_than_seconds=st.none() | st.floats(0, 100 * DAY),
    keep_latest=st.none() | st.integers(1, 4),
    is_for_ci=st.booleans(),
)


def rest_of(store: Sequence[Piece], gone: Sequence[Piece]) -> list[Piece]:
    """Return what stays."""
    return [piece for piece in store if piece not in gone]


@given(store=stores, given_limits=limits)
def test_once_is_enough(store: list[Piece], given_limits: Limits) -> None:
    """Nothing goes twice, and what is left keeps within all limits."""
    gone = choose(store, given_limits, NOW)
    assert len({piece.path for piece in gone}) == len(gone)
    assert choose(rest_of(store, gone), given_limits, NOW) == []


@given(store=stores, max_bytes=st.integers(0, 100_000))
def test_no_more_than_has_to(store: list[Piece], max_bytes: int) -> None:
    """Without the last one there would be too much; and what is left is not."""
    due = choose(store, Limits(), NOW)
    gone = choose(store, Limits(max_bytes=max_bytes), NOW)
    rest = rest_of(store, gone)
    assert sum(piece.size_bytes for piece in rest) <= max_bytes
    assert gone[: len(due)] == due
    if len(gone) > len(due):
        assert sum(piece.size_bytes for piece in [*rest, gone[-1]]) > max_bytes


@given(store=stores, max_bytes=st.integers(0, 100_000))
def test_derived_goes_first(store: list[Piece], max_bytes: int) -> None:
    """No wheel goes for want of room while there is something that can be made again."""
    gone = choose(store, Limits(max_bytes=max_bytes), NOW)
    if any(piece.kind is Kind.WHEEL for piece in gone):
        assert not DERIVED & {piece.kind for piece in rest_of(store, gone)}


@given(store=stores, given_limits=limits)
def test_every_limit_has_its_effect(store: list[Piece], given_limits: Limits) -> None:
    """Together, they take out what the age and CI alone do, at least."""
    together = choose(store, given_limits, NOW)
    alone = [Limits(older_than_seconds=given_limits.older_than_seconds), Limits(is_for_ci=given_limits.is_for_ci)]
    for one in alone:
        assert all(piece in together for piece in choose(store, one, NOW))


@given(
    age=st.floats(0.01, 300),
    size=st.integers(1, 20_000_000),
    others=st.lists(st.tuples(st.floats(0.5, 50), st.integers(20_000, 1_000_000), st.floats(0, 1.5)), min_size=1),
)
def test_an_hour_outlives_five_hundred_wheels(age: float, size: int, others: list[tuple[float, int, float]]) -> None:
    """A wheel of 20 MB that took an hour stays, while pure ones that were used in half the time go."""
    hour = Piece(kind=Kind.WHEEL, path=Path("hour"), size_bytes=size, last_used=NOW - age * DAY, build_seconds=3600.0)
    pure = [
        Piece(
            kind=Kind.WHEEL,
            path=Path(f"pure-{number}"),
            size_bytes=other_size,
            last_used=NOW - age * factor * DAY,
            build_seconds=seconds,
        )
        for number, (factor, other_size, seconds) in enumerate(others * (500 // len(others) + 1))
    ]
    assert len(pure) >= 500
    gone = choose([hour, *pure], Limits(max_bytes=size), NOW)
    assert len(gone) == len(pure)
    assert hour not in gone


@given(piece=pieces, factor=st.floats(1.5, 100), field=st.sampled_from(["age", "size_bytes", "build_seconds"]))
def test_what_is_worth_less_goes(piece: Piece, factor: float, field: str) -> None:
    """Of two wheels that differ in one respect."""
    wheel = replace(piece, kind=Kind.WHEEL, size_bytes=1000, last_used=NOW - 10 * DAY, build_seconds=100.0)
    worse = {
        "age": replace(wheel, path=Path("worse"), last_used=NOW - 10 * DAY * factor),
        "size_bytes": replace(wheel, path=Path("worse"), size_bytes=int(1000 * factor)),
        "build_seconds": replace(wheel, path=Path("worse"), build_seconds=100.0 / factor),
    }[field]
    for store in [[wheel, worse], [worse, wheel]]:
        assert choose(store, Limits(max_bytes=1000), NOW) == [worse]
