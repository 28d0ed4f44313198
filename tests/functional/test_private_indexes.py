"""Private indexes: what pip can get at we can get at, and the secret is nowhere but where the user has put it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.factories import Backend, make_sdist, make_wheel
from tests.functional.commands import NO_BUILD, ONE_BUILD, Commands, Environment
from tests.functional.compared import Comparison
from tests.functional.pips import NEWEST_TESTED, PIP
from tests.functional.server import Index, Proxy, make_certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.functional.conftest import MakeEnvironment

CORE = "c0ffee5ec2e7d00d"
"""In every form of the secret but that of base64; letters and digits that no digest is likely to have in a row."""

SECRET = f"s%/+{CORE}@:="
"""With signs that have to be quoted in a URL."""

TOLD = f"user:{SECRET}"

needs_certificates = pytest.mark.skipif(
    shutil.which("openssl") is None or PIP < (26, 1),
    reason="openssl makes them, and pip before 26.1 knows no IP addresses",
)


def _forms() -> list[bytes]:
    """Return the secret as it may be written: plain, quoted, and in base64, wherever it begins in there."""
    encoded = [base64.b64encode(f"{before}{SECRET}".encode()).decode() for before in ["user:", "", "x", "xx"]]
    # The signs at the ends have something of their neighbours in them.
    texts = [CORE, SECRET, quote(SECRET, safe=""), *(text[4:-4] for text in encoded)]
    texts += [text.replace("+", "-").replace("/", "_") for text in texts]
    return [text.encode() for text in texts]


FORMS = _forms()


def tells(text: str | bytes) -> bool:
    """Tell whether the secret is in *text*, in any form."""
    data = text.encode() if isinstance(text, str) else text
    return any(form in data for form in FORMS)


def files_that_tell(folder: Path) -> list[Path]:
    """Return the files below *folder* that have the secret in their names or in what is in them, archives unpacked."""
    return [path for path in folder.rglob("*") if tells(os.fsencode(path.name)) or (path.is_file() and _has(path))]


def _has(path: Path) -> bool:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return any(tells(archive.read(name)) for name in archive.namelist())
    return tells(path.read_bytes())


def test_secret_is_found_where_it_is(tmp_path: Path) -> None:
    """In every form, in an archive and in a name: the tests below look for something."""
    for number, form in enumerate([SECRET, TOLD, f"x{SECRET}", f"xx{SECRET}"]):
        (tmp_path / f"{number}.json").write_text(json.dumps({"data": base64.b64encode(form.encode()).decode()}))
    (tmp_path / "url").write_text(f"https://user:{quote(SECRET, safe='')}@example.org")
    (tmp_path / CORE).touch()
    make_wheel(tmp_path, files={"simple.py": f"TOKEN = {SECRET!r}\n"})
    make_wheel(tmp_path, name="innocent")
    assert len(files_that_tell(tmp_path)) == 7


@pytest.fixture
def private(index: Index) -> Index:
    """Return an index that asks for the secret: ``simple``, an sdist that is built with ``tool``, and more."""
    index.credentials = TOLD
    make_wheel(index.folder, name="tool")
    make_sdist(index.folder, build_requires=["tool"])
    return index


@pytest.fixture
def compare(make_environment: MakeEnvironment, pip: Commands, pipcache: Commands, tmp_path: Path) -> Comparison:
    """Return what runs both sides."""
    return Comparison(make_environment, pip, pipcache, tmp_path)


def netrc(folder: Path, password: str = SECRET) -> dict[str, str]:
    """Write a file of passwords, and return the variable that names it."""
    path = folder / "passwords"
    path.write_text(f"machine 127.0.0.1 login user password {password}\n")
    path.chmod(0o600)
    return {"NETRC": str(path)}


def keyring(folder: Path) -> Path:
    """Write a ``keyring`` that knows the secret, as a module and as a program, and return the folder of both."""
    folder.mkdir()
    (folder / "keyring.py").write_text(
        "class Credential:\n    username, password = 'user', '@'\n\n"
        "def get_credential(service, username):\n    return Credential()\n".replace("@", SECRET)
    )
    credentials = json.dumps({"username": "user", "password": SECRET})
    # An older pip asks for the password of a user, a newer one for both as JSON.
    code = f"import sys\nprint({credentials!r} if any('json' in arg for arg in sys.argv) else {SECRET!r})\n"
    (folder / "keyring").write_text(f"#!{sys.executable}\n{code}")
    (folder / "keyring").chmod(0o755)
    return folder


def ways(private: Index, folder: Path) -> Iterator[tuple[list[str], Mapping[str, str]]]:
    """Go through the ways to tell the secret: options of the command, and variables."""
    configuration = folder / "private.conf"
    configuration.write_text(f"[global]\nindex-url = {private.url}\n")
    known = keyring(folder / "keyring")
    plain = ["--index-url", private.plain_url]
    yield private.options, {}
    yield [], {"PIP_INDEX_URL": private.url}
    yield [], {"PIP_INDEX_URL": "", "PIP_CONFIG_FILE": str(configuration)}
    yield plain, netrc(folder)
    yield [*named(private), "--keyring-provider", "import"], {"PYTHONPATH": str(known)}
    path = os.pathsep.join([str(known), os.environ["PATH"]])
    yield [*named(private), "--keyring-provider", "subprocess"], {"PATH": path}


def named(private: Index) -> list[str]:
    """Return the options for an index of whose user only the name is told."""
    return ["--index-url", private.plain_url.replace("//", "//user@")]


def test_every_way_to_tell_a_secret(
    private: Index, make_environment: MakeEnvironment, pipcache: Commands, tmp_path: Path
) -> None:
    """Each leads to the same wheel, built once; afterwards the secret is in no file of ours, and nothing tells it."""
    private.cache_control = "max-age=600"
    log = tmp_path / "log"
    said = ""
    words: list[str] = []
    for options, variables in ways(private, tmp_path):
        result = pipcache.ok(
            "install", "simple", "--log", log, *words, *options, into=make_environment(), env=variables
        )
        said += result.output
        # Not for the first: build requirements of one who wants more words are not looked for here.
        words = ["-v"]
    assert pipcache.take_calls() == ONE_BUILD
    assert len(pipcache.wheels) == 1
    # What a build requires is asked for again by one who has another name, who might not be let in.
    private.credentials = f"other:{SECRET}"
    make_sdist(private.folder, name="another", build_requires=["tool"])
    pipcache.ok("install", "another", "--log", log, *private.options, into=make_environment())
    assert list(pipcache.store.glob("resolutions/*/*")) == []
    for command in [["explain", "simple"], ["cache", "list", "--format", "json"], ["doctor"], ["cache", "info"]]:
        result = pipcache(*command, env={"PIP_INDEX_URL": private.url})
        assert "Traceback" not in result.output
        said += result.output
    assert not tells(said)
    assert not tells(log.read_bytes())
    assert files_that_tell(pipcache.root) == []


def test_build_requirements_of_a_keyring(
    private: Index, make_environment: MakeEnvironment, pipcache: Commands, tmp_path: Path
) -> None:
    """The process that installs them asks the program that the user has named, for an sdist among them as well."""
    make_sdist(private.folder, name="outer", build_requires=["simple"])
    variables = {"PATH": os.pathsep.join([str(keyring(tmp_path / "keyring")), os.environ["PATH"]])}
    options = [*named(private), "--keyring-provider", "subprocess"]
    pipcache.ok("install", "outer", *options, into=make_environment(), env=variables)
    assert pipcache.take_calls()["build_wheel"] == 2
    assert files_that_tell(pipcache.root) == []


def test_same_sdist_from_a_mirror(
    private: Index, make_index: Callable[..., Index], make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """An open mirror, another password, another place below it: the sdist's own digest is what counts."""
    mirror = make_index(prefix="elsewhere")
    pipcache.ok("install", "simple", *private.options, into=make_environment())
    assert pipcache.take_calls() == ONE_BUILD
    private.credentials = "somebody:else"
    for options in [private.options, mirror.options]:
        pipcache.ok("install", "simple", *options, into=make_environment())
    assert pipcache.take_calls() == NO_BUILD
    assert private.downloads("simple-1.0.tar.gz") + mirror.downloads("simple-1.0.tar.gz") == 1


