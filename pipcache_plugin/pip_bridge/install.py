"""The part "install": pip writes a wheel's files; they come from the store's tree of that wheel, bytecode included.

pip decides what goes where, and writes scripts, RECORD and the rest itself: only the copying of a file out of the wheel
and the compiling of a source are ours.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pip._internal.exceptions import InstallationError
from pip._internal.locations import get_scheme

from pipcache_plugin.archives import leads_out
from pipcache_plugin.files import sha256_of
from pipcache_plugin.installation.bytecode import compile_all, kind_of_bytecode
from pipcache_plugin.installation.placing import LinkMode
from pipcache_plugin.pip_bridge import inner, readying, run
from pipcache_plugin.pip_bridge.placement import Placement
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam
from pipcache_plugin.store.trees import is_sha256
from pipcache_plugin.store.unpacking import UnsuitableWheelError

if TYPE_CHECKING:
    from pip._internal.models.link import Link
    from pip._internal.operations.install.wheel import PipScriptMaker, ZipBackedFile

    from pipcache_plugin.store.trees import Tree

logger = logging.getLogger(__name__)

_placement: contextvars.ContextVar[Placement | None] = contextvars.ContextVar("placement", default=None)
"""Of the wheel that pip is installing."""


def _install_wheel(original: PipFunction, name: str, wheel_path: str, *args: Any, **kwargs: Any) -> Any:
    """Have the wheel's tree at hand while pip installs it."""
    placement = _find_placement(wheel_path)
    token = _placement.set(placement)
    try:
        return original(name, wheel_path, *args, **kwargs)
    except BaseException:
        if placement is not None:
            placement.take_back()
        raise
    finally:
        _placement.reset(token)
        current = run.current()
        if placement is not None and placement.is_damaged and current is not None:
            with contextlib.suppress(OSError, UnsuitableWheelError):
                current.store.trees.remove(placement.tree)
                if current.store.trees.folder not in placement.tree.folder.parents:
                    # In a store below it stays as it is: one of our own is found before it.
                    current.store.trees.add(sha256_of(Path(wheel_path)), Path(wheel_path))


def _find_placement(wheel_path: str) -> Placement | None:
    current = run.current()
    if current is None:
        return None
    unpacked = unpack(current, Path(wheel_path))
    if unpacked is None:
        return None
    maker = readying.current()
    ready = maker.find(unpacked.sha256) if maker else None
    return Placement(wheel_path, unpacked.tree, unpacked.bytecode, _link_mode(current), ready)


class Unpacked(NamedTuple):
    """A wheel's files in the store."""

    sha256: str
    tree: Tree
    bytecode: Tree | None


def unpack(current: run.Run, wheel: Path) -> Unpacked | None:
    """Have the store keep a wheel's files, with the bytecode that an installation needs; ``None`` if it cannot."""
    trees = current.store.trees
    try:
        sha256 = sha256_of(wheel)
        kind = _kind_of_bytecode() if _wants_bytecode(current) else None
        tree = trees.find(sha256, kind) or trees.add(sha256, wheel)
        trees.touch(sha256)
        bytecode = find_bytecode(current, sha256, tree) if kind is not None else None
    except (OSError, UnsuitableWheelError) as error:
        logger.debug("pipcache: %s is installed by pip alone: %s", wheel, error)
        return None
    return Unpacked(sha256, tree, bytecode)


def _wants_bytecode(current: run.Run) -> bool:
    return bool(getattr(current.options, "compile", True))


def _kind_of_bytecode() -> str | None:
    # With the variable Python makes bytecode of another kind, which is right whatever the time of its source.
    return kind_of_bytecode() if "SOURCE_DATE_EPOCH" not in os.environ else None


def find_bytecode(current: run.Run, sha256: str, tree: Tree) -> Tree | None:
    """Return the bytecode of a tree, made now if need be; ``None`` where it is left to pip, or to Python."""
    trees, kind = current.store.trees, _kind_of_bytecode()
    if kind is None:
        return None
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
    return LinkMode(current.settings.link_mode)


def expect(current: run.Run, sha256: str | None) -> None:
    """Have the files of a wheel made ready, as pip is likely to install it; ``None`` for one that nobody knows."""
    if sha256 is None or inner.is_inner():
        return
    maker = readying.current() or _begin_readying(current)
    if maker is not None:
        maker.add(sha256)


def _begin_readying(current: run.Run) -> readying.Readying | None:
    if current.command != "install" or current.options.dry_run:
        return None
    library = _find_library(current.options)
    if library is None:
        return None
    kind = _kind_of_bytecode() if _wants_bytecode(current) else None
    return readying.begin(current.store.trees, library, _link_mode(current), kind)


def told_sha256(link: Link | None) -> str | None:
    """Return what the index says of a wheel; whether it is true shows when pip has it."""
    if link is None or not link.is_wheel or link.hash_name != "sha256" or link.hash is None:
        return None
    return link.hash.lower() if is_sha256(link.hash.lower()) else None


def _find_library(options: Any) -> str | None:
    """Return the folder that wheels of this command are installed into; ``None`` for one that pip moves afterwards."""
    if options.target_dir:
        return None
    scheme = get_scheme(
        "",
        user=options.use_user_site,
        root=options.root_path,
        isolated=options.isolated_mode,
        prefix=options.prefix_path,
    )
    return scheme.purelib


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


def _make_script(original: PipFunction, self: PipScriptMaker, specification: str, *args: Any, **kwargs: Any) -> Any:
    """Refuse a script outside of its folder in a build environment, as pip does from 26.1 on."""
    current = run.current()
    name = specification.partition("=")[0].strip()
    if current is not None and current.report is not None and leads_out(name):
        message = (
            f"Invalid script entry point name {name!r}: the script would be installed outside the scripts directory "
            f"({self.target_dir})."
        )
        raise InstallationError(message)
    return original(self, specification, *args, **kwargs)


SEAMS = [
    Seam(
        modules=("pip._internal.operations.install.wheel",),
        name="PipScriptMaker.make",
        parameters=("self", "specification"),
        part=_make_script,
    ),
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
