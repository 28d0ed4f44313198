"""A store with as many entries as are wanted, written by hand in the store's format: quicker than by storing them.

Each entry has a wheel and metadata; each tenth has been unpacked, with bytecode. No two are the same, and all are
spread over the store as digests are. Wheels that are not unpacked are no archives: nobody opens them.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import time
import zipfile
from pathlib import Path

from pipcache_plugin.keys.build_key import BuildInputs
from pipcache_plugin.keys.conditions import Choices, Conditions, Lacks
from pipcache_plugin.keys.interpreter import collect_interpreter
from pipcache_plugin.keys.record import Record
from pipcache_plugin.keys.source import SdistSource, Sha256
from pipcache_plugin.store.store import FORMAT
from pipcache_plugin.store.trees import Trees

_WHEEL_BYTES = 1500
_TREES_EVERY = 10
_VERSIONS = 4
"""Of each project."""

_DAYS = 365
"""As old as the oldest wheel."""

_INTERPRETER = collect_interpreter()


def fill(root: str, count: int) -> list[str]:
    """Write a store with *count* entries, and return their build keys."""
    # The same each time.
    choice = random.Random(count)
    now = time.time()
    return [_fill_one(root, number, now - choice.random() * _DAYS * 86_400) for number in range(count)]


def _fill_one(root: str, number: int, used: float) -> str:
    project, version = f"project_{number // _VERSIONS}", f"1.{number % _VERSIONS}"
    key, source, wheel = (_digest(f"{what} {number}".encode()) for what in ["key", "source", "wheel"])
    is_unpacked = number % _TREES_EVERY == 0
    content = _make_wheel(project, version) if is_unpacked else wheel.encode() * (_WHEEL_BYTES // len(wheel))
    sha256, filename = _digest(content), f"{project}-{version}-py3-none-any.whl"
    _write(f"{root}/wheels/{sha256[:2]}/{sha256}", filename, content, used)
    conditions = _make_conditions(number)
    record = Record(
        project=project.replace("_", "-"),
        version=version,
        source_hashes={"sha256": source, "sha384": source + source[:32], "sha512": source * 2},
        origin=f"https://files.example.org/packages/{source[:2]}/{source[2:4]}/{project}-{version}.tar.gz",
        conditions=conditions,
        build_seconds=0.5 + number % 97,
    )
    entry = {
        "format": FORMAT,
        "created_ns": int(used * 1e9),
        "wheel": {"filename": filename, "sha256": sha256, "size_bytes": len(content)},
        "record": record.to_dict(),
        "inputs": _make_inputs(source).to_dict(),
    }
    _write_document(f"{root}/entries/{key[:2]}/{key}", entry, used)
    metadata = {
        "format": FORMAT,
        "created_ns": int(used * 1e9),
        "dist_info": f"{project}-{version}.dist-info",
        "files": {"METADATA": "TWV0YWRhdGEtVmVyc2lvbjogMi4xCk5hbWU6IHNpbXBsZQpWZXJzaW9uOiAxLjAK"},
        "conditions": conditions.to_dict(),
    }
    _write_document(f"{root}/metadata/{key[:2]}/{key}", metadata, used)
    if is_unpacked:
        trees = Trees(Path(root))
        trees.add(sha256, Path(root, "wheels", sha256[:2], sha256, filename))
        trees.add_bytecode(sha256, "cpython-312", lambda folder: (folder / f"{project}.py").touch())
    return key


def _make_conditions(number: int) -> Conditions:
    variables = {name: _digest(f"{name} {number}".encode()) for name in ["CFLAGS", "LDFLAGS", "CC"]}
    choices = Choices(
        salt=f"{number:032x}",
        variables={**variables, "PYTHONUTF8": None, "PYTHONOPTIMIZE": None},
        prefixes=("CMAKE_",),
        used={"setuptools": "80.9.0", "wheel": "0.45.1"},
    )
    lacks = Lacks(programs=("ninja",), paths=("/usr/include/missing.h",), modules=("Cython",))
    return Conditions(choices=choices, lacks=lacks)


def _make_inputs(source: str) -> BuildInputs:
    return BuildInputs(
        source=SdistSource(sha256=Sha256(source)),
        subdirectory="",
        interpreter=_INTERPRETER,
        config_settings=(),
        is_isolated=True,
    )


def _make_wheel(project: str, version: str) -> bytes:
    dist_info = f"{project}-{version}.dist-info"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in [f"{project}.py", f"{dist_info}/METADATA", f"{dist_info}/WHEEL", f"{dist_info}/RECORD"]:
            archive.writestr(zipfile.ZipInfo(name), f"{project} {version}\n" * 20)
    return file.getvalue()


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
