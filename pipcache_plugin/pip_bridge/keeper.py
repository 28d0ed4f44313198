"""What the store has, and takes, for one build key of a run. The store may fail; installs do not notice."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipcache_plugin.building.interface import FoundWheel
from pipcache_plugin.keys.environment import digest_environment
from pipcache_plugin.keys.record import InvalidRecordError, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pipcache_plugin.keys.build_key import BuildKey
    from pipcache_plugin.pip_bridge.run import Run
    from pipcache_plugin.store.store import Entry, PreparedMetadata

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedWheel:
    """A wheel of the store, placed in the run's own folder."""

    path: Path
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
            run.warn_once(f"Cannot use the wheel cache at `{run.store.root}`: {error}")
            return None
        if placed is not None:
            run.served[str(placed)] = record
            return ServedWheel(path=placed, record=record, stored_in=run.store.wheels.path_of(entry.wheel).parent)
        logger.debug("pipcache: a wheel did not verify and was set aside: %s", entry.wheel.filename)
    return None


def iter_records(run: Run, key: BuildKey) -> Iterator[tuple[Entry, Record]]:
    """Go through the entries under *key* that this version understands, newest first."""
    try:
        entries = run.store.find_entries(key)
    except OSError as error:
        run.warn_once(f"Cannot read the wheel cache at `{run.store.root}`: {error}")
        return
    for entry in entries:
        try:
            yield entry, Record.from_dict(entry.record)
        except InvalidRecordError as error:
            logger.debug("pipcache: passing over %s: %s", entry.path.name, error)


class Keeper:
    """Keeps what is built for one key; satisfies ``building.interface.WheelKeeper``."""

    def __init__(self, run: Run, key: BuildKey, make_record: Callable[[Path, Sequence[str], float], Record]) -> None:
        """Nothing happens yet.

        :param make_record: called with a wheel, the build requirements and the seconds of its build; raises
            ``InvalidWheelError`` for a wheel that is not fit to be stored.
        """
        self._run = run
        self._key = key
        self._make_record = make_record

    def find_wheel(self) -> FoundWheel | None:
        """See the Protocol."""
        served = find_wheel(self._run, self._key, lambda _entry, _record: True)
        return FoundWheel(path=served.path, stored_in=served.stored_in) if served else None

    def keep_wheel(self, wheel: Path, build_requirements: Sequence[str], build_seconds: float) -> Path | None:
        """See the Protocol."""
        from pipcache_plugin.building.wheels import InvalidWheelError

        try:
            record = self._make_record(wheel, build_requirements, build_seconds)
            return self._run.store.add_wheel(self._key, wheel, record.to_dict()).parent
        except InvalidWheelError as error:
            logger.debug("pipcache: not stored: %s", error)
        except OSError as error:
            self._cannot_write(error)
        return None

    def find_metadata(self, folder: Path) -> Path | None:
        """See the Protocol. Metadata that was prepared under other environment variables may not be right here."""
        for prepared in self._iter_metadata():
            dist_info = folder / prepared.dist_info
            for name, data in prepared.files.items():
                path = dist_info / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            return dist_info
        return None

    def keep_metadata(self, dist_info: Path) -> None:
        """See the Protocol."""
        files = {
            path.relative_to(dist_info).as_posix(): path.read_bytes() for path in dist_info.rglob("*") if path.is_file()
        }
        salt = secrets.token_hex(16)
        situation = {"salt": salt, "environment": digest_environment(os.environ, salt)}
        try:
            self._run.store.add_metadata(self._key, dist_info.name, files, situation)
        except OSError as error:
            self._cannot_write(error)

    def forget_metadata(self) -> None:
        """See the Protocol."""
        for prepared in self._iter_metadata():
            with contextlib.suppress(OSError):
                prepared.path.unlink(missing_ok=True)

    def _iter_metadata(self) -> Iterator[PreparedMetadata]:
        try:
            found = self._run.store.find_metadata(self._key)
        except OSError:
            return
        for prepared in found:
            match prepared.situation:
                case {"salt": str(salt), "environment": str(digest)} if digest == digest_environment(os.environ, salt):
                    yield prepared

    def hold(self, on_wait: Callable[[], None]) -> AbstractContextManager[None]:
        """See the Protocol."""
        return self._run.store.hold(self._key, on_wait)

    def _cannot_write(self, error: OSError) -> None:
        self._run.warn_once(f"Cannot write to the wheel cache at `{self._run.store.root}`, going on without: {error}")
