"""The files of one wheel on their way from its tree to where pip wants them. Knows nothing of pip's."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from typing import TYPE_CHECKING

from pipcache_plugin.files import umask
from pipcache_plugin.installation.placing import LinkMode, put, remove

if TYPE_CHECKING:
    from pipcache_plugin.installation.ready import ReadyFiles
    from pipcache_plugin.store.trees import Tree


def put_file(tree: Tree, name: str, target: str, mode: LinkMode, mask: int) -> bool:
    """Put a file of a wheel at *target*; tell whether it was to be had as it was stored.

    :param mask: see ``files.umask``.

    :raises OSError: *target* cannot be written; it may be incomplete.
    """
    source = tree.locate(name)
    if source is None:
        return False
    known = tree.files[name]
    if not put(source, target, mask=mask, may_link=mode is LinkMode.HARDLINK and not is_edited(name)):
        if known.is_executable:
            # As pip has it.
            os.chmod(target, (0o777 & ~mask) | 0o111)  # noqa: PTH101, S103 (once for each file)
        if name.endswith(".py"):
            # Bytecode is right for a source of this time.
            os.utime(target, ns=(known.mtime_ns, known.mtime_ns))
    return True


def put_bytecode(tree: Tree, name: str, target: str, mode: LinkMode, mask: int) -> bool:
    """Put bytecode at *target*; tell whether it was to be had as it was made.

    :param mask: see ``files.umask``.

    :raises OSError: *target* cannot be written; it may be incomplete.
    """
    made = tree.locate(name)
    if made is None:
        return False
    put(made, target, mask=mask, may_link=mode is not LinkMode.COPY)
    return True


def is_edited(name: str) -> bool:
    """Tell whether pip may write to a file after it is placed: scripts get a shebang, REQUESTED is emptied."""
    top, _, rest = name.partition("/")
    return top.endswith(".dist-info") or (top.endswith(".data") and rest.startswith("scripts/"))


class Placement:
    """The installation of one wheel from its tree."""

    def __init__(
        self, wheel: str, tree: Tree, bytecode: Tree | None, mode: LinkMode, ready: ReadyFiles | None = None
    ) -> None:
        """Nothing is placed yet.

        :param ready: the same files, put beside their place by another process.
        """
        self.wheel = wheel
        self.tree = tree
        self._bytecode = bytecode
        self._mode = mode
        self._mask = umask()
        self._ready = ready
        self._sources: dict[str, str] = {}
        self._folders: set[str] = set()
        self.is_damaged = False
        """A file of the tree was not as it was stored: the next installation needs a new one."""

    def place(self, name: str, target: str) -> bool:
        """Put a file of the wheel at *target*; tell whether it was to be had."""
        # Of two files for one place the second stays: bytecode of the first is none of it.
        if self._sources.pop(target, None) is not None and self._ready is not None:
            remove(importlib.util.cache_from_source(target))
        is_there = self._ready is not None and self._ready.take(name, target)
        if not is_there and not put_file(self.tree, name, target, self._mode, self._mask):
            self.is_damaged = self.is_damaged or name in self.tree.files
            return False
        if name.endswith(".py") and not is_edited(name):
            self._sources[target] = name
        return True

    def place_bytecode(self, source: str) -> bool:
        """Put the bytecode of a placed source beside it; tell whether it was to be had."""
        name = self._sources.get(source)
        if self._bytecode is None or name is None or name not in self._bytecode.files:
            return False
        target = importlib.util.cache_from_source(source)
        folder = os.path.dirname(target)  # noqa: PTH120 (once for each source)
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 (the same)
            self._folders.add(folder)
        if self._ready is not None and self._ready.take_bytecode(name, target):
            return True
        if not put_bytecode(self._bytecode, name, target, self._mode, self._mask):
            self.is_damaged = True
            return False
        return True

    def take_back(self) -> None:
        """Remove what is in its place and was not asked for: pip does not go on."""
        if self._ready is not None:
            bytecode = self._bytecode.files if self._bytecode is not None else ()
            for path in self._ready.iter_unasked(self.tree.files, bytecode):
                with contextlib.suppress(OSError):
                    os.unlink(path)  # noqa: PTH108 (the same)
