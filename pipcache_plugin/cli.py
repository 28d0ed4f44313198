"""The command line: decides who acts, and does nothing itself.

All words are pip's for now; what is ours (``cache`` covering both caches, ``--version``) is said through pip's own
commands, by the bridge.
"""

from __future__ import annotations

import os
import sys

_NO = {"", "0", "no", "n", "off", "f", "false"}


def main() -> int:
    """Run the command in ``sys.argv`` and return its exit status.

    ``PIPCACHE_DISABLE`` set to anything but a "no" gives plain pip.
    """
    from pipcache_plugin.pip_bridge import start

    if os.environ.get("PIPCACHE_DISABLE", "").lower() not in _NO:
        return start.run_plain_pip()
    return start.run_pip(sys.argv[1:])
