"""The settings file: what it says holds, and what is wrong with it is said before anything is installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.settings import OPTIONS
from tests.factories import make_sdist
from tests.functional.commands import NO_BUILD, ONE_BUILD, Commands, Environment

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index


@pytest.fixture
def file(pipcache: Commands) -> Path:
    """Return the path of the file, in a folder that is there."""
    pipcache.variables["XDG_CONFIG_HOME"] = str(pipcache.root / "config")
    file = pipcache.root / "config" / "pipcache" / "config.toml"
    file.parent.mkdir(parents=True)
    return file


def test_file_says_where(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, file: Path, tmp_path: Path
) -> None:
    """The store, and the ones below it; a cache directory that pip was given goes before that, and a variable too."""
    make_sdist(index.folder)
    file.write_text(f'dir = "{tmp_path}/mine"\n')
    install = ["install", "simple", *index.options]
    pipcache.ok(*install, into=make_environment())
    assert pipcache.take_calls() == ONE_BUILD
    assert len(list(tmp_path.glob("mine/wheels/*/*/*.whl"))) == 1
    assert "simple-1.0" in pipcache.ok("cache", "list").stdout
    assert "simple 1.0: built" in pipcache.ok("explain").stdout
    file.write_text(f'dir = "{tmp_path}/other"\nread-only-dirs = ["{tmp_path}/mine"]\n')
    pipcache.ok(*install, into=make_environment())
    assert pipcache.take_calls() == NO_BUILD
    file.write_text(f'dir = "{tmp_path}/other"\n')
    for number, (options, env) in enumerate(
        [(["--cache-dir", str(tmp_path / "0")], {}), ([], {"PIPCACHE_DIR": str(tmp_path / "1" / "pipcache")})]
    ):
        pipcache.ok(*install, *options, into=make_environment(), env=env)
        assert pipcache.take_calls() == ONE_BUILD
        assert len(list(tmp_path.glob(f"{number}/pipcache/wheels/*/*/*.whl"))) == 1
    assert not pipcache.store.exists()


def test_file_turns_the_cache_off(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, file: Path
) -> None:
    """Then pip is plain pip; a variable turns it on again."""
    make_sdist(index.folder)
    file.write_text("disable = true\n")
    result = pipcache.ok("install", "simple", *index.options, into=make_environment())
    assert result.warnings == []
    assert not pipcache.store.exists()
    pipcache.ok("install", "simple", *index.options, into=make_environment(), env={"PIPCACHE_DISABLE": "no"})
    assert len(pipcache.wheels) == 1


@pytest.mark.parametrize("command", [["install", "simple"], ["cache", "list"], ["explain"]])
def test_what_is_wrong_is_an_error(
    index: Index, environment: Environment, pipcache: Commands, file: Path, command: list[str]
) -> None:
    """All of it, with the file, the key and the variable; nothing is installed."""
    make_sdist(index.folder)
    file.write_text('jbos = 2\nlink-mode = "soft"\n')
    options = index.options if command[0] == "install" else []
    into = environment if command[0] == "install" else None
    result = pipcache(*command, *options, into=into, env={"PIPCACHE_MAX_SIZE": "much"})
    assert result.returncode != 0
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
    assert f"`{file}`: unknown key `jbos` (did you mean `jobs`?)" in line
    assert f"`{file}`: `link-mode` is `soft`, which is none of `clone`, `copy`, `hardlink`" in line
    assert "`PIPCACHE_MAX_SIZE` is `much`, which is no size" in line
    assert "docs/reference/configuration.md" in result.stderr
    assert "Traceback" not in result.output
    assert environment.distributions == set()
    assert not pipcache.store.exists()


def test_nothing_to_install_needs_no_settings(pipcache: Commands, file: Path) -> None:
    """Nor does a command that has no cache."""
    file.write_text("jbos = 2\n")
    pipcache.ok("install", "packaging")
    pipcache.ok("list")


def test_table_in_the_documentation() -> None:
    """Has each setting, its variable and its default; nothing else."""
    text = (Path(__file__).parents[2] / "docs/reference/configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| `(PIPCACHE_\w+)` \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    assert rows == [(option.key, option.variable, option.default, option.meaning) for option in OPTIONS]
