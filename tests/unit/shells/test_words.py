"""What can be completed in our own commands is what they understand."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from pipcache_plugin import cli
from pipcache_plugin.pip_bridge.version import OWN_COMMANDS
from pipcache_plugin.shells.words import OWN_WORDS, complete


def test_every_command_of_ours() -> None:
    """Three tables, one for each who needs it."""
    assert set(OWN_WORDS) == set(cli._OWN) == set(OWN_COMMANDS)


@pytest.mark.parametrize("command", OWN_WORDS)
def test_options_are_those_of_the_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With ``=`` where a value follows; and their choices."""
    with pytest.raises(SystemExit):
        cli._OWN[command](["--help"])
    options = capsys.readouterr().out.split("options:")[1]
    found = re.findall(r"(?<![\w`-])(--?[a-z-]+)(?:[ ](?:[A-Z]+|\{(\S+)\})(?=\s))?", options)
    values = re.findall(r"(--[a-z-]+) (?:[A-Z]+|\{)", options)
    written = {name + "=" * (name in values) for name, _ in found}
    assert written - {"-m"} == set(OWN_WORDS[command].options)
    for name, choices in found:
        assert tuple(filter(None, choices.split(","))) == tuple(OWN_WORDS[command].values.get(name, ()))


@pytest.mark.parametrize(
    ("command", "before", "current", "completed"),
    [
        ("doctor", [], "--f", ["--format="]),
        ("doctor", ["--format", "json"], "--", ["--cache-dir=", "--help"]),
        ("doctor", [], "", []),
        ("doctor", [], "h", []),
        ("explain", ["docopt"], "--l", ["--last="]),
        ("explain", ["--format"], "", ["human", "json"]),
        ("explain", ["--format"], "j", ["json"]),
        ("explain", ["--format", "="], "hu", ["human"]),
        ("explain", ["--format"], "=", ["human", "json"]),
        ("explain", [], "--format=j", ["--format=json"]),
        ("explain", [], "--last=", []),
        ("explain", ["--last"], "", []),
        ("shell-init", [], "", ["bash", "zsh", "fish", "powershell"]),
        ("shell-init", ["--python"], "f", ["fish"]),
        ("shell-init", ["fish"], "", []),
        ("shell-init", ["fish"], "-", ["--python", "--undo", "--help", "-h"]),
    ],
)
def test_words(command: str, before: Sequence[str], current: str, completed: Sequence[str]) -> None:
    """Those that may stand there; bash takes an option and its value apart."""
    assert complete(command, before, current) == completed
