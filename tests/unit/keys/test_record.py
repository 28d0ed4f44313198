"""Records: what is read is what was written, or nothing."""

from __future__ import annotations

import dataclasses
import json

import pytest

from pipcache_plugin.keys import record as record_module
from pipcache_plugin.keys.fields import InvalidRecordError
from pipcache_plugin.keys.record import Record
from tests.unit.keys.samples import RECORD


def read_changed(**changes: object) -> Record:
    """Read the sample's JSON with some fields changed."""
    return Record.from_dict({**RECORD.to_dict(), **changes})


def test_every_field_survives_json() -> None:
    """A record read back is equal."""
    assert Record.from_dict(json.loads(json.dumps(RECORD.to_dict()))) == RECORD


def test_defaults_survive_json() -> None:
    """A record of a commit has no hashes and may have been built unconditionally."""
    record = Record(project="simple", version="1.0")
    assert Record.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_no_field_is_left_out() -> None:
    """JSON has each field of the record, and the format number."""
    assert set(RECORD.to_dict()) == {field.name for field in dataclasses.fields(Record)} | {"format"}


def test_whole_seconds_are_seconds() -> None:
    """Other writers of JSON write 1.0 as 1."""
    seconds = read_changed(build_seconds=1).build_seconds
    assert (seconds, type(seconds)) == (1.0, float)


@pytest.mark.parametrize("name", sorted(RECORD.to_dict()))
def test_missing_field_is_no_record(name: str) -> None:
    """Nothing is made up for what is not there."""
    value = RECORD.to_dict()
    del value[name]
    with pytest.raises(InvalidRecordError) as caught:
        Record.from_dict(value)
    assert caught.value.field_name == name


def test_unknown_field_is_no_record() -> None:
    """Another version may mean a condition by it that we cannot check."""
    with pytest.raises(InvalidRecordError, match="`only_on_tuesdays`"):
        read_changed(only_on_tuesdays=True)


@pytest.mark.parametrize("number", [0, record_module.FORMAT + 1, -1, "1", 1.0, True, None])
def test_other_format_is_no_record(number: object) -> None:
    """A number that is not exactly ours belongs to another version."""
    with pytest.raises(InvalidRecordError, match="`format`"):
        read_changed(format=number)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("project", None),
        ("project", 1),
        ("version", ["1.0"]),
        ("source_hashes", []),
        ("source_hashes", {"sha256": 1}),
        ("source_hashes", {"sha256": None}),
        ("origin", None),
        ("conditions", None),
        ("conditions", []),
        ("build_seconds", "1"),
        ("build_seconds", True),
    ],
)
def test_wrong_type_is_no_record(name: str, value: object) -> None:
    """A field of another type is named in the error."""
    with pytest.raises(InvalidRecordError) as caught:
        read_changed(**{name: value})
    assert caught.value.field_name == name


def test_number_that_no_float_holds_is_no_record() -> None:
    """JSON has integers of any length."""
    with pytest.raises(InvalidRecordError, match="`build_seconds`"):
        read_changed(build_seconds=10**400)


@pytest.mark.parametrize("value", [None, [], "record", 1])
def test_other_json_is_no_record(value: object) -> None:
    """Only an object can be one."""
    with pytest.raises(InvalidRecordError, match="`record`"):
        Record.from_dict(value)


def test_reading_leaves_the_json_as_it_is() -> None:
    """The same value can be read twice."""
    value = RECORD.to_dict()
    assert Record.from_dict(value) == Record.from_dict(value)
