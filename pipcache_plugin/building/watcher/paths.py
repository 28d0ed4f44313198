"""Paths that are looked at and not there, and folders that are gone through."""

import os


def _exists(path):
    try:
        _real_stat(path)
    except (OSError, ValueError):
        return False
    return True


def _whole(path):
    """Return *path* from the root on."""
    path = _text(path)
    if os.path.isabs(path):
        return path
    try:
        return os.path.normpath(os.path.join(os.getcwd(), path))
    except OSError:
        return path


def _is_foreign(path):
    return os.path.isabs(path) and not path.startswith(OWN)


@_guarded
def _absent(path):
    path = _whole(path)
    if _is_foreign(path) and not _exists(path) and not _is_pips():
        _note("absent", path)


class _Looking(_StandIn):
    """``os.stat`` and the like."""

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
        path = _whole(path)
        if _is_foreign(path):
            try:
                _real_stat(path)
            except (FileNotFoundError, NotADirectoryError):
                if not _is_pips():
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
    if path is None or isinstance(path, (str, bytes)):
        path = os.path.normpath(_whole(path or "."))
        if _is_foreign(path + os.sep) and _exists(path) and _is_asked_by_tree():
            _note("listed", path)


_watch_looking()
