"""From what a build was seen to ask for to the conditions under which its wheel is right."""

from __future__ import annotations

import itertools
import os
import re
import secrets
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.keys.conditions import Choices, Conditions, Lacks, Needs
from pipcache_plugin.keys.environment import (
    can_count,
    digest_value,
    find_names,
    find_shell_names,
    is_toolchain,
    select_toolchain,
)
from pipcache_plugin.machine.programs import find_program, split_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipcache_plugin.building.watching import Observations

_HARMLESS = {"git", "hg", "uname", "ldconfig", "lsb_release", "which", "locale", "true", "false", "chmod", "getconf"}
"""Programs that are not told anything by the toolchain's variables, and whose failure is no failed step of a build."""

_NATIVE = {".c", ".cc", ".cpp", ".cxx", ".cu", ".f", ".f90", ".f95", ".m", ".mm", ".pyx", ".pxd", ".rs", ".s", ".S"}
_SCRIPTS = {
    "make": r"[Mm]akefile.*|GNUmakefile|.*\.mk",
    "gmake": r"[Mm]akefile.*|GNUmakefile|.*\.mk",
    "cmake": r"CMakeLists\.txt|.*\.cmake",
    "sh": r"configure|.*\.sh",
    "bash": r"configure|.*\.sh",
    "cargo": r"build\.rs",
    "rustc": r"build\.rs",
}
"""Which of a source's files a program runs, and may take the names of variables from."""

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

    git_tags: str | None
    """A digest of the tags, if the source is a Git checkout."""

    system: str
    """A stamp of what is installed on the system."""

    earlier: Conditions | None = None
    """Those of the metadata that the build was given, from another run."""


def judge(seen: Observations, around: Circumstances, libraries: tuple[str, ...], *, is_pure: bool) -> Conditions:
    """Return the conditions of a wheel.

    :param libraries: file names of shared libraries that the wheel needs and the system has.
    :param is_pure: the wheel has nothing compiled in it.
    """
    foreign = sorted(name for name, found in seen.programs.items() if not _is_python(found or name, around.root))
    is_foreign = seen.has_unwatched_python or any(Path(name).name not in _HARMLESS for name in foreign)
    earlier = around.earlier or Conditions()
    names = {name for name in seen.variables if can_count(name)} | {*earlier.choices.variables, *earlier.choices.shown}
    if is_foreign:
        run = {Path(word).name for text in [*foreign, *seen.commands] for word in _WORD.findall(text)}
        names |= find_names(_iter_build_scripts(around.tree, run)) | find_shell_names(seen.commands)
    salt = secrets.token_hex(16)
    has_failed = any(Path(name).name not in _HARMLESS and not _is_python(name, around.root) for name in seen.failed)
    has_run_git = any(Path(name).name == "git" for name in seen.programs)
    return Conditions(
        choices=Choices(
            salt=salt,
            variables={
                name: digest_value(salt, name, around.environ.get(name))
                for name in sorted(names)
                if not is_toolchain(name)
            },
            shown={name: around.environ.get(name) for name in sorted(names) if is_toolchain(name)},
            toolchain=(
                select_toolchain(around.environ) if is_foreign or earlier.choices.toolchain is not None else None
            ),
            constraints=around.constraints,
            used=around.used,
            built_against={**earlier.choices.built_against, **around.built_against},
            git_tags=around.git_tags if has_run_git or is_foreign else None,
        ),
        lacks=_collect_lacks(seen, around, is_suspect=has_failed or (is_pure and has_native_sources(around.tree))),
        needs=Needs(libraries=libraries),
    )


def has_native_sources(tree: Path) -> bool:
    """Tell whether a source tree has files that a compiler would be for, outside its tests and documentation."""
    return any(path.suffix in _NATIVE for path in _iter_files(tree))


def _iter_files(tree: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(tree):
        folders[:] = sorted(name for name in folders if name.lower() not in _ASIDE)
        yield from (Path(folder, name) for name in sorted(files))


def _collect_lacks(seen: Observations, around: Circumstances, *, is_suspect: bool) -> Lacks:
    folders = [folder.rstrip(os.sep) for folder in split_path(around.environ.get("PATH"))]
    sought = {Path(path).name for path in seen.absent if str(Path(path).parent) in folders}
    sought |= {name for name, found in seen.programs.items() if found is None and os.sep not in name}
    earlier = (around.earlier or Conditions()).lacks
    sought |= set(earlier.programs)
    own = [str(around.tree), tempfile.gettempdir(), around.environ.get("HOME") or os.path.expanduser("~")]  # noqa: PTH111 (there may be no home)
    own += [str(around.root)] if around.root else []
    is_suspect = is_suspect or earlier.system is not None
    paths = [
        path
        for path in sorted(seen.absent)
        if str(Path(path).parent) not in folders
        and not path.startswith(tuple(f"{folder}/" for folder in own if folder != "/"))
    ]
    paths += earlier.paths
    paths += [name for name, found in seen.programs.items() if found is None and Path(name).is_absolute()]
    still_absent = [path for path in dict.fromkeys(paths) if not os.path.lexists(path)]
    return Lacks(
        programs=tuple(name for name in sorted(sought) if find_program(name, folders) is None),
        paths=tuple(still_absent[:_MOST_PATHS]),
        system=around.system if is_suspect or len(still_absent) > _MOST_PATHS else None,
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


def _iter_build_scripts(tree: Path, programs: set[str]) -> Iterator[str]:
    patterns = [pattern for program, pattern in _SCRIPTS.items() if program in programs]
    scripts = re.compile("|".join(patterns) or r"(?!)")
    # What is run itself, or handed to a shell, is a script whatever it is called.
    found = (path for path in _iter_files(tree) if scripts.fullmatch(path.name) or path.name in programs)
    for path in itertools.islice(found, _MOST_SCRIPTS):
        if path.stat().st_size <= _LARGEST_SCRIPT_BYTES:
            yield path.read_text(encoding="utf-8", errors="replace")
