"""Where the store is, and what becomes of an install when it is broken: the install succeeds."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_sdist
from tests.functional.commands import NO_BUILD, ONE_BUILD, Commands, Environment

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index

WHEEL = "simple-1.0-py3-none-any.whl"

Install = Callable[..., Environment]


def wheels_in(store: Path) -> list[str]:
    """Return the names of the wheels in the store at *store*."""
    return sorted(path.name for path in store.glob("wheels/*/*/*.whl"))


@pytest.fixture
def sdist(index: Index) -> Path:
    """Put ``simple`` into the index."""
    return make_sdist(index.folder)


@pytest.mark.usefixtures("sdist")
def test_default_is_the_users_cache(index: Index, environment: Environment, pipcache: Commands) -> None:
    """Without anything chosen: ``pipcache`` in ``XDG_CACHE_HOME``."""
    pipcache.ok("install", "simple", *index.options, into=environment)
    assert wheels_in(pipcache.xdg_cache / "pipcache") == [WHEEL]


@pytest.mark.usefixtures("sdist")
def test_default_without_xdg_is_in_the_home(index: Index, environment: Environment, pipcache: Commands) -> None:
    """An empty ``XDG_CACHE_HOME`` means ``~/.cache``."""
    pipcache.ok("install", "simple", *index.options, into=environment, env={"XDG_CACHE_HOME": ""})
    assert wheels_in(pipcache.home / ".cache" / "pipcache") == [WHEEL]


@pytest.mark.usefixtures("sdist")
def test_variable_chooses_the_store(index: Index, tmp_path: Path, environment: Environment, pipcache: Commands) -> None:
    """``PIPCACHE_DIR`` is the store itself, also when pip is given a cache folder."""
    chosen = tmp_path / "chosen"
    args = ["install", "simple", "--cache-dir", str(tmp_path / "pips-own"), *index.options]
    pipcache.ok(*args, into=environment, env={"PIPCACHE_DIR": str(chosen)})
    assert wheels_in(chosen) == [WHEEL]
    assert not (tmp_path / "pips-own" / "pipcache").exists()
    assert not pipcache.store.exists()


@pytest.mark.usefixtures("sdist")
def test_relative_variable_is_relative_to_the_current_folder(
    index: Index, environment: Environment, pipcache: Commands
) -> None:
    """A relative ``PIPCACHE_DIR`` starts at the current folder."""
    pipcache.ok("install", "simple", *index.options, into=environment, env={"PIPCACHE_DIR": "here"})
    assert wheels_in(pipcache.work / "here") == [WHEEL]


@pytest.mark.usefixtures("sdist")
@pytest.mark.parametrize("way", ["option", "variable", "configuration"])
def test_cache_folder_of_pip_has_the_store(
    index: Index, tmp_path: Path, environment: Environment, pipcache: Commands, way: str
) -> None:
    """``--cache-dir``, its variable or its configuration: the store is ``pipcache`` in there."""
    chosen = tmp_path / "chosen"
    configuration = tmp_path / "pip.conf"
    configuration.write_text(f"[global]\ncache-dir = {chosen}\n")
    options = ["--cache-dir", str(chosen)] if way == "option" else []
    variables = {"variable": {"PIP_CACHE_DIR": str(chosen)}, "configuration": {"PIP_CONFIG_FILE": str(configuration)}}
    pipcache.ok("install", "simple", *options, *index.options, into=environment, env=variables.get(way))
    assert wheels_in(chosen / "pipcache") == [WHEEL]
    assert not pipcache.store.exists()


@pytest.mark.usefixtures("sdist")
@pytest.mark.parametrize("env", [{}, {"PIPCACHE_DIR": "{work}/chosen"}])
@pytest.mark.parametrize("way", ["option", "variable"])
def test_no_cache_folder_turns_everything_off(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, env: dict[str, str], way: str
) -> None:
    """``--no-cache-dir`` neither reads nor writes, whatever ``PIPCACHE_DIR`` says."""
    env = {name: value.format(work=pipcache.work) for name, value in env.items()}
    off = ["--no-cache-dir"] if way == "option" else []
    variables = env if off else {**env, "PIP_NO_CACHE_DIR": "1"}
    pipcache.ok("install", "simple", *off, *index.options, into=make_environment(), env=variables)
    assert pipcache.take_calls() == ONE_BUILD
    assert not pipcache.xdg_cache.exists()
    assert list(pipcache.work.iterdir()) == []
    pipcache.ok("install", "simple", *index.options, into=make_environment(), env=env)
    assert pipcache.take_calls() == ONE_BUILD
    pipcache.ok("install", "simple", *off, *index.options, into=make_environment(), env=variables)
    assert pipcache.take_calls() == ONE_BUILD


@pytest.fixture
def filled(index: Index, sdist: Path, make_environment: MakeEnvironment, pipcache: Commands) -> Path:
    """Install ``simple`` once, and return the path of its wheel in the store."""
    assert sdist.exists()
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    assert pipcache.take_calls() == ONE_BUILD
    (wheel,) = pipcache.wheels
    return wheel


@pytest.fixture
def install_again(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> Install:
    """Return a function that installs into a fresh environment, says one warning at most, and leaves no rest."""

    def install(env: dict[str, str] | None = None) -> Environment:
        environment = make_environment()
        result = pipcache.ok("install", "simple", *index.options, into=environment, env=env)
        assert len([line for line in result.output.splitlines() if "WARNING" in line]) <= 1, result.output
        assert "Traceback" not in result.output
        assert environment.imports("simple.VERSION") == "1.0"
        assert list(pipcache.leftovers()) == []
        return environment

    return install


def truncate(path: Path) -> None:
    """Cut the second half of the file."""
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """Change one byte in the middle; the size stays."""
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def empty(path: Path) -> None:
    """Leave an empty file, as after a power failure."""
    path.chmod(0o644)
    path.write_bytes(b"")


def replace_by_folder(path: Path) -> None:
    """Put a folder in the place of the file."""
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [truncate, flip, empty, Path.unlink, replace_by_folder])
def test_damaged_wheel_is_built_again(
    filled: Path, install_again: Install, pipcache: Commands, damage: Callable[[Path], None]
) -> None:
    """A wheel that does not verify is no hit; it is built and stored again, and then is one."""
    damage(filled)
    install_again()
    assert pipcache.take_calls()["build_wheel"] == 1
    if damage is replace_by_folder:
        return
    install_again()
    assert pipcache.take_calls() == NO_BUILD


@pytest.mark.parametrize("damage", [truncate, flip, empty, Path.unlink, replace_by_folder])
@pytest.mark.usefixtures("filled")
def test_damaged_entry_is_built_again(
    install_again: Install, pipcache: Commands, damage: Callable[[Path], None]
) -> None:
    """An entry that does not verify is no hit; another one is written."""
    (entry,) = pipcache.store.glob("entries/*/*/*.json")
    damage(entry)
    install_again()
    assert pipcache.take_calls()["build_wheel"] == 1
    install_again()
    assert pipcache.take_calls() == NO_BUILD


@pytest.mark.parametrize("damage", [truncate, flip, empty, Path.unlink, replace_by_folder])
@pytest.mark.usefixtures("filled")
def test_damaged_metadata_is_prepared_again(
    index: Index, install_again: Install, pipcache: Commands, damage: Callable[[Path], None]
) -> None:
    """Metadata that does not verify is not used."""
    (document,) = pipcache.store.glob("metadata/*/*/*.json")
    damage(document)
    shutil.rmtree(pipcache.store / "entries")
    install_again()
    assert pipcache.take_calls() == ONE_BUILD
    pipcache.ok("download", "simple", *index.options)
    assert pipcache.take_calls() == NO_BUILD


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("table", ["entries", "wheels", "metadata", "locks"])
def test_table_that_is_a_file(install_again: Install, pipcache: Commands, table: str) -> None:
    """A folder of the store that is a file does not stop an install."""
    shutil.rmtree(pipcache.store / table)
    (pipcache.store / table).write_text("")
    install_again()
    install_again()


@pytest.mark.usefixtures("sdist")
def test_store_that_is_a_file(install_again: Install, pipcache: Commands) -> None:
    """A file where the store should be: one warning, plain pip, and the file is left alone."""
    pipcache.store.parent.mkdir()
    pipcache.store.write_text("mine")
    install_again()
    assert pipcache.take_calls() == ONE_BUILD
    assert pipcache.store.read_text() == "mine"


@pytest.mark.usefixtures("sdist")
def test_store_below_a_file(install_again: Install, tmp_path: Path, pipcache: Commands) -> None:
    """A folder that cannot be made does not stop an install."""
    (tmp_path / "file").write_text("")
    install_again(env={"PIPCACHE_DIR": str(tmp_path / "file" / "store")})
    assert pipcache.take_calls() == ONE_BUILD


@pytest.mark.usefixtures("sdist")
def test_quiet_says_nothing_of_a_broken_store(index: Index, environment: Environment, pipcache: Commands) -> None:
    """``-q`` is quiet about our trouble too."""
    pipcache.store.parent.mkdir()
    pipcache.store.write_text("mine")
    result = pipcache.ok("install", "-q", "simple", *index.options, into=environment)
    assert result.output == ""


def test_store_of_another_format_is_left_alone(filled: Path, install_again: Install, pipcache: Commands) -> None:
    """Documents that another version may have written are misses, and stay."""
    (entry,) = pipcache.store.glob("entries/*/*/*.json")
    foreign = entry.with_name("0" * 32 + ".txt")
    foreign.write_text("something else")
    install_again()
    assert pipcache.take_calls() == NO_BUILD
    assert foreign.exists()
    assert filled.exists()


@pytest.mark.usefixtures("filled")
def test_rest_of_a_killed_writer_is_no_hindrance(install_again: Install, pipcache: Commands) -> None:
    """Half-written files are passed over."""
    (entry,) = pipcache.store.glob("entries/*/*/*.json")
    rest = entry.with_name(".tmp-1-abc")
    rest.write_text("{")
    rest.rename(rest.with_suffix(".json"))
    install_again()
    assert pipcache.take_calls() == NO_BUILD


def mount(folder: Path, *args: str) -> None:
    """Mount something on *folder*, or skip the test."""
    command = shutil.which("mount")
    if os.geteuid() != 0 or command is None:
        pytest.skip("only root can mount")
    done = subprocess.run([command, *args, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount: {done.stderr}")


def unmount(folder: Path) -> None:
    """Take the mount away."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def readonly_store(pipcache: Commands) -> Iterator[Callable[[], None]]:
    """Return a function that makes the store read-only, for root as well."""
    store = pipcache.store
    mounted = []

    def make() -> None:
        store.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            mount(store, "--bind", str(store))
            mounted.append(store)
            subprocess.run(["mount", "-o", "remount,bind,ro", str(store)], check=True)
        else:
            for path in [store, *store.rglob("*")]:
                path.chmod(0o555 if path.is_dir() else 0o444)

    yield make
    for folder in mounted:
        unmount(folder)
    if store.exists():
        for path in [store, *store.rglob("*")]:
            path.chmod(0o755)


