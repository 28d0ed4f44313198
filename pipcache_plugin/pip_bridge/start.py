"""Run pip: with the cache when this pip is one that we know, as plain pip otherwise."""

from __future__ import annotations

import gc
import os
import re
import runpy
import sys
from typing import TYPE_CHECKING, Any

from pipcache_plugin.errors import PipCacheError
from pipcache_plugin.pip_bridge.notices import say_plain_pip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

_command_with_seams: str | None = None
"""Seams are set once, also when the command begins again."""

_COMMANDS_THAT_BUILD = {"install", "wheel", "download", "lock"}

_OBJECTS_UNTIL_COLLECTION = 50_000

OLDEST_PIP = (25, 3)
"""From here on pip has one way to build, and the seams that we need."""


class OldPipError(PipCacheError):
    """The pip of this environment is older than the oldest that is supported."""

    code = "old-pip"
    hint = "python -m pip install --upgrade pip"

    def __init__(self, *, version: str) -> None:
        super().__init__(version)
        self.version = version

    def __str__(self) -> str:
        oldest = ".".join(map(str, OLDEST_PIP))
        return f"pip {self.version} is older than {oldest} (to use the cache, run `{self.hint}`)"


def run_pip(args: Sequence[str]) -> int:
    """Run the pip command *args* through the cache and return its exit status.

    Where the cache cannot take part, the command is plain pip's, after one warning.
    """
    try:
        main = _prepare(args)
    except Exception as error:  # noqa: BLE001 (whatever is wrong with us or with this pip, the command must run)
        say_plain_pip(error, args)
        return run_plain_pip()
    # pip makes objects by the hundred thousand (a link for each file of an index), and keeps them: to look for rubbish
    # among them again and again is a tenth of its time.
    gc.set_threshold(_OBJECTS_UNTIL_COLLECTION)
    status = int(main(list(args)) or 0)
    if status and _must_begin_again():
        status = int(main(list(args)) or 0)
    return status


def _must_begin_again() -> bool:
    # Not imported for the commands that it has no part in, and not while pip blocks imports.
    run = sys.modules.get("pipcache_plugin.pip_bridge.run")
    return run is not None and bool(run.must_begin_again())


def run_plain_pip() -> int:
    """Run ``python -m pip`` in this process, with the arguments of this process.

    Source: the advice in pip's ``_internal/cli/main.py``.
    """
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
    return 0


def check_pip() -> None:
    """Check the version of the pip that is here.

    :raises OldPipError: it is too old.
    """
    import pip

    numbers = re.match(r"(\d+)\.(\d+)", pip.__version__)
    if numbers is None or tuple(map(int, numbers.groups())) < OLDEST_PIP:
        raise OldPipError(version=pip.__version__)


def _prepare(args: Sequence[str]) -> PipFunction:
    check_pip()
    from pip._internal.cli import main

    from pipcache_plugin.pip_bridge import runner, seams, version

    seams.install([*runner.seams(args), *version.SEAMS, _command_seam()])
    if "PIP_AUTO_COMPLETE" in os.environ:
        from pipcache_plugin.pip_bridge import completion

        seams.install(completion.SEAMS)
    # From 26.3 on, ``cli`` is what ``python -m pip`` calls: with it, imports stay blocked after an installation.
    entry: PipFunction = getattr(main, "cli", None) or main.main
    return entry


def _command_seam() -> Seam:
    from pipcache_plugin.pip_bridge.seams import Seam

    return Seam(modules=("pip._internal.commands",), name="create_command", parameters=("name",), part=_create_command)


def _create_command(original: PipFunction, name: str, *args: Any, **kwargs: Any) -> Any:
    """Set the seams of the command that pip is about to run; a command that we have no part in stays as it is."""
    command = original(name, *args, **kwargs)
    global _command_with_seams
    try:
        if _command_with_seams != name:
            from pipcache_plugin.pip_bridge.seams import install

            install(_seams_of(name))
            _command_with_seams = name
        if name in _COMMANDS_THAT_BUILD:
            from pipcache_plugin.pip_bridge.beginning import add_options

            add_options(command)
        if name == "cache":
            from pipcache_plugin.pip_bridge import cache_care

            cache_care.add_options(command)
    except PipCacheError as error:
        say_plain_pip(error, sys.argv[1:])
    return command


def _seams_of(command: str) -> list[Seam]:
    if command in _COMMANDS_THAT_BUILD:
        from pipcache_plugin.pip_bridge import beginning

        return beginning.SEAMS
    if command == "cache":
        from pipcache_plugin.pip_bridge import beginning, cache_command

        return [*beginning.CACHE_SEAMS, *cache_command.SEAMS]
    if command == "completion":
        from pipcache_plugin.pip_bridge import completion

        return completion.COMMAND_SEAMS
    return []
