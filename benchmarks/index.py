"""A package index on this machine, with the headers of the public one, in a process of its own.

usage: index.py FOLDER

Each folder in FOLDER is an index, at ``<URL>/<folder>/``. The URL is printed on the first line; the server ends when
its standard input does, and so with the process that started it.
"""

from __future__ import annotations

import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote

from pages import HTML, JSON, Answer, make_answers

MOST_WAITING = 256
"""Connections that are not yet accepted: uv opens many at once."""


class Server(socketserver.ThreadingTCPServer):
    """A Simple API server over folders of distributions."""

    request_queue_size = MOST_WAITING
    daemon_threads = True
    block_on_close = False

    def __init__(self, root: Path) -> None:
        """Read the folders in *root*, and listen on a free port."""
        self.answers = make_answers(root)
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def find(self, path: str, accept: str) -> Answer | None:
        """Return what is at *path*, as JSON if that is accepted and there is a choice."""
        found = self.answers.get((path, JSON)) if JSON in accept else None
        return found or self.answers.get((path, HTML))


class _Handler(socketserver.StreamRequestHandler):
    """Answers the requests of a connection, by hand: the standard library's handler takes longer than pip's request."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            while self._handle_one():
                pass
        except ConnectionError:
            """The client went away."""

    def _handle_one(self) -> bool:
        request = self.rfile.readline().split()
        if len(request) != 3:  # noqa: PLR2004 (method, target, version)
            return False
        method, target, _ = (part.decode("latin-1") for part in request)
        headers = dict(self._iter_headers())
        self._answer(unquote(target.partition("?")[0]), headers, has_body=method != "HEAD")
        return headers.get("connection", "").lower() != "close"

    def _iter_headers(self) -> Iterator[tuple[str, str]]:
        while line := self.rfile.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            yield name.lower(), value.strip()

    def _answer(self, path: str, headers: Mapping[str, str], *, has_body: bool) -> None:
        assert isinstance(self.server, Server)
        found = self.server.find(path, headers.get("accept", ""))
        if found is None:
            self._send("404 Not Found", {"Content-Length": "0"})
            return
        fields = {"ETag": found.etag, "Cache-Control": found.cache_control, "Vary": "Accept"}
        if headers.get("if-none-match") == found.etag:
            self._send("304 Not Modified", fields)
            return
        fields |= {"Content-Type": found.content_type, "Content-Length": str(found.size_bytes)}
        self._send("200 OK", fields, found.body if has_body else b"")

    def _send(self, status: str, fields: Mapping[str, str], body: bytes | Path = b"") -> None:
        fields = {"Date": formatdate(usegmt=True), **fields}  # without it, pip takes nothing for fresh
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        start = f"HTTP/1.1 {status}\r\n{head}\r\n".encode()
        if isinstance(body, bytes):
            self.connection.sendall(start + body)
            return
        self.connection.sendall(start)
        with body.open("rb") as file:
            self.connection.sendfile(file)


@contextmanager
def running_index(root: Path) -> Iterator[str]:
    """Serve the folders in *root*, and give the server's URL, without a slash at the end.

    :raises subprocess.CalledProcessError: the server did not start.
    """
    command = [sys.executable, __file__, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if not (url := process.stdout.readline().strip()):
                raise subprocess.CalledProcessError(process.wait(), command)
            yield url
        finally:
            process.stdin.close()


def main() -> None:
    """Serve until standard input ends."""
    with Server(Path(sys.argv[1])) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.url, flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
