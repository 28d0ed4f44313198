"""``cache info|list|remove|purge`` cover our store as well, in pip's words; ``cache dir`` stays pip's one line."""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipcache_plugin.management import contents
from pipcache_plugin.pip_bridge import run
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from optparse import Values

    from pip._internal.commands.cache import CacheCommand

logger = logging.getLogger(__name__)

_counts_ours = contextvars.ContextVar("counts_ours", default=True)
"""Off while pip speaks of its own cache alone."""

_counts_lower = contextvars.ContextVar("counts_lower", default=False)
"""On while wheels are only listed: those of read-only caches as well."""


def _find_wheels(original: PipFunction, self: CacheCommand, options: Values, pattern: str) -> list[str]:
    """Add our wheels to those of pip's cache: ``list``, ``remove`` and ``purge`` go through them."""
    found: list[str] = original(self, options, pattern)
    store = run.find_store(options, run.load_settings())
    if store is None or not _counts_ours.get():
        return found
    stores = [store, *(store.lower if _counts_lower.get() else ())]
    return [*found, *(str(path) for one in stores for path in contents.find_wheels(one, _glob(pattern)))]


def _list_cache_items(original: PipFunction, self: CacheCommand, options: Values, args: list[str]) -> None:
    """List read-only caches as well, and print JSON, which pip does not know."""
    with _set(_counts_lower, to=True):
        if options.list_format == "json":
            _print_json(self, options, args)
        else:
            original(self, options, args)


def _print_json(self: CacheCommand, options: Values, args: list[str]) -> None:
    from pip._internal.exceptions import CommandError

    from pipcache_plugin.management.inventory import describe, to_json

    if len(args) > 1:
        raise CommandError("Too many arguments")
    store = run.find_store(options, run.load_settings())
    paths = map(Path, self._find_wheels(options, args[0] if args else "*"))
    logger.info("%s", to_json(describe(store, paths)))


def _remove_cache_items(original: PipFunction, self: CacheCommand, options: Values, args: list[str]) -> None:
    """Let pip remove the wheels, then forget what we knew of them; ``*`` and ``purge`` leave nothing."""
    store = run.find_store(options, run.load_settings())
    if store is None or not store.root.is_dir():
        original(self, options, args)
    elif not contents.can_remove(store):
        hint = "`pipcache doctor` says why"
        logger.warning(
            "The wheel cache at `%s` cannot be written: nothing is removed from it (hint: %s)", store.root, hint
        )
        _run_for_pip_only(original, self, options, args)
    else:
        original(self, options, args)
        try:
            if args == ["*"]:
                contents.purge(store)
            else:
                contents.forget(store, _glob(args[0]))
        except OSError as error:
            logger.warning("Cannot remove everything from the wheel cache at `%s`: %s", store.root, error)


def _get_cache_info(original: PipFunction, self: CacheCommand, options: Values, args: list[str]) -> None:
    """Say of our store what pip says of its cache."""
    from pip._internal.utils.misc import format_size

    if options.list_format == "json" and not args:
        logger.info("%s", json.dumps(_collect_info(self, options), indent=2))
        return
    _run_for_pip_only(original, self, options, args)
    store = run.find_store(options, run.load_settings())
    if store is not None:
        count, size = contents.size_of_wheels(store)
        logger.info("Wheels built by pipcache location: %s", store.wheels.folder)
        logger.info("Wheels built by pipcache size: %s", format_size(size))
        logger.info("Number of wheels built by pipcache: %s", count)
        count, size = contents.size_of_trees(store)
        logger.info("Unpacked wheels location: %s", store.trees.folder)
        logger.info("Unpacked wheels size: %s", format_size(size))
        logger.info("Number of unpacked wheels: %s", count)
        for lower in store.lower:
            logger.info("Read-only cache: %s (%s wheels)", lower.root, contents.size_of_wheels(lower)[0])


def _collect_info(self: CacheCommand, options: Values) -> dict[str, object]:
    """Return the same for programs to read: locations, bytes and numbers."""
    responses = self._find_http_files(options)
    with _set(_counts_ours, to=False):
        wheels = self._find_wheels(options, "*")
    found: dict[str, object] = {
        "http": _describe(self._cache_dir(options, "http-v2"), len(responses), _size_of(responses)),
        "wheels_of_pip": _describe(self._cache_dir(options, "wheels"), len(wheels), _size_of(wheels)),
    }
    store = run.find_store(options, run.load_settings())
    if store is not None:
        found["wheels"] = _describe(store.wheels.folder, *contents.size_of_wheels(store))
        found["unpacked_wheels"] = _describe(store.trees.folder, *contents.size_of_trees(store))
        found["read_only"] = [_describe(lower.root, *contents.size_of_wheels(lower)) for lower in store.lower]
    return found


def _describe(location: str | Path, number: int, size_bytes: int) -> dict[str, object]:
    return {"location": str(location), "number": number, "size": size_bytes}


def _size_of(names: Iterable[str]) -> int:
    return contents.size_bytes([*map(Path, names)])


def _handler_map(original: PipFunction, self: CacheCommand) -> dict[str, Any]:
    """Add our subcommands; see to it that none is given an option of another."""
    from pipcache_plugin.pip_bridge import cache_care

    handlers = {**original(self), **cache_care.handlers(self)}
    return {name: cache_care.refusing_options_of_others(self, name, handlers[name]) for name in handlers}


def _run_for_pip_only(original: PipFunction, self: CacheCommand, options: Values, args: list[str]) -> None:
    with _set(_counts_ours, to=False):
        original(self, options, args)


@contextlib.contextmanager
def _set(variable: contextvars.ContextVar[bool], *, to: bool) -> Iterator[None]:
    token = variable.set(to)
    try:
        yield
    finally:
        variable.reset(token)


def _glob(pattern: str) -> str:
    """Return the glob that pip makes of a pattern: one with a hyphen has a version."""
    return pattern + ("*.whl" if "-" in pattern else "-*.whl")


SEAMS = [
    Seam(
        modules=("pip._internal.commands.cache",),
        name="CacheCommand.handler_map",
        parameters=("self",),
        part=_handler_map,
    ),
    Seam(
        modules=("pip._internal.commands.cache",),
        name="CacheCommand.list_cache_items",
        parameters=("self", "options", "args"),
        part=_list_cache_items,
    ),
    Seam(
        modules=("pip._internal.commands.cache",),
        name="CacheCommand._find_wheels",
        parameters=("self", "options", "pattern"),
        part=_find_wheels,
    ),
    Seam(
        modules=("pip._internal.commands.cache",),
        name="CacheCommand.remove_cache_items",
        parameters=("self", "options", "args"),
        part=_remove_cache_items,
    ),
    Seam(
        modules=("pip._internal.commands.cache",),
        name="CacheCommand.get_cache_info",
        parameters=("self", "options", "args"),
        part=_get_cache_info,
    ),
]
