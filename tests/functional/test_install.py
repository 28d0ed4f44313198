"""``install``: the same result as stock pip's, with every sdist built once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import Backend, make_sdist, make_source_tree, make_wheel
from tests.functional.commands import NO_BUILD, ONE_BUILD, ONE_PREPARATION, Commands, Environment, builds
from tests.functional.trees import normalised

if TYPE_CHECKING:
    from tests.functional.conftest import GitRepository, MakeEnvironment
    from tests.functional.server import Index


def test_cold_install_builds_once(index: Index, environment: Environment, pipcache: Commands) -> None:
    """Each hook of the backend is called once, the sdist is downloaded once, and one wheel is stored."""
    sdist = make_sdist(index.folder)
    pipcache.ok("install", "simple", *index.options, into=environment)
    assert pipcache.take_calls() == ONE_BUILD
    assert index.downloads(sdist.name) == 1
    assert [wheel.name for wheel in pipcache.wheels] == ["simple-1.0-py3-none-any.whl"]
    assert environment.imports("simple.VERSION") == "1.0"


def test_warm_install_neither_builds_nor_downloads(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """Into a second environment, no hook is called and no sdist is fetched."""
    sdist = make_sdist(index.folder)
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    pipcache.take_calls()
    second = make_environment()
    pipcache.ok("install", "simple", *index.options, into=second)
    assert pipcache.take_calls() == NO_BUILD
    assert index.downloads(sdist.name) == 1
    assert second.imports("simple.VERSION") == "1.0"


@pytest.fixture
def project(index: Index) -> Path:
    """Put an sdist with everything into the index: a dependency that is an sdist, an entry point, a package."""
    make_sdist(index.folder, name="needed", version="2.0")
    return make_sdist(
        index.folder,
        name="Whole.Project",
        version="1.5",
        modules={"whole/__init__.py": "def main():\n    print('whole')\n", "whole/data/x.txt": "x\n"},
        requires_dist=["needed>=1"],
        entry_points={"whole-command": "whole:main"},
    )


@pytest.mark.usefixtures("project")
def test_installed_tree_equals_stock_pips(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """Cold and warm, every file is what stock pip installs: RECORD, REQUESTED, INSTALLER, scripts, modes."""
    stock, cold, warm = make_environment(), make_environment(), make_environment()
    pip.ok("install", "whole-project", *index.options, into=stock)
    pipcache.ok("install", "whole-project", *index.options, into=cold)
    assert pipcache.take_calls() == builds(2)
    pipcache.ok("install", "whole-project", *index.options, into=warm)
    assert pipcache.take_calls() == NO_BUILD
    assert cold.tree == stock.tree
    assert warm.tree == stock.tree
    assert "bin/whole-command" in warm.tree
    assert any(name.endswith("whole_project-1.5.dist-info/REQUESTED") for name in warm.tree)
    assert not any(name.endswith("needed-2.0.dist-info/REQUESTED") for name in warm.tree)


@pytest.mark.usefixtures("project")
def test_cold_output_equals_stock_pips(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """A first run says the same lines in the same order, with names of folders, sizes and digests aside."""
    said = []
    for commands in [pip, pipcache]:
        environment = make_environment()
        result = commands.ok("install", "whole-project", *index.options, into=environment)
        said.append([normalised(text, environment.root, commands.root) for text in [result.stdout, result.stderr]])
    assert said[1] == said[0]


@pytest.mark.usefixtures("project")
def test_warm_output_equals_stock_pips(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """A second run says what pip says of wheels from its own cache."""
    said = []
    for commands in [pip, pipcache]:
        commands.ok("install", "whole-project", *index.options, into=make_environment())
        environment = make_environment()
        result = commands.ok("install", "whole-project", *index.options, into=environment)
        said.append([normalised(text, environment.root, commands.root) for text in [result.stdout, result.stderr]])
    assert said[1] == said[0]


@pytest.mark.usefixtures("project")
def test_report_equals_stock_pips(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """``--report`` has the same content, for a fresh build and for a hit."""
    reports = []
    for commands in [pip, pip, pipcache, pipcache]:
        args = ["install", "--quiet", "--report", "-", "whole-project", *index.options]
        reports.append(json.loads(commands.ok(*args, into=make_environment()).stdout))
    assert reports[2] == reports[0]
    assert reports[3] == reports[1]


def test_direct_url_file_equals_stock_pips(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """An archive given by URL has the same ``direct_url.json``, cold and warm, and the same line in ``freeze``."""
    sdist = make_sdist(index.folder)
    requirement = f"simple @ {index.file_url(sdist.name)}"
    found = []
    for commands in [pip, pipcache, pipcache]:
        environment = make_environment()
        commands.ok("install", requirement, *index.options, into=environment)
        found.append((environment.tree, commands.ok("freeze", into=environment).stdout))
    assert any(name.endswith("direct_url.json") for name in found[0][0])
    assert found[1] == found[0]
    assert found[2] == found[0]
    assert pipcache.take_calls() == ONE_BUILD


def test_direct_url_file_of_git_equals_stock_pips(
    tmp_path: Path,
    make_environment: MakeEnvironment,
    make_repository: Callable[[Path], GitRepository],
    pipcache: Commands,
    pip: Commands,
) -> None:
    """A commit has the same ``direct_url.json``, cold and warm, and the same line in ``freeze``."""
    repository = make_repository(make_source_tree(tmp_path / "sources"))
    requirement = f"simple @ {repository.url}@{repository.commit()}"
    found = []
    for commands in [pip, pipcache, pipcache]:
        environment = make_environment()
        commands.ok("install", requirement, into=environment)
        found.append((environment.tree, commands.ok("freeze", into=environment).stdout))
    assert found[1] == found[0]
    assert found[2] == found[0]
    assert pipcache.take_calls() == ONE_BUILD


def test_several_sdists_are_each_built_once(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """Twelve sdists in one run: twelve builds; in the next one: none, and no download."""
    names = [f"project{number:02}" for number in range(12)]
    sdists = [make_sdist(index.folder, name=name) for name in names]
    pipcache.ok("install", *names, *index.options, into=make_environment())
    assert pipcache.take_calls() == builds(12)
    second = make_environment()
    pipcache.ok("install", *names, *index.options, into=second)
    assert pipcache.take_calls() == NO_BUILD
    assert [index.downloads(sdist.name) for sdist in sdists] == [1] * 12
    assert second.distributions == {f"{name}-1.0" for name in names}


def test_one_new_sdist_among_known_ones(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """Only what is not stored yet is built."""
    for name in ["first", "second"]:
        make_sdist(index.folder, name=name)
    pipcache.ok("install", "first", *index.options, into=make_environment())
    pipcache.take_calls()
    environment = make_environment()
    pipcache.ok("install", "first", "second", *index.options, into=environment)
    assert pipcache.take_calls() == ONE_BUILD
    assert environment.distributions == {"first-1.0", "second-1.0"}


def test_target_folder(index: Index, tmp_path: Path, pipcache: Commands) -> None:
    """``--target`` takes wheels from the store."""
    make_sdist(index.folder)
    for name in ["one", "two"]:
        pipcache.ok("install", "simple", "--target", tmp_path / name, *index.options)
    assert pipcache.take_calls() == ONE_BUILD
    names = [{path.name for path in (tmp_path / name).iterdir()} for name in ["one", "two"]]
    assert names[0] == names[1]
    assert {"simple.py", "simple-1.0.dist-info"} <= names[0]


@pytest.mark.usefixtures("project")
def test_without_dependencies(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """``--no-deps`` neither builds nor installs dependencies, from the store as well."""
    for expected in [builds(1), NO_BUILD]:
        environment = make_environment()
        pipcache.ok("install", "whole-project", "--no-deps", *index.options, into=environment)
        assert pipcache.take_calls() == expected
        assert environment.distributions == {"whole_project-1.5"}


def test_extras_of_a_cached_wheel(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """An extra asked for the second time only is read from the stored wheel's metadata."""
    make_sdist(index.folder, requires_dist=["more; extra == 'all'\nProvides-Extra: all"])
    make_sdist(index.folder, name="more")
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    assert pipcache.take_calls() == ONE_BUILD
    environment = make_environment()
    pipcache.ok("install", "simple[all]", *index.options, into=environment)
    assert pipcache.take_calls() == ONE_BUILD
    assert environment.distributions == {"simple-1.0", "more-1.0"}


