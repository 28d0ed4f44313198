"""Installing from unpacked wheels: what stock pip would install, and no file that an edit elsewhere can reach."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.store.trees import FORMAT
from tests.factories import make_sdist, make_wheel, sha256_hex
from tests.functional.commands import TIMEOUT_SECONDS, Commands, Environment
from tests.functional.test_store import mount, unmount
from tests.functional.trees import installed_tree, normalised
from tests.unit.faults import empty, run_and_kill_at_rename, truncate

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index

FILES = {
    "whole/__init__.py": "def main():\n    print('whole')\n",
    "whole/where.py": "import sys\n\n\ndef tell():\n    return sys._getframe().f_code.co_filename\n",
    "whole/empty.py": "",
    "whole/native.so": "\x7fELF " * 100,
    "whole/ünder/naïve file.txt": "text\n",
    "whole/tool.sh": "#!/bin/sh\n",
    "whole-1.5.data/scripts/shebang": "#!python\nprint('shebang')\n",
    "whole-1.5.data/scripts/script.py": "#!pythonw\nprint('script')\n",
    "whole-1.5.data/scripts/shell": "#!/bin/sh\n",
    "whole-1.5.data/data/share/whole/x.txt": "x\n",
    "whole-1.5.data/headers/whole.h": "int x;\n",
    "whole-1.5.data/purelib/whole_pure.py": "PURE = True\n",
    "whole-1.5.data/platlib/whole_plat.py": "PLAT = True\n",
    "whole/twice.py": "V = 'root'\n",
    "whole-1.5.data/purelib/whole/twice.py": "V = 'data'\n",
}

EXECUTABLE = {"whole/tool.sh", "whole-1.5.data/scripts/shebang", "whole-1.5.data/scripts/script.py"}

ADD = """
import sys
from pipcache_plugin.store.trees import Trees
Trees(pathlib.Path(sys.argv[1])).add(sys.argv[3], pathlib.Path(sys.argv[2]))
"""


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Return a wheel with something for every scheme."""
    path = make_wheel(
        tmp_path / "wheels", name="whole", version="1.5", files=FILES, entry_points={"whole-command": "whole:main"}
    )
    members = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            members[info.filename] = (info, archive.read(info))
    with zipfile.ZipFile(path, "w") as archive:
        for name, (info, data) in members.items():
            if name in EXECUTABLE:
                info.external_attr = 0o100755 << 16
            archive.writestr(info, data)
    return path


def everything(root: Path) -> dict[str, object]:
    """Return what is installed below *root*: contents, modes, and which bytecode there is."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    return {
        "contents": installed_tree(root),
        "modes": {path.relative_to(root).as_posix(): oct(path.stat().st_mode & 0o7777) for path in files},
    }


def tree_of(commands: Commands, wheel: Path) -> Path:
    """Return the folder of the wheel's tree in the store."""
    digest = sha256_hex(wheel)
    return commands.store / "trees" / digest[:2] / f"{digest}.{FORMAT}"


def bytecode_of(path: Path) -> Path:
    """Return where the bytecode of a source is."""
    return Path(importlib.util.cache_from_source(str(path)))


