"""What command lines and shell scripts say of what happens in them unseen: programs sought, compile steps let fail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHELL = re.compile(r"(?:\S*/)?(?:ba|da|k|z)?sh\s+((?:-\w+\s+)*)(.*)", re.DOTALL)
_WORD = r"([A-Za-z][\w.+-]*)"
_FIRST_WORD = re.compile(rf"(?:^|[|;&(`\n])[ \t]*(?:\w+=[^\s;|&]*[ \t]+)*{_WORD}(?=[\s;|&)`]|$)")
_AFTER_KEYWORD = re.compile(rf"\b(?:if|then|else|elif|do|while|until|!|exec)[ \t]+{_WORD}(?=[\s;|&)`]|$)")
_ASKED_FOR = re.compile(rf"\b(?:command\s+-[vV]|which|type|hash)\s+(?:-\w+\s+)*{_WORD}")
_OF_THE_SHELL = {
    *("if", "then", "else", "elif", "fi", "for", "in", "while", "until", "do", "done", "case", "esac", "function"),
    *("alias", "bg", "break", "cd", "command", "continue", "eval", "exec", "exit", "export", "fg", "getopts", "hash"),
    *("jobs", "kill", "local", "read", "readonly", "return", "set", "shift", "source", "time", "times", "trap", "type"),
    *("ulimit", "umask", "unalias", "unset", "wait"),
}
_COMPILER = re.compile(
    r"(?<![\w.+-])(?:[\w-]{0,40}(?:cc|clang|cpp|fortran|\+\+)|ld|pkg-config|configure)(?:-[\d.]+)?(?![\w+-])"
    r"|\$[{(]?(?:CC|CXX|CPP|LD|PKG_CONFIG)\b"
)
_LETS_FAIL = re.compile(r"\|\||;|\bif\b|\bwhile\b|&\s|\n|^\s*-", re.MULTILINE)


_LONGEST_LINE = 4000
"""In characters; a longer one is data."""


def _lines(script: str) -> str:
    return "\n".join(line for line in script.split("\n") if len(line) <= _LONGEST_LINE)


def parse_command(command: str) -> str | None:
    """Return the script in the command line of a shell, ``sh -c SCRIPT``; ``None`` for another program's."""
    match = _SHELL.fullmatch(command)
    return match[2] if match and "c" in match[1] else None


def iter_sought(script: str) -> Iterator[str]:
    """Go through the names of the programs that *script* runs, or asks for; a shell's own words are none."""
    for pattern in [_FIRST_WORD, _AFTER_KEYWORD, _ASKED_FOR]:
        for match in pattern.finditer(_lines(script)):
            if match[1] not in _OF_THE_SHELL:
                yield match[1]


def iter_asked_for(script: str) -> Iterator[str]:
    """Go through the names of the programs that *script* asks for by name: ``command -v NAME`` and its like."""
    yield from (match[1] for match in _ASKED_FOR.finditer(_lines(script)))


def lets_compiler_fail(script: str) -> bool:
    """Tell whether *script* may run a compiler and succeed although that failed."""
    lines = _lines(script)
    return _COMPILER.search(lines) is not None and _LETS_FAIL.search(lines) is not None
