"""Requirement files, lock files, groups, variables and configuration files: what they say to pip they say to us."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import Backend, make_sdist, make_source_tree, make_wheel, sha256_hex
from tests.functional.commands import NO_BUILD, ONE_BUILD, Commands, builds
from tests.functional.compared import Comparison, Side
from tests.functional.pips import of_newest_pip
from tests.functional.server import Index

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment

UNSET = {"PIP_CONFIG_FILE": "", "PIP_INDEX_URL": ""}
"""So that configuration files are read, and have their say."""


@dataclass(kw_only=True)
class Shelf:
    """An index for all tests of this file, and what they write beside it."""

    folder: Path
    index: Index
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def linked(self) -> Path:
        """A folder for ``--find-links``."""
        return self.folder / "linked"

    def write(self, name: str, text: str) -> Path:
        """Write a file, and the folder that it is in; ``INDEX`` and ``LINKED`` are replaced."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.fill(text))
        return path

    def fill(self, text: str) -> str:
        """Return *text* with the addresses in it."""
        return text.replace("INDEX", self.index.url).replace("LINKED", str(self.linked))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Return an index with two releases of everything that may be constrained.

    ``needs`` requires ``simple`` and ``both``; ``simple`` is built with ``tool``; ``both`` is an sdist and a wheel.
    """
    folder = tmp_path_factory.mktemp("shelf")
    files = folder / "files"
    for version in ["1.0", "2.0"]:
        make_wheel(files, name="tool", version=version)
        make_sdist(files, version=version, build_requires=["tool"], backend=Backend(echoes_settings=True))
    make_wheel(files, name="both")
    make_sdist(files, name="both")
    make_sdist(files, name="needs", requires_dist=["simple", "both"])
    make_sdist(folder / "linked", name="linked")
    index = Index(folder=files)
    yield Shelf(folder=folder, index=index)
    index.stop()


@pytest.fixture
def compare(make_environment: MakeEnvironment, pip: Commands, pipcache: Commands, tmp_path: Path) -> Comparison:
    """Return what runs both sides."""
    return Comparison(make_environment, pip, pipcache, tmp_path)


@pytest.fixture
def options(shelf: Shelf) -> Path:
    """Return a requirement file with all kinds of lines, a nested one and constraints with it."""
    shelf.write("more/more.txt", "linked ; python_version > '3'\nabsent ; python_version < '3'\n")
    shelf.write("constraints.txt", "simple<2\n")
    return shelf.write(
        "options.txt",
        "--index-url http://${WHO}@HOST/simple/\n--find-links LINKED\n--no-binary both  # built\n-r more/more.txt\n"
        "-c constraints.txt\nneeds\nsimple --config-settings=color=red -C color=blue \\\n    -C x=y\n".replace(
            "HOST", shelf.index.host
        ),
    )


def test_options_in_a_requirement_file(
    compare: Comparison, options: Path, pipcache: Commands, make_environment: MakeEnvironment
) -> None:
    """Indexes, links, control of formats, nested files, constraints, settings of a line, variables in braces."""
    variables = {"PIP_INDEX_URL": "", "WHO": "me:secret"}
    ours = compare("install", "-r", options, env=variables)
    assert json.loads(ours.environment.imports("simple_settings.SETTINGS")) == {"color": ["red", "blue"], "x": "y"}
    assert ours.environment.distributions == {"simple-1.0", "both-1.0", "needs-1.0", "linked-1.0"}
    assert pipcache.take_calls() == builds(4)
    # From a variable, to those who never heard of the file, and from the store.
    warm = make_environment()
    pipcache.ok("install", into=warm, env={**variables, "PIP_REQUIREMENT": str(options)})
    assert pipcache.take_calls() == NO_BUILD
    assert warm.tree == ours.environment.tree


def test_hashes_in_a_requirement_file(
    shelf: Shelf, compare: Comparison, pipcache: Commands, make_environment: MakeEnvironment
) -> None:
    """Those of the sources; the build requirements need none. One that is wrong is refused, although it is built."""
    digests = {path.name: sha256_hex(path) for path in shelf.index.folder.iterdir()}
    simple = f"simple==1.0 --hash=sha256:{digests['simple-1.0.tar.gz']}\n"
    both = f"both==1.0 --hash=sha256:{digests['both-1.0.tar.gz']} --hash=sha256:{digests['both-1.0-py3-none-any.whl']}"
    good = shelf.write("good.txt", f"--index-url INDEX\n{simple}{both}\n")
    assert compare("install", "-r", good, "--no-binary", "both").outcome[0] == 0
    bad = shelf.write("bad.txt", f"--index-url INDEX\n{simple.replace(digests['simple-1.0.tar.gz'], '0' * 64)}")
    ours = compare("install", "-r", bad)
    assert ours.outcome[0] == 1
    assert ours.result is not None
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in ours.result.stderr


@of_newest_pip
def test_lock_file(shelf: Shelf, compare: Comparison, pipcache: Commands, make_environment: MakeEnvironment) -> None:
    """The same file is written, and the same is installed from it; twice, the second time from the store."""
    locked = compare("lock", "simple", "both", "--output", "-", "--quiet", env={"PIP_INDEX_URL": shelf.index.url})
    assert locked.result is not None
    file = shelf.write("pylock.toml", locked.result.stdout)
    pipcache.take_calls()
    # To lock has left metadata in the store, and nothing in pip's cache.
    pipcache.variables["PIPCACHE_DIR"] = str(pipcache.root / "fresh")
    ours = compare("install", "-r", file, env={"PIP_INDEX_URL": shelf.index.url})
    assert ours.environment.distributions == {"simple-2.0", "both-1.0"}
    assert pipcache.take_calls() == ONE_BUILD
    warm = make_environment()
    pipcache.ok("install", "-r", file, into=warm)
    assert pipcache.take_calls() == NO_BUILD
    assert warm.tree == ours.environment.tree


def test_groups_and_a_report(shelf: Shelf, compare: Comparison) -> None:
    """Of a ``pyproject.toml``, groups within groups; a dry run says the same, as text and as a report."""
    file = shelf.write(
        "pyproject.toml", '[dependency-groups]\ntest = ["simple<2", {include-group = "base"}]\nbase = ["both"]\n'
    )
    ours = compare(
        *("install", "--group", f"{file}:test", "--dry-run", "--report", "-", "--quiet"),
        env={"PIP_INDEX_URL": shelf.index.url},
    )
    assert ours.result is not None
    report = json.loads(ours.result.stdout)
    assert {item["metadata"]["name"] for item in report["install"]} == {"simple", "both"}
    assert ours.environment.distributions == set()


def configure(shelf: Shelf, *texts: tuple[str, str]) -> Callable[[Side], Mapping[str, str]]:
    """Return what writes configuration files, and returns the variables that have them read.

    :param texts: where each is (``global``, ``user``, ``legacy``, ``site``, ``named``) and what it has.
    """

    def prepare(side: Side) -> Mapping[str, str]:
        root, home = side.commands.root, side.commands.home
        places = {
            "global": root / "etc" / "pip" / "pip.conf",
            "user": home / ".config" / "pip" / "pip.conf",
            "legacy": home / ".pip" / "pip.conf",
            "site": side.environment.root / "pip.conf",
            "named": root / "named.conf",
        }
        for where, text in texts:
            places[where].parent.mkdir(parents=True, exist_ok=True)
            places[where].write_text(shelf.fill(text))
        variables = {**UNSET, "XDG_CONFIG_DIRS": str(root / "etc")}
        return {**variables, "PIP_CONFIG_FILE": str(places["named"])} if "named" in dict(texts) else variables

    return prepare


def test_configuration_files(shelf: Shelf, compare: Comparison, pipcache: Commands) -> None:
    """That of the machine, that of the user and that of the environment, one beside the other."""
    constraints = shelf.write("site-constraints.txt", "tool<2\n")
    prepare = configure(
        shelf,
        ("global", "[global]\nindex-url = INDEX\n"),
        ("user", "[global]\nfind-links = LINKED\n[install]\nno-binary = both\n"),
        ("site", f"[install]\nconstraint = {constraints}\n"),
    )
    ours = compare("install", "both", "tool", "linked", env=prepare)
    assert ours.environment.distributions == {"both-1.0", "tool-1.0", "linked-1.0"}
    assert pipcache.take_calls() == builds(2)


def test_configuration_files_of_other_kinds(shelf: Shelf, compare: Comparison) -> None:
    """One at the old place, and one that a variable names, with options that stand for those of a line."""
    prepare = configure(
        shelf,
        ("legacy", "[install]\nno-deps = yes\n"),
        ("named", "[global]\nindex-url = INDEX\nquiet = 1\n[install]\nconfig-settings = color=green\n"),
    )
    ours = compare("install", "simple", env=prepare)
    assert json.loads(ours.environment.imports("simple_settings.SETTINGS")) == {"color": "green"}


def test_variables(shelf: Shelf, compare: Comparison, pipcache: Commands) -> None:
    """For every option there is one; several values are separated by blanks."""
    constraints = shelf.write("variable-constraints.txt", "simple<2\n")
    of_builds = shelf.write("build-constraints.txt", "tool<2\n")
    variables = {
        "PIP_INDEX_URL": shelf.index.url,
        "PIP_FIND_LINKS": str(shelf.linked),
        "PIP_CONSTRAINT": str(constraints),
        "PIP_BUILD_CONSTRAINT": str(of_builds),
        "PIP_NO_COMPILE": "0",
        "PIP_CONFIG_SETTINGS": "color=red",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_PREFER_BINARY": "true",
    }
    ours = compare("install", "simple", "linked", env=variables)
    assert ours.environment.distributions == {"simple-1.0", "linked-1.0"}
    # To switch off what switches off, in pip's way.
    assert not list(ours.environment.library.rglob("*.pyc"))
    listed = json.loads(pipcache.ok("cache", "list", "--format", "json").stdout)
    built = {item["name"]: item for item in listed}
    assert built["simple"]["build_requirements"] == {"tool": "1.0"}
    assert built["simple"]["config_settings"] == [["color", "red"]]


def test_other_places(shelf: Shelf, compare: Comparison) -> None:
    """The files are below the folder that was given, and nowhere else."""
    for option in ["--target", "--prefix", "--root"]:
        ours = compare("install", "needs", env={"PIP_INDEX_URL": shelf.index.url}, to_target=[option])
        assert ours.outcome[0] == 0
        assert (ours.environment.tree, bool(ours.outcome[4])) == ({}, True)


def test_user_site(shelf: Shelf, compare: Comparison) -> None:
    """``--user``, of an environment that lets in what the user has."""

    def prepare(side: Side) -> Mapping[str, str]:
        configuration = side.environment.root / "pyvenv.cfg"
        text = configuration.read_text()
        assert "include-system-site-packages = false" in text
        configuration.write_text(text.replace("site-packages = false", "site-packages = true"))
        return {"PIP_INDEX_URL": shelf.index.url, "PYTHONUSERBASE": str(side.target)}

    ours = compare("install", "--user", "--ignore-installed", "needs", env=prepare)
    assert ours.outcome[0] == 0
    assert ours.environment.tree == {}
    assert list(ours.target.rglob("needs-1.0.dist-info/METADATA"))


def test_editable_with_dependencies(shelf: Shelf, compare: Comparison, tmp_path: Path, pipcache: Commands) -> None:
    """What an editable requires is built once; the editable itself each time."""
    project = make_source_tree(tmp_path / "projects", name="edited", requires_dist=["linked"])
    file = shelf.write("editable.txt", f"-e {project}\n-f LINKED\n-i INDEX\n")
    ours = compare("install", "-r", file, env={"PIP_INDEX_URL": ""})
    assert ours.environment.distributions == {"edited-1.0", "linked-1.0"}
    assert len(pipcache.wheels) == 1
