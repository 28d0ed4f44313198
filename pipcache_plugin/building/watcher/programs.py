"""Programs that are started: whether they are there, what is passed to them, and whether they fail."""

import os
import sys

_programs = {}
_children = {}

_CHECKS = ("//Have ", "//Test ", "//Result of ")
"""What CMake writes above the result of a check, which is empty when it failed."""


def _find_program(name, search):
    if os.sep in name:
        candidates = [name]
    else:
        candidates = [os.path.join(folder or ".", name) for folder in search.split(os.pathsep)]
    for candidate in candidates:
        try:
            _real_stat(candidate)
        except (OSError, ValueError):
            continue
        if _real_access(candidate, os.X_OK):
            return candidate
    return None


def _search_path(env):
    if isinstance(env, dict):
        # Asked for by nobody but us.
        found = dict.get(env, "PATH", dict.get(env, b"PATH"))
        return _text(found) if found is not None else os.defpath
    if env is not None and not isinstance(env, type(os.environ)):
        return _text(dict(env).get("PATH", os.defpath))
    found = os.environ._data.get(os.environ.encodekey("PATH"))
    return os.environ.decodevalue(found) if found is not None else os.defpath


@_guarded
def _started(executable, args, env):
    name = _text(executable) if executable is not None else _text(args if isinstance(args, (str, bytes)) else args[0])
    words = [_text(args)] if isinstance(args, (str, bytes)) else [_text(word) for word in args]
    search = _search_path(env)
    if (name, search) not in _programs:
        _programs[name, search] = _find_program(name, search)
    _note("program", name, _programs[name, search])
    base = os.path.basename(name)
    is_python = base.startswith("python")
    is_own = os.path.dirname(_programs[name, search] or "") == os.path.dirname(sys.executable)
    is_unwatched = is_python and _leaves_us_out(words[1:])
    if is_unwatched:
        _note("unwatched", name)
    command = " ".join(words)
    if (
        is_unwatched
        or (is_python and not is_own)
        or "$" in command
        or "%" in command
        or base in ("sh", "bash", "dash", "env")
    ):
        _note("command", command)


def _leaves_us_out(words):
    for word in words:
        if not word.startswith("-") or word in ("-c", "-m"):
            return False
        if not word.startswith("--") and set(word[1:]) & set(LEAVE_OUT):
            return True
    return False


@_guarded
def _ended(words, folder, status):
    name = words[0]
    if status:
        _note("failed", name)
        for before, word in zip(words, words[1:], strict=False):
            for option in ("-I", "-L", "-isystem"):
                searched = word if before == option else word[len(option) :] if word.startswith(option) else ""
                if searched and _is_foreign(searched + os.sep):
                    _note("searched", os.path.normpath(searched))
    elif os.path.basename(name) == "cmake" and not {"--build", "--install", "-E", "-P", "--version"} & set(words):
        for before, word in zip(words, words[1:], strict=False):
            if before == "-B" or (word.startswith("-B") and word != "-B"):
                folder = os.path.join(folder, word if before == "-B" else word[2:])
                break
        if _has_failed_checks(os.path.join(folder, "CMakeCache.txt")):
            _note("failed", name)


def _has_failed_checks(cache):
    """Tell whether CMake did not find something, or a compile step of its own failed, by its cache."""
    try:
        with open(cache, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return False
    for before, line in zip(["", *lines], lines, strict=False):
        name, _, value = line.partition("=")
        if name.startswith(("CMAKE_", "_", "Python", "PYTHON", "#", "//")):
            continue
        if value.endswith("-NOTFOUND") or (name.endswith(":INTERNAL") and not value and before.startswith(_CHECKS)):
            return True
    return False


def _watch_children():
    try:
        import _posixsubprocess
    except ImportError:
        return
    real_fork_exec, real_waitpid, real_system = _posixsubprocess.fork_exec, os.waitpid, os.system

    def fork_exec(*args):
        pid = real_fork_exec(*args)
        try:
            _children[pid] = [_text(word) for word in args[0]], _text(args[4]) if args[4] is not None else os.getcwd()
        except Exception as error:
            _note("broken", type(error).__name__)
        return pid

    def waitpid(pid, options):
        found, status = real_waitpid(pid, options)
        if found in _children:
            _ended(*_children.pop(found), status)
        elif status and found:
            # Forked and replaced by a program, as ``os.spawnv`` does.
            _note("failed", "fork")
        return found, status

    def spawning(real):
        def spawn(path, *args, **options):
            pid = real(path, *args, **options)
            _children[pid] = [_text(path)], os.getcwd()
            return pid

        spawn.__doc__, spawn.__module__, spawn.__name__ = real.__doc__, real.__module__, real.__name__
        return spawn

    def system(command):
        status = real_system(command)
        if status:
            _note("failed", "sh")
        return status

    os.system = system
    for name in ("posix_spawn", "posix_spawnp"):
        if hasattr(os, name):
            setattr(os, name, spawning(getattr(os, name)))
    fork_exec.__doc__, fork_exec.__module__ = real_fork_exec.__doc__, real_fork_exec.__module__
    waitpid.__doc__, waitpid.__module__ = real_waitpid.__doc__, real_waitpid.__module__
    _posixsubprocess.fork_exec = fork_exec
    os.waitpid = waitpid


_watch_children()
