"""Thirty-two installations at once: all succeed, each project is built once. ``benchmarks/load.py`` has more rounds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.management import pruning
from tests.functional.crowd import Crowd, going_on

if TYPE_CHECKING:
    from tests.functional.commands import Commands
    from tests.functional.server import Index

pytestmark = pytest.mark.thorough

PROCESSES = 32

FEWER = 8
"""For what needs no more than some."""


@pytest.fixture
def crowd(index: Index, pipcache: Commands, tmp_path: Path) -> Crowd:
    """Return processes that have overlapping sets of eight projects to install."""
    return Crowd(index, pipcache, tmp_path, projects=8)


def test_from_an_empty_store_and_while_it_is_pruned(crowd: Crowd) -> None:
    """Nothing is built twice; then everything goes all the time, and nobody is disturbed."""
    assert list(crowd.install(PROCESSES)) == []
    assert crowd.take_builds() == crowd.each_once
    assert len(crowd.pipcache.wheels) == len(crowd.projects)

    def prune() -> None:
        for piece in pruning.choose(pruning.collect(crowd.store), pruning.Limits(max_bytes=0)):
            pruning.remove(crowd.store, piece)

    with going_on(prune) as times:
        assert list(crowd.install(FEWER)) == []
    assert len(times) > 5
    assert crowd.take_builds() != {}
