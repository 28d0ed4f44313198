"""Sources are known by content: where an sdist or a commit comes from does not count, what is in it does."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_sdist, make_source_tree
from tests.functional.commands import NO_BUILD, ONE_BUILD, Commands, Environment, builds

if TYPE_CHECKING:
    from tests.functional.conftest import GitRepository, MakeEnvironment
    from tests.functional.server import Index

Install = Callable[..., Environment]


@pytest.fixture
def install(make_environment: MakeEnvironment, pipcache: Commands) -> Install:
    """Return a function that installs into a fresh environment and returns it."""

    def into_fresh(*args: str | Path, env: dict[str, str] | None = None) -> Environment:
        environment = make_environment()
        pipcache.ok("install", *args, into=environment, env=env)
        return environment

    return into_fresh


@pytest.fixture
def built(index: Index, install: Install, pipcache: Commands) -> Path:
    """Install ``simple`` from the index, and return its sdist."""
    sdist = make_sdist(index.folder)
    install("simple", *index.options)
    assert pipcache.take_calls() == ONE_BUILD
    return sdist


@pytest.mark.usefixtures("built")
def test_other_index_is_a_hit(make_index: Callable[..., Index], install: Install, pipcache: Commands) -> None:
    """The same sdist on a mirror, under another path, is not fetched from there."""
    mirror = make_index(prefix="mirrored/packages")
    install("simple", *mirror.options)
    assert pipcache.take_calls() == NO_BUILD
    assert mirror.requests == ["/simple/simple/"]


@pytest.mark.usefixtures("built")
def test_index_in_json_is_a_hit(make_index: Callable[..., Index], install: Install, pipcache: Commands) -> None:
    """The hash may come from a JSON page with several hashes."""
    mirror = make_index(has_json=True, hash_names=["md5", "sha512", "sha256"])
    install("simple", *mirror.options)
    assert pipcache.take_calls() == NO_BUILD
    assert mirror.requests == ["/simple/simple/"]


@pytest.mark.parametrize("hash_names", [[], ["sha512"], ["md5"]])
def test_index_without_sha256_is_a_hit_after_the_download(
    built: Path, make_index: Callable[..., Index], install: Install, pipcache: Commands, hash_names: list[str]
) -> None:
    """Where the page does not tell the SHA-256, the file is downloaded, once, and recognised."""
    mirror = make_index(hash_names=hash_names)
    install("simple", *mirror.options)
    assert pipcache.take_calls() == NO_BUILD
    assert mirror.downloads(built.name) == 1


def test_index_without_hashes_fills_the_store(
    make_index: Callable[..., Index], install: Install, pipcache: Commands
) -> None:
    """What was built from an index without hashes serves an index with hashes."""
    plain, hashed = make_index(hash_names=[]), make_index()
    sdist = make_sdist(plain.folder)
    install("simple", *plain.options)
    install("simple", *hashed.options)
    assert pipcache.take_calls() == ONE_BUILD
    assert hashed.downloads(sdist.name) == 0


def test_find_links_folder_is_a_hit(built: Path, install: Install, pipcache: Commands) -> None:
    """A local folder of sdists is a place like any other."""
    install("simple", "--no-index", "--find-links", built.parent)
    assert pipcache.take_calls() == NO_BUILD


def test_find_links_folder_fills_the_store(index: Index, install: Install, pipcache: Commands) -> None:
    """What was built from a folder is not built again from the folder, nor from an index."""
    make_sdist(index.folder)
    for options in [["--no-index", "--find-links", index.folder]] * 2 + [index.options]:
        install("simple", *options)
    assert pipcache.take_calls() == ONE_BUILD


@pytest.mark.usefixtures("built")
def test_find_links_page_is_a_hit(index: Index, install: Install, pipcache: Commands) -> None:
    """A page of links with hashes is a place like any other."""
    install("simple", "--no-index", "--find-links", index.page_url)
    assert pipcache.take_calls() == NO_BUILD


def test_direct_url_is_a_hit(built: Path, index: Index, install: Install, pipcache: Commands) -> None:
    """``name @ URL`` is downloaded, when it has no hash, and recognised."""
    install(f"simple @ {index.file_url(built.name)}")
    assert pipcache.take_calls() == NO_BUILD


def test_direct_url_with_hash_is_a_hit(built: Path, index: Index, install: Install, pipcache: Commands) -> None:
    """``name @ URL#sha256=…``: the claim is checked, and the file is known."""
    digest = hashlib.sha256(built.read_bytes()).hexdigest()
    install(f"simple @ {index.file_url(built.name, 'hashed')}#sha256={digest}")
    assert pipcache.take_calls() == NO_BUILD


