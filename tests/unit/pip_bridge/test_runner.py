"""Which interpreter a command is for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.pip_bridge.runner import find_interpreter

if TYPE_CHECKING:
    from pathlib import Path

HERE = sys.executable


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--python", HERE, "list"], HERE),
        ([f"--python={HERE}", "install", "--python", "x"], HERE),
        (["--python", HERE], None),
        (["--python"], None),
        (["--python="], None),
        (["--python=", "list"], None),
        (["--python", HERE, "--isolated", "list"], None),
        (["--python", "/absent/python", "list"], None),
        (["--isolated", "--python", HERE, "list"], None),
        (["install", "--python", HERE], None),
        (["install"], None),
        ([], None),
    ],
)
def test_find_interpreter(args: list[str], expected: str | None) -> None:
    """The plain case is ours; the rest, and every error, is pip's."""
    assert find_interpreter(args) == expected


def test_environment(tmp_path: Path) -> None:
    """An environment's folder is as good as its interpreter; a folder without one is not."""
    assert find_interpreter(["--python", str(tmp_path), "list"]) is None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    assert find_interpreter(["--python", str(tmp_path), "list"]) == f"{tmp_path}/bin/python"


def test_no_folder_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sought in ``PATH`` by pip is sought there by us."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "python").touch()
    assert find_interpreter(["--python", "python", "list"]) == "python"
    assert find_interpreter(["--python", "./python", "list"]) == "./python"


def test_is_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other interpreter does not go on to itself."""
    monkeypatch.setenv("_PIP_RUNNING_IN_SUBPROCESS", "1")
    assert find_interpreter(["--python", HERE, "list"]) is None
