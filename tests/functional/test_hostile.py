"""Wheels and sdists that are hostile, broken or odd: all happens as with stock pip, and nothing wrong is kept.

What pip installs is installed by one command, each distribution under a name of its own. All there is in a box is
compared, and the environment is deep in it: whatever was written beside the environment would be seen.
"""

from __future__ import annotations

import io
import itertools
import json
import shutil
import stat
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipcache_plugin.management.verifying import find_problems
from pipcache_plugin.store.store import Store
from tests.factories import PLAIN_BACKEND, Backend, make_sdist, make_source_tree, make_wheel, pack_tree, patch_member
from tests.functional.commands import ONE_BUILD, Commands, Result, create_environment
from tests.functional.forked import ForkedCommands

pytestmark = pytest.mark.thorough

WITH_PKG_RESOURCES = sys.version_info < (3, 11)
"""Whether pip reads metadata with ``pkg_resources``: that wants other things of them."""

MakeWheel = Callable[[Path, str], Path]
"""Write a wheel of this name into a folder."""

MakeSdist = Callable[[Path, str], Path]
"""The same for an sdist."""

GIB = 1 << 30


class Side:
    """A user, and boxes that are installed into."""

    def __init__(self, commands: Commands) -> None:
        """Start what runs the commands."""
        self.commands = commands
        self._forked = ForkedCommands(commands)
        self._numbers = itertools.count()
        self.stop = self._forked.stop

    def install(self, *args: str | Path) -> Outcome:
        """Install into an environment in a new box."""
        box = self.commands.root / f"box{next(self._numbers):02}"
        prefix = box / "a" / "b" / "c" / "prefix"
        prefix.parent.mkdir(parents=True)
        options: list[str | Path] = ["--prefix", prefix, "--no-deps", "--no-index", "--ignore-installed"]
        return Outcome(result=self._forked("install", *options, *args), box=box, prefix=prefix)

    def clear(self) -> None:
        """Remove what hostile backends have left in the temporary folder."""
        shutil.rmtree(self.commands.temporary)
        self.commands.temporary.mkdir()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of an installation."""

    result: Result
    box: Path
    prefix: Path

    @property
    def told(self) -> tuple[int, dict[str, tuple[str, str]]]:
        """The exit status; mode and content of all files in the box, of bytecode that it is there."""
        files = {}
        for path in sorted(self.box.rglob("*")):
            if not path.is_dir() or path.is_symlink():
                mode = oct(path.lstat().st_mode)
                text = "" if path.suffix == ".pyc" else path.read_text(encoding="utf-8", errors="surrogateescape")
                files[str(path.relative_to(self.box))] = (mode, text.replace(str(self.box), "<box>"))
        return self.result.returncode, files

    @property
    def names(self) -> set[str]:
        """Files in ``site-packages``."""
        (library,) = self.prefix.glob("lib/python*/site-packages")
        return {str(path.relative_to(library)) for path in library.rglob("*") if path.is_file()}


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Stock pip and us."""

    pip: Side
    ours: Side

    @property
    def store(self) -> Store:
        """What we keep."""
        return Store(self.ours.commands.store)

    def compare(self, *args: str | Path, times: int = 1) -> Outcome:
        """Install on both sides, on ours so many *times*; return pip's outcome, which is all of ours as well."""
        theirs = self.pip.install(*args)
        for _ in range(times):
            ours = self.ours.install(*args)
            assert ours.told == theirs.told, f"{theirs.result.output}\n{ours.result.output}"
            assert _own_warnings(ours.result) == []
        self.check_store()
        return theirs

    def check_store(self) -> None:
        """All that is kept is as it was stored, and nothing but what a store has is in it."""
        assert list(find_problems(self.store)) == []
        assert list(self.store.root.rglob("*evil*")) == []
        for path in self.store.root.rglob("*"):
            assert stat.S_IFMT(path.lstat().st_mode) in {stat.S_IFREG, stat.S_IFDIR}
            assert path.lstat().st_mode & 0o6000 == 0


def _own_warnings(result: Result) -> list[str]:
    return [line for line in result.stderr.splitlines() if "WARNING" in line and "pipcache" in line]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    """Return both, for all tests here."""
    folder = tmp_path_factory.mktemp("hostile")
    pip = Side(Commands(root=folder / "pips", module="pip"))
    ours = Side(Commands(root=folder / "ours", module="pipcache_plugin"))
    yield Sides(pip=pip, ours=ours)
    pip.stop()
    ours.stop()


