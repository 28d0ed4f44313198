"""One source tree, from preparation to wheel, through a backend that is part of it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.building.environment import CurrentEnvironment, IsolatedEnvironment
from pipcache_plugin.building.errors import ConflictingRequirementsError, UnsupportedProjectError
from pipcache_plugin.building.project import Project, SourceTree
from pipcache_plugin.building.wheels import verify
from tests.factories import PLAIN_BACKEND, Backend, make_source_tree
from tests.unit.building.fakes import DistInfoInstaller, SubprocessRunner

if TYPE_CHECKING:
    from pipcache_plugin.building.interface import Hook, HookRunner

GET_REQUIRES = "get_requires_for_build_wheel"
PREPARE = "prepare_metadata_for_build_wheel"
BUILD = "build_wheel"

ConfigSettings = Mapping[str, str | Sequence[str]]


@dataclass
class Bench:
    """Makes projects in a folder, and sees what they do."""

    folder: Path
    runner: SubprocessRunner = field(default_factory=SubprocessRunner)
    installer: DistInfoInstaller = field(default_factory=DistInfoInstaller)
    missing: list[frozenset[str]] = field(default_factory=list)
    environments: list[IsolatedEnvironment | CurrentEnvironment] = field(default_factory=list)

    def project(
        self,
        backend: Backend = PLAIN_BACKEND,
        *,
        is_isolated: bool = False,
        requires: Sequence[str] = (),
        requires_checked: Sequence[str] = (),
        config_settings: ConfigSettings | None = None,
        run_hook: HookRunner | None = None,
    ) -> Project:
        """Return a project that nothing was done with yet."""
        tree = SourceTree(
            path=make_source_tree(self.folder / "source", backend=backend),
            requires=requires,
            requires_checked=requires_checked,
            config_settings=config_settings,
        )
        return self.project_of(tree, is_isolated=is_isolated, run_hook=run_hook)

    def project_of(self, tree: SourceTree, *, is_isolated: bool = False, run_hook: HookRunner | None = None) -> Project:
        """Return the project of a source tree."""
        make = self._make_isolated if is_isolated else self._use_current
        return Project(tree, make, run_hook or self.runner, self.missing.append)

    def _make_isolated(self) -> IsolatedEnvironment:
        environment = IsolatedEnvironment(self.folder / "environment", self.installer, {})
        self.environments.append(environment)
        return environment

    def _use_current(self) -> CurrentEnvironment:
        environment = CurrentEnvironment({})
        self.environments.append(environment)
        return environment


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench in a folder of its own."""
    return Bench(tmp_path)


