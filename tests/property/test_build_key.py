"""Build keys, whatever the inputs are."""

from __future__ import annotations

import copy
import dataclasses
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipcache_plugin.keys.build_key import BuildInputs, freeze_config_settings
from tests.property import strategies

pytestmark = pytest.mark.property


def changed(inputs: BuildInputs, changes: Mapping[str, object]) -> BuildInputs:
    """Return *inputs* with other values for some fields."""
    return dataclasses.replace(inputs, **changes)  # type: ignore[arg-type]


@given(inputs=strategies.build_inputs)
def test_key_is_determined_by_the_values(inputs: BuildInputs) -> None:
    """A deep copy, which shares no object, has the same key."""
    assert copy.deepcopy(inputs).key() == inputs.key()


@given(one=strategies.build_inputs, other=strategies.build_inputs)
def test_keys_are_equal_exactly_when_inputs_are(one: BuildInputs, other: BuildInputs) -> None:
    """No two inputs share a key."""
    assert (one.key() == other.key()) == (one == other)


@given(data=st.data(), inputs=strategies.build_inputs)
def test_one_changed_field_is_another_key(data: st.DataObject, inputs: BuildInputs) -> None:
    """Neighbours are told apart: text does not flow from one field into the next."""
    name = data.draw(st.sampled_from([field.name for field in dataclasses.fields(BuildInputs)]))
    donor = data.draw(strategies.build_inputs)
    other = changed(inputs, {name: getattr(donor, name)})
    assert (other.key() == inputs.key()) == (other == inputs)


@given(inputs=strategies.build_inputs, settings=strategies.settings_mappings, seed=st.integers())
def test_order_of_config_settings_does_not_count(
    inputs: BuildInputs, settings: dict[str, str | list[str]], seed: int
) -> None:
    """Any order of the names gives the same key."""
    shuffled = list(settings.items())
    random.Random(seed).shuffle(shuffled)
    one = changed(inputs, {"config_settings": freeze_config_settings(settings)})
    assert one.key() == changed(inputs, {"config_settings": freeze_config_settings(dict(shuffled))}).key()


@given(one=strategies.settings_mappings, other=strategies.settings_mappings)
def test_freezing_loses_nothing(one: dict[str, str | list[str]], other: dict[str, str | list[str]]) -> None:
    """Different settings are different values, a lone text and a list of one among them."""
    assert (freeze_config_settings(one) == freeze_config_settings(other)) == (one == other)


@given(inputs=strategies.build_inputs, name=strategies.texts, value=strategies.texts)
def test_text_and_list_of_one_differ(inputs: BuildInputs, name: str, value: str) -> None:
    """``-C name=value`` once and a list of one are never the same key."""
    text = changed(inputs, {"config_settings": freeze_config_settings({name: value})})
    assert text.key() != changed(inputs, {"config_settings": freeze_config_settings({name: [value]})}).key()
