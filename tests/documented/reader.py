"""A reader of the docs: a home, an index that has what the docs install, a Python and pipcache.

What takes long is made once for all processes of a test run, in a folder that they share.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.documented.blocks import ROOT
from tests.documented.transcript import Command, is_as_shown, normalize, script_of, split_output
from tests.factories import Backend, escape, make_sdist, make_source_tree, make_wheel, pack_tree

TIMEOUT_SECONDS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplies:
    """What all readers share; nobody writes to it once it is there."""

    folder: Path

    @property
    def files(self) -> Path:
        """What the index has: stand-ins, what pipcache needs, and pipcache."""
        return self.folder / "files"

    @property
    def own(self) -> Path:
        """A folder with our wheel alone, for who reads with the real package index."""
        return self.folder / "own"

    @property
    def checkout(self) -> Path:
        """What is under version control, or would be."""
        return self.folder / "checkout"

    @property
    def python(self) -> Path:
        """A virtual environment with pip and pipcache."""
        return self.folder / "python"


def make_supplies(folder: Path, serve: Callable[[Path], str]) -> Supplies:
    """Make what is not there yet, in *folder*; of several processes, one does.

    :param serve: starts an index over a folder, and returns its URL.
    """
    folder.mkdir(exist_ok=True)
    supplies = Supplies(folder=folder)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            copy_checkout(supplies.checkout)
            _build_own_wheel(supplies)
            _pack_installed(supplies.files)
            make_stand_ins(supplies.files)
            _make_python(supplies, serve(supplies.files))
            (folder / "ready").touch()
    return supplies


def copy_checkout(folder: Path) -> Path:
    """Copy what is under version control, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def _build_own_wheel(supplies: Supplies) -> None:
    supplies.own.mkdir()
    build = "import sys, flit_core.buildapi as backend; backend.build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", build, str(supplies.own)]
    subprocess.run(command, cwd=supplies.checkout, check=True, stdout=subprocess.DEVNULL)
    shutil.copytree(supplies.own, supplies.files)


def _pack_installed(folder: Path) -> None:
    """Make wheels of what pipcache needs, out of what is installed here."""
    wanted, packed = [Requirement("flit_core"), *_requires(distribution("pipcache-plugin"))], set[str]()
    while wanted:
        name = canonicalize_name(wanted.pop().name)
        if name not in packed:
            packed.add(name)
            found = distribution(name)
            _pack(found, folder)
            wanted += _requires(found)


