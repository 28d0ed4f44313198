"""The same command by stock pip and by us: what is said, on which stream, the exit status, and what is there then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.functional.trees import installed_tree, normalised

if TYPE_CHECKING:
    from tests.functional.commands import Commands, Environment, Result
    from tests.functional.conftest import MakeEnvironment


@dataclass(frozen=True, kw_only=True)
class Side:
    """Who runs a command, and what for."""

    commands: Commands
    environment: Environment
    target: Path
    """For ``--target`` and its like, below which nothing is yet; of the same length for both."""

    result: Result | None = None

    @property
    def outcome(self) -> tuple[object, ...]:
        """What can be compared: exit status, lines of both streams, what is installed, what is in the target."""
        assert self.result is not None, "it has run"
        folders = [self.target, self.environment.root, self.commands.root]
        streams = [normalised(text, *folders) for text in (self.result.stdout, self.result.stderr)]
        trees = [self.environment.tree, _without(self.environment.root, installed_tree(self.target))]
        return (self.result.returncode, *streams, *trees)


def _without(root: Path, tree: Mapping[str, str]) -> dict[str, str]:
    """Return a tree without *root* in the names: ``--root`` has an environment's whole path in them."""
    return {name.replace(str(root)[1:], "<root>"): text for name, text in tree.items()}


Prepare = Callable[[Side], Mapping[str, str]]
"""Puts files in place for one side, and returns variables."""


class Comparison:
    """Runs commands on both sides, and compares."""

    def __init__(self, make_environment: MakeEnvironment, pip: Commands, pipcache: Commands, folder: Path) -> None:
        self._make_environment = make_environment
        self.pip = pip
        self._pipcache = pipcache
        self._folder = folder
        self._count = 0

    def __call__(
        self, *args: str | Path, env: Mapping[str, str] | Prepare | None = None, to_target: Sequence[str] = ()
    ) -> Side:
        """Run a command on either side, assert that the outcomes are the same, and return ours.

        :param to_target: the option that names the target, if the command has one.
        """
        stock, ours = (
            self.run(commands, *args, env=env, to_target=to_target) for commands in (self.pip, self._pipcache)
        )
        for one, other in zip(ours.outcome, stock.outcome, strict=True):
            assert one == other
        return ours

    def run(
        self,
        commands: Commands,
        *args: str | Path,
        env: Mapping[str, str] | Prepare | None = None,
        to_target: Sequence[str] = (),
    ) -> Side:
        """Run a command on one side, into an environment of its own."""
        self._count += 1
        side = Side(
            commands=commands, environment=self._make_environment(), target=self._folder / f"target{self._count:02}"
        )
        variables = env(side) if callable(env) else env or {}
        options = [word for option in to_target for word in (option, str(side.target))]
        result = commands(*args, *options, into=side.environment, env=variables)
        return Side(commands=commands, environment=side.environment, target=side.target, result=result)
