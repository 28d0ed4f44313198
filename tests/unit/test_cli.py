"""The command line decides who acts."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin import __version__, cli
from pipcache_plugin.pip_bridge import start

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

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


class TestExplain:
    """``explain``."""

    @pytest.fixture(autouse=True)
    def _use_store(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PIPCACHE_DIR", str(store.root))
        monkeypatch.delenv("PIP_CACHE_DIR", raising=False)

    @pytest.fixture
    def filled(self, store: Store) -> Store:
        """Return a store that two commands decided on: the first on two projects, the second on one of them."""
        for run, project, reason in [("1", "alpha", "A"), ("1", "my-beta", "B"), ("2", "my-beta", "C")]:
            store.log.append({"run": run, "project": project, "outcome": "built", "reasons": [reason]})
        return store

    def test_is_not_pips_business(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """Not even when the cache is turned off: past runs had it on."""
        monkeypatch.setenv("PIPCACHE_DISABLE", "1")
        monkeypatch.setattr(sys, "argv", ["pipcache", "explain"])
        assert cli.main() == 0
        assert "Nothing was found or built yet" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            ([], ["my-beta: C"]),
            (["--last", "2"], ["alpha: A", "my-beta: B", "my-beta: C"]),
            (["--last=99"], ["alpha: A", "my-beta: B", "my-beta: C"]),
            (["alpha"], ["alpha: A"]),
            (["My_Beta"], ["my-beta: C"]),
            (["alpha", "my.beta"], ["alpha: A", "my-beta: C"]),
            (["my-beta", "--last", "2", "MY-BETA"], ["my-beta: B", "my-beta: C"]),
            (["--format", "human", "alpha"], ["alpha: A"]),
        ],
    )
    @pytest.mark.usefixtures("filled")
    def test_oldest_is_said_first(self, capsys: pytest.CaptureFixture[str], args: list[str], said: list[str]) -> None:
        """A line each, of the last run or the last time that a project was decided on; names as users write them."""
        assert cli.explain(args) == 0
        output = capsys.readouterr()
        assert output.out.replace("built; the stored wheel was not used: ", "").splitlines() == said
        assert output.err == ""

    @pytest.mark.usefixtures("filled")
    def test_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Newest first, with all that the log has; without projects, and with."""
        assert cli.explain(["--format", "json", "--last", "2"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert [content["reasons"] for content in found] == [["C"], ["B"], ["A"]]
        assert found[0] == {"format": 1, "run": "2", "project": "my-beta", "outcome": "built", "reasons": ["C"]}
        assert cli.explain(["alpha", "--format=json"]) == 0
        assert [content["reasons"] for content in json.loads(capsys.readouterr().out)] == [["A"]]

    @pytest.mark.parametrize(("style", "out"), [("human", ""), ("json", "[]\n")])
    def test_nothing_is_known(self, store: Store, capsys: pytest.CaptureFixture[str], style: str, out: str) -> None:
        """One sentence says where we looked; that is no failure, and makes no store."""
        assert cli.explain(["--format", style]) == 0
        output = capsys.readouterr()
        assert output.out == out
        assert output.err == f"Nothing was found or built yet, as far as the cache at `{store.root}` knows\n"
        assert not store.root.exists()

    def test_unknown_project_is_a_failure(self, filled: Store, capsys: pytest.CaptureFixture[str]) -> None:
        """It is named as the user did; when another is known, that is told."""
        assert cli.explain(["No_Such"]) == 1
        message = f"No wheel of `No_Such` was found or built yet, as far as the cache at `{filled.root}` knows\n"
        assert capsys.readouterr() == ("", message)
        assert cli.explain(["No_Such", "alpha"]) == 0
        output = capsys.readouterr()
        assert output.out.startswith("alpha: ")
        assert output.err == message

    def test_root_that_is_a_file(self, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
        """It knows nothing."""
        store.root.write_text("a file, not a folder")
        assert cli.explain([]) == 0
        assert capsys.readouterr().err.startswith("Nothing was found or built yet")

    @pytest.mark.parametrize(
        "args",
        [
            ["--frobnicate"],
            ["alpha", "-x"],
            ["--format", "xml"],
            ["--last", "0"],
            ["--last", "-1"],
            ["--last", "x"],
            ["--last"],
        ],
    )
    @pytest.mark.usefixtures("filled")
    def test_wrong_usage(self, capsys: pytest.CaptureFixture[str], args: list[str]) -> None:
        """Exit status 2, and the usage on stderr."""
        with pytest.raises(SystemExit) as caught:
            cli.explain(args)
        assert caught.value.code == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.startswith("usage: pipcache explain ")

    def test_help(self, capsys: pytest.CaptureFixture[str]) -> None:
        """It names each option."""
        with pytest.raises(SystemExit) as caught:
            cli.explain(["--help"])
        assert caught.value.code == 0
        said = capsys.readouterr().out
        assert all(word in said for word in ["PROJECT", "--last N", "--format", "--cache-dir DIR"])

    @pytest.mark.parametrize("way", ["option", "variable", "home", "file"])
    @pytest.mark.usefixtures("filled")
    def test_pips_cache_dir(
        self,
        store: Store,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        way: str,
    ) -> None:
        """The store is below the one that was given to pip, as pip was given it."""
        monkeypatch.delenv("PIPCACHE_DIR")
        monkeypatch.setenv("HOME", str(tmp_path))
        store.root.rename(tmp_path / "pipcache")
        given = {"option": "/nowhere", "variable": str(tmp_path), "home": "~", "file": ""}[way]
        monkeypatch.setenv("PIP_CACHE_DIR", given)
        (tmp_path / "pip.conf").write_text(f"[global]\ncache-dir = {tmp_path}\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf") if way == "file" else os.devnull)
        assert cli.explain(["--cache-dir", str(tmp_path)] if way == "option" else []) == 0
        assert capsys.readouterr().out.startswith("my-beta: ")

    def test_terminal_that_has_not_all_signs(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """They are written in another way."""
        store.log.append({"project": "alpha", "outcome": "built", "reasons": ["größe"]})
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
        assert cli.explain([]) == 0
        assert rb"gr\xf6\xdfe" in written.getvalue()

    @pytest.mark.parametrize("style", ["human", "json"])
    def test_reader_that_goes_away(self, store: Store, tmp_path: Path, style: str) -> None:
        """``pipcache explain | head -0`` is quiet."""
        for number in range(1000):
            store.log.append({"project": "alpha", "outcome": "built", "reasons": [f"{number}" * 50]})
        reader, writer = os.pipe()
        os.close(reader)
        command = [sys.executable, "-m", "pipcache_plugin", "explain", "--format", style]
        done = subprocess.run(
            command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
        os.close(writer)
        assert (done.returncode, done.stderr) == (1, "")


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
