"""``python -m pipcache_plugin``: what ``python -m pip`` does, through the cache."""

from __future__ import annotations

import os
import sys

# As pip's own __main__ does, before anything is imported: a module in the current directory must not shadow a real one.
if sys.path[0] in ("", os.getcwd()):  # noqa: PTH109 (no other import may come before)
    sys.path.pop(0)

if __name__ == "__main__":
    from pipcache_plugin.cli import main

    sys.exit(main())