@pytest.mark.usefixtures("filled")
def test_readonly_store_serves(readonly_store: Callable[[], None], install_again: Install, pipcache: Commands) -> None:
    """A store that can only be read gives hits, without a warning."""
    readonly_store()
    install_again()
    assert pipcache.take_calls() == NO_BUILD


@pytest.mark.usefixtures("sdist")
def test_readonly_store_does_not_stop_a_build(
    readonly_store: Callable[[], None], install_again: Install, pipcache: Commands
) -> None:
    """What cannot be stored is built and installed."""
    readonly_store()
    install_again()
    assert pipcache.take_calls() == ONE_BUILD
    assert pipcache.wheels == []


def test_damaged_wheel_in_a_readonly_store(
    filled: Path, readonly_store: Callable[[], None], install_again: Install, pipcache: Commands
) -> None:
    """What cannot be set aside is passed over."""
    flip(filled)
    readonly_store()
    install_again()
    assert pipcache.take_calls()["build_wheel"] == 1


@pytest.fixture
def tiny_store(pipcache: Commands) -> Iterator[Path]:
    """Return a store on a file system with room for a few small files."""
    pipcache.store.mkdir(parents=True)
    mount(pipcache.store, "-t", "tmpfs", "-o", "size=32k", "tmpfs")
    yield pipcache.store
    unmount(pipcache.store)


def test_full_disk_does_not_stop_an_install(
    index: Index, make_environment: MakeEnvironment, tiny_store: Path, pipcache: Commands
) -> None:
    """A wheel that the store has no room for is installed, after one warning; no half-written file stays."""
    filler = os.urandom(60_000).hex()
    make_sdist(index.folder, modules={"simple.py": f"VERSION = '1.0'\nFILLER = '{filler}'\n"})
    for _ in range(2):
        environment = make_environment()
        result = pipcache.ok("install", "simple", *index.options, into=environment)
        assert environment.imports("simple.VERSION") == "1.0"
        assert result.output.count("WARNING") == 1
        assert pipcache.take_calls()["build_wheel"] == 1
        assert list(pipcache.leftovers()) == []
    assert wheels_in(tiny_store) == []
