"""Which programs have made a wheel, and what they are."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from pipcache_plugin.building.circumstances import Circumstances
from pipcache_plugin.building.started import collect_started
from pipcache_plugin.keys.conditions import Choices, Conditions


class Scene:
    """A machine with programs on ``PATH`` and elsewhere, a source tree and a build environment."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin, self.opt, self.tree, self.environment = (root / name for name in ("bin", "opt", "tree", "env"))
        self.tree.mkdir()
        self.environ = {"PATH": str(self.bin)}
        self.began_ns: int | None = None
        self.is_isolated = True
        self.earlier: Mapping[str, str | None] | None = None

    def put(self, path: Path, text: str = "program") -> str:
        """Write a program and return its path."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def collect(
        self,
        *programs: str,
        sought: Collection[str] = (),
        secrets: Collection[str] = (),
        may_have_compiled: bool = False,
    ) -> Mapping[str, str | None]:
        """Collect what a build has started."""
        earlier = None if self.earlier is None else Conditions(choices=Choices(started=self.earlier))
        around = Circumstances(
            tree=self.tree,
            environ=self.environ,
            root=self.environment if self.is_isolated else None,
            used={},
            constraints={},
            built_against={},
            collect_installed=dict,
            lacking_modules=(),
            git_tags=None,
            began_ns=time.time_ns() if self.began_ns is None else self.began_ns,
            system_before="",
            stamp_system=lambda _searched: "",
            earlier=earlier,
        )
        return collect_started(around, programs, sought, secrets, may_have_compiled=may_have_compiled)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Return a scene without programs."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    return Scene(tmp_path)


def digest_of(text: str) -> str:
    """Return the digest of a program with this content."""
    return hashlib.sha256(text.encode()).hexdigest()


CC = digest_of("cc")


class TestNames:
    """What a program is found by."""

    def test_name_on_the_path(self, scene: Scene) -> None:
        """Also where it was started by its path, or through another folder."""
        (scene.root / "usr").symlink_to(scene.root)
        cc = scene.put(scene.bin / "cc", "cc")
        assert scene.collect(cc, str(scene.root / "usr" / "bin" / "cc")) == {"cc": CC}

    def test_path_of_what_is_elsewhere(self, scene: Scene) -> None:
        """Or of what is hidden by another one of its name."""
        scene.put(scene.bin / "cc", "other")
        cc, nvcc = scene.put(scene.opt / "cc", "cc"), scene.put(scene.opt / "nvcc", "nvcc")
        assert scene.collect(cc, nvcc) == {cc: CC, nvcc: digest_of("nvcc")}

    def test_without_a_path(self, scene: Scene) -> None:
        """Nothing is on it."""
        scene.environ["PATH"] = ""
        cc = scene.put(scene.bin / "cc", "cc")
        assert scene.collect(cc) == {cc: CC}

    def test_what_is_the_build_own(self, scene: Scene) -> None:
        """Of the build environment, of the source tree, made by the build, or looked for from where it ran."""
        folders = [scene.environment / "bin", scene.tree, scene.tree / "build", scene.root / "tmp"]
        for folder in [scene.environment, *folders]:
            folder.mkdir(exist_ok=True)
        programs = [scene.put(folder / "tool") for folder in folders]
        assert scene.collect(*programs, "./configure", "tools/gen") == {}

    def test_what_is_the_build_own_through_a_link(self, scene: Scene) -> None:
        """Folders for temporary files are links here and there."""
        real = scene.root / "real"
        scene.tree.rename(real)
        scene.tree.symlink_to(real)
        assert scene.collect(scene.put(real / "tool")) == {}

    def test_temporary_folder_that_is_on_the_path(self, scene: Scene) -> None:
        """What is in it was not made by the build."""
        scene.bin = scene.root / "tmp"
        scene.environ["PATH"] = str(scene.bin)
        assert set(scene.collect(scene.put(scene.bin / "cc"))) == {"cc"}

    def test_own_environment(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without isolation, that is the build environment; the system's has the system's programs."""
        scene.environment = scene.bin
        cc = scene.put(scene.bin / "cc", "cc")
        monkeypatch.setattr(sys, "prefix", str(scene.bin))
        assert scene.collect(cc) == {}
        scene.environment = scene.root / "env"
        assert scene.collect(cc) == {"cc": CC}
        scene.is_isolated = False
        assert scene.collect(cc) == {}
        monkeypatch.setattr(sys, "base_prefix", str(scene.bin))
        assert scene.collect(cc) == {"cc": CC}

    def test_launcher_is_nothing(self, scene: Scene) -> None:
        """The compiler that it is told to start counts."""
        assert scene.collect(scene.put(scene.bin / "ccache")) == {}

    def test_secret_is_not_told(self, scene: Scene) -> None:
        """That there was one is."""
        programs = [scene.put(scene.bin / name) for name in ("cc", "my-secret-cc")]
        found = scene.collect(*programs, sought=["my-secret-cc"], secrets=["secret"])
        assert found == {"": None, "cc": digest_of("program")}