def member(path: str, mode: int = 0o644) -> MakeWheel:
    """Return a maker of wheels with one odd file, listed in RECORD as it should be."""

    def make(folder: Path, name: str) -> Path:
        odd = path.replace("NAME", name)
        return make_wheel(folder, name=name, files={f"{name}.py": "", odd: "content\n"}, modes={odd: mode})

    return make


def changed(**changes: object) -> MakeWheel:
    """Return a maker of wheels that are otherwise than they should be; see ``make_wheel``."""

    def make(folder: Path, name: str) -> Path:
        return make_wheel(folder, name=name, **changes)  # type: ignore[arg-type]

    return make


def lying(**fields: int) -> MakeWheel:
    """Return a maker of wheels whose archive lies about the module; see ``patch_member``."""

    def make(folder: Path, name: str) -> Path:
        return patch_member(make_wheel(folder, name=name), f"{name}.py", **fields)

    return make


def lying_record(path: str) -> MakeWheel:
    """Return a maker of wheels with a wrong digest in RECORD."""
    return lambda folder, name: make_wheel(folder, name=name, record_lies_about=path.replace("NAME", name))


def declaring_less(folder: Path, name: str) -> Path:
    """Write a wheel with a file that is much longer than the archive says."""
    text = "0" * (8 << 20)
    wheel = make_wheel(folder, name=name, files={f"{name}.txt": text})
    return patch_member(wheel, f"{name}.txt", size_bytes=10, crc32=zlib.crc32(text[:10].encode()))


def twice(second: str) -> MakeWheel:
    """Return a maker of wheels with two files of one name."""

    def make(folder: Path, name: str) -> Path:
        return make_wheel(folder, name=name, files={f"{name}.py": "A = 1\n"}, extra_members=[(f"{name}.py", second)])

    return make


INSTALLED: dict[str, MakeWheel] = {
    "newline": member("NAME/new\nline.py"),
    "tab": member("NAME/tab\there"),
    "escape": member("NAME/\x1b[31mred.py"),
    "emoji": member("NAME/\U0001f40d.py"),
    "rtl": member("NAME/rtl\u202egnp.py"),
    "nel": member("NAME/next\x85line\u2028.py"),
    "quotes": member("NAME/co\"mm'a,.py"),
    "longest": member("NAME/" + "x" * 255),
    "dots": member("NAME/dots."),
    "spaces": member("NAME/spaces "),
    "reserved": member("NAME/CON"),
    "device": member("NAME/aux.py"),
    "backslash": member("NAME/a\\..\\..\\b"),
    "drive": member("NAME/C:/x"),
    "deep": member("NAME/" + "/".join(["d"] * 120)),
    "case": lambda folder, name: make_wheel(
        folder, name=name, files={f"{name}/a.py": "A = 1\n", f"{name}/A.py": "A = 2\n"}
    ),
    "twice": twice("A = 2\n"),
    "twice_the_same": twice("A = 1\n"),
    "symlink": member("NAME/link", stat.S_IFLNK | 0o777),
    "character": member("NAME/tty", stat.S_IFCHR | 0o666),
    "fifo": member("NAME/fifo", stat.S_IFIFO | 0o666),
    "setuid": member("NAME/tool", stat.S_IFREG | 0o6755),
    "modeless": member("NAME/tool", 0),
    "digest": lying_record("NAME.py"),
    "absent": changed(record_adds="absent.py"),
    "outside": changed(record_adds="../../../evil"),
    "unlisted": changed(extra_members={"unlisted_data.txt": "x"}),
    "table": changed(record_adds_text='a"b"c,"\n"x"y,,,\n,,,,,,\n"open\n'),
    "tags": changed(wheel_tags=["cp27-cp27m-win32"]),
    "bomb": lying(size_bytes=GIB + 1),
    "declares_less": declaring_less,
    "nonsense": lambda folder, name: make_wheel(
        folder, name=name, files={f"{name}-1.0.dist-info/entry_points.txt": "nonsense\n[[[\n"}
    ),
    "subfolder": changed(entry_points={"sub/script": "simple:main"}),
    "My.Odd_name-X": lambda folder, name: make_wheel(folder, name=name, version="1!2.0+a.b"),
    "build_tag": changed(tags="7abc-py3-none-any", wheel_tags=["py3-none-any"]),
}
"""What pip installs, by the name of the project: of the odd, all there is; of the wrong, what nobody looks at."""

