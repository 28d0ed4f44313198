"""From what was seen to conditions."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipcache_plugin.building.circumstances import Circumstances
from pipcache_plugin.building.errors import UnwatchedBuildError
from pipcache_plugin.building.evidence import judge
from pipcache_plugin.building.scripts import has_native_sources
from pipcache_plugin.building.watching import Observations
from pipcache_plugin.keys.conditions import Choices, Conditions
from pipcache_plugin.keys.environment import digest_value

NOTHING = Observations(
    variables=frozenset(),
    programs={},
    commands=frozenset(),
    absent=frozenset(),
    failed=frozenset(),
    imports=frozenset(),
    is_whole=True,
)

GCC: Mapping[str, str | None] = {"gcc": "/usr/bin/gcc"}


class Scene:
    """A source tree, a build environment, and the circumstances of a build in them."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.root, self.bin = folder / "tree", folder / "env", folder / "bin"
        for path in (self.tree, self.root, self.bin):
            path.mkdir()
        self.environ = {"PATH": str(self.bin), "HOME": str(folder / "home"), "CC": "gcc", "FLAVOUR": "vanilla"}

    def judge(
        self,
        *,
        is_pure: bool | None = False,
        libraries: tuple[str, ...] = (),
        around: Mapping[str, Any] | None = None,
        **seen: Any,
    ) -> Conditions:
        """Judge a build that was seen to do what *seen* has."""
        circumstances = Circumstances(
            tree=self.tree,
            environ=self.environ,
            root=self.root,
            used={"setuptools": "80.0"},
            constraints={"setuptools": "<81"},
            built_against={},
            collect_installed=lambda: {"everything": "1.0"},
            lacking_modules=(),
            git_tags="tags",
            began_ns=time.time_ns(),
            system_before="stamp",
            stamp_system=lambda searched: " ".join(["stamp", *searched]),
        )
        changed = dataclasses.replace(circumstances, **(around or {}))
        if "libraries_seen" in seen:
            seen["libraries"] = seen.pop("libraries_seen")
        return judge(dataclasses.replace(NOTHING, **seen), changed, libraries, is_pure=is_pure)

    def write(self, name: str, text: str = "") -> Path:
        """Write a file of the source tree."""
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def program(self, path: Path, text: str = "") -> str:
        """Write a program."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return str(path)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return a scene with an empty source tree."""
    return Scene(tmp_path)


def own(variables: Iterable[str]) -> set[str]:
    """Return the names without those that every Python reads."""
    return {name for name in variables if not name.startswith("PYTHON")}


