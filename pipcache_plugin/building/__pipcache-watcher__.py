"""Runs inside a build and notes what the build asks for. Never imported: ``watching`` has it executed at start-up.

It runs in the backend's process and in every Python that it starts, before any of their code, in a namespace of its
own. In it are ``FACTS``, the file to append to, ``FLAG``, a file to remove when that fails, ``TREE``, the source tree,
and ``OWN``, a tuple of path prefixes whose contents are the build's own and not worth noting. Each fact is one line, a
Python literal:

* ``("variable", NAME)``: an environment variable was asked for by name (and not set by the build itself before);
* ``("program", NAME, PATH or None)``: a program was started, and where it was found;
* ``("command", TEXT)``: what was passed to it;
* ``("unwatched", NAME)``: a Python was started so that the watcher may not run in it;
* ``("absent", PATH)``: a path was looked at that is not there;
* ``("failed", NAME)``: a program that was started exited with an error;
* ``("import", MODULE, FILE)``: code of the source tree, in FILE, imported a top-level module;
* ``("broken", TEXT)``: the watcher failed; what it noted is not complete.

A build must not notice: nothing is printed, nothing raised, nothing left in ``sys.modules``. Standard library only, and
of that only what every interpreter has loaded before it comes here.
"""

import _thread
import os
import sys

FACTS = globals()["FACTS"]
OWN = globals()["OWN"]
TREE = globals()["TREE"]
FLAG = globals()["FLAG"]

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


# --- environment variables

_GIVEN, _GIVEN_TEXTS = dict(os.environ._data), dict(os.environ)
# A variable that the build has set to something else is its own: asking for it is not asking for ours.


@_guarded
def _asked_for(key):
    _note("variable", _text(key))


class _Walk:
    """One going-through of all names. Taking every value on the way, or after it in order, asks for nothing by name."""

    def __init__(self, keys):
        self.keys = keys
        self.current = None
        self.is_taken = False
        self.is_selective = False
        self.taken = []
        self.position = 0

    def take(self, key):
        self.is_taken = True
        if self.is_selective:
            _asked_for(key)
        else:
            self.taken.append(key)

    def step(self):
        if self.current is not None and not self.is_taken:
            self.tell()
        self.is_taken = False

    def tell(self):
        self.is_selective = True
        for key in self.taken:
            _asked_for(key)
        self.taken = []


def _recording_environ(base):
    class _Environ(base):
        _walks = _thread._local()

        def __getitem__(self, key):
            walks = self._walks
            walk, listed = getattr(walks, "now", None), getattr(walks, "listed", None)
            if walk is not None and walk.current == key:
                walk.take(key)
            elif listed is not None and listed.position < len(listed.keys) and listed.keys[listed.position] == key:
                listed.position += 1
            else:
                if listed is not None:
                    walks.listed = None
                    if listed.position < len(listed.keys):
                        for passed in listed.keys[: listed.position]:
                            _asked_for(passed)
                if self._is_given(key):
                    _asked_for(key)
            return base.__getitem__(self, key)

        def _is_given(self, key):
            try:
                encoded = self.encodekey(key)
            except Exception:
                return False
            return self._data.get(encoded) == _GIVEN.get(encoded)

        def clear(self):
            # What stands in ``MutableMapping`` asks for every value on the way.
            for key in list(base.__iter__(self)):
                base.__delitem__(self, key)

        def update(self, other=(), /, **more):
            # The same: to put back a copy is not to ask for all that is in it.
            base.update(self, dict(other) if isinstance(other, _Copy) else other, **more)

        def __iter__(self):
            walks = self._walks
            walk = walks.now = _Walk(list(base.__iter__(self)))
            is_whole = False
            try:
                for key in walk.keys:
                    walk.step()
                    walk.current = key
                    yield key
                walk.step()
                is_whole = True
            finally:
                walks.now = None
                if not is_whole:
                    walk.tell()
                elif walk.is_selective:
                    walks.listed = walk

        def copy(self):
            return _Copy({key: base.__getitem__(self, key) for key in list(base.__iter__(self))})

    _Environ.__module__, _Environ.__qualname__ = base.__module__, base.__qualname__
    return _Environ


class _Copy(dict):
    """What ``os.environ.copy()`` gives: a dict that notes what is asked of it, and not that it is handed on."""

    def _ask(self, key):
        if dict.get(self, key) == _GIVEN_TEXTS.get(key):
            _asked_for(key)

    def __getitem__(self, key):
        self._ask(key)
        return dict.__getitem__(self, key)

    def __contains__(self, key):
        self._ask(key)
        return dict.__contains__(self, key)

    def get(self, key, default=None):
        self._ask(key)
        return dict.get(self, key, default)

    def pop(self, key, *default):
        self._ask(key)
        return dict.pop(self, key, *default)

    def setdefault(self, key, default=None):
        self._ask(key)
        return dict.setdefault(self, key, default)

    def copy(self):
        return _Copy(self)

    def __reduce__(self):
        return dict, (dict(self),)