if WITH_PKG_RESOURCES:
    del INSTALLED["nonsense"]

NOT_UNPACKED = {
    "dots",
    "spaces",
    "reserved",
    "device",
    "backslash",
    "drive",
    "deep",
    "case",
    "twice",
    "twice_the_same",
    "bomb",
}
"""Those of which the store keeps no files."""


def test_wheels_that_pip_installs(sides: Sides, tmp_path: Path) -> None:
    """Cold and warm, every file as pip has it; in the store are the files of those that every system can have."""
    wheels = [make(tmp_path, name) for name, make in INSTALLED.items()]
    outcome = sides.compare(*wheels, times=2)
    assert outcome.result.returncode == 0, outcome.result.output
    assert {"newline/new\nline.py", "drive/C:/x", "case/A.py", "spaces/spaces "} <= outcome.names
    kept = {tree.wheel for tree in sides.store.trees}
    assert kept.isdisjoint(wheel.name for name, wheel in zip(INSTALLED, wheels, strict=True) if name in NOT_UNPACKED)
    assert kept >= {wheel.name for name, wheel in zip(INSTALLED, wheels, strict=True) if name not in NOT_UNPACKED}


REFUSED: dict[str, MakeWheel] = {
    "up": member("NAME/../../evil"),
    "absolute": lambda folder, name: member(str(folder.parent / "evil"))(folder, name),
    "up-from-data": member("NAME-1.0.data/purelib/../../../../evil"),
    "no-scheme": member("NAME-1.0.data/nonsense/x"),
    "file-and-folder": lambda folder, name: make_wheel(
        folder, name=name, files={"link": "../../../..", "link/evil": ""}, modes={"link": stat.S_IFLNK | 0o777}
    ),
    "too-long": member("x" * 256),
    "encrypted": lying(flags=1),
    "checksum": lying(crc32=1),
    "cut-file": lying(size_bytes=3),
    "no-record": changed(has_record=False),
    "other-name": changed(metadata_name="other"),
    "no-metadata": changed(has_metadata=False),
    "two-dist-infos": changed(has_second_dist_info=True),
    "script-up": changed(entry_points={"../../evil": "simple:main"}),
    "script-that-injects": changed(entry_points={"x": "simple:main()\nimport os"}),
}
"""What pip refuses, before it has written anything or on the way."""

if WITH_PKG_RESOURCES:
    del REFUSED["other-name"]


@pytest.mark.parametrize("case", REFUSED)
def test_wheel_that_pip_refuses(sides: Sides, tmp_path: Path, case: str) -> None:
    """The same files are there afterwards, which are few, and nothing outside of the environment."""
    wheel = REFUSED[case](tmp_path / "wheels", "simple")
    outcome = sides.compare(wheel)
    assert outcome.result.returncode != 0
    assert not [name for name in outcome.told[1] if "evil" in name]
    assert list(tmp_path.rglob("evil")) == []


def write_sdist(
    folder: Path,
    name: str,
    edits: Mapping[str, str] | None = None,
    *,
    backend: Backend = PLAIN_BACKEND,
    build_requires: Sequence[str] = (),
    product: Path | None = None,
    pkg_info: str = "",
    extra: Sequence[tuple[tarfile.TarInfo, bytes]] = (),
) -> Path:
    """Write an sdist.

    :param edits: parts of the backend's text that are replaced.
    :param product: a wheel that ``build_wheel`` gives out as its own.
    :param pkg_info: of the sdist.
    """
    root = make_source_tree(folder / "tree", name=name, backend=backend, build_requires=build_requires)
    if product is not None:
        (root / "product").write_bytes(product.read_bytes())
        copied = f'Path(wheel_directory, {product.name!r}).write_bytes((SOURCE.parent / "product").read_bytes())'
        edits = {RETURNS_WHEEL: f"    {copied}\n    return {product.name!r}\n"}
    module = root / "_backend" / "tiny_backend.py"
    text = module.read_text()
    for old, new in (edits or {}).items():
        assert old in text
        text = text.replace(old, new, 1)
    module.write_text(text)
    if pkg_info:
        (root / "PKG-INFO").write_text(pkg_info)
    sdist = pack_tree(root, folder / f"{root.name}.tar.gz", extra)
    shutil.rmtree(folder / "tree")
    return sdist


