"""A fault at each step of what is done to a store: nothing wrong is found in it, and the next process gets it right."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import pytest

from tests.faults.injector import FAULTS, NO_LINKS, NO_LOCKS, Fault
from tests.faults.operations import OPERATIONS

if TYPE_CHECKING:
    from tests.faults.conftest import Check

READING = {"read", "hold"}
"""Changes nothing that matters."""

LEAST = {"store-wheel": 15, "unpack": 20, "prune": 20, "log-turned-over": 8}
"""So many steps there are: what is not reached finds nothing."""

SHARED = {name for name, operation in OPERATIONS.items() if operation.is_shared}
"""What the system does not allow is not shared: with some faults, another result is right."""


def operations(*, without: Collection[str] = ()) -> pytest.MarkDecorator:
    """Parametrize a test with the names of operations."""
    return pytest.mark.parametrize("operation", [name for name in OPERATIONS if name not in without])


def faults(*names: str) -> pytest.MarkDecorator:
    """Parametrize a test with faults."""
    return pytest.mark.parametrize("fault", [FAULTS[name] for name in names], ids=names)


@operations(without=READING)
def test_killed(check_steps: Check, operation: str) -> None:
    """With SIGKILL, before each call that changes something, and when half of the bytes are written."""
    report = check_steps(operation, FAULTS["killed"])
    assert report["problems"] == []
    assert report["steps"] >= LEAST.get(operation, 2)


@operations(without=READING)
def test_full_disk(check_steps: Check, operation: str) -> None:
    """ENOSPC from a call on, after a part of the bytes or none."""
    assert check_steps(operation, FAULTS["full-disk"])["problems"] == []


@operations(without={*READING, *SHARED})
@faults("full-for-a-moment", "broken-for-a-moment", "one-not-permitted", "read-only")
def test_refused(check_steps: Check, operation: str, fault: Fault) -> None:
    """ENOSPC, EIO and EACCES once, EROFS from a call on: nothing is half done."""
    assert check_steps(operation, fault)["problems"] == []


@operations(without={"repair", *SHARED})
@faults("unreadable-for-a-moment", "unreadable")
def test_unreadable(check_steps: Check, operation: str, fault: Fault) -> None:
    """EIO for what is looked at or read: it is an error, or not there; nothing is lost, and nothing half known."""
    # Repairing takes out what cannot be read. Lists are read in some hundred steps, most of which are alike.
    stride = {"read": 7, "remove": 5, "purge": 5, "prune": 5, "keep-bound": 5}.get(operation, 1)
    report = check_steps(operation, fault, stride=stride * (3 if fault.lasts else 1))
    assert report["problems"] == []
    assert report["steps"]


@operations(without={"use-environment", "remove-environments"})
@pytest.mark.parametrize("fault", NO_LOCKS, ids=["ENOLCK", "ENOSYS"])
def test_no_locks(check_steps: Check, operation: str, fault: Fault) -> None:
    """Where files cannot be locked, all of it works."""
    assert check_steps(operation, fault, must_succeed=True)["problems"] == []


@pytest.mark.parametrize("operation", ["use-environment", "remove-environments"])
@pytest.mark.parametrize("fault", NO_LOCKS, ids=["ENOLCK", "ENOSYS"])
def test_no_places_without_locks(check_steps: Check, operation: str, fault: Fault) -> None:
    """Build environments are elsewhere then, and others' are left alone."""
    report = check_steps(operation, fault)
    assert report["problems"] == []
    assert report["steps"]


@operations()
@pytest.mark.parametrize("fault", NO_LINKS, ids=["EPERM", "EMLINK"])
def test_no_hard_links(check_steps: Check, operation: str, fault: Fault) -> None:
    """On exFAT, for one, or with as many links as there can be: all of it works."""
    assert check_steps(operation, fault, must_succeed=True)["problems"] == []
