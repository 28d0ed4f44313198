"""Which programs have made a wheel, and what they are: by the name that they are found by, a digest of each.

What is in the build environment is told by its versions, what is in the source tree by the source. What programs that
are no compilers have started goes unseen, as do the variables that they read: for those stand the compilers that are
usual, and the ones that variables name.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.machine.identity import identify_program, is_launcher
from pipcache_plugin.machine.programs import find_program, split_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from pipcache_plugin.building.circumstances import Circumstances

_USUAL = ("cc", "c++", "gcc", "g++", "ld")
_USUAL_FOR = {
    **dict.fromkeys([".f", ".for", ".f90", ".f95", ".f03", ".f08"], ("gfortran",)),
    ".rs": ("cargo", "rustc"),
    ".cu": ("nvcc",),
    ".go": ("go",),
}
"""The compilers of a language, by the suffix of its files."""

_NAMING = ("CC", "CXX", "CPP", "LD", "AR", "FC", "F77", "F90", "LDSHARED", "RUSTC", "CUDACXX")
"""Variables that begin with the name of a program, perhaps after a launcher."""

_OF_THE_SHELL = {"echo", "printf", "pwd", "test"}
"""On ``PATH`` as well, but nobody runs them from there."""


def collect_started(
    around: Circumstances,
    programs: Collection[str],
    sought: Iterable[str],
    secrets: Collection[str],
    *,
    may_have_compiled: bool,
) -> Mapping[str, str | None]:
    """Return the digests; ``None`` for a program that cannot be read, or may not be any more what it was.

    :param programs: where the programs were found that are no Python and no harmless ones.
    :param sought: names of programs that shells may have run.
    :param secrets: what no name may tell: such programs have an empty name, and are unknown.
    :param may_have_compiled: one of *programs* may have started a compiler.
    """
    folders = split_path(around.environ.get("PATH"))
    unseen = {*sought} - _OF_THE_SHELL
    if may_have_compiled:
        unseen |= {*_USUAL, *_iter_usual_for(around.tree), *_iter_named(around.environ)}
    places = {*programs, *filter(None, (find_program(name, folders) for name in unseen))}
    names = {name for place in places if (name := _name_of(place, around, folders)) is not None}
    told = {name for name in names if any(secret in name for secret in secrets)}
    found = {name: identify_program(name, around.environ, around.began_ns) for name in sorted(names - told)}
    earlier = around.earlier.choices.started if around.earlier else {}
    for name, digest in {**earlier, **dict.fromkeys([""] if told else [])}.items():
        # Of two programs of one name, nobody can have both.
        found[name] = digest if found.get(name, digest) == digest else None
    return found


def _name_of(program: str, around: Circumstances, folders: Collection[str]) -> str | None:
    """Return what a program is found by, here and elsewhere; ``None`` for the build's own."""
    name = Path(program).name
    if is_launcher(name) or not Path(program).is_absolute() or program.startswith(_prefixes(_own_folders(around))):
        return None
    on_path = find_program(name, folders)
    if on_path is not None and Path(on_path).resolve() == Path(program).resolve():
        return name
    # What lies with temporary files was made by the build, as a check of what the compiler can do.
    return None if program.startswith(_prefixes([tempfile.gettempdir()])) else program


def _own_folders(around: Circumstances) -> Iterator[str]:
    """Go through the folders of the source and of the build environment; without isolation, that is ours."""
    yield str(around.tree)
    if around.root is not None:
        yield str(around.root)
    elif sys.prefix != sys.base_prefix:
        yield sys.prefix


def _prefixes(folders: Iterable[str]) -> tuple[str, ...]:
    spelled = {spelling for folder in folders for spelling in [folder, os.path.realpath(folder)]}
    return tuple(f"{folder}{os.sep}" for folder in spelled)


def _iter_usual_for(tree: Path) -> Iterator[str]:
    suffixes = {Path(name).suffix.lower() for _, _, files in os.walk(tree) for name in files}
    for suffix in suffixes:
        yield from _USUAL_FOR.get(suffix, ())


def _iter_named(environ: Mapping[str, str]) -> Iterator[str]:
    """Go through the programs that variables name."""
    for variable in _NAMING:
        try:
            words = shlex.split(environ.get(variable, ""))
        except ValueError:
            continue
        yield from [word for word in words if not is_launcher(word)][:1]
