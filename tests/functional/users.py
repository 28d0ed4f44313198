"""Other users of this machine, for tests that run as root: they may read everything, and write what is theirs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional.commands import Commands, Environment

ALICE, BOB = 12_001, 12_002
TEAM = 12_100


def needs_users() -> pytest.MarkDecorator:
    """Return a mark for tests that start processes as somebody else."""
    able = os.name == "posix" and os.geteuid() == 0 and shutil.which("setpriv") is not None
    # Whoever runs the tests may have the interpreter in a folder of their own.
    command = [*become(ALICE, TEAM), "true"]
    works = able and subprocess.run(command, check=False, capture_output=True).returncode == 0
    return pytest.mark.skipif(not works, reason="only root can run commands as somebody else, with `setpriv`")


def become(user: int, group: int) -> list[str]:
    """Return the start of a command line that runs the rest of it as somebody else."""
    reading = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *reading]


@dataclass(kw_only=True)
class User(Commands):
    """Somebody with a home, caches and a temporary folder that nobody else can write to."""

    user: int
    group: int = TEAM
    umask: int = 0o022

    @property
    def calls_file(self) -> Path:
        """Where all users' backends note which hooks are called: builds ask for its name."""
        return self.root.parent / "calls"

    def __post_init__(self) -> None:
        """Make the folders, and give them away."""
        super().__post_init__()
        self.calls_file.touch()
        self.calls_file.chmod(0o666)
        for path in [self.root, *self.root.rglob("*")]:
            os.chown(path, self.user, self.group)

    def command(self, *args: str | Path, into: Environment | None = None, python: Path | str = "") -> list[str]:
        """Return the command line."""
        rest = super().command(*args, into=into, python=python) if python else super().command(*args, into=into)
        mask = ["sh", "-c", f'umask {self.umask:04o}; exec "$@"', "sh"]
        return [*become(self.user, self.group), *mask, *rest]

    def take_calls(self) -> Counter[str]:
        """Return how often each hook was called since the last time, by any user."""
        names = self.calls_file.read_text().split()
        self.calls_file.write_text("")
        return Counter(names)

    def own(self, *folders: Path) -> None:
        """Let all that is in *folders* be this user's."""
        for folder in folders:
            for path in [folder, *folder.rglob("*")]:
                os.chown(path, self.user, self.group, follow_symlinks=False)


def owners_of(folder: Path) -> set[int]:
    """Return who has the files and folders below *folder*, and itself."""
    return {path.lstat().st_uid for path in [folder, *folder.rglob("*")]}


def without_rights(folder: Path, user: int) -> Sequence[Path]:
    """Return what is below *folder* and may not be written to by the team; *user* is whose it must not be."""
    return [path for path in folder.rglob("*") if path.stat().st_uid != user and not path.stat().st_mode & 0o020]
