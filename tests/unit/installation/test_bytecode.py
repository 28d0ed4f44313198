"""Bytecode by several processes: what the interpreter itself would make."""

from __future__ import annotations

import importlib.util
import marshal
import os
import py_compile
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from pipcache_plugin.installation import bytecode
from pipcache_plugin.installation.bytecode import compile_all, kind_of_bytecode
from tests.unit.faults import names_below

KIND = "from pipcache_plugin.installation.bytecode import kind_of_bytecode; print(kind_of_bytecode())"

Job = tuple[str, str, str]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Return a folder for sources."""
    folder = tmp_path / "sources"
    folder.mkdir()
    return folder


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    """Return where the bytecode goes; made by whoever writes it."""
    return tmp_path / "targets"


def write(folder: Path, name: str, text: str | bytes) -> Path:
    """Write a source."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def make_jobs(sources: Path, targets: Path) -> list[Job]:
    """Return a job for each source."""
    names = sorted(path.relative_to(sources).as_posix() for path in sources.rglob("*.py"))
    return [(f"{sources}/{name}", f"{targets}/{name}", name) for name in names]


def split(path: Path) -> tuple[bytes, CodeType]:
    """Return the header and the code of a file of bytecode."""
    data = path.read_bytes()
    code = marshal.loads(data[16:])
    assert isinstance(code, CodeType)
    return data[:16], code