def read_module(wheel: Path, name: str) -> str:
    """Return the text of a module in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name).decode()


class TestSteps:
    """The steps in order."""

    def test_nothing_happens_before_it_is_asked_for(self, bench: Bench) -> None:
        """A project that turns out to be known costs nothing."""
        project = bench.project(is_isolated=True)
        assert bench.environments == []
        assert (project.wheel, project.seconds, project.used) == (None, 0.0, {})

    def test_isolated_build_calls_each_hook_once(self, bench: Bench, tmp_path: Path) -> None:
        """Environment, metadata, wheel; on the environment's interpreter, in the project's folder."""
        project = bench.project(is_isolated=True)
        project.prepare_environment()
        metadata = project.prepare_metadata(tmp_path / "metadata")
        wheel = project.build_wheel(tmp_path / "wheels", metadata)
        assert bench.runner.hooks == [GET_REQUIRES, PREPARE, BUILD]
        assert {call.python for call in bench.runner.calls} == {bench.environments[0].python_executable}
        assert {call.cwd for call in bench.runner.calls} == {str(tmp_path / "source" / "simple-1.0")}
        assert verify(wheel).project == "simple"
        assert wheel.parent == tmp_path / "wheels"
        assert project.wheel == wheel

    def test_build_without_isolation_asks_for_no_requirements(self, bench: Bench, tmp_path: Path) -> None:
        """Who turns isolation off has seen to them."""
        project = bench.project(Backend(extra_requires=("absent",)), requires=["absent"])
        project.prepare_environment()
        project.build_wheel(tmp_path / "wheels", None)
        assert bench.runner.hooks == [BUILD]
        assert bench.runner.calls[0].python == sys.executable
        assert bench.runner.calls[0].extra_environ.keys().isdisjoint({"PATH", "PYTHONPATH"})
        assert bench.installer.calls == []
        assert project.used == {}

    def test_environment_is_made_once(self, bench: Bench) -> None:
        """The second time there is nothing to do."""
        project = bench.project(is_isolated=True)
        project.prepare_environment()
        project.prepare_environment()
        assert len(bench.environments) == 1
        assert bench.runner.hooks == [GET_REQUIRES]

    def test_metadata_is_prepared_below_the_folder(self, bench: Bench, tmp_path: Path) -> None:
        """The path is the ``.dist-info`` itself."""
        project = bench.project()
        project.prepare_environment()
        assert project.prepare_metadata(tmp_path / "metadata") == tmp_path / "metadata" / "simple-1.0.dist-info"
        assert (tmp_path / "metadata" / "simple-1.0.dist-info" / "METADATA").exists()

    def test_backend_without_the_hook_prepares_none(self, bench: Bench, tmp_path: Path) -> None:
        """And no wheel is built in secret for it."""
        project = bench.project(Backend(has_prepare=False))
        project.prepare_environment()
        assert project.prepare_metadata(tmp_path / "metadata") is None
        assert project.wheel is None
        assert BUILD not in bench.runner.hooks

    def test_prepared_metadata_is_handed_to_the_build(self, bench: Bench, tmp_path: Path) -> None:
        """A backend may rely on what it prepared."""
        project = bench.project()
        project.prepare_environment()
        project.build_wheel(tmp_path / "wheels", tmp_path / "simple-1.0.dist-info")
        assert bench.runner.calls[0].arguments["metadata_directory"] == str(tmp_path / "simple-1.0.dist-info")

    @pytest.mark.parametrize("settings", [None, {}, {"a": "1"}, {"a": ["1", "2"], "b": ""}])
    def test_config_settings_reach_every_hook(
        self, bench: Bench, tmp_path: Path, settings: ConfigSettings | None
    ) -> None:
        """As they are: texts, lists, none."""
        project = bench.project(Backend(echoes_settings=True), is_isolated=True, config_settings=settings)
        project.prepare_environment()
        wheel = project.build_wheel(tmp_path / "wheels", project.prepare_metadata(tmp_path / "metadata"))
        assert [call.arguments["config_settings"] for call in bench.runner.calls] == [settings] * 3
        seen = json.dumps(settings, sort_keys=True)
        assert read_module(wheel, "simple_settings.py") == f"SETTINGS = {seen!r}\n"

    def test_backend_sees_the_environment(self, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Variables of the user's are not filtered."""
        monkeypatch.setenv("SIMPLE_FLAVOUR", "vanilla")
        project = bench.project(Backend(echoes_variable="SIMPLE_FLAVOUR"), is_isolated=True)
        project.prepare_environment()
        assert (
            read_module(project.build_wheel(tmp_path / "wheels", None), "simple_variable.py") == "VALUE = 'vanilla'\n"
        )

    def test_seconds_add_up(self, bench: Bench, tmp_path: Path) -> None:
        """Waiting between the steps does not count, failing steps do."""
        project = bench.project(Backend(sleep_seconds=0.2, fails_in=PREPARE))
        project.prepare_environment()
        with pytest.raises(subprocess.CalledProcessError):
            project.prepare_metadata(tmp_path / "metadata")
        before = project.seconds
        assert before > 0
        project.build_wheel(tmp_path / "wheels", None)
        assert project.seconds > before + 0.2


