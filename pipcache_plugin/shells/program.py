"""How the running ``pipcache`` is started again, from any folder and with any environment activated."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = {"pipcache", "pipcache.exe"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command."""

    words: tuple[str, ...]
    """An absolute path, and arguments."""

    needs: tuple[str, ...]
    """Files; when one of them is gone, there is no such command any more."""


def find_program(started: str, interpreter: str = sys.executable) -> Program:
    """Return what runs us: the script that was started, or the one beside the interpreter, or the module.

    Links are kept: they stay when what they lead to is installed anew.

    :param started: the first word of the command line.
    """
    package = str(Path(__file__).parent.parent / "__main__.py")
    for script in _iter_scripts(started, interpreter):
        return Program(words=(script,), needs=(script, interpreter, package))
    return Program(words=(interpreter, "-m", "pipcache_plugin"), needs=(interpreter, package))


def _iter_scripts(started: str, interpreter: str) -> Iterator[str]:
    for path in [started, str(Path(interpreter).with_name("pipcache"))]:
        for candidate in [Path(path), Path(f"{path}.exe")]:
            if candidate.name.lower() in _NAMES and candidate.is_file():
                # Not resolved, and ``..`` not followed: a folder may be a link.
                yield os.path.abspath(candidate)  # noqa: PTH100
