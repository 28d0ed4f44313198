"""What build requirements came to: the same question, the same answer, for as long as it holds."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pip
import pytest
from pip._internal import configuration
from pip._vendor.packaging import markers
from pip._vendor.requests.structures import CaseInsensitiveDict

from pipcache_plugin.keys.interpreter import collect_interpreter
from pipcache_plugin.pip_bridge import resolution
from pipcache_plugin.pip_bridge.resolution import Command, Memory, describe_command, fresh_until

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store

SENT = 1_700_000_000
"""``DATE`` in Unix time."""

DATE = "Tue, 14 Nov 2023 22:13:20 GMT"

NEVER = 0.0

WHEELS = ["12" * 32, "34" * 32]

WORDS = ["-i", "https://example.org/simple", "--", "tool>=2"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Cache-Control": "max-age=600", "Date": DATE}, SENT + 600),
        ({"cache-control": "MAX-AGE=600", "date": DATE}, SENT + 600),
        ({"Cache-Control": "public, max-age=600, must-revalidate", "Date": DATE}, SENT + 600),
        ({"Cache-Control": 'max-age="600"', "Date": DATE}, SENT + 600),
        ({"Cache-Control": "s-maxage=9, max-age=600", "Date": DATE}, SENT + 600),
        ({"Cache-Control": "max-age=600,max-age=700", "Date": DATE}, SENT + 600),
        ({"Cache-Control": "max-age=600", "Date": DATE, "Age": "100"}, SENT + 500),
        ({"Cache-Control": "max-age=600", "Date": DATE, "Age": "1000"}, SENT - 400),
        ({"Cache-Control": "max-age=600", "Date": DATE, "Age": "old"}, SENT + 600),
        ({"Cache-Control": "max-age=0", "Date": DATE}, SENT),
        ({"Cache-Control": "max-age=600", "Date": "Tue, 14 Nov 2023 23:13:20 +0100"}, SENT + 600),
        ({"Cache-Control": "max-age=600", "Date": "Tue, 14 Nov 2023 22:13:20 -0000"}, SENT + 600),
        ({"Cache-Control": f"max-age={'9' * 30}", "Date": DATE}, SENT + (1 << 31)),
        ({"Cache-Control": f"max-age={'9' * 5000}", "Date": DATE}, None),
        ({"Cache-Control": "max-age=600"}, NEVER),
        ({"Cache-Control": "max-age=600", "Date": "yesterday"}, NEVER),
        ({"Cache-Control": "max-age=600", "Date": ""}, NEVER),
        ({"Cache-Control": "max-age=600", "Date": DATE, "Age": "9" * 5000}, NEVER),
        ({"Cache-Control": "max-age=-600", "Date": DATE}, NEVER),
        ({"Cache-Control": "max-age=", "Date": DATE}, NEVER),
        ({"Cache-Control": "s-maxage=600", "Date": DATE}, NEVER),
        ({"Cache-Control": "no-cache, max-age=600", "Date": DATE}, NEVER),
        ({"Cache-Control": "max-age=600, No-Cache", "Date": DATE}, NEVER),
        ({"Cache-Control": 'no-cache="Set-Cookie", max-age=600', "Date": DATE}, NEVER),
        ({"Cache-Control": "no-store, max-age=600", "Date": DATE}, NEVER),
        ({"Cache-Control": "public", "Date": DATE}, NEVER),
        ({"Expires": "Tue, 14 Nov 2123 22:13:20 GMT", "Date": DATE}, NEVER),
        ({"Date": DATE}, NEVER),
        ({}, NEVER),
    ],
)
def test_fresh_until(headers: dict[str, str], expected: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the index says, wherever this machine is; what it does not say clearly is not fresh."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        found = fresh_until(CaseInsensitiveDict(headers))
    finally:
        monkeypatch.undo()
        time.tzset()
    # Python may refuse to read a number of thousands of digits.
    assert found in ({SENT + (1 << 31), NEVER} if expected is None else {expected})


@pytest.fixture(autouse=True)
def configuration_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the only configuration file, which is not there; the pip is one that keeps fresh pages."""
    path = tmp_path / "pip.conf"
    monkeypatch.setattr(configuration, "get_configuration_files", lambda: {"user": [str(path)]})
    monkeypatch.setattr(pip, "__version__", "26.3")
    return path


def describe(
    words: Sequence[str] = WORDS, environ: Mapping[str, str] | None = None, installed: Mapping[str, str] | None = None
) -> Command:
    """Describe a command, by default the one that the others are compared with."""
    return describe_command(words, environ or {}, installed or {})