class TestRequirements:
    """What a build requires, in an isolated environment."""

    def test_declared_ones_come_first_then_those_asked_for(self, bench: Bench) -> None:
        """The backend is asked when its own requirements are there."""
        project = bench.project(
            Backend(extra_requires=("zeta", "extra >=1")), is_isolated=True, requires=["declared", "beta"]
        )
        project.prepare_environment()
        assert bench.installer.calls == [
            (["declared", "beta"], "build dependencies"),
            (["extra >=1", "zeta"], "backend dependencies"),
        ]
        assert project.used == {"beta": "1.0", "declared": "1.0", "extra": "1.0", "zeta": "1.0"}

    def test_what_is_there_is_not_installed_again(self, bench: Bench) -> None:
        """A backend may ask for what is declared."""
        project = bench.project(Backend(extra_requires=("declared",)), is_isolated=True, requires=["declared >=1"])
        project.prepare_environment()
        assert bench.installer.calls == [(["declared >=1"], "build dependencies")]

    def test_backend_that_contradicts_the_declaration(self, bench: Bench) -> None:
        """Both sides are named."""
        project = bench.project(Backend(extra_requires=("declared >=2",)), is_isolated=True, requires=["declared"])
        with pytest.raises(ConflictingRequirementsError) as caught:
            project.prepare_environment()
        assert caught.value.conflicting_with == "the backend dependencies"
        assert caught.value.conflicts == {("declared==1.0", "declared >=2")}

    def test_checked_requirement_that_is_too_old(self, bench: Bench) -> None:
        """It is compared, not installed."""
        project = bench.project(is_isolated=True, requires=["setuptools"], requires_checked=["setuptools >=40"])
        with pytest.raises(ConflictingRequirementsError) as caught:
            project.prepare_environment()
        assert caught.value.conflicting_with == "PEP 517/518 supported requirements"
        assert caught.value.conflicts == {("setuptools==1.0", "setuptools >=40")}
        assert bench.runner.hooks == []

    def test_checked_requirement_that_is_missing(self, bench: Bench) -> None:
        """Somebody is told, and the backend is asked all the same."""
        project = bench.project(is_isolated=True, requires_checked=["setuptools >=40"])
        project.prepare_environment()
        assert bench.missing == [frozenset({"setuptools >=40"})]
        assert bench.runner.hooks == [GET_REQUIRES]

    @pytest.mark.parametrize("is_checked", [True, False])
    def test_requirement_that_is_none(self, bench: Bench, is_checked: bool) -> None:
        """Another front-end may read it otherwise, or say it better."""
        nonsense = ("not a requirement",)
        project = bench.project(
            Backend(extra_requires=() if is_checked else nonsense),
            is_isolated=True,
            requires_checked=nonsense if is_checked else (),
        )
        with pytest.raises(UnsupportedProjectError, match="not a requirement"):
            project.prepare_environment()

    def test_failing_installer_is_passed_on(self, bench: Bench) -> None:
        """An index that is down is not for us to explain."""

        class Offline(DistInfoInstaller):
            def __call__(self, requirements: Sequence[str], environment: object, kind: object) -> None:
                """Install nothing."""
                raise ConnectionError

        bench.installer = Offline()
        project = bench.project(is_isolated=True, requires=["declared"])
        with pytest.raises(ConnectionError):
            project.prepare_environment()