@pytest.mark.parametrize("which", ["none", "of a URL", "of a file"])
def test_wrong_credentials_fail_as_with_pip(
    private: Index, compare: Comparison, pipcache: Commands, tmp_path: Path, which: str
) -> None:
    """The words and the exit status are pip's; with the wheel in the store as well, which lets nobody in."""
    if which == "none":
        pipcache.ok("install", "simple", *private.options, "--target", tmp_path / "target")
    url = private.url.replace("user:", "nobody:") if which == "of a URL" else private.plain_url
    variables = netrc(tmp_path, f"wrong{CORE}") if which == "of a file" else {}
    ours = compare("install", "simple", "--index-url", url, env=variables)
    assert ours.result is not None
    assert ours.result.returncode == 1
    is_told = which == "of a URL" and PIP >= NEWEST_TESTED
    assert ("401 Error, Credentials not correct" in ours.result.output) == is_told
    assert not tells(ours.result.output)
    assert files_that_tell(pipcache.root) == []


FAILURES = {
    "build requirement that is not there": "lacking",
    "hook that fails": "failing",
    "hash that is wrong": "simple",
}


@pytest.mark.parametrize("which", FAILURES)
def test_failures_tell_nothing(
    private: Index, environment: Environment, pipcache: Commands, tmp_path: Path, which: str
) -> None:
    """Neither with ``-v``, where pip shows the whole command that failed, nor in its log, nor in what is left."""
    make_sdist(private.folder, name="lacking", build_requires=["absent"])
    make_sdist(private.folder, name="failing", build_requires=["tool"], backend=Backend(fails_in="build_wheel"))
    requirements, log = tmp_path / "requirements.txt", tmp_path / "log"
    digest = f" --hash=sha256:{'0' * 64}" if which.startswith("hash") else ""
    requirements.write_text(
        f"--index-url {private.plain_url.replace('//', '//user:${TOKEN}@')}\n{FAILURES[which]}==1.0{digest}\n"
    )
    variables = {"TOKEN": quote(SECRET, safe=""), "PIP_INDEX_URL": ""}
    result = pipcache("install", "-r", requirements, "-v", "--log", log, into=environment, env=variables)
    assert result.returncode == 1
    assert ("full command" in result.output) == (not digest)
    assert not tells(result.output)
    assert not tells(log.read_bytes())
    assert files_that_tell(pipcache.root) == []


