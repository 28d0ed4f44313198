"""What command lines and shell scripts say."""

from __future__ import annotations

import pytest

from pipcache_plugin.building.shell import iter_asked_for, iter_sought, lets_compiler_fail, parse_command

COMMANDS = {
    "sh -c cc -c x.c": "cc -c x.c",
    "/bin/sh -c cc -c x.c": "cc -c x.c",
    "bash -e -c make": "make",
    "bash -ec make\nmake install": "make\nmake install",
    "sh script.sh -c": None,
    "env X=1 sh -c make": None,
    "gcc -c x.c": None,
    "sh": None,
}


@pytest.mark.parametrize(("command", "script"), COMMANDS.items(), ids=map(repr, COMMANDS))
def test_script_in_a_command_line(command: str, script: str | None) -> None:
    """Only of a shell that was given one."""
    assert parse_command(command) == script


SOUGHT = {
    "cc -c x.c": {"cc"},
    "CC=gcc FLAGS= ./run; make all": {"make"},
    "one | two && three || four & five; six": {"one", "two", "three", "four", "five", "six"},
    "echo $(seven --version) `eight`": {"echo", "seven", "eight"},
    "if nine; then ten; else eleven; fi": {"nine", "ten", "eleven"},
    "(cd sub && exec twelve -x)": {"twelve"},
    "command -v thirteen >/dev/null; which -a fourteen; type fifteen": {"which", "thirteen", "fourteen", "fifteen"},
    "first\nsecond\n": {"first", "second"},
    "/usr/bin/cc x.c": set(),
    "export X=1; set -e; X=2": set(),
    "": set(),
}


@pytest.mark.parametrize(("script", "names"), SOUGHT.items(), ids=map(repr, SOUGHT))
def test_programs_that_a_script_runs_or_asks_for(script: str, names: set[str]) -> None:
    """Where a command may stand; what the shell does itself is none, nor is what has a path."""
    assert set(iter_sought(script)) == names


def test_programs_that_are_asked_for_by_name() -> None:
    """Only these: in a long script, a first word may be a function, or a line of a text."""
    script = "probe() { :; }\nprobe\ncommand -v one || which two\ncat <<X\nthree\nX\n"
    assert list(iter_asked_for(script)) == ["one", "two"]


@pytest.mark.parametrize(
    "script",
    [
        "cc -c x.c || true",
        "if gcc x.c; then echo yes; fi",
        "$CC -c x.c; exit 0",
        "${CC} -c x.c 2>/dev/null || :",
        "pkg-config --exists ffi && echo yes; true",
        "./configure || true",
        "all:\n\t-$(CC) -c x.c\n",
    ],
)
def test_compiler_that_may_fail(script: str) -> None:
    """The script goes on, and says nothing of it."""
    assert lets_compiler_fail(script)


@pytest.mark.parametrize("script", ["cc -c x.c", "make || true", "echo success; account", "ls; my-gcc-wrapper.txt", ""])
def test_no_compiler_that_may_fail(script: str) -> None:
    """Its failure is the script's, or there is none in it."""
    assert not lets_compiler_fail(script)


@pytest.mark.parametrize("sign", ["x", "\n", " ", ";", "-", "a=b "])
def test_long_scripts_are_read_in_no_time(sign: str) -> None:
    """Anything may lie in a source tree under the name of a script: the time grows as its length does."""
    script = sign * 500_000
    assert not lets_compiler_fail(script)
    assert set(iter_sought(script)) <= {"x"}