def _requires(found: Distribution) -> Iterator[Requirement]:
    for requirement in map(Requirement, found.requires or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


def _pack(found: Distribution, folder: Path) -> None:
    """Zip the files of an installed distribution; scripts are made again from its entry points."""
    name = f"{escape(found.metadata['Name'])}-{found.version}"
    (tag, *_) = (line[5:] for line in (found.read_text("WHEEL") or "").splitlines() if line.startswith("Tag: "))
    with zipfile.ZipFile(folder / f"{name}-{tag}.whl", "w") as archive:
        for path in found.files or ():
            if ".." not in path.parts and path.suffix != ".pyc" and path.name not in {"INSTALLER", "REQUESTED"}:
                archive.write(str(path.locate()), str(path))


def _make_python(supplies: Supplies, index_url: str) -> None:
    venv.EnvBuilder(symlinks=True).create(supplies.python)
    pip = [sys.executable, "-m", "pip", "--python", str(supplies.python), "install", "--quiet", "--isolated"]
    options = ["--index-url", index_url, "--no-cache-dir", "--disable-pip-version-check"]
    pinned = f"pip=={distribution('pip').version}"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIP", "PYTHON"))}
    subprocess.run([*pip, *options, pinned, "pipcache-plugin"], check=True, env=environ)


def make_stand_ins(folder: Path) -> None:
    """Write projects with the names of real ones, and as much in them as the docs show."""
    make_sdist(folder, name="docopt", version="0.6.2")
    make_sdist(folder, name="sgmllib3k", version="1.0.0", modules={"sgmllib.py": ""})
    make_sdist(folder, name="markupsafe", version="3.0.4", backend=Backend(echoes_variable="CFLAGS"))
    for version in ["2.8.0", "2.9.0"]:
        make_wheel(folder, name="torch", version=version, files={"torch.py": "", "torch_headers/torch.h": ""})
    for version in ["80.9.0", "80.10.0"]:
        make_wheel(folder, name="setuptools", version=version)
    _make_flash_attention(folder)


def _make_flash_attention(folder: Path) -> None:
    """Write an sdist whose backend imports torch, says that it needs setuptools, and asks for an architecture."""
    backend = Backend(echoes_variable="TORCH_CUDA_ARCH_LIST")
    tree = make_source_tree(
        folder.parent / "trees", name="flash-attn", version="2.8.3", backend=backend, build_requires=["setuptools"]
    )
    module = tree / "_backend" / "tiny_backend.py"
    text = module.read_text()
    module.write_text(text.replace('    begin("build_wheel")\n', '    begin("build_wheel")\n    import torch\n'))
    pack_tree(tree, folder / "flash_attn-2.8.3.tar.gz")


@dataclass(kw_only=True)
class Reader:
    """Somebody who has Python and pipcache, and nothing in any cache."""

    folder: Path
    """Empty; everything of this reader is below it."""

    supplies: Supplies
    index_url: str | None
    """``None``: the package index that this machine is configured for."""

    variables: dict[str, str] = field(default_factory=dict)
    """Set for every command."""

    def __post_init__(self) -> None:
        """Make the home, a folder to work in, and a copy of Python."""
        for folder in [self.home, self.work, self.folder / "tmp"]:
            folder.mkdir(parents=True)
        shutil.copytree(self.supplies.python, self.python, symlinks=True, copy_function=os.link)
        for script in (self.python / "bin").iterdir():
            if not script.is_symlink():
                self._move_script(script)

    def _move_script(self, script: Path) -> None:
        """Write a script anew that names the environment that it was made in."""
        text = script.read_text(encoding="utf-8").replace(str(self.supplies.python), str(self.python))
        script.unlink()
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)

    @property
    def home(self) -> Path:
        """``HOME``."""
        return self.folder / "home"

    @property
    def work(self) -> Path:
        """Where commands begin; empty unless it is filled."""
        return self.folder / "work"

    @property
    def python(self) -> Path:
        """The environment of ``python3``, ``pip`` and ``pipcache``."""
        return self.folder / "python"

    def take_checkout(self) -> None:
        """Begin in a checkout of this project."""
        self.work.rmdir()
        shutil.copytree(self.supplies.checkout, self.work)

    def environ(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables of this reader's shell, with none of this machine's settings of pip."""
        unwanted = ("PIP", "PYTHON", "XDG", "VIRTUAL_ENV", "TOX", "COV_", "COVERAGE_", "UV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        path = os.pathsep.join([str(self.home / ".local" / "bin"), str(self.python / "bin"), os.environ["PATH"]])
        index = {"PIP_FIND_LINKS": str(self.supplies.own)} if self.index_url is None else self._local_index()
        return {
            **kept,
            "HOME": str(self.home),
            "PATH": path,
            "TMPDIR": str(self.folder / "tmp"),
            "LC_ALL": "C.UTF-8",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **index,
            **self.variables,
            **(extra or {}),
        }

    def _local_index(self) -> dict[str, str]:
        return {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": str(self.index_url), "PIP_RETRIES": "0"}

    def run(self, commands: Sequence[Command], extra: Mapping[str, str] | None = None) -> list[str]:
        """Run commands in one shell; each has to succeed, and to print what it is shown to print."""
        command = ["sh", "-ec", script_of(commands)]
        done = subprocess.run(
            command,
            cwd=self.work,
            env=self.environ(extra),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
        printed = split_output(done.stdout)
        finished = commands[: len(printed) - bool(done.returncode)]
        for one, output in zip(finished, printed, strict=False):
            assert one.shown is None or is_as_shown(one.shown, output), (
                f"{one.where}: `{one.text.strip()}` prints something else\n{output}"
                f"--- compared\n{normalize(one.shown or '')}\n--- with\n{normalize(output)}"
            )
        last = commands[len(printed) - 1] if printed else commands[0]
        assert done.returncode == 0, (
            f"{last.where}: `{last.text.strip()}` exits with status {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return printed
