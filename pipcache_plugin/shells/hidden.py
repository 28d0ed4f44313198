# ruff: noqa: PTH100, PTH110, PTH113, PTH117, PTH118, PTH119, PTH120, PTH123
"""Which ``pip`` of ``PATH`` a shell's function hides, and the environment that it acts on.

That is where the function is to act. An activated environment without a pip counts as if it had one.
Imported before we go on on another Python: it loads nothing.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_ENVIRONMENTS = ("VIRTUAL_ENV", "CONDA_PREFIX")
_PYTHONS = ("python", "python3", "pypy", "pypy3", "graalpy")
_SHIMS = "shims"
"""The folder of pyenv, asdf and mise, whose programs choose among several of the same name."""


class Hidden:
    """A program, and where it acts."""

    __slots__ = ("interpreter", "words")

    def __init__(self, *, words: Sequence[str], interpreter: str | None) -> None:
        self.words = words
        """What starts it, an absolute path first; empty for an environment that has none."""

        self.interpreter = interpreter
        """``None`` where we cannot tell."""

    @property
    def is_here(self) -> bool:
        """Tell whether it acts on the environment of this process."""
        mine = sys.executable
        return self.interpreter is not None and all(
            os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))
            for one, other in [
                (self.interpreter, mine),
                # The interpreters of environments are links to the same one.
                (os.path.dirname(self.interpreter), os.path.dirname(mine)),
            ]
        )


def find_hidden(name: str, environ: Mapping[str, str]) -> Hidden | None:
    """Return what *name* is without the function; ``None`` when there is no such program."""
    activated = {_normalize(root): root for root in map(environ.get, _ENVIRONMENTS) if root}
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        program = _find_program(folder, name)
        if program is not None:
            return Hidden(words=(os.path.abspath(program),), interpreter=_find_interpreter(program, environ))
        if _normalize(folder) in activated or _normalize(os.path.dirname(folder)) in activated:
            interpreter = _find_python(folder)
            if interpreter is not None:
                return Hidden(words=(), interpreter=interpreter)
    return None


def _normalize(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))


def _find_program(folder: str, name: str) -> str | None:
    path = os.path.join(folder, f"{name}.exe" if os.name == "nt" else name)
    return path if os.path.isfile(path) and os.access(path, os.X_OK) else None


def _find_python(*folders: str) -> str | None:
    return next(filter(None, (_find_program(folder, name) for folder in folders for name in _PYTHONS)), None)


def _find_interpreter(program: str, environ: Mapping[str, str]) -> str | None:
    """Return the Python that runs *program*, as far as its first lines, or its place, tell."""
    folder = os.path.dirname(program)
    if os.name == "nt":
        # A virtual environment has both beside each other.
        return _find_python(folder, os.path.dirname(folder))
    if os.path.basename(folder) == _SHIMS:
        return _find_python(folder)
    for word in _iter_words(program):
        path = word if os.path.isabs(word) else _search(word, environ)
        if path is not None and os.path.basename(word).startswith(_PYTHONS) and os.path.exists(path):
            return path
    return None


def _iter_words(program: str) -> Iterator[str]:
    """Go through the words that start a script: those of its first line, or, where that has no room, of the second."""
    try:
        with open(program, "rb") as file:
            lines = [os.fsdecode(file.readline(4096)) for _ in range(2)]
    except OSError:
        return
    if not lines[0].startswith("#!"):
        return
    yield from lines[0][2:].split()[:2]
    if lines[1].startswith("'''exec' "):
        import shlex

        try:
            yield from shlex.split(lines[1])[1:2]
        except ValueError:
            return


def _search(name: str, environ: Mapping[str, str]) -> str | None:
    folders = environ.get("PATH", os.defpath).split(os.pathsep)
    return next(filter(None, (_find_program(folder, name) for folder in folders)), None)