_Copy.__name__ = _Copy.__qualname__ = "dict"
_Copy.__module__ = "builtins"


# --- paths


def _exists(path):
    try:
        _real_stat(path)
    except (OSError, ValueError):
        return False
    return True


def _is_inside(path):
    return path.startswith(OWN)


@_guarded
def _absent(path):
    path = _text(path)
    if path.startswith("/") or (os.name == "nt" and path[1:2] == ":"):
        if not _is_inside(path) and not _exists(path):
            _note("absent", path)


class _Looking:
    """In the place of ``os.stat`` and the like. An object: a function would become a method where a class takes it."""

    def __init__(self, real):
        self._real = real
        self.__name__ = self.__qualname__ = real.__name__
        self.__doc__, self.__module__ = real.__doc__, real.__module__

    def __call__(self, path, *args, **options):
        try:
            found = self._real(path, *args, **options)
        except (FileNotFoundError, NotADirectoryError):
            self._miss(path, options)
            raise
        if found is False:
            self._miss(path, options)
        return found

    def _miss(self, path, options):
        if options.get("dir_fd") is None and not isinstance(path, int):
            _absent(path)


def _watch_looking():
    for name in ("stat", "lstat", "access"):
        real = getattr(os, name)
        looking = _Looking(real)
        for supports in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
            if real in supports:
                supports.add(looking)
        setattr(os, name, looking)


@_guarded
def _opened(path):
    if isinstance(path, (str, bytes)):
        path = _text(path)
        if path.startswith("/") and not _is_inside(path):
            try:
                _real_stat(path)
            except (FileNotFoundError, NotADirectoryError):
                _note("absent", path)


# --- programs

_programs = {}


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


@_guarded
def _started(executable, args, env):
    name = _text(executable) if executable is not None else _text(args if isinstance(args, (str, bytes)) else args[0])
    words = [args] if isinstance(args, (str, bytes)) else list(args)
    if env is not None and "PATH" in dict(env):
        search = _text(dict(env)["PATH"])
    else:
        search = dict(os.environ).get("PATH", os.defpath)
    if (name, search) not in _programs:
        _programs[name, search] = _find_program(name, search)
    _note("program", name, _programs[name, search])
    if os.path.basename(name).startswith("python") and _leaves_us_out([_text(word) for word in words[1:]]):
        _note("unwatched", name)
    command = " ".join(map(_text, words))
    if "$" in command or "%" in command or os.path.basename(name) in ("sh", "bash", "dash", "env"):
        _note("command", command)


def _leaves_us_out(words):
    for word in words:
        if not word.startswith("-") or word in ("-c", "-m"):
            return False
        if not word.startswith("--") and set(word[1:]) & set("IES"):
            return True
    return False


_children = {}


def _watch_children():
    try:
        import _posixsubprocess
    except ImportError:
        return
    real_fork_exec, real_waitpid = _posixsubprocess.fork_exec, os.waitpid

    def fork_exec(*args):
        pid = real_fork_exec(*args)
        try:
            _children[pid] = _text(args[0][0])
        except Exception as error:
            _note("broken", type(error).__name__)
        return pid

    def waitpid(pid, options):
        found, status = real_waitpid(pid, options)
        if status and found in _children:
            _note("failed", _children.pop(found))
        return found, status

    def spawning(real):
        def spawn(path, *args, **options):
            pid = real(path, *args, **options)
            _children[pid] = _text(path)
            return pid

        spawn.__doc__, spawn.__module__, spawn.__name__ = real.__doc__, real.__module__, real.__name__
        return spawn

    real_system = os.system

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


@_guarded
def _imported(module):
    frame = sys._getframe()
    ours = frame.f_code.co_filename
    while frame is not None and (frame.f_code.co_filename == ours or "importlib" in frame.f_code.co_filename):
        frame = frame.f_back
    if frame is not None:
        file = frame.f_code.co_filename
        # A script that is executed from a text has no path, and one that runs in its folder a relative one.
        if file.startswith(TREE) or not (os.path.isabs(file) or file.startswith("<frozen")):
            _note("import", module.partition(".")[0], file)


def _audit(event, args):
    if event == "open":
        if ("r" in args[1]) if args[1] is not None else not args[2] & os.O_CREAT:
            _opened(args[0])
    elif event == "import":
        _imported(args[0])
    elif event == "subprocess.Popen":
        _started(args[0], args[1], args[3])
    elif event in ("os.listdir", "os.scandir"):
        _opened(args[0])
    elif event == "os.system":
        _started("sh", ["sh", "-c", args[0]], None)
    elif event in ("os.exec", "os.posix_spawn"):
        _started(args[0], args[1], args[2])


os.environ.__class__ = _recording_environ(os.environ.__class__)
if hasattr(os, "environb"):
    os.environb.__class__ = _recording_environ(os.environb.__class__)
_watch_looking()
_watch_children()
sys.addaudithook(_audit)
