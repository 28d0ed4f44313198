"""Watch a build: have the files of ``watcher`` run in every Python of it, and read what they noted.

The watcher rides in by the interpreter's own start-up, so that children are watched as their parents are. In an
isolated environment that is a ``.pth`` file beside its distributions; without isolation it is a ``sitecustomize``
module, in a folder that ``PYTHONPATH`` begins with, which then makes way for the real one. Both act while a flag file
exists, which is while a hook runs: whoever else uses the environment, to install into it for one, is not watched.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import marshal
import os
import site
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import CodeType

_FOLDER = Path(__file__).with_name("watcher")
_FILES = ["notes", "callers", "variables", "paths", "programs", "imports"]
_PTH = "_pipcache_watch.pth"

_OF_THE_PROCESS = ("/proc/self", "/proc/thread-self", "/dev/fd", "/dev/shm", "/dev/pts", "/sys/fs/cgroup")  # noqa: S108 (named, not used)
"""Folders of the system's that are of each process, or each run, alone."""

_MAKE_WAY = """
import sys
sys.path[:] = [path for path in sys.path if path != {folder}]
del sys.modules["sitecustomize"]
import sitecustomize
"""
"""Where there is no other, that is what ``site`` expects: an ``ImportError`` that names the module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """What a build was seen to ask for. Raw: which of it matters is decided elsewhere."""

    variables: frozenset[str]
    """Environment variables asked for by name."""

    programs: Mapping[str, str | None]
    """Programs that were started, and where each was found."""

    commands: frozenset[str]
    """Command lines that may name variables, or scripts that do."""

    absent: frozenset[str]
    """Paths that were looked at and are not there, outside the build's own folders."""

    failed: frozenset[str]
    """Programs that were started and exited with an error, or say that they did not find something."""

    imports: frozenset[tuple[str, str]]
    """Top-level modules that code of the source tree imported, each with the file of that code."""

    prefixes: frozenset[str] = frozenset()
    """What names of variables begin with that may have been picked out of all."""

    listed: frozenset[str] = frozenset()
    """Folders that code of the source tree went through, outside the build's own folders."""

    libraries: frozenset[str] = frozenset()
    """Shared libraries that were loaded by their name, or that were not to be had."""

    searched: frozenset[str] = frozenset()
    """Folders that failed programs were told to look into, outside the build's own folders."""

    ran: frozenset[str] = frozenset()
    """Files of the source tree that were executed; of a script that was read from a text, no path."""

    is_whole: bool
    """The watcher did not fail, as far as it could tell."""

    has_unwatched_python: bool = False
    """A Python was started with options that may keep the watcher out of it."""


