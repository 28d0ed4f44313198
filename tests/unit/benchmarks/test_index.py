"""The package index of the benchmarks: pages, hashes, metadata, and the headers of a public index."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from index import Server, running_index
from pages import JSON, LONG, SHORT
from synthetic import make_wheel

WHEEL = "bench_0001-1.0-py3-none-any.whl"


@dataclass(frozen=True)
class Response:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder of one index, with a wheel and an sdist of two projects."""
    (tmp_path / "small").mkdir()
    make_wheel(tmp_path / "small", "bench-0001")
    with tarfile.open(tmp_path / "small" / "Some.Thing-2.0.tar.gz", "w:gz") as archive:
        text = b"Metadata-Version: 1.0\nName: Some.Thing\nVersion: 2.0\n"
        member = tarfile.TarInfo("Some.Thing-2.0/PKG-INFO")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    return tmp_path


@pytest.fixture
def connection(root: Path) -> Iterator[http.client.HTTPConnection]:
    """Return one connection, for all requests of a test."""
    with Server(root) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        found = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
        yield found
        found.close()
        server.shutdown()


def ask(connection: http.client.HTTPConnection, path: str, **headers: str) -> Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers=names)
    response = connection.getresponse()
    return Response(response.status, dict(response.headers), response.read())


class TestPages:
    """Project pages."""

    def test_json_where_it_is_accepted(self, connection: http.client.HTTPConnection, root: Path) -> None:
        """A page has what installers choose by, and the hashes of file and metadata."""
        response = ask(connection, "/small/bench-0001/", Accept=f"{JSON}, text/html;q=0.1")
        assert response.headers["Content-Type"] == JSON
        page = json.loads(response.body)
        (file,) = page["files"]
        assert (page["name"], page["versions"]) == ("bench-0001", ["1.0"])
        assert file["filename"] == WHEEL
        assert file["requires-python"] == ">=3.10"
        assert file["hashes"]["sha256"] == hashlib.sha256((root / "small" / WHEEL).read_bytes()).hexdigest()
        metadata = ask(connection, f"{file['url']}.metadata")
        assert file["core-metadata"]["sha256"] == hashlib.sha256(metadata.body).hexdigest()
        assert b"Name: bench-0001\n" in metadata.body

    def test_html_otherwise(self, connection: http.client.HTTPConnection, root: Path) -> None:
        """The same in attributes of a link."""
        response = ask(connection, "/small/bench-0001/", Accept="text/html")
        digest = hashlib.sha256((root / "small" / WHEEL).read_bytes()).hexdigest()
        assert response.headers["Content-Type"] == "text/html"
        assert f'href="/files/small/{WHEEL}#sha256={digest}"' in response.body.decode()
        assert 'data-requires-python="&gt;=3.10"' in response.body.decode()
        assert 'data-core-metadata="sha256=' in response.body.decode()

    def test_sdist_has_no_metadata(self, connection: http.client.HTTPConnection) -> None:
        """What an sdist says of itself is not what counts; its project is found by the normalised name."""
        page = json.loads(ask(connection, "/small/some-thing/", Accept=JSON).body)
        (file,) = page["files"]
        assert (page["versions"], file["core-metadata"], file["requires-python"]) == (["2.0"], False, None)
        assert ask(connection, f"{file['url']}.metadata").status == 404

    def test_other_projects_are_not_there(self, connection: http.client.HTTPConnection) -> None:
        """Neither in this index, nor in others; the connection is still good."""
        assert [ask(connection, path).status for path in ["/small/other/", "/large/bench-0001/", "/"]] == [404] * 3
        assert ask(connection, "/small/bench-0001/").status == 200


class TestCaching:
    """Headers that let clients keep what they got."""

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("/small/bench-0001/", SHORT),
            (f"/files/small/{WHEEL}", LONG),
            (f"/files/small/{WHEEL}.metadata", LONG),
        ],
    )
    def test_headers(self, connection: http.client.HTTPConnection, path: str, expected: str) -> None:
        """Pages are fresh for ten minutes, files for good; asked for by ETag, nothing is sent again."""
        first = ask(connection, path)
        assert (first.status, first.headers["Cache-Control"]) == (200, expected)
        assert abs(parsedate_to_datetime(first.headers["Date"]).timestamp() - time.time()) < 60
        again = ask(connection, path, If_None_Match=first.headers["ETag"])
        assert (again.status, again.body) == (304, b"")
        assert (again.headers["ETag"], again.headers["Cache-Control"]) == (first.headers["ETag"], expected)
        assert ask(connection, path, If_None_Match='"other"').status == 200

    def test_formats_have_different_etags(self, connection: http.client.HTTPConnection) -> None:
        """A page in one format is not taken for one in the other."""
        answers = [ask(connection, "/small/bench-0001/", Accept=kind) for kind in [JSON, "text/html"]]
        assert answers[0].headers["ETag"] != answers[1].headers["ETag"]
        assert {answer.headers["Vary"] for answer in answers} == {"Accept"}


def test_file_is_sent_whole(connection: http.client.HTTPConnection, root: Path) -> None:
    """Its bytes, with their number said before."""
    response = ask(connection, f"/files/small/{WHEEL}")
    assert response.body == (root / "small" / WHEEL).read_bytes()
    assert response.headers["Content-Length"] == str(len(response.body))


def test_process_of_its_own(root: Path) -> None:
    """The server answers from another process, which ends with the block."""
    with running_index(root) as url:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
        assert ask(connection, "/small/bench-0001/").status == 200
        connection.close()
    with pytest.raises(ConnectionRefusedError):
        connection.connect()
