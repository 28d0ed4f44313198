"""Wheel files by their content: ``wheels/<aa>/<sha256>/<file>.whl``, immutable, under their real names."""

from __future__ import annotations

import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.files import again_if_gone, link_or_copy, replacing, sha256_of
from pipcache_plugin.store.damaged import set_aside
from pipcache_plugin.store.owners import make_folder, share
from pipcache_plugin.store.scanning import iter_files

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelBlob:
    """The address of a wheel file."""

    filename: str
    """``name-version-tags.whl``, no folder."""

    sha256: str
    size_bytes: int


class WheelBlobs:
    """The wheel files of a store."""

    def __init__(self, root: Path, *, is_read_only: bool = False) -> None:
        """Nothing is made.

        :param is_read_only: what does not verify stays where it is.
        """
        self._root = root
        self._is_read_only = is_read_only
        self.folder = root / "wheels"

    def path_of(self, blob: WheelBlob) -> Path:
        """Return where the file is, or would be."""
        return self.folder / blob.sha256[:2] / blob.sha256 / blob.filename

    def put(self, wheel: Path) -> WheelBlob:
        """Copy *wheel* into the store, atomically; storing it twice is a no-op.

        :raises OSError: nothing was stored.
        """
        blob = WheelBlob(filename=wheel.name, sha256=sha256_of(wheel), size_bytes=wheel.stat().st_size)
        target = self.path_of(blob)
        if not self._verifies(target, blob):
            if target.is_dir():
                # A file does not take its place.
                set_aside(self._root, target)
            again_if_gone(lambda: self._copy(wheel, target))
        return blob

    def _copy(self, wheel: Path, target: Path) -> None:
        make_folder(self._root, target.parent)
        with replacing(target) as temporary:
            shutil.copyfile(wheel, temporary)
            share(self._root, temporary)

    def place(self, blob: WheelBlob, folder: Path) -> Path | None:
        """Put the wheel into *folder*, verified, and return it there; ``None`` when the store does not have it intact.

        The placed file stays what it is, whatever happens to the store. It may be a hard link: it must not be edited.

        :raises OSError: the store cannot be read, or *folder* cannot be written.
        """
        source = self.path_of(blob)
        target = folder / blob.filename
        try:
            link_or_copy(source, target)
        except FileNotFoundError:
            if source.exists():
                raise
            return None
        if self._verifies(target, blob):
            return target
        target.unlink()
        if not self._is_read_only:
            set_aside(self._root, source)
        return None

    def has(self, blob: WheelBlob) -> bool:
        """Tell whether the file is there with the right size; its bytes are verified when it is placed."""
        try:
            status = self.path_of(blob).stat()
            return stat.S_ISREG(status.st_mode) and status.st_size == blob.size_bytes
        except (FileNotFoundError, NotADirectoryError):
            return False

    def __iter__(self) -> Iterator[Path]:
        """Go through the paths of all wheels, sorted."""
        for entry in iter_files(self.folder, ".whl"):
            yield Path(entry.path)

    def _verifies(self, path: Path, blob: WheelBlob) -> bool:
        try:
            return path.stat().st_size == blob.size_bytes and sha256_of(path) == blob.sha256
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return False
