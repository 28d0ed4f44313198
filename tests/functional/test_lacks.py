"""What a build looked for and did not find: when it may be there now, the wheel is built again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.functional.commands import NO_BUILD, ONE_BUILD
from tests.functional.commands import UNPREPARED_BUILD as BUILT_AGAIN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import Workshop

SEEKS_COMPILER = {
    "run": "try:\n    subprocess.run(['fakecc'], check=True)\n    found = True\n"
    "except (OSError, subprocess.CalledProcessError):\n    found = False",
    "which": "found = shutil.which('fakecc') is not None",
    "which_then_run": "program = shutil.which('fakecc')\n"
    "found = program is not None and subprocess.call([program]) == 0",
    "python_child": "code = 'import shutil, sys; sys.exit(0 if shutil.which(\"fakecc\") else 3)'\n"
    "found = subprocess.call([sys.executable, '-c', code]) == 0",
    "environment_of_its_own": "try:\n    found = subprocess.call(['fakecc'], env={'PATH': os.environ['PATH']}) == 0\n"
    "except OSError:\n    found = False",
    "by_hand": "found = any(os.path.exists(os.path.join(x, 'fakecc')) for x in os.environ['PATH'].split(':'))",
    "access": "found = any(os.access(os.path.join(x, 'fakecc'), os.X_OK) for x in os.environ['PATH'].split(':'))",
    "system": "found = os.system('fakecc') == 0",
    "shell": "found = subprocess.call('command -v fakecc', shell=True) == 0",
}
END = "\nif found:\n    value = 'compiled'\n    PROJECT['tag'] = NATIVE_TAG\nelse:\n    value = 'pure'"


@pytest.mark.parametrize("way", SEEKS_COMPILER)
def test_compiler_that_appears(workshop: Workshop, way: str) -> None:
    """An optional extension is built as soon as there is a compiler, and serves from then on, with and without it."""
    workshop.write(SEEKS_COMPILER[way] + END, top="import shutil, subprocess", files={"src/ext.c": "int x;\n"})
    (workshop.machine / "bin").mkdir()
    env = {"PATH": workshop.path("bin")}
    for expected in [ONE_BUILD, NO_BUILD]:
        assert workshop(env=env) == ("pure", expected)
    workshop.add_program("exit 0")
    for expected in [BUILT_AGAIN, NO_BUILD]:
        assert workshop(env=env) == ("compiled", expected)
    (workshop.machine / "bin" / "fakecc").unlink()
    assert workshop(env=env) == ("compiled", NO_BUILD)


def test_compiler_in_a_folder_that_is_added_to_the_path(workshop: Workshop) -> None:
    """A program appears as well when ``PATH`` gets a folder that has it."""
    workshop.write(SEEKS_COMPILER["run"] + END, top="import subprocess")
    assert workshop() == ("pure", ONE_BUILD)
    assert workshop(env={"PATH": workshop.add_program("exit 0")}) == ("compiled", BUILT_AGAIN)


LOOKS = {
    "exists": "os.path.exists(PLACE)",
    "isfile": "os.path.isfile(PLACE)",
    "lexists": "os.path.lexists(PLACE)",
    "bytes": "os.path.exists(PLACE.encode())",
    "pathlib": "Path(PLACE).is_file()",
    "access": "os.access(PLACE, os.R_OK)",
    "python_child": "subprocess.call([sys.executable, '-c', 'import os, sys; sys.exit(not os.path.exists(\"{}\"))'"
    ".format(PLACE)]) == 0",
}
LISTS = {
    "listdir": "'header.h' in os.listdir(os.path.dirname(PLACE))",
    "glob": "bool(glob.glob(os.path.dirname(PLACE) + '/head*.h'))",
}
LISTED = pytest.mark.xfail(reason="a listing of a folder that is there does not say what was looked for")
OPENED = "try:\n    open(PLACE).close()\n    found = True\nexcept OSError:\n    found = False"


@pytest.mark.parametrize(
    ("way", "is_folder_there"),
    [
        *((way, True) for way in [*LOOKS, "open"]),
        *(pytest.param(way, True, marks=LISTED) for way in LISTS),
        *((way, False) for way in ["exists", "glob"]),
    ],
)
def test_header_that_appears(workshop: Workshop, way: str, is_folder_there: bool) -> None:
    """A path outside the build that was looked at and is there now is a reason to build; gone again is none."""
    place = workshop.machine / "include" / "header.h"
    body = OPENED if way == "open" else f"found = {(LOOKS | LISTS)[way]}"
    workshop.write(body + END, top=f"import glob, subprocess\nPLACE = {str(place)!r}")
    if is_folder_there:
        place.parent.mkdir()
    for expected in [ONE_BUILD, NO_BUILD]:
        assert workshop() == ("pure", expected)
    place.parent.mkdir(exist_ok=True)
    place.touch()
    for expected in [BUILT_AGAIN, NO_BUILD]:
        assert workshop() == ("compiled", expected)
    place.unlink()
    assert workshop() == ("compiled", NO_BUILD)


def touch_folder(folder: Path) -> None:
    """Give a folder another modification time, as an installation into it does."""
    folder.mkdir(exist_ok=True)
    found = folder.stat()
    os.utime(folder, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000_000))


TRIES = {
    "run": "found = subprocess.run(['fakecc']).returncode == 0",
    "check_call": "try:\n    subprocess.check_call(['fakecc'])\n    found = True\n"
    "except subprocess.CalledProcessError:\n    found = False",
    "poll": "child = subprocess.Popen(['fakecc'])\nwhile child.poll() is None:\n    time.sleep(0.01)\n"
    "found = child.returncode == 0",
    "system": "found = os.system('fakecc') == 0",
    "popen": "found = os.popen('fakecc').close() is None",
    "spawn": "found = subprocess.call([shutil.which('fakecc')], close_fds=False) == 0",
    "python_child": "code = 'import subprocess, sys; sys.exit(subprocess.call([\"fakecc\"]))'\n"
    "found = subprocess.call([sys.executable, '-c', code]) == 0",
}
SILENT_TRY = {"silenced_by_a_shell": "found = subprocess.check_output('fakecc && echo yes || true', shell=True) != b''"}
SILENCED = pytest.mark.xfail(reason="what fails inside a shell that succeeds is not seen")


@pytest.mark.parametrize("way", [*TRIES, pytest.param("silenced_by_a_shell", marks=SILENCED)])
def test_failed_compile_step_and_another_system(workshop: Workshop, way: str) -> None:
    """What failed is tried again when something was installed that compilers look at, and not before."""
    headers = workshop.machine / "include"
    headers.mkdir()
    compiler = workshop.add_program('test -e "$CPATH/header.h"')
    workshop.write((TRIES | SILENT_TRY)[way] + END, top="import shutil, subprocess")
    env = {"PATH": compiler, "CPATH": str(headers)}
    for expected in [ONE_BUILD, NO_BUILD]:
        assert workshop(env=env) == ("pure", expected)
    (headers / "header.h").touch()
    touch_folder(headers)
    for expected in [BUILT_AGAIN, NO_BUILD]:
        assert workshop(env=env) == ("compiled", expected)
    touch_folder(headers)
    assert workshop(env=env) == ("compiled", NO_BUILD)


NATIVE_TREES = {
    "src/ext.c": True,
    "rust/lib.rs": True,
    "simple/fast.pyx": True,
    "tests/data/ext.c": False,
    "x.txt": False,
}


@pytest.mark.parametrize("path", NATIVE_TREES)
def test_pure_wheel_of_native_sources_and_another_system(workshop: Workshop, path: str) -> None:
    """A pure wheel is doubted where something could have been compiled, although nothing was seen to fail."""
    headers = workshop.machine / "include"
    headers.mkdir()
    workshop.write("value = 'pure'", files={path: "int x;\n"})
    env = {"CPATH": str(headers)}
    for expected in [ONE_BUILD, NO_BUILD]:
        assert workshop(env=env) == ("pure", expected)
    touch_folder(headers)
    for expected in [BUILT_AGAIN if NATIVE_TREES[path] else NO_BUILD, NO_BUILD]:
        assert workshop(env=env) == ("pure", expected)


def test_compiled_wheel_and_another_system(workshop: Workshop) -> None:
    """What was compiled without a failure is right whatever is installed later."""
    headers = workshop.machine / "include"
    headers.mkdir()
    body = f"found = not subprocess.check_call(['fakecc']){END}"
    workshop.write(body, top="import subprocess", files={"src/ext.c": "int x;\n"})
    env = {"CPATH": str(headers), "PATH": workshop.add_program("exit 0")}
    assert workshop(env=env) == ("compiled", ONE_BUILD)
    touch_folder(headers)
    assert workshop(env=env) == ("compiled", NO_BUILD)
