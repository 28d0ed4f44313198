"""``--rebuild`` and ``PIPCACHE_REBUILD``: build again what is stored, once, and serve that from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from tests.factories import PLAIN_BACKEND, Backend, make_sdist
from tests.functional.commands import NO_BUILD, ONE_BUILD, ONE_PREPARATION, UNPREPARED_BUILD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.functional.conftest import Outcome, Workshop

Way = Literal["option", "joined option", "variable"]


class Serial:
    """A project whose wheel has a number in it that the build finds on the machine, which is no condition."""

    def __init__(self, workshop: Workshop) -> None:
        """Write the project."""
        self.workshop = workshop
        self.file = workshop.machine / "serial"
        self.write()

    def write(self, backend: Backend = PLAIN_BACKEND, build_requires: Sequence[str] = ()) -> None:
        """Write the project."""
        body = f"value = Path({str(self.file)!r}).read_text()"
        self.workshop.write(body, backend=backend, build_requires=build_requires)

    def __call__(self, number: int, name: str = "", way: Way = "variable", requirement: str = "simple") -> Outcome:
        """Set the number, install with *name* to be built again, and return the number in the wheel and the hooks."""
        self.file.write_text(str(number))
        args, env = rebuild(name, way)
        return self.workshop(*args, requirement=requirement, env=env)


def rebuild(name: str, way: Way) -> tuple[list[str], dict[str, str]]:
    """Return the arguments and the variables that ask for *name* to be built again; none for no name."""
    if not name:
        return [], {}
    if way == "variable":
        return [], {"PIPCACHE_REBUILD": name}
    return (["--rebuild", name] if way == "option" else [f"--rebuild={name}"]), {}


@pytest.fixture
def serial(workshop: Workshop) -> Serial:
    """Return the project, not built yet."""
    return Serial(workshop)


NAMING: list[tuple[str, Way]] = [
    ("simple", "variable"),
    (":all:", "variable"),
    ("other,Simple", "variable"),
    ("simple", "option"),
    (":all:", "joined option"),
]


def test_named_project_is_built_again_and_replaced(serial: Serial) -> None:
    """It is built once per run that asks for it, metadata and all, and the runs after that get the new wheel.

    With nothing stored, the first build is the one that was asked for.
    """
    assert serial(1, "simple") == ("1", ONE_BUILD)
    assert serial(2) == ("1", NO_BUILD)
    for number, (name, way) in enumerate(NAMING, 3):
        assert serial(number, name, way) == (str(number), ONE_BUILD), f"{name} by {way}"
    assert serial(99) == (str(len(NAMING) + 2), NO_BUILD)


def test_other_project_is_not_built_again(serial: Serial) -> None:
    """A name is the name of one project; a name that nothing has is no error."""
    assert serial(1) == ("1", ONE_BUILD)
    assert serial(2, "other,sim", "variable") == ("1", NO_BUILD)
    assert serial(3, "sim", "option") == ("1", NO_BUILD)


def test_backend_that_cannot_prepare_builds_once(serial: Serial) -> None:
    """A wheel that was built for its metadata is the one, however often the resolver asks."""
    serial.write(Backend(has_prepare=False))
    assert serial(1) == ("1", UNPREPARED_BUILD)
    assert serial(2, "simple") == ("2", UNPREPARED_BUILD)
    assert serial(3) == ("2", NO_BUILD)


def test_dependency_is_built_again_and_its_dependent_is_not(serial: Serial) -> None:
    """A name means the project wherever it comes from, once, however often it is required; ``:all:`` means both."""
    make_sdist(serial.workshop.index.folder, name="user", requires_dist=["simple", "simple[extra]"])
    assert serial(1, requirement="user") == ("1", ONE_BUILD + ONE_BUILD)
    assert serial(2, "simple", requirement="user") == ("2", ONE_BUILD)
    assert serial(3, ":all:", requirement="user") == ("3", ONE_BUILD + ONE_BUILD)
    assert serial(4, requirement="user") == ("3", NO_BUILD)


def test_metadata_are_prepared_again(serial: Serial, workshop: Workshop) -> None:
    """What the project requires is asked again, so that a release whose metadata were wrong can be repaired."""
    make_sdist(workshop.index.folder, name="needed")
    serial.file.write_text("none")
    more = f"\nif Path({str(serial.file)!r}).read_text() == 'needed': PROJECT['requires_dist'] = ['needed']\nSOURCE ="
    workshop.write("value = 'any'", edits={"\nSOURCE =": more})
    assert workshop.install().distributions == {"simple-1.0"}
    serial.file.write_text("needed")
    assert workshop.install().distributions == {"simple-1.0"}
    workshop.pipcache.take_calls()
    environment = workshop.install(env={"PIPCACHE_REBUILD": "simple"})
    assert environment.distributions == {"simple-1.0", "needed-1.0"}
    assert workshop.pipcache.take_calls() == ONE_BUILD + ONE_BUILD
    assert workshop.install().distributions == {"simple-1.0", "needed-1.0"}
    assert workshop.pipcache.take_calls() == NO_BUILD


def test_build_requirements_are_not_built_again(serial: Serial, workshop: Workshop) -> None:
    """Not even with ``:all:``: they are not what the user installs."""
    make_sdist(workshop.index.folder, name="tool")
    serial.write(build_requires=["tool"])
    assert serial(1) == ("1", ONE_BUILD + ONE_BUILD)
    assert serial(2, ":all:") == ("2", ONE_BUILD)


def test_wheels_of_other_choices_stay(serial: Serial, workshop: Workshop) -> None:
    """What was built for another choice is not replaced."""
    body = f"value = os.environ.get('FLAVOUR', '') + Path({str(serial.file)!r}).read_text()"
    workshop.write(body)
    serial.file.write_text("1")
    for flavour in ["red", "blue"]:
        assert workshop(env={"FLAVOUR": flavour})[0] == f"{flavour}1"
    serial.file.write_text("2")
    assert workshop(env={"FLAVOUR": "red", "PIPCACHE_REBUILD": "simple"})[0] == "red2"
    workshop.pipcache.take_calls()
    assert workshop(env={"FLAVOUR": "blue"}) == ("blue1", NO_BUILD)
    assert workshop(env={"FLAVOUR": "red"}) == ("red2", NO_BUILD)


def test_failed_rebuild_leaves_the_stored_wheel(serial: Serial) -> None:
    """A build that fails fails the run, and what was stored serves the next."""
    assert serial(1) == ("1", ONE_BUILD)
    serial.file.unlink()
    command = ["install", "simple", *serial.workshop.index.options]
    environment = serial.workshop.make_environment()
    result = serial.workshop.pipcache(*command, into=environment, env={"PIPCACHE_REBUILD": "simple"})
    assert result.returncode == 1
    serial.workshop.pipcache.take_calls()
    assert serial(2) == ("1", NO_BUILD)


def test_other_commands_build_again(serial: Serial) -> None:
    """``wheel`` builds again; ``download`` prepares again."""
    assert serial(1) == ("1", ONE_BUILD)
    for command, option, expected in [("wheel", "-w", ONE_BUILD), ("download", "-d", ONE_PREPARATION)]:
        args = ["--rebuild", "simple", "simple", *serial.workshop.index.options]
        serial.workshop.pipcache.ok(command, *args, option, serial.workshop.folder / command)
        assert serial.workshop.pipcache.take_calls() == expected
