"""A package index over a folder of files, which counts what is asked of it; certificates, and a forward proxy."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import select
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

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

    certificate: Path | None = None
    """A file with a certificate and its key: HTTPS is spoken."""

    client_certificate: Path | None = None
    """Asked of whoever connects, by HTTPS."""

    requests: list[str] = field(default_factory=list)
    """Paths that were answered with 200, in order."""

    def __post_init__(self) -> None:
        """Start listening on a free port."""
        self._server = _start(_handler_of(self), self._make_context())

    def _make_context(self) -> ssl.SSLContext | None:
        if self.certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        if self.client_certificate is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.client_certificate)
        return context

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return "https" if self.certificate else "http"

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def netloc(self) -> str:
        """Host and port, with the credentials when there are any."""
        return f"{quote(self.credentials, safe=':')}@{self.host}" if self.credentials else self.host

    @property
    def url(self) -> str:
        """For ``--index-url``."""
        return f"{self.scheme}://{self.netloc}/simple/"

    @property
    def plain_url(self) -> str:
        """The same without credentials."""
        return f"{self.scheme}://{self.host}/simple/"

    @property
    def page_url(self) -> str:
        """A page with links to all files, for ``--find-links``."""
        return f"{self.scheme}://{self.netloc}/links.html"

    @property
    def options(self) -> list[str]:
        """The command line that makes pip use this index alone."""
        return ["--index-url", self.url]

    def file_url(self, name: str, prefix: str = "direct") -> str:
        """Return a URL of a file that is not the one on the project's page."""
        return f"{self.scheme}://{self.netloc}/{prefix}/{name}"

    def downloads(self, name: str) -> int:
        """Return how often the file *name* was sent."""
        return sum(path.rsplit("/", 1)[-1] == name for path in self.requests)

    def stop(self) -> None:
        """Stop listening."""
        _stop(self._server)

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


@dataclass(kw_only=True)
class Proxy:
    """A forward proxy: plain HTTP is passed on, HTTPS goes through a tunnel."""

    credentials: str | None = None
    """``user:password``, asked for."""

    requests: list[str] = field(default_factory=list)
    """URLs, and hosts that tunnels lead to, in order."""

    def __post_init__(self) -> None:
        """Start listening on a free port."""
        self._server = _start(_proxy_handler_of(self), None)

    @property
    def url(self) -> str:
        """For ``--proxy``."""
        credentials = f"{quote(self.credentials, safe=':')}@" if self.credentials else ""
        return f"http://{credentials}127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Stop listening."""
        _stop(self._server)


def make_certificate(file: Path, name: str) -> Path:
    """Write a certificate that its own key has signed, and the key, into *file*, with the program ``openssl``."""
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", str(file), "-out", f"{file}.certificate"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    certificate = Path(f"{file}.certificate")
    file.write_text(file.read_text() + certificate.read_text())
    certificate.unlink()
    return file


def _start(handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


def _stop(server: ThreadingHTTPServer) -> None:
    server.shutdown()
    server.server_close()


def _is_basic(header: str | None, credentials: str | None) -> bool:
    """Tell whether a header has the credentials that are asked for."""
    return credentials is None or header == "Basic " + base64.b64encode(credentials.encode()).decode()


def _proxy_handler_of(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self._is_allowed():
                return
            url = urlsplit(self.path)
            connection = HTTPConnection(url.netloc, timeout=10)
            passed = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
            connection.request("GET", url._replace(scheme="", netloc="").geturl(), headers=passed)
            answer = connection.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.read())
            connection.close()

        def do_CONNECT(self) -> None:
            if not self._is_allowed():
                return
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port)), timeout=10) as there:
                self.send_response(200)
                self.end_headers()
                _tunnel(self.connection, there)

        def _is_allowed(self) -> bool:
            is_allowed = _is_basic(self.headers.get("Proxy-Authorization"), proxy.credentials)
            if is_allowed:
                proxy.requests.append(self.path)
            else:
                self.send_error(407)
            return is_allowed

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name in the base class)
            """Say nothing."""

    return Handler


def _tunnel(here: socket.socket, there: socket.socket) -> None:
    """Pass on what comes from either side, until one of them ends."""
    other = {here: there, there: here}
    while True:
        for side in select.select([here, there], [], [], 10)[0] or [here]:
            data = side.recv(1 << 16)
            if not data:
                return
            other[side].sendall(data)


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
            return _is_basic(self.headers.get("Authorization"), index.credentials)

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
