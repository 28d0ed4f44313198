"""The ``pip`` of a shell that is us (see ``shells``): it acts where the one that it hides would have acted.

Imported at each start by such a shell, before we go on as another process: it loads next to nothing.
"""

from __future__ import annotations

import errno
import os
import sys

from pipcache_plugin.pip_bridge import runner
from pipcache_plugin.shells import INSTEAD_OF_VARIABLE
from pipcache_plugin.shells.hidden import Hidden, find_hidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def take(args: Sequence[str]) -> tuple[Hidden | None, list[str]]:
    """Return what the shell hides, ``None`` when there is nothing, and the arguments that are the user's."""
    name = os.environ[INSTEAD_OF_VARIABLE]
    if name != "python":
        return find_hidden(name, os.environ), list(args)
    # What the shell's function puts first: ``--python``, and what ``python`` is there.
    return Hidden(words=(args[1], "-m", "pip"), interpreter=args[1]), list(args[2:])


def act_here() -> None:
    """Act from here on as if called by our own name."""
    os.environ.pop(INSTEAD_OF_VARIABLE, None)


def act_there(hidden: Hidden, args: Sequence[str], *, with_cache: bool) -> list[str]:
    """Go on where *hidden* acts, or return the arguments with which this process acts there.

    :param with_cache: whether it is to be us that acts.
    """
    if hidden.words and not (with_cache and hidden.interpreter):
        _become_hidden([*hidden.words, *args])
    if hidden.interpreter is None or hidden.is_here:
        act_here()
        return list(args)
    # The variable goes along: a Python that is too old for us has a pip of its own.
    runner.become(hidden.interpreter, args, is_named=False)
    return ["--python", hidden.interpreter, *args]


_NOT_FOUND = 127
_NOT_EXECUTABLE = 126


def _become_hidden(command: list[str]) -> None:
    act_here()
    if os.name == "posix":
        try:
            os.execv(command[0], command)  # noqa: S606 (no shell is wanted)
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                # A script that does not say what it is for, as a shell takes it.
                os.execv("/bin/sh", ["/bin/sh", *command])  # noqa: S606 (the same)
            # It is there: what it is to be run by is not, if nothing is found.
            sys.stderr.write(f"ERROR: `{command[0]}` cannot be run: {error.strerror}\n")
            sys.exit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE)
    import subprocess

    # Elsewhere, a process that goes on as another one has ended for whoever waits for it.
    sys.exit(subprocess.call(command))
