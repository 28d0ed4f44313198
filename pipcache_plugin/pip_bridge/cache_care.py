"""``cache prune|verify|stats``, and ``--format json``: what pip's ``cache`` does not have, said as pip would say it."""

from __future__ import annotations

import json
import logging
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipcache_plugin.management import contents
from pipcache_plugin.pip_bridge import run
from pipcache_plugin.units import parse_duration, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from optparse import Values
    from typing import TypeAlias

    from pip._internal.commands.cache import CacheCommand

    from pipcache_plugin.management.pruning import Limits
    from pipcache_plugin.store.store import Store

    Handler: TypeAlias = Callable[[Values, list[str]], None]

logger = logging.getLogger(__name__)

_SUBCOMMANDS = [
    "prune: Remove what is least worth its place, until the cache keeps within limits.",
    "verify: Read every byte of the cache, and report what is wrong.",
    "stats: Show how often wheels were found and built, and the time saved.",
]

_USAGE = """\
        %prog prune [--max-size=<size>] [--older-than=<age>] [--keep-latest=<count>] [--ci] [--dry-run]
            [--format=[human, json]]
        %prog verify [--repair] [--format=[human, json]]
        %prog stats [--since=<age>] [--format=[human, json]] [--reset]
"""


_OPTIONS_OF = {
    "prune": ("--max-size", "--older-than", "--keep-latest", "--ci", "--dry-run"),
    "verify": ("--repair",),
    "stats": ("--since", "--reset"),
}
"""Of our subcommands; pip's have none of these."""


def add_options(command: CacheCommand) -> None:
    """Add our subcommands to pip's help, and their options to its parser."""
    parser: Any = command.parser
    # After the last one of pip's, as far in: from Python 3.13 on, docstrings have no indentation.
    parser.description = re.sub(
        r"^( *)- purge: .*\n",
        lambda match: match[0] + "".join(f"{match[1]}- {line}\n" for line in _SUBCOMMANDS),
        parser.description or "",
        flags=re.MULTILINE,
    )
    parser.usage = f"{parser.usage.rstrip()}\n{_USAGE}".replace(
        "--format=[human, abspath]]", "--format=[human, abspath, json]]"
    )
    style = parser.get_option("--format")
    style.choices = (*style.choices, "json")
    style.help = "Select the output format among: human (default), abspath or json"
    add = command.cmd_opts.add_option
    add("--max-size", dest="max_size", metavar="size", help="Leave no more than this, for example 5GB.")
    add(
        "--older-than",
        dest="older_than",
        metavar="age",
        help="Remove what was not used for this long, for example 30d.",
    )
    add("--keep-latest", dest="keep_latest", type="int", metavar="count", help="Keep so many versions of each project.")
    add("--ci", dest="for_ci", action="store_true", help="Keep what is worth carrying from one CI run to the next.")
    add("--dry-run", dest="dry_run", action="store_true", help="Say what would be removed, and remove nothing.")
    add("--repair", dest="repair", action="store_true", help="Take what is wrong out of the cache.")
    add("--since", dest="since", metavar="age", help="Count from then on, for example 7d.")
    add("--reset", dest="reset", action="store_true", help="Begin to count anew.")
    for text in {text for options in _OPTIONS_OF.values() for text in options}:
        _note_when_given(parser.get_option(text))


_GIVEN = "given_options"
"""In pip's options: those of ours that are on the command line. What a variable or a configuration file says may be
meant for another command, and pip passes over it."""


def _note_when_given(option: Any) -> None:
    process = option.process

    def note(text: str, value: Any, values: Any, parser: Any) -> Any:
        values.ensure_value(_GIVEN, []).append(option.get_opt_string())
        return process(text, value, values, parser)

    option.process = note


def refusing_options_of_others(command: CacheCommand, name: str, handle: Handler) -> Handler:
    """Return the handler of a subcommand that fails when it is given an option of another one."""
    foreign = {option for options in _OPTIONS_OF.values() for option in options}.difference(_OPTIONS_OF.get(name, ()))

    def call(options: Values, args: list[str]) -> None:
        parser: Any = command.parser
        for text in getattr(options, _GIVEN, ()):
            if text in foreign:
                # As pip says it of one that no command has.
                parser.error(f"no such option: {text} (of `cache {name}`)")
        handle(options, args)

    return call


