"""What is installed in an environment, in a form that can be compared with another environment's; and output lines."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

_NOT_INSTALLED = re.compile(r"bin/(activate|Activate|python)|include/python|pyvenv\.cfg$|lib64$|CACHEDIR|\.gitignore$")


def installed_tree(root: Path) -> dict[str, str]:
    """Return what each installed file below *root* has in it, by POSIX path, bytecode left out.

    Files of ``.dist-info`` and scripts are given as texts, in which *root* is ``<root>``; any other as a digest. In
    RECORD, a script has no hash: it depends on where its interpreter is.
    """
    tree = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not _NOT_INSTALLED.match(name) and "__pycache__" not in path.parts:
            tree[name] = _content(path, name, root)
    return tree


def _content(path: Path, name: str, root: Path) -> str:
    data = path.read_bytes()
    if ".dist-info/" not in name and not name.startswith("bin/"):
        return hashlib.sha256(data).hexdigest()
    text = data.decode("utf-8", "surrogateescape").replace(str(root), "<root>")
    if name.endswith("/RECORD"):
        text = "\n".join(sorted(re.sub(r"^((?:\.\./)+bin/[^,]+),.*", r"\1,,", line) for line in text.splitlines()))
    mode = oct(path.stat().st_mode & 0o777)
    return f"{mode}\n{text}"


_VARYING = [
    # Folders of pip's that have random names, and everything below them.
    (r"/\S*/pip-[a-z-]+-[a-z0-9_]{8}[^\s'\",]*", "<temporary>"),
    (r"^(\s*Stored in directory:).*", r"\1 <folder>"),
    (r"size=\d+ sha256=[0-9a-f]{64}", "size=<size> sha256=<digest>"),
    (r"\(\d+(\.\d+)? [kMG]?B\)|\(\d+ bytes\)", "(<size>)"),
    (r"\d+(\.\d+)?/\d+(\.\d+)? [kMG]?B .*", "<progress>"),
    (r"━+", "━"),
    (r"http://127\.0\.0\.1:\d+", "<index>"),
    (r"line \d+, in", "line <n>, in"),
]


def normalised(text: str, *folders: Path) -> list[str]:
    """Return the lines of *text* without what differs from run to run; each of *folders* becomes ``<folder>``."""
    for folder in sorted(folders, key=lambda folder: len(str(folder)), reverse=True):
        text = text.replace(str(folder), "<folder>")
    for pattern, replacement in _VARYING:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return [line.rstrip() for line in text.splitlines()]
