"""The state of a run: what the user is told, and when we are out."""

from __future__ import annotations

import logging
from optparse import Values
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.pip_bridge import run
from pipcache_plugin.pip_bridge.present import PipPresent

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store


@pytest.fixture(autouse=True)
def _no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_current", None)
    monkeypatch.delenv("PIP_QUIET", raising=False)
    monkeypatch.setattr("sys.argv", ["pip", "install"])


def begin(store: Store, monkeypatch: pytest.MonkeyPatch, quiet: int = 0) -> run.Run:
    """Begin a run."""
    options = Values({"quiet": quiet})
    begun = run.Run(store, options, PipPresent(options, None, None))
    monkeypatch.setattr(run, "_current", begun)
    return begun


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what users see."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_only_the_first_warning_is_seen(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest are for the debug log: one broken disk, one line."""
    caplog.set_level(logging.DEBUG)
    begun = begin(store, monkeypatch)
    for number in range(3):
        begun.warn_once(f"message {number}")
    assert warnings_in(caplog) == ["message 0"]
    assert "message 2" in caplog.text


def test_quiet_sees_none(store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """As asked."""
    begin(store, monkeypatch, quiet=1).warn_once("message")
    assert warnings_in(caplog) == []


def test_giving_up_ends_the_run(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The user learns that and why; our parts see no run any more."""
    begin(store, monkeypatch)
    run.give_up(KeyError("a bug"))
    assert run.current() is None
    assert warnings_in(caplog) == ["Continuing without pipcache, which failed: KeyError: 'a bug'"]


def test_giving_up_before_a_run_is_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """There is no log of pip's yet."""
    run.give_up(KeyError("a bug"))
    assert "KeyError: 'a bug'" in capsys.readouterr().err


def test_each_wheel_has_a_folder(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two wheels of one name do not replace each other; all are below one folder, made when it is needed."""
    made: list[str] = []

    def make_folder(kind: str) -> Path:
        made.append(kind)
        return tmp_path

    monkeypatch.setattr(run, "make_folder", make_folder)
    begun = begin(store, monkeypatch)
    assert made == []
    folders = {begun.place_folder(digest) for digest in ("a" * 64, "b" * 64, "a" * 64)}
    assert len(folders) == 2
    assert len(made) == 1
    assert all(folder.is_dir() and folder.parent == tmp_path for folder in folders)
