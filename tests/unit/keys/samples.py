"""Values of ``keys`` that never change, for tests to start from."""

from __future__ import annotations

from pipcache_plugin.keys.build_key import BuildInputs
from pipcache_plugin.keys.interpreter import Interpreter
from pipcache_plugin.keys.record import Record
from pipcache_plugin.keys.source import CommitHash, GitSource, SdistSource, Sha256

CPYTHON = Interpreter(
    implementation="cpython",
    version="3.12",
    abi=".cpython-312-x86_64-linux-gnu.so",
    is_debug=False,
    is_free_threaded=False,
    platform="linux-x86_64",
    libc="glibc-2.36",
)

SDIST = SdistSource(sha256=Sha256("0123456789abcdef" * 4))
COMMIT = GitSource(commit=CommitHash("0123456789" * 4))

INPUTS = BuildInputs(source=SDIST, subdirectory="", interpreter=CPYTHON, config_settings=(), is_isolated=True)

RECORD = Record(
    project="simple",
    version="1.0",
    source_hashes={"sha256": "ab" * 32},
    origin="https://example.org/simple-1.0.tar.gz",
    build_requirements=("setuptools==80.0", "wheel==0.45"),
    build_seconds=1.25,
)
