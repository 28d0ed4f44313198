"""Runs inside a build and notes what the build asks for. Never imported: ``watching`` has it executed at start-up.

The files of this folder run one after another in one namespace of their own: ``notes``, ``callers``, ``variables``,
``paths``, ``programs``, ``imports``. That is in the backend's process and in every Python that it starts, before any of
their code. In the namespace are ``FACTS``, the file to append to, ``FLAG``, a file to remove when that fails, ``TREE``,
the source tree, ``OWN``, a tuple of path prefixes whose contents are the build's own and not worth noting, and
``LEAVE_OUT``, the letters of the interpreter's options that keep the watcher out, ``CARRIER``, what ``PYTHONPATH`` must
begin with for that too, or ``None``. A fact is a line, a Python literal:

* ``("variable", NAME)``: an environment variable was asked for by name (and not set by the build itself before);
* ``("passed", WALK, NAME)``: the same, after all names were listed; ``("walked", WALK)``: all of them were asked for,
  which is asking for none by name;
* ``("prefix", TEXT)``: variables whose name begins with this may have been picked out of all that there are;
* ``("program", NAME, PATH or None)``: a program was started, and where it was found;
* ``("command", TEXT)``: a command line that may name variables, or scripts that do;
* ``("unwatched", NAME)``: a Python was started so that the watcher may not run in it;
* ``("absent", PATH)``: a path was looked at that is not there;
* ``("listed", PATH)``: code of the source tree went through what is in a folder;
* ``("library", NAME)``: a shared library was loaded by its name, or was not;
* ``("failed", NAME)``: a program that was started exited with an error, or says that it did not find something;
* ``("searched", PATH)``: a folder that a failed program was told to look into, for headers or libraries;
* ``("import", MODULE, FILE)``: code of the source tree, in FILE, imported a top-level module;
* ``("ran", FILE)``: a file of the source tree was executed;
* ``("broken", TEXT)``: the watcher failed; what it noted is not complete.

A build must not notice: nothing is printed, nothing raised, nothing left in ``sys.modules``. Standard library only, and
of that only what every interpreter has loaded before it comes here.
"""

import os

_noted = set()
_real_stat, _real_access = os.stat, os.access
_real_open, _real_write, _real_close = os.open, os.write, os.close
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


def _note(*fact):
    if fact in _noted:
        return
    _noted.add(fact)
    try:
        # Opened each time: a build may close every descriptor that it does not know.
        descriptor = _real_open(FACTS, _FLAGS, 0o600)
        try:
            _real_write(descriptor, (ascii(fact) + "\n").encode("ascii"))
        finally:
            _real_close(descriptor)
    except OSError:
        # Not even that can be written down: without its flag, the watch knows that something is missing.
        try:
            os.unlink(FLAG)
        except OSError:
            pass


def _guarded(note):
    def guarded(*args):
        try:
            note(*args)
        except Exception as error:
            _note("broken", type(error).__name__)

    return guarded


def _text(value):
    return os.fsdecode(value) if isinstance(value, (str, bytes, os.PathLike)) else str(value)


class _StandIn:
    """In the place of a function of ``os``. An object: a function would become a method where a class takes it."""

    def __init__(self, real):
        self._real = real
        self.__name__ = self.__qualname__ = real.__name__
        self.__doc__, self.__module__ = real.__doc__, real.__module__

    def __reduce__(self):
        # Whoever unpickles it may not be watched.
        return eval, (f"__import__('os').{self.__name__}",)

    def __repr__(self):
        return repr(self._real)
