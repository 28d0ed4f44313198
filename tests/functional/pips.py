"""Which pip the tests run with."""

from __future__ import annotations

import pip
import pytest

PIP = tuple(map(int, pip.__version__.split(".")[:2]))

NEWEST_TESTED = (26, 3)

of_newest_pip = pytest.mark.skipif(
    PIP < NEWEST_TESTED, reason="compares words and refusals of the newest pip; an older one has others"
)
"""For tests of details in which releases of pip differ."""
