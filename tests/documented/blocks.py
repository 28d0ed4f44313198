"""Finds fenced blocks in Markdown, with the comment before each that says what is to be done with it.

They begin at the margin: the site does not know others.

``<!-- LABEL -->`` in the line before a block is one of

* ``use``, ``main job``: run, as without a label; the tests of the README take such blocks by name;
* ``test command``: run by CI;
* ``save as: NAME``: the text is written to that file before the next commands of the page run;
* ``file: PATH``: the text is the file of that path in the checkout;
* ``network: REASON``: run with the package index alone;
* ``stand-ins: REASON``: run with small stand-ins of the projects alone;
* ``tested by: PATH``: run by the tests in that file, which names the page;
* ``not run: REASON``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

_FENCE = re.compile(r"^(?P<fence>```+|~~~+)(?P<language>[\w-]*) *$")
_LABEL = re.compile(r"^ *<!-- (.+) -->$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of a page."""

    page: str
    """Relative to the checkout, POSIX."""

    line: int
    """Of the fence, from 1 on."""

    language: str
    """Empty where none is given."""

    text: str
    """Ends with a newline."""

    label: str
    """What the comment before it says, the part before the colon; empty without a comment."""

    value: str
    """The part after the colon."""


def pages() -> list[Path]:
    """Return README, docs and the pages of examples, sorted."""
    folders = [ROOT / "docs", ROOT / "examples"]
    return [ROOT / "README.md", *sorted(path for folder in folders for path in folder.rglob("*.md"))]


def find_blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    return list(_iter_blocks(page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8").splitlines()))


def _iter_blocks(page: str, lines: list[str]) -> Iterator[Block]:
    number = 0
    while number < len(lines):
        opened = _FENCE.match(lines[number])
        if not opened:
            number += 1
            continue
        start = number
        number += 1
        while number < len(lines) and lines[number] != opened["fence"]:
            number += 1
        said = _LABEL.match(lines[start - 1]) if start else None
        label, _, value = said[1].partition(": ") if said else ("", "", "")
        yield Block(
            page=page,
            line=start + 1,
            language=opened["language"],
            text="".join(f"{line}\n" for line in lines[start + 1 : number]),
            label=label,
            value=value,
        )
        number += 1
