"""Whose code it is that asks: the source tree's, a distribution's, pip's or the standard library's."""

import os
import sys

_STDLIB = os.path.dirname(os.__file__) + os.sep
_OURS = _note.__code__.co_filename


def _is_trees(frame):
    """Tell whether a frame is of the source tree's code."""
    file = frame.f_code.co_filename
    if file.startswith("<") and not file.startswith("<frozen"):
        # Executed from a text: a setup.py, perhaps; or what a distribution made up, a namedtuple or the like.
        known = frame.f_globals.get("__file__")
        if not isinstance(known, str):
            return frame.f_globals.get("__name__") in (None, "__main__", "builtins")
        file = known
    return file.startswith(TREE) or not (os.path.isabs(file) or file.startswith("<frozen"))


def _is_stdlib(file):
    if file.startswith("<frozen"):
        return True
    return file.startswith(_STDLIB) and "-packages" not in file[len(_STDLIB) :]


def _is_importlib(file):
    return file.startswith(("<frozen importlib", _STDLIB + "importlib" + os.sep))


def _callers(most=1000):
    """Return the frames outside the standard library, innermost first; none when it is for a child, or an import."""
    frames, frame = [], sys._getframe(1)
    while frame is not None and len(frames) < most:
        file = frame.f_code.co_filename
        if file != _OURS:
            if not _is_stdlib(file):
                frames.append(frame)
            elif not frames and (file.endswith("subprocess.py") or file.startswith("<frozen importlib")):
                return []
        frame = frame.f_back
    return frames


def _is_asked_by_tree():
    frames = _callers(1)
    return bool(frames) and _is_trees(frames[0])


def _is_pips():
    """Tell whether it is pip that asks, run by the build: where it finds distributions is no choice of the build's."""
    frame = sys._getframe(1)
    while frame is not None and (frame.f_code.co_filename == _OURS or _is_stdlib(frame.f_code.co_filename)):
        frame = frame.f_back
    name = frame.f_globals.get("__name__") if frame is not None else None
    return isinstance(name, str) and name.startswith(("pip._internal.", "pip._vendor."))
