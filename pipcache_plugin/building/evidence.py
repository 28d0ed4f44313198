"""From what a build was seen to ask for to the conditions under which its wheel is right."""

from __future__ import annotations

import os
import re
import secrets
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.building import shell
from pipcache_plugin.keys.conditions import Choices, Conditions, Lacks, Needs
from pipcache_plugin.keys.environment import (
    can_count,
    digest_value,
    find_names,
    find_shell_names,
    is_toolchain,
    select_toolchain,
)
from pipcache_plugin.machine.folders import list_folder
from pipcache_plugin.machine.programs import find_program, split_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pipcache_plugin.building.watching import Observations

_HARMLESS = {"git", "hg", "uname", "ldconfig", "lsb_release", "which", "locale", "true", "false", "chmod", "getconf"}
"""Programs that are not told anything by the toolchain's variables, and whose failure is no failed step of a build."""

_COMPILERS = re.compile(
    r"(?:[\w-]*-)?(?:cc|gcc|g\+\+|c\+\+|clang|clang\+\+|ld|ar|ranlib|strip|gfortran|rustc|nvcc)(?:-[\d.]+)?"
)
"""Programs that run no Git."""

_OF_NO_CONSEQUENCE = re.compile(
    r"(?:clang-(?:format|tidy)|scan-build)(?:-?[\d.]+|-devel)?|s?ccache|distcc|icecc|ctags|gdb|valgrind"
)
"""Programs that build tools look for, and whose coming changes no wheel."""

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

_ASIDE = {"test", "tests", "testing", "doc", "docs", "example", "examples", "benchmarks", "ci", ".github"}
"""Folders of a source that have no part in building it."""

