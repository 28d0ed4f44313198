"""What a program is: a digest of the file that is run when somebody asks for it by name.

Links are followed: ``cc`` may be three of them away. What stands before a compiler under the compiler's name, ccache
for one, is passed over. rustup, which is every program of Rust, is told apart by the toolchains that it has. What other
programs start is not looked into: the text of a script is all that is known of it.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.files import sha256_of
from pipcache_plugin.machine.programs import iter_programs, split_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LAUNCHERS = {"ccache", "sccache", "distcc", "icecc"}
"""Programs that stand before a compiler, or under its name, and change nothing of what it makes."""

_digests: dict[tuple[Path, int, int], str] = {}
"""Of files that this process has read, by path, size in bytes and modification time in nanoseconds."""

_reading = threading.Lock()


def identify_program(name: str, environ: Mapping[str, str], since_ns: int | None = None) -> str | None:
    """Return the digest of what *name* stands for, 64 hex digits; ``None`` when it is not there or cannot be read.

    :param name: of a program on ``PATH``, or its path.
    :param environ: has ``PATH``, and what rustup reads.
    :param since_ns: Unix time in nanoseconds; what was changed after it is not what it was then: ``None``.
    """
    try:
        program = _pass_launchers(name, split_path(environ.get("PATH")))
        if program is None:
            return None
        files = [program, *(_iter_state_of_rustup(environ) if _is_rustup(program) else [])]
        if since_ns is not None and any(file.stat().st_ctime_ns > since_ns for file in files):
            return None
        return _digest_all(files)
    except OSError:
        return None


def is_launcher(name: str) -> bool:
    """Tell whether a program, by its name or path, is one of ``LAUNCHERS``."""
    return Path(name).name.removesuffix(".exe") in LAUNCHERS


def _pass_launchers(name: str, folders: Sequence[str]) -> Path | None:
    """Return the file at the end of the links of the first program called *name* that is no launcher."""
    found = [*iter_programs(name, folders)]
    if found and os.sep in name:
        found += iter_programs(Path(name).name, folders)
    resolved = (Path(path).resolve() for path in found)
    return next((path for path in resolved if not is_launcher(path.name)), None)


def _is_rustup(program: Path) -> bool:
    """Tell whether *program* is rustup under another name: a link to what lies beside it, or a copy."""
    rustup = program.with_name(f"rustup{program.suffix if program.suffix == '.exe' else ''}")
    return rustup.is_file() and rustup.stat().st_size == program.stat().st_size


def _iter_state_of_rustup(environ: Mapping[str, str]) -> Iterator[Path]:
    """Go through the files that say which toolchain is the default one, and which release each of them is.

    Source: https://rust-lang.github.io/rustup/environment-variables.html
    """
    home = Path(environ.get("RUSTUP_HOME") or os.path.expanduser("~/.rustup"))  # noqa: PTH111 (there may be no home)
    yield from (file for file in [home / "settings.toml", *sorted(home.glob("update-hashes/*"))] if file.is_file())


def _digest_all(files: Sequence[Path]) -> str:
    # Builds that end at the same time have used the same programs.
    with _reading:
        digests = [_digest(file) for file in files]
    if len(digests) == 1:
        return digests[0]
    lines = (f"{file.name} {digest}\n" for file, digest in zip(files, digests, strict=True))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _digest(file: Path) -> str:
    """Return the SHA-256 of a file, which is read once as long as it stays as it is."""
    status = file.stat()
    key = file, status.st_size, status.st_mtime_ns
    if key not in _digests:
        _digests[key] = sha256_of(file)
    return _digests[key]