class TestChoices:
    """Variables, constraints, tags."""

    def test_quiet_build_depends_on_its_requirements_only(self, scene: Scene) -> None:
        """Nothing was asked for."""
        choices = scene.judge().choices
        assert choices.variables == dict.fromkeys(["PYTHONOPTIMIZE", "PYTHONUTF8"])
        assert (choices.shown, choices.toolchain, choices.git_tags) == ({}, None, None)
        assert (choices.used, choices.constraints) == ({"setuptools": "80.0"}, {"setuptools": "<81"})

    def test_variables_are_digested_or_shown(self, scene: Scene) -> None:
        """The toolchain's in clear; what never counts is left out; absence is kept."""
        choices = scene.judge(variables=frozenset({"FLAVOUR", "LACKING", "CC", "CXX", "HOME", "PIP_NO_INDEX"})).choices
        asked_for = {name: digest for name, digest in choices.variables.items() if not name.startswith("PYTHON")}
        assert asked_for == {"FLAVOUR": digest_value(choices.salt, "FLAVOUR", "vanilla"), "LACKING": None}
        assert choices.shown == {"CC": "gcc", "CXX": None}
        assert "vanilla" not in str(choices)

    def test_salt_is_new_each_time(self, scene: Scene) -> None:
        """Two records of one build do not show that their secrets are the same."""
        salts = {scene.judge().choices.salt for _ in range(3)}
        assert len(salts) == 3
        assert min(map(len, salts)) >= 32

    def test_foreign_program_brings_the_toolchain(self, scene: Scene) -> None:
        """It reads variables unseen."""
        assert scene.judge(programs=GCC).choices.toolchain == {"CC": "gcc"}

    def test_program_is_identified(self, scene: Scene) -> None:
        """By the name that it was asked for."""
        gcc = scene.program(scene.bin / "gcc", "gcc")
        assert scene.judge(programs={"gcc": gcc}).choices.started == {"gcc": hashlib.sha256(b"gcc").hexdigest()}

    @pytest.mark.parametrize("name", ["git", "uname", "which"])
    def test_harmless_program_is_not(self, scene: Scene, name: str) -> None:
        """By whatever name; nor one that was not there, nor a Python that was watched."""
        path = scene.program(scene.bin / name)
        python = scene.program(scene.root / "bin" / "cython", f"#!{scene.root}/bin/python\n")
        programs = {name: path, path: path, "gcc": None, "cython": python}
        commands = frozenset({f"sh -c {name} --version"})
        assert scene.judge(programs=programs, commands=commands).choices.started == {}

    def test_program_that_a_shell_ran_is_identified(self, scene: Scene) -> None:
        """As far as its command line tells; a lack is none."""
        for name in ["mycc", "echo"]:
            scene.program(scene.bin / name)
        commands = frozenset({"sh -c mycc -c x.c && othercc; echo done"})
        assert set(scene.judge(commands=commands).choices.started) == {"mycc"}

    @pytest.mark.parametrize(
        ("is_pure", "programs", "is_counted"),
        [
            (False, {"make": "/usr/bin/make"}, True),
            (False, {"gcc": "/usr/bin/gcc", "ninja": "/usr/bin/ninja"}, True),
            (False, GCC, False),
            (False, {"git": "/usr/bin/git"}, False),
            (False, {}, False),
            (True, {"make": "/usr/bin/make"}, False),
            (None, {"make": "/usr/bin/make"}, False),
        ],
    )
    def test_compilers_that_another_program_may_have_run(
        self, scene: Scene, is_pure: bool | None, programs: Mapping[str, str], is_counted: bool
    ) -> None:
        """They count when something was compiled, unseen."""
        scene.program(scene.bin / "cc")
        assert ("cc" in scene.judge(programs=programs, is_pure=is_pure).choices.started) is is_counted

    def test_compilers_that_a_python_that_nobody_watched_may_have_run(self, scene: Scene) -> None:
        """The same."""
        scene.program(scene.bin / "cc")
        assert "cc" in scene.judge(has_unwatched_python=True).choices.started

    def test_name_of_a_program_that_tells_a_secret(self, scene: Scene) -> None:
        """It is not kept; a variable that is a path, or the toolchain's, is none."""
        scene.environ |= {"FLAVOUR": "cc-of-mine", "CC": "cc-for-all", "PLACE": "/cc/for/me"}
        programs = {name: scene.program(scene.bin / name) for name in ["cc-of-mine", "cc-for-all"]}
        choices = scene.judge(programs=programs, variables=frozenset({"FLAVOUR", "CC", "PLACE"})).choices
        assert set(choices.started) == {"", "cc-for-all"}
        assert choices.started[""] is None
        assert "cc-of-mine" not in str(choices)

    @pytest.mark.parametrize("programs", [{"git": "/usr/bin/git"}, {"/usr/bin/uname": "/usr/bin/uname"}])
    def test_harmless_program_does_not(self, scene: Scene, programs: Mapping[str, str]) -> None:
        """They are not told anything by it."""
        assert scene.judge(programs=programs).choices.toolchain is None

    def test_python_that_was_watched_does_not(self, scene: Scene) -> None:
        """The build environment's own; without isolation, the running one."""
        own = scene.root / "bin" / "python"
        own.parent.mkdir()
        own.symlink_to(sys.executable)
        assert scene.judge(programs={str(own): str(own)}).choices.toolchain is None
        running = {sys.executable: sys.executable}
        assert scene.judge(programs=running, around={"root": None}).choices.toolchain is None
        assert scene.judge(programs=running, around={"root": None}, has_unwatched_python=True).choices.toolchain

    def test_script_of_the_build_environment_is_python(self, scene: Scene) -> None:
        """``cython`` was watched; ``ninja`` and ``cmake``, which come the same way, were not."""
        cython = scene.program(scene.root / "bin" / "cython", f"#!{scene.root}/bin/python\n")
        assert scene.judge(programs={"cython": cython}).choices.toolchain is None
        ninja = scene.program(scene.root / "bin" / "ninja", "\x7fELF")
        assert scene.judge(programs={"ninja": ninja}).choices.toolchain == {"CC": "gcc"}

    def test_names_in_commands_and_scripts(self, scene: Scene) -> None:
        """Of the scripts that the program that ran reads; not of others, nor of tests and documentation."""
        scene.write("Makefile", "all:\n\techo $(MAKE_FLAVOUR)\n")
        scene.write("sub/rules.mk", "x = $(SUB_FLAVOUR)\n")
        scene.write("tests/Makefile", "x = $(TEST_FLAVOUR)\n")
        scene.write("CMakeLists.txt", "set(x $ENV{CMADE_FLAVOUR})\n")
        choices = scene.judge(programs={"make": "/usr/bin/make"}, commands=frozenset({"make X=$SHELL_FLAVOUR"})).choices
        assert own(choices.variables) == {"MAKE_FLAVOUR", "SUB_FLAVOUR", "SHELL_FLAVOUR"}

    def test_names_in_scripts_that_scripts_run(self, scene: Scene) -> None:
        """However deep; not in those that lie beside them."""
        scene.write("one.sh", ". ./lib/two.sh $ONE_FLAVOUR\n")
        scene.write("lib/two.sh", "make -f three.mk X=$TWO_FLAVOUR\n")
        scene.write("three.mk", "x = $(THREE_FLAVOUR)\n")
        scene.write("release.sh", "x=$OTHER_FLAVOUR\n")
        scene.write("one.bin", "\0$BINARY_FLAVOUR one.sh\n")
        seen: dict[str, Any] = {"programs": {"sh": "/bin/sh"}, "commands": frozenset({"sh -e ./one.sh one.bin"})}
        assert own(scene.judge(**seen).choices.variables) == {"ONE_FLAVOUR", "TWO_FLAVOUR", "THREE_FLAVOUR"}

    def test_no_program_reads_no_scripts(self, scene: Scene) -> None:
        """A pure build leaves its Makefile alone."""
        scene.write("Makefile", "x = $(FLAVOUR)\n")
        assert own(scene.judge().choices.variables) == set()

    def test_variables_that_may_have_been_picked_out_of_all(self, scene: Scene) -> None:
        """Those that are set are compared like any other; what else appears is a difference."""
        scene.environ |= {"MY_ONE": "1", "MY_TWO": "2", "CMAKE_X": "3", "PIP_X": "4"}
        choices = scene.judge(prefixes=frozenset({"MY_", "CMAKE_", "PIP_", "HOME"})).choices
        assert choices.prefixes == ("CMAKE_", "MY_")
        assert own(choices.variables) == {"MY_ONE", "MY_TWO"}
        assert choices.shown == {"CMAKE_X": "3"}

    def test_names_of_the_ci_run_are_not_picked(self, scene: Scene) -> None:
        """They change from run to run; asked for by its whole name, one counts."""
        scene.environ |= {"GITHUB_RUN_ID": "1", "GITHUB_SHA": "2"}
        seen: dict[str, Any] = {"prefixes": frozenset({"GITHUB_"}), "variables": frozenset({"GITHUB_SHA"})}
        assert own(scene.judge(**seen).choices.variables) == {"GITHUB_SHA"}

    def test_program_that_was_not_there_did_not_run(self, scene: Scene) -> None:
        """It is lacking, and that is all."""
        conditions = scene.judge(programs={"pkg-config": None}, failed=frozenset({"pkg-config"}))
        assert conditions.lacks.programs == ("pkg-config",)
        assert (conditions.choices.toolchain, conditions.choices.git_tags, conditions.lacks.system) == (
            None,
            None,
            None,
        )

    def test_tags_of_the_metadata_stay(self, scene: Scene) -> None:
        """Git ran to prepare them, in another run."""
        earlier = Conditions(choices=Choices(git_tags="tags"))
        assert scene.judge(around={"earlier": earlier}).choices.git_tags == "tags"

    @pytest.mark.parametrize(
        "seen",
        [
            {"has_unwatched_python": True},
            {"programs": {"python3": "/usr/bin/python3"}},
            {"programs": {"env": "/usr/bin/env"}, "commands": frozenset({"env -u PYTHONPATH python gen.py"})},
        ],
    )
    def test_python_that_nobody_watched(self, scene: Scene, seen: dict[str, Any]) -> None:
        """It may have asked for any variable, but for those of the CI run, and imported anything."""
        scene.environ["GITHUB_RUN_ID"] = "1"
        choices = scene.judge(**seen, around={"root": None}).choices
        assert choices.prefixes == ("",)
        assert own(choices.variables) == {"FLAVOUR"}
        assert choices.built_against == {"everything": "1.0"}

    def test_path_of_an_isolated_python_may_change(self, scene: Scene) -> None:
        """It is watched all the same."""
        seen: dict[str, Any] = {"programs": {"sh": "/bin/sh"}, "commands": frozenset({"sh -c PYTHONPATH=. make"})}
        assert scene.judge(**seen).choices.prefixes == ()

    def test_git_tags_count_when_git_ran(self, scene: Scene) -> None:
        """A version may come from them."""
        assert scene.judge(programs={"git": "/usr/bin/git"}).choices.git_tags == "tags"
        assert scene.judge(programs={"/usr/bin/git": "/usr/bin/git"}).choices.git_tags == "tags"
        assert scene.judge(programs=GCC).choices.git_tags is None
        assert scene.judge(programs={"make": "/usr/bin/make"}).choices.git_tags == "tags"

    def test_what_it_was_built_against(self, scene: Scene) -> None:
        """Is handed through."""
        assert scene.judge(around={"built_against": {"torch": "2.8.0"}}).choices.built_against == {"torch": "2.8.0"}

    def test_base_interpreter_was_not_watched(self, scene: Scene) -> None:
        """Outside the build environment no .pth file rides in: it is a foreign program."""
        base = str(Path(sys.executable).resolve())
        assert scene.judge(programs={base: base}).choices.toolchain is not None


