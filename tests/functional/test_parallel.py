"""Several sdists in one command: prepared and built at the same time, and told of as if one came after the other."""

from __future__ import annotations

import os
import re
import signal
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import Backend, make_sdist, make_source_tree, make_wheel, pack_tree, sha256_hex
from tests.functional.commands import ONE_BUILD, TIMEOUT_SECONDS, Commands, Environment, builds
from tests.functional.trees import normalised

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index

MEET = """
    import os, pathlib, time
    here = pathlib.Path(os.environ["MEETING"])
    (here / {name!r}).touch()
    deadline = time.monotonic() + {seconds}
    while not all((here / other).exists() for other in {names!r}):
        if time.monotonic() > deadline:
            raise SystemExit("nobody came")
        time.sleep(0.02)
"""
"""Waits until all who are named have come."""

LOG = """
    import os, time
    def note(word):
        with open(os.environ["MEETING"] + "/log", "a") as file:
            file.write(word + "\\n")
    note("begin")
    time.sleep(0.3)
    note("end")
"""


def make_project(index: Index, name: str, code: str, hook: str = "build_wheel") -> Path:
    """Put an sdist into the index whose *hook* runs *code* before it does anything else."""
    tree = make_source_tree(index.folder.parent / "trees", name=name)
    backend = tree / "_backend" / "tiny_backend.py"
    body = textwrap.indent(textwrap.dedent(code), "    ")
    backend.write_text(
        f"{backend.read_text()}\n\n_{hook} = {hook}\n\n\ndef {hook}(*args, **kwargs):\n{body}\n"
        f"    return _{hook}(*args, **kwargs)\n"
    )
    return pack_tree(tree, index.folder / f"{tree.name}.tar.gz")


@pytest.fixture
def meeting(tmp_path: Path, pipcache: Commands) -> Path:
    """Return a folder that backends know of."""
    folder = tmp_path / "meeting"
    folder.mkdir()
    pipcache.variables["MEETING"] = str(folder)
    return folder


@pytest.mark.usefixtures("meeting")
@pytest.mark.parametrize("hook", ["prepare_metadata_for_build_wheel", "build_wheel"])
def test_what_was_asked_for_is_done_at_the_same_time(
    index: Index, environment: Environment, pipcache: Commands, hook: str
) -> None:
    """Two backends that wait for each other both come to an end."""
    for name in ["one", "two"]:
        make_project(index, name, MEET.format(name=name, names=["one", "two"], seconds=30), hook)
    pipcache.ok("install", "--jobs", "2", "one", "two==1.0", *index.options, into=environment)
    assert pipcache.take_calls() == builds(2)
    assert environment.distributions == {"one-1.0", "two-1.0"}


@pytest.mark.usefixtures("meeting")
def test_dependencies_are_prepared_at_the_same_time(index: Index, environment: Environment, pipcache: Commands) -> None:
    """What a candidate depends on is known when pip begins to look at it."""
    make_wheel(index.folder, name="top", requires_dist=["one", "two"])
    for name in ["one", "two"]:
        code = MEET.format(name=name, names=["one", "two"], seconds=30)
        make_project(index, name, code, "prepare_metadata_for_build_wheel")
    pipcache.ok("install", "--jobs", "2", "top", *index.options, into=environment)
    assert pipcache.take_calls() == builds(2)


@pytest.mark.parametrize(
    ("option", "variables"),
    [
        (["--jobs", "1"], {}),
        (["--jobs=1"], {"PIPCACHE_JOBS": "2"}),
        ([], {"PIPCACHE_JOBS": "1"}),
        ([], {"PIP_JOBS": "1"}),
    ],
)
def test_jobs_are_bounded(  # noqa: PLR0917 (fixtures and ways)
    index: Index,
    environment: Environment,
    pipcache: Commands,
    meeting: Path,
    option: list[str],
    variables: dict[str, str],
) -> None:
    """One at a time: none begins before another has ended."""
    for name in ["one", "two", "three"]:
        make_project(index, name, LOG)
    pipcache.ok("install", *option, "one", "two", "three", *index.options, into=environment, env=variables)
    assert (meeting / "log").read_text().split() == ["begin", "end"] * 3


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_no_number_of_jobs(index: Index, environment: Environment, pipcache: Commands, count: str) -> None:
    """An option that makes no sense is refused, as pip's own are."""
    make_sdist(index.folder)
    result = pipcache("install", f"--jobs={count}", "simple", *index.options, into=environment)
    assert result.returncode in {1, 2}
    assert "jobs" in result.stderr
    assert not environment.distributions


