"""What is built, identified by content: the bytes of an sdist, or a Git commit. Where it came from does not count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NewType, TypeAlias

from pipcache_plugin.errors import PipCacheError

Sha256 = NewType("Sha256", str)
"""64 lowercase hex digits."""

CommitHash = NewType("CommitHash", str)
"""A full Git commit hash, lowercase: 40 hex digits, or 64 in a SHA-256 repository."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class InvalidDigestError(PipCacheError, ValueError):
    """A text that should be a digest is none."""

    code = "invalid-digest"

    def __init__(self, *, text: str, expected: str) -> None:
        super().__init__(text)
        self.text = text
        self.expected = expected

    def __str__(self) -> str:
        return f"`{self.text}` is not {self.expected}"


def parse_sha256(text: str) -> Sha256:
    """Return *text* in lower case.

    :raises InvalidDigestError: it is not 64 hex digits.
    """
    digest = text.lower()
    if not _SHA256.fullmatch(digest):
        raise InvalidDigestError(text=text, expected="a SHA-256 of 64 hex digits")
    return Sha256(digest)


def parse_commit(text: str) -> CommitHash | None:
    """Return *text* in lower case when it is a full commit hash; ``None`` for a branch, a tag or a short hash."""
    commit = text.lower()
    return CommitHash(commit) if _COMMIT.fullmatch(commit) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SdistSource:
    """An sdist, or any other source archive."""

    sha256: Sha256
    """Of the archive's bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource:
    """A commit of any Git repository that has it."""

    commit: CommitHash


Source: TypeAlias = SdistSource | GitSource