class TestKey:
    """What makes it another question."""

    def test_same_question(self) -> None:
        """Each time, and in whatever order variables and distributions are listed."""
        environ, installed = {"PIP_PRE": "1", "PIP_PROXY": "p"}, {"a": "1", "b": "2"}
        assert describe().key == describe().key
        assert len(describe().key) == 64
        keys = {
            describe(environ=one, installed=two).key
            for one in [environ, dict(reversed(environ.items()))]
            for two in [installed, dict(reversed(installed.items()))]
        }
        assert len(keys) == 1

    @pytest.mark.parametrize("name", ["PIP_BUILD_TRACKER", "HOME", "PATH", "PYTHONPATH", "MY_PIP_PRE", "CFLAGS"])
    def test_what_does_not_decide(self, name: str) -> None:
        """Where pip notes what is being built, and variables that are not pip's."""
        described = describe(environ={name: "x"})
        assert described.key == describe().key
        assert name not in described.environ

    @pytest.mark.parametrize(
        "words", [[*WORDS, "other"], [*WORDS[:-1], "tool>=3"], ["--pre", *WORDS], WORDS[2:], [" ".join(WORDS)], []]
    )
    def test_other_words(self, words: Sequence[str]) -> None:
        """Requirements and options; also the same letters in other words."""
        assert describe(words).key != describe().key

    @pytest.mark.parametrize("name", ["PIP_PRE", "PIP_INDEX_URL", "_PIP_IN_BUILD_IGNORE_CONSTRAINTS", "PIP_NEW"])
    def test_other_variables(self, name: str) -> None:
        """All that are pip's, with their values."""
        keys = {describe(environ=environ).key for environ in [{}, {name: ""}, {name: "1"}, {name: "2"}]}
        assert len(keys) == 4
        assert describe(environ={name: "1"}).environ == {name: "1"}

    def test_credentials_do_not_decide(self, configuration_file: Path) -> None:
        """Whoever asks, on the command line, by a variable or in a file, asks the same; another host is another."""
        keys: dict[str, set[str]] = {}
        for netloc in ["a:b@one.example.org", "c:d%40@one.example.org", "token@one.example.org", "a:b@two.example.org"]:
            url = f"https://{netloc}/simple"
            host = netloc.partition("@")[2]
            keys.setdefault(f"option {host}", set()).add(describe(["-i", url]).key)
            keys.setdefault(f"variable {host}", set()).add(describe(environ={"PIP_INDEX_URL": url}).key)
            configuration_file.write_text(f"[global]\nindex-url = {url}\n")
            keys.setdefault(f"file {host}", set()).add(describe().key)
            configuration_file.unlink()
        assert len({key for found in keys.values() for key in found}) == len(keys) == 6

    def test_other_installed_distributions(self) -> None:
        """Which there are, and which versions of them."""
        keys = {describe(installed=installed).key for installed in [{}, {"a": "1"}, {"a": "2"}, {"b": "1"}]}
        assert len(keys) == 4
        assert describe().is_first
        assert not describe(installed={"a": "1"}).is_first

    @pytest.mark.parametrize(
        ("words", "name"),
        [
            (["--constraint", "{file}"], ""),
            (["--build-constraint", "{file}"], ""),
            ([], "PIP_CONSTRAINT"),
            ([], "PIP_BUILD_CONSTRAINT"),
        ],
    )
    def test_content_of_constraints(self, tmp_path: Path, words: list[str], name: str) -> None:
        """The same file with other content; one that is not there, and one that is empty."""
        file = tmp_path / "constraints.txt"
        given = [word.format(file=file) for word in words] + WORDS
        environ = {name: f"{tmp_path / 'other.txt'} {file}"} if name else {}
        keys = {describe(given, environ).key}
        for content in ["", "tool<3\n", "tool<4\n"]:
            file.write_text(content)
            keys.add(describe(given, environ).key)
        file.write_bytes(b"tool<4 # \xff\n")
        keys.add(describe(given, environ).key)
        assert len(keys) == 5

    def test_content_of_the_configuration(self, configuration_file: Path) -> None:
        """Whatever is in it."""
        before = describe().key
        configuration_file.write_text("[install]\npre = true\n")
        assert describe().key != before

    @pytest.mark.parametrize("attribute", ["version", "base_prefix"])
    def test_other_python(self, monkeypatch: pytest.MonkeyPatch, attribute: str) -> None:
        """A store may be used by several."""
        before = describe().key
        monkeypatch.setattr(sys, attribute, f"{getattr(sys, attribute)} ")
        assert describe().key != before

    def test_other_pip(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It may choose otherwise."""
        before = describe().key
        monkeypatch.setattr(pip, "__version__", "27.0")
        assert describe().key != before

    @pytest.mark.parametrize("change", [{"libc": "glibc-2.17"}, {"libc": "musl-1.2"}, {"platform": "linux-riscv64"}])
    def test_other_machine(self, monkeypatch: pytest.MonkeyPatch, change: dict[str, str]) -> None:
        """A store may be shared by machines with the very same Python, on which not the same wheels run."""
        before = describe().key
        other = dataclasses.replace(collect_interpreter(), **change)  # type: ignore[arg-type]
        monkeypatch.setattr(resolution, "collect_interpreter", lambda: other)
        assert describe().key != before

    def test_other_markers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A requirement may be for some machines only."""
        before = describe().key
        other = {**markers.default_environment(), "platform_release": "other"}
        monkeypatch.setattr(markers, "default_environment", lambda: other)
        assert describe().key != before


class TestIsLasting:
    """Whether the answer holds in another run."""

    def test_index_alone(self, configuration_file: Path, tmp_path: Path) -> None:
        """With constraints, in files of their own, and a configuration that names indexes."""
        (tmp_path / "constraints.txt").write_text("# -c other.txt\ntool<3\n")
        configuration_file.write_text("[global]\nindex-url = https://user@example.org/\ntimeout = 3\n")
        given = ["--build-constraint", str(tmp_path / "constraints.txt"), *WORDS]
        assert describe(given, {"PIP_PRE": "1"}, {"a": "1"}).is_lasting
        assert describe().is_lasting

    @pytest.mark.parametrize("version", ["25.3", "26.0.1", "26.1.2", "26.1"])
    def test_pip_that_asks_each_time(self, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
        """It would see a new release at once."""
        monkeypatch.setattr(pip, "__version__", version)
        assert not describe().is_lasting

    @pytest.mark.parametrize("version", ["26.2", "26.2.1", "26.10", "27.0", "27.0.dev0"])
    def test_pip_that_keeps_fresh_pages(self, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
        """From 26.2 on."""
        monkeypatch.setattr(pip, "__version__", version)
        assert describe().is_lasting

    @pytest.mark.parametrize(
        "words",
        [
            ["--find-links", "/folder"],
            ["--refresh-package", "tool"],
            ["--build-constraint", "https://example.org/constraints.txt"],
            ["--constraint", "file:///constraints.txt"],
        ],
    )
    def test_words_that_bring_in_more(self, words: list[str]) -> None:
        """A folder, a file elsewhere, or the wish to ask."""
        assert not describe([*words, *WORDS]).is_lasting

    @pytest.mark.parametrize(
        "environ",
        [
            {"PIP_FIND_LINKS": "/folder"},
            {"PIP_REFRESH_PACKAGE": "tool"},
            {"PIP_CONSTRAINT": "a.txt https://example.org/constraints.txt"},
            {"PIP_REQUIREMENT": "requirements.txt"},
            {"PIP_EDITABLE": "."},
            {"PIP_GROUP": "test"},
        ],
    )
    def test_variables_that_bring_in_more(self, environ: dict[str, str]) -> None:
        """The same, for all commands."""
        assert not describe(environ=environ).is_lasting

    @pytest.mark.parametrize(
        "text",
        [
            "-c other.txt\n",
            "tool<3\n  -r other.txt\n",
            "--constraint=other.txt\n",
            "tool @ file:///tool-1.0-py3-none-any.whl\n",
            "tool@https://example.org/tool-1.0-py3-none-any.whl\n",
        ],
    )
    def test_constraints_that_bring_in_more(self, tmp_path: Path, text: str) -> None:
        """What they name may change, and they do not."""
        (tmp_path / "constraints.txt").write_text(text)
        assert not describe(["--build-constraint", str(tmp_path / "constraints.txt"), *WORDS]).is_lasting

    @pytest.mark.parametrize(
        "setting",
        [
            "find-links = /folder",
            "find_links=/folder",
            "find-links: /folder",
            "Find-Links = /folder",
            "constraint = file.txt",
            "build-constraint = file.txt",
            "build_constraint : file.txt",
            "refresh-package = tool",
            "refresh_package = tool",
            "requirement = requirements.txt",
            "--find-links = /folder",
            "editable = .",
        ],
    )
    def test_configuration_that_brings_in_more(self, configuration_file: Path, setting: str) -> None:
        """In all the ways in which pip reads it."""
        configuration_file.write_text(f"[global]\n{setting}\n")
        assert not describe().is_lasting


def command(*, is_lasting: bool = True, key: str = "ab" * 32) -> Command:
    """Return a command."""
    return Command(key=key, is_lasting=is_lasting, is_first=True, environ={})


@pytest.fixture
def memory(store: Store) -> Memory:
    """Return the memory of a run."""
    return Memory(store.resolutions)


@pytest.fixture
def next_memory(store: Store) -> Memory:
    """Return the memory of the next run."""
    return Memory(store.resolutions)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Return where a report is, or would be."""
    return tmp_path / "report"


def later() -> float:
    """Return a time that is not soon."""
    return time.time() + 600


def wheel(sha256: str | None = WHEELS[0], *, is_plain: bool = True) -> dict[str, object]:
    """Return what is reported of a wheel."""
    return {"wheel": sha256, "is_plain": is_plain}


def write(report: Path, *lines: object) -> Path:
    """Write a report."""
    report.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return report


class TestMemory:
    """``Memory``."""

    def test_nothing_is_known_at_first(self, memory: Memory, store: Store) -> None:
        """Looking makes nothing."""
        assert memory.find(command()) is None
        assert not store.root.exists()

    def test_learned_and_kept(self, memory: Memory, next_memory: Memory, report: Path, store: Store) -> None:
        """In the order of installation, until the first page is not fresh any more."""
        first, second = later(), later() + 100
        pages = [{"fresh_until": second}, {"fresh_until": first}]
        memory.learn(command(), write(report, *pages, *map(wheel, WHEELS)))
        assert memory.find(command()) == next_memory.find(command()) == WHEELS
        assert memory.find(command(key="cd" * 32)) is None
        [document] = store.resolutions.folder.rglob("*.json")
        assert json.loads(document.read_text())["fresh_until"] == first

    @pytest.mark.parametrize(
        "lines",
        [
            [wheel()],
            [wheel(), {"fresh_until": 0.0}],
            [wheel(), {"fresh_until": 1e12}, {"fresh_until": 0.0}],
            [wheel(is_plain=False), {"fresh_until": 1e12}],
            [wheel(), wheel(is_plain=False), {"fresh_until": 1e12}],
        ],
    )
    def test_known_in_this_run_only(
        self, memory: Memory, next_memory: Memory, report: Path, lines: list[object]
    ) -> None:
        """What follows from something else than fresh pages."""
        memory.learn(command(), write(report, *lines))
        assert memory.find(command())
        assert next_memory.find(command()) is None

    def test_command_that_does_not_last(self, memory: Memory, next_memory: Memory, report: Path) -> None:
        """It holds within the run, and is neither kept nor looked for."""
        memory.learn(command(is_lasting=False), write(report, wheel(), {"fresh_until": later()}))
        assert memory.find(command(is_lasting=False)) == WHEELS[:1]
        assert next_memory.find(command()) is None
        memory.remember(command(), WHEELS, [later()])
        assert next_memory.find(command(is_lasting=False)) is None

    @pytest.mark.parametrize(
        "lines",
        [
            [wheel(None), {"fresh_until": 1e12}],
            [wheel(), wheel(None, is_plain=False)],
            [{"wheel": WHEELS[0]}],
            [5],
            [None],
            [wheel(), "a wheel"],
            [wheel(), ["wheel"]],
        ],
    )
    def test_report_that_does_not_tell_all(
        self, memory: Memory, next_memory: Memory, report: Path, lines: list[object]
    ) -> None:
        """Of a wheel that has no digest, or damaged: nothing is learned."""
        memory.learn(command(), write(report, *lines))
        assert memory.find(command()) is None
        assert next_memory.find(command()) is None

    @pytest.mark.parametrize("content", [None, b"{", b'{"wheel": "\xff"}', b"[]\n{}x\n"])
    def test_report_that_is_none(self, memory: Memory, report: Path, content: bytes | None) -> None:
        """Missing, cut off, or something else."""
        if content is not None:
            report.write_bytes(content)
        memory.learn(command(), report)
        assert memory.find(command()) is None

    def test_nothing_installed_is_an_answer(self, memory: Memory, report: Path) -> None:
        """All was there already."""
        memory.learn(command(), write(report, {"fresh_until": later()}))
        assert memory.find(command()) == []

    def test_store_that_cannot_be_used(self, memory: Memory, store: Store) -> None:
        """The run goes on with what it knows."""
        store.root.write_text("mine")
        memory.remember(command(), WHEELS, [later()])
        assert memory.find(command()) == WHEELS
        assert memory.find(command(key="cd" * 32)) is None

    def test_same_command_one_at_a_time(self, memory: Memory) -> None:
        """The second thread waits for the first, and then knows; another command does not wait."""
        order: list[str] = []

        def install() -> None:
            with memory.hold(command()):
                order.append(f"second finds {memory.find(command())}")

        thread = threading.Thread(target=install)
        with memory.hold(command()):
            thread.start()
            with memory.hold(command(key="cd" * 32)):
                memory.remember(command(), ["first"], ())
                order.append("first")
        thread.join(30)
        assert order == ["first", "second finds ['first']"]
