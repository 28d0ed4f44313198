"""Every error of ours: one root, a code of its own, a sentence."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest

import pipcache_plugin
from pipcache_plugin.errors import PipCacheError

SAMPLES: dict[str, object] = {
    "str": "something",
    "str | None": "something",
    "int": 1,
    "list[str]": ["one problem", "another problem"],
    "Sequence[str]": ["one problem", "another problem"],
    "frozenset[tuple[str, str]]": frozenset({("simple==1.0", "simple >=2"), ("other==1.0", "other >=2")}),
}
"""A value for each type that a constructor takes. A new type needs a new sample."""


def iter_module_names() -> Iterator[str]:
    """Go through our modules; ``__main__`` and the runner act when they are imported."""
    for module in pkgutil.walk_packages(pipcache_plugin.__path__, "pipcache_plugin."):
        if not module.name.rpartition(".")[2].startswith("__"):
            yield module.name


def collect_exceptions() -> list[type[BaseException]]:
    """Return all exception classes that our modules define."""
    found = set()
    for name in iter_module_names():
        for _, kind in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            if issubclass(kind, BaseException) and kind.__module__ == name:
                found.add(kind)
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


def make_example(kind: type[BaseException]) -> BaseException:
    """Return an error of this kind, made from sample data."""
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    if "__init__" not in vars(kind):
        return kind()
    return kind(**{parameter.name: SAMPLES[str(parameter.annotation)] for parameter in parameters})


EXCEPTIONS = collect_exceptions()

ours = pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
with_data = pytest.mark.parametrize(
    "kind", [kind for kind in EXCEPTIONS if "__init__" in vars(kind)], ids=lambda kind: kind.__name__
)
concrete = pytest.mark.parametrize(
    "kind", [kind for kind in EXCEPTIONS if kind is not PipCacheError], ids=lambda kind: kind.__name__
)


def test_errors_are_found() -> None:
    """The tests below are about more than nothing."""
    assert PipCacheError in EXCEPTIONS
    assert len(EXCEPTIONS) > 5


@ours
def test_root_is_ours(kind: type[BaseException]) -> None:
    """Who catches ``PipCacheError`` catches all of them."""
    assert issubclass(kind, PipCacheError)


@ours
def test_name_says_error(kind: type[BaseException]) -> None:
    """As the names of Python's own do."""
    assert kind.__name__.endswith("Error")


@ours
def test_code_is_kebab_case_and_its_own(kind: type[PipCacheError]) -> None:
    """It is defined in the class itself, not inherited."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", vars(kind).get("code", ""))


def test_codes_are_unique() -> None:
    """One code, one kind of error."""
    codes = [vars(kind).get("code") for kind in EXCEPTIONS]
    assert len(set(codes)) == len(codes)


@with_data
def test_constructor_takes_keywords_only(kind: type[PipCacheError]) -> None:
    """Data go in by name."""
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    assert parameters
    assert {parameter.kind for parameter in parameters} == {inspect.Parameter.KEYWORD_ONLY}


@with_data
def test_data_can_be_read_back(kind: type[PipCacheError]) -> None:
    """Callers need not take sentences apart."""
    error = make_example(kind)
    for parameter in list(inspect.signature(kind.__init__).parameters.values())[1:]:
        assert getattr(error, parameter.name) == SAMPLES[str(parameter.annotation)]


@concrete
def test_text_is_one_sentence_without_a_period(kind: type[PipCacheError]) -> None:
    """One line that a front-end can put after "WARNING: "."""
    text = str(make_example(kind))
    assert text == text.strip()
    assert len(text) > 10
    assert "\n" not in text
    assert not text.endswith((".", "!", "?"))
    assert not re.search(r"[.!?] [A-Z]", text)


@with_data
def test_text_tells_the_data(kind: type[PipCacheError]) -> None:
    """What went wrong is in the sentence."""
    assert re.search(r"something|one problem|simple==1\.0", str(make_example(kind)))


@ours
def test_hint_is_apart(kind: type[PipCacheError]) -> None:
    """What to do is an attribute of its own, where there is something to do."""
    assert kind.hint is None or isinstance(kind.hint, str)
