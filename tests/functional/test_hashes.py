"""Hash-checking mode is about the source: a stored wheel changes neither what is accepted nor what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_sdist, make_source_tree
from tests.functional.commands import NO_BUILD, ONE_BUILD, Commands
from tests.functional.trees import normalised

if TYPE_CHECKING:
    from tests.functional.conftest import GitRepository, MakeEnvironment
    from tests.functional.server import Index


def write_requirement(folder: Path, text: str) -> list[str]:
    """Write a requirements file and return the options that read it in hash-checking mode."""
    file = folder / "requirements.txt"
    file.write_text(f"{text}\n")
    return ["--require-hashes", "-r", str(file)]


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("hash_names", [["sha256"], ["sha512"], []])
def test_hash_of_the_source_is_enough(
    make_index: Callable[..., Index],
    make_environment: MakeEnvironment,
    pipcache: Commands,
    algorithm: str,
    hash_names: list[str],
) -> None:
    """Whatever hash the user pins and the index tells, the second run is a hit."""
    index = make_index(hash_names=hash_names)
    sdist = make_sdist(index.folder)
    pinned = f"--hash={algorithm}:{hashlib.new(algorithm, sdist.read_bytes()).hexdigest()}"
    options = write_requirement(index.folder.parent, f"simple==1.0 {pinned}")
    for expected in [ONE_BUILD, NO_BUILD]:
        environment = make_environment()
        pipcache.ok("install", *options, *index.options, into=environment)
        assert pipcache.take_calls() == expected
        assert environment.distributions == {"simple-1.0"}


def test_wheel_built_without_hashes_serves_hash_mode(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """A wheel stored by a run without hashes is a hit for one with, and is not downloaded when the index tells."""
    sdist = make_sdist(index.folder)
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    pinned = hashlib.sha256(sdist.read_bytes()).hexdigest()
    options = write_requirement(index.folder.parent, f"simple==1.0 --hash=sha256:{pinned}")
    pipcache.ok("install", *options, *index.options, into=make_environment())
    assert pipcache.take_calls() == ONE_BUILD
    assert index.downloads(sdist.name) == 1


def test_one_of_several_hashes_is_enough(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """As in a lock file that lists the hashes of all files of a release."""
    sdist = make_sdist(index.folder)
    pinned = hashlib.sha256(sdist.read_bytes()).hexdigest()
    options = write_requirement(index.folder.parent, f"simple==1.0 --hash=sha256:{'0' * 64} --hash=sha256:{pinned}")
    for _ in range(2):
        pipcache.ok("install", *options, *index.options, into=make_environment())
    assert pipcache.take_calls() == ONE_BUILD


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("is_stored", [False, True])
def test_wrong_hash_is_fatal_as_with_pip(
    index: Index,
    make_environment: MakeEnvironment,
    pipcache: Commands,
    pip: Commands,
    algorithm: str,
    *,
    is_stored: bool,
) -> None:
    """The message and exit status of pip, cold, and with the wheel in the store; no hook is called."""
    make_sdist(index.folder)
    if is_stored:
        for commands in [pip, pipcache]:
            commands.ok("install", "simple", *index.options, into=make_environment())
            commands.take_calls()
    wrong = "0" * (hashlib.new(algorithm).digest_size * 2)
    options = write_requirement(index.folder.parent, f"simple==1.0 --hash={algorithm}:{wrong}")
    said = []
    for commands in [pip, pipcache]:
        environment = make_environment()
        result = commands("install", *options, *index.options, into=environment)
        lines = normalised(result.output, environment.root, commands.root)
        # A cache that answers first saves the download, and with it the line that says so.
        said.append((result.returncode, [line for line in lines if not line.strip().startswith(("Using", "Downl"))]))
        assert environment.tree == {}
    assert said[0][0] == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in "".join(said[1][1])
    assert said[1] == said[0]
    assert pipcache.take_calls() == NO_BUILD


def test_wrong_hash_in_a_url_is_fatal(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """A wrong ``#sha256=`` is refused, the first time and with the wheel in the store."""
    sdist = make_sdist(index.folder)
    requirement = f"simple @ {index.file_url(sdist.name)}#sha256={'0' * 64}"
    for _ in range(2):
        result = pipcache("install", requirement, into=make_environment())
        assert result.returncode == 1
        assert "THESE PACKAGES DO NOT MATCH THE HASHES" in result.output
        pipcache.ok("install", "simple", *index.options, into=make_environment())


def test_url_with_hash_in_hash_mode(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """A direct URL whose fragment pins it is a hit the second time."""
    sdist = make_sdist(index.folder)
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    url = index.file_url(sdist.name)
    options = write_requirement(index.folder.parent, f"simple @ {url}#sha256={digest}")
    for expected in [ONE_BUILD, NO_BUILD]:
        pipcache.ok("install", *options, *index.options, into=make_environment())
        assert pipcache.take_calls() == expected


def test_requirement_without_hash_is_refused_in_hash_mode(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """A stored wheel does not stand in for a hash that nobody pinned."""
    make_sdist(index.folder)
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    options = write_requirement(index.folder.parent, "simple==1.0")
    results = [commands("install", *options, *index.options, into=make_environment()) for commands in [pip, pipcache]]
    assert results[1].returncode == results[0].returncode == 1
    assert "Hashes are required in --require-hashes mode" in results[1].output


@pytest.mark.parametrize("is_stored", [False, True])
def test_commit_is_refused_in_hash_mode(
    tmp_path: Path,
    make_environment: MakeEnvironment,
    make_repository: Callable[[Path], GitRepository],
    pipcache: Commands,
    *,
    is_stored: bool,
) -> None:
    """A VCS requirement has no hash; a stored wheel does not make it acceptable."""
    repository = make_repository(make_source_tree(tmp_path / "sources"))
    requirement = f"simple @ {repository.url}@{repository.commit()}"
    if is_stored:
        pipcache.ok("install", requirement, into=make_environment())
        pipcache.take_calls()
    environment = make_environment()
    result = pipcache("install", *write_requirement(tmp_path, requirement), into=environment)
    assert result.returncode == 1
    assert "Can't verify hashes for these requirements" in result.output
    assert environment.tree == {}
    assert pipcache.take_calls() == NO_BUILD
