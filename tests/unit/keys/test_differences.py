"""When a wheel is right: what is compared, and what is said of a difference."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from pipcache_plugin.keys.conditions import Choices, Conditions, Lacks, Needs
from pipcache_plugin.keys.differences import Difference, iter_differences, list_dependences
from pipcache_plugin.keys.environment import digest_value
from tests.unit.keys.present import FakePresent
from tests.unit.keys.samples import CONDITIONS

SALT = "salt"


def asked_for(name: str, value: str | None) -> Conditions:
    """Return the conditions of a build that asked for one variable."""
    return Conditions(choices=Choices(salt=SALT, variables={name: digest_value(SALT, name, value)}))


def differences(conditions: Conditions, present: FakePresent) -> list[str]:
    """Return what is different, in words."""
    return [str(difference) for difference in iter_differences(conditions, present)]


def environment(**variables: str) -> FakePresent:
    """Return a present in which these variables are set."""
    return FakePresent(environ=variables)


def started(**digests: str | None) -> Conditions:
    """Return the conditions of a build that started these programs."""
    return Conditions(choices=Choices(started=digests))


def exact(**digests: str) -> FakePresent:
    """Return a present that has these programs, for a user who wants the toolchain to be exactly the same."""
    return FakePresent(
        is_toolchain_exact=True, programs={name: f"/usr/bin/{name}" for name in digests}, identities=digests
    )


ONE, TWO = "11" * 32, "22" * 32

SENTENCES = [
    (asked_for("FLAVOUR", "vanilla"), environment(FLAVOUR="mint"), "`FLAVOUR` was one value, is another"),
    (asked_for("FLAVOUR", "vanilla"), environment(FLAVOUR=""), "`FLAVOUR` was one value, is another"),
    (asked_for("FLAVOUR", None), environment(FLAVOUR="mint"), "`FLAVOUR` was not set, is set"),
    (asked_for("FLAVOUR", None), environment(FLAVOUR=""), "`FLAVOUR` was not set, is set"),
    (asked_for("FLAVOUR", "vanilla"), FakePresent(), "`FLAVOUR` was set, is not set any more"),
    (Conditions(choices=Choices(prefixes=("FLAV",))), environment(FLAVOUR=""), "`FLAVOUR` was not set, is set"),
    (
        Conditions(choices=Choices(shown={"CFLAGS": "-O2"})),
        environment(CFLAGS="-O3"),
        "`CFLAGS` was `-O2`, is `-O3`",
    ),
    (Conditions(choices=Choices(shown={"CC": None})), environment(CC="clang"), "`CC` was not set, is `clang`"),
    (Conditions(choices=Choices(shown={"CC": "gcc"})), FakePresent(), "`CC` was `gcc`, is not set any more"),
    (Conditions(choices=Choices(toolchain={"CC": "gcc"})), environment(CC="clang"), "`CC` was `gcc`, is `clang`"),
    (Conditions(choices=Choices(toolchain={})), environment(LDFLAGS="-s"), "`LDFLAGS` was not set, is `-s`"),
    (Conditions(choices=Choices(toolchain={"CPATH": "/x"})), FakePresent(), "`CPATH` was `/x`, is not set any more"),
    (
        Conditions(choices=Choices(used={"setuptools": "80.0"})),
        FakePresent(build_constraints={"setuptools": "<80"}),
        "the build constraint on `setuptools` was not set, is `<80`",
    ),
    (
        Conditions(choices=Choices(used={"setuptools": "80.0"}, constraints={"setuptools": "<81"})),
        FakePresent(build_constraints={"setuptools": "<82"}),
        "the build constraint on `setuptools` was `<81`, is `<82`",
    ),
    (
        Conditions(choices=Choices(used={"setuptools": "80.0"}, constraints={"setuptools": "<81"})),
        FakePresent(),
        "the build constraint on `setuptools` was `<81`, is not set any more",
    ),
    (
        Conditions(choices=Choices(used={"setuptools": "80.0"})),
        FakePresent(build_constraints={"setuptools": "https://example.org/setuptools-80.0.tar.gz"}),
        ("the build constraint on `setuptools` was not set, is `https://example.org/setuptools-80.0.tar.gz`"),
    ),
    (
        Conditions(choices=Choices(built_against={"torch": "2.8.0"})),
        FakePresent(installed_versions={"torch": "2.9.0"}),
        "`torch` was 2.8.0, is 2.9.0",
    ),
    (
        Conditions(choices=Choices(built_against={"torch": "2.8.0"})),
        FakePresent(),
        "`torch` was 2.8.0, is not installed any more",
    ),
    (
        Conditions(choices=Choices(git_tags="one")),
        FakePresent(tags="two"),
        "the tags of its Git repository have changed",
    ),
    (
        Conditions(choices=Choices(git_tags="one")),
        FakePresent(),
        "its version may come from Git tags, which are not known before a clone",
    ),
    (
        Conditions(lacks=Lacks(programs=("gcc",))),
        FakePresent(programs={"gcc": "/usr/bin/gcc"}),
        "`gcc` was missing and is now at `/usr/bin/gcc`",
    ),
    (
        Conditions(lacks=Lacks(paths=("/usr/include/ffi.h",))),
        FakePresent(paths={"/usr/include/ffi.h"}),
        "`/usr/include/ffi.h` was missing and is there now",
    ),
    (
        Conditions(lacks=Lacks(listings={"/usr/include": ("gone.h", "zlib.h")})),
        FakePresent(listings={"/usr/include": ("ffi.h", "gmp.h", "zlib.h")}),
        "its build looked through `/usr/include`, into which `ffi.h` has come",
    ),
    (
        Conditions(lacks=Lacks(libraries=("libcuda.so.1",))),
        FakePresent(libraries={"libcuda.so.1"}),
        "the shared library `libcuda.so.1` was missing and is there now",
    ),
    (
        Conditions(lacks=Lacks(modules=("torch",))),
        FakePresent(modules={"torch"}),
        "the module `torch` was missing and can be imported now",
    ),
    (
        Conditions(lacks=Lacks(system="then")),
        FakePresent(stamp="now"),
        "something that its build lacked may be there now: what is installed on the system has changed",
    ),
    (
        started(cc=ONE),
        exact(cc=TWO),
        "`cc` is another program than the one it was built with",
    ),
    (
        started(cc=ONE, cxx=ONE, ld=ONE),
        exact(cc=TWO, cxx=TWO, ld=ONE),
        "`cc` and `cxx` are other programs than those it was built with",
    ),
    (started(cc=ONE), exact(), "`cc` is not here"),
    (started(cc=None), exact(), "`cc` is not here"),
    (started(cc=ONE, cxx=ONE, ld=ONE), exact(cc=ONE), "`cxx` and `ld` are not here"),
    (started(cc=None), exact(cc=ONE), "it is not known which `cc` it was built with"),
    (Conditions(choices=Choices(started={"": None})), exact(), "it is not known which program it was built with"),
    (
        started(cc=ONE, ld=ONE),
        exact(cc=TWO),
        "`cc` is another program than the one it was built with, and `ld` is not here",
    ),
    (
        started(cc=None, ld=ONE),
        exact(cc=ONE),
        "`ld` is not here, and it is not known which `cc` it was built with",
    ),
    (
        started(a=ONE, b=ONE, c=ONE, d=ONE, e=ONE, f=ONE),
        exact(),
        "`a`, `b`, `c`, `d` and 2 more are not here",
    ),
    (started(a=ONE, b=ONE, c=ONE, d=ONE, e=ONE), exact(), "`a`, `b`, `c`, `d` and `e` are not here"),
    (
        Conditions(needs=Needs(libraries=("libffi.so.8",))),
        FakePresent(),
        "it needs the shared library `libffi.so.8`, which is not there",
    ),
]


@pytest.mark.parametrize(("conditions", "present", "sentence"), SENTENCES, ids=[text for *_, text in SENTENCES])
def test_difference_is_one_sentence(conditions: Conditions, present: FakePresent, sentence: str) -> None:
    """One condition, one difference, one sentence."""
    assert differences(conditions, present) == [sentence]


ALL_MET = FakePresent(
    environ={"SIMPLE_FLAVOUR": "vanilla", "CC": "gcc", "CFLAGS": "-O2", "UNRELATED": "x", "HOME": "/home"},
    build_constraints={"setuptools": "<81", "unrelated": "<1"},
    installed_versions={"torch": "2.8.0", "setuptools": "99"},
    tags="ef" * 32,
    programs={"gcc": "/usr/bin/gcc"},
    paths={"/usr/include/zlib.h"},
    listings={"/usr/include": ("zlib.h",), "/opt": ("x",)},
    modules={"numpy"},
    stamp="01" * 32,
    searched=("/opt/include",),
    libraries={"libffi.so.8", "libz.so.1"},
    identities={"gcc": TWO},
)


def sample() -> Conditions:
    """Return the sample's conditions, with a variable whose value is known."""
    digest = digest_value(CONDITIONS.choices.salt, "SIMPLE_FLAVOUR", "vanilla")
    variables = {"SIMPLE_FLAVOUR": digest, "SIMPLE_UNSET": None}
    return dataclasses.replace(CONDITIONS, choices=dataclasses.replace(CONDITIONS.choices, variables=variables))


