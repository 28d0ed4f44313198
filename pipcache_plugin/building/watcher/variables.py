"""Environment variables: what is asked of ``os.environ`` and of its copies, by name or by going through all."""

import _thread
import os

_GIVEN, _GIVEN_TEXTS = dict(os.environ._data), dict(os.environ)
# A variable that the build has set to something else is its own: asking for it is not asking for ours.

_told_codes = set()
_LONGEST_TEXT = 100
_SHORTEST_PREFIX = 3


@_guarded
def _asked_for(key):
    _note("variable", _text(key))


@_guarded
def _gone_through():
    """Note what may be picked out of all variables: those that a text in the code that does it names, or begins."""
    frames = _callers()
    is_trees = bool(frames) and _is_trees(frames[0].f_code.co_filename)
    for frame in frames if is_trees else frames[:1]:
        if not is_trees or _is_trees(frame.f_code.co_filename):
            _tell_texts(frame.f_code, frame.f_globals)


def _tell_texts(code, names):
    if code in _told_codes:
        return
    _told_codes.add(code)
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            _tell_texts(constant, names)
        else:
            _tell_text(constant)
    for name in code.co_names:
        _tell_text(names.get(name))


def _tell_text(value):
    if isinstance(value, (tuple, frozenset, list)):
        for part in value:
            _tell_text(part)
    elif isinstance(value, bytes) and len(value) <= _LONGEST_TEXT:
        _tell_text(value.decode("latin-1"))
    elif isinstance(value, str) and len(value) <= _LONGEST_TEXT:
        for word in "".join(c if c.isalnum() or c == "_" else " " for c in value).split():
            if word in _GIVEN_TEXTS:
                _note("variable", word)
            if word.isascii() and word.upper() == word and word[0].isalpha() and len(word) >= _SHORTEST_PREFIX:
                _note("prefix", word)


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

    def is_next(self, key):
        """Tell whether *key* is asked for in order, after all names were listed."""
        if self.position < len(self.keys) and self.keys[self.position] == key:
            self.position += 1
            return True
        return False

    def leave(self):
        if self.position < len(self.keys):
            for passed in self.keys[: self.position]:
                _asked_for(passed)


def _recording_environ(base):
    class _Environ(base):
        _walks = _thread._local()

        def __getitem__(self, key):
            walks = self._walks
            walk, listed = getattr(walks, "now", None), getattr(walks, "listed", None)
            if walk is not None and walk.current == key:
                walk.take(key)
            elif listed is None or not listed.is_next(key):
                if listed is not None:
                    walks.listed = None
                    listed.leave()
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
            base.update(self, _plain(other) if isinstance(other, _Copy) else other, **more)

        def __iter__(self):
            _gone_through()
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


def _plain(copy):
    """Return the same as a dict, without asking a ``_Copy`` for anything: the constructor of ``dict`` would."""
    return {key: value for key, value in dict.items(copy)}


class _Copy(dict):
    """What ``os.environ.copy()`` gives: a dict that notes what is asked of it, and not that it is handed on."""

    _listed = None

    def _ask(self, key):
        listed = self._listed
        if listed is not None:
            if listed.is_next(key):
                return
            self._listed = None
            listed.leave()
        if dict.get(self, key) == _GIVEN_TEXTS.get(key):
            _asked_for(key)

    def __getitem__(self, key):
        self._ask(key)
        return dict.__getitem__(self, key)

    def __contains__(self, key):
        self._ask(key)
        return dict.__contains__(self, key)

    def __iter__(self):
        _gone_through()
        self._listed = _Walk(list(dict.__iter__(self)))
        return dict.__iter__(self)

    def keys(self):
        _gone_through()
        self._listed = _Walk(list(dict.__iter__(self)))
        return dict.keys(self)

    def items(self):
        _gone_through()
        return dict.items(self)

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
        return _Copy(_plain(self))

    def __reduce__(self):
        return dict, (_plain(self),)


_Copy.__name__ = _Copy.__qualname__ = "dict"
_Copy.__module__ = "builtins"

os.environ.__class__ = _recording_environ(os.environ.__class__)
if hasattr(os, "environb"):
    os.environb.__class__ = _recording_environ(os.environb.__class__)
