"""Shared libraries: which a wheel's extension modules need, and whether the dynamic loader would find them.

Only for ELF, with pyelftools; on macOS and Windows nothing is said to be needed (untested there).
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import zipfile
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_OF_THE_C_LIBRARY = ("libc.", "libm.", "libdl.", "libpthread.", "librt.", "libutil.", "ld-", "linux-vdso", "libpython3")
"""In the build key as the C library's name and version, or the interpreter's own."""


def collect_needed(wheel: Path) -> tuple[str, ...]:
    """Return the file names of shared libraries that the wheel's modules name and that it does not bring along, sorted.

    Of those, the ones that are on this machine: what is not is brought by another distribution, at run time.

    :raises OSError: the wheel cannot be read.
    :raises zipfile.BadZipFile: it is none.
    """
    if not sys.platform.startswith("linux"):
        return ()
    with zipfile.ZipFile(wheel) as archive:
        modules = [name for name in archive.namelist() if _is_shared_object(name)]
        if not modules:
            return ()
        brought = {PurePosixPath(name).name for name in modules}
        named = {library for name in modules for library in _iter_needed(archive.read(name))}
    return tuple(
        sorted(name for name in named - brought if not name.startswith(_OF_THE_C_LIBRARY) and has_library(name))
    )


@functools.cache
def has_library(name: str) -> bool:
    """Tell whether the loader finds *name*: in ``LD_LIBRARY_PATH``, its configured folders or its default ones."""
    if name.startswith("/"):
        return os.path.exists(name)
    return any(os.path.exists(f"{folder}/{name}") for folder in _folders())


@functools.cache
def _folders() -> tuple[str, ...]:
    folders = [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if folder]
    folders += _iter_configured(Path("/etc/ld.so.conf"))
    for path in sorted(Path("/etc").glob("ld-musl-*.path")):
        folders += path.read_text(encoding="utf-8", errors="replace").replace(":", "\n").split()
    multiarch = sysconfig.get_config_var("MULTIARCH")
    for prefix in ["", "/usr", "/usr/local"]:
        folders += [f"{prefix}/lib64", f"{prefix}/lib", *([f"{prefix}/lib/{multiarch}"] if multiarch else [])]
    return tuple(dict.fromkeys(folders))


def _iter_configured(file: Path) -> Iterator[str]:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        words = line.partition("#")[0].split()
        if words[:1] == ["include"]:
            for pattern in words[1:]:
                for included in sorted(Path("/").glob(os.path.join(file.parent, pattern).lstrip("/"))):
                    yield from _iter_configured(included)
        else:
            yield from words


def _locate(name: str, folders: list[str]) -> str:
    """Return *name*; with its path, where a module says itself in which folder of the system it is."""
    if not has_library(name):
        for folder in folders:
            if folder.startswith("/") and os.path.exists(f"{folder}/{name}"):
                return f"{folder}/{name}"
    return name


def _is_shared_object(name: str) -> bool:
    file = PurePosixPath(name).name
    return file.endswith(".so") or ".so." in file


def _iter_needed(data: bytes) -> Iterator[str]:
    from elftools.common.exceptions import ELFError
    from elftools.elf.dynamic import DynamicSection
    from elftools.elf.elffile import ELFFile

    try:
        for section in ELFFile(BytesIO(data)).iter_sections():
            if isinstance(section, DynamicSection):
                folders = [
                    folder
                    for tag in section.iter_tags()
                    if tag.entry.d_tag in {"DT_RPATH", "DT_RUNPATH"}
                    for folder in str(getattr(tag, "runpath", "") or getattr(tag, "rpath", "")).split(":")
                ]
                for tag in section.iter_tags("DT_NEEDED"):
                    yield _locate(str(getattr(tag, "needed", "")), folders)
    except ELFError:
        return