def test_hash_in_a_direct_url_is_a_claim(
    built: Path, index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """The hash of another file that was built before does not make this one that: a wrong hash is fatal."""
    digest = hashlib.sha256(built.read_bytes()).hexdigest()
    other = make_sdist(index.folder, name="simple", version="2.0")
    url = f"simple @ {index.file_url(other.name)}#sha256={digest}"
    result = pipcache("install", url, *index.options, into=make_environment())
    assert result.returncode == 1
    assert "DO NOT MATCH THE HASHES" in result.stderr


def test_bare_url_is_a_hit(built: Path, index: Index, install: Install, pipcache: Commands) -> None:
    """A URL without a name is recognised, with and without a hash."""
    digest = hashlib.sha256(built.read_bytes()).hexdigest()
    for url in [index.file_url(built.name), f"{index.file_url(built.name)}#sha256={digest}"]:
        environment = install(url)
        assert environment.distributions == {"simple-1.0"}
    assert pipcache.take_calls() == NO_BUILD


def test_bare_url_fills_the_store(index: Index, install: Install, pipcache: Commands) -> None:
    """What was built from a URL without a name serves the index, and the URL itself."""
    sdist = make_sdist(index.folder)
    install(index.file_url(sdist.name))
    install(index.file_url(sdist.name))
    install("simple", *index.options)
    assert pipcache.take_calls() == ONE_BUILD


def test_archive_with_another_name_is_a_hit(built: Path, index: Index, install: Install, pipcache: Commands) -> None:
    """The file's name does not count, for example a forge's ``main.tar.gz``."""
    (index.folder / "main.tar.gz").write_bytes(built.read_bytes())
    install(f"simple @ {index.file_url('main.tar.gz')}")
    assert pipcache.take_calls() == NO_BUILD


@pytest.mark.parametrize("hash_names", [["sha256"], []])
def test_archive_replaced_in_place_is_built_again(
    make_index: Callable[..., Index], install: Install, pipcache: Commands, hash_names: list[str]
) -> None:
    """The same URL with other bytes is another source."""
    index = make_index(hash_names=hash_names)
    for text in ["VALUE = 1\n", "VALUE = 2\n"]:
        make_sdist(index.folder, modules={"simple.py": text})
        assert install("simple", *index.options).imports("simple.VALUE") == text[8]
        assert pipcache.take_calls() == ONE_BUILD


def test_direct_url_replaced_in_place_is_built_again(index: Index, install: Install, pipcache: Commands) -> None:
    """The same direct URL with other bytes is another source."""
    for text in ["VALUE = 1\n", "VALUE = 2\n"]:
        sdist = make_sdist(index.folder, modules={"simple.py": text})
        assert install(f"simple @ {index.file_url(sdist.name)}").imports("simple.VALUE") == text[8]
        assert pipcache.take_calls() == ONE_BUILD


def test_find_links_archive_replaced_in_place_is_built_again(
    index: Index, install: Install, pipcache: Commands
) -> None:
    """A local file that changes under its name is another source."""
    for text in ["VALUE = 1\n", "VALUE = 2\n"]:
        make_sdist(index.folder, modules={"simple.py": text})
        environment = install("simple", "--no-index", "--find-links", index.folder)
        assert environment.imports("simple.VALUE") == text[8]
        assert pipcache.take_calls() == ONE_BUILD


@pytest.fixture
def repository(tmp_path: Path, make_repository: Callable[[Path], GitRepository]) -> GitRepository:
    """Return a repository with ``simple`` in it, one commit, a tag ``v1`` and the branch ``main``."""
    repository = make_repository(make_source_tree(tmp_path / "sources"))
    repository.commit()
    repository.git("tag", "v1")
    return repository


def test_commit_is_a_hit_from_another_remote(
    tmp_path: Path, repository: GitRepository, install: Install, pipcache: Commands
) -> None:
    """A full commit hash says what is built, whoever has it; it is not even cloned."""
    commit = repository.git("rev-parse", "HEAD")
    install(f"simple @ {repository.url}@{commit}")
    assert pipcache.take_calls() == ONE_BUILD
    install(f"simple @ {repository.url}@{commit}")
    install(f"simple @ {repository.clone(tmp_path / 'clone').url}@{commit}")
    install(f"simple @ git+file:///nowhere/at/all@{commit}")
    assert pipcache.take_calls() == NO_BUILD


def test_bare_commit_is_a_hit(repository: GitRepository, install: Install, pipcache: Commands) -> None:
    """A Git URL without a name, at a full commit hash."""
    commit = repository.git("rev-parse", "HEAD")
    for _ in range(2):
        assert install(f"{repository.url}@{commit}").distributions == {"simple-1.0"}
    assert pipcache.take_calls() == ONE_BUILD


def test_commit_with_egg_fragment_is_a_hit(repository: GitRepository, install: Install, pipcache: Commands) -> None:
    """The old ``#egg=name`` form names the same commit."""
    commit = repository.git("rev-parse", "HEAD")
    for requirement in [f"simple @ {repository.url}@{commit}", f"{repository.url}@{commit}#egg=simple"]:
        install(requirement)
    assert pipcache.take_calls() == ONE_BUILD


def test_other_commit_is_built(repository: GitRepository, install: Install, pipcache: Commands) -> None:
    """Another commit is another source."""
    first = repository.git("rev-parse", "HEAD")
    (repository.folder / "src" / "simple.py").write_text("VERSION = 'second'\n")
    second = repository.commit()
    assert install(f"simple @ {repository.url}@{first}").imports("simple.VERSION") == "1.0"
    assert install(f"simple @ {repository.url}@{second}").imports("simple.VERSION") == "second"
    assert pipcache.take_calls() == builds(2)


@pytest.mark.parametrize("revision", ["", "@main", "@v1", "@{short}"])
def test_moving_revision_is_not_stored(
    repository: GitRepository, install: Install, pipcache: Commands, revision: str
) -> None:
    """Default branch, branch, tag and short hash: built each time, and nothing is stored."""
    url = repository.url + revision.format(short=repository.git("rev-parse", "--short", "HEAD"))
    for _ in range(2):
        install(f"simple @ {url}")
        assert pipcache.take_calls() == ONE_BUILD
    assert pipcache.wheels == []


def test_branch_named_like_a_commit_is_not_stored(
    repository: GitRepository, install: Install, pipcache: Commands
) -> None:
    """A branch may have forty hex digits for a name; then it is a branch."""
    name = "0123456789" * 4
    repository.git("branch", name)
    for _ in range(2):
        install(f"simple @ {repository.url}@{name}")
        assert pipcache.take_calls() == ONE_BUILD
    assert pipcache.wheels == []


def test_tag_of_a_stored_commit_is_built(repository: GitRepository, install: Install, pipcache: Commands) -> None:
    """A tag is not looked up, although its commit is stored; and it leaves what is stored alone."""
    install(f"simple @ {repository.url}@{repository.git('rev-parse', 'HEAD')}")
    stored = pipcache.wheels
    install(f"simple @ {repository.url}@v1")
    assert pipcache.take_calls() == builds(2)
    assert pipcache.wheels == stored


def test_editable_commit_is_not_stored(repository: GitRepository, install: Install, pipcache: Commands) -> None:
    """``-e`` is built as an editable each time."""
    commit = repository.git("rev-parse", "HEAD")
    for _ in range(2):
        install("-e", f"{repository.url}@{commit}#egg=simple")
        assert pipcache.take_calls()["build_editable"] == 1
    assert pipcache.wheels == []


def test_local_folder_is_not_stored(tmp_path: Path, install: Install, pipcache: Commands) -> None:
    """A folder is built each time, and an edit in it shows."""
    folder = make_source_tree(tmp_path / "sources")
    for version in ["first", "second"]:
        (folder / "src" / "simple.py").write_text(f"VERSION = {version!r}\n")
        assert install(folder).imports("simple.VERSION") == version
        assert pipcache.take_calls() == ONE_BUILD
    assert pipcache.wheels == []


def test_editable_folder_is_not_stored(tmp_path: Path, install: Install, pipcache: Commands) -> None:
    """``-e`` is built each time."""
    folder = make_source_tree(tmp_path / "sources")
    for _ in range(2):
        install("-e", folder)
        assert pipcache.take_calls()["build_editable"] == 1
    assert pipcache.wheels == []


@pytest.mark.parametrize("form", ["{path}", "{uri}", "simple @ {uri}", "simple @ {uri}#sha256={sha256}"])
def test_local_archive_is_not_stored(tmp_path: Path, install: Install, pipcache: Commands, form: str) -> None:
    """An archive given by path or ``file:`` URL is built each time."""
    sdist = make_sdist(tmp_path / "archives")
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    for _ in range(2):
        install(form.format(path=sdist, uri=sdist.as_uri(), sha256=digest))
        assert pipcache.take_calls() == ONE_BUILD
    assert pipcache.wheels == []


def test_local_archive_is_not_looked_up(built: Path, install: Install, pipcache: Commands) -> None:
    """An archive given by path is built, although the store has a wheel of the same bytes."""
    install(built)
    assert pipcache.take_calls() == ONE_BUILD
    assert len(pipcache.wheels) == 1


def test_subdirectory_is_part_of_the_source(
    tmp_path: Path, make_repository: Callable[[Path], GitRepository], install: Install, pipcache: Commands
) -> None:
    """Two projects of one commit are two wheels; the same one is a hit, however its path is written."""
    root = make_source_tree(tmp_path / "sources", subdirectory="one")
    other = make_source_tree(tmp_path / "others", name="other", subdirectory="two")
    (other / "two").rename(root / "two")
    repository = make_repository(root)
    url = f"{repository.url}@{repository.commit()}"
    install(f"simple @ {url}#subdirectory=one")
    assert pipcache.take_calls() == ONE_BUILD
    install(f"other @ {url}#subdirectory=two")
    assert pipcache.take_calls() == ONE_BUILD
    install(f"simple @ {url}#subdirectory=one/")
    install(f"other @ {url}#subdirectory=./two")
    assert pipcache.take_calls() == NO_BUILD


def test_subdirectory_of_an_archive(index: Index, install: Install, pipcache: Commands) -> None:
    """An archive with its project in a subdirectory is a hit the second time."""
    sdist = make_sdist(index.folder, subdirectory="python")
    for _ in range(2):
        install(f"simple @ {index.file_url(sdist.name)}#subdirectory=python")
    assert pipcache.take_calls() == ONE_BUILD


def test_same_bytes_as_two_projects(index: Index, install: Install, pipcache: Commands) -> None:
    """An archive whose name says another project is refused as by pip, and a stored wheel does not change that."""
    sdist = make_sdist(index.folder)
    install("simple", *index.options)
    (index.folder / "other-1.0.tar.gz").write_bytes(sdist.read_bytes())
    result = pipcache("install", "other", *index.options, "--target", pipcache.work / "x")
    assert result.returncode == 1
    assert re.search("inconsistent name|No matching distribution|ResolutionImpossible", result.output)