class TestLacks:
    """Programs, paths, the state of the system."""

    def test_programs_that_were_sought_in_vain(self, scene: Scene) -> None:
        """By starting them, or by looking into the folders of ``PATH``."""
        lacks = scene.judge(programs={"cmake": None}, absent=frozenset({str(scene.bin / "ninja")})).lacks
        assert lacks.programs == ("cmake", "ninja")
        assert lacks.paths == ()

    @pytest.mark.parametrize("name", ["clang-tidy", "clang-format-18.1", "scan-build37", "ccache", "sccache"])
    def test_program_of_no_consequence_is_not_lacking(self, scene: Scene, name: str) -> None:
        """Meson looks for all of them."""
        assert scene.judge(programs={name: None, f"{name}-x": None}).lacks.programs == (f"{name}-x",)

    def test_program_that_is_elsewhere_on_the_path_is_not_lacking(self, scene: Scene, tmp_path: Path) -> None:
        """A search passes folders where it is not."""
        scene.environ["PATH"] = f"{tmp_path / 'first'}:{scene.bin}"
        scene.program(scene.bin / "ninja")
        assert scene.judge(absent=frozenset({str(tmp_path / "first" / "ninja")})).lacks.programs == ()

    def test_system_paths(self, scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Neither the build's own folders, nor temporary ones, nor the user's; nor what is there by now."""
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
        own = [scene.tree, scene.root, tmp_path / "tmp", tmp_path / "home"]
        absent = {"/no-such/ffi.h", "/usr", *(f"{folder}/x" for folder in own)}
        assert scene.judge(absent=frozenset(absent)).lacks.paths == ("/no-such/ffi.h",)

    def test_neighbours_of_own_folders_count(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """``tree-2`` is not in ``tree``."""
        monkeypatch.setattr("tempfile.gettempdir", lambda: "/no-such-tmp")
        path = f"{scene.tree}-2/x"
        assert scene.judge(absent=frozenset({path})).lacks.paths == (path,)

    def test_home_that_is_the_root_hides_nothing(self, scene: Scene) -> None:
        """As for users without a home."""
        scene.environ["HOME"] = "/"
        assert scene.judge(absent=frozenset({"/no-such/ffi.h"})).lacks.paths == ("/no-such/ffi.h",)

    def test_program_that_was_started_by_its_path(self, scene: Scene) -> None:
        """``/opt/cuda/bin/nvcc`` may come."""
        assert scene.judge(programs={"/no-such/bin/nvcc": None}).lacks.paths == ("/no-such/bin/nvcc",)

    def test_folder_with_a_slash_at_its_end(self, scene: Scene) -> None:
        """``PATH=/opt/bin/`` is ``/opt/bin``."""
        scene.environ["PATH"] = "/no-such-bin/"
        assert scene.judge(absent=frozenset({"/no-such-bin/ninja"})).lacks.programs == ("ninja",)

    def test_very_many_paths(self, scene: Scene) -> None:
        """None of them may be forgotten without a substitute: the stamp of the system, for one."""
        lacks = scene.judge(absent=frozenset(f"/no-such/{number}.h" for number in range(500))).lacks
        assert len(lacks.paths) == 500 or lacks.system is not None

    @pytest.mark.parametrize("name", ["gcc", "/usr/bin/cc", "sh", "ninja"])
    def test_failed_step_is_suspicious(self, scene: Scene, name: str) -> None:
        """It may succeed another day."""
        assert scene.judge(failed=frozenset({name})).lacks.system == "stamp"

    def test_folders_of_a_failed_step_are_in_the_stamp(
        self, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What it looked for may come into them; not into the build's own."""
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
        searched = frozenset({"/opt/include", f"{tmp_path}/tmp/x", f"{scene.tree}/include"})
        lacks = scene.judge(failed=frozenset({"gcc"}), searched=searched).lacks
        assert (lacks.searched, lacks.system) == (("/opt/include",), "stamp /opt/include")

    @pytest.mark.parametrize("name", ["git", "/usr/bin/git", "which"])
    def test_failed_question_is_not(self, scene: Scene, name: str) -> None:
        """Git fails outside a checkout."""
        assert scene.judge(failed=frozenset({name})).lacks.system is None

    def test_failed_python_is_not(self, scene: Scene) -> None:
        """A Python child has its own failures noted."""
        seen: dict[str, Any] = {"failed": frozenset({sys.executable})}
        assert scene.judge(**seen, around={"root": None}).lacks.system is None

    @pytest.mark.parametrize("command", ["sh -c cc -c x.c || true", "/bin/bash -ec if gcc -c x.c; then echo; fi"])
    def test_compiler_that_a_shell_lets_fail_is_suspicious(self, scene: Scene, command: str) -> None:
        """Whether it did fail, nobody knows."""
        seen: dict[str, Any] = {"programs": {"sh": "/bin/sh"}, "commands": frozenset({command})}
        assert scene.judge(**seen).lacks.system == "stamp"

    def test_configure_script_is_suspicious(self, scene: Scene) -> None:
        """It is all about compile steps that may fail."""
        scene.write("configure", "#!/bin/sh\nif gcc conftest.c; then\n  echo yes\nfi\n")
        assert scene.judge(programs={"./configure": "./configure"}).lacks.system == "stamp"
        assert scene.judge().lacks.system is None

    def test_programs_that_a_shell_sought(self, scene: Scene) -> None:
        """In a command line, or asked for in a script; what is there, or done by the shell, is not lacking."""
        scene.program(scene.bin / "there")
        scene.write("probe.sh", "if command -v gone-two >/dev/null; then x; fi; there; local_function\n")
        command = "sh -c there | gone-one --version || cd /"
        seen: dict[str, Any] = {"programs": {"sh": "/bin/sh"}, "commands": frozenset({command, "sh probe.sh"})}
        assert scene.judge(**seen).lacks.programs == ("gone-one", "gone-two")

    def test_folders_that_were_gone_through(
        self, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is in them by name; the build's own ones do not count."""
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
        folder = tmp_path / "machine"
        folder.mkdir()
        seen: dict[str, Any] = {"listed": frozenset({str(folder), str(scene.root), str(tmp_path / "home" / "x")})}
        (folder / "ffi.h").touch()
        assert scene.judge(**seen).lacks.listings == {str(folder): ("ffi.h",)}

    def test_modules_that_could_not_be_imported(self, scene: Scene) -> None:
        """Is handed through."""
        assert scene.judge(around={"lacking_modules": ("torch",)}).lacks.modules == ("torch",)

    def test_system_that_changed_while_the_build_ran(self, scene: Scene) -> None:
        """What failed might succeed by now: nobody knows what the wheel lacks."""
        scene.judge(around={"system_before": "older"})
        with pytest.raises(UnwatchedBuildError):
            scene.judge(failed=frozenset({"gcc"}), around={"system_before": "older"})

    def test_what_came_while_the_build_ran(self, scene: Scene) -> None:
        """The same for a program that was to be started, and for a path where builds do not write."""
        scene.program(scene.bin / "ninja")
        with pytest.raises(UnwatchedBuildError):
            scene.judge(programs={"ninja": None})
        with pytest.raises(UnwatchedBuildError):
            scene.judge(absent=frozenset({"/usr/bin/env"}))

    def test_name_that_tells_a_secret(self, scene: Scene) -> None:
        """It would be on disk in clear; a path is none."""
        scene.environ |= {"TOKEN": "s3cr3t-value", "PREFIX": "/no-such/prefix"}
        asked_for = frozenset({"TOKEN", "PREFIX"})
        scene.judge(variables=asked_for, absent=frozenset({"/no-such/prefix/x.h"}))
        with pytest.raises(UnwatchedBuildError):
            scene.judge(variables=asked_for, programs={"fetch-s3cr3t-value": None})

    def test_libraries_that_could_not_be_loaded(self, scene: Scene) -> None:
        """What is there is no lack."""
        libraries = frozenset({"libno-such.so.1", "libc.so.6"})
        assert scene.judge(libraries_seen=libraries).lacks.libraries == ("libno-such.so.1",)

    def test_pure_wheel_of_native_sources_is_suspicious(self, scene: Scene) -> None:
        """A fallback, perhaps; with extension modules, or without sources, there is none."""
        assert scene.judge(is_pure=True).lacks.system is None
        scene.write("src/speedups.c")
        assert scene.judge(is_pure=True).lacks.system == "stamp"
        assert scene.judge(is_pure=False).lacks.system is None


@pytest.mark.parametrize("name", ["a.c", "src/deep/b.pyx", "c.rs", "lib/d.cpp", "e.f90"])
def test_native_sources(tmp_path: Path, name: str) -> None:
    """By their suffixes."""
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    assert has_native_sources(tmp_path)


@pytest.mark.parametrize("name", ["a.py", "b.h", "tests/c.c", "docs/d.rs", "Examples/e.c", "f.c.txt"])
def test_no_native_sources(tmp_path: Path, name: str) -> None:
    """Nothing that is built, or nothing to be built into the wheel."""
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    assert not has_native_sources(tmp_path)


def test_libraries_are_needs(tmp_path: Path) -> None:
    """Handed through."""
    assert Scene(tmp_path).judge(libraries=("libffi.so.8",)).needs.libraries == ("libffi.so.8",)
