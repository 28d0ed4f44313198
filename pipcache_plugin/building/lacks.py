"""What a build looked for and did not find, drawn from what it was seen to do."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.building.errors import UnwatchedBuildError
from pipcache_plugin.keys.conditions import Lacks
from pipcache_plugin.keys.environment import can_count, is_toolchain
from pipcache_plugin.machine.folders import list_folder
from pipcache_plugin.machine.libraries import has_library
from pipcache_plugin.machine.programs import find_program, split_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipcache_plugin.building.circumstances import Circumstances
    from pipcache_plugin.building.watching import Observations

_OF_NO_CONSEQUENCE = re.compile(
    r"(?:clang-(?:format|tidy)|scan-build)(?:-?[\d.]+|-devel)?|s?ccache|distcc|icecc|ctags|gdb|valgrind"
)
"""Programs that build tools look for, and whose coming changes no wheel."""

_INSTALLED = ("/usr/", "/opt/", "/lib/", "/lib64/", "/etc/")
"""Where builds do not write: what has come there while one ran was installed by somebody else."""

_SHORTEST_SECRET = 8
_MOST_PATHS = 200
"""Of more paths, or folders, the stamp of the system stands for the rest."""


def collect_lacks(
    seen: Observations, around: Circumstances, sought_by_shells: Iterable[str], *, is_suspect: bool
) -> Lacks:
    """Return what is still lacking after a build.

    :param sought_by_shells: names of programs that shells may have looked for.
    :param is_suspect: something may have failed in the build, or been left out, that could succeed another day.

    :raises UnwatchedBuildError: something came while the build ran: nobody knows whether before or after it was sought.
    """
    earlier = around.earlier.lacks if around.earlier else Lacks()
    own = _own_prefixes(around)
    folders = [folder.rstrip(os.sep) for folder in split_path(around.environ.get("PATH"))]
    paths = _find_absent_paths(seen, own, folders, earlier)
    listed = sorted({path for path in seen.listed if not f"{path}/".startswith(own)} | {*earlier.listings})
    searched = tuple(path for path in sorted({*seen.searched, *earlier.searched}) if not path.startswith(own))
    is_suspect = is_suspect or earlier.system is not None or max(len(paths), len(listed)) > _MOST_PATHS
    if is_suspect and around.stamp_system(()) != around.system_before:
        raise UnwatchedBuildError
    lacks = Lacks(
        programs=_find_absent_programs(seen, folders, {*sought_by_shells, *earlier.programs}),
        paths=tuple(paths[:_MOST_PATHS]),
        listings={path: list_folder(path) for path in listed[:_MOST_PATHS]},
        modules=tuple(sorted({*around.lacking_modules, *earlier.modules})),
        libraries=tuple(sorted(name for name in {*seen.libraries, *earlier.libraries} if not has_library(name))),
        searched=searched,
        system=around.stamp_system(searched) if is_suspect else None,
    )
    if _tells_a_secret(lacks, seen, around):
        raise UnwatchedBuildError
    return lacks


def _tells_a_secret(lacks: Lacks, seen: Observations, around: Circumstances) -> bool:
    """Tell whether the value of a variable, other than a path, stands in what would be kept in clear."""
    secrets = find_secrets(seen, around)
    told = [*lacks.programs, *lacks.paths, *lacks.listings, *lacks.libraries, *lacks.searched]
    return any(secret in text for secret in secrets for text in told)


def find_secrets(seen: Observations, around: Circumstances) -> set[str]:
    """Return the values of variables, other than paths, that are not to be kept in clear."""
    names = {name for name in seen.variables if can_count(name) and not is_toolchain(name)}
    values = {around.environ.get(name, "") for name in names}
    return {value for value in values if len(value) >= _SHORTEST_SECRET and os.sep not in value}


def _own_prefixes(around: Circumstances) -> tuple[str, ...]:
    """Return what paths begin with that are the build's own business, or the user's."""
    home = around.environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 (there may be no home)
    folders = {str(around.tree), tempfile.gettempdir(), home, *([str(around.root)] if around.root else [])}
    return tuple(f"{folder}/" for folder in folders - {"/"})


def _find_absent_programs(seen: Observations, folders: list[str], sought: set[str]) -> tuple[str, ...]:
    started = {name for name, found in seen.programs.items() if found is None and os.sep not in name}
    if any(find_program(name, folders) for name in started):
        raise UnwatchedBuildError
    # Whoever looks through ``PATH`` himself passes folders where it is not.
    looked_for = {Path(path).name for path in seen.absent if str(Path(path).parent) in folders}
    absent = started | {name for name in looked_for | sought if find_program(name, folders) is None}
    return tuple(sorted(name for name in absent if not _OF_NO_CONSEQUENCE.fullmatch(name)))


def _find_absent_paths(seen: Observations, own: tuple[str, ...], folders: list[str], earlier: Lacks) -> list[str]:
    looked_for = [path for path in seen.absent if str(Path(path).parent) not in folders and not path.startswith(own)]
    started = [name for name, found in seen.programs.items() if found is None and Path(name).is_absolute()]
    paths = sorted({*looked_for, *started, *earlier.paths})
    come = [path for path in paths if os.path.exists(path)]
    if any(path.startswith(_INSTALLED) for path in come):
        raise UnwatchedBuildError
    return [path for path in paths if path not in come]
