"""``cache prune|verify|stats`` and ``cache list --format json``, for both caches."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories import Backend, make_sdist, make_wheel
from tests.functional.commands import NO_BUILD, Commands, Environment, builds

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment, Snapshots
    from tests.functional.server import Index


@pytest.fixture
def filled(index: Index, make_environment: MakeEnvironment, pipcache: Commands, snapshots: Snapshots) -> Index:
    """Build two wheels, and find one of them once more."""

    def fill() -> None:
        make_wheel(index.folder, name="tool", version="3.0")
        make_sdist(index.folder, build_requires=["tool"])
        make_sdist(index.folder, name="other", version="2.0", backend=Backend(sleep_seconds=1))
        pipcache.ok("install", "simple", "other", *index.options, "-C", "x=1", into=make_environment())
        pipcache.ok("install", "other", *index.options, "-C", "x=1", into=make_environment())
        assert pipcache.take_calls() == builds(2)

    snapshots.bring("two-builds-and-a-hit", index, pipcache, fill)
    return index


def load(commands: Commands, *args: str) -> Any:
    """Return what a command prints as JSON, and nothing else."""
    result = commands.ok("cache", *args, "--format", "json")
    assert result.warnings == []
    return json.loads(result.stdout)


@pytest.mark.usefixtures("filled")
def test_list_as_json(pipcache: Commands) -> None:
    """All that is documented."""
    items = {item["name"]: item for item in load(pipcache, "list")}
    assert list(items) == ["other", "simple"]
    simple, other = items["simple"], items["other"]
    assert simple["filename"] == Path(simple["path"]).name == "simple-1.0-py3-none-any.whl"
    assert simple["tags"] == ["py3-none-any"]
    assert simple["size"] == Path(simple["path"]).stat().st_size
    assert simple["sha256"] == Path(simple["path"]).parent.name
    assert simple["source"]["kind"] == "sdist"
    assert simple["origin"].endswith("/simple-1.0.tar.gz")
    assert simple["python"]["implementation"] == "cpython"
    assert simple["config_settings"] == [["x", "1"]]
    assert simple["is_isolated"] is True
    assert simple["build_requirements"] == {"tool": "3.0"}
    assert (simple["hits"], other["hits"]) == (0, 1)
    assert simple["created"] <= simple["last_used"] <= other["last_used"]
    assert other["build_seconds"] > 1
    assert [item["name"] for item in load(pipcache, "list", "oth*")] == ["other"]
    assert load(pipcache, "list", "absent") == []


def test_list_as_json_has_pips_own_wheels(index: Index, environment: Environment, pipcache: Commands) -> None:
    """What is not known of them is null."""
    make_sdist(index.folder)
    pipcache.ok("install", "simple", *index.options, into=environment, env={"PIPCACHE_DISABLE": "1"})
    (item,) = load(pipcache, "list")
    assert (item["name"], item["version"], item["sha256"]) == ("simple", "1.0", None)


@pytest.mark.usefixtures("filled")
def test_stats(pipcache: Commands) -> None:
    """What was found, what was built, and what that took."""
    counts = load(pipcache, "stats")
    assert counts["total"]["hits"] == 1
    assert counts["total"]["builds"] == 2
    assert counts["total"]["saved_seconds"] == counts["projects"]["other"]["saved_seconds"] > 1
    assert counts["projects"]["simple"]["saved_seconds"] == 0
    assert counts["wheels"] == 2
    said = pipcache.ok("cache", "stats").stdout
    assert "Wheels found: 1\nWheels built: 2\nTime saved: " in said
    assert re.search(r"^other +1 +1 +\d+\.\d s +\d+ bytes\nsimple +0 +1 +0\.0 s +\d+ bytes$", said, re.MULTILINE)
    assert counts["projects"]["other"]["wheels"] == 1
    assert counts["projects"]["other"]["size"] == sum(
        path.stat().st_size for path in pipcache.wheels if path.name.startswith("other")
    )
    assert load(pipcache, "stats", "--since", "1h")["total"]["builds"] == 2


@pytest.mark.usefixtures("filled")
def test_stats_begin_anew(pipcache: Commands) -> None:
    """What was counted before does not count; why wheels were built can still be told."""
    assert "Wheels built: 2" in pipcache.ok("cache", "stats", "--reset").stdout
    assert load(pipcache, "stats")["total"]["builds"] == 0
    assert "other 2.0: found" in pipcache.ok("explain", "other").stdout


def test_stats_of_nothing(pipcache: Commands) -> None:
    """They are zero, and nothing is made."""
    assert "Wheels found: 0\nWheels built: 0\nTime saved: 0.0 s\n" in pipcache.ok("cache", "stats").stdout
    assert not pipcache.store.exists()


def test_verify(filled: Index, pipcache: Commands, environment: Environment) -> None:
    """What is wrong is told, then repaired, then built again."""
    assert "Wheels verified: 2" in pipcache.ok("cache", "verify").stdout
    wheel = next(path for path in pipcache.wheels if path.name.startswith("simple"))
    data = bytearray(wheel.read_bytes())
    data[-1] ^= 1
    wheel.write_bytes(data)
    for _ in range(2):
        result = pipcache("cache", "verify")
        assert result.returncode == 1
        assert f"{wheel}: is not what was stored" in result.stderr
        assert "Problems found: 1 (to take out what is wrong, run `pipcache cache verify --repair`)" in result.stderr
    assert "Problems repaired: 2" in pipcache.ok("cache", "verify", "--repair").stdout
    assert not wheel.exists()
    assert pipcache.ok("cache", "verify").stdout.startswith("Wheels verified: 1\n")
    pipcache.ok("install", "simple", *filled.options, "-C", "x=1", into=environment)
    assert pipcache.take_calls()["build_wheel"] == 1


def test_prune_by_age(filled: Index, pipcache: Commands, make_environment: MakeEnvironment) -> None:
    """What is used stays: to be found is to be used."""
    before = time.time() - 40 * 86400
    for path in pipcache.store.rglob("*"):
        os.utime(path, (before, before))
    pipcache.ok("install", "other", *filled.options, "-C", "x=1", into=make_environment())
    would = pipcache.ok("cache", "prune", "--older-than", "30d", "--dry-run").stdout
    assert "Wheels would be removed: 1 (" in would
    assert len(pipcache.wheels) == 2
    said = pipcache.ok("cache", "prune", "--older-than", "30d").stdout
    assert said == would.replace("would be removed", "removed")
    assert [path.name for path in pipcache.wheels] == ["other-2.0-py3-none-any.whl"]
    assert pipcache.ok("cache", "prune", "--older-than", "30d").stdout == "Nothing to remove\n"
    pipcache.take_calls()
    pipcache.ok("install", "simple", "other", *filled.options, "-C", "x=1", into=make_environment())
    assert pipcache.take_calls() == builds(1)


@pytest.mark.usefixtures("filled")
def test_prune_by_size(pipcache: Commands) -> None:
    """Down to nothing."""
    assert "Wheels removed: 2 (" in pipcache.ok("cache", "prune", "--max-size", "0").stdout
    assert pipcache.wheels == []
    assert load(pipcache, "list") == []


@pytest.mark.usefixtures("filled")
def test_prune_and_verify_as_json(pipcache: Commands) -> None:
    """The same for programs: what goes, with its size; what is wrong, and what was done about it."""
    would = load(pipcache, "prune", "--max-size", "0", "--dry-run")
    wheels = {path: path.stat().st_size for path in pipcache.wheels}
    sizes = {Path(item["path"]): item["size"] for item in would["removed"] if item["kind"] == "wheels"}
    # With what the store knows of a wheel.
    assert sizes.keys() == wheels.keys()
    assert all(sizes[path] > size for path, size in wheels.items())
    assert would["dry_run"] is True
    sound = load(pipcache, "verify")
    assert (sound["wheels"], sound["problems"], sound["repaired"]) == (2, [], False)
    assert sound["unpacked_wheels"] >= 2
    wheel, other = sorted(wheels)
    wheel.write_bytes(b"")
    failed = pipcache("cache", "verify", "--format", "json")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["problems"][0] == {"path": str(wheel), "what": "is not what was stored"}
    repaired = json.loads(pipcache.ok("cache", "verify", "--repair", "--format", "json").stdout)
    assert (repaired["wheels"], len(repaired["problems"]), repaired["repaired"]) == (1, 2, True)
    assert load(pipcache, "prune", "--max-size", "0")["dry_run"] is False
    assert not other.exists()


@pytest.mark.usefixtures("filled")
def test_prune_for_ci(pipcache: Commands) -> None:
    """Only what was built here is left."""
    said = pipcache.ok("cache", "prune", "--ci").stdout
    assert "Unpacked wheels removed: " in said
    assert len(pipcache.wheels) == 2
    assert not list(pipcache.store.glob("trees/*/*"))


def test_what_ci_carries_along(
    filled: Index, pipcache: Commands, make_environment: MakeEnvironment, tmp_path: Path
) -> None:
    """What is left is all it takes: in another place, with other times, all is found and nothing built."""
    pipcache.ok("cache", "prune", "--ci", "--keep-latest", "1", "--older-than", "30d")
    restored = tmp_path / "restored"
    for path in pipcache.store.rglob("*"):
        if path.is_file():
            target = restored / path.relative_to(pipcache.store)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            os.utime(target, (1e9, 1e9))
    shutil.rmtree(pipcache.xdg_cache)
    environment = make_environment()
    env = {"PIPCACHE_DIR": str(restored)}
    pipcache.ok("install", "simple", "other", *filled.options, "-C", "x=1", into=environment, env=env)
    assert pipcache.take_calls() == NO_BUILD
    assert environment.distributions == {"simple-1.0", "other-2.0"}
    assert pipcache.ok("cache", "verify", env=env).warnings == []


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "options",
    [["--max-size", "2000"], ["--ci"], ["--older-than", "1d", "--keep-latest", "1", "--max-size", "1GB"]],
    ids=str,
)
def test_dry_run_says_what_goes(index: Index, pipcache: Commands, options: list[str]) -> None:
    """File by file: what is said to go is what is gone then, and nothing else."""
    make_sdist(index.folder, name="other", version="1.0")
    pipcache.ok("wheel", "other==1.0", *index.options)
    (pipcache.store / "damaged").mkdir()
    (pipcache.store / "damaged" / "1-x").touch()
    would = pipcache.ok("cache", "prune", *options, "--dry-run", "-v").stdout.splitlines()
    before = {path for path in pipcache.xdg_cache.rglob("*") if path.is_file()}
    did = pipcache.ok("cache", "prune", *options, "-v").stdout.splitlines()
    assert did == [line.replace("Would remove ", "Removed ").replace("would be removed", "removed") for line in would]
    named = {Path(line.removeprefix("Would remove ")) for line in would if line.startswith("Would remove ")}
    gone = {path for path in before if not path.exists() and pipcache.store / "locks" not in path.parents}
    assert gone
    assert all(named & {path, *path.parents} or "entries" in path.parts for path in gone)
    assert not any(path.exists() for path in named)
    wheels = sum(path.suffix == ".whl" and "wheels" in path.parts for path in gone)
    assert sum("entries" in path.parts for path in gone) == wheels


@pytest.mark.usefixtures("filled")
def test_prune_by_itself(pipcache: Commands) -> None:
    """Does what is done once a day: nothing, when all is within the bound; the variable moves that."""
    assert pipcache.ok("cache", "prune").stdout == "Nothing to remove\n"
    assert "Wheels removed: 2" in pipcache.ok("cache", "prune", env={"PIPCACHE_MAX_SIZE": "0"}).stdout


def test_bound_is_kept_without_being_asked(
    filled: Index, pipcache: Commands, make_environment: MakeEnvironment
) -> None:
    """Once a day, after an installation, in silence."""
    install = ["install", "other", *filled.options, "-C", "x=1"]
    pipcache.ok(*install, into=make_environment(), env={"PIPCACHE_MAX_SIZE": "0"})
    assert len(pipcache.wheels) == 2
    os.utime(pipcache.store / "locks" / "bound", (0, 0))
    environment = make_environment()
    result = pipcache.ok(*install, into=environment, env={"PIPCACHE_MAX_SIZE": "0"})
    assert result.warnings == []
    assert environment.distributions == {"other-2.0"}
    assert pipcache.wheels == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["prune", "--max-size", "much"], "--max-size is not understood: 'much' (an example: 5GB)"),
        (["prune", "--older-than", "30"], "--older-than is not understood: '30' (an example: 30d)"),
        (["prune", "--keep-latest", "0"], "--keep-latest is no number from 1 on: 0"),
        (["prune", "x"], "Too many arguments"),
        (["verify", "x"], "Too many arguments"),
        (["stats", "x"], "Too many arguments"),
        (["list", "x", "y", "--format", "json"], "Too many arguments"),
        (["stats", "--since", "yesterday"], "--since is not understood: 'yesterday' (an example: 30d)"),
    ],
    ids=" ".join,
)
def test_what_is_not_understood(pipcache: Commands, args: list[str], message: str) -> None:
    """An error, as pip has them."""
    result = pipcache("cache", *args)
    assert result.returncode == 1
    assert result.stderr == f"ERROR: {message}\n"


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "args",
    [
        ["purge", "--dry-run"],
        ["remove", "simple", "--older-than", "30d"],
        ["verify", "--repair", "--keep-latest", "1"],
        ["stats", "--reset", "--ci"],
        ["prune", "--max-size", "0", "--repair"],
        ["list", "--since", "1d"],
    ],
    ids=" ".join,
)
def test_option_of_another_subcommand(pipcache: Commands, args: list[str]) -> None:
    """Fails as with an option that there is not, and nothing is done."""
    option = next(arg for arg in reversed(args) if arg.startswith("--"))
    result = pipcache("cache", *args)
    assert result.returncode == 2
    assert f"no such option: {option} (of `cache {args[0]}`)" in result.stderr
    assert len(pipcache.wheels) == 2
    assert load(pipcache, "stats")["total"]["builds"] == 2


@pytest.mark.usefixtures("filled")
def test_option_of_another_subcommand_by_a_variable(pipcache: Commands) -> None:
    """It is passed over: there is an option of that name in pip's other commands."""
    assert "simple" in pipcache.ok("cache", "list", env={"PIP_DRY_RUN": "1"}).stdout
    assert pipcache.ok("cache", "purge", env={"PIP_DRY_RUN": "1"}).stdout.startswith("Files removed: ")


def test_help(pipcache: Commands) -> None:
    """One piece with pip's."""
    said = " ".join(pipcache.ok("cache", "--help").stdout.split())
    for word in ["prune", "verify", "stats"]:
        assert f"cache {word}" in said
        assert f"- {word}: " in said
    assert "[--format=[human, abspath, json]]" in said
    assert "human (default), abspath or json" in said
