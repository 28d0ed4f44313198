"""What a wheel needs to run: without it, the wheel is not served."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.functional.commands import NO_BUILD, ONE_BUILD
from tests.functional.commands import UNPREPARED_BUILD as BUILT_AGAIN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import Workshop

COMPILER = shutil.which("gcc")

pytestmark = pytest.mark.skipif(
    COMPILER is None or not sys.platform.startswith("linux"), reason="there is no gcc that makes ELF files"
)

LINKS_WHEN_IT_CAN = """
    files.pop("ext.so")
    value = "pure"
    if any(os.path.exists(folder + "/libprivate.so.1") for folder in FOLDERS):
        files["ext.so"] = (SOURCE / "ext.so").read_bytes()
        PROJECT["tag"] = NATIVE_TAG
        value = "linked"
"""


def make_library(folder: Path, name: str = "libprivate.so.1") -> Path:
    """Compile a shared library."""
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / name
    _compile("int answer(void) { return 42; }", library, f"-Wl,-soname,{name}")
    return library


def make_module(folder: Path, *libraries: Path) -> bytes:
    """Compile an extension module that names *libraries*, and return what is in it."""
    _compile("extern int answer(void); int ask(void) { return answer(); }", folder / "ext.so", *map(str, libraries))
    return (folder / "ext.so").read_bytes()


def _compile(code: str, target: Path, *options: str) -> None:
    source = target.with_suffix(".c")
    source.write_text(code)
    command = [str(COMPILER), "-shared", "-fPIC", "-o", str(target), str(source), "-Wl,--no-as-needed", *options]
    subprocess.run(command, check=True, capture_output=True)
    source.unlink()


def write_project(workshop: Workshop, body: str = LINKS_WHEN_IT_CAN) -> Path:
    """Write a project with a module that needs a private library, and return the library."""
    library = make_library(workshop.machine / "lib")
    module = make_module(workshop.folder, library)
    folders = [str(workshop.machine / name) for name in ["lib", "other"]]
    files = {"src/ext.so": module}
    workshop.write(body, top=f"FOLDERS = {folders!r}", files=files)
    return library


def test_shared_library_that_is_gone(workshop: Workshop) -> None:
    """A wheel whose module cannot be loaded any more is built again; with the library back, it serves again."""
    library = write_project(workshop)
    env = {"LD_LIBRARY_PATH": str(library.parent)}
    for expected in [ONE_BUILD, NO_BUILD]:
        assert workshop(env=env) == ("linked", expected)
    hidden = library.rename(workshop.folder / "hidden")
    for expected in [BUILT_AGAIN, NO_BUILD]:
        assert workshop(env=env) == ("pure", expected)
    hidden.rename(library)
    assert workshop(env=env) == ("linked", NO_BUILD)


def test_shared_library_elsewhere_is_a_hit(workshop: Workshop) -> None:
    """Where the loader finds a library does not count."""
    library = write_project(workshop)
    assert workshop(env={"LD_LIBRARY_PATH": str(library.parent)}) == ("linked", ONE_BUILD)
    (workshop.machine / "other").mkdir()
    moved = library.rename(workshop.machine / "other" / library.name)
    assert workshop(env={"LD_LIBRARY_PATH": f"/nowhere:{moved.parent}"}) == ("linked", NO_BUILD)


def test_library_that_the_loader_does_not_look_for_is_gone(workshop: Workshop) -> None:
    """A library in a folder that the loader is not told of any more is not there."""
    library = write_project(workshop, "value = 'linked'\nPROJECT['tag'] = NATIVE_TAG")
    assert workshop(env={"LD_LIBRARY_PATH": str(library.parent)}) == ("linked", ONE_BUILD)
    assert workshop() == ("linked", BUILT_AGAIN)


def test_library_in_the_wheel_is_no_need(workshop: Workshop) -> None:
    """What a wheel brings along may be gone from the system."""
    body = "value = 'linked'\nPROJECT['tag'] = NATIVE_TAG"
    library = make_library(workshop.machine / "lib")
    module = make_module(workshop.folder, library)
    files = {"src/ext.so": module, "src/simple.libs/libprivate.so.1": library.read_bytes()}
    workshop.write(body, files=files)
    env = {"LD_LIBRARY_PATH": str(library.parent)}
    assert workshop(env=env) == ("linked", ONE_BUILD)
    library.unlink()
    assert workshop(env=env) == ("linked", NO_BUILD)


def test_library_found_by_the_modules_own_path(workshop: Workshop) -> None:
    """A library that the module finds by its ``RUNPATH``, on this machine, is a need like any other."""
    library = make_library(workshop.machine / "lib")
    _compile("int x;", workshop.folder / "ext.so", str(library), f"-Wl,-rpath,{library.parent}")
    top = f"FOLDERS = {[str(library.parent)]!r}"
    workshop.write(LINKS_WHEN_IT_CAN, top=top, files={"src/ext.so": (workshop.folder / "ext.so").read_bytes()})
    for expected in [ONE_BUILD, NO_BUILD]:
        assert workshop() == ("linked", expected)
    library.unlink()
    assert workshop() == ("pure", BUILT_AGAIN)
