"""What we say when pip runs without us, and what must not be said."""

from __future__ import annotations

import pytest

from pipcache_plugin.pip_bridge.notices import (
    hide_credentials,
    hide_in_configuration,
    hide_in_words,
    say_plain_pip,
)
from pipcache_plugin.pip_bridge.seams import UnknownPipError
from pipcache_plugin.pip_bridge.start import OldPipError


@pytest.fixture(autouse=True)
def _no_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_QUIET", raising=False)


def said(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """Return what is said to one who ran pip with *args*."""
    say_plain_pip(OldPipError(version="20.0"), args)
    output = capsys.readouterr()
    assert output.out == ""
    return output.err


def test_one_line_on_stderr_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    """Stdout is pip's."""
    line = said(capsys, "install", "simple")
    assert line.startswith("WARNING: Continuing with plain pip, without pipcache: pip 20.0 is older than")
    assert line.count("\n") == 1


def test_what_to_do_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Beside the reason, unless that has it."""
    assert said(capsys).count("--upgrade pip") == 1
    say_plain_pip(UnknownPipError(version="99.0", problems=["there is no `build`"]), [])
    assert capsys.readouterr().err.endswith("(hint: upgrade pipcache, or use a pip that it was tested with)\n")


def test_proxies_need_no_scheme() -> None:
    """Nor does what is hidden of them."""
    words = ["install", "--proxy", "u:p@h:1", "--proxy=u:@p@h", "x@https://u:p@h/x", "--proxy", "h:1", "u:p@h"]
    assert hide_in_words(words) == [
        *("install", "--proxy", "****@h:1", "--proxy=****@h", "x@https://****@h/x", "--proxy", "h:1", "u:p@h")
    ]
    text = "[global]\nproxy = u:p@h:1\n PROXY: http://u:p@h\nindex-url = https://u:p@h/\nuser = a@b\n"
    hidden = "[global]\nproxy = ****@h:1\n PROXY: ****@h\nindex-url = https://****@h/\nuser = a@b\n"
    assert hide_in_configuration(text) == hidden


def test_foreign_error_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Its text alone may say nothing."""
    say_plain_pip(KeyError("name"), [])
    assert "KeyError: 'name'" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--quiet", "-q", "-qq", "-qqq", "-vq", "-qU"])
def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """However it is spelled."""
    assert said(capsys, "install", option, "simple") == ""


@pytest.mark.parametrize("option", ["sqlite-utils", "--require-hashes", "-v", "-U", "--quick", "-", "--"])
def test_other_words_with_a_q_are_not_quiet(capsys: pytest.CaptureFixture[str], option: str) -> None:
    """Only the option silences us."""
    assert said(capsys, "install", option)


def test_variable_is_quiet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """``PIP_QUIET`` is pip's own spelling of the option."""
    monkeypatch.setenv("PIP_QUIET", "1")
    assert said(capsys, "install") == ""


def test_credentials_in_an_error_are_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever raised it had the whole URL."""
    say_plain_pip(ValueError("cannot parse 'https://user:secret@example.org:x/'"), [])
    assert ": ValueError: cannot parse 'https://****@example.org:x/' (hint: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:secret@host/a@b?c@d", "http://****@host/a@b?c@d"),
        ("http://secret@host", "http://****@host"),
        ("http://user:sec@ret@host:80/", "http://****@host:80/"),
        ("simple @ git+https://user:s%2Fecret@host/x@1 and ssh://git@host", None),
        ("http://host/ user@example.org", "http://host/ user@example.org"),
        ("http://host\nname @ file:///x", "http://host\nname @ file:///x"),
        ("http://host/@", "http://host/@"),
        ("user:secret@host", "user:secret@host"),
        ("", ""),
    ],
)
def test_hidden_credentials(text: str, shown: str | None) -> None:
    """Those of every URL, however they are spelled; nothing else."""
    expected = "simple @ git+https://****@host/x@1 and ssh://****@host" if shown is None else shown
    assert hide_credentials(text) == expected