_LARGEST_SCRIPT_BYTES = 1 << 20
_MOST_PATHS = 200
_MOST_SCRIPTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the front-end knows of a build that the watcher does not see."""

    tree: Path
    """The source tree."""

    environ: Mapping[str, str]
    """The environment that the backend was given, without what the front-end put there for itself."""

    root: Path | None
    """The isolated build environment."""

    used: Mapping[str, str]
    """The versions in it."""

    constraints: Mapping[str, str]
    """The build constraints on those."""

    built_against: Mapping[str, str]
    """Not isolated: what the wheel was built for, with versions."""

    lacking_modules: tuple[str, ...]
    """Not isolated: top-level modules that could not be imported."""

    git_tags: str | None
    """A digest of the tags, if the source is a Git checkout."""

    stamp_system: Callable[[Sequence[str]], str]
    """Returns a stamp of what is installed on the system, and in folders that are given."""

    earlier: Conditions | None = None
    """Those of the metadata that the build was given, from another run."""


def judge(seen: Observations, around: Circumstances, libraries: tuple[str, ...], *, is_pure: bool) -> Conditions:
    """Return the conditions of a wheel.

    :param libraries: file names of shared libraries that the wheel needs and the system has.
    :param is_pure: the wheel has nothing compiled in it.
    """
    foreign = sorted(name for name, found in seen.programs.items() if not _is_python(found or name, around.root))
    has_failed = any(Path(name).name not in _HARMLESS and not _is_python(name, around.root) for name in seen.failed)
    scripts = list(_iter_build_scripts(around.tree, foreign, seen.commands)) if _is_foreign(seen, foreign) else []
    inline = [script for command in sorted(seen.commands) if (script := shell.parse_command(command))]
    is_suspect = (
        has_failed
        or any(shell.lets_compiler_fail(script) for script in [*scripts, *inline])
        or (is_pure and has_native_sources(around.tree))
    )
    return Conditions(
        choices=_collect_choices(seen, around, scripts, foreign),
        lacks=_collect_lacks(seen, around, _find_sought(inline, scripts), is_suspect=is_suspect),
        needs=Needs(libraries=libraries),
    )


def _is_foreign(seen: Observations, foreign: list[str]) -> bool:
    """Tell whether something ran that may have read variables unseen."""
    return seen.has_unwatched_python or any(Path(name).name not in _HARMLESS for name in foreign)


def _collect_choices(seen: Observations, around: Circumstances, scripts: list[str], foreign: list[str]) -> Choices:
    earlier = around.earlier.choices if around.earlier else Choices()
    prefixes = tuple(sorted({*filter(can_count, seen.prefixes), *earlier.prefixes}))
    names = {name for name in seen.variables if can_count(name)} | {*earlier.variables, *earlier.shown}
    names |= {name for name in around.environ if prefixes and name.startswith(prefixes) and can_count(name)}
    if is_foreign := _is_foreign(seen, foreign):
        names |= find_names(scripts) | find_shell_names(seen.commands)
    salt = secrets.token_hex(16)
    # Any other program may have run it: a shell, make, cmake.
    may_have_run_git = seen.has_unwatched_python or any(not _COMPILERS.fullmatch(Path(name).name) for name in foreign)
    return Choices(
        salt=salt,
        variables={
            name: digest_value(salt, name, around.environ.get(name)) for name in sorted(names) if not is_toolchain(name)
        },
        shown={name: around.environ.get(name) for name in sorted(names) if is_toolchain(name)},
        prefixes=prefixes,
        toolchain=select_toolchain(around.environ) if is_foreign or earlier.toolchain is not None else None,
        constraints=around.constraints,
        used=around.used,
        built_against={**earlier.built_against, **around.built_against},
        git_tags=around.git_tags if may_have_run_git else None,
    )


def _find_sought(inline: list[str], scripts: list[str]) -> set[str]:
    """Return the names of the programs that shells may have looked for."""
    found = {name for script in inline for name in shell.iter_sought(script)}
    return found | {name for script in scripts for name in shell.iter_asked_for(script)}


def has_native_sources(tree: Path) -> bool:
    """Tell whether a source tree has files that a compiler would be for, outside its tests and documentation."""
    return any(path.suffix in _NATIVE for path in _iter_files(tree))


def _iter_files(tree: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(tree):
        folders[:] = sorted(name for name in folders if name.lower() not in _ASIDE)
        yield from (Path(folder, name) for name in sorted(files))


def _collect_lacks(seen: Observations, around: Circumstances, sought: set[str], *, is_suspect: bool) -> Lacks:
    folders = [folder.rstrip(os.sep) for folder in split_path(around.environ.get("PATH"))]
    sought |= {Path(path).name for path in seen.absent if str(Path(path).parent) in folders}
    sought |= {name for name, found in seen.programs.items() if found is None and os.sep not in name}
    earlier = (around.earlier or Conditions()).lacks
    sought |= set(earlier.programs)
    own = [str(around.tree), tempfile.gettempdir(), around.environ.get("HOME") or os.path.expanduser("~")]  # noqa: PTH111 (there may be no home)
    own += [str(around.root)] if around.root else []
    is_suspect = is_suspect or earlier.system is not None
    own_prefixes = tuple(f"{folder}/" for folder in own if folder != "/")
    paths = [
        path
        for path in sorted(seen.absent)
        if str(Path(path).parent) not in folders and not path.startswith(own_prefixes)
    ]
    paths += earlier.paths
    paths += [name for name, found in seen.programs.items() if found is None and Path(name).is_absolute()]
    still_absent = [path for path in dict.fromkeys(paths) if not os.path.lexists(path)]
    listed = sorted({path for path in seen.listed if not f"{path}/".startswith(own_prefixes)} | {*earlier.listings})
    searched = tuple(path for path in sorted({*seen.searched, *earlier.searched}) if not path.startswith(own_prefixes))
    has_too_many = max(len(still_absent), len(listed)) > _MOST_PATHS
    return Lacks(
        programs=tuple(
            name
            for name in sorted(sought)
            if not _OF_NO_CONSEQUENCE.fullmatch(name) and find_program(name, folders) is None
        ),
        paths=tuple(still_absent[:_MOST_PATHS]),
        listings={path: list_folder(path) for path in listed[:_MOST_PATHS]},
        modules=tuple(sorted({*around.lacking_modules, *earlier.modules})),
        searched=searched,
        system=around.stamp_system(searched) if is_suspect or has_too_many else None,
    )


def _is_python(program: str, root: Path | None) -> bool:
    """Tell whether a program is a Python that was watched: the build's own, or a script for it."""
    is_interpreter = os.path.realpath(program) == os.path.realpath(sys.executable)
    if root is None or not program.startswith(f"{root}{os.sep}"):
        # The interpreter that an isolated environment was made of is another one: it does not find the watcher.
        return is_interpreter and root is None
    if is_interpreter:
        return True
    try:
        with Path(program).open("rb") as file:
            first_line = file.readline(256)
    except OSError:
        return False
    # Compilers and build tools come as distributions too, and are programs all the same.
    return first_line.startswith(b"#!") and b"python" in first_line


def _iter_build_scripts(tree: Path, programs: Iterable[str], commands: Iterable[str]) -> Iterator[str]:
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
    """Return the text of a script; ``None`` of a file that is none."""
    if path.stat().st_size > _LARGEST_SCRIPT_BYTES:
        return None
    data = path.read_bytes()
    return None if b"\0" in data else data.decode("utf-8", "replace")
