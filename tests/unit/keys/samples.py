"""Values of ``keys`` that never change, for tests to start from."""

from __future__ import annotations

from pipcache_plugin.keys.build_key import BuildInputs
from pipcache_plugin.keys.conditions import Choices, Conditions, Lacks, Needs
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

CONDITIONS = Conditions(
    choices=Choices(
        salt="0123456789abcdef0123456789abcdef",
        variables={"SIMPLE_FLAVOUR": "cd" * 32, "SIMPLE_UNSET": None},
        shown={"CC": "gcc", "CXX": None},
        prefixes=("SIMPLE_",),
        toolchain={"CFLAGS": "-O2"},
        started={"gcc": "23" * 32, "ninja": None},
        constraints={"setuptools": "<81"},
        used={"setuptools": "80.0", "wheel": "0.45"},
        built_against={"torch": "2.8.0"},
        git_tags="ef" * 32,
    ),
    lacks=Lacks(
        programs=("cmake", "g++"),
        paths=("/usr/include/ffi.h",),
        listings={"/usr/include": ("stdio.h", "zlib.h")},
        modules=("torch",),
        libraries=("libcuda.so.1",),
        searched=("/opt/include",),
        system="01" * 32,
    ),
    needs=Needs(libraries=("libffi.so.8",)),
)
"""No field has its default. No build gives all of it at once."""

RECORD = Record(
    project="simple",
    version="1.0",
    source_hashes={"sha256": "ab" * 32},
    origin="https://example.org/simple-1.0.tar.gz",
    conditions=CONDITIONS,
    build_seconds=1.25,
)
