"""Every command in the README and the examples does what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(label: str) -> list[str]:
    """Return the shell blocks that follow ``<!-- label -->`` in the README."""
    return re.findall(rf"<!-- {label} -->\n```sh\n(.*?)```", README, re.DOTALL)


def run(script: str, folder: Path, home: Path, *path: Path) -> str:
    """Run *script* in *folder* with an empty cache, without the settings of this machine's pip; return its output."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIP", "PYTHON", "XDG"))}
    environ |= {"HOME": str(home), "PATH": os.pathsep.join([*map(str, path), environ["PATH"]])}
    done = subprocess.run(
        ["sh", "-euc", script], cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def checkout(folder: Path) -> Path:
    """Return a copy of what is under version control."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in filter(lambda name: (ROOT / name).is_file(), names):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return folder


def test_every_shell_block_is_labelled() -> None:
    """A block without a label would be run by no test."""
    labelled = sum(len(blocks(label)) for label in ["main job", "test command", "use"])
    assert README.count("```sh") == labelled == 7


def test_ci_runs_the_test_command() -> None:
    """CI takes the command out of the README; here it is taken the same way."""
    (script,) = re.findall(r"^command=\$\((.*)\)$", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)
    done = subprocess.run(["sh", "-euc", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [done.stdout] == blocks("test command")


@pytest.mark.network
def test_commands_for_a_fresh_machine(tmp_path: Path) -> None:
    """The first command installs a real sdist; the commands under "Use" work after it, in the order given."""
    folder = checkout(tmp_path / "checkout")
    home = tmp_path / "home"
    home.mkdir()
    python = Path(sys.executable).parent
    main = blocks("main job")[0].replace("python3", sys.executable)
    assert "Successfully installed docopt-0.6.2" in run(main, folder, home, python)
    use, explain, manage, doctor, jobs = blocks("use")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "other-environment"], check=True)
    said = run(use, folder, home, folder / ".venv/bin")
    assert said.count("Using cached docopt-0.6.2") >= 2
    assert "docopt 0.6.2: found docopt-0.6.2" in run(explain, folder, home, folder / ".venv/bin")
    assert "docopt-0.6.2" in run(manage, folder, home, folder / ".venv/bin")
    assert "No problems found" in run(doctor, folder, home, folder / ".venv/bin")
    assert "Successfully installed sgmllib3k-1.0.0" in run(jobs, folder, home, folder / ".venv/bin")


@pytest.mark.network
def test_two_environments(tmp_path: Path) -> None:
    """The example builds once."""
    script = (ROOT / "examples/two-environments.sh").read_text(encoding="utf-8")
    said = run(script, tmp_path, tmp_path, Path(sys.executable).parent)
    assert said.count("Created wheel for docopt") == 1
    assert said.count("Using cached docopt") == 1
