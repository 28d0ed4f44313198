"""The command line: decides who acts, and says what our own commands found.

``explain``, ``doctor`` and ``shell-init`` are ours. All other words are pip's; what is ours in them (``cache`` covering
both caches, ``--rebuild``, ``--version``) is said through pip's own commands, by the bridge.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
# Not from ``typing``, which loads ten others: with ``--python``, this process only has to find out where to go on.

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from pipcache_plugin.errors import PipCacheError
    from pipcache_plugin.management.explain import Decision

_NO = {"", "0", "no", "n", "off", "f", "false"}


_ANYWHERE = {"shell-init", "help", "completion", "--help", "-h"}
"""Words after which it does not matter which environment a command acts on."""

_BY_CONFIGURATION = {"cache", "explain"}
"""Words after which it matters only when the environment says in a file of its own where the cache is."""

_OF_SHELLS = {"shell-init", "completion"}
"""Words that are about this program, and not about what it acts on."""


def script() -> int:
    """Run the command as the ``pipcache`` script: on the environment that is activated, as ``pip`` there would.

    ``python -m pipcache_plugin`` acts on its own.
    """
    from pipcache_plugin.machine import activated

    is_settled = _stand_in()
    args = sys.argv[1:]
    # There are no arguments then, and what can be completed may depend on the environment.
    completes = not args and "PIP_AUTO_COMPLETE" in os.environ
    is_anywhere = args[0] in _ANYWHERE if args else not completes
    if is_settled or is_anywhere or _names_interpreter(args):
        return main()
    interpreter = activated.find_interpreter(sys.argv[0], os.environ)
    if interpreter is not None and args and args[0] in _BY_CONFIGURATION and not activated.is_configured(interpreter):
        return main()
    if interpreter is not None:
        if completes:
            _complete_there(interpreter)
        if not activated.is_first(interpreter, os.environ):
            _say_where(interpreter)
    elif activated.needs_target(args):
        print(
            f"ERROR: `pipcache` is alone in its environment, `{sys.prefix}`: nothing is to be installed there",
            file=sys.stderr,
        )
        print("hint: activate an environment, or name one: `pipcache --python PATH install ...`", file=sys.stderr)
        return 2
    return main(interpreter)


def _complete_there(interpreter: str) -> None:
    from pipcache_plugin.pip_bridge import runner

    runner.become(interpreter, [], is_named=False)


def _stand_in() -> bool:
    """Go on where the ``pip`` that a shell hides would act, if a shell has called; tell whether that is settled."""
    if "_PIPCACHE_INSTEAD_OF" not in os.environ:
        return False
    from pipcache_plugin.pip_bridge import stand_in

    hidden, sys.argv[1:] = stand_in.take(sys.argv[1:])
    args = sys.argv[1:]
    if hidden is None or _names_interpreter(args) or (args and args[0] in _OF_SHELLS):
        stand_in.act_here()
        return False
    sys.argv[1:] = stand_in.act_there(hidden, args, with_cache=not _is_disabled())
    return True


def _names_interpreter(args: Sequence[str]) -> bool:
    """Tell whether a Python is named for the command; pip's own process on another one is there already."""
    given = any(arg.partition("=")[0] == "--python" for arg in args)
    return given or bool(os.environ.get("PIP_PYTHON")) or "_PIP_RUNNING_IN_SUBPROCESS" in os.environ


def _say_where(interpreter: str) -> None:
    """Tell a user who may expect another environment; not one who is quiet."""
    if not any(arg == "--quiet" or (arg[:1] == "-" != arg[1:2] and "q" in arg) for arg in sys.argv[1:]):
        print(f"pipcache: acting on `{interpreter}`, which is activated but not first in `PATH`", file=sys.stderr)


def main(chosen: str | None = None) -> int:
    """Run the command in ``sys.argv`` and return its exit status.

    ``PIPCACHE_DISABLE`` set to anything but a "no" gives plain pip.

    :param chosen: the interpreter that it acts on, when it names none itself.
    """
    _stand_in()
    own = _OWN.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if own is not None and chosen is None:
        return own(sys.argv[2:])
    from pipcache_plugin.pip_bridge import runner

    words = runner.skip_interpreter(sys.argv[1:])
    if chosen is not None:
        sys.argv[1:1] = ["--python", chosen]
    if _is_disabled() and not (words and words[0] in _OWN):
        from pipcache_plugin.pip_bridge import start

        return start.run_plain_pip()
    if chosen is not None:
        runner.become(chosen, words, is_named=False)
    interpreter = runner.find_interpreter(sys.argv[1:])
    if interpreter is not None and words[0] != "shell-init":
        runner.become(interpreter, sys.argv[1:], is_named=True)
    if words and words[0] in _OWN:
        return _OWN[words[0]](words[1:])
    from pipcache_plugin.pip_bridge import start

    return start.run_pip(sys.argv[1:])


def _is_disabled() -> bool:
    return os.environ.get("PIPCACHE_DISABLE", "").lower() not in _NO


def explain(args: Sequence[str]) -> int:
    """Say why wheels were found or built; exit status 1 when nothing is known of the projects that were named."""
    from packaging.utils import canonicalize_name

    from pipcache_plugin.management.explain import iter_decisions
    from pipcache_plugin.management.stores import open_store
    from pipcache_plugin.settings import SettingsError, load

    options = _parse_explain(args)
    try:
        settings = load(os.environ)
    except SettingsError as error:
        return _say_error(error)
    store = open_store(settings, _given_cache_dir(options.cache_dir))
    projects = {canonicalize_name(name): name for name in options.projects}
    decisions = list(iter_decisions(store.log, projects, options.last))
    if not _print_all(_render_decisions(decisions, options.format)):
        return 1
    source = f"as far as the cache at `{store.root}` knows"
    known = {str(decision.content.get("project")) for decision in decisions}
    for project, name in projects.items():
        if project not in known:
            print(f"No wheel of `{name}` was found or built yet, {source}", file=sys.stderr)
    if not projects and not decisions:
        print(f"Nothing was found or built yet, {source}", file=sys.stderr)
    return 0 if known or not projects else 1


