"""Makes docs/reference/commands.md of what the commands say: ``python -m tests.documented.commands_page`` writes it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from pipcache_plugin import cli
from tests.documented.blocks import ROOT

PAGE = ROOT / "docs" / "reference" / "commands.md"

_HEAD = """\
# Commands

All of pip's, with pip's options, and these. `pipcache help` lists them.
"""

_OPTIONS = """\
## Options that pip does not have

Of `install`, `wheel`, `download` and `lock`:
"""

_PROGRAM = "import sys; from pipcache_plugin.cli import main; sys.argv[0] = 'pipcache'; sys.exit(main())"
"""As the console script, which may not be installed where the tests run."""


def render() -> str:
    """Return the page."""
    own = "".join(f"\n## `pipcache {name}`\n\n```text\n{_help(name)}```\n" for name in sorted([*cli._OWN, "cache"]))
    return f"{_HEAD}{own}\n{_OPTIONS}\n```text\n{_added_options()}```\n"


def _help(command: str) -> str:
    """Return what a command says of itself, without the options that all commands have."""
    environ = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    said = subprocess.run(
        [sys.executable, "-c", _PROGRAM, command, "--help"],
        env=environ,
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    text = re.sub(r"[ \t]+$", "", said.partition("\nGeneral Options:")[0], flags=re.MULTILINE)
    return text.strip("\n") + "\n"


def _added_options() -> str:
    """Return the options of ``install`` that say that they are ours."""
    options = re.split(r"\n(?=  -|\n)", _help("install"))
    return "".join(f"{option.rstrip()}\n" for option in options if "(pipcache's)" in option)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
