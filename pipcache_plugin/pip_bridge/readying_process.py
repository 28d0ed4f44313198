"""The process that makes wheels' files ready; see ``readying``. Runs without pip, and imports none of it."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.files import umask
from pipcache_plugin.installation.placing import LinkMode
from pipcache_plugin.installation.ready import bytecode_path, is_made_ready
from pipcache_plugin.pip_bridge.placement import is_edited, put_bytecode, put_file
from pipcache_plugin.store.trees import Trees

if TYPE_CHECKING:
    from pipcache_plugin.pip_bridge.readying import Task

_is_over = threading.Event()
"""The process that wanted it has ended."""

_told: queue.SimpleQueue[str] = queue.SimpleQueue()
"""Wheels, and an empty text after the last one."""


def main() -> None:
    """Make ready what nobody has begun with; then wait for the end, and clean up."""
    # A signal to all processes of a command is for pip, and what it leads to shows here as the end of the input.
    for name in ["SIGINT", "SIGTERM", "SIGHUP"]:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    task: Task = json.loads(sys.stdin.readline())
    threading.Thread(target=_listen, daemon=True).start()
    try:
        while (sha256 := _told.get()) and not _is_over.is_set():
            _do(task, sha256)
        # Who waits for a wheel of a process that was killed waits for the end of all output.
        sys.stdout.close()
    except OSError:
        # So nobody waits.
        pass
    _is_over.wait()
    shutil.rmtree(task["folder"], ignore_errors=True)


def _listen() -> None:
    for line in sys.stdin:
        _told.put(line.strip())
    _is_over.set()
    _told.put("")


def _do(task: Task, sha256: str) -> None:
    folder = f"{task['folder']}/{sha256}"
    try:
        os.mkdir(folder)  # noqa: PTH102 (whoever makes it has the wheel)
    except FileExistsError:
        return
    try:
        is_ready = make_ready(task, sha256, folder)
    except OSError:
        is_ready = False
    if not is_ready:
        # On a full disk, for one: its place is needed.
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(f"{sha256} {'ready' if is_ready else 'left'}\n")
    sys.stdout.flush()


def make_ready(task: Task, sha256: str, folder: str) -> bool:
    """Put the files of a wheel into *folder*; tell whether all of them were to be had."""
    root, *lower = map(Path, task["stores"])
    trees, mode = Trees(root, lower), LinkMode(task["mode"])
    tree = trees.find(sha256, task["bytecode"])
    bytecode = trees.find_bytecode(sha256, task["bytecode"]) if task["bytecode"] is not None else None
    if tree is None or (bytecode is None and task["bytecode"] is not None):
        return False
    made, mask = {folder}, umask()
    for name in filter(is_made_ready, tree.files):
        if _is_over.is_set() or not put_file(tree, name, _make_place(folder, name, made), mode, mask):
            return False
    if bytecode is None:
        return True
    for name in filter(is_made_ready, bytecode.files):
        target = _make_place(folder, bytecode_path(name, task["suffix"]), made)
        if not is_edited(name) and not put_bytecode(bytecode, name, target, mode, mask):
            return False
    return True


def _make_place(folder: str, name: str, made: set[str]) -> str:
    """Return the path of *name* in *folder*, in a folder that is there."""
    path = f"{folder}/{name}"
    parent = path.rpartition("/")[0]
    if parent not in made:
        os.makedirs(parent, exist_ok=True)  # noqa: PTH103 (once for each folder)
        made.add(parent)
    return path
