"""The tox plugin on real states of tox, in this process: who takes our command, and what the end of a run says."""

from __future__ import annotations

import json
import logging
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tox.plugin.manager import MANAGER
from tox.run import setup_state
from tox.tox_env.python.pip.pip_install import Pip

from pipcache_plugin import tox_install, tox_plugin
from pipcache_plugin.pip_bridge import run as bridge_run
from pipcache_plugin.pip_bridge import runner
from pipcache_plugin.store.log import DecisionLog
from pipcache_plugin.tox_plugin import ToxRun, collect_variables, summarize

STOCK = ["python", "-I", "-m", "pip", "install", "{packages}"]
"""What tox does alone; ``{opts}`` is gone when the command is read."""


class Project:
    """A folder with a ``tox.ini``, and what tox makes of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.callbacks: list[Callable[[], object]] = []
        """What is to be called when the process ends, the last one first."""

        self.state: Any = None

    def read(self, text: str, *args: str) -> None:
        """Write ``tox.ini`` and let tox read it."""
        (self.folder / "tox.ini").write_text(f"[testenv]\nskip_install = true\n{text}\n")
        self.state = setup_state(["config", "-c", str(self.folder), *args])

    def command(self, name: str = "py") -> list[str]:
        """Return the command that installs into an environment, without the name of our folder."""
        args: list[str] = self.state.envs[name].conf["install_command"].args
        return ["<folder>" if "pipcache-tox-" in arg else arg for arg in args]

    @property
    def run(self) -> ToxRun:
        """What we know of the run."""
        return tox_plugin._current_run(self.state)

    def end(self) -> None:
        """Do what is done when the process ends."""
        while self.callbacks:
            self.callbacks.pop()()


OURS = ["python", "-I", tox_install.__file__, "<folder>", "install", "{packages}"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Return a project for a user of tox without settings; tox's logging is gone when the test ends."""
    for name in [name for name in os.environ if name.startswith(("PIPCACHE_", "TOX", "XDG_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("HOME", str(tmp_path))
    project = Project(tmp_path)

    def register(function: Callable[..., object], *args: object, **kwargs: object) -> None:
        project.callbacks.append(lambda: function(*args, **kwargs))

    monkeypatch.setattr(tox_plugin, "atexit", SimpleNamespace(register=register))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield project
    project.end()
    tox_plugin._current_run.cache_clear()
    root.handlers[:], root.level = handlers, level


class TestCommand:
    """Which command installs."""

    def test_ours_by_default(self, project: Project) -> None:
        """Nothing but the module is another one; every environment of a run has the same folder."""
        project.read("[testenv:other]")
        assert project.command() == project.command("other") == OURS
        assert len(list((project.folder / "tmp").iterdir())) == 1

    def test_for_packaging_environments(self, project: Project) -> None:
        """Build requirements are installed as well."""
        (project.folder / "pyproject.toml").touch()
        project.read("[testenv:packaged]\nskip_install = false", "-e", "packaged")
        assert project.command(".pkg") == OURS

    def test_options_of_the_environment(self, project: Project) -> None:
        """They come where tox puts them."""
        project.read("pip_pre = true")
        assert project.command() == [*OURS[:-1], "--pre", OURS[-1]]

    @pytest.mark.parametrize("args", [[], ["-x", "testenv:other.description=x"]])
    def test_set_by_the_user(self, project: Project, args: list[str]) -> None:
        """Also where it is inherited from another section."""
        project.read("install_command = mine {packages}\n[testenv:other]\ndescription = y", *args)
        assert project.command() == project.command("other") == ["mine", "{packages}"]

    def test_set_on_the_command_line(self, project: Project) -> None:
        """An override is the user's as well."""
        project.read("", "-x", "testenv.install_command=mine {packages}")
        assert project.command() == ["mine", "{packages}"]

    def test_disabled(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the variable outside of tox, tox is what it is without us; nothing is made."""
        monkeypatch.setenv("PIPCACHE_DISABLE", "1")
        project.read("")
        assert project.command() == STOCK
        assert list((project.folder / "tmp").iterdir()) == []

    def test_disabled_for_one_environment(self, project: Project) -> None:
        """In what tox sets for it."""
        project.read("[testenv:other]\nset_env = PIPCACHE_DISABLE = 1")
        assert project.command("other") == STOCK
        assert project.command() == OURS

    def test_enabled_for_one_environment(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        """What tox sets goes before what is outside."""
        monkeypatch.setenv("PIPCACHE_DISABLE", "1")
        project.read("[testenv:other]\nset_env = PIPCACHE_DISABLE = 0")
        assert project.command("other") == OURS
        assert project.command() == STOCK

    def test_wrong_setting(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is for the installation to say what is wrong."""
        monkeypatch.setenv("PIPCACHE_JOBS", "many")
        project.read("")
        assert project.command() == OURS

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"version_info": (3, 9, 1)}, STOCK),
            ({"version_info": (2, 7, 18)}, ["python", "-E", *STOCK[2:]]),
            ({"implementation": "PyPy"}, STOCK),
            ({"version_info": (3, 10, 0)}, OURS),
        ],
    )
    def test_other_pythons(
        self, project: Project, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], expected: list[str]
    ) -> None:
        """Only what we know."""
        project.read("")
        python = project.state.envs["py"].base_python
        values = {name: getattr(python, name) for name in ["implementation", "version_info"]} | change
        values["version_info"] = type(python.version_info)(*values["version_info"][:3], "final", 0)
        monkeypatch.setattr(project.state.envs["py"], "_base_python", SimpleNamespace(**values))
        assert project.command() == expected

    def test_derived_installer(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        """That of another plugin, such as tox-uv, is left alone."""

        class Other(Pip):
            def default_install_command(self, conf: object, env_name: str | None) -> Any:
                command = super().default_install_command(conf, env_name)  # type: ignore[arg-type]
                command.args[:1] = ["other"]
                return command

        monkeypatch.setattr("tox.tox_env.python.virtual_env.api.Pip", Other)
        project.read("")
        assert project.command() == ["other", *STOCK[1:]]

    def test_environment_without_command(self, project: Project) -> None:
        """Not every installer has one."""
        conf: Any = type("Conf", (dict,), {"loaders": [], "name": "py"})()
        tox_plugin.tox_add_env_config(conf, project.state)
        assert conf.loaders == []

    def test_no_other_value_is_given(self, project: Project) -> None:
        """Nor is anything said to be set that tox would call unused."""
        project.read("")
        conf = project.state.envs["py"].conf
        assert conf["pip_pre"] is False
        assert conf.unused() == []


class TestTrouble:
    """What ends in plain tox, with one warning."""

    @pytest.fixture(autouse=True)
    def _listen(self, project: Project, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog
        project.read("[testenv:other]")
        logging.getLogger().addHandler(caplog.handler)

    def _check(self, project: Project, expected: str, command: list[str] = STOCK) -> None:
        assert project.command() == project.command("other") == command
        (message,) = [record.getMessage() for record in self.caplog.records if record.name == tox_plugin.__name__]
        assert message.startswith("continuing without pipcache: ")
        assert expected in message

    def test_no_room_for_the_folder(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        """The temporary folder is full, or not there."""
        monkeypatch.setattr("tempfile.tempdir", str(project.folder / "missing"))
        self._check(project, "FileNotFoundError")

    def test_folder_that_cannot_be_written(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        """It does not stay."""
        monkeypatch.setattr(tox_install, "VARIABLES", "missing/file")
        self._check(project, "FileNotFoundError")
        project.end()
        assert list((project.folder / "tmp").iterdir()) == []

    def test_another_command_than_expected(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        """A new tox may install by other means."""
        original = Pip.default_install_command

        def change(self: Pip, conf: Any, env_name: str | None) -> Any:
            command = original(self, conf, env_name)
            command.args[2:4] = ["-m", "pip2"]
            return command

        monkeypatch.setattr(Pip, "default_install_command", change)
        self._check(project, "`python -I -m pip2 install", ["python", "-I", "-m", "pip2", "install", "{packages}"])

    def test_tox_without_what_is_needed(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        """A new tox may have other names."""
        monkeypatch.setattr(tox_plugin, "_is_supported", lambda environment: environment.no_such_name)
        self._check(project, "no_such_name")


def test_hooks_are_known_to_tox(project: Project) -> None:
    """The entry point names this module, and the hook is marked."""
    project.read("")
    assert MANAGER.manager.is_registered(tox_plugin)
    assert MANAGER.manager.get_hookcallers(tox_plugin)


def test_inert_without_tox_4(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older tox loads us as well: nothing fails, and nothing is marked as a hook."""
    monkeypatch.setitem(sys.modules, "tox.plugin", None)
    assert tox_plugin.__file__
    module = runpy.run_path(tox_plugin.__file__)
    assert not hasattr(module["tox_add_env_config"], "tox_impl")
    assert hasattr(tox_plugin.tox_add_env_config, "tox_impl")


class TestVariables:
    """What installations are told."""

    def test_of_the_run(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where our modules are, which run it is, and what the user has set; only the user may read it."""
        monkeypatch.setenv("PIPCACHE_DIR", "/somewhere")
        monkeypatch.setenv("SECRET", "x")
        project.read("")
        folder = project.run.open_folder()
        variables = json.loads((folder / tox_install.VARIABLES).read_text())
        assert variables == {
            runner.MODULES_VARIABLE: runner.modules(),
            bridge_run._NAME_VARIABLE: project.run.name,
            "PIPCACHE_DIR": "/somewhere",
            "PIPCACHE_CONFIG": os.devnull,
        }
        assert folder.stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize("first", ["", "<here>"])
    def test_no_modules_of_the_project(self, project: Project, monkeypatch: pytest.MonkeyPatch, first: str) -> None:
        """With ``python -m tox``, the current folder is where modules are sought first; ours are not there."""
        (project.folder / "wheel.py").touch()
        monkeypatch.chdir(project.folder)
        expected = runner.modules()
        monkeypatch.setattr(sys, "path", [first.replace("<here>", str(project.folder)), *sys.path])
        for name in ["wheel", *(name for name in sys.modules if name.startswith("wheel."))]:
            monkeypatch.delitem(sys.modules, name, raising=False)
        assert runner.modules() != expected
        before = [*sys.path]
        assert tox_plugin._find_modules() == expected
        assert sys.path == before

    def test_folder_goes_with_the_run(self, project: Project) -> None:
        """Nothing stays."""
        project.read("")
        folder = project.run.open_folder()
        assert project.run.open_folder() == folder
        project.end()
        assert not folder.exists()

    @pytest.mark.parametrize(
        ("environ", "expected"),
        [
            ({}, {"PIPCACHE_CONFIG": "<home>/.config/pipcache/config.toml"}),
            ({"XDG_CONFIG_HOME": "<home>/c"}, {"PIPCACHE_CONFIG": "<home>/c/pipcache/config.toml"}),
            ({"XDG_CONFIG_HOME": "<home>/absent"}, {"PIPCACHE_CONFIG": os.devnull}),
            ({"XDG_CONFIG_HOME": "/c", "PIPCACHE_CONFIG": "/d"}, {"PIPCACHE_CONFIG": "/d"}),
            (
                {"XDG_CACHE_HOME": "/c", "PIPCACHE_REBUILD": "x", "XDG_DATA_HOME": "/d", "A": "b"},
                {
                    "PIPCACHE_CONFIG": "<home>/.config/pipcache/config.toml",
                    "XDG_CACHE_HOME": "/c",
                    "PIPCACHE_REBUILD": "x",
                },
            ),
        ],
    )
    def test_of_the_user(
        self, project: Project, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: dict[str, str]
    ) -> None:
        """What leads to the same cache and settings, and nothing that pip would be configured by."""
        for folder in [".config", "c"]:
            file = project.folder / folder / "pipcache" / "config.toml"
            file.parent.mkdir(parents=True)
            file.touch()
        for name, value in environ.items():
            monkeypatch.setenv(name, value.replace("<home>", str(project.folder)))
        found = collect_variables(os.environ)
        assert {name: value.replace(str(project.folder), "<home>") for name, value in found.items()} == expected


def decision(outcome: object, seconds: object = 1.5, **more: object) -> dict[str, object]:
    """Return a line of a log."""
    return {"outcome": outcome, "project": "x", "build_seconds": seconds, **more}


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ([], ""),
        ([decision("built")], "1 wheel built"),
        ([decision("built"), decision("built")], "2 wheels built"),
        ([decision("hit")], "1 wheel found, 1.5 s saved"),
        ([decision("hit"), decision("built"), decision("hit", 100)], "2 wheels found, 1 built, 1 min 42 s saved"),
        ([decision("hit", None), decision(["odd"]), {}], "1 wheel found, 0.0 s saved"),
    ],
)
def test_summary(decisions: list[Mapping[str, object]], expected: str) -> None:
    """A log is only a file: what is odd does not count."""
    assert summarize(decisions) == expected


class TestEnd:
    """What is said when the process ends."""

    def _decide(self, project: Project, name: str, run: str | None = None) -> None:
        root = project.folder / name
        with (project.run.open_folder() / tox_install.STORES).open("a") as file:
            file.write(f"{root}\n")
        DecisionLog(root).append(decision("hit", run=run or project.run.name))

    def test_only_of_this_run(self, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
        """In every store that was used, each counted once; others use them at the same time."""
        project.read("")
        self._decide(project, "one")
        self._decide(project, "one", "another")
        self._decide(project, "two")
        capsys.readouterr()
        project.end()
        assert capsys.readouterr().out == "  pipcache: 2 wheels found, 3.0 s saved\n"

    def test_nothing_when_tox_is_quiet(self, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
        """As the user wants it."""
        project.read("", "-q")
        self._decide(project, "one")
        capsys.readouterr()
        project.end()
        assert capsys.readouterr().out == ""

    def test_nothing_to_say(self, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
        """No store was used, or nothing was found or built in it."""
        project.read("")
        project.run.open_folder()
        capsys.readouterr()
        project.run.say_summary()
        self._decide(project, "one", "another")
        project.end()
        assert capsys.readouterr().out == ""

    def test_nobody_reads(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        """The pipe may be closed by then."""
        project.read("")
        self._decide(project, "one")

        def write(text: str) -> None:
            raise BrokenPipeError(text)

        monkeypatch.setattr(sys, "stdout", SimpleNamespace(write=write))
        project.end()


class TestInstall:
    """The file that is run; what it runs is replaced here."""

    @pytest.fixture(autouse=True)
    def _replace(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.ran: list[tuple[str, list[str], str | None]] = []

        def run(name: str, **options: object) -> None:
            self.ran.append((name, sys.argv[1:], os.environ.get("FROM_TOX")))
            raise SystemExit(3)

        monkeypatch.setattr(runpy, "run_path", run)
        monkeypatch.setattr(runpy, "run_module", run)
        monkeypatch.setattr(sys, "argv", ["x", str(tmp_path), "install", "simple"])
        monkeypatch.delenv("FROM_TOX", raising=False)

    def _main(self) -> None:
        with pytest.raises(SystemExit) as caught:
            tox_install.main()
        assert caught.value.code == 3

    def _use_store(self, monkeypatch: pytest.MonkeyPatch, root: Path | None) -> None:
        current = SimpleNamespace(store=SimpleNamespace(root=root)) if root else None
        monkeypatch.setattr(bridge_run, "current", lambda: current)

    @pytest.mark.parametrize(("set_before", "expected"), [(None, "1"), ("2", "2")])
    def test_variables(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_before: str | None, expected: str
    ) -> None:
        """They are set, unless the environment has them."""
        (tmp_path / tox_install.VARIABLES).write_text('{"FROM_TOX": "1"}')
        monkeypatch.setenv("FROM_TOX", set_before or "")
        if set_before is None:
            monkeypatch.delenv("FROM_TOX")
        self._use_store(monkeypatch, None)
        self._main()
        assert self.ran == [(runner.path(), ["install", "simple"], expected)]
        assert not (tmp_path / tox_install.STORES).exists()

    def test_store_is_noted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also when the installation fails; each of several adds a line."""
        (tmp_path / tox_install.VARIABLES).write_text("{}")
        for root in ["one", "two"]:
            self._use_store(monkeypatch, tmp_path / root)
            monkeypatch.setattr(sys, "argv", ["x", str(tmp_path), "install", "simple"])
            self._main()
        assert (tmp_path / tox_install.STORES).read_text() == f"{tmp_path}/one\n{tmp_path}/two\n"

    def test_store_that_cannot_be_noted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The installation does not fail for it."""
        (tmp_path / tox_install.VARIABLES).write_text("{}")
        (tmp_path / tox_install.STORES).mkdir()
        self._use_store(monkeypatch, tmp_path)
        self._main()

    def test_nothing_was_loaded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where everything is installed already, nothing of ours is there to be asked."""
        (tmp_path / tox_install.VARIABLES).write_text("{}")
        monkeypatch.delitem(sys.modules, "pipcache_plugin.pip_bridge.run")
        self._main()
        assert not (tmp_path / tox_install.STORES).exists()

    def test_after_the_run(self) -> None:
        """The command that tox has shown is plain pip's."""
        sys.argv[1] += "/gone"
        self._main()
        assert self.ran == [("pip", ["install", "simple"], None)]
