"""What an installation of build requirements comes to, remembered: the next one needs no pip.

The process that installs writes a report for the one that started it: a line of JSON for each wheel
(``{"wheel": sha256, "is_plain"}``) and for each index page (``{"fresh_until"}``, Unix time in seconds). What was chosen
holds within the run; in later runs as long as none of the pages would be asked for again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import json
import logging
import os
import re
import threading
import time
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipcache_plugin.files import sha256_of
from pipcache_plugin.keys.interpreter import collect_interpreter
from pipcache_plugin.pip_bridge import inner, run
from pipcache_plugin.pip_bridge.notices import (
    hide_credentials,
    hide_credentials_of_proxies,
    hide_in_configuration,
    hide_in_words,
)
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipcache_plugin.store.resolutions import Resolutions

logger = logging.getLogger(__name__)


class Memory:
    """The resolutions of a run, and those of the store that hold."""

    def __init__(self, resolutions: Resolutions) -> None:
        """Nothing is read yet."""
        self._resolutions = resolutions
        self._known: dict[str, Sequence[str]] = {}
        self._locks: dict[str, threading.Lock] = {}

    @contextlib.contextmanager
    def hold(self, command: Command) -> Iterator[None]:
        """Keep other threads from running the same command."""
        with self._locks.setdefault(command.key, threading.Lock()):
            yield

    def find(self, command: Command) -> Sequence[str] | None:
        """Return the wheels that *command* comes to, if that is known."""
        known = self._known.get(command.key)
        if known is None and command.is_lasting:
            with contextlib.suppress(OSError):
                known = self._resolutions.find(command.key)
        return known

    def learn(self, command: Command, report: Path) -> None:
        """Remember what the process that ran *command* has reported; nothing, when that does not tell all."""
        try:
            lines = [json.loads(line) for line in report.read_text(encoding="ascii").splitlines()]
            wheels = [line["wheel"] for line in lines if "wheel" in line]
            is_plain = all(line["is_plain"] for line in lines if "wheel" in line)
            fresh_until = [line["fresh_until"] for line in lines if "fresh_until" in line]
        except (OSError, ValueError, KeyError, TypeError):
            return
        if None not in wheels:
            self.remember(command, wheels, fresh_until if is_plain else ())

    def remember(self, command: Command, wheels: Sequence[str], fresh_until: Sequence[float]) -> None:
        """Remember what *command* comes to.

        :param fresh_until: of the pages that this follows from; none: it follows from something else as well.
        """
        self._known[command.key] = wheels
        if command.is_lasting and fresh_until and min(fresh_until) > time.time():
            with contextlib.suppress(OSError):
                self._resolutions.put(command.key, wheels, min(fresh_until))


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that installs build requirements, as far as that decides what it installs."""

    key: str
    """64 hex digits."""

    is_lasting: bool
    """Nothing but the index decides, and what is in the key."""

    is_first: bool
    """Nothing is installed there yet."""

    environ: Mapping[str, str]
    """The variables that decide."""


_CONSTRAINTS = ("--constraint", "--build-constraint")


def describe_command(words: Sequence[str], environ: Mapping[str, str], installed: Mapping[str, str]) -> Command:
    """Describe ``pip install`` with some arguments.

    :param words: the arguments, but for the folder to install into.
    :param installed: the version of each distribution that is there already.
    """
    import sys

    import pip
    from pip._internal.configuration import get_configuration_files
    from pip._vendor.packaging.markers import default_environment

    options = {name: value for name, value in sorted(environ.items()) if _decides(name)}
    constraints = [word for option, word in itertools.pairwise(words) if option in _CONSTRAINTS]
    constraints += [name for option in _CONSTRAINTS for name in options.get(_variable_of(option), "").split()]
    named = environ.get("PIP_CONFIG_FILE", "")
    files = [path for paths in get_configuration_files().values() for path in paths] if named != os.devnull else []
    files += [named] if named and named != os.devnull else []
    texts = [_read(path) for path in [*constraints, *files]]
    # A store may be shared by machines of several kinds.
    machine = [sys.version, sys.base_prefix, dataclasses.asdict(collect_interpreter()), {**default_environment()}]
    # Who asks is no part of what is asked, as in pip's own cache: a secret is not even digested.
    arguments = hide_in_words(words)
    variables = {name: hide_credentials(value) for name, value in options.items()}
    variables |= {name: hide_credentials_of_proxies(options[name]) for name in options.keys() & {"PIP_PROXY"}}
    read = [text and hide_in_configuration(text) for text in texts]
    content = [pip.__version__, machine, arguments, variables, {**installed}, read]
    return Command(
        key=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
        is_lasting=_asks_the_index_alone(words, options, texts, constraints),
        is_first=not installed,
        environ=options,
    )


