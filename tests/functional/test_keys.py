"""The build key: what was asked for differently is built, and going back is a hit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import Backend, make_sdist
from tests.functional.commands import NO_BUILD, ONE_BUILD, UNISOLATED_BUILD, Commands, Environment, builds

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index


def settings_in(environment: Environment) -> object:
    """Return the config settings that the installed ``simple`` was built with."""
    return json.loads(environment.imports("simple_settings.SETTINGS"))


def test_config_settings_are_told_apart(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """Each set of settings is built once, however it is ordered; each environment gets its own."""
    make_sdist(index.folder, backend=Backend(echoes_settings=True))
    plain, red = make_environment(), make_environment()
    red_args = ["-C", "color=red", "-C", "size=1"]
    pipcache.ok("install", "simple", *index.options, into=plain)
    pipcache.ok("install", "simple", *red_args, *index.options, into=red)
    assert pipcache.take_calls() == builds(2)
    assert settings_in(plain) in (None, {})
    assert settings_in(red) == {"color": "red", "size": "1"}
    plain_again, red_again = make_environment(), make_environment()
    pipcache.ok("install", "simple", *index.options, into=plain_again)
    pipcache.ok("install", "simple", "-C", "size=1", "-C", "color=red", *index.options, into=red_again)
    assert pipcache.take_calls() == NO_BUILD
    assert settings_in(plain_again) == settings_in(plain)
    assert settings_in(red_again) == settings_in(red)


def test_repeated_config_setting_keeps_its_order(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """A setting given twice is a list, whose order counts."""
    make_sdist(index.folder, backend=Backend(echoes_settings=True))
    for values in [["1", "2"], ["2", "1"], ["1", "2"]]:
        environment = make_environment()
        options = [word for value in values for word in ("-C", f"x={value}")]
        pipcache.ok("install", "simple", *options, *index.options, into=environment)
        assert settings_in(environment) == {"x": values}
    assert pipcache.take_calls() == builds(2)


def test_config_settings_from_the_environment(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """``PIP_CONFIG_SETTINGS`` is the same choice as the option."""
    make_sdist(index.folder, backend=Backend(echoes_settings=True))
    pipcache.ok("install", "simple", "-C", "color=red", *index.options, into=make_environment())
    environment = make_environment()
    env = {"PIP_CONFIG_SETTINGS": "color=red"}
    pipcache.ok("install", "simple", *index.options, into=environment, env=env)
    assert pipcache.take_calls() == ONE_BUILD
    assert settings_in(environment) == {"color": "red"}


def test_config_settings_of_one_requirement(
    index: Index, tmp_path: Path, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """Settings of a requirement are the same choice as settings for all, and no settings are another."""
    make_sdist(index.folder, backend=Backend(echoes_settings=True))
    file = tmp_path / "requirements.txt"
    file.write_text("simple --config-settings=color=red\n")
    pipcache.ok("install", "-C", "color=red", "simple", *index.options, into=make_environment())
    environment = make_environment()
    pipcache.ok("install", "-r", file, *index.options, into=environment)
    assert pipcache.take_calls() == ONE_BUILD
    assert settings_in(environment) == {"color": "red"}
    file.write_text("simple\n")
    pipcache.ok("install", "-r", file, *index.options, into=make_environment())
    assert pipcache.take_calls() == ONE_BUILD


def test_build_isolation_is_part_of_the_key(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """Built without isolation is another build than isolated; each is a hit when it is asked for again."""
    make_sdist(index.folder)
    for _ in range(2):
        pipcache.ok("install", "simple", *index.options, into=make_environment())
    assert pipcache.take_calls() == ONE_BUILD
    for _ in range(2):
        pipcache.ok("install", "simple", "--no-build-isolation", *index.options, into=make_environment())
    assert pipcache.take_calls() == UNISOLATED_BUILD
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    assert pipcache.take_calls() == NO_BUILD


def other_pythons() -> Iterator[str]:
    """Go through interpreters of 3.10 or newer of another minor release than the running one."""
    names = [f"python3.{minor}" for minor in range(10, 16)]
    found = [shutil.which(name) for name in names]
    found += [str(path) for name in names for path in Path.home().glob(f".pyenv/versions/*/bin/{name}")]
    running = f"3.{sys.version_info.minor}"
    # What is on PATH may be a shim, which only works with the variables of this process.
    code = "import sys, venv; print('%d.%d' % sys.version_info[:2], sys.executable)"
    for path in found:
        if path is not None:
            done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
            version, _, executable = done.stdout.strip().partition(" ")
            if done.returncode == 0 and version != running:
                yield executable


def test_other_python_is_another_build(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """Each minor release of Python builds its own wheel, also a pure one; each is a hit afterwards."""
    other = next(other_pythons(), None)
    if other is None:
        pytest.skip("there is no other Python")
    make_sdist(index.folder)
    for expected in [ONE_BUILD, NO_BUILD]:
        pipcache.ok("install", "simple", *index.options, into=make_environment())
        assert pipcache.take_calls() == expected
        environment = make_environment(python=other)
        pipcache.ok("install", "simple", *index.options, into=environment)
        assert pipcache.take_calls() == expected
        assert environment.imports("simple.VERSION") == "1.0"


@pytest.mark.parametrize("name", ["HOME", "TERM", "USER", "LANG", "PWD", "CI"])
def test_unrelated_variable_is_no_choice(
    index: Index, tmp_path: Path, make_environment: MakeEnvironment, pipcache: Commands, name: str
) -> None:
    """Who the user is and where the terminal stands changes nothing."""
    make_sdist(index.folder)
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    pipcache.ok("install", "simple", *index.options, into=make_environment(), env={name: str(tmp_path)})
    assert pipcache.take_calls() == ONE_BUILD
