"""pip, ours and uv: the same task for each, with folders of their own, and the same state at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from side_by_side import Contender
from usage import Command

MODULES = {"pip": "pip", "ours": "pipcache_plugin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all cases share."""

    folder: Path
    """Where environments and caches are: one file system, or nothing could be linked."""

    url: str
    """Of the package index, without a slash at the end."""

    uv: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What installers are asked to do, and what they start from."""

    name: str
    """A folder name."""

    index: str
    """The folder that the package index gets files from."""

    arguments: Sequence[str]
    """Of ``install``, the same for all."""

    link_mode: Literal["copy", "hardlink"] = "copy"
    environments: int = 1
    """Installed into at once, each with a command of its own."""

    is_cold: bool = False
    """Whether caches are emptied before each run."""

    keeps_environments: bool = False
    """Whether there is nothing to do any more, after the first run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """A program that installs, with a task."""

    name: str
    task: Task
    setting: Setting
    start: Callable[[Path], Sequence[str]]
    """The command for an environment's Python, up to where the task's arguments are added."""

    @property
    def folder(self) -> Path:
        """All that this installer writes to."""
        return self.setting.folder / self.task.name / self.name

    @property
    def environments(self) -> Sequence[Path]:
        """The virtual environments that it installs into."""
        return [self.folder / f"environment{number}" for number in range(self.task.environments)]

    @property
    def contender(self) -> Contender:
        """This installer, as one who takes part."""
        commands = [
            Command(
                arguments=[*self.start(environment / "bin" / "python"), *self.task.arguments],
                environ=self._environ(),
                folder=_folder_for(environment),
            )
            for environment in self.environments
        ]
        return Contender(name=self.name, prepare=self.prepare, commands=commands)

    def prepare(self) -> None:
        """Make new environments, and empty what is to be empty."""
        kept = {"home", "cache"} if not self.task.is_cold else set[str]()
        if self.task.keeps_environments:
            kept |= {environment.name for environment in self.environments}
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if path.name not in kept:
                shutil.rmtree(path)
        for name in ["home", "cache", "temporary"]:
            (self.folder / name).mkdir(exist_ok=True)
        for environment in self.environments:
            _folder_for(environment).mkdir()
            if not environment.exists():
                subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)

    def _environ(self) -> dict[str, str]:
        index = f"{self.setting.url}/{self.task.index}/"
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.folder / "home"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "TMPDIR": str(self.folder / "temporary"),
            # pip asks `rustc` for its version; one that finds no toolchain takes long to say so.
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup")),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_INDEX_URL": index,
            "PIP_TRUSTED_HOST": "127.0.0.1",  # pip's HTTP cache is for `https`, and for hosts that are trusted
            "PIPCACHE_LINK_MODE": "clone" if self.task.link_mode == "copy" else "hardlink",
            "UV_CACHE_DIR": str(self.folder / "cache" / "uv"),
            "UV_DEFAULT_INDEX": index,
            "UV_NO_CONFIG": "1",
            "UV_PYTHON_DOWNLOADS": "never",
        }


def make_installers(task: Task, setting: Setting) -> dict[str, Installer]:
    """Return pip, ours and uv by name."""

    def start_module(module: str) -> Callable[[Path], Sequence[str]]:
        return lambda python: [sys.executable, "-m", module, "--python", str(python), "install"]

    def start_uv(python: Path) -> Sequence[str]:
        options = ["--python", str(python), "--compile-bytecode", "--link-mode", task.link_mode]
        return [str(setting.uv), "pip", "install", *options]

    starts = {**{name: start_module(module) for name, module in MODULES.items()}, "uv": start_uv}
    return {name: Installer(name=name, task=task, setting=setting, start=start) for name, start in starts.items()}


def make_own_installers(task: Task, setting: Setting) -> list[Installer]:
    """Return pip and ours, each of which installs where it is installed itself, whatever environments there are."""

    def start_module(module: str) -> Callable[[Path], Sequence[str]]:
        return lambda _python: [sys.executable, "-m", module, "install"]

    starts = {name: start_module(module) for name, module in MODULES.items()}
    return [Installer(name=name, task=task, setting=setting, start=start) for name, start in starts.items()]


def make_copier(task: Task, setting: Setting) -> Contender:
    """Return `cp`, which copies, or links, what pip installed; its turn is after pip's."""
    source = make_installers(task, setting)["pip"]
    folder = source.folder.with_name("copies")
    original, copy = folder / "original", folder / "copy"

    def prepare() -> None:
        shutil.rmtree(copy, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        if not original.exists():
            subprocess.run(["cp", "-a", str(source.environments[0]), str(original)], check=True)

    option = {"copy": "-a", "hardlink": "-al"}[task.link_mode]
    arguments = ["cp", option, str(original), str(copy)]
    command = Command(arguments=arguments, environ={"PATH": os.environ["PATH"]}, folder=folder)
    return Contender(name=f"cp {option}", prepare=prepare, commands=[command])


def _folder_for(environment: Path) -> Path:
    """Return where the command for an environment is run: a folder in which Python finds no modules."""
    return environment.with_name(f"{environment.name}.command")
