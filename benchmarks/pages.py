"""The answers of a Simple API server to requests for projects and files, made once from folders of distributions.

Knows the format of pages, and no sockets.

Source: https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"
SHORT = "max-age=600, public"
"""For pages, which change when a release is made."""

LONG = "max-age=365000000, immutable, public"
"""For files, which never change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent with status 200."""

    content_type: str
    body: bytes | Path
    """A file is read when it is sent."""

    size_bytes: int
    etag: str
    """With its quotes."""

    cache_control: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A distribution, with what its project's page says of it."""

    path: Path
    digest: str
    """SHA-256, 64 hex digits."""

    requires_python: str | None
    metadata: bytes | None
    """``METADATA`` of a wheel."""

    @property
    def project(self) -> str:
        """The normalised name of the project."""
        name = self.path.name
        return normalise(name.split("-", 1)[0] if name.endswith(".whl") else name.rsplit("-", 1)[0])

    @property
    def metadata_digest(self) -> str:
        """SHA-256 of the metadata, 64 hex digits."""
        return hashlib.sha256(self.metadata or b"").hexdigest()


def normalise(name: str) -> str:
    """Return a project's name as it is in URLs."""
    return re.sub(r"[-_.]+", "-", name).lower()


def make_answers(root: Path) -> dict[tuple[str, str], Answer]:
    """Return an answer for each path and content type; files have one for HTML only.

    Each folder in *root* is an index: pages are at ``/<folder>/<project>/``, files at ``/files/<folder>/<name>``.
    """
    answers: dict[tuple[str, str], Answer] = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        prefix = f"/files/{folder.name}"
        projects: dict[str, list[File]] = {}
        for file in read_files(folder):
            projects.setdefault(file.project, []).append(file)
            answers.update(_file_answers(f"{prefix}/{file.path.name}", file))
        for project, files in projects.items():
            page = f"/{folder.name}/{project}/"
            answers[page, JSON] = _page(JSON, make_json(project, prefix, files))
            answers[page, HTML] = _page(HTML, make_html(prefix, files))
    return answers


def read_files(folder: Path) -> Iterator[File]:
    """Go through the distributions in a folder, by name."""
    for path in sorted(folder.iterdir()):
        if path.name.endswith((".whl", ".tar.gz")):
            is_wheel = path.suffix == ".whl"
            metadata = _wheel_metadata(path) if is_wheel else _sdist_metadata(path)
            fields = HeaderParser().parsestr(metadata.decode(errors="replace"))
            yield File(
                path=path,
                digest=digest(path),
                requires_python=fields["Requires-Python"],
                metadata=metadata if is_wheel else None,
            )


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, without holding all of it in memory."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def make_json(project: str, prefix: str, files: Iterable[File]) -> bytes:
    """Return a project's page as JSON."""
    return json.dumps(
        {
            "meta": {"api-version": "1.1"},
            "name": project,
            "versions": sorted({_version(file.path.name) for file in files}),
            "files": [_json_entry(prefix, file) for file in files],
        }
    ).encode()


def make_html(prefix: str, files: Iterable[File]) -> bytes:
    """Return a project's page as HTML."""
    links = "".join(f"{_html_link(prefix, file)}<br>\n" for file in files)
    return f"<!DOCTYPE html><html><body>\n{links}</body></html>".encode()


def _json_entry(prefix: str, file: File) -> Mapping[str, object]:
    core_metadata = {"sha256": file.metadata_digest} if file.metadata is not None else False
    return {
        "filename": file.path.name,
        "url": f"{prefix}/{file.path.name}",
        "hashes": {"sha256": file.digest},
        "size": file.path.stat().st_size,
        "requires-python": file.requires_python,
        "yanked": False,
        "core-metadata": core_metadata,
        "data-dist-info-metadata": core_metadata,
    }


def _html_link(prefix: str, file: File) -> str:
    attributes = {"href": f"{prefix}/{file.path.name}#sha256={file.digest}"}
    if file.requires_python is not None:
        attributes["data-requires-python"] = file.requires_python
    if file.metadata is not None:
        for name in ["data-core-metadata", "data-dist-info-metadata"]:
            attributes[name] = f"sha256={file.metadata_digest}"
    text = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {text}>{file.path.name}</a>"


def _page(content_type: str, body: bytes) -> Answer:
    return Answer(
        content_type=content_type,
        body=body,
        size_bytes=len(body),
        etag=f'"{hashlib.sha256(body).hexdigest()}"',
        cache_control=SHORT,
    )


def _file_answers(url: str, file: File) -> Iterator[tuple[tuple[str, str], Answer]]:
    size = file.path.stat().st_size
    kind = "application/octet-stream"
    sent = Answer(content_type=kind, body=file.path, size_bytes=size, etag=f'"{file.digest}"', cache_control=LONG)
    yield (url, HTML), sent
    if (body := file.metadata) is not None:
        etag = f'"{file.metadata_digest}"'
        found = Answer(content_type=kind, body=body, size_bytes=len(body), etag=etag, cache_control=LONG)
        yield (f"{url}.metadata", HTML), found


def _version(filename: str) -> str:
    return filename.split("-")[1] if filename.endswith(".whl") else filename[: -len(".tar.gz")].rsplit("-", 1)[1]


def _wheel_metadata(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        (name,) = (name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        return archive.read(name)


def _sdist_metadata(path: Path) -> bytes:
    with tarfile.open(path) as archive:
        for member in archive:
            if re.fullmatch(r"[^/]+/PKG-INFO", member.name) and (file := archive.extractfile(member)) is not None:
                return file.read()
    return b""
