"""The part "install": pip writes a wheel's files; they come from the store's tree of that wheel, bytecode included.

pip decides what goes where, and writes scripts, RECORD and the rest itself: only the copying of a file out of the wheel
and the compiling of a source are ours.
"""

from __future__ import annotations

import contextlib
import contextvars
import importlib.util
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Here, and not where it is used: while pip installs, it lets nobody import anything.
from pip._internal.utils.unpacking import set_extracted_file_to_default_mode_plus_executable

from pipcache_plugin.files import sha256_of
from pipcache_plugin.installation.bytecode import compile_all, kind_of_bytecode
from pipcache_plugin.installation.placing import LinkMode, clone_or_copy, link, remove
from pipcache_plugin.pip_bridge import run
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam
from pipcache_plugin.store.trees import UnsuitableWheelError

if TYPE_CHECKING:
    from pip._internal.operations.install.wheel import ZipBackedFile

    from pipcache_plugin.store.trees import Tree

logger = logging.getLogger(__name__)

LINK_MODE = "PIPCACHE_LINK_MODE"


class Placement:
    """The installation of one wheel from its tree."""

    def __init__(self, wheel: str, tree: Tree, bytecode: Tree | None, mode: LinkMode) -> None:
        """Nothing is placed yet."""
        self.wheel = wheel
        self.tree = tree
        self._bytecode = bytecode
        self._mode = mode
        self._sources: dict[str, str] = {}
        self._folders: set[str] = set()
        self.is_damaged = False
        """A file of the tree was not as it was stored: the next installation needs a new one."""

    def place(self, name: str, target: str) -> bool:
        """Put a file of the wheel at *target*; tell whether it was to be had."""
        # Of two files for one place the second stays: bytecode of the first is none of it.
        self._sources.pop(target, None)
        source = self.tree.locate(name)
        if source is None:
            self.is_damaged = self.is_damaged or name in self.tree.files
            return False
        known = self.tree.files[name]
        is_edited = _is_edited(name)
        remove(target)
        if is_edited or self._mode is not LinkMode.HARDLINK or not link(source, target):
            clone_or_copy(source, target)
            if known.is_executable:
                set_extracted_file_to_default_mode_plus_executable(target)
            if name.endswith(".py"):
                # Bytecode is right for a source of this time.
                os.utime(target, ns=(known.mtime_ns, known.mtime_ns))
        if name.endswith(".py") and not is_edited:
            self._sources[target] = name
        return True

    def place_bytecode(self, source: str) -> bool:
        """Put the bytecode of a placed source beside it; tell whether it was to be had."""
        name = self._sources.get(source)
        if self._bytecode is None or name is None:
            return False
        made = self._bytecode.locate(name)
        if made is None:
            self.is_damaged = self.is_damaged or name in self._bytecode.files
            return False
        target = importlib.util.cache_from_source(source)
        folder = os.path.dirname(target)  # noqa: PTH120 (once for each source)
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 (the same)
            self._folders.add(folder)
        remove(target)
        if self._mode is LinkMode.COPY or not link(made, target):
            clone_or_copy(made, target)
        return True


_placement: contextvars.ContextVar[Placement | None] = contextvars.ContextVar("placement", default=None)
"""Of the wheel that pip is installing."""


def _install_wheel(original: PipFunction, name: str, wheel_path: str, *args: Any, **kwargs: Any) -> Any:
    """Have the wheel's tree at hand while pip installs it."""
    placement = _find_placement(wheel_path)
    token = _placement.set(placement)
    try:
        return original(name, wheel_path, *args, **kwargs)
    finally:
        _placement.reset(token)
        current = run.current()
        if placement is not None and placement.is_damaged and current is not None:
            with contextlib.suppress(OSError):
                current.store.trees.remove(placement.tree)


def _find_placement(wheel_path: str) -> Placement | None:
    current = run.current()
    if current is None:
        return None
    trees = current.store.trees
    try:
        sha256 = sha256_of(Path(wheel_path))
        tree = trees.find(sha256) or trees.add(sha256, Path(wheel_path))
        bytecode = _find_bytecode(current, sha256, tree) if getattr(current.options, "compile", True) else None
    except (OSError, UnsuitableWheelError) as error:
        logger.debug("pipcache: %s is installed by pip alone: %s", wheel_path, error)
        return None
    return Placement(wheel_path, tree, bytecode, _link_mode(current))


def _find_bytecode(current: run.Run, sha256: str, tree: Tree) -> Tree | None:
    if "SOURCE_DATE_EPOCH" in os.environ:
        # Then Python makes bytecode of another kind, which is right whatever the time of its source.
        return None
    trees, kind = current.store.trees, kind_of_bytecode()
    found = trees.find_bytecode(sha256, kind)
    if found is not None:
        return found
    sources = [name for name in tree.files if name.endswith(".py")]

    def make(folder: Path) -> None:
        compile_all([(f"{tree.folder}/{name}", f"{folder}/{name}", name) for name in sources])

    try:
        return trees.add_bytecode(sha256, kind, make)
    except OSError as error:
        logger.debug("pipcache: %s is compiled by pip: %s", tree.wheel, error)
        return None


def _link_mode(current: run.Run) -> LinkMode:
    given = os.environ.get(LINK_MODE) or LinkMode.CLONE.value
    try:
        return LinkMode(given)
    except ValueError:
        known = ", ".join(f"`{mode.value}`" for mode in LinkMode)
        current.warn_once(f"`{LINK_MODE}` is `{given}`, which is none of {known}: going on with `clone`")
        return LinkMode.CLONE


def _is_edited(name: str) -> bool:
    """Tell whether pip may write to a file after it is placed: scripts get a shebang, REQUESTED is emptied."""
    top, _, rest = name.partition("/")
    return top.endswith(".dist-info") or (top.endswith(".data") and rest.startswith("scripts/"))


def _save(original: PipFunction, self: ZipBackedFile) -> None:
    """Place the file from the tree; what the tree does not have comes out of the wheel."""
    placement = _placement.get()
    if placement is not None and placement.wheel == self._zip_file.filename:
        if hasattr(self, "written"):
            self.written = True
        with contextlib.suppress(OSError):
            # What cannot be placed, pip cannot write either, or can: it says so.
            if placement.place(self.src_record_path, self.dest_path):
                return
    original(self)


def _compile_file(original: PipFunction, fullname: Any, *args: Any, **kwargs: Any) -> Any:
    """Place bytecode that was made already."""
    placement = _placement.get()
    if placement is not None:
        with contextlib.suppress(OSError):
            if placement.place_bytecode(os.fspath(fullname)):
                return True
    return original(fullname, *args, **kwargs)


SEAMS = [
    Seam(
        modules=("pip._internal.operations.install.wheel",),
        name="install_wheel",
        parameters=("name", "wheel_path", "scheme", "req_description"),
        part=_install_wheel,
    ),
    Seam(
        modules=("pip._internal.operations.install.wheel",),
        name="ZipBackedFile.save",
        parameters=("self",),
        part=_save,
    ),
    Seam(modules=("compileall",), name="compile_file", parameters=("fullname",), part=_compile_file, is_local=True),
]
