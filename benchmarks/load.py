"""Many entries, and many processes: what a hit and looking after a store take, and whether everybody succeeds.

A store of a hundred thousand entries is written, which takes some minutes and some gigabytes, and measured beside one
of a hundred. Then processes install overlapping sets of tiny sdists at the same time, in several rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from filling import fill
from pipcache_plugin.management import bound, contents, pruning
from pipcache_plugin.store.store import Store
from tests.factories import make_sdist
from tests.functional.commands import Commands, create_environment
from tests.functional.crowd import Crowd, going_on
from tests.functional.server import Index

FEW = 100

LOOKUPS = 300

COMMANDS = [["list"], ["list", "--format", "json"], ["info"], ["stats"], ["prune", "--dry-run"]]

ROUNDS = ["empty", "kept", "purged", "pruned meanwhile", "purged meanwhile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What something takes, in seconds."""

    name: str
    few: float
    many: float


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", metavar="PART", nargs="*", help="entries or processes; both if none is named")
    parser.add_argument("--entries", type=int, metavar="N", default=100_000, help="beside a store of a hundred")
    parser.add_argument("--processes", type=int, metavar="N", default=32, help="at the same time")
    parser.add_argument(
        "--repeat", type=int, metavar="N", default=3, help="how often everything is done, or all kinds of rounds"
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where everything is written, and removed again")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - {"entries", "processes"}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


class Filled:
    """A store with many entries, its user, and what is done with it."""

    def __init__(self, folder: Path, count: int) -> None:
        """Fill it, and build a wheel that is there then."""
        self._folder = folder
        (folder / "files").mkdir(parents=True)
        self.index = Index(folder=folder / "files")
        make_sdist(self.index.folder)
        self.user = Commands(root=folder / "user", module="pipcache_plugin")
        keys = fill(str(self.user.store), count)
        self.store = Store(self.user.store)
        self._present = random.choices(keys, k=LOOKUPS)
        self._environments = itertools.count()
        self.install()
        self.user.take_calls()

    def find_present(self) -> None:
        """Look up keys that are there."""
        for key in self._present:
            self.store.find_entries(key)

    def find_missing(self) -> None:
        """Look up others."""
        for number in range(LOOKUPS):
            self.store.find_entries(f"{number:064x}")

    def install(self) -> None:
        """Install what is built already."""
        environment = create_environment(self._folder / f"environment-{next(self._environments)}")
        self.user.ok("install", "simple", *self.index.options, into=environment)

    def run(self, words: Sequence[str]) -> None:
        """Run a ``cache`` command; its output goes nowhere."""
        command, environ = self.user.command("cache", *words), self.user.environ()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.user.work, env=environ)

    def look(self) -> None:
        """Do what is done once a day, with nothing to remove."""
        with contextlib.suppress(FileNotFoundError):
            self.store.bound.unlink()
        bound.keep(self.store, 1 << 50)


def measure_entries(few: Filled, many: Filled, repeat: int) -> Iterator[Comparison]:
    """Do everything with one store and the other in turn; without the first time, in which the system reads files."""
    tasks: dict[str, tuple[int, Callable[[Filled], object]]] = {
        "lookup of a key that is there": (LOOKUPS, Filled.find_present),
        "lookup of another": (LOOKUPS, Filled.find_missing),
        "warm install": (1, Filled.install),
        **{f"cache {' '.join(words)}": (1, partial(_run, words)) for words in COMMANDS},
        "the daily look, nothing to remove": (1, Filled.look),
    }
    for name, (count, do) in tasks.items():
        rounds = [[measure(partial(do, filled)) / count for filled in [few, many]] for _ in range(repeat + 1)]
        seconds = [statistics.median(times) for times in zip(*rounds[1:], strict=True)]
        yield Comparison(name=name, few=seconds[0], many=seconds[1])


def _run(words: Sequence[str], filled: Filled) -> None:
    filled.run(words)


def measure(do: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def as_text(comparison: Comparison) -> str:
    """Return a line of a table."""
    seconds = "".join(f"{number:>14.6f} s" for number in [comparison.few, comparison.many])
    return f"{comparison.name:<36}{seconds}{comparison.many / comparison.few:>10.1f}"


def iter_rounds(crowd: Crowd, processes: int, repeat: int) -> Iterator[tuple[str, list[str]]]:
    """Go through rounds: what they are, and what went wrong."""

    def prune() -> None:
        for piece in pruning.choose(pruning.collect(crowd.store), pruning.Limits(max_bytes=0)):
            pruning.remove(crowd.store, piece)
        contents.remove_unheld_locks(crowd.store)

    takes = {"pruned meanwhile": prune, "purged meanwhile": lambda: contents.purge(crowd.store)}
    for kind in ROUNDS * repeat:
        is_empty = not crowd.pipcache.wheels
        if kind == "purged":
            crowd.pipcache.ok("cache", "purge")
            is_empty = True
        with going_on(takes[kind]) if kind in takes else contextlib.nullcontext():
            problems = list(crowd.install(processes))
        builds = crowd.take_builds()
        if kind not in takes:
            expected = crowd.each_once if is_empty else {}
            problems += [f"hooks: {dict(builds)}, not {dict(expected)}"] if +builds != expected else []
        yield f"{kind}: {builds['build_wheel']} builds of {len(crowd.projects)} projects", problems
        if kind in takes:
            # The next one begins with an empty store.
            contents.purge(crowd.store)


def main() -> int:
    """Measure, and print."""
    options = parse_arguments()
    parts = options.parts or ["entries", "processes"]
    status = 0
    with tempfile.TemporaryDirectory(prefix="load-", dir=options.folder) as name:
        folder = Path(name)
        if "entries" in parts:
            few, many = (Filled(folder / str(count), count) for count in [FEW, options.entries])
            print(f"{'':<36}{FEW:>9,} entries{options.entries:>9,} entries{'ratio':>9}", flush=True)
            for comparison in measure_entries(few, many, options.repeat):
                print(as_text(comparison), flush=True)
        if "processes" in parts:
            (folder / "crowd" / "files").mkdir(parents=True)
            index = Index(folder=folder / "crowd" / "files")
            user = Commands(root=folder / "crowd" / "user", module="pipcache_plugin")
            crowd = Crowd(index, user, folder / "crowd", projects=20)
            for title, problems in iter_rounds(crowd, options.processes, options.repeat):
                print(f"{options.processes} processes, {title}, {len(problems)} problems", flush=True)
                print("\n".join(problems), end="\n" if problems else "", file=sys.stderr)
                status = status or int(bool(problems))
            index.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
