"""The files that are installed, and uv: downloaded once with pip, as it is configured here, and kept.

Nothing that is measured needs a network.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

from synthetic import make_wheels

UV = "uv==0.13.8"

TWELVE = (
    "docopt==0.6.2",
    "pyperclip==1.9.0",
    "sgmllib3k==1.0.0",
    "peewee==3.17.0",
    "crcmod==1.7",
    "langdetect==1.0.9",
    "wrapt==1.16.0",
    "markupsafe==2.1.5",
    "pyyaml==6.0.2",
    "psutil==6.1.0",
    "ujson==5.10.0",
    "simplejson==3.19.3",
)
"""Installed from sdists: seven with extension modules, five without."""

BUILD_REQUIREMENTS = ("setuptools", "wheel", "cython", "setuptools-scm[toml]")
"""What the twelve ask for."""

LARGE = (
    "jupyterlab",
    "pandas",
    "django",
    "scikit-learn",
    "sphinx",
    "fastapi",
    "sqlalchemy",
    "boto3",
    "rich",
    "black",
    "matplotlib",
)
"""Installed from wheels, with all that they depend on."""

_WHEELS = ("--only-binary", ":all:")
_DOWNLOADS: Mapping[str, Sequence[Sequence[str]]] = {
    "twelve": [
        ["--no-deps", "--no-binary", ":all:", *TWELVE],
        [*_WHEELS, "six", *BUILD_REQUIREMENTS],  # `langdetect` depends on `six`
    ],
    "large": [[*_WHEELS, *LARGE]],
}

GROWTH = 1000
"""The number of wheels that are made."""


def prepare_files(folder: Path, names: Sequence[str]) -> Path:
    """Return a folder with the sets of files that are called *names*, each in a folder of its own; get what is missing.

    :param folder: for all Pythons; wheels are of the one that runs.
    :raises subprocess.CalledProcessError: pip did not get them.
    """
    root = folder / f"files-{sys.implementation.cache_tag}"
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        done = root / f"{name}.json"
        wanted = json.dumps(_DOWNLOADS.get(name, GROWTH))
        if done.is_file() and done.read_text(encoding="utf-8") == wanted:
            continue
        print(f"preparing the files of `{name}` …", file=sys.stderr)
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir()
        _fill(root / name)
        done.write_text(wanted, encoding="utf-8")
    return root


def prepare_uv(folder: Path) -> Path:
    """Return the program, which is installed in *folder* if it is not there yet.

    :raises subprocess.CalledProcessError: pip did not get it.
    """
    tools = folder / UV.replace("==", "-")
    program = tools / "bin" / "uv"
    if not program.is_file():
        venv.create(tools, with_pip=False)
        command = [sys.executable, "-m", "pip", "--python", str(tools), "install", "--quiet", UV]
        subprocess.run(command, check=True)
    return program


def _fill(folder: Path) -> None:
    if folder.name not in _DOWNLOADS:
        make_wheels(folder, GROWTH)
        return
    for arguments in _DOWNLOADS[folder.name]:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder), *arguments]
        subprocess.run(command, check=True)
