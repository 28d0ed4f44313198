"""``cache dir|info|list|remove|purge``: pip's cache and ours together, in pip's words."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_sdist
from tests.functional.commands import NO_BUILD, Commands, Environment, builds

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment, Snapshots
    from tests.functional.server import Index

OURS = ["other-2.0-py3-none-any.whl", "simple-1.0-py3-none-any.whl"]


@pytest.fixture
def filled(index: Index, make_environment: MakeEnvironment, pipcache: Commands, snapshots: Snapshots) -> Index:
    """Put two wheels into our store."""

    def fill() -> None:
        make_sdist(index.folder)
        make_sdist(index.folder, name="other", version="2.0")
        pipcache.ok("install", "simple", "other", *index.options, into=make_environment())
        assert pipcache.take_calls() == builds(2)

    snapshots.bring("two-wheels", index, pipcache, fill)
    return index


@pytest.fixture
def pips_own(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> Path:
    """Put a wheel into pip's own cache, and return its path."""
    make_sdist(index.folder, name="pips-own")
    env = {"PIPCACHE_DISABLE": "1"}
    pipcache.ok("install", "pips-own", *index.options, into=make_environment(), env=env)
    pipcache.take_calls()
    (wheel,) = (pipcache.xdg_cache / "pip" / "wheels").rglob("*.whl")
    return wheel


def listed(commands: Commands, *args: str) -> list[Path]:
    """Return what ``cache list --format abspath`` says."""
    return [Path(line) for line in commands.ok("cache", "list", *args, "--format", "abspath").stdout.splitlines()]


@pytest.mark.usefixtures("filled")
def test_dir_is_pips_one_line(pipcache: Commands) -> None:
    """Scripts read this line as pip's cache folder."""
    assert pipcache.ok("cache", "dir").stdout == f"{pipcache.xdg_cache / 'pip'}\n"


@pytest.mark.usefixtures("filled", "pips_own")
def test_list_in_pips_format(pipcache: Commands) -> None:
    """Wheels of both caches, under their real names, sorted, with sizes."""
    lines = pipcache.ok("cache", "list").stdout.splitlines()
    assert lines[:2] == ["Cache contents:", ""]
    names = [line.removeprefix(" - ").split(" (")[0] for line in lines[2:]]
    assert names == sorted([*OURS, "pips_own-1.0-py3-none-any.whl"])
    assert all(re.fullmatch(r" - \S+\.whl \(.*(bytes|B)\)", line) for line in lines[2:])


@pytest.mark.usefixtures("filled")
def test_listed_paths_can_be_installed(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """``--format abspath`` gives paths that ``pip install`` takes, ours and stock."""
    paths = listed(pipcache)
    assert sorted(path.name for path in paths) == OURS
    for commands in [pip, pipcache]:
        environment = make_environment()
        commands.ok("install", *paths, *index.options, into=environment)
        assert environment.distributions == {"simple-1.0", "other-2.0"}
    assert pipcache.take_calls() == NO_BUILD


@pytest.mark.usefixtures("filled", "pips_own")
@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("simple", ["simple"]),
        ("sim*", ["simple"]),
        ("simple-1.0", ["simple"]),
        ("simple-9.9", []),
        ("other-2*", ["other"]),
        ("*", ["other", "pips_own", "simple"]),
        ("pips_own", ["pips_own"]),
        ("absent", []),
    ],
)
def test_list_of_a_pattern(pipcache: Commands, pattern: str, names: list[str]) -> None:
    """A glob or a name, with or without a version, as pip reads it."""
    assert sorted(path.name.split("-")[0] for path in listed(pipcache, pattern)) == names


def test_nothing_listed(pipcache: Commands, pip: Commands) -> None:
    """Empty caches: pip's words."""
    assert pipcache.ok("cache", "list").stdout == pip.ok("cache", "list").stdout
    assert pipcache.ok("cache", "list", "--format", "abspath").stdout == ""


def test_info_counts_both(filled: Index, pips_own: Path, pipcache: Commands) -> None:
    """The lines of pip say of pip's cache what pip says; ours follow."""
    assert filled.requests
    env = {"PIPCACHE_DISABLE": "1"}
    pips_lines = pipcache.ok("cache", "info", env=env).stdout.splitlines()
    lines = pipcache.ok("cache", "info").stdout.splitlines()
    assert lines[: len(pips_lines)] == pips_lines
    assert "Number of locally built wheels: 1" in pips_lines
    ours = lines[len(pips_lines) :]
    assert any(line.endswith(str(pipcache.store / "wheels")) for line in ours)
    assert any(line.endswith(": 2") for line in ours)
    assert pips_own.is_file()


def test_info_of_nothing(pipcache: Commands) -> None:
    """Before anything is stored."""
    lines = pipcache.ok("cache", "info").stdout.splitlines()
    assert lines[-1].endswith(": 0")
    assert not pipcache.store.exists()


