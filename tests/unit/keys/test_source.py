"""Sources: what is a digest, what is a commit."""

from __future__ import annotations

import pytest

from pipcache_plugin.keys.source import GitSource, InvalidDigestError, SdistSource, Source, parse_commit, parse_sha256

DIGEST = "0123456789abcdef" * 4


class TestParseSha256:
    """``parse_sha256``."""

    def test_upper_case_is_lowered(self) -> None:
        """One digest has one spelling."""
        assert parse_sha256(DIGEST.upper()) == DIGEST

    @pytest.mark.parametrize(
        "text", ["", DIGEST[:-1], DIGEST + "0", DIGEST[:-1] + "g", DIGEST + "\n", " " + DIGEST[1:], "\u0660" * 64]
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        """The error tells what was given."""
        with pytest.raises(InvalidDigestError) as caught:
            parse_sha256(text)
        assert caught.value.text == text

    def test_error_is_a_value_error(self) -> None:
        """Callers that know nothing of us can catch it."""
        with pytest.raises(ValueError, match="is not a SHA-256"):
            parse_sha256("latest")


class TestParseCommit:
    """``parse_commit``."""

    @pytest.mark.parametrize("digits", [40, 64])
    def test_full_hashes_of_both_kinds(self, digits: int) -> None:
        """SHA-1 and SHA-256 repositories have commits; case does not count."""
        assert parse_commit("A" * digits) == "a" * digits

    @pytest.mark.parametrize("text", ["", "main", "v1.0", "a" * 7, "a" * 39, "a" * 41, "a" * 63, "a" * 65, "g" * 40])
    def test_branches_tags_and_short_hashes_are_no_commits(self, text: str) -> None:
        """What may mean another commit tomorrow is none today."""
        assert parse_commit(text) is None


def test_sources_are_equal_by_content() -> None:
    """Two sources with the same digest are the same source; kinds do not mix."""
    commit = parse_commit("a" * 64)
    assert commit is not None
    assert SdistSource(sha256=parse_sha256(DIGEST)) == SdistSource(sha256=parse_sha256(DIGEST.upper()))
    sources: set[Source] = {SdistSource(sha256=parse_sha256("a" * 64)), GitSource(commit=commit)}
    assert len(sources) == 2
