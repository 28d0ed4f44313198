"""What does not verify is moved out of the way, not deleted: somebody may want to know what happened to it."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from pipcache_plugin.store.owners import make_folder

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "damaged"


def set_aside(root: Path, path: Path) -> None:
    """Move *path* to the store's folder of damaged files; where that cannot be done, it stays and is passed over."""
    target = root / FOLDER / f"{secrets.token_hex(6)}-{path.name}"
    with contextlib.suppress(OSError):
        make_folder(root, target.parent)
        path.replace(target)
