"""Runs the commands of a page in one shell, and compares what they print with what the page shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.documented.blocks import Block

_MARK = "\N{INFORMATION SEPARATOR TWO}"
"""Printed between commands; nothing else prints it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One or more lines for a shell, and what is shown of the output."""

    text: str
    where: str
    """Page and line, for messages."""

    shown: str | None = None
    """``None``: nothing is said about the output."""


def commands_of(block: Block) -> Iterator[Command]:
    """Go through what a block runs; in a ``console`` block, what begins with ``$``, with its output."""
    where = f"{block.page}:{block.line}"
    if block.label == "save as":
        yield Command(text=f"cat > {block.value} <<'END OF FILE'\n{block.text}END OF FILE\n", where=where)
    elif block.language == "console":
        yield from _iter_console(block.text, where)
    else:
        yield Command(text=block.text, where=where)


def _iter_console(text: str, where: str) -> Iterator[Command]:
    assert text.startswith("$ "), f"{where}: a console block begins with a command"
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        count = 1
        while count < len(lines) and lines[count].startswith("> "):
            count += 1
        command = [lines[0], *(line[2:] for line in lines[1:count])]
        yield Command(text="".join(command), where=where, shown="".join(lines[count:]))


def script_of(commands: Sequence[Command]) -> str:
    """Return a script for ``sh -e`` that runs them one after the other, with a mark before each."""
    return "exec 2>&1\n" + "".join(f"printf '{_MARK}'\n{command.text}" for command in commands)


def split_output(output: str) -> list[str]:
    """Return what each command printed; fewer, when one of them failed."""
    return output.split(_MARK)[1:]


_LOOSE = [
    (r"^Looking in (?:indexes|links): .*$", ""),
    (r"^( *(?:Downloading|Using cached)) \S+/", r"\1 "),  # pip 25.3 names the whole URL
    (r"\x1b\[[0-9;?]*[a-zA-Z]", ""),
    (r"(?:\S+://\S*|(?:~|(?<![\w./…]))/[\w.+~@/…-]*)", "PATH"),
    (r"\b[0-9a-f]{12,64}\b", "DIGEST"),
    (r"\bcp3\d+-cp3\d+-\w+|\b(?:py2\.)?py3-none-\w+", "TAGS"),
    (r"\bjust now\b|\b(?:less than )?(?:an?|\d+) (?:second|minute|hour|day)s? ago\b", "AGO"),
    (r"\b\d+(?:[.,]\d+)* ?(?:ms|s|seconds?|minutes?|min|bytes|[kKMGT]i?B)\b", "AMOUNT"),
    (r"\b\d+(?:\.\d+)+(?:\.?(?:a|b|rc|dev|post)\d+)?\b", "VERSION"),
    (r"\bsize=\d+", "size=AMOUNT"),
    (r"[ \t]+", " "),
    (r"^ | $", ""),
]


def normalize(text: str) -> str:
    """Return *text* without what differs from run to run and from machine to machine."""
    for pattern, replacement in _LOOSE:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return "\n".join(filter(None, text.splitlines()))


def is_as_shown(shown: str, printed: str) -> bool:
    """Tell whether a page shows what was printed; ``…`` stands for anything, in a line of its own for any lines."""
    pattern = "".join("(?:.*\n)*" if line == "…" else f"{_line(line)}\n" for line in normalize(shown).splitlines())
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in normalize(printed).splitlines())) is not None


def _line(shown: str) -> str:
    return ".*".join(map(re.escape, shown.split("…")))
