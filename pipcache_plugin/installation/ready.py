"""Files of one wheel that are ready beside their place: whole folders are moved there where that can be."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def bytecode_suffix() -> str:
    """Return how the names of bytecode files end, for the running Python: ``.cpython-312.pyc``, for one."""
    return os.path.basename(importlib.util.cache_from_source("x.py")).removeprefix("x")  # noqa: PTH119


def bytecode_path(name: str, suffix: str) -> str:
    """Return where the bytecode of the source *name* is, below the folder in which *name* is."""
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}__pycache__/{file.removesuffix('.py')}{suffix}"


def is_made_ready(name: str) -> bool:
    """Tell whether a file of a wheel goes where the folders of the wheel go: into the library, under its own name."""
    return not name.partition("/")[0].endswith(".data")


class ReadyFiles:
    """A folder with the files of a wheel, each under its name, and their bytecode beside them."""

    def __init__(self, folder: str, suffix: str) -> None:
        """Nothing is taken yet.

        :param folder: on the file system of the library, in a folder that nobody else takes from.
        :param suffix: of the names of bytecode files.
        """
        self._folder = folder
        self._suffix = suffix
        self._places: dict[str, str | None] = {"": None}
        self._asked: set[str] = set()

    def take(self, name: str, target: str) -> bool:
        """Move a file to *target*, in the place of what is there, if it is not there yet; tell whether it is now."""
        folder, _, file = name.rpartition("/")
        # Not with ``os.path``: tens of thousands of files.
        place, _, target_file = target.rpartition(os.sep)
        if file == target_file and self._move(folder, place) == place and target not in self._asked:
            self._asked.add(target)
            return True
        return self._replace(name, target)

    def take_bytecode(self, name: str, target: str) -> bool:
        """Move the bytecode of the source *name* to *target*, if it is not there yet; tell whether it is now.

        :param name: of a source that has bytecode.
        """
        path = bytecode_path(name, self._suffix)
        place = self._places.get(name.rpartition("/")[0])
        if place is not None and target == os.path.join(place, "__pycache__", path.rpartition("/")[2]):  # noqa: PTH118
            self._asked.add(target)
            return True
        return self._replace(path, target)

    def iter_unasked(self, names: Iterable[str], sources: Iterable[str]) -> Iterator[str]:
        """Go through what is in the library and nobody asked for."""
        for name in [*names, *(bytecode_path(source, self._suffix) for source in sources)]:
            folder, _, file = name.rpartition("/")
            place = self._find(folder)
            if place is not None and (path := f"{place}{os.sep}{file}") not in self._asked:
                yield path

    def _replace(self, name: str, target: str) -> bool:
        try:
            os.replace(f"{self._folder}/{name}", target)  # noqa: PTH105 (once for each file)
        except OSError:
            return False
        return True

    def _find(self, folder: str) -> str | None:
        """Return where a folder of the wheel has been moved to, with the one that it is in for one."""
        if folder in self._places:
            return self._places[folder]
        parent, _, last = folder.rpartition("/")
        above = self._find(parent)
        return None if above is None else f"{above}{os.sep}{last}"

    def _move(self, folder: str, place: str) -> str | None:
        """Move a folder to *place*, which pip has made for it; return where it is, ``None`` if not in the library."""
        if folder not in self._places:
            found = self._find(folder)
            if found is None and self._replace_folder(f"{self._folder}/{folder}", place):
                found = place
            self._places[folder] = found
        return self._places[folder]

    @staticmethod
    def _replace_folder(folder: str, place: str) -> bool:
        try:
            ready, made = os.stat(folder), os.lstat(place)  # noqa: PTH116 (once for each folder)
            if (ready.st_mode, ready.st_uid, ready.st_gid) != (made.st_mode, made.st_uid, made.st_gid):
                return False
            # Only an empty folder can be replaced: so the system guarantees that nothing is lost.
            os.rename(folder, place)  # noqa: PTH104 (the same)
        except OSError:
            return False
        return True
