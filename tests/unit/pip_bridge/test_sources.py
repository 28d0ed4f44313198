"""Which of pip's links have a source that is cached, as far as the link alone tells."""

from __future__ import annotations

from pathlib import Path

import pytest
from pip._internal.models.link import Link

from pipcache_plugin.keys.source import CommitHash, GitSource, SdistSource, Sha256
from pipcache_plugin.pip_bridge.build_evidence import _public_url
from pipcache_plugin.pip_bridge.sources import identify_link, is_isolated, make_inputs
from tests.factories import make_sdist, sha256_hex
from tests.unit.keys.samples import SDIST

DIGEST = "ab" * 32
COMMIT = "ab" * 20


class TestIdentifyLink:
    """``identify_link``."""

    def test_hash_that_an_index_gives_is_the_source(self) -> None:
        """Neither host nor file name count."""
        link = Link(f"https://example.org/any-name.zip#sha256={DIGEST}")
        assert identify_link(link, is_direct=False) == SdistSource(sha256=Sha256(DIGEST))

    def test_hash_that_a_user_gives_is_a_claim(self) -> None:
        """It is pip's to check, after the download."""
        link = Link(f"https://example.org/any-name.zip#sha256={DIGEST}")
        assert identify_link(link, is_direct=True) is None

    @pytest.mark.parametrize(
        "fragment", ["", "#sha512=" + "ab" * 64, "#md5=" + "ab" * 16, "#sha256=abc", "#egg=simple"]
    )
    def test_link_without_our_hash_is_unknown(self, fragment: str) -> None:
        """What is behind it, a download will tell."""
        assert identify_link(Link(f"https://example.org/simple-1.0.tar.gz{fragment}"), is_direct=False) is None

    def test_file_of_an_index_is_read(self, tmp_path: Path) -> None:
        """find-links and local indexes give no hash."""
        sdist = make_sdist(tmp_path)
        source = SdistSource(sha256=Sha256(sha256_hex(sdist)))
        assert identify_link(Link(sdist.as_uri()), is_direct=False) == source

    def test_file_that_the_user_named_is_not_cached(self, tmp_path: Path) -> None:
        """Who names a file works on it."""
        assert identify_link(Link(make_sdist(tmp_path).as_uri()), is_direct=True) is None

    def test_file_that_is_gone_is_unknown(self, tmp_path: Path) -> None:
        """That is for pip to say."""
        assert identify_link(Link((tmp_path / "simple-1.0.tar.gz").as_uri()), is_direct=False) is None

    def test_folder_is_not_cached(self, tmp_path: Path) -> None:
        """It may be edited at any time."""
        assert identify_link(Link(tmp_path.as_uri()), is_direct=True) is None

    def test_wheel_is_no_source(self) -> None:
        """There is nothing to build."""
        link = Link(f"https://example.org/simple-1.0-py3-none-any.whl#sha256={DIGEST}")
        assert identify_link(link, is_direct=False) is None

    @pytest.mark.parametrize("scheme", ["git+https", "git+ssh", "git+file"])
    def test_git_at_a_commit_is_the_commit(self, scheme: str) -> None:
        """Whichever remote has it."""
        link = Link(f"{scheme}://git@example.org/simple.git@{COMMIT}#subdirectory=python")
        assert identify_link(link, is_direct=True) == GitSource(commit=CommitHash(COMMIT))

    @pytest.mark.parametrize("revision", ["", "@main", "@v1.0", "@abcdef0", "@refs/pull/1/head"])
    def test_git_at_anything_else_is_not_cached(self, revision: str) -> None:
        """It may be another commit tomorrow."""
        assert identify_link(Link(f"git+https://example.org/simple.git{revision}"), is_direct=True) is None

    def test_git_commit_in_upper_case_is_not_cached(self) -> None:
        """The front-end takes it for a branch or a tag, and says so in its output."""
        link = Link(f"git+https://example.org/simple.git@{COMMIT.upper()}")
        assert identify_link(link, is_direct=True) is None

    def test_other_version_control_is_not_cached(self) -> None:
        """Forty hex digits are a Mercurial changeset too."""
        assert identify_link(Link(f"hg+https://example.org/simple@{COMMIT}"), is_direct=True) is None


class TestMakeInputs:
    """``make_inputs``."""

    @pytest.mark.parametrize(
        ("fragment", "subdirectory"),
        [("", ""), ("#subdirectory=python", "python"), ("#subdirectory=python/", "python"), ("#subdirectory=.", "")],
    )
    def test_subdirectory_has_one_spelling(self, fragment: str, subdirectory: str) -> None:
        """The same folder is the same key."""
        link = Link(f"https://example.org/simple-1.0.tar.gz{fragment}")
        assert make_inputs(SDIST, link, None, build_isolation=True).subdirectory == subdirectory

    def test_settings_are_frozen(self) -> None:
        """They become part of the key."""
        link = Link("https://example.org/simple-1.0.tar.gz")
        inputs = make_inputs(SDIST, link, {"b": ["1"], "a": "2"}, build_isolation=True)
        assert inputs.config_settings == (("a", "2"), ("b", ("1",)))

    @pytest.mark.parametrize(
        ("value", "expected"), [(True, True), (False, False), ("off", False), ("virtual", True), ("venv", True)]
    )
    def test_isolation_of_all_pips(self, value: object, expected: bool) -> None:
        """A bool up to 26.1, a word from then on."""
        assert is_isolated(value) is expected


@pytest.mark.parametrize(
    "url",
    [
        "https://user:secret@example.org/simple-1.0.tar.gz",
        "https://secret@example.org/simple-1.0.tar.gz",
        "https://us%40er:sec%3Aret@example.org/simple-1.0.tar.gz?token=secret#sha256=secret",
        "https://example.org/simple-1.0.tar.gz?X-Amz-Signature=secret",
    ],
)
def test_no_credentials_are_recorded(url: str) -> None:
    """Records are shared; user, password, token and signature stay out of them."""
    assert _public_url(Link(url)) == "https://example.org/simple-1.0.tar.gz"
