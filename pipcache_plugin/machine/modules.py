"""Modules that the running Python finds, without importing any."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder


def has_module(name: str) -> bool:
    """Tell whether a build without isolation could import the top-level module *name*.

    It does not run in the folder of whoever starts it: what only that has is not found.
    """
    if name in sys.builtin_module_names:
        return True
    path = [entry for entry in sys.path if entry and entry != os.getcwd()]  # noqa: PTH109 (compared as it is spelled)
    try:
        return PathFinder.find_spec(name, path) is not None
    except (ImportError, ValueError):
        return False
