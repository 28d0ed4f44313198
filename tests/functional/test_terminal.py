"""In a terminal: what stays there is what pip leaves there, whatever is shown meanwhile."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.factories import Backend, make_sdist
from tests.functional.trees import normalised

if TYPE_CHECKING:
    from tests.functional.commands import Commands, Environment
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index
    from tests.functional.terminal import Terminal

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no pseudo-terminals")

NAMES = ["simple", "a-project-with-a-long-name"]


@pytest.fixture
def _several(index: Index) -> None:
    """Put projects into the index that are built at the same time."""
    for name in NAMES:
        make_sdist(index.folder, name=name, backend=Backend(sleep_seconds=0.3))


class Open:
    """Starts commands in terminals."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(
        self,
        commands: Commands,
        *args: str,
        into: Environment,
        env: Mapping[str, str] | None = None,
        columns: int = 200,
    ) -> Terminal:
        """Start one."""
        from tests.functional.terminal import open_terminal

        return self._stack.enter_context(
            open_terminal(
                commands.command(*args, into=into), environ=commands.environ(env), cwd=commands.work, columns=columns
            )
        )


@pytest.fixture
def open_in() -> Iterator[Open]:
    """Return a function that starts a command in a terminal."""
    with ExitStack() as stack:
        yield Open(stack)


@pytest.mark.usefixtures("_several")
@pytest.mark.parametrize(
    ("args", "env", "columns"),
    [
        ([], {"NO_COLOR": "1"}, 40),
        ([], {"TERM": "dumb"}, 200),
        (["--no-color"], {}, 200),
        (["-q"], {}, 200),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_stays_is_what_pip_leaves(  # noqa: PLR0917 (fixtures)
    index: Index,
    make_environment: MakeEnvironment,
    pipcache: Commands,
    pip: Commands,
    open_in: Open,
    args: list[str],
    env: dict[str, str],
    columns: int,
) -> None:
    """Line by line, where lines are longer than the terminal is wide too; in the same colours."""
    from tests.functional.terminal import screen

    install = ["install", *NAMES, *index.options, *args]
    terminals = [open_in(one, *install, into=make_environment(), env=env, columns=columns) for one in [pip, pipcache]]
    assert [terminal.finish() for terminal in terminals] == [0, 0]
    shown, ours = (
        normalised("\n".join(screen(terminal.raw, columns)), pip.root, pipcache.root) for terminal in terminals
    )
    assert ours == shown
    assert colours(terminals[1].raw) == colours(terminals[0].raw)
    for terminal in terminals:
        assert terminal.raw.rfind("\x1b[?25h") >= terminal.raw.rfind("\x1b[?25l"), "the cursor is hidden"


def colours(raw: str) -> set[str]:
    """Return the colours in what was shown, but for those of a bar that is still growing."""
    return set(re.findall(r"\x1b\[[0-9;]+m", raw)) - {"\x1b[38;5;237m", "\x1b[38;2;249;38;114m"}


def test_interruption_of_several_builds(
    index: Index, environment: Environment, pipcache: Commands, open_in: Open
) -> None:
    """Each has a line with its age, no longer than the terminal is wide; Ctrl-C leaves what pip leaves."""
    from tests.functional.terminal import screen

    for name in NAMES:
        make_sdist(index.folder, name=name, backend=Backend(sleep_seconds=60))
    columns = 50
    terminal = open_in(pipcache, "install", *NAMES, *index.options, into=environment, columns=columns)
    terminal.wait_for("  Building wheel for simple (pyproject.to… ... 1 s")
    terminal.wait_for("  Building wheel for a-project-with-a-lon… ... 1 s")
    terminal.type("\x03")
    assert terminal.finish() == 1
    assert screen(terminal.raw.replace("^C", ""), columns)[-3:] == [
        "Building wheels for collected packages: simple, a-project-with-a-long-name",
        "  Building wheel for simple (pyproject.toml) ... canceled",
        "ERROR: Operation cancelled by user",
    ]
    assert terminal.raw.rfind("\x1b[?25h") > terminal.raw.rfind("\x1b[?25l"), "the cursor is hidden"
    assert list(pipcache.leftovers()) == []
    assert pipcache.wheels == []


def test_questions_are_answered(environment: Environment, pipcache: Commands, open_in: Open) -> None:
    """On another interpreter too: it is this process that has the terminal."""
    distribution = environment.library / "simple-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Name: simple\nVersion: 1.0\n")
    (distribution / "RECORD").write_text("simple-1.0.dist-info/METADATA,,\nsimple-1.0.dist-info/RECORD,,\n")
    terminal = open_in(pipcache, "uninstall", "simple", into=environment, env={"PIP_NO_INPUT": ""})
    terminal.wait_for("Proceed (Y/n)? ")
    terminal.type("n\r")
    assert terminal.finish() == 0, terminal.text
    assert environment.distributions == {"simple-1.0"}
