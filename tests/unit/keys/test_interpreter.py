"""The identity of a Python."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from collections.abc import Iterator

import pytest

from pipcache_plugin.keys.interpreter import Interpreter, collect_interpreter


def collect_anew() -> Interpreter:
    """Read the running Python, whatever was read before."""
    collect_interpreter.cache_clear()
    return collect_interpreter()


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    collect_interpreter.cache_clear()


def no_glibc(_name: str) -> str:
    """Answer as the C library of Alpine does."""
    raise ValueError


def test_running_python_is_identified() -> None:
    """Implementation, x.y, ABI and platform are those of this process."""
    interpreter = collect_anew()
    assert interpreter.implementation == sys.implementation.name
    assert interpreter.version == ".".join(map(str, sys.version_info[:2]))
    assert interpreter.abi == sysconfig.get_config_var("EXT_SUFFIX")
    assert interpreter.platform == sysconfig.get_platform()
    assert interpreter.is_debug == hasattr(sys, "gettotalrefcount")


def test_same_python_is_read_once() -> None:
    """A run asks many times and pays once."""
    assert collect_anew() is collect_interpreter()


def test_patch_release_and_path_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel built by 3.12.1 in one environment is right for 3.12.7 in another."""
    before = collect_anew()
    monkeypatch.setattr(sys, "executable", "/somewhere/else/python")
    monkeypatch.setattr(sys, "prefix", "/somewhere/else")
    monkeypatch.setattr(platform, "python_version", lambda: "3.12.99")
    assert collect_anew() == before


@pytest.mark.parametrize(("variable", "field"), [("Py_DEBUG", "is_debug"), ("Py_GIL_DISABLED", "is_free_threaded")])
def test_debug_and_free_threaded_builds_are_others(monkeypatch: pytest.MonkeyPatch, variable: str, field: str) -> None:
    """Both have an ABI of their own."""
    ask = sysconfig.get_config_var
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: 1 if name == variable else ask(name))
    assert getattr(collect_anew(), field) is True


def test_python_without_extension_suffix_has_no_abi(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that cannot load extension modules is still a Python."""
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _name: None)
    assert collect_anew().abi == ""


@pytest.mark.skipif(sys.platform != "linux", reason="other platforms have one C library")
class TestLibc:
    """Which C library, on Linux."""

    def test_glibc(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Name and version, in one word."""
        monkeypatch.setattr(os, "confstr", lambda _name: "glibc 2.36")
        assert collect_anew().libc == "glibc-2.36"

    def test_musl(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The highest version that this machine runs."""
        tags = ["linux_x86_64", "musllinux_1_2_x86_64", "musllinux_1_1_x86_64"]
        monkeypatch.setattr(os, "confstr", no_glibc)
        monkeypatch.setattr("packaging.tags.platform_tags", lambda: iter(tags))
        assert collect_anew().libc == "musl-1.2"

    def test_neither(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A C library that nobody knows is one of its own."""
        monkeypatch.setattr(os, "confstr", lambda _name: None)
        monkeypatch.setattr("packaging.tags.platform_tags", lambda: iter(["linux_x86_64"]))
        assert collect_anew().libc == "unknown"

    def test_other_platforms_have_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where there is one C library, it is not named."""
        monkeypatch.setattr(sys, "platform", "darwin")
        assert collect_anew().libc == ""
