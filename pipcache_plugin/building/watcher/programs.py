"""Programs that are started: whether they are there, what is passed to them, and whether they fail."""

import os
import sys

_programs = {}
_children = {}

_INTERPRETERS = ("sh", "bash", "dash", "zsh", "ksh", "env", "perl", "awk", "gawk", "ruby", "node", "tclsh", "lua")
"""Programs that run scripts, which may name variables."""

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


def _variable(env, name):
    """Return a variable of the environment that a child is given; asked for by nobody but us."""
    if isinstance(env, dict):
        found = dict.get(env, name, dict.get(env, os.fsencode(name)))
    elif env is not None and not isinstance(env, type(os.environ)):
        found = dict(env).get(name)
    else:
        found = os.environ._data.get(os.environ.encodekey(name))
        found = os.environ.decodevalue(found) if found is not None else None
    return _text(found) if found is not None else None


@_guarded
def _started(executable, args, env):
    name = _text(executable) if executable is not None else _text(args if isinstance(args, (str, bytes)) else args[0])
    words = [_text(args)] if isinstance(args, (str, bytes)) else [_text(word) for word in args]
    base = os.path.basename(name)
    is_python = base.startswith("python")
    if not is_python and _is_pips():
        # It says to the index which compiler there is, and asks for passwords.
        return
    search = _variable(env, "PATH") or os.defpath
    if (name, search) not in _programs:
        _programs[name, search] = _find_program(name, search)
    _note("program", name, _programs[name, search])
    is_own = os.path.dirname(_programs[name, search] or "") == os.path.dirname(sys.executable)
    is_unwatched = is_python and (_leaves_us_out(words[1:]) or not _is_carried(env))
    if is_unwatched:
        _note("unwatched", name)
    command = " ".join(words)
    if is_unwatched or (is_python and not is_own) or "$" in command or "%" in command or base in _INTERPRETERS:
        _note("command", command)


def _is_carried(env):
    if CARRIER is None:
        return True
    return (_variable(env, "PYTHONPATH") or "").split(os.pathsep)[0] == CARRIER


def _leaves_us_out(words):
    words = iter(words)
    for word in words:
        if not word.startswith("-") or word in ("-c", "-m"):
            return False
        if word in ("-W", "-X"):
            next(words, None)
        elif not word.startswith(("--", "-W", "-X")) and set(word[1:]) & set(LEAVE_OUT):
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


def _remember(pid, words, folder):
    try:
        if _is_pips() and not os.path.basename(_text(words[0])).startswith("python"):
            _children[pid] = None
            return
        _children[pid] = [_text(word) for word in words], _text(folder) if folder is not None else os.getcwd()
    except Exception as error:
        _note("broken", type(error).__name__)


class _ForkExec(_StandIn):
    """``_posixsubprocess.fork_exec``, which all of ``subprocess`` comes to."""

    def __call__(self, *args):
        pid = self._real(*args)
        _remember(pid, args[0], args[4])
        return pid


class _Spawn(_StandIn):
    """``os.posix_spawn`` and ``os.posix_spawnp``."""

    def __call__(self, path, *args, **options):
        pid = self._real(path, *args, **options)
        _remember(pid, args[0] if args else [path], None)
        return pid


class _WaitPid(_StandIn):
    """``os.waitpid``, by which all learn how a child ended."""

    def __call__(self, pid, options):
        found, status = self._real(pid, options)
        if found in _children:
            child = _children.pop(found)
            if child is not None:
                _ended(*child, status)
        elif status and found:
            # Forked and replaced by a program, as ``os.spawnv`` does.
            _note("failed", "fork")
        return found, status


class _System(_StandIn):
    """``os.system``, whose children nobody waits for."""

    def __call__(self, command):
        status = self._real(command)
        if status:
            _note("failed", "sh")
        return status


def _replace(module, name, kind):
    real = getattr(module, name, None)
    if real is None:
        return
    ours = kind(real)
    setattr(module, name, ours)
    early = sys.modules.get("subprocess")
    if early is None:
        return
    # Imported before us, by another .pth file, it has names of its own for the same.
    for holder in (early, getattr(early, "_del_safe", None)):
        for other in ("_fork_exec", "_waitpid", "waitpid"):
            if getattr(holder, other, None) is real:
                setattr(holder, other, ours)
    poll = early.Popen._internal_poll
    poll.__defaults__ = tuple(ours if value is real else value for value in poll.__defaults__ or ())


def _watch_children():
    try:
        import _posixsubprocess
    except ImportError:
        return
    _replace(_posixsubprocess, "fork_exec", _ForkExec)
    _replace(os, "waitpid", _WaitPid)
    _replace(os, "system", _System)
    _replace(os, "posix_spawn", _Spawn)
    _replace(os, "posix_spawnp", _Spawn)


_watch_children()
