"""A wheel cache for pip: every sdist is built once, and the cached wheel is never the wrong one."""

from __future__ import annotations

__version__ = "0.1.0"
"""Kept here, not read from metadata: nested runs import this code where it is not installed."""