class TestCompileAll:
    """``compile_all``."""

    def test_same_as_the_standard_librarys(self, sources: Path, targets: Path, tmp_path: Path) -> None:
        """In folders that are made; of equal code, bytes may differ, which tell what texts are shared."""
        for name in ["one.py", "pack/__init__.py", "pack/ünder/zwei.py", "a b.py"]:
            write(sources, name, f"def function(x):\n    'Doc of {name}.'\n    return x + 1\n")
        jobs = make_jobs(sources, targets)
        compile_all(jobs)
        for source, target, name in jobs:
            expected = tmp_path / "expected"
            py_compile.compile(
                source, str(expected), name, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP
            )
            headers, codes = zip(*map(split, [Path(target), expected]), strict=True)
            assert headers[0] == headers[1]
            assert codes[0] == codes[1]
            assert codes[0].co_filename == codes[1].co_filename == name
            assert Path(target).stat().st_mode == expected.stat().st_mode

    def test_interpreter_takes_it(self, sources: Path, targets: Path, tmp_path: Path) -> None:
        """Beside a source of the same time and size it is neither made again nor written; frames have the real path."""
        source = write(sources, "one.py", "import sys\nX = sys._getframe().f_code.co_filename\n")
        compile_all(make_jobs(sources, targets))
        installed = tmp_path / "installed"
        cached = Path(importlib.util.cache_from_source(str(installed / "one.py")))
        cached.parent.mkdir(parents=True)
        (installed / "one.py").write_bytes(source.read_bytes())
        os.utime(installed / "one.py", ns=(source.stat().st_mtime_ns,) * 2)
        (targets / "one.py").rename(cached)
        before = cached.stat()
        command = [sys.executable, "-v", "-c", "import one; print(one.X)"]
        done = subprocess.run(command, cwd=installed, capture_output=True, text=True, check=True)
        assert done.stdout == f"{installed / 'one.py'}\n"
        assert f"matches {installed / 'one.py'}" in done.stderr
        assert f"wrote {cached}" not in done.stderr.replace("'", "")
        assert (cached.stat().st_ino, cached.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    @pytest.mark.parametrize(
        "text",
        [
            "def :\n",
            "print 'two'\n",
            b"\xff\xfe = 1\n",
            b"# coding: nonsense\n",
            b"x = 1\0\n",
            "return\n",
            "(" * 10_000,
            "x = " + "-" * 100_000 + "1\n",
        ],
        ids=["syntax", "Python 2", "encoding", "unknown encoding", "null byte", "outside", "parentheses", "deep"],
    )
    def test_source_that_cannot_be_compiled(
        self, sources: Path, targets: Path, capfd: pytest.CaptureFixture[str], text: str | bytes
    ) -> None:
        """It has no bytecode, the others have, and nobody speaks of it."""
        write(sources, "bad.py", text)
        write(sources, "a.py", "")
        write(sources, "z.py", "Z = 1\n")
        compile_all(make_jobs(sources, targets))
        assert names_below(targets) == ["a.py", "z.py"]
        assert capfd.readouterr() == ("", "")

    def test_warnings_are_not_shown(self, sources: Path, targets: Path, capfd: pytest.CaptureFixture[str]) -> None:
        """As pip does not show them; the bytecode is there."""
        write(sources, "one.py", "x = '\\d'\nassert (x, 'always true')\nx is 1\n")
        compile_all(make_jobs(sources, targets))
        assert names_below(targets) == ["one.py"]
        assert capfd.readouterr() == ("", "")

    def test_warnings_as_errors(self, sources: Path, targets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The user's settings for programs are not for what is installed."""
        monkeypatch.setenv("PYTHONWARNINGS", "error")
        write(sources, "one.py", "x = '\\d'\n")
        compile_all(make_jobs(sources, targets))
        assert names_below(targets) == ["one.py"]

    def test_nothing_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No process is started for it."""
        monkeypatch.setattr(subprocess, "Popen", lambda *_args, **_kwargs: pytest.fail("there is nothing to compile"))
        compile_all([])

    @pytest.mark.parametrize(
        ("count", "cores", "processes"), [(1, 8, 1), (3, 8, 1), (4, 8, 2), (9, 8, 4), (9, 2, 2), (9, None, 1)]
    )
    def test_number_of_processes(  # noqa: PLR0917
        self,
        sources: Path,
        targets: Path,
        monkeypatch: pytest.MonkeyPatch,
        count: int,
        cores: int | None,
        processes: int,
    ) -> None:
        """As many as are kept busy, and no more than there are cores; each source is compiled."""
        monkeypatch.setattr(bytecode, "_ENOUGH", 2)
        monkeypatch.setattr(os, "cpu_count", lambda: cores)
        started: list[Any] = []
        start = subprocess.Popen

        def note(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
            started.append(start(*args, **kwargs))
            process: subprocess.Popen[bytes] = started[-1]
            return process

        monkeypatch.setattr(subprocess, "Popen", note)
        for number in range(count):
            write(sources, f"m{number}.py", f"X = {number}\n")
        compile_all(make_jobs(sources, targets))
        assert len(started) == processes
        assert all(process.returncode == 0 for process in started)
        assert names_below(targets) == [f"m{number}.py" for number in range(count)]

    def test_interrupt_kills_the_processes(self, sources: Path, targets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody goes on writing into a folder that is about to be removed."""
        started: list[Sleeping] = []

        class Sleeping(subprocess.Popen[bytes]):
            """Does not end by itself; the first wait for the first one is interrupted."""

            def __init__(self, _command: Sequence[str], **kwargs: Any) -> None:
                super().__init__([sys.executable, "-c", "import time; time.sleep(60)"], **kwargs)
                started.append(self)
                self.waits = 0

            def wait(self, timeout: float | None = None) -> int:
                self.waits += 1
                if self is started[0] and self.waits == 1:
                    raise KeyboardInterrupt
                return super().wait(timeout)

        monkeypatch.setattr(bytecode, "_ENOUGH", 1)
        monkeypatch.setattr(os, "cpu_count", lambda: 2)
        monkeypatch.setattr(subprocess, "Popen", Sleeping)
        for name in ["one.py", "two.py"]:
            write(sources, name, "")
        with pytest.raises(KeyboardInterrupt):
            compile_all(make_jobs(sources, targets))
        assert [process.returncode for process in started] == [-signal.SIGKILL] * 2

    def test_process_that_cannot_be_started(self, sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The caller knows what to do without bytecode."""
        write(sources, "one.py", "")
        monkeypatch.setattr(sys, "executable", str(sources / "nowhere"))
        with pytest.raises(OSError, match="nowhere"):
            compile_all(make_jobs(sources, sources / "targets"))

    @pytest.mark.parametrize("count", [1, 5000])
    def test_process_that_dies(self, sources: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
        """Before or after it has read what it has to do: that is not taken for bytecode that cannot be made."""
        write(sources, "one.py", "")
        monkeypatch.setattr(bytecode, "_COMPILE", "import os; os.kill(os.getpid(), 9)")
        with pytest.raises(OSError, match=r"-9|Broken pipe"):
            compile_all(make_jobs(sources, sources / "targets") * count)

    def test_target_that_cannot_be_written(self, sources: Path, targets: Path) -> None:
        """A full disk, for one, is no fault of the source."""
        write(sources, "pack/one.py", "")
        targets.write_text("no folder")
        with pytest.raises(OSError, match="ended with"):
            compile_all(make_jobs(sources, targets))


class TestKind:
    """``kind_of_bytecode``."""

    def test_names_the_interpreter(self) -> None:
        """The version's name, and the number that betas of it do not share."""
        assert sys.implementation.cache_tag in kind_of_bytecode()
        assert importlib.util.MAGIC_NUMBER.hex() in kind_of_bytecode()

    def test_is_the_name_of_a_folder(self) -> None:
        """Relative, of one part."""
        assert Path(kind_of_bytecode()).name == kind_of_bytecode()

    def test_differs_by_optimization(self) -> None:
        """Without asserts, without docstrings: other bytecode."""
        kinds = [
            subprocess.run([sys.executable, *options, "-c", KIND], capture_output=True, text=True, check=True).stdout
            for options in [[], ["-O"], ["-OO"]]
        ]
        assert kinds[0].strip() == kind_of_bytecode()
        assert len(set(kinds)) == 3

    @pytest.mark.parametrize("options", [[], ["-O"], ["-OO"]], ids=str)
    def test_optimization_of_the_bytecode(self, sources: Path, targets: Path, options: list[str]) -> None:
        """It is that of the process that asks for it."""
        write(sources, "one.py", "'''Documented.'''\nassert False, 'checked'\n")
        script = (
            "import sys\nfrom pipcache_plugin.installation.bytecode import compile_all\n"
            "compile_all([(sys.argv[1], sys.argv[2], 'one.py')])"
        )
        source, target, _ = make_jobs(sources, targets)[0]
        subprocess.run([sys.executable, *options, "-c", script, source, target], check=True)
        data = Path(target).read_bytes()
        assert (b"checked" in data, b"Documented" in data) == (not options, options != ["-OO"])