def test_same_present_has_no_difference() -> None:
    """Variables, constraints, programs and files that nobody asked for do not count."""
    assert differences(sample(), ALL_MET) == []


CHANGES: list[Mapping[str, object]] = [
    {"environ": {**ALL_MET.environ, "SIMPLE_FLAVOUR": "mint"}},
    {"environ": {**ALL_MET.environ, "SIMPLE_UNSET": ""}},
    {"environ": {**ALL_MET.environ, "CXX": "g++"}},
    {"environ": {**ALL_MET.environ, "LDFLAGS": "-s"}},
    {"environ": {**ALL_MET.environ, "SIMPLE_NEW": ""}},
    {"build_constraints": {}},
    {"build_constraints": {"setuptools": "<81", "wheel": "<0.45"}},
    {"installed_versions": {"torch": "2.9.0"}},
    {"tags": None},
    {"tags": "other"},
    {"programs": {"cmake": "/usr/bin/cmake"}},
    {"paths": {"/usr/include/ffi.h"}},
    {"listings": {"/usr/include": ("ffi.h", "zlib.h")}},
    {"modules": {"torch"}},
    {"libraries": {"libffi.so.8", "libcuda.so.1"}},
    {"stamp": "other"},
    {"searched": ()},
    {"libraries": set()},
]


