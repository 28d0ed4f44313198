"""Build keys as they are on disk. A digest that changes makes every store a heap of misses.

Where a change is meant, ``build_key.FORMAT`` changes with it, and these literals.
"""

from __future__ import annotations

import dataclasses
import json

import pytest

from pipcache_plugin.keys import build_key, record
from pipcache_plugin.keys.build_key import BuildInputs, freeze_config_settings
from pipcache_plugin.keys.conditions import Conditions
from pipcache_plugin.keys.fields import InvalidRecordError
from pipcache_plugin.keys.interpreter import Interpreter
from pipcache_plugin.keys.record import Record
from pipcache_plugin.keys.source import CommitHash, GitSource
from pipcache_plugin.store import store
from tests.unit.keys.samples import COMMIT, INPUTS, RECORD

FREE_THREADED = Interpreter(
    implementation="cpython",
    version="3.13",
    abi=".cpython-313td-aarch64-linux-musl.so",
    is_debug=True,
    is_free_threaded=True,
    platform="linux-aarch64",
    libc="musl-1.2",
)

SETTINGS = freeze_config_settings({"--global-option": ["-v", "-q"], "debug": "1", "größe": ["\U0001f600\udc80"]})

KEYS = [
    (INPUTS, "84828fa1eb8379bb27cc8face3f1e91b5123878686c090a57081d0eb905d6936"),
    (
        dataclasses.replace(INPUTS, source=COMMIT, subdirectory="python/core"),
        "37f52f2170a21a5b5564b605e0f78956c03c7ee7a184d0d325f2e71b48e2ba7c",
    ),
    (
        dataclasses.replace(INPUTS, source=GitSource(commit=CommitHash("ab" * 32)), is_isolated=False),
        "57e91d980118da55b20cc954c515d049bc10b76c3de57d4dbee55ae6d73213f5",
    ),
    (
        dataclasses.replace(INPUTS, interpreter=FREE_THREADED, config_settings=SETTINGS),
        "f00800e4d5e97bcc9788b6cd4d52b95396f90ae517530d3331b4b8c9512ea3c0",
    ),
]


@pytest.mark.parametrize(("inputs", "key"), KEYS, ids=["plain", "commit", "not-isolated", "settings"])
def test_key_is_the_one_on_disk(inputs: BuildInputs, key: str) -> None:
    """Also where an older version of ours wrote it."""
    assert inputs.key() == key


def test_what_is_digested_is_documented() -> None:
    """Names, nesting and values of the inputs."""
    assert json.dumps(dataclasses.replace(INPUTS, config_settings=SETTINGS).to_dict(), indent=1) == EXPECTED_INPUTS


def test_record_is_the_one_on_disk() -> None:
    """Names, order and values of a record's fields."""
    assert json.dumps(RECORD.to_dict()) == EXPECTED_RECORD


def test_record_of_an_older_version_is_none() -> None:
    """Its wheel is a miss, as are metadata whose conditions are the same; and so is ours, for that version."""
    older = json.loads(EXPECTED_RECORD.replace('"format": 3', '"format": 2'))
    del older["conditions"]["choices"]["started"]
    for value in [older, {**older, "format": 3}, {**json.loads(EXPECTED_RECORD), "format": 2}]:
        with pytest.raises(InvalidRecordError):
            Record.from_dict(value)
    with pytest.raises(InvalidRecordError, match="`started`"):
        Conditions.from_dict(older["conditions"])


def test_formats() -> None:
    """The numbers that these literals are of."""
    assert (build_key.FORMAT, record.FORMAT, store.FORMAT) == (1, 3, 2)


EXPECTED_INPUTS = """\
{
 "format": 1,
 "source": {
  "kind": "sdist",
  "sha256": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
 },
 "subdirectory": "",
 "interpreter": {
  "implementation": "cpython",
  "version": "3.12",
  "abi": ".cpython-312-x86_64-linux-gnu.so",
  "is_debug": false,
  "is_free_threaded": false,
  "platform": "linux-x86_64",
  "libc": "glibc-2.36"
 },
 "config_settings": [
  [
   "--global-option",
   [
    "-v",
    "-q"
   ]
  ],
  [
   "debug",
   "1"
  ],
  [
   "gr\\u00f6\\u00dfe",
   [
    "\\ud83d\\ude00\\udc80"
   ]
  ]
 ],
 "is_isolated": true
}"""

EXPECTED_RECORD = (
    '{"format": 3, "project": "simple", "version": "1.0", '
    '"source_hashes": {"sha256": "abababababababababababababababababababababababababababababababab"}, '
    '"origin": "https://example.org/simple-1.0.tar.gz", '
    '"conditions": {"choices": {"salt": "0123456789abcdef0123456789abcdef", '
    '"variables": {"SIMPLE_FLAVOUR": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", '
    '"SIMPLE_UNSET": null}, '
    '"shown": {"CC": "gcc", "CXX": null}, "prefixes": ["SIMPLE_"], "toolchain": {"CFLAGS": "-O2"}, '
    '"started": {"gcc": "2323232323232323232323232323232323232323232323232323232323232323", "ninja": null}, '
    '"constraints": {"setuptools": "<81"}, "used": {"setuptools": "80.0", "wheel": "0.45"}, '
    '"built_against": {"torch": "2.8.0"}, '
    '"git_tags": "efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef"}, '
    '"lacks": {"programs": ["cmake", "g++"], "paths": ["/usr/include/ffi.h"], '
    '"listings": {"/usr/include": ["stdio.h", "zlib.h"]}, '
    '"modules": ["torch"], "libraries": ["libcuda.so.1"], "searched": ["/opt/include"], '
    '"system": "0101010101010101010101010101010101010101010101010101010101010101"}, '
    '"needs": {"libraries": ["libffi.so.8"]}}, "build_seconds": 1.25}'
)
