"""Seams: all of them or none, and pip's own function where ours breaks."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from pip._internal.exceptions import InstallationError

from pipcache_plugin.pip_bridge import run
from pipcache_plugin.pip_bridge.seams import Seam, UnknownPipError, install

FIRST = "pip._internal.pretended_first"
SECOND = "pip._internal.pretended_second"
FOREIGN = "not_pip_but_imports_it"


class Command:
    """What a class of pip's looks like."""

    name = "command"

    def run(self, options: str, args: str) -> str:
        """Do what commands do."""
        return f"pip runs {self.name} {options} {args}"

    @classmethod
    def make(cls, options: str) -> str:
        """Make something."""
        return f"pip makes {cls.__name__} {options}"


def build(requirements: list[str], verify: bool = True) -> str:
    """Build, as pip does."""
    return f"pip builds {requirements} {verify}"


def _module(name: str, **content: object) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(content)
    return module


@pytest.fixture(autouse=True)
def _pretended_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    own = type("OwnCommand", (Command,), {"run": Command.run, "make": vars(Command)["make"]})
    modules = [
        _module(FIRST, build=build, Command=own, number=1),
        _module(SECOND, imported_build=build, Command=own),
        _module(FOREIGN, build=build),
    ]
    for module in modules:
        monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.fixture
def given_up(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """Return the errors for which our parts were taken out of the run."""
    errors: list[Exception] = []
    monkeypatch.setattr(run, "give_up", errors.append)
    return errors


def seam(part: Callable[..., Any], **changes: Any) -> Seam:
    """Return a seam in ``build``, or in what *changes* say."""
    values = {"modules": (FIRST,), "name": "build", "parameters": ("requirements",), "part": part}
    return Seam(**{**values, **changes})


def wrapped(original: Callable[..., str], *args: Any, **kwargs: Any) -> str:
    """Play a part that calls what it replaces."""
    return f"ours({original(*args, **kwargs)})"


def broken(original: Callable[..., str], *args: Any, **kwargs: Any) -> str:
    """Play a part with a bug."""
    raise KeyError("a bug")


def first() -> Any:
    """Return the module that defines what is replaced."""
    return sys.modules[FIRST]


class TestSetting:
    """What ``install`` sets."""

    def test_function_is_replaced(self) -> None:
        """The part is called with the original, then with what pip gave."""
        install([seam(wrapped)])
        assert first().build(["a"], verify=False) == "ours(pip builds ['a'] False)"

    def test_function_imported_elsewhere_is_replaced_there(self) -> None:
        """Under whatever name, in pip's modules only."""
        install([seam(wrapped)])
        assert sys.modules[SECOND].imported_build is first().build
        assert sys.modules[FOREIGN].build is build

    def test_local_seam_stays_in_its_module(self) -> None:
        """Others keep pip's."""
        install([seam(wrapped, is_local=True)])
        assert first().build([]).startswith("ours")
        assert sys.modules[SECOND].imported_build is build

    def test_method_is_replaced(self) -> None:
        """On the class, for all objects."""
        install([seam(wrapped, name="Command.run", parameters=("self", "options", "args"))])
        assert first().Command().run("a", args="b") == "ours(pip runs command a b)"

    def test_class_method_is_replaced(self) -> None:
        """It still gets the class that it is called on, a subclass too."""
        install([seam(wrapped, name="Command.make", parameters=("cls", "options"))])
        sub: Any = type("Sub", (first().Command,), {})
        assert first().Command.make("a") == "ours(pip makes OwnCommand a)"
        assert sub.make(options="b") == "ours(pip makes Sub b)"

    def test_first_module_that_has_it_counts(self) -> None:
        """A function may have moved between releases."""
        install([seam(wrapped, modules=("pip._internal.of_the_future", SECOND, FIRST))])
        assert first().build([]).startswith("ours")

    def test_signature_and_name_stay(self) -> None:
        """Who inspects a function of pip's sees pip's."""
        install([seam(wrapped)])
        assert inspect.signature(first().build) == inspect.signature(build)
        assert first().build.__name__ == "build"

    def test_two_parts_in_one_place(self) -> None:
        """The later one is called first."""
        install([seam(lambda original, *args: f"inner({original(*args)})")])
        install([seam(lambda original, *args: f"outer({original(*args)})")])
        assert first().build([]) == "outer(inner(pip builds [] True))"


class TestChecking:
    """What ``install`` refuses."""

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"name": "destroy"}, "there is no `destroy`"),
            ({"name": "Command.stop"}, "there is no `Command.stop`"),
            ({"name": "Order.run"}, "there is no `Order.run`"),
            ({"modules": ("pip._internal.of_the_future",)}, "there is no `build`"),
            ({"modules": ()}, "there is no `build`"),
            ({"parameters": ("requirements", "wheel_cache")}, "`build` takes requirements, verify"),
            ({"parameters": ("requirement",)}, "`build` takes requirements, verify"),
            ({"parameters": ("requirements", "verify", "more")}, "`build` takes requirements, verify"),
            ({"name": "Command.make", "parameters": ("options",)}, "`Command.make` takes cls, options"),
        ],
    )
    def test_unexpected_seam(self, changes: dict[str, Any], problem: str) -> None:
        """It is told what is there instead."""
        with pytest.raises(UnknownPipError) as caught:
            install([seam(wrapped, **changes)])
        assert caught.value.problems == [problem]

    def test_inherited_method_is_not_set_on_a_subclass(self) -> None:
        """The class itself must define it, or the class is not the one that we know."""
        sys.modules[FIRST].Heir = type("Heir", (Command,), {})  # type: ignore[attr-defined]
        with pytest.raises(UnknownPipError, match="there is no"):
            install([seam(wrapped, name="Heir.run", parameters=("self",))])

    def test_one_unexpected_seam_sets_none(self) -> None:
        """A run never mixes half a set; all problems are told at once."""
        with pytest.raises(UnknownPipError) as caught:
            install([seam(wrapped), seam(wrapped, name="destroy"), seam(wrapped, parameters=("other",))])
        assert len(caught.value.problems) == 2
        assert first().build is build

    def test_more_parameters_than_expected_are_fine(self) -> None:
        """A release of pip may add some at the end."""
        install([seam(wrapped, parameters=())])
        assert first().build([]).startswith("ours")