@pytest.mark.parametrize("change", CHANGES, ids=[f"{next(iter(change))}-{n}" for n, change in enumerate(CHANGES)])
def test_each_change_is_one_difference(change: Mapping[str, object]) -> None:
    """And nothing else is said."""
    assert len(differences(sample(), dataclasses.replace(ALL_MET, **change))) == 1  # type: ignore[arg-type]


def test_presence_is_no_condition() -> None:
    """A compiler that is gone, a distribution that was only used, a library that is there: all right."""
    conditions = Conditions(choices=Choices(used={"setuptools": "80.0"}, toolchain={}))
    assert differences(conditions, FakePresent()) == []


@pytest.mark.parametrize("constraint", ["<81", ">=80", "==80.0", ""])
def test_new_constraint_that_is_met_is_none(constraint: str) -> None:
    """What was used satisfies it."""
    conditions = Conditions(choices=Choices(used={"setuptools": "80.0"}))
    assert differences(conditions, FakePresent(build_constraints={"setuptools": constraint})) == []


def test_prerelease_that_was_used_satisfies() -> None:
    """Whether to take it was decided then."""
    conditions = Conditions(choices=Choices(used={"setuptools": "80.0rc1"}))
    assert differences(conditions, FakePresent(build_constraints={"setuptools": "<81"})) == []


def test_constraint_on_what_was_not_used_is_none() -> None:
    """It had nothing to choose."""
    conditions = Conditions(choices=Choices(used={"setuptools": "80.0"}))
    assert differences(conditions, FakePresent(build_constraints={"cython": "<3"})) == []


def test_toolchain_counts_only_when_a_program_ran() -> None:
    """A pure build that asked for nothing is right with any ``CFLAGS``."""
    assert differences(Conditions(), environment(CFLAGS="-O3", CC="clang")) == []


def test_costly_questions_are_asked_only_when_they_matter() -> None:
    """Neither Git nor the system is asked for a wheel that does not depend on them, or that is wrong already."""
    present = environment(CFLAGS="-O3")
    assert differences(Conditions(choices=Choices(shown={"CFLAGS": "-O3"})), present) == []
    assert present.asked == []
    wrong = Conditions(choices=Choices(shown={"CFLAGS": "-O2"}, git_tags="one"), lacks=Lacks(system="then"))
    assert next(iter_differences(wrong, present), None) is not None
    assert present.asked == []


def test_programs_do_not_count() -> None:
    """Others, or none; nobody is even asked what they are, nor where."""
    present = FakePresent(identities={"cc": TWO}, programs={"cc": "/usr/bin/cc"})
    assert differences(started(cc=ONE, ld=None), present) == []
    assert present.asked == []


@pytest.mark.parametrize("conditions", [started(cc=ONE), Conditions()])
def test_exact_toolchain_is_here(conditions: Conditions) -> None:
    """The same programs, or none that were started: other ones do not matter."""
    assert differences(conditions, exact(cc=ONE, ld=TWO)) == []


def test_programs_are_read_last() -> None:
    """They are large."""
    present = exact(cc=TWO)
    conditions = dataclasses.replace(started(cc=ONE), lacks=Lacks(system="then"))
    assert next(iter_differences(conditions, present)).kind == "system"
    assert "program" not in present.asked


def test_difference_of_the_toolchain_names_all_programs() -> None:
    """For who does not read sentences."""
    (difference,) = iter_differences(started(cc=ONE, ld=ONE, nm=None), exact(cc=TWO, nm=ONE))
    assert (difference.kind, difference.name) == ("toolchain", "cc, ld, nm")


def test_value_is_never_in_a_sentence_about_a_digest() -> None:
    """Also not today's."""
    text = "".join(differences(asked_for("TOKEN", "old secret"), environment(TOKEN="new secret")))
    assert "secret" not in text


def test_dependences_are_named() -> None:
    """What was there, and what was not."""
    assert list_dependences(CONDITIONS) == (
        ["SIMPLE_FLAVOUR", "CC", "CFLAGS", "setuptools", "torch", "Git tags", "libffi.so.8", "/usr/include"],
        ["SIMPLE_UNSET", "cmake", "g++", "/usr/include/ffi.h", "libcuda.so.1", "torch", "SIMPLE_*", "CXX"],
    )
    assert list_dependences(Conditions()) == ([], [])
    there, _ = list_dependences(CONDITIONS, is_toolchain_exact=True)
    assert there[2:6] == ["CFLAGS", "gcc", "ninja", "setuptools"]
    assert list_dependences(Conditions(choices=Choices(started={"": None})), is_toolchain_exact=True) == ([], [])


def test_differences_can_be_compared() -> None:
    """They are values."""
    assert Difference(kind="path", name="/x") == Difference(kind="path", name="/x")
