"""A table of small JSON documents, several under one build key: ``<table>/<aa>/<build key>/<id>.json``.

A document's id is the start of the SHA-256 of its bytes, so that reading it verifies it. Documents are never changed;
another content is another document. What does not verify is set aside, and not found.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.files import again_if_gone, write_atomically
from pipcache_plugin.store.damaged import set_aside
from pipcache_plugin.store.owners import make_folder, share
from pipcache_plugin.store.scanning import iter_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_ID_DIGITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One JSON object of a table."""

    path: Path
    content: Mapping[str, object]


class Documents:
    """The documents below one folder."""

    def __init__(self, root: Path, table: str, *, is_read_only: bool = False) -> None:
        """Nothing is made.

        :param is_read_only: what does not verify stays where it is.
        """
        self._root = root
        self._is_read_only = is_read_only
        self.folder = root / table

    def put(self, key: str, content: Mapping[str, object]) -> Path:
        """Add a document under *key*; storing the same one twice is a no-op.

        :raises OSError: nothing was stored.
        """
        data = json.dumps(content, sort_keys=True, ensure_ascii=True).encode("ascii")
        path = self._folder_of(key) / f"{_id_of(data)}.json"
        again_if_gone(lambda: self._write(path, data))
        return path

    def find(self, key: str) -> list[Document]:
        """Return the documents under *key*, in no particular order.

        :raises OSError: the table cannot be read.
        """
        try:
            paths = sorted(self._folder_of(key).iterdir())
        except FileNotFoundError:
            return []
        return list(self._iter_paths(paths, sets_aside=not self._is_read_only))

    def __iter__(self) -> Iterator[Document]:
        """Go through all documents of the table; what does not verify stays where it is.

        :raises OSError: the table cannot be read.
        """
        yield from self._iter_paths(self._list(), sets_aside=False)

    def find_damaged(self) -> Iterator[Path]:
        """Go through the files that are not what was stored, and leave them where they are."""
        for path in self._list():
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                # A link that leads nowhere, or it was taken out meanwhile.
                if not path.is_symlink():
                    continue
                data = b""
            except OSError:
                data = b""
            if _id_of(data) != path.stem or _parse(data) is None:
                yield path

    def _write(self, path: Path, data: bytes) -> None:
        make_folder(self._root, path.parent)
        write_atomically(path, data, partial(share, self._root))

    def _folder_of(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _list(self) -> Iterator[Path]:
        return (Path(entry.path) for entry in iter_files(self.folder, ".json"))

    def _iter_paths(self, paths: Iterable[Path], *, sets_aside: bool) -> Iterator[Document]:
        for path in paths:
            if path.suffix == ".json" and (content := self._read(path, sets_aside=sets_aside)) is not None:
                yield Document(path=path, content=content)

    def _read(self, path: Path, *, sets_aside: bool) -> Mapping[str, object] | None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except IsADirectoryError:
            data = b""
        content = _parse(data) if _id_of(data) == path.stem else None
        if content is None and sets_aside:
            set_aside(self._root, path)
        return content


def _parse(data: bytes) -> Mapping[str, object] | None:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _id_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_ID_DIGITS]
