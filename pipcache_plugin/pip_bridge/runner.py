# ruff: noqa: PTH112, PTH120
"""Run us on another interpreter: for ``--python``, and for the installation of build requirements.

The child runs ``__pipcache-runner__.py``; ``_PIPCACHE_MODULES`` tells it from which folders this process has pip and
what we need. Until then, what is imported is imported twice: hence nothing but what Python has loaded already.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

MODULES_VARIABLE = "_PIPCACHE_MODULES"

_IN_SUBPROCESS_VARIABLE = "_PIP_RUNNING_IN_SUBPROCESS"
"""pip's: it runs on the interpreter that ``--python`` names already."""

_NEEDED = (
    "pip",
    "pipcache_plugin",
    "build",
    "installer",
    "packaging",
    "elftools",
    "platformdirs",
    "pyproject_hooks",
    "tomli",
    "wheel",
)
"""Top-level modules; one that is not here is not needed by this Python, or its lack is noticed where it is."""

_IN_ENVIRONMENT = ("bin/python", "Scripts/python.exe")


def path() -> str:
    """Return the file that the other interpreter is to run."""
    return f"{os.path.dirname(__file__)}/__pipcache-runner__.py"


def modules() -> str:
    """Return, as a Python literal, the folder in which each needed module is: the value of ``_PIPCACHE_MODULES``."""
    from importlib.util import find_spec

    found = {}
    for name in _NEEDED:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            folder = os.path.dirname(spec.origin)
            found[name] = os.path.dirname(folder) if spec.submodule_search_locations else folder
    return ascii(found)


def find_interpreter(args: Sequence[str]) -> str | None:
    """Return the interpreter that ``--python`` names, when it is all that comes before the command.

    pip finds that out after half of its start. Whatever is less plain, and every error, is left to it.
    """
    option, _, value = args[0].partition("=") if args else ("", "", "")
    rest = skip_interpreter(args)
    if option != "--python" or not rest or rest[0].startswith("-") or _IN_SUBPROCESS_VARIABLE in os.environ:
        return None
    given = value or args[1]
    # As text: what is given without a folder stays so.
    candidates = [f"{given}/{name}" for name in _IN_ENVIRONMENT] if os.path.isdir(given) else [given]
    return next((path for path in candidates if os.path.exists(path)), None)


def skip_interpreter(args: Sequence[str]) -> Sequence[str]:
    """Return what comes after ``--python`` and its value, when that comes first; else *args*."""
    if args and args[0].startswith("--python="):
        return args[1:]
    return args[2:] if args and args[0] == "--python" else args


def become(interpreter: str, args: Sequence[str], *, is_named: bool) -> None:
    """Go on as the same command on another interpreter; returns only where a process cannot do so.

    :param is_named: *args* name it, by ``--python``. When nobody has, pip on it must not take itself for a process that
        ``--python`` has started: that would pass over what its configuration, and programs that builds start, name.

    pip waits for a child process. A quarter of a second after an interruption it kills that, and what the child has
    made stays; and who sends a signal to the command reaches the one that waits.
    """
    if os.name != "posix":
        # Elsewhere, a process that goes on as another one has ended for whoever waits for it.
        return
    _flush()
    environ = {**os.environ, MODULES_VARIABLE: modules()}
    if is_named:
        environ[_IN_SUBPROCESS_VARIABLE] = "1"
    try:
        os.execvpe(interpreter, [interpreter, path(), *args], environ)  # noqa: S606 (no shell is wanted)
    except OSError:
        # pip will find that out as well, and say so.
        return


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def seams(args: Sequence[str]) -> list[Seam]:
    """Return the seams for ``--python`` wherever it is given: anywhere in *args*, by a variable or by configuration."""
    from pipcache_plugin.pip_bridge.seams import Seam

    def identify(original: PipFunction, *values: Any) -> Any:
        interpreter = original(*values)
        if interpreter is not None:
            become(interpreter, args, is_named=True)
        return interpreter

    def get_runnable_pip(original: PipFunction) -> str:  # noqa: ARG001 (what our runner falls back to)
        os.environ[MODULES_VARIABLE] = modules()
        return path()

    module = ("pip._internal.cli.main_parser",)
    return [
        Seam(modules=module, name="identify_python_interpreter", parameters=("python",), part=identify),
        Seam(modules=module, name="get_runnable_pip", parameters=(), part=get_runnable_pip, is_local=True),
    ]
