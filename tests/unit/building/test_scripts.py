"""The files of a source: what there is to compile, and what a build has run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pipcache_plugin.building.scripts import iter_build_scripts, weigh_native_sources


def write(tree: Path, files: Mapping[str, str | int]) -> Path:
    """Write texts, or so many bytes."""
    for name, content in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x" * content if isinstance(content, int) else content)
    return tree


class TestWeighNativeSources:
    """``weigh_native_sources``."""

    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            ({}, 0),
            ({"setup.py": 1000, "README.md": 1000, "include/a.h": 1000}, 0),
            ({"a.c": 10}, 10),
            ({"a.c": 10, "deep/er/b.cpp": 20, "c.rs": 3}, 33),
            ({"a.pyx": 10}, 200),
            ({"a.pyx": 10, "a.pxd": 1000}, 200),
            ({"a.c": 0}, 0),
            ({"tests/a.c": 10, "Docs/b.c": 10, "src/examples/c.c": 10, "src/d.c": 1}, 1),
        ],
    )
    def test_bytes_to_compile(self, tmp_path: Path, files: dict[str, str | int], expected: int) -> None:
        """Of what is compiled into the wheel; Cython makes more of it."""
        assert weigh_native_sources(write(tmp_path, files)) == expected

    def test_file_that_is_no_file(self, tmp_path: Path) -> None:
        """A link to nowhere weighs nothing."""
        (tmp_path / "a.c").symlink_to(tmp_path / "missing")
        write(tmp_path, {"b.c": 5})
        assert weigh_native_sources(tmp_path) == 5

    def test_tree_that_is_not_there(self, tmp_path: Path) -> None:
        """It is a guess, and no reason to fail."""
        assert weigh_native_sources(tmp_path / "missing") == 0


class TestIterBuildScripts:
    """``iter_build_scripts``."""

    TREE: Mapping[str, str] = {
        "Makefile": "all: ; sh build/one.sh\n",
        "build/one.sh": "./two.sh $CFLAGS\n",
        "build/two.sh": "echo two\n",
        "build/three.sh": "echo three\n",
        "one.c": "int x;\n",
        "CMakeLists.txt": "project(x)\n",
    }

    @pytest.mark.parametrize(
        ("programs", "commands", "expected"),
        [
            ([], [], []),
            (["gcc"], ["gcc -c one.c"], []),
            (["sh"], ["sh build/two.sh"], ["build/two.sh"]),
            (["sh"], ["sh build/one.sh"], ["build/one.sh", "build/two.sh"]),
            (["make"], [], ["Makefile", "build/one.sh", "build/two.sh"]),
            (["cmake"], ["cmake .."], ["CMakeLists.txt"]),
        ],
    )
    def test_scripts_and_what_they_run(
        self, tmp_path: Path, programs: list[str], commands: list[str], expected: list[str]
    ) -> None:
        """What a program reads of its own accord, what was on a command line, and what those name in turn."""
        write(tmp_path, self.TREE)
        assert sorted(iter_build_scripts(tmp_path, programs, commands)) == sorted(self.TREE[name] for name in expected)

    @pytest.mark.parametrize("content", [b"binary\0", b"x" * ((1 << 20) + 1)])
    def test_what_is_no_script(self, tmp_path: Path, content: bytes) -> None:
        """A program, or a file larger than any script."""
        (tmp_path / "tool").write_bytes(content)
        assert list(iter_build_scripts(tmp_path, [], ["./tool"])) == []

    def test_scripts_that_name_each_other(self, tmp_path: Path) -> None:
        """Each is read once."""
        write(tmp_path, {"a.sh": "./b.sh", "b.sh": "./a.sh"})
        assert list(iter_build_scripts(tmp_path, [], ["./a.sh"])) == ["./b.sh", "./a.sh"]
