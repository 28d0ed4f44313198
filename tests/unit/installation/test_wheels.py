"""A wheel out of its tree: as any installer would install it, and apart from the tree."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import os
import py_compile
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.installation.wheels import UninstallableWheelError, install_wheel
from tests.factories import make_wheel, sha256_hex

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store
    from pipcache_plugin.store.trees import Tree

DATA = "simple-1.0.data"

FILES: Mapping[str, str] = {
    "simple/__init__.py": "def main():\n    print('from simple')\n",
    "simple/data.txt": "data",
    f"{DATA}/scripts/simple-script": "#!python\nimport simple\nsimple.main()\n",
    f"{DATA}/scripts/shell-script": "#!/bin/sh\necho from a shell\n",
    f"{DATA}/data/share/simple.txt": "shared",
    f"{DATA}/headers/simple.h": "#define X\n",
    f"{DATA}/platlib/simple_platform.py": "X = 1\n",
}


class Site:
    """An environment to install into."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.library = root / "lib"
        self.scripts = root / "bin"
        self.schemes = {
            "purelib": str(self.library),
            "platlib": str(self.library),
            "scripts": str(self.scripts),
            "data": str(root),
            "headers": str(root / "include"),
        }

    def install(self, tree: Tree, bytecode: Tree | None = None) -> None:
        """Install."""
        install_wheel(tree, bytecode, self.schemes, sys.executable)

    @property
    def files(self) -> set[str]:
        """What there is, by POSIX path."""
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()}

    def run(self, *command: str) -> str:
        """Run a program that finds what is installed, and return what it says."""
        environ = {**os.environ, "PYTHONPATH": str(self.library), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.check_output(command, text=True, env=environ)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an empty environment."""
    return Site(tmp_path / "site")


def add(store: Store, wheel: Path) -> Tree:
    """Unpack a wheel into the store."""
    return store.trees.add(sha256_hex(wheel), wheel)


@pytest.fixture
def tree(store: Store, tmp_path: Path) -> Tree:
    """Return a wheel with a file in each scheme, and an entry point."""
    return add(store, make_wheel(tmp_path, files=FILES, entry_points={"simple-command": "simple:main"}))


@pytest.fixture
def bytecode(store: Store, tree: Tree) -> Tree:
    """Return the bytecode of the package's only module."""

    def make(folder: Path) -> None:
        (folder / "simple").mkdir()
        name = "simple/__init__.py"
        py_compile.compile(f"{tree.folder}/{name}", str(folder / name), name)

    return store.trees.add_bytecode(tree.folder.parent.name, "kind", make)


def test_each_file_goes_where_its_scheme_is(site: Site, tree: Tree) -> None:
    """Nothing else appears; headers have a folder for each distribution."""
    site.install(tree)
    dist_info = {f"lib/simple-1.0.dist-info/{name}" for name in ["METADATA", "WHEEL", "RECORD", "INSTALLER"]}
    assert site.files == {
        *("lib/simple/__init__.py", "lib/simple/data.txt", "lib/simple_platform.py"),
        *("bin/simple-script", "bin/shell-script", "bin/simple-command"),
        *("share/simple.txt", "include/simple/simple.h"),
        *dist_info,
        "lib/simple-1.0.dist-info/entry_points.txt",
    }
    assert (site.root / "share/simple.txt").read_text() == "shared"
    assert (site.library / "simple/data.txt").read_text() == "data"


@pytest.mark.parametrize("name", ["simple-script", "simple-command"])
def test_scripts_start_the_given_interpreter(site: Site, tree: Tree, name: str) -> None:
    """Those in the wheel and those made for entry points."""
    site.install(tree)
    assert (site.scripts / name).read_text().startswith(f"#!{sys.executable}\n")
    assert site.run(str(site.scripts / name)) == "from simple\n"


def test_other_scripts_stay_as_they_are(site: Site, tree: Tree) -> None:
    """They can be run, although the archive has no mode for that."""
    site.install(tree)
    assert site.run(str(site.scripts / "shell-script")) == "from a shell\n"


def test_record_tells_of_all_files(site: Site, tree: Tree) -> None:
    """With the size and the hash of what is there, but for its own."""
    site.install(tree)
    with (site.library / "simple-1.0.dist-info/RECORD").open(newline="") as file:
        rows = {str((site.library / path).resolve()): (digest, size) for path, digest, size in csv.reader(file)}
    assert {str((site.root / name).resolve()) for name in site.files} == set(rows)
    assert rows.pop(str(site.library / "simple-1.0.dist-info/RECORD")) == ("", "")
    for path, told in rows.items():
        data = Path(path).read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        assert told == (f"sha256={digest}", str(len(data)))


@pytest.mark.parametrize("mode", [0o755, 0o744, 0o644, 0o600])
def test_modes(site: Site, store: Store, tmp_path: Path, mode: int) -> None:
    """Executable is what the wheel says is; otherwise they are those of new files."""
    wheel = make_wheel(tmp_path, files={"simple.py": ""})
    with zipfile.ZipFile(wheel, "a") as archive:
        info = zipfile.ZipInfo("simple_tool")
        info.external_attr = (0o100000 | mode) << 16
        archive.writestr(info, "#!/bin/sh\n")
    before = os.umask(0o027)
    try:
        site.install(add(store, wheel))
    finally:
        os.umask(before)
    found = {name: (site.library / name).stat().st_mode & 0o777 for name in ["simple.py", "simple_tool"]}
    assert found == {"simple.py": 0o640, "simple_tool": 0o751 if mode & 0o111 else 0o640}


def test_bytecode_is_linked_and_right(site: Site, tree: Tree, bytecode: Tree) -> None:
    """Python takes it for that of the source; it is the store's own file."""
    site.install(tree, bytecode)
    source = str(site.library / "simple/__init__.py")
    placed = Path(importlib.util.cache_from_source(source))
    assert placed.samefile(bytecode.folder / "simple/__init__.py")
    environ = {**os.environ, "PYTHONPATH": str(site.library)}
    command = [sys.executable, "-v", "-c", "import simple"]
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stderr
    assert f"# code object from {str(placed)!r}" in said


def test_sources_without_bytecode_are_left_to_python(site: Site, tree: Tree, bytecode: Tree) -> None:
    """None at all, or one that is not as it was stored."""
    site.install(tree)
    assert not list(site.root.rglob("*.pyc"))
    (bytecode.folder / "simple/__init__.py").write_bytes(b"damaged")
    Site(site.root.with_name("other")).install(tree, bytecode)
    assert not list(site.root.with_name("other").rglob("*.pyc"))


def test_edit_does_not_reach_the_tree(site: Site, tree: Tree, bytecode: Tree) -> None:
    """Whatever a build does to a file of its environment, the next environment has the one of the wheel."""
    site.install(tree, bytecode)
    for path in site.root.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            with path.open("a") as file:
                file.write("edited")
    assert all(tree.locate(name) for name in tree.files)
    assert "edited" not in {text for name in tree.files for text in Path(tree.folder / name).read_text().split()}


def test_installed_again_over_itself(site: Site, tree: Tree, bytecode: Tree) -> None:
    """What is there is replaced, and never written into: somebody may have the bytecode."""
    site.install(tree, bytecode)
    content = (bytecode.folder / "simple/__init__.py").read_bytes()
    (site.scripts / "shell-script").write_text("edited")
    site.install(tree, bytecode)
    assert site.run(str(site.scripts / "shell-script")) == "from a shell\n"
    assert (bytecode.folder / "simple/__init__.py").read_bytes() == content


@pytest.mark.parametrize("kind", ["entry point", "script"])
def test_scripts_of_one_name(site: Site, store: Store, tmp_path: Path, tree: Tree, kind: str) -> None:
    """The later wheel's stays, as with pip."""
    name = "simple-command" if kind == "entry point" else "shell-script"
    files = {"other.py": "def main():\n    print('from other')\n"}
    if kind == "script":
        files["other-1.0.data/scripts/shell-script"] = "#!/bin/sh\necho from other\n"
    other = make_wheel(tmp_path, name="other", files=files, entry_points={"simple-command": "other:main"})
    site.install(tree)
    site.install(add(store, other))
    assert site.run(str(site.scripts / name)) == "from other\n"


@pytest.mark.parametrize("name", ["simple/data.txt", f"{DATA}/data/share/simple.txt", "simple-1.0.dist-info/RECORD"])
@pytest.mark.parametrize("damage", ["missing", "edited"])
def test_file_that_is_not_as_it_was_stored(site: Site, tree: Tree, name: str, damage: str) -> None:
    """It is not installed, and nobody takes the rest for installed."""
    path = tree.folder / name
    path.unlink()
    if damage == "edited":
        path.write_text("something else, and of another size")
    with pytest.raises(UninstallableWheelError, match="`simple-"):
        site.install(tree)
    assert not list(site.root.rglob("*.dist-info"))


@pytest.mark.parametrize(
    "broken",
    [
        {"has_record": False},
        {"has_second_dist_info": True},
        {"wheel_format": "2.0"},
        {"entry_points": {"../outside": "simple:main"}},
    ],
)
def test_wheel_that_is_none(site: Site, store: Store, tmp_path: Path, broken: dict[str, object]) -> None:
    """What is wrong with it is another's to say."""
    tree = add(store, make_wheel(tmp_path / "built", **broken))  # type: ignore[arg-type]
    with pytest.raises(UninstallableWheelError, match="`simple-"):
        site.install(tree)
    assert not list(site.root.rglob("*.dist-info"))
    assert not (site.root / "outside").exists()
