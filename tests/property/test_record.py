"""Records, whatever is in them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipcache_plugin.keys.fields import InvalidRecordError
from pipcache_plugin.keys.record import Record
from tests.property import strategies

pytestmark = pytest.mark.property


@given(record=strategies.records)
def test_round_trip(record: Record) -> None:
    """What was written is read, through the JSON of a file."""
    assert Record.from_dict(json.loads(json.dumps(record.to_dict(), sort_keys=True))) == record


@given(record=strategies.records, name=strategies.texts, value=strategies.json_values)
def test_unknown_field_is_refused(record: Record, name: str, value: object) -> None:
    """Whatever it is called and holds."""
    known = record.to_dict()
    if name in known:
        return
    with pytest.raises(InvalidRecordError):
        Record.from_dict({**known, name: value})


@given(data=st.data(), record=strategies.records, value=strategies.json_values)
def test_odd_field_is_refused_or_read_as_it_is(data: st.DataObject, record: Record, value: object) -> None:
    """Any JSON in the place of a field gives our error or a record that says the same."""
    known = record.to_dict()
    known[data.draw(st.sampled_from(sorted(known)))] = value
    try:
        read = Record.from_dict(known)
    except InvalidRecordError:
        return
    assert read.to_dict() == known


@given(value=strategies.json_values)
def test_any_json_is_refused_with_our_error(value: object) -> None:
    """Nothing else is raised for what is no record."""
    with pytest.raises(InvalidRecordError):
        Record.from_dict(value)
