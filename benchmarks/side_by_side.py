"""Contenders in turn, A B C A B C …, and how they compare, pair by pair.

Machines are noisy: the ratio of neighbours holds where absolute times do not.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from usage import Command, Usage, run

Quantity = Literal["wall_seconds", "cpu_seconds", "peak_bytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Somebody who does what is measured."""

    name: str
    prepare: Callable[[], None]
    """Bring about what a run starts from; not measured."""

    commands: Sequence[Command]
    """Started at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A ratio of two contenders, and what it should be."""

    over: str
    """The contender whose number is divided."""

    under: str
    quantity: Quantity = "wall_seconds"
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a comparison came to."""

    comparison: Comparison
    ratios: Sequence[float]
    """By round."""

    @property
    def median(self) -> float:
        """The ratio that counts."""
        return statistics.median(self.ratios)

    @property
    def is_met(self) -> bool | None:
        """Whether the ratio is as it should be; ``None`` where nothing was asked for."""
        low, high = self.comparison.at_least, self.comparison.at_most
        if low is None and high is None:
            return None
        return (low is None or self.median >= low) and (high is None or self.median <= high)


def measure(
    contenders: Sequence[Contender], *, rounds: int, check: Callable[[], None], tell: Callable[[str], None]
) -> dict[str, list[Usage]]:
    """Return what each contender took by round, after one round that is not counted.

    :param check: called once, after the round that is not counted.
    :param tell: told of each run, as these take minutes.
    :raises subprocess.CalledProcessError: a command failed; a benchmark of failures would say nothing.
    """
    usages: dict[str, list[Usage]] = {contender.name: [] for contender in contenders}
    for round_number in range(rounds + 1):
        for contender in contenders:
            contender.prepare()
            os.sync()  # what others wrote is not for this one to wait for
            usage = run(contender.commands)
            tell(f"round {round_number}: {contender.name} {usage.wall_seconds:.2f} s")
            if round_number:
                usages[contender.name].append(usage)
        if not round_number:
            check()
    return usages


def compare(comparison: Comparison, usages: Mapping[str, Sequence[Usage]]) -> Outcome:
    """Divide the numbers of two contenders, round by round."""
    pairs = zip(usages[comparison.over], usages[comparison.under], strict=True)
    ratios = [getattr(over, comparison.quantity) / getattr(under, comparison.quantity) for over, under in pairs]
    return Outcome(comparison=comparison, ratios=ratios)
