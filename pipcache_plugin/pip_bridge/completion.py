"""Completion knows our commands, and shells complete ``pipcache``; the protocol is pip's (``PIP_AUTO_COMPLETE``).

What is ours in pip's commands, pip finds out by itself: it asks their parsers.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

from pipcache_plugin.pip_bridge.seams import PipFunction, Seam
from pipcache_plugin.shells.words import OWN_WORDS, complete

if TYPE_CHECKING:
    from collections.abc import Iterable
    from optparse import Values


_PATH_OPTIONS = {"--log", "--cert", "--client-cert", "--cache-dir"}
"""After them, before the command, pip completes paths."""


def _autocomplete(original: PipFunction) -> None:
    """Say our words, and then pip's, of which there are none after a command of ours."""
    words = os.environ.get("COMP_WORDS", "").split()[1:]
    number = os.environ.get("COMP_CWORD", "")
    if "PIP_AUTO_COMPLETE" in os.environ and number.isdecimal() and int(number):
        before, current = words[: int(number) - 1], "".join(words[int(number) - 1 : int(number)])
        command = _find_command(before)
        if command in OWN_WORDS:
            _write(complete(command, before[before.index(command) + 1 :], current))
            # pip's status: nothing was done.
            sys.exit(1)
        if command is None and not _PATH_OPTIONS & set(before[-1:]):
            _write(name for name in OWN_WORDS if name.startswith(current))
    original()


def _write(words: Iterable[str]) -> None:
    """Write to where pip writes its own."""
    sys.stdout.writelines(f"{word}\n" for word in words)


def _find_command(words: list[str]) -> str | None:
    """Return the command among *words*; the first one, as pip sees it."""
    from pip._internal.commands import commands_dict

    return next((word for word in words if word in commands_dict or word in OWN_WORDS), None)


def _print_script(original: PipFunction, self: Any, options: Values, args: list[str]) -> int:
    """Print pip's script; that for zsh is for ``pip`` by whatever name, and does not name the program."""
    from pip._internal.commands import completion
    from pip._internal.utils.misc import get_prog

    name = get_prog()
    if re.fullmatch("[a-z]+", name) and name != "pip":
        scripts = completion.COMPLETION_SCRIPTS
        scripts["zsh"] = re.sub(r"-P ('?)pip\[0-9\.\]#\1", name, scripts["zsh"])
    status: int = original(self, options, args)
    return status


SEAMS = [
    Seam(modules=("pip._internal.cli.autocompletion",), name="autocomplete", parameters=(), part=_autocomplete),
]

COMMAND_SEAMS = [
    Seam(
        modules=("pip._internal.commands.completion",),
        name="CompletionCommand.run",
        parameters=("self", "options", "args"),
        part=_print_script,
    )
]
