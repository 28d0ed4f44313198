"""Shared libraries that wheels need."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipcache_plugin.machine import libraries
from pipcache_plugin.machine.libraries import collect_needed, has_library
from tests.factories import make_wheel

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ELF only")


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    """Forget what was found before and after."""
    for _ in range(2):
        has_library.cache_clear()
        libraries._folders.cache_clear()
        if _ == 0:
            yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that the loader looks into."""
    path = tmp_path / "lib"
    path.mkdir()
    monkeypatch.setenv("LD_LIBRARY_PATH", f":{path}")
    return path


def compile_library(path: Path, *needed: Path) -> Path:
    """Compile a shared library that needs others, with gcc."""
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("there is no gcc")
    path.parent.mkdir(parents=True, exist_ok=True)
    source = path.with_suffix(".c")
    source.write_text("int pipcache_nothing;\n")
    links = ["-Wl,--no-as-needed", *map(str, needed)]
    subprocess.run(
        [gcc, "-shared", "-fPIC", f"-Wl,-soname,{path.name}", "-o", path, source, *links], check=True, timeout=60
    )
    return path


def pack(folder: Path, *modules: tuple[str, Path]) -> Path:
    """Return a wheel with these files in it."""
    wheel = make_wheel(folder, tags="cp312-cp312-linux_x86_64")
    with zipfile.ZipFile(wheel, "a") as archive:
        for name, path in modules:
            archive.write(path, name)
    return wheel


class TestHasLibrary:
    """``has_library``."""

    def test_configured_folders(self, folder: Path) -> None:
        """Of the variable, and the system's."""
        (folder / "libmine.so.1").touch()
        assert has_library("libmine.so.1")
        assert not has_library("libmine.so.2")

    def test_c_library_is_somewhere(self) -> None:
        """Else nothing would run."""
        assert has_library("libc.so.6") or list(Path("/lib").glob("ld-musl-*"))

    def test_included_configuration(self, tmp_path: Path) -> None:
        """Comments, patterns and includes are read."""
        main, more = tmp_path / "ld.so.conf", tmp_path / "ld.so.conf.d"
        more.mkdir()
        (more / "one.conf").write_text("/one # a comment\n/two\n")
        main.write_text("# nothing\ninclude ld.so.conf.d/*.conf\ninclude lacking.conf\n/three\n")
        assert list(libraries._iter_configured(main)) == ["/one", "/two", "/three"]
        assert list(libraries._iter_configured(tmp_path / "lacking")) == []


class TestCollectNeeded:
    """``collect_needed``."""

    @pytest.fixture(autouse=True)
    def _reader(self) -> None:
        pytest.importorskip("elftools")

    def test_pure_wheel_needs_nothing(self, tmp_path: Path) -> None:
        """There is nothing to load."""
        assert collect_needed(make_wheel(tmp_path)) == ()

    def test_named_and_there(self, folder: Path, tmp_path: Path) -> None:
        """What the module names; the C library is in the build key."""
        mine = compile_library(folder / "libmine.so.1")
        module = compile_library(tmp_path / "built" / "ext.so", mine)
        assert collect_needed(pack(tmp_path, ("simple/ext.cpython-312-x86_64-linux-gnu.so", module))) == (
            "libmine.so.1",
        )

    def test_brought_along(self, folder: Path, tmp_path: Path) -> None:
        """A repaired wheel has its libraries in a folder of its own; theirs count too."""
        deep = compile_library(folder / "libdeep.so.1")
        mine = compile_library(folder / "libmine.so.1", deep)
        module = compile_library(tmp_path / "built" / "ext.so", mine)
        wheel = pack(tmp_path, ("simple/ext.so", module), ("simple.libs/libmine.so.1", mine))
        assert collect_needed(wheel) == ("libdeep.so.1",)

    def test_named_and_not_there(self, tmp_path: Path) -> None:
        """Another distribution brings it, at run time: torch does."""
        mine = compile_library(tmp_path / "elsewhere" / "libtorchlike.so")
        module = compile_library(tmp_path / "built" / "ext.so", mine)
        assert collect_needed(pack(tmp_path, ("simple/ext.so", module))) == ()

    def test_what_is_no_elf_file_needs_nothing(self, tmp_path: Path) -> None:
        """A linker script, a file of another system, an empty one."""
        for number, data in enumerate([b"", b"INPUT(-lfoo)", b"\x7fELF", b"\xcf\xfa\xed\xfe" + bytes(100)]):
            path = tmp_path / f"{number}.so"
            path.write_bytes(data)
            assert collect_needed(pack(tmp_path / str(number), ("simple/ext.so", path))) == ()

    def test_damaged_elf_file_needs_nothing(self, folder: Path, tmp_path: Path) -> None:
        """Whether it can be loaded is not ours to say."""
        module = compile_library(tmp_path / "built" / "ext.so", compile_library(folder / "libmine.so.1"))
        data = module.read_bytes()
        for size in (64, len(data) // 2, len(data) - 10):
            module.write_bytes(data[:size])
            assert collect_needed(pack(tmp_path / str(size), ("simple/ext.so", module))) == ()

    def test_no_wheel_is_an_error(self, tmp_path: Path) -> None:
        """The caller has verified it."""
        (tmp_path / "x.whl").write_bytes(b"no archive")
        with pytest.raises(zipfile.BadZipFile):
            collect_needed(tmp_path / "x.whl")