RETURNS_WHEEL = "    return write_wheel(wheel_directory, files)\n"

RETURNS_METADATA = "    return DIST_INFO\n"

BEGINS_WHEEL = '    begin("build_wheel")\n'


def ending(statements: str, end: str = RETURNS_WHEEL) -> MakeSdist:
    """Return a maker of sdists whose ``build_wheel``, by default, ends otherwise; ``name`` is what it has written."""
    first = "    name = write_wheel(wheel_directory, files)\n" if end == RETURNS_WHEEL else ""
    body = "".join(f"    {line}\n" for line in ["import shutil, tempfile", *statements.splitlines()])
    return lambda folder, name: write_sdist(folder, name, {end: first + body})


def beginning(statements: str) -> MakeSdist:
    """Return a maker of sdists whose ``build_wheel`` does something else first."""
    return lambda folder, name: write_sdist(folder, name, {BEGINS_WHEEL: f"{BEGINS_WHEEL}    {statements}\n"})


def packed(
    path: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644, data: bytes = b""
) -> MakeSdist:
    """Return a maker of sdists with one more member in the tar file."""

    def make(folder: Path, name: str) -> Path:
        info = tarfile.TarInfo(path.replace("NAME", f"{name}-1.0"))
        info.type, info.linkname, info.mode = kind, target.replace("NAME", f"{name}-1.0"), mode
        return write_sdist(folder, name, extra=[(info, data)])

    return make


def producing(make: MakeWheel, *, has_prepare: bool = True) -> MakeSdist:
    """Return a maker of sdists from which such a wheel is built."""

    def make_from(folder: Path, name: str) -> Path:
        product = make(folder / "product", name)
        return write_sdist(folder, name, product=product, backend=Backend(has_prepare=has_prepare))

    return make_from


def without_folder(folder: Path, name: str) -> Path:
    """Write an sdist whose files are in no folder."""
    sdist = write_sdist(folder, name)
    with tarfile.open(sdist) as archive:
        members = [(info, archive.extractfile(info)) for info in archive.getmembers()]
        contents = [(info, file.read()) for info, file in members if file is not None]
    with tarfile.open(sdist, "w:gz") as archive:
        for info, data in contents:
            info.name = info.name.partition("/")[2]
            archive.addfile(info, io.BytesIO(data))
    return sdist


BUILT: dict[str, MakeSdist] = {
    "link_inside": packed("NAME/link", tarfile.SYMTYPE, "src"),
    "odd_name": packed("NAME/odd\n\t\x1b\u202e"),
    "folderless": without_folder,
    "large": packed("NAME/zeros", data=bytes(50_000_000)),
    "other_pkg_info": lambda folder, name: write_sdist(
        folder, name, pkg_info="Metadata-Version: 2.1\nName: other\nVersion: 9.9\n"
    ),
    "returns_up": ending(
        "shutil.move(f'{wheel_directory}/{name}', f'{wheel_directory}/../{name}')\nreturn f'../{name}'"
    ),
    "returns_absolute": ending(
        "return shutil.move(f'{wheel_directory}/{name}', os.path.join(tempfile.mkdtemp(), name))"
    ),
    "two_wheels": ending("PROJECT['module'] = 'evil'\nwrite_wheel(wheel_directory, files)\nreturn name"),
    "other_folder": ending(
        "os.rename(f'{metadata_directory}/{DIST_INFO}', f'{metadata_directory}/x')\nreturn 'x'", RETURNS_METADATA
    ),
    "links_in_metadata": ending(
        "folder = f'{metadata_directory}/{DIST_INFO}'\nos.symlink('/', f'{folder}/root')\nos.mkfifo(f'{folder}/fifo')\n"
        "return DIST_INFO",
        RETURNS_METADATA,
    ),
    "large_metadata": ending(
        "with open(f'{metadata_directory}/{DIST_INFO}/large', 'wb') as file:\n    file.truncate(100 << 20)\n"
        "return DIST_INFO",
        RETURNS_METADATA,
    ),
    "edits_metadata": beginning("Path(metadata_directory, 'METADATA').write_text('Name: evil\\nVersion: 6.6\\n')"),
    "deletes_metadata": beginning("__import__('shutil').rmtree(metadata_directory)"),
    "other_requirements": beginning("PROJECT['requires_dist'] = ['evil']"),
    "odd_files": producing(
        lambda folder, name: make_wheel(folder, name=name, files={f"{name}/new\nline.py": "", f"{name}/next\x85": ""})
    ),
    "My.Odd-sdist_X": write_sdist,
    **{f"made_{name}": producing(INSTALLED[name]) for name in ["digest", "absent", "table", "twice"]},
    "made_bomb": producing(INSTALLED["bomb"], has_prepare=False),
}
"""Sdists that pip builds and installs, by the name of the project."""

