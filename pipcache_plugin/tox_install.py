"""What tox runs in the place of pip, on the interpreter of the environment that it installs into.

    python -I tox_install.py FOLDER install PIP-ARGUMENT...

FOLDER belongs to one run of tox, and to its user alone. ``variables.json`` in it has what tox does not pass on, by
name; a variable that the environment has stays as it is. To ``stores``, the root of the store that was used is added,
on a line of its own. Once tox has ended, the folder is gone, and the same command is plain pip's.

This is a file that is run, not a module that is imported: where it runs, nothing of ours is installed.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys
from pathlib import Path

VARIABLES = "variables.json"
STORES = "stores"

_HERE = Path(__file__).resolve().parent
_RUNNER = _HERE / "pip_bridge" / "__pipcache-runner__.py"


def main() -> None:
    """Run the command in ``sys.argv``; ends as pip ends, which is by ``SystemExit``."""
    folder = Path(sys.argv.pop(1))
    if not folder.is_dir():
        runpy.run_module("pip", run_name="__main__", alter_sys=True)
    for name, value in json.loads((folder / VARIABLES).read_text(encoding="utf-8")).items():
        os.environ.setdefault(name, value)
    try:
        runpy.run_path(str(_RUNNER), run_name="__main__")
    finally:
        _note_store(folder / STORES)


def _note_store(path: Path) -> None:
    """Take down which store was used, if one was; only the process itself knows all that decides it."""
    # Not imported where there was nothing to install, and not in the time when pip blocks imports.
    run = sys.modules.get("pipcache_plugin.pip_bridge.run")
    current = run.current() if run is not None else None
    if current is None:
        return
    with contextlib.suppress(OSError), path.open("a", encoding="utf-8") as file:
        # Without it, the summary will say less.
        file.write(f"{current.store.root}\n")


if __name__ == "__main__":
    if sys.path and Path(sys.path[0]).resolve() == _HERE:
        # The folder of this file is no place to import from. With ``-I`` it is not there.
        sys.path.pop(0)
    main()
