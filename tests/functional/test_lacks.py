"""What a build looked for and did not find: when it may be there now, the wheel is built again.

Where there are many ways of looking, each is a project of its own, and all of them are installed by one command.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from tests.functional.commands import NO_BUILD, ONE_BUILD, builds, times
from tests.functional.commands import UNPREPARED_BUILD as BUILT_AGAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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
}
SEEKS_IN_A_SHELL = {
    "system": "found = os.system('fakecc') == 0",
    "shell": "found = subprocess.call('command -v fakecc', shell=True) == 0",
}
END = "\nif found:\n    value = 'compiled'\n    PROJECT['tag'] = NATIVE_TAG\nelse:\n    value = 'pure'"


def assert_built_when_it_appears(
    workshop: Workshop, appear: Callable[[], object], disappear: Callable[[], object] | None, env: Mapping[str, str]
) -> None:
    """Build in each way, let appear what was missing, and build once more; gone again, it is no reason to build."""
    count = len(workshop.ways)
    for expected in [builds(count), NO_BUILD]:
        assert workshop.each(env=env) == (workshop.all("pure"), expected)
    appear()
    for expected in [times(count, BUILT_AGAIN), NO_BUILD]:
        assert workshop.each(env=env) == (workshop.all("compiled"), expected)
    if disappear is not None:
        disappear()
        assert workshop.each(env=env) == (workshop.all("compiled"), NO_BUILD)


def assert_built_when_a_compiler_appears(workshop: Workshop, seeks: Mapping[str, str]) -> None:
    """Build an optional extension in each way."""
    workshop.write_ways(seeks, end=END, top="import shutil, subprocess", files={"src/ext.c": "int x;\n"})
    program = workshop.machine / "bin" / "fakecc"
    program.parent.mkdir()
    env = {"PATH": workshop.path("bin")}
    assert_built_when_it_appears(workshop, lambda: workshop.add_program("exit 0"), program.unlink, env)


def test_compiler_that_appears(workshop: Workshop) -> None:
    """An optional extension is built as soon as there is a compiler, and serves from then on, with and without it."""
    assert_built_when_a_compiler_appears(workshop, SEEKS_COMPILER)


def test_compiler_that_a_shell_did_not_find(workshop: Workshop) -> None:
    """The same when a shell looks for it."""
    assert_built_when_a_compiler_appears(workshop, SEEKS_IN_A_SHELL)


def test_compiler_in_a_folder_that_is_added_to_the_path(workshop: Workshop) -> None:
    """A program appears as well when ``PATH`` gets a folder that has it."""
    workshop.write(SEEKS_COMPILER["run"] + END, top="import subprocess")
    assert workshop() == ("pure", ONE_BUILD)
    assert workshop(env={"PATH": workshop.add_program("exit 0")}) == ("compiled", BUILT_AGAIN)


LOOKS = {
    "exists": "found = os.path.exists(PLACE)",
    "isfile": "found = os.path.isfile(PLACE)",
    "lexists": "found = os.path.lexists(PLACE)",
    "bytes": "found = os.path.exists(PLACE.encode())",
    "pathlib": "found = Path(PLACE).is_file()",
    "access": "found = os.access(PLACE, os.R_OK)",
    "open": "try:\n    open(PLACE).close()\n    found = True\nexcept OSError:\n    found = False",
    "python_child": "code = 'import os, sys; sys.exit(not os.path.exists(\"{}\"))'.format(PLACE)\n"
    "found = subprocess.call([sys.executable, '-c', code]) == 0",
}
LISTS = {
    "listdir": "found = 'header.h' in os.listdir(os.path.dirname(PLACE))",
    "glob": "found = bool(glob.glob(os.path.dirname(PLACE) + '/head*.h'))",
}


def assert_built_when_a_header_appears(
    workshop: Workshop, looks: Mapping[str, str], *, is_folder_there: bool = True
) -> None:
    """Build in each way an extension that wants a header of the machine."""
    place = workshop.machine / "include" / "header.h"
    workshop.write_ways(looks, end=END, top=f"import glob, subprocess\nPLACE = {str(place)!r}")
    if is_folder_there:
        place.parent.mkdir()

    def appear() -> None:
        place.parent.mkdir(exist_ok=True)
        place.touch()

    assert_built_when_it_appears(workshop, appear, place.unlink, {})


def test_header_that_appears(workshop: Workshop) -> None:
    """A path outside the build that was looked at and is there now is a reason to build; gone again is none."""
    assert_built_when_a_header_appears(workshop, LOOKS)


def test_header_that_appears_in_a_folder_that_is_listed(workshop: Workshop) -> None:
    """A listing of a folder is a look at all that may be in it."""
    assert_built_when_a_header_appears(workshop, LISTS)


def test_header_that_appears_with_its_folder(workshop: Workshop) -> None:
    """The same where not even the folder was there."""
    looks = {"exists": LOOKS["exists"], "glob": LISTS["glob"]}
    assert_built_when_a_header_appears(workshop, looks, is_folder_there=False)


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
SILENT_TRIES = {
    "echo": "found = subprocess.check_output('fakecc && echo yes || true', shell=True) != b''",
    "file": "subprocess.check_call(['sh', '-c', 'fakecc && touch yes || true'])\nfound = os.path.exists('yes')",
}


def assert_tried_again_on_another_system(
    workshop: Workshop, tries: Mapping[str, str], *, is_failure_seen: bool = True
) -> None:
    """Build with a compiler that fails until there is a header, which comes with its folder's time."""
    headers = workshop.machine / "include"
    headers.mkdir()
    workshop.write_ways(tries, end=END, top="import shutil, subprocess")
    env = {"PATH": workshop.add_program('test -e "$CPATH/header.h"'), "CPATH": str(headers)}

    def appear() -> None:
        (headers / "header.h").touch()
        touch_folder(headers)

    change = partial(touch_folder, headers) if is_failure_seen else None
    assert_built_when_it_appears(workshop, appear, change, env)


def test_failed_compile_step_and_another_system(workshop: Workshop) -> None:
    """What failed is tried again when something was installed that compilers look at, and not before."""
    assert_tried_again_on_another_system(workshop, TRIES)


def test_failed_compile_step_that_a_shell_hides(workshop: Workshop) -> None:
    """The same for what may have failed in a shell that succeeds: whether it did, nobody knows."""
    assert_tried_again_on_another_system(workshop, SILENT_TRIES, is_failure_seen=False)


NATIVE_TREES = {
    "c": ("src/ext.c", True),
    "rust": ("rust/lib.rs", True),
    "cython": ("simple/fast.pyx", True),
    "tests": ("tests/data/ext.c", False),
    "text": ("x.txt", False),
}


def test_pure_wheel_of_native_sources_and_another_system(workshop: Workshop) -> None:
    """A pure wheel is doubted where something could have been compiled, although nothing was seen to fail."""
    headers = workshop.machine / "include"
    headers.mkdir()
    for way, (path, _) in NATIVE_TREES.items():
        workshop.write_way(way, "value = 'pure'", files={path: "int x;\n"})
    env = {"CPATH": str(headers)}
    assert workshop.each(env=env) == (workshop.all("pure"), builds(len(NATIVE_TREES)))
    touch_folder(headers)
    doubted = sum(is_native for _, is_native in NATIVE_TREES.values())
    assert workshop.each(env=env) == (workshop.all("pure"), times(doubted, BUILT_AGAIN))
    assert workshop.each(env=env) == (workshop.all("pure"), NO_BUILD)


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
