"""What makes a build key another one."""

from __future__ import annotations

import dataclasses
import re

import pytest

from pipcache_plugin.keys import build_key
from pipcache_plugin.keys.build_key import BuildInputs, freeze_config_settings
from pipcache_plugin.keys.interpreter import Interpreter
from pipcache_plugin.keys.source import GitSource, SdistSource, parse_commit, parse_sha256
from tests.unit.keys.samples import COMMIT, INPUTS, SDIST

OTHER_INPUTS: dict[str, object] = {
    "source": COMMIT,
    "subdirectory": "python",
    "config_settings": (("debug", "1"),),
    "is_isolated": False,
}
"""Another value for each field but ``interpreter``, whose fields are below."""

OTHER_INTERPRETER: dict[str, object] = {
    "implementation": "pypy",
    "version": "3.13",
    "abi": ".abi3.so",
    "is_debug": True,
    "is_free_threaded": True,
    "platform": "linux-aarch64",
    "libc": "glibc-2.17",
}


def names_of(kind: type[BuildInputs | Interpreter]) -> list[str]:
    """Return the names of the fields of a dataclass."""
    return [field.name for field in dataclasses.fields(kind)]


class TestKey:
    """``BuildInputs.key``."""

    def test_key_is_a_sha256(self) -> None:
        """It is 64 lowercase hex digits, fit for a file name."""
        assert re.fullmatch(r"[0-9a-f]{64}", INPUTS.key())

    @pytest.mark.parametrize("name", [name for name in names_of(BuildInputs) if name != "interpreter"])
    def test_every_input_changes_the_key(self, name: str) -> None:
        """No field of the inputs may be forgotten."""
        other = dataclasses.replace(INPUTS, **{name: OTHER_INPUTS[name]})  # type: ignore[arg-type]
        assert other.key() != INPUTS.key()

    @pytest.mark.parametrize("name", names_of(Interpreter))
    def test_every_trait_of_the_interpreter_changes_the_key(self, name: str) -> None:
        """No field of the interpreter may be forgotten."""
        interpreter = dataclasses.replace(INPUTS.interpreter, **{name: OTHER_INTERPRETER[name]})  # type: ignore[arg-type]
        assert dataclasses.replace(INPUTS, interpreter=interpreter).key() != INPUTS.key()

    def test_digest_of_an_archive_is_no_commit(self) -> None:
        """The same 64 digits name an sdist or a commit, never both."""
        digits = "ab" * 32
        commit = parse_commit(digits)
        assert commit is not None
        archive = dataclasses.replace(INPUTS, source=SdistSource(sha256=parse_sha256(digits)))
        assert archive.key() != dataclasses.replace(INPUTS, source=GitSource(commit=commit)).key()

    def test_another_format_is_another_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A new format number makes all older entries misses."""
        before = INPUTS.key()
        monkeypatch.setattr(build_key, "FORMAT", build_key.FORMAT + 1)
        assert INPUTS.key() != before

    def test_equal_inputs_have_equal_keys(self) -> None:
        """The key is of the values, not of the objects."""
        same = dataclasses.replace(INPUTS, source=SdistSource(sha256=SDIST.sha256))
        assert same is not INPUTS
        assert same.key() == INPUTS.key()


class TestConfigSettings:
    """``freeze_config_settings``, and what it does to keys."""

    def test_none_and_an_empty_mapping_are_the_same(self) -> None:
        """No settings are no settings."""
        assert freeze_config_settings(None) == freeze_config_settings({}) == ()

    def test_order_of_names_does_not_count(self) -> None:
        """``-C a=1 -C b=2`` is ``-C b=2 -C a=1``."""
        assert freeze_config_settings({"b": "2", "a": "1"}) == freeze_config_settings({"a": "1", "b": "2"})

    def test_order_of_values_counts(self) -> None:
        """``-C a=1 -C a=2`` is not ``-C a=2 -C a=1``."""
        assert freeze_config_settings({"a": ["1", "2"]}) != freeze_config_settings({"a": ["2", "1"]})

    def test_text_is_not_a_list_of_one(self) -> None:
        """A backend can tell them apart, and so do we, in the key as well."""
        text, one = freeze_config_settings({"a": "1"}), freeze_config_settings({"a": ["1"]})
        assert text != one
        keys = {dataclasses.replace(INPUTS, config_settings=settings).key() for settings in (text, one)}
        assert len(keys) == 2

    def test_frozen_settings_do_not_follow_the_mapping(self) -> None:
        """The value stays when the list that it came from is appended to."""
        values = ["1"]
        frozen = freeze_config_settings({"a": values})
        values.append("2")
        assert frozen == (("a", ("1",)),)
