"""Running pip: through the cache, or plain."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pip
import pytest

from pipcache_plugin.pip_bridge import run, seams, start


@pytest.fixture(autouse=True)
def _collections() -> Iterator[None]:
    """Set back how often Python looks for rubbish."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.fixture(autouse=True)
def _no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_QUIET", raising=False)
    monkeypatch.setattr(start, "run_plain_pip", lambda: 42)
    monkeypatch.setattr(seams, "install", lambda _seams: None)


def be_pip(monkeypatch: pytest.MonkeyPatch, main: Callable[[list[str]], int | None]) -> None:
    """Let *main* be what pip does."""
    from pip._internal.cli import main as module

    monkeypatch.setattr(module, "main", main)
    monkeypatch.setattr(module, "cli", main, raising=False)


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (1, 1), (2, 2), (None, 0)])
def test_exit_status_passes_through(monkeypatch: pytest.MonkeyPatch, status: int | None, expected: int) -> None:
    """Whatever pip returns."""
    be_pip(monkeypatch, lambda _args: status)
    assert start.run_pip(["install"]) == expected


def test_rubbish_is_looked_for_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """While pip runs; it is not left lying for ever."""
    seen: list[int] = []
    be_pip(monkeypatch, lambda _args: seen.append(gc.get_threshold()[0]))
    start.run_pip(["install"])
    assert gc.isenabled()
    assert seen[0] >= 10_000


def test_arguments_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, in order, as a list of its own."""
    given: list[list[str]] = []
    be_pip(monkeypatch, given.append)
    start.run_pip(("install", "-q", "simple"))
    assert given == [["install", "-q", "simple"]]


@pytest.mark.parametrize("version", ["20.0", "25.2", "9.0.3", "25.2.1", "unknown"])
def test_old_pip_is_plain_pip(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    """With one warning that says what to do."""
    monkeypatch.setattr(pip, "__version__", version)
    assert start.run_pip(["install"]) == 42
    warning = capsys.readouterr().err
    assert warning.count("\n") == 1
    assert f"pip {version} is older than 25.3" in warning
    assert "python -m pip install --upgrade pip" in warning


@pytest.mark.parametrize("version", ["25.3", "25.3.1", "26.0.dev0", "26.3", "100.0"])
def test_later_pip_is_tried(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Whether its seams are as they should be, the seams will tell."""
    monkeypatch.setattr(pip, "__version__", version)
    be_pip(monkeypatch, lambda _args: 7)
    assert start.run_pip(["install"]) == 7


@pytest.mark.parametrize("error", [seams.UnknownPipError(version="99", problems=["no `build`"]), RuntimeError("ours")])
def test_any_trouble_before_pip_is_plain_pip(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    """The command runs, after one warning."""

    def fail(_seams: object) -> None:
        raise error

    monkeypatch.setattr(seams, "install", fail)
    assert start.run_pip(["install"]) == 42
    assert str(error) in capsys.readouterr().err


class TestBeginningAgain:
    """Commands that were resolved on metadata that do not hold."""

    def run(self, monkeypatch: pytest.MonkeyPatch, *statuses: int, asks: int = 1) -> tuple[int, int]:
        """Run a command that gives *statuses* in turn; return its status and how often it ran."""
        left, asked = list(statuses), [True] * asks

        def main(_args: list[str]) -> int:
            if asked and asked.pop():
                run.begin_again()
            return left.pop(0)

        be_pip(monkeypatch, main)
        return start.run_pip(["install"]), len(statuses) - len(left)

    @pytest.fixture(autouse=True)
    def _forget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run, "_must_begin_again", False)

    @pytest.mark.parametrize("second", [0, 1, 2])
    def test_second_status_counts(self, monkeypatch: pytest.MonkeyPatch, second: int) -> None:
        """The first is nobody's business."""
        assert self.run(monkeypatch, 1, second) == (second, 2)

    def test_never_a_third_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever asks: there is an end to it."""
        assert self.run(monkeypatch, 1, 1, 0, asks=3) == (1, 2)

    def test_success_is_not_repeated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was installed is installed."""
        assert self.run(monkeypatch, 0, 1) == (0, 1)

    def test_failure_alone_is_not_repeated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only when somebody asked."""
        assert self.run(monkeypatch, 1, 0, asks=0) == (1, 1)


def test_what_pip_raises_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that has begun is not begun a second time."""

    def fail(_args: list[str]) -> int:
        raise RuntimeError

    be_pip(monkeypatch, fail)
    with pytest.raises(RuntimeError):
        start.run_pip(["install"])
