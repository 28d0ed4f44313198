"""Readers for tests; a test module imports what it uses."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.documented.reader import Reader, Supplies, make_supplies
from tests.functional.server import Index


class MakeReader(Protocol):
    """Makes readers who know nothing of each other."""

    def __call__(self, *, has_network: bool = False) -> Reader:
        """Make one, with the index of this machine or with the package index."""


@pytest.fixture(name="serve", scope="session")
def _serve() -> Iterator[Callable[[Path], str]]:
    """Return a function that starts an index over a folder and returns its URL."""
    started: list[Index] = []

    def serve(folder: Path) -> str:
        started.append(Index(folder=folder, cache_control="max-age=600"))
        return started[-1].url

    yield serve
    for index in started:
        index.stop()


@pytest.fixture(name="supplies", scope="session")
def _supplies(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Path], str]) -> Supplies:
    """Return what all processes of this test run share."""
    base = tmp_path_factory.getbasetemp()
    return make_supplies((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "documented", serve)


@pytest.fixture(name="make_reader")
def _make_reader(supplies: Supplies, serve: Callable[[Path], str]) -> Iterator[MakeReader]:
    """Return a function that makes readers, in a folder with a short path: programs make sockets far below."""
    count = 0

    def make(*, has_network: bool = False) -> Reader:
        nonlocal count
        count += 1
        index_url = None if has_network else serve(supplies.files)
        return Reader(folder=Path(name) / f"reader{count}", supplies=supplies, index_url=index_url)

    with tempfile.TemporaryDirectory(prefix="docs-", ignore_cleanup_errors=True) as name:
        yield make
