"""Small projects with real backends, from the package index, and real compilers: what is built again, and when."""

from __future__ import annotations

import json
import shutil
import tarfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest
from pip._internal.models.index import PyPI

from tests.factories import make_wheel
from tests.functional.commands import NO_BUILD
from tests.functional.conftest import Outcome

if TYPE_CHECKING:
    from tests.functional.commands import Environment
    from tests.functional.conftest import Workshop

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(shutil.which("cc") is None or shutil.which("gcc") is None, reason="there is no compiler"),
]

BUILT = Counter({"build_wheel": 1})

MODULE = """
#include <Python.h>
#ifndef PROBE
#define PROBE 0
#endif
#ifdef WITH_HEADER
#include <zz_probe.h>
#else
#define ZZ_PROBE 0
#endif
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "probe_ext", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_probe_ext(void) {
    PyObject *module = PyModule_Create(&definition);
    PyModule_AddIntConstant(module, "PROBE", PROBE);
    PyModule_AddIntConstant(module, "HEADER", ZZ_PROBE);
    return module;
}
"""
"""An extension module that has ``-DPROBE=…`` of its flags in it, and ``ZZ_PROBE`` of the header."""

HEADER = "#define ZZ_PROBE 1\n"


class Probe:
    """A project called ``probe`` with a module ``probe_ext``; what builds it comes from the package index."""

    def __init__(self, workshop: Workshop) -> None:
        """Nothing is written yet."""
        self.workshop = workshop
        self.headers = workshop.machine / "prefix" / "include"
        self.headers.mkdir(parents=True)

    def write(self, files: Mapping[str, str], *requires: str, backend: str = "setuptools.build_meta") -> None:
        """Put an sdist where it can be downloaded.

        :param requires: build requirements.
        """
        tree = self.workshop.folder / "trees" / "probe-1.0"
        build_system = f'[build-system]\nrequires = {json.dumps(requires)}\nbuild-backend = "{backend}"\n'
        texts = {"probe.c": MODULE, **files}
        texts["pyproject.toml"] = build_system + files.get("pyproject.toml", "")
        for path, text in texts.items():
            target = tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        with tarfile.open(self.workshop.index.folder / "probe-1.0.tar.gz", "w:gz") as archive:
            archive.add(tree, tree.name)

    def __call__(
        self, expression: str, *args: str, env: Mapping[str, str] | None = None, into: Environment | None = None
    ) -> Outcome:
        """Install, and return the value of *expression* afterwards and whether it was built; see ``is_compiled``."""
        environment = into or self.workshop.make_environment()
        requirement = f"probe @ {self.workshop.index.file_url('probe-1.0.tar.gz')}"
        options = ["--index-url", PyPI.simple_url, *args]
        result = self.workshop.pipcache.ok("install", requirement, *options, into=environment, env=env)
        # A backend that cannot prepare metadata alone builds the wheel for them.
        is_built = "Preparing metadata" in result.stdout or "Building wheel for probe" in result.stdout
        value: object = environment.imports(expression) if expression else is_compiled(environment)
        outcome = Outcome((value, BUILT if is_built else NO_BUILD))
        outcome.explain = lambda *projects: self.workshop.pipcache("explain", *projects).output
        return outcome

    def add_header(self) -> None:
        """Install the header."""
        (self.headers / "zz_probe.h").write_text(HEADER)


def is_compiled(environment: Environment) -> bool:
    """Tell whether the extension module is there."""
    return any(environment.library.glob("probe_ext*.so"))


@pytest.fixture
def probe(workshop: Workshop) -> Probe:
    """Return the project, not written yet."""
    return Probe(workshop)


def setup_py(**arguments: object) -> str:
    """Return a ``setup.py`` with the extension module."""
    options = "".join(f", {name}={value!r}" for name, value in arguments.items())
    return (
        "from setuptools import Extension, setup\n"
        f"setup(name='probe', version='1.0', ext_modules=[Extension('probe_ext', ['probe.c']{options})])\n"
    )