class Watch:
    """The watch over one build environment. Where its files cannot be written, it sees nothing, and says so."""

    def __init__(self, folder: Path, tree: Path) -> None:
        """Write the watcher's files.

        :param folder: an empty folder, made and removed by the caller; nothing but the watch uses it.
        :param tree: the source tree, which the build may look into without being noted, as into Python's folders.
        """
        self._facts = folder / "facts"
        self._flag = folder / "flag"
        self._code = folder / "code"
        self._carrier = folder / "carrier"
        self._is_whole = True
        names: dict[str, object] = {
            "FACTS": str(self._facts),
            "FLAG": str(self._flag),
            "TREE": _prefixes({str(tree)}),
            "OWN": _prefixes({str(folder), str(tree), *_python_folders(), *_OF_THE_PROCESS}),
        }
        codes = [_compile("".join(f"{name} = {value!a}\n" for name, value in names.items()))]
        self._code.write_bytes(marshal.dumps([*codes, *_compile_watcher()]))

    def ride_in(self, library: Path) -> None:
        """Watch every Python whose distributions are in *library*."""
        # ``-I`` and ``-E`` leave a .pth file alone.
        starter = self._starter(leave_out="S", carrier=None)
        with contextlib.suppress(OSError):
            try:
                (library / _PTH).write_text(f"import sys; exec({starter!a})\n", encoding="ascii")
            except OSError:
                # Every Python would complain of half of it.
                (library / _PTH).unlink()

    def environ(self, python_path: str | None) -> dict[str, str]:
        """Return the variables that have a Python watched whose environment must not be written to.

        :param python_path: ``PYTHONPATH`` as it is.
        """
        carrier = str(self._carrier)
        text = self._starter(leave_out="IES", carrier=carrier) + _MAKE_WAY.format(folder=ascii(carrier))
        try:
            self._carrier.mkdir(exist_ok=True)
            (self._carrier / "sitecustomize.py").write_text(text, encoding="ascii")
        except OSError:
            return {}
        return {"PYTHONPATH": os.pathsep.join(filter(None, [carrier, python_path]))}

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """Watch for as long as this lasts."""
        with contextlib.suppress(OSError):
            self._flag.touch()
        try:
            yield
        finally:
            # Taken away already, it says that something could not be written down.
            self._is_whole = self._is_whole and self._flag.exists()
            self._flag.unlink(missing_ok=True)

    def read(self) -> Observations:
        """Return all that was noted so far. Without a single fact the watcher did not run: that is not whole."""
        try:
            lines = self._facts.read_text(encoding="ascii").splitlines()
        except (OSError, ValueError):
            lines = []
        facts = [_parse(line) for line in lines]
        of_kind = {kind: {fact[1:] for fact in facts if fact[0] == kind} for kind in {fact[0] for fact in facts}}

        def single(kind: str) -> frozenset[str]:
            return frozenset(str(fact[0]) for fact in of_kind.get(kind, ()))

        walked = single("walked")
        passed = {name for walk, name in of_kind.get("passed", ()) if walk not in walked}
        return Observations(
            variables=single("variable") | passed,
            programs={str(name): found for name, found in sorted(of_kind.get("program", ()), key=repr)},
            commands=single("command"),
            absent=single("absent"),
            failed=single("failed"),
            imports=frozenset((str(module), str(file)) for module, file in of_kind.get("import", ())),
            is_whole=self._is_whole and bool(facts) and "broken" not in of_kind,
            has_unwatched_python="unwatched" in of_kind,
            prefixes=single("prefix"),
            listed=single("listed"),
            libraries=single("library"),
            searched=single("searched"),
            ran=single("ran"),
        )

    def _starter(self, *, leave_out: str, carrier: str | None) -> str:
        """Return code that runs the watcher, on this very Python, while the flag is there; it never raises.

        :param leave_out: letters of the interpreter's options that keep this code from being run.
        :param carrier: what ``PYTHONPATH`` must begin with for this code to be run, if it matters.
        """
        return (
            "try:\n"
            " import os, sys\n"
            f" _is_ours = sys.implementation.cache_tag == {sys.implementation.cache_tag!r}\n"
            # A .pth file may be run twice.
            f" if _is_ours and os.path.exists({str(self._flag)!a}) and '_walks' not in vars(type(os.environ)):\n"
            "  import marshal\n"
            f"  with open({str(self._code)!a}, 'rb') as _file: _codes = marshal.loads(_file.read())\n"
            f"  _names = {{'__name__': '<watcher>', 'LEAVE_OUT': {leave_out!a}, 'CARRIER': {carrier!a}}}\n"
            "  for _code in _codes: exec(_code, _names)\n"
            "except Exception: pass\n"
        )


@functools.cache
def _compile_watcher() -> tuple[CodeType, ...]:
    return tuple(_compile((_FOLDER / f"{name}.py").read_text(encoding="utf-8")) for name in _FILES)


def _compile(source: str) -> CodeType:
    return compile(source, "<frozen watcher>", "exec")


def _prefixes(folders: set[str]) -> tuple[str, ...]:
    """Return what the path of anything below one of *folders* begins with, links followed or not."""
    spelled = {*folders, *map(os.path.realpath, folders)}
    return tuple(f"{folder.rstrip(os.sep)}{os.sep}" for folder in sorted(spelled))


def _python_folders() -> set[str]:
    """Return where this Python has its own files; where it is the system's, what is the system's is not among them."""
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix} - {"/", "/usr", "/usr/local"}
    paths = {sysconfig.get_path(name) for name in ["stdlib", "platstdlib", "purelib", "platlib"]}
    return {*prefixes, *paths, os.path.dirname(os.__file__), *site.getsitepackages()}  # noqa: PTH120 (is no path of ours)


_ARITY = {
    **dict.fromkeys(["variable", "walked", "prefix", "command", "unwatched", "absent", "listed", "library"], 1),
    **dict.fromkeys(["failed", "searched", "ran", "broken"], 1),
    **dict.fromkeys(["passed", "program", "import"], 2),
}
"""How many values a fact of each kind has."""


def _parse(line: str) -> tuple[str, ...]:
    try:
        fact = ast.literal_eval(line)
    except (ValueError, SyntaxError):
        fact = None
    if isinstance(fact, tuple) and fact and _ARITY.get(fact[0]) == len(fact) - 1:
        return fact
    # A line that two processes wrote at once, say, is no fact.
    return ("broken", "line")
