"""The code that a shell is to run; ASCII and line feeds, but for the paths in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipcache_plugin.shells.program import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What differs between shells besides the code itself."""

    file: str
    quote: Callable[[str], str]
    exists: str
    """Is true when a file is there; ``{}`` stands for its quoted path."""

    conjunction: str
    separator: str
    """Between the words of a command."""

    undo: str


def _quote_for_fish(text: str) -> str:
    return "'{}'".format(text.replace("\\", "\\\\").replace("'", "\\'"))


def _quote_for_powershell(text: str) -> str:
    """Return an expression; what is not ASCII by number, as nobody knows the encoding that it is read in."""
    quoted = "'{}'".format(text.replace("'", "''"))
    return quoted if text.isascii() else "({})".format(re.sub(r"[^\x00-\x7f]", _spell_for_powershell, quoted))


def _spell_for_powershell(found: re.Match[str]) -> str:
    units = memoryview(found[0].encode("utf-16-le", "surrogatepass")).cast("H")
    return "'{}+'".format("".join(f"+[char]{unit}" for unit in units))


SHELLS = {
    "bash": Shell(
        file="init.bash",
        quote=shlex.quote,
        exists="-e {}",
        conjunction=" && ",
        separator=" ",
        undo="if declare -F _pipcache_undo >/dev/null; then _pipcache_undo; fi\n",
    ),
    "zsh": Shell(
        file="init.zsh",
        quote=shlex.quote,
        exists="-e {}",
        conjunction=" && ",
        separator=" ",
        undo="if (( ${+functions[_pipcache_undo]} )); then _pipcache_undo; fi\n",
    ),
    "fish": Shell(
        file="init.fish",
        quote=_quote_for_fish,
        exists="test -e {}",
        conjunction="; and ",
        separator=" ",
        undo="if functions --query __pipcache_undo\n    __pipcache_undo\nend\n",
    ),
    "powershell": Shell(
        file="init.ps1",
        quote=_quote_for_powershell,
        exists="(Test-Path -LiteralPath {})",
        conjunction=" -and ",
        separator=", ",
        undo="if (Test-Path Function:\\_pipcache_undo) { _pipcache_undo }\n",
    ),
}


def render_init(name: str, program: Program, *, with_python: bool) -> str:
    """Return what makes ``pip`` mean *program* in a shell; with Python, ``python -m pip`` too."""
    shell = SHELLS[name]
    code = Path(__file__).with_name(shell.file).read_text(encoding="ascii")
    if not with_python:
        code = re.sub(r"^# begin --python\n.*?^# end --python\n", "", code, flags=re.DOTALL | re.MULTILINE)
    code = re.sub(r"^# (?:begin|end) --python\n", "", code, flags=re.MULTILINE)
    places = {
        "pipcache": shell.separator.join(map(shell.quote, program.words)),
        "is_there": shell.conjunction.join(shell.exists.format(shell.quote(path)) for path in program.needs),
    }
    # All at once: a path may look like a place.
    return re.sub(r"@(pipcache|is_there)@", lambda found: places[found[1]], code)


def render_undo(name: str) -> str:
    """Return what takes it back; in a shell where nothing is to be taken back, it does nothing."""
    return SHELLS[name].undo
