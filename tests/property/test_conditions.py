"""Conditions, whatever is in them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipcache_plugin.keys.conditions import Choices, Conditions
from pipcache_plugin.keys.differences import iter_differences
from pipcache_plugin.keys.environment import digest_value
from pipcache_plugin.keys.fields import InvalidRecordError
from tests.property import strategies
from tests.unit.keys.present import FakePresent

pytestmark = pytest.mark.property


@given(conditions=strategies.conditions)
def test_round_trip(conditions: Conditions) -> None:
    """What was written is read, through the JSON of a file."""
    assert Conditions.from_dict(json.loads(json.dumps(conditions.to_dict(), sort_keys=True))) == conditions


@given(value=strategies.json_values)
def test_any_json_is_refused_with_our_error(value: object) -> None:
    """Nothing else is raised for what are no conditions."""
    with pytest.raises(InvalidRecordError):
        Conditions.from_dict(value)


@given(data=st.data(), conditions=strategies.conditions, value=strategies.json_values)
def test_odd_field_is_refused_or_read_as_it_is(data: st.DataObject, conditions: Conditions, value: object) -> None:
    """Any JSON in the place of a field gives our error or conditions that say the same."""
    known = json.loads(json.dumps(conditions.to_dict()))
    part = known[data.draw(st.sampled_from(["choices", "lacks", "needs"]))]
    part[data.draw(st.sampled_from(sorted(part)))] = value
    try:
        read = Conditions.from_dict(known)
    except InvalidRecordError:
        return
    assert read.to_dict() == known


@given(data=st.data(), conditions=strategies.conditions, name=strategies.texts, value=strategies.json_values)
def test_unknown_field_is_refused(data: st.DataObject, conditions: Conditions, name: str, value: object) -> None:
    """In every part."""
    known = json.loads(json.dumps(conditions.to_dict()))
    part = data.draw(st.sampled_from([known, *known.values()]))
    if name in part:
        return
    part[name] = value
    with pytest.raises(InvalidRecordError):
        Conditions.from_dict(known)


@given(salt=strategies.texts, name=strategies.texts, value=strategies.texts, other=st.none() | strategies.texts)
def test_variable_differs_exactly_when_its_value_does(salt: str, name: str, value: str, other: str | None) -> None:
    """Bytes that are no text included."""
    conditions = Conditions(choices=Choices(salt=salt, variables={name: digest_value(salt, name, value)}))
    present = FakePresent(environ={} if other is None else {name: other})
    assert bool(list(iter_differences(conditions, present))) == (value != other)


@given(salt=strategies.texts, name=strategies.texts, value=st.text(min_size=4))
def test_digest_does_not_contain_the_value(salt: str, name: str, value: str) -> None:
    """Values that happen to be hex digits are too short to tell."""
    digest = digest_value(salt, name, value)
    assert digest is not None
    assert len(digest) == 64
    if not set(value) <= set("0123456789abcdef"):
        assert value not in digest


@given(one=st.tuples(*[strategies.texts] * 3), other=st.tuples(*[strategies.texts] * 3))
def test_digests_are_equal_exactly_when_all_is(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    """Text does not flow from salt into name into value."""
    assert (digest_value(*one) == digest_value(*other)) == (one == other)