def test_direct_url(private: Index, compare: Comparison, pipcache: Commands, make_environment: MakeEnvironment) -> None:
    """With credentials in it: what is installed says what pip says of it, and the second time it is a hit."""
    requirement = f"simple @ {private.file_url('simple-1.0.tar.gz')}"
    ours = compare("install", requirement, env={"PIP_INDEX_URL": private.url})
    assert '"url": "http://127.0.0.1' in str(ours.environment.tree)
    pipcache.take_calls()
    pipcache.ok("install", requirement, into=make_environment(), env={"PIP_INDEX_URL": private.url})
    assert pipcache.take_calls() == NO_BUILD
    assert files_that_tell(pipcache.root) == []


def test_config_setting_with_a_password(index: Index, environment: Environment, pipcache: Commands) -> None:
    """Config settings are told, credentials of URLs in them are not."""
    make_sdist(index.folder)
    setting = f"mirror=https://user:{quote(SECRET, safe='')}@example.org/x"
    pipcache.ok("install", "simple", "-C", setting, *index.options, into=environment)
    listed = pipcache.ok("cache", "list", "--format", "json").stdout
    assert '"https://****@example.org/x"' in listed
    assert files_that_tell(pipcache.root) == []


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with certificates of a server, of a client, and of somebody else."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ["server", "client", "other"]:
        make_certificate(folder / f"{name}.pem", name)
    return folder


@pytest.fixture
def tls(private: Index, certificates: Path, make_index: Callable[..., Index]) -> Index:
    """Return the same index by HTTPS, which asks for a certificate as well."""
    names = {"certificate": certificates / "server.pem", "client_certificate": certificates / "client.pem"}
    return make_index(credentials=TOLD, **names)


@needs_certificates
def test_any_server(tls: Index, environment: Environment, certificates: Path, pipcache: Commands) -> None:
    """``--trusted-host`` holds for build requirements, and so does ``--client-cert``."""
    words = ["--trusted-host", "127.0.0.1", "--client-cert", str(certificates / "client.pem")]
    pipcache.ok("install", "simple", *words, *tls.options, into=environment)
    assert tls.downloads("tool-1.0-py3-none-any.whl") == 1
    assert files_that_tell(pipcache.root) == []


@needs_certificates
@pytest.mark.parametrize("known", [None, "other.pem", "absent.pem"])
def test_server_that_is_not_trusted(tls: Index, compare: Comparison, certificates: Path, known: str | None) -> None:
    """What is refused is refused in pip's words, a file that is not there among them."""
    words = ["--cert", str(certificates / known)] if known else []
    ours = compare("install", "simple", *words, "--client-cert", certificates / "client.pem", *tls.options)
    assert ours.outcome[0] == 1
    assert tls.requests == []


@needs_certificates
def test_client_without_a_certificate(
    tls: Index, environment: Environment, certificates: Path, pipcache: Commands
) -> None:
    """Is not let in, and is told so."""
    result = pipcache("install", "simple", "--cert", certificates / "server.pem", *tls.options, into=environment)
    assert result.returncode == 1
    assert tls.requests == []
    assert not tells(result.output)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Return a proxy that asks for the secret."""
    proxy = Proxy(credentials=TOLD)
    yield proxy
    proxy.stop()


@needs_certificates
def test_tunnel(tls: Index, proxy: Proxy, compare: Comparison, certificates: Path, pipcache: Commands) -> None:
    """``--proxy`` with credentials, to an index by HTTPS; all that is asked for goes there."""
    words = ["--cert", str(certificates / "server.pem"), "--client-cert", str(certificates / "client.pem")]
    ours = compare("install", "simple", *words, *tls.options, "--proxy", proxy.url)
    assert ours.outcome[0] == 0
    assert set(proxy.requests) == {tls.host}
    assert files_that_tell(pipcache.root) == []


def test_proxy(private: Index, proxy: Proxy, compare: Comparison, environment: Environment, pipcache: Commands) -> None:
    """``--proxy``, to an index by HTTP: with the right credentials all goes there, with wrong ones nothing."""
    pipcache.ok("install", "simple", *private.options, "--proxy", proxy.url, into=environment)
    assert {f"{private.plain_url}simple/", f"{private.plain_url}tool/"} <= {*proxy.requests}
    ours = compare("install", "simple", *private.options, "--proxy", proxy.url.replace("user:", "nobody:"))
    assert ours.result is not None
    assert ours.result.returncode == 1
    assert not tells(ours.result.output)
    assert files_that_tell(pipcache.root) == []
