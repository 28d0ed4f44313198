"""What the store has, and takes, for one build key of a run. The store may fail; installs do not notice."""

from __future__ import annotations

import contextlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipcache_plugin.archives import MOST_DIST_INFO_BYTES
from pipcache_plugin.building.interface import FoundWheel
from pipcache_plugin.keys.conditions import Conditions
from pipcache_plugin.keys.differences import iter_differences, list_dependences
from pipcache_plugin.keys.fields import InvalidRecordError
from pipcache_plugin.keys.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from pipcache_plugin.keys.build_key import BuildKey
    from pipcache_plugin.keys.differences import Present
    from pipcache_plugin.pip_bridge.run import Run
    from pipcache_plugin.store.store import Entry, PreparedMetadata

logger = logging.getLogger(__name__)

_DAMAGED = "it was damaged"

_refuted: set[Path] = set()
"""Metadata that a wheel did not have: where they cannot be removed, they are not given twice by this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedWheel:
    """A wheel of the store, placed in the run's own folder."""

    path: Path
    entry: Entry
    record: Record
    stored_in: Path


def find_wheel(run: Run, key: BuildKey, is_right: Callable[[Entry, Record], bool]) -> ServedWheel | None:
    """Return the newest intact wheel under *key* that *is_right*, or ``None``."""
    for entry, record in iter_records(run, key):
        if not is_right(entry, record):
            continue
        try:
            placed = run.store.place_wheel(entry, run.place_folder(entry.wheel.sha256))
        except OSError as error:
            _warn(run, f"take `{entry.wheel.filename}` from", error)
            return None
        if placed is not None:
            run.served[str(placed)] = record
            return ServedWheel(path=placed, entry=entry, record=record, stored_in=run.store.folder_of(entry))
        run.reasons.setdefault(key, []).append(_DAMAGED)
        logger.debug("pipcache: a wheel did not verify and was set aside: %s", entry.wheel.filename)
    return None


def iter_records(run: Run, key: BuildKey) -> Iterator[tuple[Entry, Record]]:
    """Go through the entries under *key* that this version understands, newest first."""
    try:
        entries = run.store.find_entries(key)
    except OSError as error:
        _warn(run, "read", error)
        return
    for entry in entries:
        try:
            yield entry, Record.from_dict(entry.record)
        except InvalidRecordError as error:
            logger.debug("pipcache: passing over %s: %s", entry.path.name, error)


def _warn(run: Run, what: str, error: OSError) -> None:
    where = f"the wheel cache at `{run.store.root}`"
    run.warn_once(
        f"Cannot {what} {where}, going on without: {error} (hint: `pipcache doctor` says what is wrong with it)"
    )


def find_right_wheel(
    run: Run, key: BuildKey, present: Present, is_right: Callable[[Entry, Record], bool]
) -> ServedWheel | None:
    """Return the newest intact wheel under *key* that *is_right* and whose conditions hold; note why others do not."""
    # What was damaged is not there any more when it is looked for again, before it is built.
    reasons = [reason for reason in run.reasons.get(key, []) if reason == _DAMAGED]
    run.reasons[key] = reasons

    def holds(entry: Entry, record: Record) -> bool:
        if not is_right(entry, record):
            return False
        if run.is_to_rebuild(record.project, key):
            reasons.append("a new build was asked for")
            return False
        difference = next(iter_differences(record.conditions, present), None)
        if difference is not None:
            reasons.append(str(difference))
            logger.debug("pipcache: %s is not right here: %s", entry.wheel.filename, difference)
        return difference is None

    served = find_wheel(run, key, holds)
    if served is not None:
        run.store.touch(served.entry)
        there, absent = list_dependences(served.record.conditions, is_toolchain_exact=present.is_toolchain_exact)
        run.note_decision("hit", served.record, served.entry, depends_on=there, depends_on_absence_of=absent)
    return served


class Evidence(Protocol):
    """Tells what a build depended on."""

    def make_record(
        self, wheel: Path, used: Mapping[str, str], build_seconds: float, earlier: Conditions | None
    ) -> Record:
        """Return the record of *wheel*.

        :param earlier: the conditions of metadata of another run that the build was given.

        :raises InvalidWheelError: it is not fit to be stored.
        :raises UnwatchedBuildError: nobody knows what it depended on.
        """

    def make_conditions(self, used: Mapping[str, str]) -> Conditions:
        """Return the conditions of what was prepared so far.

        :raises UnwatchedBuildError: nobody knows what it depended on.
        """