def test_output_is_as_if_one_came_after_the_other(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """The same lines in the same order as stock pip's."""
    make_wheel(index.folder, name="tool")
    for name in ["one", "two", "three", "four"]:
        make_sdist(index.folder, name=name, build_requires=["tool"], requires_dist=["five"])
    make_sdist(index.folder, name="five", version="2.0")
    said = []
    for commands in [pip, pipcache]:
        environment = make_environment()
        result = commands.ok("install", "one", "two", "three", "four", *index.options, into=environment)
        said.append([normalised(text, environment.root, commands.root) for text in [result.stdout, result.stderr]])
    assert said[1] == said[0]


def test_what_processes_say_is_between_the_lines_of_their_step(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """In pip's log, as in a terminal with ``--verbose``."""
    for name in ["one", "two"]:
        make_project(index, name, "print('said by the backend', flush=True)")
    said = []
    for commands in [pip, pipcache]:
        log = commands.root / "log"
        commands.ok("install", "--log", log, "one", "two", *index.options, into=make_environment())
        lines = [line.partition(" ")[2].strip() for line in log.read_text().splitlines()]
        said.append([line for line in lines if re.match(r"said by|(Running command )?(Getting|Prep|Building) ", line)])
    assert said[1] == said[0]
    assert said[0].count("said by the backend") == 2


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_warnings_of_an_index_are_not_lost(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands, kind: str
) -> None:
    """Said once for each project, and where pip says them, whoever has asked first."""
    make_sdist(index.folder, name="one", backend=Backend(sleep_seconds=0.3))
    make = make_sdist if kind == "sdist" else make_wheel
    make(index.folder, name="two")
    options = [*index.options, "--extra-index-url", "http://index.invalid/simple/"]
    said = []
    for commands in [pip, pipcache]:
        environment = make_environment()
        result = commands.ok("install", "one", "two", *options, into=environment)
        said.append([normalised(text, environment.root, commands.root) for text in [result.stdout, result.stderr]])
    assert said[1] == said[0]
    assert "index.invalid" in "".join(said[0][1])


def test_what_is_found_meanwhile_is_told(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """A wheel that was found while something else was prepared: once, with ``-v``, where pip comes to it."""
    make_sdist(index.folder, name="known")
    make_sdist(index.folder, name="slow", backend=Backend(sleep_seconds=1))
    pipcache.ok("install", "known", *index.options, into=make_environment())
    result = pipcache.ok("install", "-v", "slow", "known", *index.options, into=make_environment())
    (line,) = [line for line in result.stdout.splitlines() if "pipcache: " in line and "known" in line]
    assert result.stdout.index("Preparing metadata") < result.stdout.index(line)


def test_what_is_not_for_this_python_is_looked_no_further_into(
    index: Index, environment: Environment, pipcache: Commands
) -> None:
    """What it depends on by URL is not even downloaded, as with pip."""
    dependency = make_wheel(index.folder.parent / "elsewhere", name="dependency")
    requires = [f"dependency @ {dependency.as_uri()}"]
    wheel = make_wheel(dependency.parent, requires_dist=requires, requires_python="<3.5")
    result = pipcache("install", str(wheel), "--ignore-requires-python", "--dry-run", into=environment)
    assert "dependency-1.0" in result.stdout
    result = pipcache("install", "--find-links", str(wheel.parent), "--no-index", "simple", into=environment)
    assert result.returncode == 1
    assert "dependency" not in result.output


def test_failed_build_among_others(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """It is told of as pip tells of it, whole and once; the others are built."""
    make_sdist(index.folder, name="one")
    make_sdist(index.folder, name="two", backend=Backend(fails_in="build_wheel", message="this is wrong"))
    make_sdist(index.folder, name="three")
    said = []
    for commands in [pip, pipcache]:
        environment = make_environment()
        result = commands("install", "one", "two", "three", *index.options, into=environment)
        assert result.returncode == 1
        said.append([normalised(text, environment.root, commands.root) for text in [result.stdout, result.stderr]])
    assert said[1] == said[0]
    assert sorted(wheel.name.split("-")[0] for wheel in pipcache.wheels) == ["one", "three"]


def test_failed_preparation_among_others(index: Index, environment: Environment, pipcache: Commands) -> None:
    """The command ends with it, also when it was the last that was asked for."""
    make_sdist(index.folder, name="one", backend=Backend(sleep_seconds=60))
    make_sdist(index.folder, name="two", backend=Backend(fails_in="prepare_metadata_for_build_wheel"))
    result = pipcache("install", "one", "two", *index.options, into=environment)
    assert result.returncode == 1
    assert "metadata-generation-failed" in result.output
    assert list(pipcache.leftovers()) == []


@pytest.mark.parametrize("count", ["1", "2"])
def test_project_that_another_is_built_with(
    index: Index, environment: Environment, pipcache: Commands, count: str
) -> None:
    """Asked for, and a build requirement of what else is asked for: built once, and nobody waits for ever."""
    make_sdist(index.folder, name="tool")
    for name in ["one", "two"]:
        make_sdist(index.folder, name=name, build_requires=["tool"])
    pipcache.ok("install", "--jobs", count, "one", "tool", "two", *index.options, into=environment)
    assert pipcache.take_calls()["build_wheel"] == 3
    assert environment.distributions == {"one-1.0", "tool-1.0", "two-1.0"}


@pytest.mark.parametrize("command", ["wheel", "download"])
def test_commands_that_do_not_install(index: Index, pipcache: Commands, command: str, tmp_path: Path) -> None:
    """Build requirements are chosen by a second command within the first, which may be another one."""
    make_wheel(index.folder, name="tool")
    for name in ["one", "two"]:
        make_sdist(index.folder, name=name, build_requires=["tool"])
    target = "--wheel-dir" if command == "wheel" else "--dest"
    pipcache.ok(command, "--jobs", "1", target, tmp_path / "made", "one", "two", *index.options)
    assert {path.name.split("-")[0] for path in (tmp_path / "made").iterdir()} == {"one", "two"}


def test_wrong_hash_is_never_built(index: Index, environment: Environment, pipcache: Commands, tmp_path: Path) -> None:
    """What is prepared ahead is checked before any of its code runs."""
    one = make_sdist(index.folder, name="one", backend=Backend(sleep_seconds=0.5))
    make_sdist(index.folder, name="two")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"one==1.0 --hash=sha256:{sha256_hex(one)}\ntwo==1.0 --hash=sha256:{'0' * 64}\n")
    result = pipcache("install", "-r", requirements, *index.options, into=environment)
    assert result.returncode == 1
    assert "DO NOT MATCH" in result.output
    assert pipcache.take_calls() <= ONE_BUILD


def test_installed_projects_are_left_alone(index: Index, environment: Environment, pipcache: Commands) -> None:
    """What pip would not look at is not begun ahead."""
    make_wheel(index.folder, name="two", version="0.5")
    pipcache.ok("install", "two", *index.options, into=environment)
    make_sdist(index.folder, name="one")
    newer = make_sdist(index.folder, name="two")
    pipcache.ok("install", "one", "two", *index.options, into=environment)
    assert pipcache.take_calls() == ONE_BUILD
    assert index.downloads(newer.name) == 0


def test_constraints_hold_ahead_too(index: Index, environment: Environment, pipcache: Commands, tmp_path: Path) -> None:
    """Of what is constrained, nothing else is downloaded."""
    make_sdist(index.folder, name="one")
    make_sdist(index.folder, name="two", version="1.0")
    newer = make_sdist(index.folder, name="two", version="2.0")
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("two<2\n")
    pipcache.ok("install", "one", "two", "-c", constraints, *index.options, into=environment)
    assert environment.distributions == {"one-1.0", "two-1.0"}
    assert index.downloads(newer.name) == 0


@pytest.mark.usefixtures("meeting")
def test_what_pip_builds_itself_does_not_reach_the_others(
    index: Index, environment: Environment, pipcache: Commands, tmp_path: Path
) -> None:
    """For what it builds itself, pip changes its environment; what runs beside it has that of the user."""
    code = """
    import os, time
    time.sleep(0.5)
    if "PYTHONNOUSERSITE" in os.environ:
        raise SystemExit("somebody else's environment")
    """
    for name in ["one", "two"]:
        make_project(index, name, code, "prepare_metadata_for_build_wheel")
    local = make_source_tree(tmp_path / "local", name="local", backend=Backend(sleep_seconds=1))
    pipcache.ok("install", "one", str(local), "two", *index.options, into=environment)
    assert environment.distributions == {"one-1.0", "two-1.0", "local-1.0"}


BUSY = """
    import os, time
    with open(os.environ["MEETING"] + "/pids", "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(60)
"""


@pytest.fixture
def interrupted(index: Index, environment: Environment, pipcache: Commands, meeting: Path) -> Iterator[list[int]]:
    """Interrupt a command, and nothing that it has started, while it builds two projects; return their processes."""
    for name in ["one", "two"]:
        make_project(index, name, BUSY)
    process = pipcache.start("install", "--jobs", "2", "one", "two", *index.options, into=environment)
    pids = meeting / "pids"
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (pids.exists() and len(pids.read_text().split()) == 2):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert "Operation cancelled by user" in output
    yield [int(pid) for pid in pids.read_text().split()]
    for pid in pids.read_text().split():
        if is_running(int(pid)):
            os.kill(int(pid), signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Tell whether there is such a process, other than one that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_interruption_stops_everything(interrupted: list[int], pipcache: Commands) -> None:
    """No process goes on, and no file is left."""
    deadline = time.monotonic() + 10
    while any(map(is_running, interrupted)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, interrupted))
    assert list(pipcache.leftovers()) == []
    assert list((pipcache.store / "environments").iterdir()) == []
