"""Small wheels, as many as are wanted, with nothing in them that takes long to import or compile."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

MODULES = 5
FUNCTIONS = 20
"""In each module."""


def name_of(number: int) -> str:
    """Return the name of a project: ``bench-0001`` is the first."""
    return f"bench-{number:04}"


def make_wheels(folder: Path, count: int) -> None:
    """Write version 1.0 of the first *count* projects."""
    for number in range(1, count + 1):
        make_wheel(folder, name_of(number))


def make_wheel(folder: Path, name: str) -> Path:
    """Write a pure wheel with a package of a few modules, and return its path."""
    package = name.replace("-", "_")
    info = f"{package}-1.0.dist-info"
    files = {
        f"{package}/{'__init__' if not number else f'part{number}'}.py": _code(number) for number in range(MODULES)
    }
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Python: >=3.10\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: benchmarks\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{path},sha256={_hash(text)},{len(text)}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    wheel = folder / f"{package}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def _code(number: int) -> str:
    functions = [
        f"def function_{index}(value):\n    return [item + {number} for item in range(value * {index})]\n"
        for index in range(FUNCTIONS)
    ]
    return "\n\n".join(functions)


def _hash(text: str) -> str:
    """Return a digest as RECORD has it: URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
