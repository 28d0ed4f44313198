"""Conditions as JSON."""

from __future__ import annotations

import dataclasses
import json

import pytest

from pipcache_plugin.keys.conditions import Conditions
from pipcache_plugin.keys.fields import InvalidRecordError
from tests.unit.keys.samples import CONDITIONS

FIELDS = [(part, name) for part, fields in CONDITIONS.to_dict().items() if isinstance(fields, dict) for name in fields]


class TestJson:
    """``to_dict`` and ``from_dict``."""

    @pytest.mark.parametrize("conditions", [Conditions(), CONDITIONS])
    def test_every_field_survives(self, conditions: Conditions) -> None:
        """Defaults too."""
        assert Conditions.from_dict(json.loads(json.dumps(conditions.to_dict()))) == conditions

    def test_no_field_is_left_out(self) -> None:
        """Each part has each of its fields."""
        for name in ("choices", "lacks", "needs"):
            part = CONDITIONS.to_dict()[name]
            assert isinstance(part, dict)
            assert set(part) == {field.name for field in dataclasses.fields(getattr(CONDITIONS, name))}
        assert set(CONDITIONS.to_dict()) == {field.name for field in dataclasses.fields(Conditions)}

    def test_sample_has_no_default(self) -> None:
        """So that the tests here and in ``golden`` are about every field."""
        for part in (CONDITIONS.choices, CONDITIONS.lacks, CONDITIONS.needs):
            default = type(part)()
            for field in dataclasses.fields(part):
                assert getattr(part, field.name) != getattr(default, field.name)

    @staticmethod
    def changed(part: str, name: str, *value: object) -> dict[str, dict[str, object]]:
        """Return the sample's JSON with another value for a field, or without it."""
        content: dict[str, dict[str, object]] = json.loads(json.dumps(CONDITIONS.to_dict()))
        del content[part][name]
        content[part].update([(name, one) for one in value])
        return content

    @pytest.mark.parametrize(("part", "name"), FIELDS)
    def test_missing_field_is_refused(self, part: str, name: str) -> None:
        """Nothing is made up; null is not missing."""
        with pytest.raises(InvalidRecordError) as caught:
            Conditions.from_dict(self.changed(part, name))
        assert caught.value.field_name == name

    @pytest.mark.parametrize(("part", "name"), FIELDS)
    @pytest.mark.parametrize("value", [1, True, 1.5, [1], [None], {"name": 1}, {"name": []}, {"name": True}])
    def test_odd_field_is_refused(self, part: str, name: str, value: object) -> None:
        """The error names it."""
        if name == "listings" and value == {"name": []}:
            # A folder with nothing in it.
            value = {"name": {}}
        with pytest.raises(InvalidRecordError) as caught:
            Conditions.from_dict(self.changed(part, name, value))
        assert caught.value.field_name == name

    @pytest.mark.parametrize(("part", "name"), FIELDS)
    def test_null_is_refused_but_where_it_means_something(self, part: str, name: str) -> None:
        """Three fields may be null."""
        content = self.changed(part, name, None)
        if name in {"toolchain", "git_tags", "system"}:
            assert Conditions.from_dict(content).to_dict() == content
        else:
            with pytest.raises(InvalidRecordError):
                Conditions.from_dict(content)

    @pytest.mark.parametrize("part", ["choices", "lacks", "needs"])
    def test_unknown_field_is_refused(self, part: str) -> None:
        """It may be a condition that we cannot check."""
        content: dict[str, dict[str, object]] = json.loads(json.dumps(CONDITIONS.to_dict()))
        content[part]["weekday"] = "Tuesday"
        with pytest.raises(InvalidRecordError, match="`weekday`"):
            Conditions.from_dict(content)

    @pytest.mark.parametrize("part", ["choices", "lacks", "needs"])
    @pytest.mark.parametrize("value", [None, [], "text", {}])
    def test_odd_part_is_refused(self, part: str, value: object) -> None:
        """An empty one has fields missing."""
        with pytest.raises(InvalidRecordError):
            Conditions.from_dict({**CONDITIONS.to_dict(), part: value})

    def test_unknown_part_is_refused(self) -> None:
        """Likewise."""
        with pytest.raises(InvalidRecordError, match="`omens`"):
            Conditions.from_dict({**CONDITIONS.to_dict(), "omens": {}})
