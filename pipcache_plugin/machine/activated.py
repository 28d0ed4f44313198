# ruff: noqa: PTH119, PTH120
"""The environment that is activated in the user's shell, which ``pip`` there would act on.

Imported at each start of the ``pipcache`` script, before it goes on as another process: it loads nothing.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_VARIABLES = ("VIRTUAL_ENV", "CONDA_PREFIX")
_INTERPRETERS = ("bin/python", "Scripts/python.exe", "python.exe")
_FOLDERS = ("bin", "Scripts", "")
"""Of an environment, in which its programs are."""

_OF_TOOLS = ("pipx_metadata.json", "uv-receipt.toml")
"""What pipx and uv leave in an environment that they have made for one program."""

_CHANGING = {"install", "uninstall"}
"""Commands of pip that change the environment they act on."""

_ELSEWHERE = ("--python", "--target", "--prefix", "--root", "--dry-run", "--help", "-h")
_ELSEWHERE_BY_VARIABLE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_DRY_RUN")

_WITH_VALUE = {
    *("--cache-dir", "--cert", "--client-cert", "--exists-action", "--keyring-provider", "--log", "--log-file"),
    *("--local-log", "--proxy", "--resume-retries", "--retries", "--timeout", "--default-timeout", "--trusted-host"),
    *("--use-deprecated", "--use-feature"),
}
"""Options of pip that may come before a command, and whose value may be the next word."""


def find_interpreter(script: str, environ: Mapping[str, str]) -> str | None:
    """Return the interpreter of the activated environment; ``None`` when there is none, or it is not meant.

    It is not when it is the running one, nor when a script was started that is in a virtual environment and not in
    ``PATH``: as with ``pip``, that environment is meant. Of a virtual environment and one of conda's, the one whose
    programs come first in ``PATH`` counts.

    :param script: its path, as it was started.
    """
    roots = [environ[name] for name in _VARIABLES if environ.get(name)]
    places = [_normalize(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    is_one_for_all = sys.prefix == sys.base_prefix or _is_of_tool()
    if not is_one_for_all and _normalize(os.path.dirname(script)) not in places:
        return None
    for root in sorted(roots, key=lambda root: _rank(root, places)):
        for name in _INTERPRETERS:
            interpreter = os.path.join(root, name)
            if os.path.exists(interpreter):
                return None if _normalize(root) == _normalize(sys.prefix) else interpreter
    return None


def is_configured(interpreter: str) -> bool:
    """Tell whether the interpreter's environment has a configuration file of pip's, which counts there alone."""
    folder = os.path.dirname(interpreter)
    files = (os.path.join(root, name) for root in (folder, os.path.dirname(folder)) for name in ("pip.conf", "pip.ini"))
    return any(map(os.path.exists, files))


def is_first(interpreter: str, environ: Mapping[str, str]) -> bool:
    """Tell whether programs of the interpreter's environment come before all other Pythons in ``PATH``."""
    folder = _normalize(os.path.dirname(interpreter))
    name = os.path.basename(interpreter)
    for place in filter(None, environ.get("PATH", "").split(os.pathsep)):
        if os.path.exists(os.path.join(place, name)):
            return _normalize(place) == folder
    return False


def needs_target(args: Sequence[str]) -> bool:
    """Tell whether a command would change an environment that is there for this program alone."""
    if not _is_of_tool():
        return False
    says_where = any(arg.partition("=")[0] in _ELSEWHERE or arg.startswith("-t") for arg in args)
    return not (says_where or any(map(os.environ.get, _ELSEWHERE_BY_VARIABLE))) and _find_command(args) in _CHANGING


def _find_command(args: Sequence[str]) -> str:
    """Return the first word that is neither an option nor the value of one."""
    words = iter(args)
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


def _is_of_tool() -> bool:
    return any(os.path.exists(os.path.join(sys.prefix, name)) for name in _OF_TOOLS)


def _rank(root: str, places: list[str]) -> int:
    ranks = [places.index(place) for name in _FOLDERS if (place := _normalize(os.path.join(root, name))) in places]
    return min(ranks, default=len(places))


def _normalize(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))
