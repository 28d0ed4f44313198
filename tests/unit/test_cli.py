"""The command line decides who acts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipcache_plugin import __version__, cli
from pipcache_plugin.pip_bridge import start

OURS, PIPS = 23, 42
"""Exit statuses of the two that may act."""


@pytest.fixture(autouse=True)
def _no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pipcache", "install", "simple"])
    monkeypatch.setattr(start, "run_pip", lambda args: OURS if args == ["install", "simple"] else 1)
    monkeypatch.setattr(start, "run_plain_pip", lambda: PIPS)


def test_pip_commands_go_through_the_cache() -> None:
    """All words after the program's name, and the exit status back."""
    assert cli.main() == OURS


@pytest.mark.parametrize("value", ["1", "yes", "true", "on", "please"])
def test_disabled_is_plain_pip(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Anything but a "no" turns us off."""
    monkeypatch.setenv("PIPCACHE_DISABLE", value)
    assert cli.main() == PIPS


@pytest.mark.parametrize("value", ["", "0", "no", "No", "n", "off", "f", "false", "FALSE"])
def test_disabled_by_a_no_is_not_disabled(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """As pip reads its own switches."""
    monkeypatch.setenv("PIPCACHE_DISABLE", value)
    assert cli.main() == OURS


def run_module(folder: Path, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m pipcache_plugin`` in *folder*."""
    command = [sys.executable, "-m", "pipcache_plugin", *args]
    environ = {**os.environ, **variables}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)


class TestModule:
    """``python -m pipcache_plugin``, in a process."""

    def test_version_names_both(self, tmp_path: Path) -> None:
        """First pip's words, then ours; nothing else is said."""
        finished = run_module(tmp_path, "--version")
        assert (finished.returncode, finished.stderr) == (0, "")
        assert finished.stdout.startswith("pip ")
        assert finished.stdout.endswith(f", pipcache_plugin {__version__}\n")

    def test_disabled_is_plain_pip(self, tmp_path: Path) -> None:
        """It knows nothing of us."""
        finished = run_module(tmp_path, "--version", PIPCACHE_DISABLE="1")
        assert finished.returncode == 0
        assert "pipcache_plugin" not in finished.stdout

    def test_exit_status_is_pips(self, tmp_path: Path) -> None:
        """Zero for ``--version``, one for a command that pip does not know."""
        assert run_module(tmp_path, "frobnicate").returncode == 1

    def test_current_folder_shadows_nothing(self, tmp_path: Path) -> None:
        """A file called ``pip.py`` in a project is not pip."""
        for name in ("pip.py", "json.py", "logging.py", "re.py", "packaging.py"):
            (tmp_path / name).write_text("raise SystemExit('shadowed')")
        finished = run_module(tmp_path, "--version")
        assert (finished.returncode, finished.stderr) == (0, "")
