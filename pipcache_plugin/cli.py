"""The command line: decides who acts, and says what our own commands found.

``explain`` is ours. All other words are pip's; what is ours in them (``cache`` covering both caches, ``--rebuild``,
``--version``) is said through pip's own commands, by the bridge.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NO = {"", "0", "no", "n", "off", "f", "false"}


def main() -> int:
    """Run the command in ``sys.argv`` and return its exit status.

    ``PIPCACHE_DISABLE`` set to anything but a "no" gives plain pip.
    """
    from pipcache_plugin.pip_bridge import start

    if sys.argv[1:2] == ["explain"]:
        return explain(sys.argv[2:])
    if os.environ.get("PIPCACHE_DISABLE", "").lower() not in _NO:
        return start.run_plain_pip()
    return start.run_pip(sys.argv[1:])


def explain(args: Sequence[str]) -> int:
    """Say why wheels were found or built; exit status 1 when nothing is known."""
    import argparse
    import json

    from packaging.utils import canonicalize_name

    from pipcache_plugin.management.explain import iter_decisions
    from pipcache_plugin.store.location import choose_root
    from pipcache_plugin.store.store import Store

    parser = argparse.ArgumentParser(
        prog="pipcache explain",
        description="Say why each wheel of the last command was found or built; or of PROJECTs, the last time each.",
    )
    parser.add_argument("projects", nargs="*", metavar="PROJECT")
    parser.add_argument("--last", type=int, default=1, metavar="N", help="so many commands, or times (default: 1)")
    parser.add_argument("--format", choices=["human", "json"], default="human", help="default: human")
    parser.add_argument(
        "--cache-dir", default=os.environ.get("PIP_CACHE_DIR"), metavar="DIR", help="the one that was given to pip"
    )
    options = parser.parse_args(args)
    store = Store(choose_root(os.environ, options.cache_dir))
    projects = {canonicalize_name(name) for name in options.projects}
    decisions = list(iter_decisions(store.log, projects, options.last))
    if options.format == "json":
        print(json.dumps([decision.content for decision in decisions], indent=2, sort_keys=True))
    else:
        for decision in reversed(decisions):
            print(decision)
        if not decisions:
            print(f"Nothing was found or built yet, as far as the cache at `{store.root}` knows", file=sys.stderr)
    return 0 if decisions else 1
