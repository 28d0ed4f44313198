"""The build key: a digest of everything that is compared by equality before a cached wheel may be served.

``BuildInputs`` lists each input, one field each; nothing else enters. The digest is the SHA-256 of the canonical JSON
of ``BuildInputs.to_dict``: keys sorted, no white space, ASCII only. A change to any of it needs another ``FORMAT``,
which makes every older entry a miss and never an error.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType, TypeAlias

from pipcache_plugin.keys.source import GitSource, SdistSource, Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipcache_plugin.keys.interpreter import Interpreter

FORMAT = 1
"""Number of the key's format; part of the digest."""

BuildKey = NewType("BuildKey", str)
"""64 lowercase hex digits."""

ConfigSettings: TypeAlias = tuple[tuple[str, str | tuple[str, ...]], ...]
"""Sorted by name. A lone text and a list of one are different values, to a backend as well."""


def freeze_config_settings(settings: Mapping[str, str | Sequence[str]] | None) -> ConfigSettings:
    """Return *settings* as a value that can be compared; none and an empty mapping are the same.

    The order of names does not count, the order of a name's values does.
    """
    return tuple(
        (name, value if isinstance(value, str) else tuple(value)) for name, value in sorted((settings or {}).items())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInputs:
    """What a build key is made from."""

    source: Source

    subdirectory: str
    """Where in the source the project is: a relative POSIX path, empty for its root."""

    interpreter: Interpreter

    config_settings: ConfigSettings
    """Given to the build backend, for this requirement."""

    is_isolated: bool
    """Built in an environment of its own (the default), or in the target environment (``--no-build-isolation``)."""

    def to_dict(self) -> dict[str, object]:
        """Return the inputs as JSON values, the format number with them."""
        interpreter = self.interpreter
        return {
            "format": FORMAT,
            "source": _source_to_dict(self.source),
            "subdirectory": self.subdirectory,
            "interpreter": {
                "implementation": interpreter.implementation,
                "version": interpreter.version,
                "abi": interpreter.abi,
                "is_debug": interpreter.is_debug,
                "is_free_threaded": interpreter.is_free_threaded,
                "platform": interpreter.platform,
                "libc": interpreter.libc,
            },
            "config_settings": [
                [name, value if isinstance(value, str) else list(value)] for name, value in self.config_settings
            ],
            "is_isolated": self.is_isolated,
        }

    def key(self) -> BuildKey:
        """Return the digest of the inputs."""
        canonical = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return BuildKey(hashlib.sha256(canonical.encode("ascii")).hexdigest())


def _source_to_dict(source: Source) -> dict[str, str]:
    match source:
        case SdistSource(sha256=sha256):
            return {"kind": "sdist", "sha256": sha256}
        case GitSource(commit=commit):
            return {"kind": "git", "commit": commit}
