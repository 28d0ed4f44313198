"""A store that was filled by hand is as the store itself would have it."""

from __future__ import annotations

from pathlib import Path

from filling import fill
from pipcache_plugin.keys.conditions import Conditions
from pipcache_plugin.keys.record import Record
from pipcache_plugin.management import contents, inventory, pruning, survey, verifying
from pipcache_plugin.store.store import Store


def test_everything_is_found_and_understood(tmp_path: Path) -> None:
    """Entries, records, metadata, wheels and trees; no byte is wrong."""
    keys = fill(str(tmp_path / "store"), 20)
    store = Store(tmp_path / "store")
    assert len(set(keys)) == 20
    for key in keys:
        (entry,), (metadata,) = store.find_entries(key), store.find_metadata(key)
        assert Record.from_dict(entry.record).project == entry.wheel.filename.partition("-")[0].replace("_", "-")
        assert Conditions.from_dict(metadata.conditions)
    assert list(verifying.find_problems(store)) == []
    assert contents.size_of_wheels(store)[0] == 20
    assert contents.size_of_trees(store)[0] == 2
    assert all(item["source"] for item in inventory.describe(store, store.wheels))
    kinds = [piece.kind for piece in pruning.weigh(survey.survey(store))]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        survey.Kind.WHEEL: 20,
        survey.Kind.METADATA: 20,
        survey.Kind.TREE: 2,
    }