class Keeper:
    """Keeps what is built for one key; satisfies ``building.interface.WheelKeeper``."""

    def __init__(
        self,
        run: Run,
        key: BuildKey,
        present: Present,
        evidence: Evidence,
        inputs: Mapping[str, object] | None = None,
    ) -> None:
        """Nothing happens yet.

        :param inputs: what the key was made from, for whoever looks into the store.
        """
        self._inputs = inputs
        self._run = run
        self._key = key
        self._present = present
        self._evidence = evidence
        self._metadata_conditions: Conditions | None = None
        # Of the metadata that were found, and that a build was or will be given.

    def find_wheel(self) -> FoundWheel | None:
        """See the Protocol."""
        served = find_right_wheel(self._run, self._key, self._present, lambda _entry, _record: True)
        return FoundWheel(path=served.path, stored_in=served.stored_in) if served else None

    def keep_wheel(self, wheel: Path, used: Mapping[str, str], build_seconds: float) -> Path | None:
        """See the Protocol."""
        from pipcache_plugin.building.errors import UnwatchedBuildError
        from pipcache_plugin.building.wheels import InvalidWheelError

        self._run.note_built(self._key)
        try:
            record = self._evidence.make_record(wheel, used, build_seconds, self._metadata_conditions)
        except (InvalidWheelError, UnwatchedBuildError, OSError) as error:
            logger.debug("pipcache: not stored: %s", error)
            return None
        try:
            entry = self._run.store.add_wheel(self._key, wheel, record.to_dict(), self._inputs)
        except OSError as error:
            _warn(self._run, f"add `{wheel.name}` to", error)
            return None
        self._run.note_decision("built", record, entry, reasons=self._run.reasons.get(self._key, []))
        return self._run.store.folder_of(entry)

    def find_metadata(self, folder: Path) -> Path | None:
        """See the Protocol."""
        for prepared, conditions in self._iter_metadata():
            self._metadata_conditions = conditions
            dist_info = folder / prepared.dist_info
            for name, data in prepared.files.items():
                path = dist_info / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            return dist_info
        return None

    def keep_metadata(self, dist_info: Path, used: Mapping[str, str]) -> None:
        """See the Protocol."""
        from pipcache_plugin.building.errors import UnwatchedBuildError

        paths = [path for path in dist_info.rglob("*") if path.is_file()]
        if sum(path.stat().st_size for path in paths) > MOST_DIST_INFO_BYTES:
            logger.debug("pipcache: not stored: %s is too large", dist_info.name)
            return
        files = {path.relative_to(dist_info).as_posix(): path.read_bytes() for path in paths}
        try:
            conditions = self._evidence.make_conditions(used).to_dict()
        except (UnwatchedBuildError, OSError) as error:
            logger.debug("pipcache: not stored: %s", error)
            return
        try:
            self._run.store.add_metadata(self._key, dist_info.name, files, conditions)
        except OSError as error:
            _warn(self._run, f"add the metadata in `{dist_info.name}` to", error)

    def forget_metadata(self) -> None:
        """See the Protocol."""
        for prepared, _ in self._iter_metadata():
            _refuted.add(prepared.path)
            if self._run.store.root in prepared.path.parents:
                with contextlib.suppress(OSError):
                    prepared.path.unlink(missing_ok=True)

    def _iter_metadata(self) -> Iterator[tuple[PreparedMetadata, Conditions]]:
        try:
            found = self._run.store.find_metadata(self._key)
        except OSError:
            return
        for prepared in found:
            if prepared.path in _refuted:
                continue
            project = prepared.dist_info.removesuffix(".dist-info").rpartition("-")[0]
            if self._run.is_to_rebuild(_normalize(project), self._key):
                continue
            with contextlib.suppress(InvalidRecordError):
                conditions = Conditions.from_dict(prepared.conditions)
                if not any(True for _ in iter_differences(conditions, self._present)):
                    yield prepared, conditions

    def hold(self, on_wait: Callable[[], None]) -> AbstractContextManager[None]:
        """See the Protocol."""
        return self._run.store.hold(self._key, on_wait)


def _normalize(project: str) -> str:
    """Return a project's name as it is compared.

    Source: https://packaging.python.org/en/latest/specifications/name-normalization/
    """
    return re.sub(r"[-_.]+", "-", project).lower()
