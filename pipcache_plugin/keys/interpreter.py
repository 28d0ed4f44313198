"""Which Python a wheel is built by: what a build can take from the interpreter and its platform without asking."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The identity of a Python, as far as it decides what a build gives.

    The patch release and the path are left out on purpose: a wheel built by 3.12.1 is right for 3.12.7.
    """

    implementation: str
    """``sys.implementation.name``: ``cpython``, ``pypy``."""

    version: str
    """``x.y``."""

    abi: str
    """The suffix of extension modules, for example ``.cpython-312-x86_64-linux-gnu.so``."""

    is_debug: bool
    """Built with ``Py_DEBUG``."""

    is_free_threaded: bool
    """Built without the GIL."""

    platform: str
    """``sysconfig.get_platform()``: ``linux-x86_64``, ``macosx-11.0-arm64``, ``win-amd64``."""

    libc: str
    """``glibc-2.36``, ``musl-1.2``; empty where the platform has one C library only."""


@functools.cache
def collect_interpreter() -> Interpreter:
    """Read the identity of the running Python."""
    variable = sysconfig.get_config_var
    return Interpreter(
        implementation=sys.implementation.name,
        version=f"{sys.version_info.major}.{sys.version_info.minor}",
        abi=str(variable("EXT_SUFFIX") or ""),
        is_debug=bool(variable("Py_DEBUG")) or hasattr(sys, "gettotalrefcount"),
        is_free_threaded=bool(variable("Py_GIL_DISABLED")),
        platform=sysconfig.get_platform(),
        libc=_collect_libc() if sys.platform == "linux" else "",
    )


def _collect_libc() -> str:
    try:
        glibc = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, OSError, ValueError):
        glibc = None
    if glibc:
        return glibc.strip().replace(" ", "-")
    return _collect_musl()


def _collect_musl() -> str:
    # musl does not tell its version to a program; packaging asks the dynamic loader and puts the answer in the tags.
    from packaging.tags import platform_tags

    for tag in platform_tags():
        if tag.startswith("musllinux_"):
            major, minor = tag.split("_")[1:3]
            return f"musl-{major}.{minor}"
    return "unknown"
