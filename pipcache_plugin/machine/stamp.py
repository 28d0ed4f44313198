"""A cheap stamp of what is installed on the system: it changes when a compiler, a header or a library may have come.

Modification times and sizes of the package databases and of the folders that compilers and ``pkg-config`` look into,
and of those that variables add. It says that something changed, not what.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_DATABASES = [
    "/var/lib/dpkg/status",
    "/var/lib/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/lib/apk/db/installed",
    "/var/lib/pacman/local",
    "/opt/homebrew/Cellar",
    "/usr/local/Cellar",
]
_FOLDERS = ["include", "lib", "lib64", "lib/pkgconfig", "lib64/pkgconfig", "share/pkgconfig"]
_VARIABLES = ["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "PKG_CONFIG_PATH", "CMAKE_PREFIX_PATH"]


def stamp_system(environ: Mapping[str, str], searched: Iterable[str] = ()) -> str:
    """Return the stamp, 64 hex digits.

    :param searched: more folders that it covers.
    """
    lines = [f"{path} {_about(path)}" for path in sorted({*_iter_paths(environ), *searched})]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _iter_paths(environ: Mapping[str, str]) -> Iterator[str]:
    yield from _DATABASES
    multiarch = sysconfig.get_config_var("MULTIARCH")
    for prefix in ["/usr", "/usr/local", "/opt/homebrew", sys.base_prefix]:
        for folder in _FOLDERS:
            yield f"{prefix}/{folder}"
        if multiarch:
            yield f"{prefix}/lib/{multiarch}"
            yield f"{prefix}/lib/{multiarch}/pkgconfig"
            yield f"{prefix}/include/{multiarch}"
    for name in _VARIABLES:
        yield from filter(None, environ.get(name, "").split(os.pathsep))
    for prefix in filter(None, environ.get("CMAKE_PREFIX_PATH", "").split(os.pathsep)):
        yield from (f"{prefix}/{folder}" for folder in _FOLDERS)


def _about(path: str) -> str:
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return "-"
    # In whole seconds, as images of containers keep it.
    return f"{int(found.st_mtime)} {found.st_size}"