if WITH_PKG_RESOURCES:
    del BUILT["other_folder"]

NOT_STORED = {
    "other_requirements",
    "made_digest",
    "made_absent",
    "made_table",
    "made_twice",
    "made_bomb",
}
"""Those whose wheels are not what they say they are: built each time."""


def test_sdists_that_pip_installs(sides: Sides, tmp_path: Path) -> None:
    """The same is installed, also from the store; what contradicts itself is not in it."""
    before = len(sides.ours.commands.wheels)
    for name, make in BUILT.items():
        make(tmp_path, name)
    outcome = sides.compare("--find-links", tmp_path, *BUILT, times=2)
    assert outcome.result.returncode == 0, outcome.result.output
    stored = {wheel.name.partition("-")[0] for wheel in sides.ours.commands.wheels[before:]}
    assert stored == {name for name in BUILT if name not in NOT_STORED} - {"My.Odd-sdist_X"} | {"my_odd_sdist_x"}
    built = sides.ours.commands.take_calls()["build_wheel"]
    # Metadata are not taken from a bomb either: pip, to whom they are left, builds it once more, both times.
    assert built == len(BUILT) + len(NOT_STORED) + 2
    for side in [sides.pip, sides.ours]:
        side.clear()


FAILING: dict[str, MakeSdist] = {
    "up": packed("../evil"),
    "link-out": packed("NAME/link", tarfile.SYMTYPE, "../../.."),
    "hard-link-out": packed("NAME/link", tarfile.LNKTYPE, "../evil"),
    "device": packed("NAME/device", tarfile.CHRTYPE),
    "returns-what-is-not-there": ending("return 'absent-1.0-py3-none-any.whl'"),
    "returns-nothing": ending("return None"),
    "returns-a-link": ending(
        "os.rename(f'{wheel_directory}/{name}', f'{wheel_directory}/x')\nos.symlink('x', f'{wheel_directory}/{name}')\n"
        "return name"
    ),
    "no-metadata": ending(
        "os.unlink(f'{metadata_directory}/{DIST_INFO}/METADATA')\nreturn DIST_INFO", RETURNS_METADATA
    ),
    "metadata-of-another": lambda folder, name: write_sdist(
        folder, name, {'headers = ["Metadata-Version: 2.1", "Name: " + PROJECT["name"]': 'headers = ["Name: evil"'}
    ),
    "makes-up": producing(REFUSED["up"]),
    "makes-checksum": producing(REFUSED["checksum"]),
    "makes-no-scheme": producing(REFUSED["no-scheme"]),
    "makes-script-up": producing(REFUSED["script-up"]),
    "makes-another-version": producing(changed(metadata_version="6.6")),
}
"""Sdists that cannot be unpacked or built, or whose wheels cannot be installed."""


@pytest.mark.parametrize("case", FAILING)
def test_sdist_that_pip_refuses(sides: Sides, tmp_path: Path, case: str) -> None:
    """It is refused in the same way, and no wheel is kept."""
    before = sides.ours.commands.wheels
    FAILING[case](tmp_path / "files", "simple")
    outcome = sides.compare("--find-links", tmp_path / "files", "simple")
    assert outcome.result.returncode != 0
    assert list(tmp_path.rglob("evil")) == []
    assert sides.ours.commands.wheels == before
    for side in [sides.pip, sides.ours]:
        assert list(side.commands.root.rglob("*evil*")) == []
        side.clear()


