"""``toolchain = "exact"``: a wheel is used only where the programs that made it are the same; by default anywhere.

Where there are many ways of running a compiler, each is a project of its own, and all are installed by one command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.functional.commands import NO_BUILD, ONE_BUILD, UNPREPARED_BUILD, builds, times

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import Workshop

pytestmark = pytest.mark.thorough

EXACT = {"PIPCACHE_TOOLCHAIN": "exact"}

TOP = "import shutil, subprocess\nfrom subprocess import check_output"
END = "\nvalue = value.decode().strip()"
RUNS_A_COMPILER = {
    "name": "value = check_output(['fakecc'])",
    "path": "value = check_output([shutil.which('fakecc')])",
    "shell": "value = check_output('fakecc', shell=True)",
    "link": "value = check_output(['linkcc'])",
    "launcher": "value = check_output(['cachedcc'])",
    "unseen": "value = check_output(['fakemake'])\nPROJECT['tag'] = NATIVE_TAG",
}
QUIET = "value = 'quiet'"


def write_compilers(workshop: Workshop, says: str) -> str:
    """Write the programs that the ways run, all of which say *says*, and return the ``PATH`` that has them."""
    for name in ["fakecc", "cachedcc", "real-linkcc-12", "cc"]:
        workshop.add_program(f"echo {says}", name)
    compilers = workshop.machine / "bin"
    # As Debian does it: cc is alternatives/cc is gcc is gcc-12.
    link(compilers / "linkcc", workshop.machine / "alternatives" / "linkcc")
    link(workshop.machine / "alternatives" / "linkcc", compilers / "real-linkcc-12")
    workshop.add_program("cc", "fakemake", folder="tools")
    workshop.add_program(f'exec {compilers}/"$(basename "$0")"', "ccache", folder="launchers")
    link(workshop.machine / "launchers" / "cachedcc", workshop.machine / "launchers" / "ccache")
    return workshop.path("launchers", "tools", "bin")


def link(path: Path, target: Path) -> None:
    """Make *path* a link to *target*."""
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def test_another_compiler(workshop: Workshop) -> None:
    """Under the same name; where that matters, and only there, it is a reason to build; going back is none."""
    env = {"PATH": write_compilers(workshop, "old")}
    workshop.write_ways(RUNS_A_COMPILER, end=END, top=TOP)
    workshop.write_way("quiet", QUIET)
    old, new = ({**workshop.all(says), "quiet": "quiet"} for says in ["old", "new"])
    count = len(RUNS_A_COMPILER)
    assert workshop.each(env=env) == (old, builds(count + 1))
    assert workshop.each(env=env | EXACT) == (old, NO_BUILD)
    write_compilers(workshop, "new")
    assert workshop.each(env=env) == (old, NO_BUILD)
    assert workshop.each(env=env | EXACT) == (new, times(count, UNPREPARED_BUILD))
    reason = "the stored wheel was not used: `linkcc` is another program than the one it was built with"
    assert reason in workshop.pipcache("explain", "by_link").output
    assert workshop.each(env=env | EXACT) == (new, NO_BUILD)
    write_compilers(workshop, "old")
    assert workshop.each(env=env | EXACT) == (old, NO_BUILD)


def test_compiler_that_is_gone(workshop: Workshop) -> None:
    """Where that matters; what is built without it has a lack, and waits beside the other."""
    env = {"PATH": workshop.add_program("echo compiled")}
    body = "value = check_output(['fakecc']).decode().strip() if shutil.which('fakecc') else 'pure'"
    workshop.write(body, top=TOP)
    assert workshop(env=env) == ("compiled", ONE_BUILD)
    assert workshop() == ("compiled", NO_BUILD)
    assert workshop(env=EXACT) == ("pure", UNPREPARED_BUILD)
    assert "the stored wheel was not used: `fakecc` is not here" in workshop.pipcache("explain", "simple").output
    assert workshop(env=EXACT) == ("pure", NO_BUILD)
    assert workshop(env=env | EXACT) == ("compiled", NO_BUILD)
    assert "it depends on `CALLS_FILE` and `fakecc`, " in workshop.pipcache("explain", "simple").output


def test_compilers_that_made_metadata(workshop: Workshop, tmp_path: Path) -> None:
    """A wheel that was built from them has been made by these programs as well."""
    env = {"PATH": workshop.add_program("echo old", "first")}
    workshop.add_program("echo old", "second")
    begin = '    begin("prepare_metadata_for_build_wheel")\n'
    edits = {begin: f"{begin}    check_output(['first'])\n"}
    workshop.write("value = check_output(['second']).decode().strip()", top=TOP, edits=edits)
    workshop.pipcache.ok("download", "simple", "-d", tmp_path / "downloads", *workshop.index.options, env=env)
    assert workshop(env=env)[0] == "old"
    workshop.pipcache.take_calls()
    for name in ["first", "second"]:
        workshop.add_program("echo new", name)
    assert workshop(env=env) == ("old", NO_BUILD)
    assert workshop(env=env | EXACT) == ("new", ONE_BUILD)
    said = workshop.pipcache("explain", "simple").output
    assert "`first` and `second` are other programs than those it was built with" in said


def test_compiler_of_a_build_requirement(workshop: Workshop) -> None:
    """What is built to build something else is held to the same."""
    env = {"PATH": workshop.add_program("echo old")}
    workshop.write("value = check_output(['fakecc']).decode().strip()", name="tool", top=TOP)
    workshop.write("import tool_probe\nvalue = tool_probe.VALUE", build_requires=["tool"])
    assert workshop(env=env) == ("old", builds(2))
    workshop.add_program("echo new")
    assert workshop("--rebuild", "simple", env=env) == ("old", ONE_BUILD)
    assert workshop("--rebuild", "simple", env=env | EXACT) == ("new", ONE_BUILD + UNPREPARED_BUILD)