class TestIdentities:
    """What a program is."""

    def test_what_is_gone_is_unknown(self, scene: Scene) -> None:
        """It ran, and nobody can tell any more what it was."""
        assert scene.collect(str(scene.opt / "cc")) == {str(scene.opt / "cc"): None}

    def test_what_has_come_meanwhile_is_unknown(self, scene: Scene) -> None:
        """It may have been another one when it ran."""
        scene.began_ns = time.time_ns() - 10**10
        assert scene.collect(scene.put(scene.bin / "cc")) == {"cc": None}

    @pytest.mark.parametrize(
        ("earlier", "now"),
        [
            ({}, {"cc": CC}),
            ({"cc": CC}, {"cc": CC}),
            ({"cc": digest_of("other")}, {"cc": None}),
            ({"cc": None}, {"cc": None}),
            ({"ld": CC, "as": None}, {"cc": CC, "ld": CC, "as": None}),
            ({"": None}, {"cc": CC, "": None}),
        ],
    )
    def test_programs_of_the_metadata_stay(
        self, scene: Scene, earlier: Mapping[str, str | None], now: Mapping[str, str | None]
    ) -> None:
        """They ran in another run; two of one name are nobody's."""
        scene.earlier = earlier
        assert scene.collect(scene.put(scene.bin / "cc", "cc")) == now

    def test_unknown_program_and_known_one_of_the_metadata(self, scene: Scene) -> None:
        """Are unknown."""
        cc = str(scene.opt / "cc")
        scene.earlier = {cc: CC}
        assert scene.collect(cc) == {cc: None}


class TestUnseen:
    """What other programs may have started."""

    def test_what_a_shell_ran(self, scene: Scene) -> None:
        """If it is there; not what a shell does itself."""
        for name in ("cc", "echo"):
            scene.put(scene.bin / name, "cc")
        assert scene.collect(sought=["cc", "lacking", "echo"]) == {"cc": CC}

    def test_usual_compilers(self, scene: Scene) -> None:
        """Those that are there, if something was compiled."""
        for name in ("cc", "g++", "gfortran", "rustc", "other"):
            scene.put(scene.bin / name, "cc")
        assert scene.collect() == {}
        assert scene.collect(may_have_compiled=True) == {"cc": CC, "g++": CC}

    @pytest.mark.parametrize(
        ("file", "names"),
        [("src/lib.rs", {"cargo", "rustc"}), ("x.f90", {"gfortran"}), ("X.F", {"gfortran"}), ("k.cu", {"nvcc"})],
    )
    def test_compilers_of_other_languages(self, scene: Scene, file: str, names: set[str]) -> None:
        """If the source has files of them."""
        for name in ("cargo", "rustc", "gfortran", "nvcc", "go"):
            scene.put(scene.bin / name)
        (scene.tree / file).parent.mkdir(exist_ok=True)
        (scene.tree / file).touch()
        assert set(scene.collect(may_have_compiled=True)) == names

    @pytest.mark.parametrize(
        ("variable", "value", "names"),
        [
            ("CC", "clang-19", {"clang-19"}),
            ("CXX", "clang-19 -m64", {"clang-19"}),
            ("CC", "ccache clang-19", {"clang-19"}),
            ("CC", "ccache", set()),
            ("CC", "'clang-19", set()),
            ("CC", "", set()),
            ("CC", "clang-20 clang-19", set()),
            ("CFLAGS", "clang-19", set()),
        ],
    )
    def test_compilers_that_variables_name(self, scene: Scene, variable: str, value: str, names: set[str]) -> None:
        """The first word, but for a launcher."""
        scene.put(scene.bin / "clang-19")
        scene.put(scene.bin / "ccache")
        scene.environ[variable] = value
        assert set(scene.collect(may_have_compiled=True)) == names

    def test_compiler_that_a_variable_names_by_its_path(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """As if it had been seen; not one that depends on the folder."""
        monkeypatch.chdir(scene.root)
        scene.environ |= {"CC": scene.put(scene.opt / "cc", "cc"), "CXX": os.path.relpath(scene.put(scene.opt / "c++"))}
        assert scene.collect(may_have_compiled=True) == {str(scene.opt / "cc"): CC}