AS_REQUIREMENTS = [
    "newline",
    "nel",
    "quotes",
    "reserved",
    "deep",
    "case",
    "twice",
    "symlink",
    "setuid",
    "digest",
    "outside",
    "unlisted",
    "table",
    "bomb",
    "nonsense",
    "subfolder",
]
"""Some of ``INSTALLED``: those that are placed, and those that are left to pip, by different ways."""

LISTS_WHAT_IT_IS_GIVEN = """
    library = next(Path(path) for path in sys.path if Path(path, "odd_newline-1.0.dist-info").is_dir())
    given = [Path(sys.prefix), Path.cwd(), *filter(None, [metadata_directory and Path(metadata_directory)])]
    linked = [str(path) for top in given for path in top.rglob("*") if path.is_file() and path.lstat().st_nlink > 1]
    found = {str(path.relative_to(library)) for path in library.rglob("*") if path.is_file() and "odd" in str(path)}
    files["user_probe.json"] = json.dumps({"found": sorted(found), "linked": linked}).encode()
"""


def test_wheels_as_build_requirements(sides: Sides, tmp_path: Path) -> None:
    """What builds find is what pip would give them, and nothing through which they could edit what is in the store."""
    names = {name: f"odd_{name}" for name in AS_REQUIREMENTS if name in INSTALLED}
    for name, odd in names.items():
        INSTALLED[name](tmp_path, odd)
    found = []
    for number, side in enumerate([sides.pip, sides.ours, sides.ours]):
        # Another sdist each time.
        edits = {RETURNS_WHEEL: f"{LISTS_WHAT_IT_IS_GIVEN}    # {number}\n{RETURNS_WHEEL}"}
        write_sdist(tmp_path, "user", edits, build_requires=[*names.values()])
        outcome = side.install("--find-links", tmp_path, "user")
        assert outcome.result.returncode == 0, outcome.result.output
        assert _own_warnings(outcome.result) == []
        (probe,) = outcome.prefix.rglob("user_probe.json")
        seen = json.loads(probe.read_text())
        found.append([name for name in seen["found"] if ".pyc" not in name and "INSTALLER" not in name])
        # Bytecode is replaced and never edited, and what is edited is not used: its time is another.
        assert [path for path in seen["linked"] if not path.endswith(".pyc")] == []
    assert found[0] == found[1] == found[2]
    assert any("new\nline.py" in name for name in found[0])
    sides.check_store()


@pytest.mark.parametrize("case", ["up", "script-up"])
def test_build_requirement_that_pip_refuses(sides: Sides, tmp_path: Path, case: str) -> None:
    """The build fails as with pip, and nothing is written outside of its environment."""
    REFUSED[case](tmp_path / "files", "simple")
    write_sdist(tmp_path / "files", "user", build_requires=["simple"])
    outcome = sides.compare("--find-links", tmp_path / "files", "user")
    assert outcome.result.returncode == 1
    for side in [sides.pip, sides.ours]:
        assert list(side.commands.root.rglob("*evil*")) == []


def test_odd_paths(tmp_path: Path) -> None:
    """Home, temporary folder, store, environment and files may be in folders of any name, as with pip."""
    folder = tmp_path / "sp ace ünï 日本 %41%2F#x q'u\"o`te \U0001f40d new\nline\ttab $HOME ~ [b] *;&|<>()\\ "
    make_wheel(folder / "files", name="tool", entry_points={"tool": "tool:main"})
    make_sdist(folder / "files", build_requires=["tool"], entry_points={"simple": "simple:main"})
    pip = Commands(root=folder / "pips", module="pip")
    ours = Commands(root=folder / "ours", module="pipcache_plugin")
    trees = []
    for number, commands in enumerate([pip, ours, ours]):
        environment = create_environment(folder / f"env{number}")
        result = commands.ok("install", "--no-index", "--find-links", folder / "files", "simple", into=environment)
        assert _own_warnings(result) == []
        trees.append(environment.tree)
    assert trees[0] == trees[1] == trees[2]
    assert ours.take_calls() == ONE_BUILD
    assert list(find_problems(Store(ours.store))) == []
