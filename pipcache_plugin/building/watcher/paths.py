"""Paths that are looked at and not there, and folders that are gone through."""

import os


def _exists(path):
    try:
        _real_stat(path)
    except (OSError, ValueError):
        return False
    return True


def _is_foreign(path):
    is_absolute = path.startswith("/") or (os.name == "nt" and path[1:2] == ":")
    return is_absolute and not path.startswith(OWN)


@_guarded
def _absent(path):
    path = _text(path)
    if _is_foreign(path) and not _exists(path):
        _note("absent", path)


class _Looking:
    """In the place of ``os.stat`` and the like. An object: a function would become a method where a class takes it."""

    def __init__(self, real):
        self._real = real
        self.__name__ = self.__qualname__ = real.__name__
        self.__doc__, self.__module__ = real.__doc__, real.__module__

    def __reduce__(self):
        # Whoever unpickles it may not be watched.
        return eval, (f"__import__('os').{self.__name__}",)

    def __repr__(self):
        return repr(self._real)

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
        if _is_foreign(path):
            try:
                _real_stat(path)
            except (FileNotFoundError, NotADirectoryError):
                _note("absent", path)


@_guarded
def _loaded(library):
    if isinstance(library, (str, bytes)):
        library = _text(library)
        if os.sep in library:
            _absent(library)
        else:
            _note("library", library)


@_guarded
def _listed(path):
    _opened(path)
    if isinstance(path, (str, bytes)):
        path = os.path.normpath(_text(path))
        if _is_foreign(path + os.sep) and _exists(path) and _is_asked_by_tree():
            _note("listed", path)


_watch_looking()
