"""``pipcache doctor``: whether the cache is on, and what is wrong."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories import make_sdist

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.commands import Commands, Environment
    from tests.functional.server import Index


def diagnose(pipcache: Commands, *args: str, env: dict[str, str] | None = None, status: int = 0) -> dict[str, Any]:
    """Return the diagnosis."""
    result = pipcache("doctor", "--format=json", *args, env=env)
    assert result.returncode == status, result.output
    assert result.stderr == ""
    diagnosis: dict[str, Any] = json.loads(result.stdout)
    return diagnosis


def test_all_is_well(index: Index, environment: Environment, pipcache: Commands) -> None:
    """In a store that was used; the exit status says so too."""
    make_sdist(index.folder)
    pipcache.ok("install", "simple", *index.options, into=environment)
    found = diagnose(pipcache)
    assert found["problems"] == []
    assert found["facts"]["cache"] == "on"
    assert found["facts"]["location"] == str(pipcache.store)
    assert found["facts"]["wheels"] == 1
    fitting, all_of_them = re.findall(r"\d+", found["facts"]["parts"])[:2]
    assert int(fitting) == int(all_of_them) > 25
    text = pipcache.ok("doctor").stdout
    assert text.endswith("\nNo problems found\n")
    assert f"Location:           {pipcache.store}\n" in text


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"PIPCACHE_DISABLE": "1"}, "`disable` (`PIPCACHE_DISABLE`)"),
        ({"PIP_NO_CACHE_DIR": "1"}, "`PIP_NO_CACHE_DIR`"),
        ({"PIP_CONFIG_FILE": "{root}/pip.conf"}, "pip's configuration"),
    ],
)
def test_what_turns_it_off(pipcache: Commands, env: dict[str, str], words: str) -> None:
    """Each is named."""
    (pipcache.root / "pip.conf").write_text("[global]\nno-cache-dir = true\n")
    found = diagnose(pipcache, env={name: value.format(root=pipcache.root) for name, value in env.items()}, status=1)
    assert found["facts"]["cache"].startswith("off: ")
    assert words in found["facts"]["cache"]
    assert [words in problem["what"] for problem in found["problems"]] == [True]


def test_where_pip_says(pipcache: Commands, tmp_path: Path) -> None:
    """Its option, its variable and its configuration count."""
    (pipcache.root / "pip.conf").write_text(f"[global]\ncache-dir = {tmp_path}/c\n")
    for args, env, name in [
        (["--cache-dir", str(tmp_path / "a")], {}, "a"),
        ([], {"PIP_CACHE_DIR": str(tmp_path / "b")}, "b"),
        ([], {"PIP_CONFIG_FILE": str(pipcache.root / "pip.conf")}, "c"),
    ]:
        assert diagnose(pipcache, *args, env=env)["facts"]["location"] == str(tmp_path / name / "pipcache")


def test_bad_settings(pipcache: Commands) -> None:
    """All of them, one problem each."""
    env = {"PIPCACHE_JOBS": "many", "PIPCACHE_LINK_MODE": "soft"}
    found = diagnose(pipcache, env=env, status=1)
    assert [problem["what"].split()[0] for problem in found["problems"]] == ["`PIPCACHE_JOBS`", "`PIPCACHE_LINK_MODE`"]


def test_unknown_option(pipcache: Commands) -> None:
    """Is one of usage."""
    result = pipcache("doctor", "--color")
    assert result.returncode == 2
    assert "usage: pipcache doctor" in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="another interpreter's process")
def test_of_another_environment(environment: Environment, pipcache: Commands) -> None:
    """With ``--python``, it is that one's Python."""
    found = pipcache("--python", environment.python, "doctor", "--format=json")
    assert str(environment.root) in json.loads(found.stdout)["facts"]["python"]
    assert pipcache("--python", environment.python, "explain").returncode == 0
