"""A store with as many entries as are wanted, written by hand in the store's format; quicker than by storing them.

Each entry has a wheel and metadata, and each tenth a tree with bytecode. No two are the same, and all are spread over
the store as digests are. Wheels are no archives: nobody opens them.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

_WHEEL_BYTES = 1500
_TREES_EVERY = 10
_VERSIONS = 4
"""Of each project."""

_DAYS = 365
"""As old as the oldest wheel."""

_FORMATS = {"entry": 2, "record": 2, "metadata": 2, "inputs": 1, "tree": 1}


def fill(root: str, count: int) -> list[str]:
    """Write a store with *count* entries, and return their build keys."""
    # The same each time.
    choice = random.Random(count)
    now = time.time()
    return [_fill_one(root, number, now - choice.random() * _DAYS * 86_400) for number in range(count)]


def _fill_one(root: str, number: int, used: float) -> str:
    project, version = f"project_{number // _VERSIONS}", f"1.{number % _VERSIONS}"
    key, source, wheel = (_digest(f"{what} {number}".encode()) for what in ["key", "source", "wheel"])
    content = wheel.encode() * (_WHEEL_BYTES // len(wheel))
    sha256, filename = _digest(content), f"{project}-{version}-py3-none-any.whl"
    _write(f"{root}/wheels/{sha256[:2]}/{sha256}", filename, content, used)
    conditions = _make_conditions(number)
    entry = {
        "format": _FORMATS["entry"],
        "created_ns": int(used * 1e9),
        "wheel": {"filename": filename, "sha256": sha256, "size_bytes": len(content)},
        "record": {
            "format": _FORMATS["record"],
            "project": project.replace("_", "-"),
            "version": version,
            "source_hashes": {"sha256": source, "sha384": source + source[:32], "sha512": source * 2},
            "origin": f"https://files.example.org/packages/{source[:2]}/{source[2:4]}/{project}-{version}.tar.gz",
            "conditions": conditions,
            "build_seconds": 0.5 + number % 97,
        },
        "inputs": _make_inputs(source),
    }
    _write_document(f"{root}/entries/{key[:2]}/{key}", entry, used)
    metadata = {
        "format": _FORMATS["metadata"],
        "created_ns": int(used * 1e9),
        "dist_info": f"{project}-{version}.dist-info",
        "files": {"METADATA": "TWV0YWRhdGEtVmVyc2lvbjogMi4xCk5hbWU6IHNpbXBsZQpWZXJzaW9uOiAxLjAK"},
        "conditions": conditions,
    }
    _write_document(f"{root}/metadata/{key[:2]}/{key}", metadata, used)
    if number % _TREES_EVERY == 0:
        _write_tree(f"{root}/trees/{sha256[:2]}/{sha256}", filename, project, used)
    return key


def _make_conditions(number: int) -> dict[str, object]:
    variables = {name: _digest(f"{name} {number}".encode()) for name in ["CFLAGS", "LDFLAGS", "CC"]}
    return {
        "choices": {
            "salt": f"{number:032x}",
            "variables": {**variables, "PYTHONUTF8": None, "PYTHONOPTIMIZE": None},
            "shown": {},
            "prefixes": ["CMAKE_"],
            "toolchain": None,
            "constraints": {},
            "used": {"setuptools": "80.9.0", "wheel": "0.45.1"},
            "built_against": {},
            "git_tags": None,
        },
        "lacks": {
            "programs": ["ninja"],
            "paths": ["/usr/include/missing.h"],
            "listings": {},
            "libraries": [],
            "modules": ["Cython"],
            "searched": [],
            "system": None,
        },
        "needs": {"libraries": []},
    }


def _make_inputs(source: str) -> dict[str, object]:
    return {
        "format": _FORMATS["inputs"],
        "source": {"kind": "sdist", "sha256": source},
        "subdirectory": "",
        "config_settings": [],
        "is_isolated": True,
        "interpreter": {
            "implementation": "cpython",
            "version": "3.12",
            "abi": ".cpython-312-x86_64-linux-gnu.so",
            "is_debug": False,
            "is_free_threaded": False,
            "platform": "linux-x86_64",
            "libc": "glibc-2.36",
        },
    }


def _write_tree(folder: str, filename: str, project: str, used: float) -> None:
    dist_info = f"{filename.removesuffix('-py3-none-any.whl')}.dist-info"
    _write_files(folder, filename, [f"{project}.py", f"{dist_info}/METADATA", f"{dist_info}/RECORD"], used)
    _write_files(f"{folder}/bytecode/cpython-312-cb0d0d0a", "", [f"{project}.py"], used)


def _write_files(folder: str, wheel: str, names: Sequence[str], used: float) -> None:
    for name in names:
        parent, _, file = f"{folder}/files/{name}".rpartition("/")
        _write(parent, file, name.encode(), used)
    known = {name: [len(name.encode()), Path(folder, "files", name).stat().st_mtime_ns, 0] for name in names}
    manifest = {"format": _FORMATS["tree"], "wheel": wheel, "files": known}
    _write(folder, "manifest.json", json.dumps(manifest).encode(), used)


def _write_document(folder: str, content: object, used: float) -> None:
    data = json.dumps(content, sort_keys=True).encode()
    _write(folder, f"{_digest(data)[:32]}.json", data, used)


def _write(folder: str, name: str, content: bytes, used: float) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    with Path(folder, name).open("wb") as file:
        file.write(content)
    os.utime(f"{folder}/{name}", (used, used))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
