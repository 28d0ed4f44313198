"""What the cache costs when there is nothing for it to do: everything that is asked for is installed already.

usage: overhead.py [ROUNDS]
"""

from __future__ import annotations

import sys

from side_by_side import Contender, measure, report

INSTALLED = ["build", "installer", "packaging", "platformdirs"]
"""Dependencies of ours, so they are there."""


def main() -> None:
    """Print the ratio of our time to stock pip's."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    contenders = [
        Contender(name=name, command=[sys.executable, "-m", module, "install", *INSTALLED])
        for name, module in [("pip", "pip"), ("pipcache", "pipcache_plugin")]
    ]
    seconds = measure(contenders, rounds=rounds, environ={"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    print(report(f"nothing to do, {rounds} rounds", seconds))


if __name__ == "__main__":
    main()
