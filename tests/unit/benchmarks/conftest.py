"""Benchmarks are no package: their modules import each other from the folder of the script, and so do tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
