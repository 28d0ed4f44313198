"""The state of a run: what the user is told, and when we are out."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from optparse import Values
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.pip_bridge import beginning, run
from pipcache_plugin.pip_bridge.present import PipPresent
from tests.factories import make_wheel
from tests.unit.keys.samples import RECORD

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Entry, Store


@pytest.fixture(autouse=True)
def _no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_current", None)
    for name in ["PIP_QUIET", "PIP_REBUILD", "PIPCACHE_REBUILD"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.argv", ["pip", "install"])


def begin(store: Store, monkeypatch: pytest.MonkeyPatch, quiet: int = 0, rebuild: Sequence[str] = ()) -> run.Run:
    """Begin a run."""
    options = Values({"quiet": quiet, "rebuild": [*rebuild]})
    begun = run.Run(store, options, PipPresent(options, None, None), "install")
    monkeypatch.setattr(run, "_current", begun)
    return begun


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what users see."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_only_the_first_warning_is_seen(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest are for the debug log: one broken disk, one line."""
    caplog.set_level(logging.DEBUG)
    begun = begin(store, monkeypatch)
    for number in range(3):
        begun.warn_once(f"message {number}")
    assert warnings_in(caplog) == ["message 0"]
    assert "message 2" in caplog.text


def test_quiet_sees_none(store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """As asked."""
    begin(store, monkeypatch, quiet=1).warn_once("message")
    assert warnings_in(caplog) == []


def test_giving_up_ends_the_run(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The user learns that and why; our parts see no run any more."""
    begin(store, monkeypatch)
    run.give_up(KeyError("a bug"))
    assert run.current() is None
    reason = "KeyError: 'a bug' (hint: please report it, with what `--log FILE` writes down)"
    assert warnings_in(caplog) == [f"Continuing without pipcache, which failed: {reason}"]


def test_giving_up_before_a_run_is_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """There is no log of pip's yet."""
    run.give_up(KeyError("a bug"))
    assert "KeyError: 'a bug'" in capsys.readouterr().err


def test_each_wheel_has_a_folder(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two wheels of one name do not replace each other; all are below one folder, made when it is needed."""
    made: list[str] = []

    def make_folder(kind: str) -> Path:
        made.append(kind)
        return tmp_path

    monkeypatch.setattr(run, "make_folder", make_folder)
    begun = begin(store, monkeypatch)
    assert made == []
    folders = {begun.place_folder(digest) for digest in ("a" * 64, "b" * 64, "a" * 64)}
    assert len(folders) == 2
    assert len(made) == 1
    assert all(folder.is_dir() and folder.parent == tmp_path for folder in folders)


@pytest.mark.parametrize("error", [None, ValueError("pip's"), KeyboardInterrupt()])
def test_places_are_given_back_when_pip_has_emptied_them(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: BaseException | None
) -> None:
    """What goes on is stopped before pip removes its folders; nobody else gets them before pip has."""
    begun = begin(store, monkeypatch)
    place = store.environments.take(KEY)
    assert place is not None
    begun.places.append(place)
    monkeypatch.setattr(run, "_begun", [begun])
    happened = []

    @contextlib.contextmanager
    def folders() -> Iterator[None]:
        try:
            yield
        finally:
            other = store.environments.take(KEY)
            assert other is not None
            happened.append(other.path.name)
            other.give_back()

    monkeypatch.setattr(begun, "stop", lambda: happened.append("stopped"))
    with contextlib.suppress(ValueError, KeyboardInterrupt), beginning._global_tempdir_manager(folders):
        if error is not None:
            raise error
    assert happened == ["stopped", f"{KEY}-1"]
    again = store.environments.take(KEY)
    assert again is not None
    assert again.path == place.path
    again.give_back()


KEY = "ab" * 32


class TestRebuild:
    """``--rebuild`` and ``PIPCACHE_REBUILD``."""

    @pytest.mark.parametrize(
        ("options", "variable", "named"),
        [
            ([], "", ""),
            (["alpha"], "", "alpha"),
            (["alpha", "beta"], "", "alpha beta"),
            (["alpha,beta"], "", "alpha beta"),
            ([" alpha , beta,, "], "", "alpha beta"),
            (["my_PROJECT"], "", "my-project"),
            ([], "alpha", "alpha"),
            ([], "alpha,My.Project beta", "alpha my-project beta"),
            (["alpha"], "beta", "alpha beta"),
            ([":all:"], "", "alpha beta my-project"),
            ([":ALL:"], "", "alpha beta my-project"),
            (["beta,:all:"], "", "alpha beta my-project"),
            ([], ":all:", "alpha beta my-project"),
            ([":none:"], "", ""),
            ([":none:"], ":all:", ""),
            ([":none:", "alpha"], ":all:", "alpha"),
            (["alpha", ":none:,beta"], "", "beta"),
            (["al", "alpha-beta", "*"], "all", ""),
        ],
    )
    def test_who_is_built_again(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, options: list[str], variable: str, named: str
    ) -> None:
        """Names in any spelling and order, and pip's words for all and none; options come after the variable."""
        monkeypatch.setenv("PIPCACHE_REBUILD", variable)
        begun = begin(store, monkeypatch, rebuild=options)
        found = {name for name in ["alpha", "beta", "my-project"] if begun.is_to_rebuild(name, KEY)}
        assert found == set(named.split())

    def test_once_in_a_run(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was built is new; another source of the same project is not."""
        begun = begin(store, monkeypatch, rebuild=["alpha"])
        begun.note_built(KEY)
        assert not begun.is_to_rebuild("alpha", KEY)
        assert begun.is_to_rebuild("alpha", "cd" * 32)
        assert begin(store, monkeypatch, rebuild=["alpha"]).is_to_rebuild("alpha", KEY)

    def test_commands_without_the_option(self, store: Store) -> None:
        """``cache`` has none."""
        options = Values({"quiet": 0})
        assert not run.Run(store, options, PipPresent(options, None, None)).is_to_rebuild("alpha", KEY)

    @pytest.mark.parametrize("command", ["install", "wheel", "download", "lock"])
    def test_option_of_pips_commands(self, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
        """May be given more than once; and, as all of pip's options, by a variable."""
        assert parse(command, "--rebuild", "a", "--rebuild=b", "c").rebuild == ["a", "b"]
        assert parse(command, "c").rebuild == []
        monkeypatch.setenv("PIP_REBUILD", "a b")
        assert parse(command, "c").rebuild == ["a", "b"]

    @pytest.mark.parametrize("way", ["PIP_REBUILD", "PIPCACHE_REBUILD", "option"])
    def test_build_requirements_are_not_built_again(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        """They are installed by a child process, which inherits variables; for nothing, nothing is set."""
        before = run._environ_of_nested(parse("install", "c"))
        assert not [name for name in before if "REBUILD" in name]
        if way != "option":
            monkeypatch.setenv(way, ":all:")
        options = parse("install", "c", *(["--rebuild", ":all:"] if way == "option" else []))
        assert run.Run(store, options, PipPresent(options, None, None)).is_to_rebuild("alpha", KEY)
        for name, value in run._environ_of_nested(options).items():
            monkeypatch.setenv(name, value)
        nested = parse("install", "c")
        assert not run.Run(store, nested, PipPresent(nested, None, None)).is_to_rebuild("alpha", KEY)


def test_keyring_of_build_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child process that installs them asks the keyring that the user has named; by itself it asks none."""
    assert "PIP_KEYRING_PROVIDER" not in run._environ_of_nested(parse("install", "c"))
    environ = run._environ_of_nested(parse("install", "c", "--keyring-provider", "subprocess"))
    assert environ["PIP_KEYRING_PROVIDER"] == "subprocess"
    monkeypatch.setenv("PIP_KEYRING_PROVIDER", environ["PIP_KEYRING_PROVIDER"])
    assert parse("install", "c").keyring_provider == "subprocess"


def parse(command: str, *args: str) -> Values:
    """Return the options of one of pip's commands that has ours."""
    from pip._internal.commands import create_command

    made = create_command(command)
    beginning.add_options(made)
    options: Values = made.parse_args([*args])[0]
    return options


class TestDecisions:
    """``note_decision``."""

    @pytest.fixture
    def entry(self, store: Store, tmp_path: Path) -> Entry:
        """Return an entry that is there."""
        return store.add_wheel(KEY, make_wheel(tmp_path / "built"), {})

    def test_all_that_is_documented(self, store: Store, monkeypatch: pytest.MonkeyPatch, entry: Entry) -> None:
        """Each field of ``docs/reference/explain.md``."""
        begin(store, monkeypatch).note_decision("hit", RECORD, entry, depends_on=["CC"], depends_on_absence_of=[])
        (content,) = store.log
        assert isinstance(content["time_ns"], int)
        assert {name: value for name, value in content.items() if name not in {"time_ns", "run"}} == {
            "format": 1,
            "command": "install",
            "project": "simple",
            "version": "1.0",
            "outcome": "hit",
            "wheel": "simple-1.0-py3-none-any.whl",
            "sha256": entry.wheel.sha256,
            "built_ns": entry.created_ns,
            "build_seconds": 1.25,
            "origin": "https://example.org/simple-1.0.tar.gz",
            "depends_on": ["CC"],
            "depends_on_absence_of": [],
        }

    def test_said_once(self, store: Store, monkeypatch: pytest.MonkeyPatch, entry: Entry) -> None:
        """However often the resolver asks; another run says it again."""
        for _ in range(2):
            begun = begin(store, monkeypatch)
            for _ in range(3):
                begun.note_decision("hit", RECORD, entry)
        assert [content["outcome"] for content in store.log] == ["hit", "hit"]

    def test_what_was_built_is_not_found(self, store: Store, monkeypatch: pytest.MonkeyPatch, entry: Entry) -> None:
        """A run that takes what it has built itself has built it."""
        begun = begin(store, monkeypatch)
        begun.note_decision("built", RECORD, entry, reasons=[])
        begun.note_decision("hit", RECORD, entry)
        assert [content["outcome"] for content in store.log] == ["built"]

    def test_found_and_then_built(self, store: Store, monkeypatch: pytest.MonkeyPatch, entry: Entry) -> None:
        """A wheel that was not taken in the end, and came out the same."""
        begun = begin(store, monkeypatch)
        begun.note_decision("hit", RECORD, entry)
        begun.note_decision("built", RECORD, entry, reasons=[])
        assert [content["outcome"] for content in store.log] == ["built", "hit"]

    def test_verbose_is_told(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, entry: Entry
    ) -> None:
        """In the words of ``explain``; others are not."""
        for level in [logging.INFO, run._VERBOSE]:
            caplog.set_level(level)
            begin(store, monkeypatch).note_decision("built", RECORD, entry, reasons=["`CC` was `gcc`, is `clang`"])
        said = "pipcache: simple 1.0: built in 1.2 s; the stored wheel was not used: `CC` was `gcc`, is `clang`"
        assert [record.getMessage() for record in caplog.records] == [said]

    def test_build_requirements_belong_to_the_run(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """Their run is told its name, once; other runs have names of their own."""
        monkeypatch.setenv(run._NAME_VARIABLE, "outer")
        names = [begin(store, monkeypatch).name for _ in range(3)]
        assert names[0] == "outer"
        assert len(set(names)) == 3