def test_remove_of_a_pattern(filled: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """What was removed is built again; the rest stays."""
    result = pipcache.ok("cache", "remove", "simple")
    assert result.stdout.splitlines()[0] == "Files removed: 1" or result.stdout.startswith("Files removed: 1 ")
    assert [wheel.name for wheel in pipcache.wheels] == OURS[:1]
    pipcache.ok("install", "simple", "other", *filled.options, into=make_environment())
    assert pipcache.take_calls() == builds(1)


@pytest.mark.usefixtures("filled")
def test_remove_of_both_caches(pips_own: Path, pipcache: Commands) -> None:
    """One pattern may match wheels of both."""
    assert pipcache.ok("cache", "remove", "*[es]*").stdout.startswith("Files removed: 3")
    assert not pips_own.exists()
    assert pipcache.wheels == []


@pytest.mark.usefixtures("filled")
def test_remove_of_nothing_fails_as_with_pip(pipcache: Commands, pip: Commands) -> None:
    """No match: pip's words and exit status; nothing is lost."""
    expected, result = pip("cache", "remove", "absent"), pipcache("cache", "remove", "absent")
    assert (result.returncode, result.stderr) == (expected.returncode, expected.stderr)
    assert len(pipcache.wheels) == 2


@pytest.mark.parametrize(
    "args",
    [
        ["cache", "remove"],
        ["cache", "remove", "a", "b"],
        ["cache", "list", "a", "b"],
        ["cache", "purge", "x"],
        ["cache", "info", "x"],
        ["cache", "dir", "x"],
    ],
)
@pytest.mark.usefixtures("filled")
def test_wrong_arguments_fail_as_with_pip(pipcache: Commands, pip: Commands, args: list[str]) -> None:
    """Missing and superfluous arguments: pip's words and exit status; nothing is lost."""
    expected, result = pip(*args), pipcache(*args)
    assert (result.returncode, result.output) == (expected.returncode, expected.output)
    assert len(pipcache.wheels) == 2


@pytest.mark.usefixtures("pips_own")
@pytest.mark.parametrize("args", [["remove", "*"], ["purge"]])
def test_everything_removed(
    filled: Index, make_environment: MakeEnvironment, pipcache: Commands, args: list[str]
) -> None:
    """``remove '*'`` and ``purge`` empty both caches, entries and metadata included."""
    assert pipcache.ok("cache", *args).stdout.startswith("Files removed: ")
    assert listed(pipcache) == []
    locks = pipcache.store / "locks"
    assert [path for path in pipcache.store.rglob("*") if path.is_file() and locks not in path.parents] == []
    pipcache.ok("install", "simple", *filled.options, into=make_environment())
    assert pipcache.take_calls() == builds(1)


def test_wheels_of_one_name_are_counted(filled: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """Two wheels of one sdist are two lines, and both are removed."""
    env = make_environment()
    pipcache.ok("install", "simple", "-C", "x=1", *filled.options, into=env)
    documents = list(pipcache.store.glob("entries/*/*/*.json"))
    assert len(documents) == 3
    # The same bytes are kept once, whatever they were built with.
    assert len(listed(pipcache, "simple")) == 1
    pipcache.ok("cache", "remove", "simple")
    assert len(list(pipcache.store.glob("entries/*/*/*.json"))) == 1


def test_store_elsewhere(index: Index, tmp_path: Path, environment: Environment, pipcache: Commands) -> None:
    """``PIPCACHE_DIR`` and ``--cache-dir`` hold for ``cache`` too."""
    make_sdist(index.folder)
    pipcache.ok("install", "simple", "--cache-dir", tmp_path / "chosen", *index.options, into=environment)
    assert listed(pipcache) == []
    assert [path.name for path in listed(pipcache, "--cache-dir", str(tmp_path / "chosen"))] == OURS[1:]
    env = {"PIPCACHE_DIR": str(tmp_path / "chosen" / "pipcache")}
    assert pipcache.ok("cache", "list", "--format", "abspath", env=env).stdout.count(".whl") == 1


@pytest.mark.usefixtures("filled")
def test_cache_turned_off(pipcache: Commands, pip: Commands) -> None:
    """``--no-cache-dir``: pip's refusal."""
    for action in ["dir", "info", "list", "purge"]:
        expected, result = (commands("cache", action, "--no-cache-dir") for commands in [pip, pipcache])
        assert (result.returncode, result.output) == (expected.returncode, expected.output)
    assert len(pipcache.wheels) == 2


@pytest.mark.usefixtures("filled")
def test_store_that_is_a_file(pipcache: Commands) -> None:
    """A broken store does not stop ``cache`` from looking after pip's cache."""
    shutil.rmtree(pipcache.store)
    pipcache.store.write_text("mine")
    for action in [["list"], ["info"], ["remove", "*"], ["purge"]]:
        result = pipcache("cache", *action)
        assert "Traceback" not in result.output
    assert pipcache.store.read_text() == "mine"


@pytest.mark.usefixtures("filled")
def test_info_for_programs(pipcache: Commands, tmp_path: Path) -> None:
    """The same as for people, in bytes; read-only caches too."""
    env = {"PIPCACHE_READ_ONLY_DIRS": str(tmp_path)}
    found = json.loads(pipcache.ok("cache", "info", "--format", "json", env=env).stdout)
    assert {name: found[name]["number"] for name in found if name != "read_only"} == {
        "http": 0,
        "wheels_of_pip": 0,
        "wheels": 2,
        "unpacked_wheels": 2,
    }
    assert found["wheels"]["location"] == str(pipcache.store / "wheels")
    assert found["wheels"]["size"] == sum(path.stat().st_size for path in pipcache.wheels)
    assert found["unpacked_wheels"]["size"] > 0
    assert found["read_only"] == [{"location": str(tmp_path), "number": 0, "size": 0}]
