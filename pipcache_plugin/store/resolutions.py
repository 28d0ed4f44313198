"""Which wheels an installation of build requirements chose: ``resolutions/<aa>/<key>/<id>.json``.

A document is ``{"format", "fresh_until", "wheels"}``: Unix time in seconds, until which the index need not be asked
again, and the SHA-256 of each wheel, in the order of installation. The key is of the command that chose them.
"""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING

from pipcache_plugin.store.documents import Documents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FORMAT = 1

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Resolutions:
    """The resolutions that a store remembers."""

    def __init__(self, root: Path) -> None:
        """Nothing is made."""
        self.documents = Documents(root, "resolutions")
        self.folder = self.documents.folder

    def find(self, key: str) -> Sequence[str] | None:
        """Return the digests of the wheels under *key*, if the index need not be asked for them again now.

        :raises OSError: the store cannot be read.
        """
        now = time.time()
        for document in self.documents.find(key):
            match document.content:
                case {"format": int(number), "fresh_until": int() | float() as until, "wheels": list(wheels)} if (
                    number == FORMAT and now < until and all(_is_digest(wheel) for wheel in wheels)
                ):
                    return wheels
        return None

    def put(self, key: str, wheels: Sequence[str], fresh_until: float) -> None:
        """Remember *wheels* in the place of what there is under *key*.

        :raises OSError: nothing was remembered.
        """
        earlier = [document.path for document in self.documents.find(key)]
        kept = self.documents.put(key, {"format": FORMAT, "fresh_until": fresh_until, "wheels": list(wheels)})
        for path in earlier:
            if path != kept:
                with contextlib.suppress(OSError):
                    path.unlink()


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None