class TestFailures:
    """What does not work, and whose fault it is."""

    @pytest.mark.parametrize("hook", [GET_REQUIRES, PREPARE, BUILD])
    def test_failing_hook_is_the_runners_exception(self, bench: Bench, tmp_path: Path, hook: str) -> None:
        """It comes through as it was raised, with what the backend said."""
        project = bench.project(Backend(fails_in=hook, message="no compiler today"), is_isolated=True)
        with pytest.raises(subprocess.CalledProcessError) as caught:
            build_all(project, tmp_path)
        assert bench.runner.hooks[-1] == hook
        assert "no compiler today" in caught.value.stderr
        assert caught.value.__cause__ is None
        assert project.wheel is None

    @pytest.mark.parametrize("error", [RuntimeError("ours"), OSError("no python"), KeyboardInterrupt()])
    def test_any_exception_of_the_runner_comes_through(
        self, bench: Bench, tmp_path: Path, error: BaseException
    ) -> None:
        """The very object."""

        def fail(*_args: object, **_kwargs: object) -> None:
            raise error

        project = bench.project(run_hook=fail)
        with pytest.raises(type(error)) as caught:
            build_all(project, tmp_path)
        assert caught.value is error

    @pytest.mark.parametrize(
        "pyproject",
        [
            "[build-system\n",
            "build-system = 1\n",
            '[build-system]\nbuild-backend = "tiny_backend"\n',
            '[build-system]\nrequires = []\nbuild-backend = "tiny_backend"\nbackend-path = ["absent"]\n',
            '[build-system]\nrequires = []\ncolour = "blue"\n',
            None,
        ],
    )
    @pytest.mark.parametrize("is_isolated", [True, False])
    def test_project_that_build_refuses(
        self, bench: Bench, tmp_path: Path, pyproject: str | None, is_isolated: bool
    ) -> None:
        """No hook is called and nothing installed; another front-end may think otherwise."""
        project = bench.project(is_isolated=is_isolated, requires=["declared"])
        path = tmp_path / "source" / "simple-1.0" / "pyproject.toml"
        path.unlink() if pyproject is None else path.write_text(pyproject)
        with pytest.raises(UnsupportedProjectError) as caught:
            build_all(project, tmp_path)
        assert caught.value.reason
        assert bench.runner.hooks == []
        assert bench.installer.calls == []

    def test_backend_that_is_not_there(self, bench: Bench, tmp_path: Path) -> None:
        """A module that cannot be imported."""
        project = bench.project()
        (tmp_path / "source" / "simple-1.0" / "_backend" / "tiny_backend.py").unlink()
        with pytest.raises(UnsupportedProjectError, match="tiny_backend"):
            build_all(project, tmp_path)

    def test_backend_without_build_wheel(self, bench: Bench, tmp_path: Path) -> None:
        """The one hook that it must have: its process fails, as that of any broken backend."""
        project = bench.project()
        backend = tmp_path / "source" / "simple-1.0" / "_backend" / "tiny_backend.py"
        backend.write_text(backend.read_text() + "\ndel build_wheel\n")
        with pytest.raises(subprocess.CalledProcessError) as caught:
            build_all(project, tmp_path)
        assert "build_wheel" in caught.value.stderr

    def test_wheel_that_was_announced_but_not_written(self, bench: Bench, tmp_path: Path) -> None:
        """The file is named."""
        project = bench.project()
        backend = tmp_path / "source" / "simple-1.0" / "_backend" / "tiny_backend.py"
        backend.write_text(backend.read_text() + "\ndef build_wheel(*_):\n    return 'announced.whl'\n")
        with pytest.raises(UnsupportedProjectError, match=r"announced\.whl"):
            build_all(project, tmp_path)
        assert project.wheel is None

    @pytest.mark.parametrize("result", ["None", "5", "['a.whl']", "''", "write_link(_[0])"])
    def test_wheel_that_is_no_file(self, bench: Bench, tmp_path: Path, result: str) -> None:
        """No name, a folder, or a link: whatever the hook returns."""
        project = bench.project()
        backend = tmp_path / "source" / "simple-1.0" / "_backend" / "tiny_backend.py"
        link = "def write_link(folder):\n    os.symlink(__file__, folder + '/x.whl')\n    return 'x.whl'\n"
        backend.write_text(backend.read_text() + f"\n{link}\ndef build_wheel(*_):\n    return {result}\n")
        with pytest.raises(UnsupportedProjectError):
            build_all(project, tmp_path)
        assert project.wheel is None

    @pytest.mark.parametrize("result", ["[5]", "[None]", "['not a requirement!']"])
    def test_requirements_that_are_none(self, bench: Bench, tmp_path: Path, result: str) -> None:
        """Whatever the hook returns."""
        project = bench.project(is_isolated=True)
        backend = tmp_path / "source" / "simple-1.0" / "_backend" / "tiny_backend.py"
        backend.write_text(
            backend.read_text() + f"\ndef get_requires_for_build_wheel(config_settings):\n    return {result}\n"
        )
        with pytest.raises(UnsupportedProjectError):
            build_all(project, tmp_path)

    def test_folder_that_is_a_file(self, bench: Bench, tmp_path: Path) -> None:
        """What ``build`` does not write into, we do not either."""
        (tmp_path / "wheels").touch()
        with pytest.raises(UnsupportedProjectError, match="wheels"):
            build_all(bench.project(), tmp_path)

    @pytest.mark.filterwarnings("always")
    def test_warnings_go_to_the_debug_log(self, bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """They are for the project's authors."""

        def warn(hook: Hook, cmd: Sequence[str], cwd: str | None, extra_environ: Mapping[str, str] | None) -> None:
            warnings.warn("old-fashioned", FutureWarning, stacklevel=2)
            bench.runner(hook, cmd, cwd, extra_environ)

        with caplog.at_level(logging.DEBUG, "pipcache_plugin"):
            build_all(bench.project(run_hook=warn), tmp_path)
        assert "FutureWarning: old-fashioned" in caplog.text


def build_all(project: Project, folder: Path) -> Path:
    """Take all steps."""
    project.prepare_environment()
    return project.build_wheel(folder / "wheels", project.prepare_metadata(folder / "metadata"))
