"""Completion: our words and pip's, and the script for zsh."""

from __future__ import annotations

from optparse import Values

import pytest
from pip._internal.commands import completion as pips

from pipcache_plugin.pip_bridge.completion import _autocomplete, _print_script


def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, number: int) -> list[str]:
    """Return what is said; ``PIPS`` where pip is asked."""
    monkeypatch.setenv("PIP_AUTO_COMPLETE", "1")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(number))

    def pip_completes() -> None:
        print("PIPS")
        raise SystemExit(1)

    with pytest.raises(SystemExit) as caught:
        _autocomplete(pip_completes)
    assert caught.value.code == 1
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("words", "number", "said"),
    [
        ("pipcache", 1, ["explain", "doctor", "shell-init", "PIPS"]),
        ("pipcache e", 1, ["explain", "PIPS"]),
        ("pipcache e x", 1, ["explain", "PIPS"]),
        ("pipcache -q sh", 2, ["shell-init", "PIPS"]),
        ("pipcache --log d", 2, ["PIPS"]),
        ("pipcache --", 1, ["PIPS"]),
        ("pipcache install d", 2, ["PIPS"]),
        ("pipcache install explain --", 3, ["PIPS"]),
        ("pipcache explain --l", 2, ["--last="]),
        ("pipcache explain install --l", 3, ["--last="]),
        ("pipcache shell-init", 2, ["bash", "zsh", "fish", "powershell"]),
        ("pipcache", 0, ["PIPS"]),
    ],
)
def test_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, number: int, said: list[str]
) -> None:
    """Before a command: both; after one: whose it is."""
    assert ask(monkeypatch, capsys, words, number) == said


def test_nobody_asks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Then pip goes on, and nothing is said."""
    monkeypatch.delenv("PIP_AUTO_COMPLETE", raising=False)
    monkeypatch.setenv("COMP_CWORD", "1")
    _autocomplete(lambda: None)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("program", "registered"),
    [("/somewhere/pipcache", "pipcache"), ("/somewhere/pip", "-P 'pip[0-9.]#'"), ("/x/__main__.py", "-P 'pip[0-9.]#'")],
)
def test_script_for_zsh(monkeypatch: pytest.MonkeyPatch, program: str, registered: str) -> None:
    """The one of pip names ``pip`` whatever the program is called."""
    monkeypatch.setattr("sys.argv", [program, "completion"])
    monkeypatch.setattr(pips, "COMPLETION_SCRIPTS", dict(pips.COMPLETION_SCRIPTS))
    assert _print_script(lambda *args: 5, None, Values({"shell": "zsh"}), []) == 5
    assert f"compdef __pip {registered}\n" in pips.COMPLETION_SCRIPTS["zsh"]
    assert f"#compdef {registered}\n".replace("'", "") in pips.COMPLETION_SCRIPTS["zsh"]
