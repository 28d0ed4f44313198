"""Build environments: virtual ones, made for real, and the current one."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from pipcache_plugin.building.environment import CurrentEnvironment, IsolatedEnvironment
from pipcache_plugin.building.errors import EnvironmentCreationError
from tests.unit.building.fakes import DistInfoInstaller, add_dist_info


@pytest.fixture
def isolated(tmp_path: Path) -> IsolatedEnvironment:
    """Return a new virtual environment."""
    return IsolatedEnvironment(tmp_path / "environment", DistInfoInstaller(), {"PATH": "/somewhere"})


def run(environment: IsolatedEnvironment, script: str) -> str:
    """Return what *script* prints in the environment."""
    environ = {**os.environ, **environment.make_extra_environ()}
    return subprocess.check_output([environment.python_executable, "-c", script], env=environ, text=True).strip()


class TestIsolated:
    """``IsolatedEnvironment``."""

    def test_its_python_is_this_python_elsewhere(self, isolated: IsolatedEnvironment, tmp_path: Path) -> None:
        """The same version; its own prefix."""
        assert run(isolated, "import sys; print(sys.prefix)") == str(tmp_path / "environment")
        assert run(isolated, "import sys; print(sys.version)") == sys.version.strip()

    def test_library_is_where_its_python_looks(self, isolated: IsolatedEnvironment) -> None:
        """What is put there can be imported by backends."""
        (isolated.paths.library / "put_there.py").write_text("")
        assert run(isolated, "import put_there; print(put_there.__file__)").startswith(str(isolated.paths.library))
        assert run(isolated, "import sysconfig; print(sysconfig.get_path('purelib'))") == str(isolated.paths.library)

    def test_foreign_modules_are_not_found(
        self, isolated: IsolatedEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither what this process has installed nor what the user's PYTHONPATH has."""
        (tmp_path / "foreign.py").touch()
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        script = "from importlib.util import find_spec; print(find_spec('foreign'), find_spec('pytest'))"
        assert run(isolated, script) == "None None"

    def test_its_programs_come_first(self, isolated: IsolatedEnvironment) -> None:
        """The user's programs are found after those of build requirements."""
        scripts = str(Path(isolated.python_executable).parent)
        assert isolated.make_extra_environ()["PATH"] == scripts + os.pathsep + "/somewhere"

    def test_no_path_is_no_empty_path(self, tmp_path: Path) -> None:
        """An empty element would mean the current folder."""
        isolated = IsolatedEnvironment(tmp_path / "environment", DistInfoInstaller(), {})
        assert os.pathsep not in isolated.make_extra_environ()["PATH"]

    @pytest.mark.parametrize("name", ["purelib", "platlib", "scripts", "data"])
    def test_schemes_are_those_of_its_python(self, isolated: IsolatedEnvironment, name: str) -> None:
        """A wheel can be put into it by somebody else than its own Python."""
        told = run(isolated, f"import sysconfig; print(sysconfig.get_path({name!r}))")
        assert isolated.paths.schemes[name] == told

    def test_requirements_are_installed_into_it(self, isolated: IsolatedEnvironment) -> None:
        """They are then collected, sorted by normalized name."""
        isolated.install(["zeta", "Alpha.One"], "build dependencies")
        assert isolated.collect_installed() == {"alpha-one": "1.0", "zeta": "1.0"}

    def test_nothing_to_install_starts_no_installer(self, tmp_path: Path) -> None:
        """An installation costs a process even where there is nothing to do."""
        installer = DistInfoInstaller()
        IsolatedEnvironment(tmp_path / "environment", installer, {}).install([], "build dependencies")
        assert installer.calls == []

    def test_new_environment_is_empty(self, isolated: IsolatedEnvironment) -> None:
        """There is no pip in it, and nothing else."""
        assert isolated.collect_installed() == {}

    def test_two_environments_share_nothing(self, tmp_path: Path) -> None:
        """What one build requires does not leak into the next."""
        one, two = (IsolatedEnvironment(tmp_path / name, DistInfoInstaller(), {}) for name in ("one", "two"))
        add_dist_info(one.paths.library, "simple", "1.0")
        assert two.collect_installed() == {}

    def test_folder_may_exist(self, tmp_path: Path) -> None:
        """The caller makes and removes it."""
        (tmp_path / "environment").mkdir()
        IsolatedEnvironment(tmp_path / "environment", DistInfoInstaller(), {})

    def test_place_where_none_can_be(self, tmp_path: Path) -> None:
        """A file in the way is told with our error."""
        (tmp_path / "file").touch()
        with pytest.raises(EnvironmentCreationError):
            IsolatedEnvironment(tmp_path / "file" / "environment", DistInfoInstaller(), {})

    def test_python_without_venv(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Some distributors put it into another package."""
        monkeypatch.setitem(sys.modules, "venv", None)
        with pytest.raises(EnvironmentCreationError):
            IsolatedEnvironment(tmp_path / "environment", DistInfoInstaller(), {})

    def test_environment_without_interpreter(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An embedded Python may make environments that have none."""
        monkeypatch.setattr(venv.EnvBuilder, "create", lambda *_args: None)
        with pytest.raises(EnvironmentCreationError, match="no interpreter"):
            IsolatedEnvironment(tmp_path / "environment", DistInfoInstaller(), {})


class TestCurrent:
    """``CurrentEnvironment``."""

    def test_it_is_this_python_unchanged(self) -> None:
        """No variable is set, no other interpreter started."""
        environment = CurrentEnvironment({})
        assert environment.python_executable == sys.executable
        assert environment.make_extra_environ() == {}
