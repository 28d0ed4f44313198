"""What installations of build requirements chose: as long as it holds."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pipcache_plugin.store.resolutions import Resolutions
from tests.unit.faults import names_below

KEY = "ab" * 32

WHEELS = ["12" * 32, "34" * 32]


@pytest.fixture
def resolutions(tmp_path: Path) -> Resolutions:
    """Return those of an empty store."""
    return Resolutions(tmp_path / "store")


def later() -> float:
    """Return a time that is not soon."""
    return time.time() + 600


def put_document(resolutions: Resolutions, content: object) -> None:
    """Write a document under the key, whatever is in it."""
    folder = resolutions.folder / KEY[:2] / KEY
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{'0' * 16}.json").write_text(json.dumps(content))


def test_nothing_is_known_of_an_empty_store(resolutions: Resolutions) -> None:
    """Looking makes nothing."""
    assert resolutions.find(KEY) is None
    assert not resolutions.folder.exists()


@pytest.mark.parametrize("wheels", [WHEELS, WHEELS[::-1], WHEELS[:1], []])
def test_what_was_put_is_found(resolutions: Resolutions, tmp_path: Path, wheels: list[str]) -> None:
    """In its order, by another process as well, under its key only; nothing to install is an answer too."""
    resolutions.put(KEY, wheels, later())
    assert Resolutions(tmp_path / "store").find(KEY) == wheels
    assert resolutions.find("cd" * 32) is None


def test_document_is_the_documented_one(resolutions: Resolutions) -> None:
    """Other versions read it."""
    until = later()
    resolutions.put(KEY, WHEELS, until)
    [path] = resolutions.folder.rglob("*.json")
    assert path.parent == resolutions.folder / "ab" / KEY
    assert json.loads(path.read_text()) == {"format": 1, "fresh_until": until, "wheels": WHEELS}


def test_expired_is_not_found(resolutions: Resolutions, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the very second, the index would be asked again."""
    resolutions.put(KEY, WHEELS, 1000.0)
    assert resolutions.find(KEY) is None
    monkeypatch.setattr(time, "time", lambda: 999.9)
    assert resolutions.find(KEY) == WHEELS
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    assert resolutions.find(KEY) is None


def test_later_one_takes_the_place_of_the_earlier(resolutions: Resolutions) -> None:
    """There is one document for a key, also when the earlier one has expired."""
    resolutions.put(KEY, WHEELS, 0.0)
    resolutions.put(KEY, WHEELS, later())
    resolutions.put(KEY, WHEELS[:1], later())
    assert resolutions.find(KEY) == WHEELS[:1]
    assert len(names_below(resolutions.folder)) == 1


def test_same_one_twice_stays(resolutions: Resolutions) -> None:
    """It is not removed as the earlier one."""
    until = later()
    for _ in range(2):
        resolutions.put(KEY, WHEELS, until)
    assert resolutions.find(KEY) == WHEELS


@pytest.mark.parametrize(
    "content",
    [
        {"format": 2, "fresh_until": 1e12, "wheels": WHEELS},
        {"format": "1", "fresh_until": 1e12, "wheels": WHEELS},
        {"fresh_until": 1e12, "wheels": WHEELS},
        {"format": 1, "wheels": WHEELS},
        {"format": 1, "fresh_until": "1000000000000", "wheels": WHEELS},
        {"format": 1, "fresh_until": None, "wheels": WHEELS},
        {"format": 1, "fresh_until": 1e12, "wheels": "12" * 32},
        {"format": 1, "fresh_until": 1e12, "wheels": [*WHEELS, None]},
        {"format": 1, "fresh_until": 1e12, "wheels": [*WHEELS, "../" * 20]},
        {"format": 1, "fresh_until": 1e12, "wheels": [f"{WHEELS[0]}\n"]},
        {"format": 1, "fresh_until": 1e12, "wheels": [WHEELS[0].replace("1", "A")]},
        {"format": 1, "fresh_until": 1e12},
        [WHEELS],
        None,
    ],
)
def test_other_documents_are_not_found(resolutions: Resolutions, content: object) -> None:
    """Of another version, or damaged: passed over, and a good one beside them is found."""
    put_document(resolutions, content)
    assert resolutions.find(KEY) is None
    resolutions.put(KEY, WHEELS, later())
    assert resolutions.find(KEY) == WHEELS


def test_folder_that_cannot_be_written(resolutions: Resolutions) -> None:
    """Whoever puts is told."""
    resolutions.folder.parent.mkdir()
    resolutions.folder.touch()
    with pytest.raises(OSError, match="resolutions"):
        resolutions.put(KEY, WHEELS, later())