def doctor(args: Sequence[str]) -> int:
    """Say whether the cache is on, where, and what is wrong with it; exit status 1 when something is."""
    from pipcache_plugin.pip_bridge.doctor import examine

    options = _parse_doctor(args)
    diagnosis = examine(options.cache_dir)
    text = _json(diagnosis.to_dict()) if options.format == "json" else str(diagnosis)
    return 0 if _print_all([text]) and not diagnosis.problems else 1


def shell_init(args: Sequence[str]) -> int:
    """Print what makes ``pip`` mean ``pipcache`` in a shell, or takes that back."""
    from pipcache_plugin.shells.program import find_program
    from pipcache_plugin.shells.render import render_init, render_undo

    options = _parse_shell_init(args)
    if options.undo:
        code = render_undo(options.shell)
    else:
        code = render_init(options.shell, find_program(sys.argv[0]), with_python=options.python)
    # As bytes: a path is what it is, whatever the encoding of the terminal, and shells know no carriage returns.
    sys.stdout.buffer.write(os.fsencode(code))
    sys.stdout.flush()
    return 0


_OWN = {"explain": explain, "doctor": doctor, "shell-init": shell_init}


def _say_error(error: PipCacheError) -> int:
    print(f"ERROR: {error}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    return 2


def _given_cache_dir(cache_dir: str | None) -> Path | None:
    """Return the cache directory that was given to pip; its own default is none."""
    from pathlib import Path

    from platformdirs import user_cache_path

    if not cache_dir and _has_configuration_of_pip():
        from pipcache_plugin.pip_bridge.options import read_options

        cache_dir = read_options().cache_dir
    if not cache_dir or Path(cache_dir).resolve() == user_cache_path("pip", appauthor=False).resolve():
        return None
    return Path(cache_dir)


def _has_configuration_of_pip() -> bool:
    """Tell whether a file of pip's may name a cache directory: to read it is for pip, which takes long to load."""
    from pathlib import Path

    from platformdirs import site_config_path, user_config_path

    named = os.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return False
    folders = [user_config_path("pip", appauthor=False), site_config_path("pip", appauthor=False)]
    folders += [Path("~/.pip").expanduser(), Path("/etc"), Path(sys.prefix)]
    return bool(named) or any((folder / name).is_file() for folder in folders for name in ["pip.conf", "pip.ini"])


def _parse_shell_init(args: Sequence[str]) -> argparse.Namespace:
    import argparse

    from pipcache_plugin.shells.render import SHELLS

    parser = argparse.ArgumentParser(
        prog="pipcache shell-init",
        description="Print what makes `pip` mean `pipcache` in a shell that evaluates it, with completion. "
        "It acts where that `pip` would have acted.",
    )
    parser.add_argument("shell", choices=list(SHELLS))
    parser.add_argument("--python", action="store_true", help="`python -m pip` too")
    parser.add_argument("--undo", action="store_true", help="print what takes it back")
    return parser.parse_args(args)


def _parse_doctor(args: Sequence[str]) -> argparse.Namespace:
    import argparse

    parser = argparse.ArgumentParser(
        prog="pipcache doctor",
        description="Say whether the cache is on, where it is, how it is set, and what is wrong with it.",
    )
    parser.add_argument("--format", choices=["human", "json"], default="human", help="default: human")
    parser.add_argument(
        "--cache-dir", type=os.path.expanduser, metavar="DIR", help="the one that is given to pip, if one is"
    )
    return parser.parse_args(args)


def _parse_explain(args: Sequence[str]) -> argparse.Namespace:
    import argparse

    parser = argparse.ArgumentParser(
        prog="pipcache explain",
        description="Say why each wheel of the last command was found or built; or of PROJECTs, the last time each.",
    )

    def parse_count(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text)):
            raise argparse.ArgumentTypeError(f"not a number from 1 on: {text!r}")
        return int(text)

    parser.add_argument("projects", nargs="*", metavar="PROJECT")
    parser.add_argument(
        "--last", type=parse_count, default=1, metavar="N", help="so many commands, or times (default: 1)"
    )
    parser.add_argument("--format", choices=["human", "json"], default="human", help="default: human")
    parser.add_argument(
        "--cache-dir",
        type=os.path.expanduser,
        default=os.environ.get("PIP_CACHE_DIR"),
        metavar="DIR",
        help="the one that was given to pip",
    )
    return parser.parse_intermixed_args(args)


def _render_decisions(decisions: Sequence[Decision], style: str) -> list[str]:
    if style == "json":
        return [_json([decision.content for decision in decisions])]
    return [str(decision) for decision in reversed(decisions)]


def _json(value: object) -> str:
    """Return *value* as JSON for programs and people to read."""
    import json

    return json.dumps(value, indent=2, sort_keys=True)


def _print_all(texts: Sequence[str]) -> bool:
    """Print *texts*; tell whether they were read to the end."""
    import io

    if isinstance(sys.stdout, io.TextIOWrapper):
        # A sentence may have signs in it that the terminal has not.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        for text in texts:
            print(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who read has seen enough. What is still unwritten would be written, and fail, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True