_SETTING_OF_MORE = re.compile(
    r"(?im)^\s*(-|(find[-_]links|.*constraint|.*requirement.*|editable|group|refresh[-_]package)\s*[=:])"
)
"""What names further files, or tells to ask the index, in constraints or in a configuration file."""

_VARIABLES_OF_MORE = {
    *("PIP_FIND_LINKS", "PIP_REFRESH_PACKAGE", "PIP_REQUIREMENT", "PIP_EDITABLE", "PIP_GROUP"),
    "PIP_REQUIREMENTS_FROM_SCRIPT",
}
"""The same, in variables."""


def _variable_of(option: str) -> str:
    return f"PIP_{option.strip('-').replace('-', '_').upper()}"


def _decides(name: str) -> bool:
    return re.fullmatch(r"_?PIP_.*", name) is not None and name != "PIP_BUILD_TRACKER"


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, ValueError):
        return None


def _asks_the_index_alone(
    words: Sequence[str], options: Mapping[str, str], texts: Sequence[str | None], constraints: Sequence[str]
) -> bool:
    import pip

    numbers = [int(number) for number in re.findall(r"\d+", pip.__version__)[:2]]
    if numbers < [26, 2]:
        # Asks the index each time.
        return False
    if not {"--refresh-package", "--find-links"}.isdisjoint(words) or not _VARIABLES_OF_MORE.isdisjoint(options):
        return False
    if any("://" in name for name in constraints) or any("@" in (text or "") for text in texts[: len(constraints)]):
        # What is behind a URL may change.
        return False
    # A file may name further files, or settings that are not on the command line.
    return not any(_SETTING_OF_MORE.search(text or "") for text in texts)


def _report(line: Mapping[str, object]) -> None:
    current = run.current()
    if current is None or current.report is None:
        return
    try:
        with current.report.open("a", encoding="ascii") as file:
            file.write(f"{json.dumps(line)}\n")
    except OSError as error:
        logger.debug("pipcache: no report: %s", error)
        current.report = None


def _install_wheel(original: PipFunction, name: str, wheel_path: str, *args: Any, **kwargs: Any) -> Any:
    """Report the wheel, once it is installed."""
    result = original(name, wheel_path, *args, **kwargs)
    current = run.current()
    if current is not None and current.report is not None:
        is_built = wheel_path in current.served or wheel_path in current.built
        is_plain = not is_built and kwargs.get("direct_url") is None
        _report(
            {"wheel": sha256_of(Path(wheel_path)) if kwargs.get("direct_url") is None else None, "is_plain": is_plain}
        )
    return result


def _get_simple_response(original: PipFunction, url: str, session: Any, *args: Any, **kwargs: Any) -> Any:
    """Report how long a page of an index need not be asked for again."""
    response = original(url, session, *args, **kwargs)
    current = run.current()
    if current is not None and (inner.is_inner() or current.report is not None):
        # Who may not ask must not get what another one was told, and a store may be shared.
        # Files have been asked for by nobody.
        asked_with = response.request.headers if response.request is not None else ()
        is_for_all = "Authorization" not in asked_with and not session.cert
        until = fresh_until(response.headers) if is_for_all else 0.0
        if not inner.note_page(until):
            _report({"fresh_until": until})
    return response


def fresh_until(headers: Mapping[str, str]) -> float:
    """Return until when a response is fresh, as Unix time in seconds; 0 for one that never is.

    Source: https://www.rfc-editor.org/rfc/rfc9111#section-4.2
    """
    directives = headers.get("Cache-Control", "").lower()
    lifetime = re.search(r"\bmax-age=\"?(\d+)", directives)
    if lifetime is None or re.search(r"\bno-(cache|store)\b", directives):
        return 0.0
    try:
        sent = parsedate_to_datetime(headers["Date"])
        # ``-0000`` is a zone that nobody knows, of a time that is UTC.
        began = (sent if sent.tzinfo else sent.replace(tzinfo=timezone.utc)).timestamp()
        age = headers.get("Age", "")
        return float(began + min(int(lifetime[1]), _LONGEST_SECONDS) - (int(age) if age.isdecimal() else 0))
    except (KeyError, ValueError, TypeError, OverflowError):
        return 0.0


_LONGEST_SECONDS = 1 << 31


SEAMS = [
    Seam(
        modules=("pip._internal.operations.install.wheel",),
        name="install_wheel",
        parameters=("name", "wheel_path", "scheme", "req_description"),
        part=_install_wheel,
    ),
    Seam(
        modules=("pip._internal.index.collector",),
        name="_get_simple_response",
        parameters=("url", "session"),
        part=_get_simple_response,
    ),
]
