"""Reading a JSON object field by field, strictly: what is missing, odd or unknown makes it no record of ours."""

from __future__ import annotations

from typing import Any

from pipcache_plugin.errors import PipCacheError


class InvalidRecordError(PipCacheError, ValueError):
    """A record read from a file is not one that this version understands."""

    code = "invalid-record"

    def __init__(self, *, field_name: str) -> None:
        super().__init__(field_name)
        self.field_name = field_name

    def __str__(self) -> str:
        return f"The record's `{self.field_name}` is missing or not of the expected form"


class Fields:
    """A JSON object that is read field by field, so that nothing unknown goes unnoticed."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise InvalidRecordError(field_name="record")
        self._left = dict(value)

    def has(self, name: str) -> bool:
        """Tell whether a field that may be null has a value; takes it when it is null."""
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return False
        return True

    # The type of a JSON field is checked here, and known to the caller by the class that it names.
    def take(self, name: str, kind: type | tuple[type, ...]) -> Any:  # noqa: ANN401
        """Return the value of a field that must be there, and of *kind*."""
        if name not in self._left:
            raise InvalidRecordError(field_name=name)
        value = self._left.pop(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise InvalidRecordError(field_name=name)
        return value

    def take_mapping(self, name: str, kind: type | tuple[type, ...]) -> dict[str, Any]:
        """Return an object whose values are of *kind*."""
        value: dict[str, Any] = self.take(name, dict)
        if not all(isinstance(key, str) and isinstance(one, kind) for key, one in value.items()):
            raise InvalidRecordError(field_name=name)
        return value

    def take_texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.take(name, list)
        if not all(isinstance(one, str) for one in value):
            raise InvalidRecordError(field_name=name)
        return tuple(value)

    def take_texts_by_name(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return an object whose values are lists of texts."""
        value = self.take_mapping(name, list)
        if not all(isinstance(one, str) for texts in value.values() for one in texts):
            raise InvalidRecordError(field_name=name)
        return {key: tuple(texts) for key, texts in value.items()}

    def expect_no_more(self) -> None:
        """Refuse what nobody took."""
        for name in self._left:
            raise InvalidRecordError(field_name=str(name))
