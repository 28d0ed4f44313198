"""A digest of the environment variables that may matter to a build."""

from __future__ import annotations

import re

import pytest

from pipcache_plugin.keys.environment import digest_environment

ENVIRON = {"CC": "gcc", "CFLAGS": "-O2", "EMPTY": ""}


def digest(salt: str = "salt", **changes: str) -> str:
    """Return the digest of the sample with some variables changed or added."""
    return digest_environment({**ENVIRON, **changes}, salt)


def test_digest_is_a_sha256() -> None:
    """It is 64 lowercase hex digits."""
    assert re.fullmatch(r"[0-9a-f]{64}", digest())


def test_order_does_not_count() -> None:
    """An environment is a set of variables."""
    assert digest_environment(dict(reversed(ENVIRON.items())), "salt") == digest()


@pytest.mark.parametrize("changes", [{"CC": "clang"}, {"CFLAGS": ""}, {"EMPTY": "x"}, {"NEW": ""}, {"PATHS": "x"}])
def test_any_other_value_is_another_digest(changes: dict[str, str]) -> None:
    """Nobody knows what a backend looks at."""
    assert digest(**changes) != digest()


def test_unset_is_not_empty() -> None:
    """A backend can tell them apart."""
    assert digest_environment({"CC": "gcc", "CFLAGS": "-O2"}, "salt") != digest()


def test_text_does_not_flow_from_one_variable_into_the_next() -> None:
    """Names and values have their borders."""
    assert digest_environment({"A": "1", "B": "2"}, "") != digest_environment({"A": "1B2"}, "")
    assert digest_environment({"AB": ""}, "") != digest_environment({"A": "B"}, "")


def test_salt_hides_equal_environments() -> None:
    """Who reads two stores cannot tell that their users have the same secrets."""
    assert digest("salt") != digest("pepper")


@pytest.mark.parametrize(
    "name",
    ["HOME", "PATH", "PWD", "TMPDIR", "TERM", "COLUMNS", "USER", "LANG", "LC_ALL", "PIP_CACHE_DIR", "PIPCACHE_DIR"],
)
def test_what_never_counts(name: str) -> None:
    """Another terminal, another user, another folder: the same build."""
    assert digest(**{name: "one"}) == digest(**{name: "another"}) == digest()


@pytest.mark.parametrize("name", ["HOMEBREW_CC", "MY_PATH", "PYTHONPATH", "LANGUAGES", "PIPELINE", "home"])
def test_names_that_only_look_like_it_count(name: str) -> None:
    """The whole name is compared."""
    assert digest(**{name: "one"}) != digest(**{name: "another"})


def test_bytes_that_are_no_text_count() -> None:
    """Python reads them as lone surrogates."""
    assert digest(CFLAGS="\udc80") != digest(CFLAGS="\udc81")