def assert_flags_are_a_choice(probe: Probe) -> None:
    """Build with two values of ``CFLAGS``, and go back; variables that nobody asked for are others, new or gone."""
    first = {"UNRELATED": "x", "BUILD_NUMBER": "1", "GITHUB_RUN_ID": "7"}
    later = {"UNRELATED": "y", "BUILD_NUMBER": "2", "MY_TOKEN": "z"}
    assert probe("probe_ext.PROBE", env={**first, "CFLAGS": "-DPROBE=1"}) == ("1", BUILT)
    assert probe("probe_ext.PROBE", env={**first, "CFLAGS": "-DPROBE=2"}) == ("2", BUILT)
    assert probe("probe_ext.PROBE", env={**later, "CFLAGS": "-DPROBE=1"}) == ("1", NO_BUILD)


def assert_header_is_a_lack(probe: Probe, expression: str = "probe_ext.HEADER", **env: str) -> None:
    """Build without the header, let it appear, and build once more."""
    missing, there = ("0", "1") if expression else (False, True)
    for expected in [BUILT, NO_BUILD]:
        assert probe(expression, env=env) == (missing, expected)
    probe.add_header()
    for expected in [BUILT, NO_BUILD]:
        assert probe(expression, env=env) == (there, expected)


def test_setuptools_without_a_compiler(probe: Probe) -> None:
    """The pure fallback is not served once there is a compiler; what was compiled is, when it is gone again."""
    probe.write({"setup.py": setup_py(optional=True)}, "setuptools")
    nothing = {"PATH": str(probe.workshop.machine)}
    for expected in [BUILT, NO_BUILD]:
        assert probe("", env=nothing) == (False, expected)
    for expected in [BUILT, NO_BUILD]:
        assert probe("") == (True, expected)
    assert probe("", env=nothing) == (True, NO_BUILD)


def test_setuptools_and_flags(probe: Probe) -> None:
    """Each value of ``CFLAGS`` has its wheel."""
    probe.write({"setup.py": setup_py()}, "setuptools")
    assert_flags_are_a_choice(probe)


def test_setuptools_and_a_header_of_cpath(probe: Probe) -> None:
    """An optional extension whose header is missing is built when there is one where the compiler looks."""
    probe.write({"setup.py": setup_py(optional=True, define_macros=[("WITH_HEADER", "1")])}, "setuptools")
    assert_header_is_a_lack(probe, "", CPATH=str(probe.headers))


def test_setuptools_and_a_header_of_include_dirs(probe: Probe) -> None:
    """The same where the project says in which folder it is."""
    setup = setup_py(optional=True, define_macros=[("WITH_HEADER", "1")], include_dirs=[str(probe.headers)])
    probe.write({"setup.py": setup}, "setuptools")
    assert_header_is_a_lack(probe, "")


CMAKE = """
cmake_minimum_required(VERSION 3.18)
project(probe LANGUAGES C)
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
python_add_library(probe_ext MODULE probe.c)
install(TARGETS probe_ext DESTINATION .)
"""
FIND_PATH = """
find_path(FOUND zz_probe.h)
if(FOUND)
  target_compile_definitions(probe_ext PRIVATE WITH_HEADER)
  target_include_directories(probe_ext PRIVATE ${FOUND})
endif()
"""
CHECK_INCLUDE_FILE = """
include(CheckIncludeFile)
check_include_file(zz_probe.h FOUND)
if(FOUND)
  target_compile_definitions(probe_ext PRIVATE WITH_HEADER)
endif()
"""
PROJECT = '[project]\nname = "probe"\nversion = "1.0"\n'


def write_scikit_build(probe: Probe, more: str = "") -> None:
    """Write a project that CMake builds."""
    files = {"pyproject.toml": PROJECT, "CMakeLists.txt": CMAKE + more}
    probe.write(files, "scikit-build-core", backend="scikit_build_core.build")


def test_scikit_build_core_and_flags(probe: Probe) -> None:
    """The compiler is started by CMake, which is started by the backend: its flags are a choice all the same."""
    write_scikit_build(probe)
    assert_flags_are_a_choice(probe)


def test_cmake_that_finds_a_header_later(probe: Probe) -> None:
    """``find_path`` looks itself, and no program fails."""
    write_scikit_build(probe, FIND_PATH)
    assert_header_is_a_lack(probe, CMAKE_PREFIX_PATH=str(probe.headers.parent))


def test_cmake_that_tries_to_compile_with_a_header(probe: Probe) -> None:
    """``check_include_file`` runs a compiler, which fails in a CMake that succeeds."""
    write_scikit_build(probe, CHECK_INCLUDE_FILE)
    assert_header_is_a_lack(probe, CPATH=str(probe.headers))


