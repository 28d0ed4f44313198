"""A digest of the environment variables that a build may depend on, for as long as nobody watched what it read.

Left out are the variables that no build should depend on, and those of the front-end itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LEFT_OUT = re.compile(
    r"HOME|PATH|PWD|OLDPWD|TMPDIR|TEMP|TMP|TERM|COLUMNS|LINES|USER|USERNAME|LOGNAME|SHLVL|SHELL|_|LANG|LANGUAGE|LC_.*"
    r"|PS1|VIRTUAL_ENV|VIRTUAL_ENV_PROMPT|PYTEST_.*|PIP_.*|_PIP_.*|PIPCACHE_.*|_PIPCACHE_.*|SSH_.*|DISPLAY|XDG_.*|CI_.*|GITHUB_.*|RUNNER_.*"
)


def digest_environment(environ: Mapping[str, str], salt: str) -> str:
    """Return a digest of names and values, 64 hex digits; *salt* makes equal environments look different elsewhere."""
    counting = sorted((name, value) for name, value in environ.items() if not _LEFT_OUT.fullmatch(name))
    canonical = json.dumps([salt, counting], ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
