"""Run commands in turn, A B A B …, and print medians and the ratio of each to the first, pair by pair.

Machines are noisy: the ratio of neighbours holds where absolute times do not.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A command that takes part."""

    name: str
    command: Sequence[str]


def measure(contenders: Sequence[Contender], *, rounds: int, environ: Mapping[str, str]) -> dict[str, list[float]]:
    """Return the wall seconds of each contender by round, after one round that is not counted.

    :raises subprocess.CalledProcessError: a command failed; a benchmark of failures would say nothing.
    """
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for round_number in range(rounds + 1):
        for contender in contenders:
            start = time.perf_counter()
            subprocess.run(contender.command, check=True, capture_output=True, env={**os.environ, **environ})
            if round_number:
                seconds[contender.name].append(time.perf_counter() - start)
    return seconds


def report(title: str, seconds: Mapping[str, Sequence[float]]) -> str:
    """Return a table: each contender's median, and the median of its ratios to the first one."""
    (_, first), *_ = seconds.items()
    lines = [title]
    for name, times in seconds.items():
        ratio = statistics.median(time / other for time, other in zip(times, first, strict=True))
        lines.append(f"  {name:<24}{statistics.median(times):8.3f} s {ratio:8.3f} x")
    return "\n".join(lines)