MESON = """
project('probe', 'c', version: '1.0')
py = import('python').find_installation(pure: false)
"""
MESON_MODULE = "py.extension_module('probe_ext', 'probe.c', install: true, c_args: args)\n"
HAS_HEADER = "args = meson.get_compiler('c').has_header('zz_probe.h') ? ['-DWITH_HEADER'] : []\n"


def write_meson(probe: Probe, arguments: str = "args = []\n") -> None:
    """Write a project that Meson builds."""
    files = {"pyproject.toml": PROJECT, "meson.build": MESON + arguments + MESON_MODULE}
    probe.write(files, "meson-python", backend="mesonpy")


def test_meson_python_and_flags(probe: Probe) -> None:
    """The compiler is started by Ninja, which is started by Meson: its flags are a choice all the same."""
    write_meson(probe)
    assert_flags_are_a_choice(probe)


def test_meson_that_finds_a_header_later(probe: Probe) -> None:
    """``has_header`` runs a compiler, which fails in a Meson that succeeds."""
    write_meson(probe, HAS_HEADER)
    assert_header_is_a_lack(probe, CPATH=str(probe.headers))


PURE_BACKENDS = {"hatchling": "hatchling.build", "flit_core": "flit_core.buildapi"}


@pytest.mark.parametrize("name", PURE_BACKENDS)
def test_pure_backend_is_built_once(probe: Probe, name: str) -> None:
    """Neither compiler flags nor a missing compiler are a reason to build what is Python alone."""
    files = {
        "probe/__init__.py": '"""Probe."""\n\nVALUE = 7\n',
        "pyproject.toml": f'{PROJECT}description = "A probe"\n',
    }
    probe.write(files, name, backend=PURE_BACKENDS[name])
    assert probe("probe.VALUE", env={"CFLAGS": "-O2", "UNRELATED": "x"}) == ("7", BUILT)
    for env in [{"CFLAGS": "-O3", "UNRELATED": "y", "BUILD_NUMBER": "7"}, {"PATH": str(probe.workshop.machine)}]:
        assert probe("probe.VALUE", env=env) == ("7", NO_BUILD)


CYTHON_MODULE = '''
cdef extern from *:
    """
    #ifndef PROBE
    #define PROBE 0
    #endif
    """
    int given "PROBE"

PROBE = given
'''
CYTHON_SETUP = (
    "from Cython.Build import cythonize\nfrom setuptools import setup\n"
    "setup(name='probe', version='1.0', ext_modules=cythonize('probe_ext.pyx'))\n"
)


def test_cython(probe: Probe) -> None:
    """A project whose C files are made in the build; each value of ``CFLAGS`` has its wheel."""
    probe.write({"probe_ext.pyx": CYTHON_MODULE, "setup.py": CYTHON_SETUP}, "setuptools", "Cython")
    assert_flags_are_a_choice(probe)


def test_compiled_requirement_without_isolation(probe: Probe) -> None:
    """Built against the headers of what ``setup.py`` imports: another release of that is another wheel."""
    headers = "[__import__('os').path.dirname(torchlike.__file__)]"
    setup = setup_py(define_macros=[("WITH_HEADER", "1")], include_dirs="FOLDERS").replace("'FOLDERS'", headers)
    # Not declared, as projects that are built against torch do not declare it.
    probe.write({"setup.py": f"import torchlike\n{setup}"}, "setuptools")
    for number, expected in [(1, BUILT), (2, BUILT), (1, NO_BUILD), (2, NO_BUILD)]:
        environment = make_environment_with(probe, number)
        found = probe("probe_ext.HEADER", "--no-build-isolation", into=environment)
        assert found == (str(number), expected)


def make_environment_with(probe: Probe, number: int) -> Environment:
    """Return an environment with setuptools, and with a compiled distribution whose header says *number*."""
    files = {
        "torchlike/__init__.py": "",
        "torchlike/_C.so": "compiled",
        "torchlike/zz_probe.h": f"#define ZZ_PROBE {number}\n",
    }
    wheel = make_wheel(probe.workshop.folder / "wheels", name="torchlike", version=f"{number}.0", files=files)
    environment = probe.workshop.make_environment()
    probe.workshop.pipcache.ok("install", "setuptools", "--index-url", PyPI.simple_url, into=environment)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(environment.library)
    return environment
