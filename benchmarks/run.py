"""Compare pipcache with pip, uv and `cp`, side by side, on a package index of this machine.

The first run downloads what is installed; `prepare` does only that. Everything is kept in one folder.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from platformdirs import user_cache_path

from cases import Case
from corpus import prepare_files, prepare_uv
from end_state import EndStatesDifferError
from index import running_index
from installers import Setting
from report import Result, as_json, as_text
from scenarios import SCENARIOS
from side_by_side import compare, measure

PREPARE = "prepare"


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    shown = "\n".join(f"  {name:<10}{scenario.description}" for name, scenario in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"scenarios:\n{shown}\n  {PREPARE:<10}download what all of them need, and end",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenarios", metavar="SCENARIO", nargs="*", help="all of them if none is named")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each contender's turn comes")
    folder = user_cache_path("pipcache-benchmarks")
    parser.add_argument("--folder", type=Path, metavar="DIR", default=folder, help="where all files are")
    parser.add_argument("--uv", type=Path, metavar="PATH", help="the program; otherwise it is downloaded")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_argument("--check", action="store_true", help="exit with status 1 if a target is missed")
    options = parser.parse_args(arguments)
    if unknown := set(options.scenarios) - {*SCENARIOS, PREPARE}:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    return options


def measure_all(names: Sequence[str], files: Path, folder: Path, options: argparse.Namespace) -> Iterator[Result]:
    """Measure scenarios one after the other, each in a new folder."""
    with running_index(files) as url:
        for name in names:
            scenario = SCENARIOS[name]
            with tempfile.TemporaryDirectory(prefix="work-", dir=folder) as work:
                for case in scenario.make_cases(Setting(folder=Path(work), url=url, uv=options.uv)):
                    yield measure_case(case, options.rounds or scenario.rounds)


def measure_case(case: Case, rounds: int) -> Result:
    """Let the contenders of a case take turns."""
    usages = measure(case.contenders, rounds=rounds, check=case.check, tell=lambda line: tell(f"{case.title}: {line}"))
    outcomes = [compare(comparison, usages) for comparison in case.comparisons]
    return Result(title=case.title, usages=usages, outcomes=outcomes)


def tell(line: str) -> None:
    """Show how far things are; the results are on standard output alone."""
    print(line, file=sys.stderr, flush=True)


def describe(uv: Path) -> dict[str, str]:
    """Return what numbers depend on."""
    answer = subprocess.run([uv, "--version"], check=True, capture_output=True, text=True).stdout
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": str(os.cpu_count()),
        "pip": version("pip"),
        "pipcache": version("pipcache-plugin"),
        "uv": answer.split()[1],
    }


def main() -> int:
    """Prepare, measure, and print."""
    options = parse_arguments()
    chosen = [name for name in options.scenarios or SCENARIOS if name != PREPARE]
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    options.uv = options.uv.absolute() if options.uv else prepare_uv(folder)
    files = prepare_files(folder, sorted({SCENARIOS[name].files for name in chosen or SCENARIOS}))
    described = describe(options.uv)
    print(", ".join(f"{name} {value}" for name, value in described.items()), flush=True)
    results = []
    for result in measure_all(chosen, files, folder, options):
        print(f"\n{as_text(result)}", flush=True)
        results.append(result)
    if options.json:
        document = {**described, "results": [as_json(result) for result in results]}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return int(options.check and not all(result.is_met for result in results))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # folders are removed then
    try:
        sys.exit(main())
    except EndStatesDifferError as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.output or ''}\n{error}")