class TestBreaking:
    """What happens when a part fails."""

    def test_broken_part_is_replaced_by_the_original(self, given_up: list[Exception]) -> None:
        """The command goes on; we are taken out of the run."""
        install([seam(broken)])
        assert first().build(["a"], verify=False) == "pip builds ['a'] False"
        assert [type(error) for error in given_up] == [KeyError]

    def test_what_pip_raises_is_pips(self, given_up: list[Exception]) -> None:
        """The same error, whatever its type; pip's function is not called twice."""
        calls: list[str] = []

        def failing(requirements: list[str]) -> str:
            calls.append("called")
            raise KeyError("pip's own")

        first().build = failing
        install([seam(wrapped)])
        with pytest.raises(KeyError, match="pip's own"):
            first().build([])
        assert (calls, given_up) == (["called"], [])

    def test_error_of_pips_kind_passes(self, given_up: list[Exception]) -> None:
        """A part may refuse something in pip's own way."""

        def refuse(original: Callable[..., str], *args: Any) -> str:
            raise InstallationError("no")

        install([seam(refuse)])
        with pytest.raises(InstallationError):
            first().build([])
        assert given_up == []

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
    def test_interrupt_is_no_bug(self, given_up: list[Exception], error: type[BaseException]) -> None:
        """Ctrl-C ends the command, and does not start pip's function."""

        def interrupt(original: Callable[..., str], *args: Any) -> str:
            raise error

        install([seam(interrupt)])
        with pytest.raises(error):
            first().build([])
        assert given_up == []

    def test_part_may_handle_what_pip_raises(self, given_up: list[Exception]) -> None:
        """It sees the error and may go on."""

        def failing(requirements: list[str]) -> str:
            raise InstallationError("no")

        def rescue(original: Callable[..., str], *args: Any) -> str:
            try:
                return original(*args)
            except InstallationError:
                return "rescued"

        first().build = failing
        install([seam(rescue)])
        assert first().build([]) == "rescued"
        assert given_up == []

    def test_part_that_breaks_after_pip_did_its_work_does_not_do_it_twice(self, given_up: list[Exception]) -> None:
        """What pip has built, removed or announced is done: its result counts."""
        calls: list[str] = []

        def once(requirements: list[str]) -> str:
            calls.append("called")
            return f"result {len(calls)}"

        def breaks_later(original: Callable[..., str], *args: Any) -> str:
            original(*args)
            raise KeyError("a bug")

        first().build = once
        install([seam(breaks_later)])
        assert first().build([]) == "result 1"
        assert len(given_up) == 1
