"""What we say when pip runs without us, before pip has set up its own logging; and what must not be said."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from pipcache_plugin.errors import PipCacheError

if TYPE_CHECKING:
    from collections.abc import Sequence


FAILURE_HINT = "please report it, with what `--log FILE` writes down"


def hide_credentials(text: str) -> str:
    """Return *text* with the credentials of each URL in it replaced by asterisks."""
    return re.sub(r"(?<=://)[^/?#\s\"]+@", "****@", text)


def hide_credentials_of_proxies(text: str) -> str:
    """Do the same with what names a proxy, which needs no scheme: ``user:password@host:port``."""
    return re.sub(r"\S+@", "****@", text)


def hide_in_words(words: Sequence[str]) -> list[str]:
    """Return the words of a command without credentials."""
    hidden = [hide_credentials(word) for word in words]
    for number, word in enumerate(words):
        if word.startswith("--proxy="):
            hidden[number] = f"--proxy={hide_credentials_of_proxies(word.removeprefix('--proxy='))}"
        elif number and words[number - 1] == "--proxy":
            hidden[number] = hide_credentials_of_proxies(word)
    return hidden


def hide_in_configuration(text: str) -> str:
    """Return the text of a configuration file of pip's without credentials."""
    proxies = re.compile(r"^(\s*proxy\s*[=:]\s*)(.*)$", re.IGNORECASE | re.MULTILINE)
    return proxies.sub(lambda found: f"{found[1]}{hide_credentials_of_proxies(found[2])}", hide_credentials(text))


def say_plain_pip(error: Exception, args: Sequence[str]) -> None:
    """Say on stderr that pip runs without the cache, and why; nothing when pip was told to be quiet."""
    is_quiet = any(re.fullmatch(r"--quiet|-[hvUIV]*q[hqvUIV]*", arg) for arg in args)
    if is_quiet or os.environ.get("PIP_QUIET", "0") not in {"", "0"}:
        return
    if isinstance(error, PipCacheError):
        reason, hint = str(error), error.hint
    else:
        reason, hint = f"{type(error).__name__}: {error}", FAILURE_HINT
    text = hide_credentials(f"{reason} (hint: {hint})" if hint and hint not in reason else reason)
    sys.stderr.write(f"WARNING: Continuing with plain pip, without pipcache: {text}\n")
