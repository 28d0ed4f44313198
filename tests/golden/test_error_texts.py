"""What users read when something goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.building.errors import (
    ConflictingRequirementsError,
    EnvironmentCreationError,
    StaleMetadataError,
    UnsupportedProjectError,
    UnwatchedBuildError,
)
from pipcache_plugin.building.wheels import InvalidWheelError
from pipcache_plugin.keys.fields import InvalidRecordError
from pipcache_plugin.keys.source import InvalidDigestError
from pipcache_plugin.pip_bridge.seams import UnknownPipError
from pipcache_plugin.pip_bridge.start import OldPipError
from pipcache_plugin.store.unpacking import UnsuitableWheelError

if TYPE_CHECKING:
    from pipcache_plugin.errors import PipCacheError

TEXTS: list[tuple[PipCacheError, str]] = [
    (
        ConflictingRequirementsError(
            conflicting_with="the backend dependencies",
            conflicts=frozenset({("wheel==0.40", "wheel >=0.45"), ("setuptools==60.0", "setuptools >=77")}),
        ),
        (
            "Build requirements conflict with the backend dependencies: `setuptools==60.0` does not meet "
            "`setuptools >=77`, `wheel==0.40` does not meet `wheel >=0.45`"
        ),
    ),
    (
        EnvironmentCreationError(reason="there is no module `venv`"),
        "Cannot create a build environment: there is no module `venv`",
    ),
    (
        StaleMetadataError(filename="simple-1.0-py3-none-any.whl"),
        "`simple-1.0-py3-none-any.whl` has other metadata than were prepared for it in an earlier run",
    ),
    (
        UnsupportedProjectError(reason="`requires` is a required property"),
        "PyPA `build` does not build this project: `requires` is a required property",
    ),
    (UnwatchedBuildError(), "What the build depended on could not be watched"),
    (
        InvalidWheelError(filename="simple-1.0-py3-none-any.whl", problems=["its METADATA has another name", "more"]),
        "`simple-1.0-py3-none-any.whl` is not a valid wheel: its METADATA has another name; more",
    ),
    (
        UnsuitableWheelError(filename="simple-1.0-py3-none-any.whl", problem="there are two of `simple.py`"),
        "Cannot unpack `simple-1.0-py3-none-any.whl`: there are two of `simple.py`",
    ),
    (
        InvalidRecordError(field_name="build_seconds"),
        "The record's `build_seconds` is missing or not of the expected form",
    ),
    (
        InvalidDigestError(text="latest", expected="a SHA-256 of 64 hex digits"),
        "`latest` is not a SHA-256 of 64 hex digits",
    ),
    (
        UnknownPipError(version="99.0", problems=["there is no `build`", "`run` takes nothing"]),
        "pip 99.0 is not known to pipcache: there is no `build`; `run` takes nothing",
    ),
    (
        OldPipError(version="24.0"),
        "pip 24.0 is older than 25.3 (to use the cache, run `python -m pip install --upgrade pip`)",
    ),
]


@pytest.mark.parametrize(("error", "text"), TEXTS, ids=lambda value: getattr(value, "code", ""))
def test_text(error: PipCacheError, text: str) -> None:
    """Word by word."""
    assert str(error) == text