def test_requirements_file_with_config_settings(
    index: Index, tmp_path: Path, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """Config settings of a line reach the backend of that line, and no other."""
    for name in ["first", "second"]:
        make_sdist(index.folder, name=name, backend=Backend(echoes_settings=True))
    file = tmp_path / "requirements.txt"
    file.write_text("first --config-settings=color=red\nsecond\n")
    for expected in [builds(2), NO_BUILD]:
        environment = make_environment()
        pipcache.ok("install", "-r", file, *index.options, into=environment)
        assert pipcache.take_calls() == expected
        assert json.loads(environment.imports("first_settings.SETTINGS")) == {"color": "red"}
        assert json.loads(environment.imports("second_settings.SETTINGS")) in (None, {})


def test_upgrade_and_back(index: Index, environment: Environment, pipcache: Commands) -> None:
    """Two releases are two wheels: going back to the first one is a hit."""
    for version in ["1.0", "2.0"]:
        make_sdist(index.folder, version=version)
    for version, expected in [("1.0", ONE_BUILD), ("2.0", ONE_BUILD), ("1.0", NO_BUILD), ("2.0", NO_BUILD)]:
        pipcache.ok("install", f"simple=={version}", *index.options, into=environment)
        assert pipcache.take_calls() == expected
        assert environment.distributions == {f"simple-{version}"}


def test_upgrade_to_the_newest(index: Index, environment: Environment, pipcache: Commands) -> None:
    """``--upgrade`` finds a new release although an old one is stored."""
    make_sdist(index.folder)
    pipcache.ok("install", "simple", *index.options, into=environment)
    make_sdist(index.folder, version="1.1")
    pipcache.ok("install", "--upgrade", "simple", *index.options, into=environment)
    assert environment.distributions == {"simple-1.1"}
    assert pipcache.take_calls() == builds(2)


def test_satisfied_requirement_does_nothing(index: Index, environment: Environment, pipcache: Commands) -> None:
    """What is installed already is left alone, and nothing is stored."""
    make_wheel(index.folder)
    pipcache.ok("install", "simple", *index.options, into=environment)
    before = environment.tree
    result = pipcache.ok("install", "simple", *index.options, into=environment)
    assert "Requirement already satisfied" in result.stdout
    assert environment.tree == before
    assert pipcache.wheels == []


def test_wheel_of_the_index_is_preferred(index: Index, environment: Environment, pipcache: Commands) -> None:
    """An sdist beside a wheel is not built; with ``--no-binary`` it is, and may come from the store afterwards."""
    make_wheel(index.folder)
    make_sdist(index.folder)
    pipcache.ok("install", "simple", *index.options, into=environment)
    assert pipcache.take_calls() == NO_BUILD
    for expected in [ONE_BUILD, NO_BUILD]:
        args = ["install", "--force-reinstall", "--no-binary", "simple", "simple"]
        pipcache.ok(*args, *index.options, into=environment)
        assert pipcache.take_calls() == expected


def test_only_binary_refuses_a_stored_wheel(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """``--only-binary`` means no sdist, as with pip, although a wheel of it is stored."""
    make_sdist(index.folder)
    pipcache.ok("install", "simple", *index.options, into=make_environment())
    result = pipcache("install", "--only-binary", ":all:", "simple", *index.options, into=make_environment())
    assert result.returncode == 1
    assert "No matching distribution found for simple" in result.stderr


def test_dry_run_installs_nothing(index: Index, environment: Environment, pipcache: Commands) -> None:
    """``--dry-run`` says what would be installed; a wheel is not built for it."""
    make_sdist(index.folder)
    result = pipcache.ok("install", "--dry-run", "simple", *index.options, into=environment)
    assert "Would install simple-1.0" in result.stdout
    assert environment.tree == {}
    assert pipcache.take_calls() == ONE_PREPARATION


def test_wheel_command_uses_and_fills_the_store(
    index: Index, tmp_path: Path, environment: Environment, pipcache: Commands
) -> None:
    """``wheel`` writes the same wheel twice and builds it once; ``install`` takes it from there."""
    make_sdist(index.folder)
    for name in ["one", "two"]:
        pipcache.ok("wheel", "simple", "--wheel-dir", tmp_path / name, *index.options)
    one, two = (tmp_path / name / "simple-1.0-py3-none-any.whl" for name in ["one", "two"])
    assert one.read_bytes() == two.read_bytes()
    pipcache.ok("install", "simple", *index.options, into=environment)
    assert pipcache.take_calls() == ONE_BUILD


def test_wheel_written_by_us_is_the_users_own(index: Index, tmp_path: Path, pipcache: Commands) -> None:
    """A file that ``wheel`` wrote can be edited without harm to the store."""
    make_sdist(index.folder)
    for name in ["one", "two"]:
        pipcache.ok("wheel", "simple", "--wheel-dir", tmp_path / name, *index.options)
        target = tmp_path / name / "simple-1.0-py3-none-any.whl"
        intact = target.read_bytes()
        target.write_bytes(b"edited")
    (stored,) = pipcache.wheels
    assert stored.read_bytes() == intact


def test_installed_file_is_the_environments_own(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """An edit in one environment reaches no other, and not the store."""
    make_sdist(index.folder)
    first, second = make_environment(), make_environment()
    for environment in [first, second]:
        pipcache.ok("install", "simple", *index.options, into=environment)
        with (environment.library / "simple.py").open("a") as file:
            file.write("EDITED = True\n")
    third = make_environment()
    pipcache.ok("install", "simple", *index.options, into=third)
    assert "EDITED" not in (third.library / "simple.py").read_text()
    assert pipcache.take_calls() == ONE_BUILD


def test_yanked_release_is_reported_as_yanked(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """A hit on a yanked release warns as a fresh build does."""
    sdist = make_sdist(index.folder)
    index.yanked[sdist.name] = "broken"
    reports = []
    for _ in range(2):
        args = ["install", "simple==1.0", "--report", "report.json", *index.options]
        result = pipcache.ok(*args, into=make_environment())
        reports.append(json.loads((pipcache.work / "report.json").read_text()))
        assert "yanked" in result.stderr
    assert reports[0] == reports[1]
    assert reports[0]["install"][0]["is_yanked"] is True
    assert pipcache.take_calls() == ONE_BUILD


def test_uninstall_of_what_came_from_the_store(index: Index, environment: Environment, pipcache: Commands) -> None:
    """``uninstall`` leaves nothing of it."""
    make_sdist(index.folder, entry_points={"simple-command": "simple:main"})
    for _ in range(2):
        pipcache.ok("install", "simple", *index.options, into=environment)
        assert "bin/simple-command" in environment.tree
        pipcache.ok("uninstall", "--yes", "simple", into=environment)
        assert environment.tree == {}


def test_no_temporary_files_are_left(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """Neither a build nor a hit leaves anything in the temporary folder."""
    make_sdist(index.folder)
    for _ in range(2):
        pipcache.ok("install", "simple", *index.options, into=make_environment())
        assert list(pipcache.leftovers()) == []


def test_credentials_of_the_index_are_not_stored(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """A password in the index URL is in no file of the store, and does not keep a wheel from being a hit."""
    make_sdist(index.folder)
    index.credentials = "user:secretword"
    for _ in range(2):
        pipcache.ok("install", "simple", *index.options, into=make_environment())
    assert pipcache.take_calls() == ONE_BUILD
    files = [path for path in pipcache.store.rglob("*") if path.is_file()]
    assert files
    assert not any(b"secretword" in path.read_bytes() for path in files)
