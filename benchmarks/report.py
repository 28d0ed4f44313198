"""Results as text and as JSON; knows nothing of what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from side_by_side import Comparison, Outcome, Quantity
from usage import Usage

_QUANTITIES: Mapping[Quantity, str] = {"wall_seconds": "time", "cpu_seconds": "processor time", "peak_bytes": "memory"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All that is known of a case that was measured."""

    title: str
    usages: Mapping[str, Sequence[Usage]]
    """By contender, then by round."""

    outcomes: Sequence[Outcome]

    @property
    def is_met(self) -> bool:
        """Whether no target was missed."""
        return all(outcome.is_met is not False for outcome in self.outcomes)


def as_text(result: Result) -> str:
    """Return two tables: the median of what each contender took, and the median of each ratio."""
    rounds = len(next(iter(result.usages.values())))
    lines = [f"{result.title} ({rounds} {'round' if rounds == 1 else 'rounds'})"]
    lines += [f"  {'':<24}{'wall s':>10}{'CPU s':>10}{'peak MB':>10}"]
    lines += [_usage_line(name, usages) for name, usages in result.usages.items()]
    lines += [_outcome_line(outcome) for outcome in result.outcomes]
    return "\n".join(lines)


def as_json(result: Result) -> dict[str, object]:
    """Return every number, and what was made of them."""
    return {
        "title": result.title,
        "usages": {name: [asdict(usage) for usage in usages] for name, usages in result.usages.items()},
        "outcomes": [
            {**asdict(outcome.comparison), "ratios": outcome.ratios, "median": outcome.median, "is_met": outcome.is_met}
            for outcome in result.outcomes
        ],
    }


def _usage_line(name: str, usages: Sequence[Usage]) -> str:
    wall, cpu, peak = (
        statistics.median(numbers)
        for numbers in zip(
            *((usage.wall_seconds, usage.cpu_seconds, usage.peak_bytes) for usage in usages), strict=True
        )
    )
    return f"  {name:<24}{wall:10.3f}{cpu:10.3f}{peak / 1e6:10.1f}"


def _outcome_line(outcome: Outcome) -> str:
    comparison = outcome.comparison
    name = f"{comparison.over}/{comparison.under} {_QUANTITIES[comparison.quantity]}"
    spread = f"({min(outcome.ratios):.2f} to {max(outcome.ratios):.2f})"
    return f"  {name:<24}{outcome.median:9.2f}x  {spread:<20}{_verdict(outcome)}".rstrip()


def _verdict(outcome: Outcome) -> str:
    if outcome.is_met is None:
        return ""
    return f"{_target(outcome.comparison)}: {'met' if outcome.is_met else 'MISSED'}"


def _target(comparison: Comparison) -> str:
    bounds = {"at least": comparison.at_least, "at most": comparison.at_most}
    return ", ".join(f"{words} {bound:g}x" for words, bound in bounds.items() if bound is not None)
