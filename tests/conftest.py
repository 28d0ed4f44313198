"""What all tests share: no network, none of the user's settings, and hypothesis without a clock."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from pipcache_plugin.store.store import Store

hypothesis.settings.register_profile("calm", deadline=None, max_examples=100)
hypothesis.settings.load_profile("calm")

_OURS = ("CALLS_FILE", "PIPCACHE_DIR", "PIPCACHE_DISABLE")


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to other machines in this process."""
    if request.node.get_closest_marker("network"):
        return
    connect: Callable[..., None] = socket.socket.connect

    def connect_locally(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in {"127.0.0.1", "::1", "localhost"}:
            message = f"a test without the `network` marker connects to {host}"
            raise AssertionError(message)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_locally)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take our variables out of the environment."""
    for name in [*_OURS, *(name for name in os.environ if name.startswith("_PIPCACHE"))]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store that nothing was stored in yet."""
    return Store(tmp_path / "store")
