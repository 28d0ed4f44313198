"""The words of our own commands: what can be completed where pip knows nothing.

``cli`` parses them; a test compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipcache_plugin.shells.render import SHELLS


class Words(NamedTuple):
    """What may follow the name of a command."""

    options: Sequence[str]
    """Those that want a value end in ``=``, as pip writes them."""

    values: dict[str, Sequence[str]]
    """What may follow an option; for the empty text, what may stand alone."""


_STYLES = ("human", "json")

OWN_WORDS = {
    "explain": Words(["--last=", "--format=", "--cache-dir=", "--help", "-h"], {"--format": _STYLES}),
    "doctor": Words(["--format=", "--cache-dir=", "--help", "-h"], {"--format": _STYLES}),
    "shell-init": Words(["--python", "--undo", "--help", "-h"], {"": tuple(SHELLS)}),
}


def complete(command: str, before: Sequence[str], current: str) -> list[str]:
    """Return the words of a command of ours that may stand where *current* is.

    :param before: the words between the command and *current*.
    """
    words = OWN_WORDS[command]
    option, equals, value = current.partition("=")
    # bash takes `--format=` apart.
    last = [word for word in before if word != "="][-1:]
    if equals and option in words.values:
        return [f"{option}={choice}" for choice in words.values[option] if choice.startswith(value)]
    if last and last[0] in words.values:
        return [choice for choice in words.values[last[0]] if choice.startswith(value if not option else current)]
    if current.startswith("-"):
        return [
            word for word in words.options if word.rstrip("=").startswith(current) and word.rstrip("=") not in before
        ]
    alone = words.values.get("", ())
    return [word for word in alone if word.startswith(current) and not set(alone) & set(before)]
