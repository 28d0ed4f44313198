"""The record that every stored wheel carries: what it is, what it was built from and how.

``FORMAT`` numbers the JSON form; a record with another number, or with anything missing or odd, is no record of ours,
and its wheel a miss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipcache_plugin.errors import PipCacheError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1


class InvalidRecordError(PipCacheError, ValueError):
    """A record read from a file is not one that this version understands."""

    code = "invalid-record"

    def __init__(self, *, field_name: str) -> None:
        super().__init__(field_name)
        self.field_name = field_name

    def __str__(self) -> str:
        return f"The record's `{self.field_name}` is missing or not of the expected form"


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

    build_requirements: tuple[str, ...] = ()
    """``name==version`` of each distribution in the isolated build environment, sorted; empty without isolation."""

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
            "build_requirements": list(self.build_requirements),
            "build_seconds": self.build_seconds,
        }

    @classmethod
    def from_dict(cls, value: object) -> Record:
        """Read what ``to_dict`` returned.

        :raises InvalidRecordError: it is of another format, has unknown fields, or lacks one.
        """
        fields = _Fields(value)
        if fields.take("format", int) != FORMAT:
            raise InvalidRecordError(field_name="format")
        hashes = fields.take("source_hashes", dict)
        requirements = fields.take("build_requirements", list)
        seconds = fields.take("build_seconds", (int, float))
        record = cls(
            project=fields.take("project", str),
            version=fields.take("version", str),
            source_hashes=hashes,
            origin=fields.take("origin", str),
            build_requirements=tuple(requirements),
            build_seconds=_to_float(seconds),
        )
        fields.expect_no_more()
        for name, texts in [("source_hashes", [*hashes, *hashes.values()]), ("build_requirements", requirements)]:
            if not all(isinstance(text, str) for text in texts):
                raise InvalidRecordError(field_name=name)
        return record


def _to_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        raise InvalidRecordError(field_name="build_seconds") from None


class _Fields:
    """A JSON object that is read field by field, so that nothing unknown goes unnoticed."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise InvalidRecordError(field_name="record")
        self._left = dict(value)

    # The type of a JSON field is checked here, and known to the caller by the class that it names.
    def take(self, name: str, kind: type | tuple[type, ...]) -> Any:  # noqa: ANN401
        value = self._left.pop(name, None)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise InvalidRecordError(field_name=name)
        return value

    def expect_no_more(self) -> None:
        for name in self._left:
            raise InvalidRecordError(field_name=str(name))
