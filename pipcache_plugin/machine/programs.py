"""Programs on ``PATH``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def find_program(name: str, folders: Iterable[str]) -> str | None:
    """Return the first file called *name* in *folders* that can be executed; a *name* with a folder in it is a path."""
    return next(iter_programs(name, folders), None)


def iter_programs(name: str, folders: Iterable[str]) -> Iterator[str]:
    """Go through all such files."""
    for path in [name] if os.sep in name else (os.path.join(folder, name) for folder in folders):
        if os.path.isfile(path) and os.access(path, os.X_OK):  # noqa: PTH113 (asked for on the way of a hit)
            yield path


def split_path(path: str | None) -> list[str]:
    """Return the folders of a ``PATH``; the system's default where there is none."""
    return [folder for folder in (os.defpath if path is None else path).split(os.pathsep) if folder]
