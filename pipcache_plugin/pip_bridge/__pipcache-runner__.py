"""Run exactly this pip and this pipcache on another interpreter, without installing anything there.

    python __pipcache-runner__.py PIP-ARGUMENT...

``_PIPCACHE_MODULES`` in the environment is a literal of a mapping: the folder of each top-level module that may be
imported from elsewhere. It is taken out of the environment before anything runs. On an interpreter too old for us,
pip's own runner says what pip has to say; or the pip of that interpreter runs, where it was that one that a shell's
function has called us instead of (``_PIPCACHE_INSTEAD_OF``).

The file is named as it is so that it cannot be imported. Until the version is checked, it is Python 2 as well.
"""

import sys

PYTHON_REQUIRES = (3, 10)

import ast
import os
import runpy

FOLDERS = ast.literal_eval(os.environ.pop("_PIPCACHE_MODULES"))
IS_STAND_IN = os.environ.pop("_PIPCACHE_INSTEAD_OF", None) is not None

if sys.version_info[:2] < PYTHON_REQUIRES and IS_STAND_IN:
    # The folder of this file is no place to import from.
    sys.path.pop(0)
    if not any(os.path.exists(os.path.join(folder, "pip", "__main__.py")) for folder in sys.path):
        text = "ERROR: Python {0}.{1} is too old for pipcache, and `{2}` has no pip (hint: run `{2} -m ensurepip`)\n"
        sys.stderr.write(text.format(sys.version_info[0], sys.version_info[1], sys.executable))
        raise SystemExit(1)
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
    raise SystemExit(0)

if sys.version_info[:2] < PYTHON_REQUIRES:
    runpy.run_path(os.path.join(FOLDERS["pip"], "pip", "__pip-runner__.py"), run_name="__main__")
    raise SystemExit(0)

from importlib.machinery import PathFinder


class RedirectingFinder:
    """Finds the named modules, and nothing else, in the folders that they were told to be in."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):  # type: ignore[no-untyped-def]
        """See ``importlib.abc.MetaPathFinder``."""
        folder = FOLDERS.get(fullname) if path is None else None
        return PathFinder.find_spec(fullname, [folder], target) if folder else None


sys.meta_path.insert(0, RedirectingFinder)

assert __name__ == "__main__", "Cannot run __pipcache-runner__.py as a non-main module"
if sys.path and sys.path[0] == os.path.dirname(os.path.abspath(__file__)):
    # The folder of this file is no place to import from. With PYTHONSAFEPATH it is not there.
    sys.path.pop(0)
runpy.run_module("pipcache_plugin", run_name="__main__", alter_sys=True)
