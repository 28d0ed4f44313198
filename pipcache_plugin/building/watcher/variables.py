"""Environment variables: what is asked of ``os.environ`` and of its copies, by name or by going through all."""

import _thread
import os
import sys

_GIVEN, _GIVEN_TEXTS = dict(os.environ._data), dict(os.environ)
# A variable that the build has set to something else is its own: asking for it is not asking for ours.

_VIEWS = type(os.environ.items()).__iter__.__code__.co_filename
_told_codes = set()
_LONGEST_TEXT = 100
_SHORTEST_PREFIX = 3
_SHORTEST_SECRET = 8


@_guarded
def _asked_for(key):
    name = _text(key)
    if ("variable", name) not in _noted and not _is_pips():
        _note("variable", name)


@_guarded
def _gone_through():
    """Note what may be picked out of all variables: those that a text in the code that does it names, or begins."""
    if _is_pips():
        return
    frames = _callers()
    is_trees = bool(frames) and _is_trees(frames[0])
    for frame in frames if is_trees else frames[:1]:
        if not is_trees or _is_trees(frame):
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
    elif isinstance(value, bytes):
        _tell_text(value.decode("latin-1"))
    elif isinstance(value, str) and value.isascii() and len(value) <= _LONGEST_TEXT and not _may_be_secret(value):
        words = "".join(sign if sign.isalnum() or sign == "_" else " " for sign in value).split()
        for word in words:
            if word in _GIVEN_TEXTS:
                _note("variable", word)
        # In a sentence, a word is a word; alone, perhaps with the signs of a pattern, it is what names begin with.
        if len(words) == 1 and " " not in value:
            (word,) = words
            if word.upper() == word and word[0].isalpha() and len(word) >= _SHORTEST_PREFIX:
                _note("prefix", word)


def _may_be_secret(text):
    """Tell whether a text has come from a variable's value, or is in one."""
    if text in _GIVEN_TEXTS:
        return False
    if len(text) >= _SHORTEST_SECRET and any(text in value for value in _GIVEN_TEXTS.values()):
        return True
    return any(value in text for value in _GIVEN_TEXTS.values() if len(value) >= _SHORTEST_SECRET)


def _site(depth):
    """Return where the code stands that asks: what ``dict(os.environ)`` does, it does at one place."""
    frame = sys._getframe(depth + 1)
    while frame is not None and (frame.f_code.co_filename in (_OURS, _VIEWS)):
        frame = frame.f_back
    return (frame.f_code, frame.f_lasti) if frame is not None else None


def _is_from_view():
    """Tell whether it is a view that asks, of items or values, and not ``get`` or the like, which stand beside it."""
    code = sys._getframe(2).f_code
    return code.co_filename == _VIEWS and code.co_name == "__iter__"


class _Walk:
    """What is asked for after all names were listed. Each of them once, however and in which order, is none by name."""

    count = 0

    def __init__(self, keys, site):
        _Walk.count += 1
        self.name = f"{os.getpid()} {_Walk.count}"
        self.left = set(keys)
        self.site = site

    def pass_by(self, key, is_given):
        """Note that *key* was asked for; tell whether that may be one of all."""
        if key not in self.left:
            return False
        self.left.remove(key)
        if is_given:
            _note("passed", self.name, _text(key))
        if not self.left:
            _note("walked", self.name)
        return True


def _recording_environ(base):
    class _Environ(base):
        _walks = _thread._local()

        def __getitem__(self, key):
            walk = getattr(self._walks, "now", None)
            if walk is not None and (walk.site == _site(1) or _is_from_view()):
                return base.__getitem__(self, key)
            is_given = self._is_given(key)
            if (walk is None or not walk.pass_by(key, is_given)) and is_given:
                _asked_for(key)
            return base.__getitem__(self, key)

        def _is_given(self, key):
            try:
                encoded = self.encodekey(key)
            except (TypeError, ValueError):
                # No name that a variable can have; whoever asks is told by what stands in ``os``.
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
            keys = list(base.__iter__(self))
            self._walks.now = _Walk(keys, _site(1))
            yield from keys

        def copy(self):
            return _Copy({key: base.__getitem__(self, key) for key in list(base.__iter__(self))})

    _Environ.__module__, _Environ.__qualname__ = base.__module__, base.__qualname__
    return _Environ


def _plain(copy):
    """Return the same as a dict, without asking a ``_Copy`` for anything: the constructor of ``dict`` would."""
    return {key: value for key, value in dict.items(copy)}


class _Copy(dict):
    """What ``os.environ.copy()`` gives: a dict that notes what is asked of it, and not that it is handed on."""

    _walk = None

    def _ask(self, key):
        walk = self._walk
        if walk is not None and walk.site == _site(2):
            return
        is_given = dict.get(self, key) == _GIVEN_TEXTS.get(key)
        if (walk is None or not walk.pass_by(key, is_given)) and is_given:
            _asked_for(key)

    def _list(self):
        _gone_through()
        self._walk = _Walk(dict.keys(self), _site(2))

    def __getitem__(self, key):
        self._ask(key)
        return dict.__getitem__(self, key)

    def __contains__(self, key):
        self._ask(key)
        return dict.__contains__(self, key)

    def __iter__(self):
        self._list()
        return dict.__iter__(self)

    def keys(self):
        self._list()
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
        _gone_through()
        return dict, (_plain(self),)


_Copy.__name__ = _Copy.__qualname__ = "dict"
_Copy.__module__ = "builtins"

os.environ.__class__ = _recording_environ(os.environ.__class__)
if hasattr(os, "environb"):
    os.environb.__class__ = _recording_environ(os.environb.__class__)
