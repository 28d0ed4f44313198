"""Build environments out of the store: where they are, and what is placed in them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.installation.wheels import UninstallableWheelError, install_wheel
from pipcache_plugin.pip_bridge.install import find_bytecode
from pipcache_plugin.pip_bridge.run import make_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pipcache_plugin.building.interface import EnvironmentPaths
    from pipcache_plugin.pip_bridge.run import Run
    from pipcache_plugin.store.trees import Tree

logger = logging.getLogger(__name__)

_LEAST_FREE_BYTES = 100 << 20
_TRIAL_BYTES = 16 << 20

_KEY_DIGITS = 16
"""The path is in the first line of scripts, which may not be long."""


def find_folder(run: Run, requires: Sequence[str]) -> Path:
    """Return a new folder for an environment with these requirements: the same path each time, if that can be.

    pip removes it at the end of the command.
    """
    if os.pathsep in str(run.store.root):
        # No folder on ``PATH`` has that in its name.
        return make_folder("build-env")
    key = json.dumps([sorted(requires), sys.version, sys.base_prefix])
    try:
        place = run.store.environments.take(hashlib.sha256(key.encode()).hexdigest()[:_KEY_DIGITS])
    except OSError as error:
        logger.debug("pipcache: a build environment is made elsewhere: %s", error)
        place = None
    if place is not None and not _has_free(place.path.parent):
        place.give_back()
        place = None
    if place is None:
        return make_folder("build-env")
    run.places.append(place)
    _let_pip_remove(place.path)
    return place.path


def _has_free(folder: Path) -> bool:
    """Tell whether there is room for an environment where the store is; that may be another disk than pip's."""
    try:
        return shutil.disk_usage(folder).free >= _LEAST_FREE_BYTES
    except OSError:
        return True


def has_room(environment: EnvironmentPaths) -> bool:
    """Tell whether something can still be written into an environment; for when that seems to have failed."""
    trial = environment.root / "pipcache-trial"
    try:
        trial.write_bytes(bytes(_TRIAL_BYTES))
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            trial.unlink()
    return True


def _let_pip_remove(path: Path) -> None:
    from pip._internal.utils.temp_dir import TempDirectory

    TempDirectory(path=str(path), delete=True, kind="build-env", globally_managed=True)


def place_wheels(run: Run, digests: Sequence[str], environment: EnvironmentPaths, installed: Collection[str]) -> bool:
    """Install wheels whose trees the store has; tell whether they are installed.

    They are not when a tree is missing or damaged, or when a wheel would replace something: pip knows how to do that.

    :param installed: the normalized names of the distributions that are in the environment.

    :raises OSError: the environment cannot be written to.
    """
    trees: list[tuple[str, Tree]] = []
    for digest in digests:
        tree = run.store.trees.find(digest)
        if tree is None or _project_of(tree) in installed or not _is_whole(run, tree):
            return False
        run.store.trees.touch(digest)
        trees.append((digest, tree))
    for digest, tree in trees:
        try:
            # The first time, backends compile what they import, which may be little of it.
            bytecode = find_bytecode(run, digest, tree) if run.store.trees.note_use(digest) else None
            install_wheel(tree, bytecode, environment.schemes, str(environment.python))
        except UninstallableWheelError as error:
            logger.debug("pipcache: %s", error)
            _remove(run, tree)
            return False
    return True


def _project_of(tree: Tree) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(tree.wheel.partition("-")[0])


def _is_whole(run: Run, tree: Tree) -> bool:
    """Tell whether all files are as they were stored; a tree whose files are not is removed."""
    is_whole = all(tree.locate(name) is not None for name in tree.files)
    if not is_whole:
        _remove(run, tree)
    return is_whole


def _remove(run: Run, tree: Tree) -> None:
    with contextlib.suppress(OSError):
        run.store.trees.remove(tree)
