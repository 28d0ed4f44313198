"""The files of a source: which a compiler would be for, and which are scripts that a build has run."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NATIVE = {".c", ".cc", ".cpp", ".cxx", ".cu", ".f", ".f90", ".f95", ".m", ".mm", ".pyx", ".pxd", ".rs", ".s", ".S"}
_NO_SCRIPTS = {*_NATIVE, ".h", ".hpp", ".pxi", ".md", ".rst", ".html"}
_SCRIPTS = {
    "make": r"[Mm]akefile.*|GNUmakefile|.*\.mk",
    "gmake": r"[Mm]akefile.*|GNUmakefile|.*\.mk",
    "cmake": r"CMakeLists\.txt|.*\.cmake",
    "cargo": r"build\.rs",
    "rustc": r"build\.rs",
}
"""Which of a source's files a program reads of its own accord, and may take the names of variables from."""

_WORD = re.compile(r"[\w./+-]+")

_NOT_BUILT = {"test", "tests", "testing", "doc", "docs", "example", "examples", "benchmarks", "ci", ".github"}
"""Folders of a source that have no part in building it."""

_LARGEST_SCRIPT_BYTES = 1 << 20
_MOST_SCRIPTS = 200


def has_native_sources(tree: Path) -> bool:
    """Tell whether a source tree has files that a compiler would be for, outside its tests and documentation."""
    return any(path.suffix in _NATIVE for path in _iter_files(tree))


def weigh_native_sources(tree: Path) -> int:
    """Return the bytes that a compiler would be for, about: the more, the longer a build is likely to take."""
    total = 0
    for path in _iter_files(tree):
        if path.suffix in _NATIVE:
            with contextlib.suppress(OSError):
                total += path.stat().st_size * _CYTHON.get(path.suffix, 1)
    return total


_CYTHON = {".pyx": 20, ".pxd": 0}
"""So many times its size is the C that is made of a file."""


def _iter_files(tree: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(tree):
        folders[:] = sorted(name for name in folders if name.lower() not in _NOT_BUILT)
        yield from (Path(folder, name) for name in sorted(files))


def iter_build_scripts(tree: Path, programs: Iterable[str], commands: Iterable[str]) -> Iterator[str]:
    """Go through the texts of the source's files that foreign programs have run, or were told of, and those have."""
    left = {path.relative_to(tree): path for path in _iter_files(tree)}
    texts = [*programs, *commands]
    count = 0
    while texts and count < _MOST_SCRIPTS:
        run = {Path(word).name for text in texts for word in _WORD.findall(text)}
        patterns = [pattern for program, pattern in _SCRIPTS.items() if program in run]
        scripts = re.compile("|".join(patterns) or r"(?!)")
        found = [
            name
            for name in left
            if scripts.fullmatch(name.name) or (name.name in run and name.suffix not in _NO_SCRIPTS)
        ]
        texts = [text for name in found[: _MOST_SCRIPTS - count] if (text := _read_script(left.pop(name))) is not None]
        count += len(texts)
        yield from texts


def _read_script(path: Path) -> str | None:
    """Return the text of a script; ``None`` of what is none, or cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_SCRIPT_BYTES:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return None if b"\0" in data else data.decode("utf-8", "replace")