def tell(environment: Environment, expression: str = "where.tell()") -> str:
    """Import the modules of the wheel, and return what one says: the path of its code."""
    code = f"from whole import twice, where; print({expression})"
    done = subprocess.run([environment.python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def is_from_tree(installed: Path, stored: Path) -> bool:
    """Tell whether a source was placed: pip would give it the time of its installation."""
    return installed.stat().st_mtime_ns == stored.stat().st_mtime_ns


def test_equals_stock_pips(wheel: Path, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands) -> None:
    """Cold and warm: every scheme, scripts, RECORD, modes, and what bytecode there is."""
    stock, cold, warm = make_environment(), make_environment(), make_environment()
    pip.ok("install", wheel, into=stock)
    for environment in [cold, warm]:
        pipcache.ok("install", wheel, into=environment)
        assert is_from_tree(environment.library / "whole/where.py", tree_of(pipcache, wheel) / "files/whole/where.py")
        assert bytecode_of(environment.library / "whole/where.py").is_file()
        assert everything(environment.root) == everything(stock.root)
    assert tell(warm, "twice.V") == "data", "of two files for one place the second counts"
    for script, word in {"shebang": "shebang", "script.py": "script", "whole-command": "whole"}.items():
        done = subprocess.run([warm.root / "bin" / script], capture_output=True, text=True, check=True)
        assert done.stdout == f"{word}\n"


def test_without_bytecode(wheel: Path, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands) -> None:
    """``--no-compile`` makes none, neither in the environment nor in the store."""
    trees = []
    for commands in [pip, pipcache]:
        environment = make_environment()
        commands.ok("install", "--no-compile", wheel, into=environment)
        trees.append(everything(environment.root))
        assert list(environment.library.rglob("*.pyc")) == []
    assert trees[1] == trees[0]
    assert list(pipcache.store.rglob("bytecode")) == []


@pytest.mark.parametrize("option", ["--target", "--prefix", "--root"])
def test_other_places(  # noqa: PLR0917
    wheel: Path, environment: Environment, tmp_path: Path, pipcache: Commands, pip: Commands, option: str
) -> None:
    """Into another folder than the environment's, as stock pip does it."""
    trees = []
    for commands in [pip, pipcache]:
        folder = tmp_path / f"into-{commands.root.name}"
        commands.ok("install", option, folder, wheel, into=environment)
        (module,) = folder.rglob("where.py")
        assert bytecode_of(module).is_file()
        trees.append(everything(folder))
        if commands is pipcache:
            assert is_from_tree(module, tree_of(pipcache, wheel) / "files/whole/where.py")
    assert trees[1] == trees[0]


def test_user_site(wheel: Path, environment: Environment, pipcache: Commands, pip: Commands) -> None:
    """``--user``, from an environment that sees it."""
    config = environment.root / "pyvenv.cfg"
    config.write_text(config.read_text().replace("system-site-packages = false", "system-site-packages = true"))
    for commands in [pip, pipcache]:
        commands.ok("install", "--user", "--no-warn-script-location", wheel, into=environment)
    homes = [commands.home / ".local" for commands in [pip, pipcache]]
    (module,) = homes[1].rglob("where.py")
    assert is_from_tree(module, tree_of(pipcache, wheel) / "files/whole/where.py")
    assert everything(homes[1]) == everything(homes[0])


def test_upgrade_and_downgrade(
    tmp_path: Path, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """Of the other release nothing is left, bytecode included, and what was linked elsewhere stays."""
    modules = {"1.0": {"same.py": "V = 1\n", "old.py": ""}, "2.0": {"same.py": "V = 2\n", "new/x.py": ""}}
    wheels = [make_wheel(tmp_path / "wheels", version=version, files=modules[version]) for version in modules]
    environments = {commands.module: make_environment() for commands in [pip, pipcache]}
    other = make_environment()
    pipcache.ok("install", wheels[0], into=other)
    expected = everything(other.root)
    for wheel, value in zip([*wheels, wheels[0]], "121", strict=True):
        for commands in [pip, pipcache]:
            commands.ok("install", wheel, into=environments[commands.module])
        assert everything(environments["pipcache_plugin"].root) == everything(environments["pip"].root)
        assert environments["pipcache_plugin"].imports("same.V") == value
    assert everything(other.root) == expected


def test_failing_installation_is_taken_back(
    tmp_path: Path, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """The release that was there is there again; words and exit status are pip's."""
    good = make_wheel(tmp_path / "wheels")
    bad = make_wheel(
        tmp_path / "wheels", version="2.0", files={"simple.py": "NEW = 1\n", "simple-2.0.data/nonsense/x": ""}
    )
    outcomes = []
    for commands in [pip, pipcache]:
        environment = make_environment()
        commands.ok("install", good, into=environment)
        result = commands("install", bad, into=environment)
        assert result.returncode == 1
        assert environment.imports("simple.VERSION") == "1.0"
        said = [normalised(text, environment.root, commands.root) for text in [result.stdout, result.stderr]]
        outcomes.append((said, everything(environment.root)))
    assert "nonsense" in str(outcomes[0][0])
    assert outcomes[1] == outcomes[0]


def edit_in_place(path: Path) -> None:
    """Write to the file that is there, as a program that patches binaries does."""
    with path.open("r+b") as file:
        file.write(b"# edited")


def replace(path: Path) -> None:
    """Put another file in the place, as most editors do."""
    other = path.with_name("other")
    other.write_bytes(b"# edited")
    other.replace(path)


def test_edit_reaches_nobody_else(wheel: Path, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """In the default mode: sources, native modules, data, scripts and metadata may be edited, bytecode be replaced."""
    edited, other, later = make_environment(), make_environment(), make_environment()
    for environment in [edited, other]:
        pipcache.ok("install", wheel, into=environment)
    expected = everything(other.root)
    bytecode = bytecode_of(other.library / "whole/where.py").read_bytes()
    names = ["whole_plat.py", "whole/native.so", "whole/ünder/naïve file.txt", "whole-1.5.dist-info/METADATA"]
    paths = [*(edited.library / name for name in names), edited.root / "share/whole/x.txt", edited.root / "bin/shell"]
    for path in paths:
        edit_in_place(path)
        path.chmod(0o600)
    replace(edited.library / "whole/where.py")
    # Whoever makes bytecode puts a new file into its place.
    tell(edited, "where.__doc__")
    subprocess.run([edited.python, "-m", "compileall", "-qf", edited.library], check=True)
    assert bytecode_of(edited.library / "whole/where.py").read_bytes() != bytecode
    pipcache.ok("install", wheel, into=later)
    for environment in [other, later]:
        assert everything(environment.root) == expected
        assert bytecode_of(environment.library / "whole/where.py").read_bytes() == bytecode
    stored = tree_of(pipcache, wheel) / "files"
    with zipfile.ZipFile(wheel) as archive:
        assert all((stored / name).read_bytes() == archive.read(name) for name in archive.namelist())


SHARED = {"hardlink": {"source", "native", "data", "bytecode"}, "clone": {"bytecode"}, "copy": set[str]()}
"""What is one file with the store's, by the value of ``PIPCACHE_LINK_MODE``."""


def test_link_modes(wheel: Path, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """Each links what it says; nobody links what pip writes to: scripts, metadata."""
    trees = []
    for mode, shared in SHARED.items():
        environment = make_environment()
        pipcache.ok("install", wheel, into=environment, env={"PIPCACHE_LINK_MODE": mode})
        tree, library = tree_of(pipcache, wheel), environment.library
        (bytecode,) = tree.glob("bytecode/*/files/whole/where.py")
        pairs = {
            "source": (library / "whole/where.py", tree / "files/whole/where.py"),
            "native": (library / "whole/native.so", tree / "files/whole/native.so"),
            "data": (environment.root / "share/whole/x.txt", tree / "files/whole-1.5.data/data/share/whole/x.txt"),
            "bytecode": (bytecode_of(library / "whole/where.py"), bytecode),
        }
        assert {name for name, (installed, stored) in pairs.items() if installed.samefile(stored)} == shared
        assert {name for name, (installed, _) in pairs.items() if installed.stat().st_nlink > 1} == shared
        written = [*library.glob("*.dist-info/*"), *(environment.root / "bin").glob("sh*")]
        assert len(written) > 5
        assert {path.stat().st_nlink for path in written} == {1}
        trees.append(everything(environment.root))
    assert trees[1] == trees[0]
    assert trees[2] == trees[0]


MANY = {
    **{name.replace("-1.5.data", "-1.0.data"): text for name, text in FILES.items()},
    "alone.py": "ALONE = True\n",
    "shared/one/deep/a.py": "A = 1\n",
    "shared/one/__init__.py": "",
    **{f"whole/part{number % 9}/module{number}.py": f"N = {number}\n" for number in range(1000)},
}

OTHERS = {"shared/two/__init__.py": "", "shared/two/b.py": "B = 2\n", "shared/top.txt": "top\n"}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("mode", "how"),
    [*((mode, "fresh") for mode in SHARED), ("clone", "upgrade"), ("hardlink", "again"), ("copy", "no-compile")],
)
def test_made_ready(  # noqa: PLR0917
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands, mode: str, how: str
) -> None:
    """Many files, made ready while pip downloads: the outcome is the same."""
    make_wheel(index.folder, name="whole", files=MANY, entry_points={"whole-command": "whole:main"})
    make_wheel(index.folder, name="others", files=OTHERS, requires_dist=["whole"])
    make_wheel(
        index.folder, name="whole", version="0.5", files={"whole/old.py": "", "whole/part1/x.py": "", "s.py": ""}
    )
    options = [*index.options, "-vv", *(["--no-compile"] if how == "no-compile" else [])]
    outcomes = []
    pipcache.ok("install", "others", *index.options, into=make_environment())
    for commands in [pip, pipcache]:
        environment = make_environment()
        if how == "upgrade":
            commands.ok("install", "whole==0.5", *index.options, into=environment)
        if how == "again":
            commands.ok("install", "others", *index.options, into=environment)
            options = [*options, "--force-reinstall"]
        command = ["install", "--upgrade", "others", "whole", *options]
        result = commands.ok(*command, into=environment, env={"PIPCACHE_LINK_MODE": mode})
        is_ahead = commands is pipcache and (os.cpu_count() or 1) > 1
        assert ("are made ready" in result.stdout) is is_ahead
        assert not list(environment.library.glob(".*"))
        outcomes.append(everything(environment.root))
    assert outcomes[1] == outcomes[0]


def test_made_ready_and_failed(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """In the middle of a wheel: what was there before is there again, and nothing more than pip leaves."""
    make_wheel(index.folder, name="whole", files=MANY, entry_points={"bad name/../x": "whole:main"})
    make_wheel(index.folder, name="whole", version="0.5", files={"whole/old.py": "", "whole/part1/x.py": ""})
    pipcache("install", "whole", *index.options, into=make_environment())
    outcomes = []
    for commands in [pip, pipcache]:
        environment = make_environment()
        commands.ok("install", "whole==0.5", *index.options, into=environment)
        result = commands("install", "-U", "whole", *index.options, into=environment)
        assert not list(environment.library.glob(".*"))
        outcomes.append((result.returncode, everything(environment.root)))
    assert outcomes[1] == outcomes[0]


def test_interpreter_takes_the_bytecode(wheel: Path, environment: Environment, pipcache: Commands) -> None:
    """It is not made again; code has the path where it is installed."""
    pipcache.ok("install", wheel, into=environment)
    source = environment.library / "whole/where.py"
    before = bytecode_of(source).stat()
    code = "import whole.where; print(whole.where.tell(), whole.where.tell.__code__.co_filename)"
    command = [str(environment.python), "-v", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=environment.root)
    assert done.stdout == f"{source} {source}\n"
    assert f"{bytecode_of(source)} matches {source}" in done.stderr
    after = bytecode_of(source).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_reproducible_bytecode(
    wheel: Path, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """With ``SOURCE_DATE_EPOCH`` Python makes bytecode that is checked by hash: pip makes it, each time."""
    pipcache.ok("install", wheel, into=make_environment())
    found = []
    for commands in [pip, pipcache]:
        environment = make_environment()
        commands.ok("install", wheel, into=environment, env={"SOURCE_DATE_EPOCH": "315532800"})
        header = bytecode_of(environment.library / "whole/where.py").read_bytes()[:16]
        found.append((header, everything(environment.root)))
    assert found[0][0][4:8] == b"\x03\0\0\0"
    assert found[1] == found[0]


def test_source_that_cannot_be_compiled(
    tmp_path: Path, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """It is installed without bytecode, and said as much of as by pip; the others have theirs."""
    wheel = make_wheel(tmp_path / "wheels", files={"bad.py": "def :\n", "good.py": "X = 1\n", "nul.py": "x\0"})
    outcomes = []
    for commands in [pip, pipcache]:
        environment = make_environment()
        result = commands.ok("install", wheel, into=environment)
        said = [normalised(text, environment.root, commands.root) for text in [result.stdout, result.stderr]]
        assert bytecode_of(environment.library / "good.py").is_file()
        assert not bytecode_of(environment.library / "bad.py").exists()
        outcomes.append((said, everything(environment.root)))
    assert outcomes[1] == outcomes[0]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_wheel_that_is_not_unpacked(
    tmp_path: Path, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """Two files of one name: pip does with it what it does."""
    wheel = make_wheel(tmp_path / "wheels")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("simple.py", "SECOND = True\n")
    outcomes = []
    for commands in [pip, pipcache]:
        environment = make_environment()
        result = commands("install", wheel, into=environment)
        said = [normalised(text, environment.root, commands.root) for text in [result.stdout, result.stderr]]
        outcomes.append((result.returncode, said, everything(environment.root)))
    assert outcomes[1] == outcomes[0]
    assert outcomes[0][0] == 0
    assert not tree_of(pipcache, wheel).exists()


def garble(path: Path) -> None:
    """Make a manifest of another format of it."""
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))


DAMAGES: list[dict[str, Callable[[Path], None]]] = [
    {
        "files/whole/__init__.py": truncate,
        "files/whole-1.5.data/platlib/whole_plat.py": empty,
        "files/whole/native.so": Path.unlink,
        "files/whole-1.5.data/data/share/whole/x.txt": Path.unlink,
        "files/whole-1.5.dist-info/WHEEL": truncate,
        "bytecode/*/files/whole/where.py": truncate,
        "bytecode/*/files/whole/empty.py": Path.unlink,
    },
    {"bytecode/*/files": shutil.rmtree},
    {"bytecode/*/manifest.json": empty},
    {"files": shutil.rmtree},
    {"manifest.json": truncate},
    {"manifest.json": garble},
]
"""One after the other, each by a pattern for what is damaged."""


def test_damaged_tree(wheel: Path, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands) -> None:
    """What is not as it was stored comes out of the wheel; nobody is told."""
    stock = make_environment()
    pip.ok("install", wheel, into=stock)
    pipcache.ok("install", wheel, into=make_environment())
    expected = everything(stock.root)
    for damages in DAMAGES:
        for pattern, damage in damages.items():
            found = list(tree_of(pipcache, wheel).glob(pattern))
            assert len(found) == 1, pattern
            damage(found[0])
        environment = make_environment()
        result = pipcache.ok("install", wheel, into=environment)
        assert result.stderr == ""
        assert everything(environment.root) == expected, damages
        assert tell(environment) == str(environment.library / "whole/where.py")
        # What was damaged does not stay: the next installation makes a new tree.
        pipcache.ok("install", wheel, into=make_environment())
    assert json.loads((tree_of(pipcache, wheel) / "manifest.json").read_text())["format"] != 99


@pytest.fixture
def make_readonly(pipcache: Commands) -> Iterator[Callable[[], None]]:
    """Return a function that makes the store read-only, for root as well."""
    mounted = []

    def make() -> None:
        mount(pipcache.store, "--bind", str(pipcache.store))
        mounted.append(pipcache.store)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(pipcache.store)], check=True)

    yield make
    for folder in mounted:
        unmount(folder)


def test_readonly_store(
    tmp_path: Path, make_environment: MakeEnvironment, pipcache: Commands, make_readonly: Callable[[], None]
) -> None:
    """What it has is taken, with bytecode or without; what it does not have comes out of the wheel; nobody warns."""
    wheels = {name: make_wheel(tmp_path / "wheels", name=name) for name in ["full", "bare", "absent"]}
    first, second = make_environment(), make_environment()
    pipcache.ok("install", wheels["full"], wheels["bare"], into=first)
    shutil.rmtree(tree_of(pipcache, wheels["bare"]) / "bytecode")
    make_readonly()
    result = pipcache.ok("install", *wheels.values(), into=second)
    assert result.warnings == []
    assert second.distributions == {"full-1.0", "bare-1.0", "absent-1.0"}
    for name in ["full", "bare"]:
        assert is_from_tree(second.library / f"{name}.py", tree_of(pipcache, wheels[name]) / f"files/{name}.py")
    assert all(bytecode_of(second.library / f"{name}.py").is_file() for name in wheels)
    assert not tree_of(pipcache, wheels["absent"]).exists()


def test_killed_process_leaves_nothing_that_is_used(wheel: Path, environment: Environment, pipcache: Commands) -> None:
    """Its tree is whole but for the name; it is neither found nor counted."""
    run_and_kill_at_rename(ADD, [str(pipcache.store), str(wheel), sha256_hex(wheel)])
    (rest,) = tree_of(pipcache, wheel).parent.iterdir()
    for path in rest.rglob("*.py"):
        path.write_text("broken")
    pipcache.ok("install", wheel, into=environment)
    assert tell(environment) == str(environment.library / "whole/where.py")
    assert "Number of unpacked wheels: 1" in pipcache.ok("cache", "info").stdout


def test_two_at_once(wheel: Path, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """Both are installed, and there is one tree."""
    environments = [make_environment(), make_environment()]
    processes = [pipcache.start("install", str(wheel), into=environment) for environment in environments]
    try:
        for process in processes:
            output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
            assert process.returncode == 0, output
            assert "WARNING" not in output
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
    assert everything(environments[0].root) == everything(environments[1].root)
    assert tell(environments[0]) == str(environments[0].library / "whole/where.py")
    assert [path.name for path in tree_of(pipcache, wheel).parent.iterdir()] == [tree_of(pipcache, wheel).name]
    assert list(pipcache.leftovers()) == []


def test_cache_command_covers_trees(index: Index, tmp_path: Path, environment: Environment, pipcache: Commands) -> None:
    """``info`` counts them, ``remove`` takes those of a name, whoever built the wheel, ``purge`` all."""
    make_sdist(index.folder)
    wheels = [make_wheel(tmp_path / "wheels", name=name) for name in ["other", "third"]]
    pipcache.ok("install", "simple", *wheels, *index.options, into=environment)

    def names() -> list[str]:
        contents = [json.loads(path.read_text()) for path in pipcache.store.glob("trees/*/*/manifest.json")]
        return sorted(content["wheel"].split("-")[0] for content in contents)

    assert names() == ["other", "simple", "third"]
    assert "Number of unpacked wheels: 3" in pipcache.ok("cache", "info").stdout.splitlines()
    pipcache.ok("cache", "remove", "simple")
    assert names() == ["other", "third"]
    pipcache("cache", "remove", "other")
    assert names() == ["third"]
    pipcache.ok("cache", "purge")
    assert names() == []
    assert not (pipcache.store / "trees").exists()
