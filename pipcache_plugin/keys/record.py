"""The record that every stored wheel carries: what it is, what it was built from, and when it is right.

``FORMAT`` numbers the JSON form; a record with another number, or with anything missing or odd, is no record of ours,
and its wheel a miss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipcache_plugin.keys.conditions import Conditions
from pipcache_plugin.keys.fields import Fields, InvalidRecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of a wheel that was built here."""

    project: str
    """Normalized project name."""

    version: str
    """As in the wheel's METADATA."""

    source_hashes: Mapping[str, str] = field(default_factory=dict)
    """``sha256``, ``sha384`` and ``sha512`` of the source archive, hex; empty for a commit."""

    origin: str = ""
    """Where the source came from the first time: a URL without credentials. Says nothing about what is in the wheel."""

    conditions: Conditions = field(default_factory=Conditions)
    """When the wheel is right."""

    build_seconds: float = 0.0
    """Wall time from setting up the build environment to the wheel."""

    def to_dict(self) -> dict[str, object]:
        """Return the record as JSON values, the format number with them."""
        return {
            "format": FORMAT,
            "project": self.project,
            "version": self.version,
            "source_hashes": dict(sorted(self.source_hashes.items())),
            "origin": self.origin,
            "conditions": self.conditions.to_dict(),
            "build_seconds": self.build_seconds,
        }

    @classmethod
    def from_dict(cls, value: object) -> Record:
        """Read what ``to_dict`` returned.

        :raises InvalidRecordError: it is of another format, has unknown fields, or lacks one.
        """
        fields = Fields(value)
        if fields.take("format", int) != FORMAT:
            raise InvalidRecordError(field_name="format")
        record = cls(
            project=fields.take("project", str),
            version=fields.take("version", str),
            source_hashes=fields.take_mapping("source_hashes", str),
            origin=fields.take("origin", str),
            conditions=Conditions.from_dict(fields.take("conditions", dict)),
            build_seconds=_to_float(fields.take("build_seconds", (int, float))),
        )
        fields.expect_no_more()
        return record


def _to_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        raise InvalidRecordError(field_name="build_seconds") from None
