"""From what a build was seen to ask for to the conditions under which its wheel is right."""

from __future__ import annotations

import os
import re
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.building import shell
from pipcache_plugin.building.lacks import collect_lacks, find_secrets
from pipcache_plugin.building.scripts import has_native_sources, iter_build_scripts
from pipcache_plugin.building.started import collect_started
from pipcache_plugin.keys.conditions import Choices, Conditions, Needs
from pipcache_plugin.keys.environment import (
    can_count,
    digest_value,
    find_names,
    find_shell_names,
    is_picked,
    is_toolchain,
    select_toolchain,
)

if TYPE_CHECKING:
    from pipcache_plugin.building.circumstances import Circumstances
    from pipcache_plugin.building.watching import Observations

_OF_PYTHON = ("PYTHONOPTIMIZE", "PYTHONUTF8")
"""Read by every Python, without anybody asking, and felt in what it writes."""

_HARMLESS = {"git", "hg", "uname", "ldconfig", "lsb_release", "which", "locale", "true", "false", "chmod", "getconf"}
"""Programs that are not told anything by the toolchain's variables, and whose failure is no failed step of a build."""

_COMPILERS = re.compile(
    r"(?:[\w-]*-)?(?:cc|gcc|g\+\+|c\+\+|clang|clang\+\+|ld|ar|ranlib|strip|gfortran|rustc|nvcc)(?:-[\d.]+)?"
)
"""Programs that run no Git, nor one another."""


def judge(seen: Observations, around: Circumstances, libraries: tuple[str, ...], *, is_pure: bool | None) -> Conditions:
    """Return the conditions of a wheel, or of metadata alone.

    :param libraries: file names of shared libraries that the wheel needs and the system has.
    :param is_pure: the wheel has nothing compiled in it; ``None``: there is no wheel.

    :raises UnwatchedBuildError: what they are cannot be told.
    """
    # What was not there has neither run nor failed: it is lacking.
    missing = {name for name, found in seen.programs.items() if found is None}
    ran = {name: found or name for name, found in seen.programs.items() if name not in missing}
    foreign = sorted(name for name, found in ran.items() if not _is_python(found, around.root))
    failed = {name for name in seen.failed - missing if not _is_python(name, around.root)}
    scripts = list(iter_build_scripts(around.tree, foreign, seen.commands)) if _is_foreign(seen, foreign) else []
    inline = [script for command in sorted(seen.commands) if (script := shell.parse_command(command))]
    is_suspect = (
        any(Path(name).name not in _HARMLESS for name in failed)
        or any(shell.lets_compiler_fail(script) for script in [*scripts, *inline])
        or (is_pure is True and has_native_sources(around.tree))
    )
    sought = _find_sought(inline, scripts)
    lacks = collect_lacks(seen, around, sought, is_suspect=is_suspect)
    counting = [name for name in foreign if Path(name).name not in _HARMLESS]
    starts_others = seen.has_unwatched_python or any(not _is_compiler(name) for name in counting)
    started = collect_started(
        around,
        {ran[name] for name in counting},
        sought - _HARMLESS,
        find_secrets(seen, around),
        may_have_compiled=starts_others and is_pure is False,
    )
    choices = _collect_choices(seen, around, scripts, foreign)
    return Conditions(choices=replace(choices, started=started), lacks=lacks, needs=Needs(libraries=libraries))


def _may_have_unwatched_python(
    seen: Observations, around: Circumstances, foreign: list[str], scripts: list[str]
) -> bool:
    """Tell whether a Python may have run that nobody watched, and what it asked for is not known."""
    if seen.has_unwatched_python or any(Path(name).name.startswith("python") for name in foreign):
        return True
    # Without isolation it is this variable that has a Python watched.
    is_changed = any("PYTHONPATH" in text or "env -i" in text for text in [*seen.commands, *scripts])
    return is_changed and around.root is None


def _is_foreign(seen: Observations, foreign: list[str]) -> bool:
    """Tell whether something ran that may have read variables unseen."""
    return seen.has_unwatched_python or any(Path(name).name not in _HARMLESS for name in foreign)


def _collect_choices(seen: Observations, around: Circumstances, scripts: list[str], foreign: list[str]) -> Choices:
    earlier = around.earlier.choices if around.earlier else Choices()
    # What a Python asked for that nobody watched is not known: any variable, then.
    is_unknown = _may_have_unwatched_python(seen, around, foreign, scripts)
    prefixes = tuple(sorted({*filter(can_count, seen.prefixes), *earlier.prefixes, *([""] if is_unknown else [])}))
    names = {name for name in seen.variables if can_count(name)} | {*earlier.variables, *earlier.shown, *_OF_PYTHON}
    names |= {name for name in around.environ if is_picked(name, prefixes)}
    if is_foreign := _is_foreign(seen, foreign):
        names |= find_names(scripts) | find_shell_names(seen.commands)
    salt = secrets.token_hex(16)
    # Any other program may have run it: a shell, make, cmake.
    may_have_run_git = is_unknown or any(not _is_compiler(name) for name in foreign)
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
        built_against={
            **earlier.built_against,
            **around.built_against,
            **(around.collect_installed() if is_unknown else {}),
        },
        git_tags=around.git_tags if may_have_run_git or earlier.git_tags is not None else None,
    )


def _is_compiler(program: str) -> bool:
    return _COMPILERS.fullmatch(Path(program).name) is not None


def _find_sought(inline: list[str], scripts: list[str]) -> set[str]:
    """Return the names of the programs that shells may have looked for."""
    found = {name for script in inline for name in shell.iter_sought(script)}
    return found | {name for script in scripts for name in shell.iter_asked_for(script)}


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
