"""A package index over a folder of files, which counts what is asked of it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(kw_only=True)
class Index:
    """A Simple API server; every switch may be turned at any time.

    Projects are at ``/simple/<name>/``. A file is at any path that ends with its name, as long as *prefix* is what the
    project pages point to.
    """

    folder: Path
    hash_names: Sequence[str] = ("sha256",)
    """What project pages say of each file; HTML has room for the first one only."""

    has_json: bool = False
    prefix: str = "files"
    cache_control: str | None = None
    """Of files and pages."""

    yanked: dict[str, str] = field(default_factory=dict)
    """Reasons by file name."""

    credentials: str | None = None
    """``user:password``, asked for on every path."""

    requests: list[str] = field(default_factory=list)
    """Paths that were answered with 200, in order."""

    def __post_init__(self) -> None:
        """Start listening on a free port."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def netloc(self) -> str:
        """Host and port, with the credentials when there are any."""
        host = f"127.0.0.1:{self._server.server_port}"
        return f"{self.credentials}@{host}" if self.credentials else host

    @property
    def url(self) -> str:
        """For ``--index-url``."""
        return f"http://{self.netloc}/simple/"

    @property
    def page_url(self) -> str:
        """A page with links to all files, for ``--find-links``."""
        return f"http://{self.netloc}/links.html"

    @property
    def options(self) -> list[str]:
        """The command line that makes pip use this index alone."""
        return ["--index-url", self.url]

    def file_url(self, name: str, prefix: str = "direct") -> str:
        """Return a URL of a file that is not the one on the project's page."""
        return f"http://{self.netloc}/{prefix}/{name}"

    def downloads(self, name: str) -> int:
        """Return how often the file *name* was sent."""
        return sum(path.rsplit("/", 1)[-1] == name for path in self.requests)

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, accept: str) -> tuple[str, bytes] | None:
        """Return the content type and the body for *path*, or ``None`` when there is nothing."""
        *_, folder, name = ["", *path.strip("/").split("/")]
        if (self.folder / name).is_file():
            return "application/octet-stream", (self.folder / name).read_bytes()
        if path == "/links.html":
            return "text/html", self._html(sorted(self.folder.iterdir()))
        files = [file for file in sorted(self.folder.iterdir()) if _project_of(file.name) == name]
        if folder != "simple" or not files:
            return None
        if self.has_json and _JSON in accept:
            return _JSON, self._json(name, files)
        return "text/html", self._html(files)

    def _html(self, files: list[Path]) -> bytes:
        links = []
        for file in files:
            fragment = "".join(f"#{name}={_digest(name, file)}" for name in self.hash_names[:1])
            yanked = f' data-yanked="{html.escape(self.yanked[file.name])}"' if file.name in self.yanked else ""
            links.append(f'<a href="/{self.prefix}/{file.name}{fragment}"{yanked}>{file.name}</a><br>')
        return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()

    def _json(self, project: str, files: list[Path]) -> bytes:
        entries = [
            {
                "filename": file.name,
                "url": f"/{self.prefix}/{file.name}",
                "hashes": {name: _digest(name, file) for name in self.hash_names},
                "yanked": self.yanked.get(file.name, False),
            }
            for file in files
        ]
        return json.dumps({"meta": {"api-version": "1.0"}, "name": project, "files": entries}).encode()


def _handler_of(index: Index) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            if not self._is_allowed():
                self._send(401, "text/plain", b"")
            elif (found := index.answer(path, self.headers.get("Accept", ""))) is None:
                self._send(404, "text/plain", b"")
            else:
                index.requests.append(path)
                self._send(200, *found)

        def _is_allowed(self) -> bool:
            if index.credentials is None:
                return True
            expected = "Basic " + base64.b64encode(index.credentials.encode()).decode()
            return self.headers.get("Authorization") == expected

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if index.cache_control:
                self.send_header("Cache-Control", index.cache_control)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name in the base class)
            """Say nothing."""

    return Handler


def _digest(name: str, file: Path) -> str:
    return hashlib.new(name, file.read_bytes()).hexdigest()


def _project_of(filename: str) -> str:
    name = filename.split("-", 1)[0] if filename.endswith(".whl") else filename.rsplit("-", 1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()
