"""The root of every exception that this package raises."""

from __future__ import annotations

from typing import ClassVar


class PipCacheError(Exception):
    """An error of ours: a sentence made from keyword data, a unique ``code``, and what to do."""

    code: ClassVar[str] = "pipcache-error"
    hint: str | None = None