def handlers(command: CacheCommand) -> Mapping[str, Handler]:
    """Return our subcommands, by name."""

    def bound(handle: Callable[[CacheCommand, Store, Values], None]) -> Handler:
        def call(options: Values, args: list[str]) -> None:
            from pip._internal.exceptions import CommandError

            if args:
                raise CommandError("Too many arguments")
            settings = run.load_settings()
            store = run.find_store(options, settings)
            assert store is not None, "pip has seen that there is a cache"
            try:
                handle(command, store, options)
            except OSError as error:
                hint = "`pipcache doctor` says what is wrong with it"
                raise CommandError(
                    f"The wheel cache at `{store.root}` cannot be used: {error} (hint: {hint})"
                ) from error

        return call

    return {"prune": bound(_prune), "verify": bound(_verify), "stats": bound(_stats)}


def _prune(command: CacheCommand, store: Store, options: Values) -> None:
    from pip._internal.utils.misc import format_size

    from pipcache_plugin.management import pruning
    from pipcache_plugin.management.survey import Kind

    limits = _limits(options)
    # By itself, it does what is done once a day without being asked.
    responses = map(Path, command._find_http_files(options)) if limits is not None else ()
    limits = limits or pruning.bound_to(run.load_settings().max_size)
    pieces = []
    for piece in pruning.choose(pruning.collect(store, responses), limits):
        try:
            if not options.dry_run:
                pruning.remove(store, piece)
        except OSError as error:
            logger.warning("Cannot remove %s: %s", piece.path, error.strerror)
            continue
        pieces.append(piece)
        logger.log(15, "%s %s", "Would remove" if options.dry_run else "Removed", piece.path)
    if not options.dry_run:
        contents.remove_unheld_locks(store)
    if options.list_format == "json":
        gone = [{"kind": piece.kind.value, "path": str(piece.path), "size": piece.size_bytes} for piece in pieces]
        _print_json({"dry_run": bool(options.dry_run), "removed": gone})
        return
    removed = "would be removed" if options.dry_run else "removed"
    for kind in Kind:
        found = [piece for piece in pieces if piece.kind is kind]
        if found:
            size = format_size(sum(piece.size_bytes for piece in found))
            logger.info("%s %s: %s (%s)", kind.value[0].upper() + kind.value[1:], removed, len(found), size)
    if not pieces:
        logger.info("Nothing to remove")


def _limits(options: Values) -> Limits | None:
    """Return what the user has asked for; ``None`` for nothing."""
    from pip._internal.exceptions import CommandError

    from pipcache_plugin.management.pruning import Limits

    if options.keep_latest is not None and options.keep_latest < 1:
        raise CommandError(f"--keep-latest is no number from 1 on: {options.keep_latest}")
    limits = Limits(
        max_bytes=_parse("--max-size", parse_size, options.max_size),
        older_than_seconds=_parse("--older-than", parse_duration, options.older_than),
        keep_latest=options.keep_latest,
        is_for_ci=bool(options.for_ci),
    )
    return limits if limits != Limits() else None


def _parse(option: str, parse: Callable[[str], Any], text: str | None) -> Any:
    from pip._internal.exceptions import CommandError

    try:
        return None if text is None else parse(text)
    except ValueError:
        example = "5GB" if parse is parse_size else "30d"
        raise CommandError(f"{option} is not understood: {text!r} (an example: {example})") from None


def _print_json(content: Mapping[str, object]) -> None:
    logger.info("%s", json.dumps(content, indent=2))


def _verify(_command: CacheCommand, store: Store, options: Values) -> None:
    from pip._internal.exceptions import CommandError

    from pipcache_plugin.management import verifying

    problems = []
    # Wheels come before what leads to them: repaired on the way, what is then of no use is found as well.
    for problem in verifying.find_problems(store):
        problems.append(problem)
        logger.warning("%s", problem)
        if options.repair:
            verifying.repair(store, problem)
    wheels, trees = len(list(store.wheels)), len(list(store.trees))
    is_json = options.list_format == "json"
    if is_json:
        found = [{"path": str(problem.path), "what": problem.what} for problem in problems]
        repaired = bool(options.repair)
        _print_json({"wheels": wheels, "unpacked_wheels": trees, "problems": found, "repaired": repaired})
    else:
        logger.info("Wheels verified: %s", wheels)
        logger.info("Unpacked wheels verified: %s", trees)
    if problems and not options.repair:
        hint = "to take out what is wrong, run `pipcache cache verify --repair`"
        raise CommandError(f"Problems found: {len(problems)} ({hint})")
    if problems and not is_json:
        logger.info("Problems repaired: %s", len(problems))


def _stats(_command: CacheCommand, store: Store, options: Values) -> None:
    from pipcache_plugin.management.statistics import collect_statistics

    age = _parse("--since", parse_duration, options.since)
    found = collect_statistics(store, time.time_ns() - int(age * 1e9) if age is not None else 0)
    if options.list_format == "json":
        _print_json(found.to_dict())
    else:
        for line in found.iter_lines():
            logger.info("%s", line)
    if options.reset:
        store.log.counts.reset()
