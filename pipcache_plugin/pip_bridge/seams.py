"""Seams: the functions of pip that a part of ours replaces or wraps.

All seams of a command are checked first (the function is there, with the parameters that we rely on) and set only when
every one of them is as expected: a run never mixes half a set. A function that other modules imported by name is
replaced there as well.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pipcache_plugin.errors import PipCacheError

# pip's functions, whose signatures differ between releases.
PipFunction: TypeAlias = Callable[..., Any]

Part: TypeAlias = Callable[..., Any]
"""Ours: called as ``part(original, *args, **kwargs)`` in the place of ``original(*args, **kwargs)``."""


class UnknownPipError(PipCacheError):
    """A seam of the running pip is not as it is known to be."""

    code = "unknown-pip"
    hint = "upgrade pipcache, or use a pip that it was tested with"

    def __init__(self, *, version: str, problems: Sequence[str]) -> None:
        super().__init__(version)
        self.version = version
        self.problems = list(problems)

    def __str__(self) -> str:
        return f"pip {self.version} is not known to pipcache: {'; '.join(self.problems)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """A function of pip, and the part that takes its place."""

    modules: tuple[str, ...]
    """Where it may be defined, by release; the first module that has it counts."""

    name: str
    """``function`` or ``Class.method``."""

    parameters: tuple[str, ...]
    """The leading parameters that it must have, by name."""

    part: Part

    is_local: bool = False
    """Set in this module only: what others imported by the same name stays pip's."""


def install(seams: Iterable[Seam]) -> None:
    """Check all *seams*, then set them.

    :raises UnknownPipError: one of them is not as expected; nothing was set.
    """
    import pip

    problems, located = [], []
    for seam in seams:
        found = _locate(seam)
        if isinstance(found, str):
            problems.append(found)
        else:
            located.append((seam, *found))
    if problems:
        raise UnknownPipError(version=pip.__version__, problems=problems)
    for seam, owner, attribute in located:
        _set(seam, owner, attribute)


def find_problems(seams: Iterable[Seam]) -> list[str]:
    """Return what is not as expected; nothing is set."""
    return [found for seam in seams if isinstance(found := _locate(seam), str)]


def _locate(seam: Seam) -> tuple[object, str] | str:
    """Return the object that has the function and the attribute's name; or what is wrong with it."""
    for module_name in seam.modules:
        try:
            owner: object = importlib.import_module(module_name)
        except ImportError:
            continue
        *path, attribute = seam.name.split(".")
        for part in path:
            owner = getattr(owner, part, None)
        function = vars(owner).get(attribute) if owner is not None else None
        if function is not None:
            has = _parameters_of(getattr(function, "__func__", function))
            if has[: len(seam.parameters)] == seam.parameters:
                return owner, attribute
            return f"`{seam.name}` takes {', '.join(has)}"
    return f"there is no `{seam.name}`"


def _parameters_of(function: Any) -> tuple[str, ...]:
    """Return the names of a function's parameters."""
    code = getattr(function, "__code__", None)
    if code is None or hasattr(function, "__wrapped__"):
        return tuple(inspect.signature(function).parameters)
    # To make a signature of each takes longer than all the rest. Those that come first are what is relied on.
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    return names


def _set(seam: Seam, owner: object, attribute: str) -> None:
    held = vars(owner)[attribute]
    if isinstance(held, classmethod):
        setattr(owner, attribute, classmethod(_playing(seam.part, held.__func__)))
        return
    ours = _playing(seam.part, held)
    setattr(owner, attribute, ours)
    if inspect.ismodule(owner) and not seam.is_local:
        _replace_imports(held, ours)


def _replace_imports(held: PipFunction, ours: PipFunction) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("pip._internal") and module is not None:
            for attribute in [key for key, value in vars(module).items() if value is held]:
                setattr(module, attribute, ours)


def _playing(part: Part, original: PipFunction) -> PipFunction:
    """Return the function that stands in for *original*: *part*, and *original* itself when *part* breaks."""

    @functools.wraps(original)
    def played(*args: Any, **kwargs: Any) -> Any:
        passed: list[BaseException] = []
        returned: list[Any] = []

        # Without ``wraps``: some are called for each file, and it costs more than all the rest.
        def watched(*args: Any, **kwargs: Any) -> Any:
            try:
                returned.append(original(*args, **kwargs))
            except BaseException as error:
                passed.append(error)
                raise
            return returned[-1]

        try:
            return part(watched, *args, **kwargs)
        except Exception as error:
            # The boundary between pip and us: what pip raised is pip's business, what we broke must not break pip.
            if any(error is one for one in passed) or _is_pips(error):
                raise
            from pipcache_plugin.pip_bridge import run

            run.give_up(error)
            # What pip has done already is not done twice.
            return returned[-1] if returned else original(*args, **kwargs)

    return played


def _is_pips(error: Exception) -> bool:
    from pip._internal.exceptions import PipError

    return isinstance(error, PipError)
