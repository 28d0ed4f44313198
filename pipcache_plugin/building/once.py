"""Each build key once: what is known is used, what another process is building is waited for, the rest is built.

No lock is held while waiting for anything but the backend itself: build requirements are installed before, so that two
builds that need each other's project fail as they would alone, and do not wait for each other for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pipcache_plugin.archives import MOST_DIST_INFO_BYTES
from pipcache_plugin.building.errors import StaleMetadataError, UnsupportedProjectError
from pipcache_plugin.building.wheels import InvalidWheelError, extract_dist_info, read_metadata, what_resolves

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipcache_plugin.building.interface import WheelKeeper
    from pipcache_plugin.building.project import Project

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltWheel:
    """A wheel, and how it came to be."""

    path: Path
    stored_in: Path | None
    """The folder where the store has it; ``None`` when it could not be stored."""

    is_found: bool
    """Another process, or another run, built it."""


class BuildOnce:
    """The build of one key: metadata and wheel, each found or made."""

    def __init__(self, keeper: WheelKeeper, project: Project, on_wait: Callable[[], None]) -> None:
        self._keeper = keeper
        self._project = project
        self._on_wait = on_wait
        self._metadata: Path | None = None
        self._told = b""
        # METADATA as the resolver has it: the folder is handed to the backend, which may do with it what it likes.
        self._is_metadata_found = False
        self._stored_in: Path | None = None

    def get_metadata(self, folder: Path) -> Path:
        """Return the path of the project's ``.dist-info``, below *folder*.

        :raises UnsupportedProjectError: its METADATA are none.
        """
        self._metadata = self._find_or_make(lambda: self._find_metadata(folder), lambda: self._prepare_metadata(folder))
        self._told = _read_metadata(self._metadata)
        return self._metadata

    def get_wheel(self, folder: Path) -> BuiltWheel:
        """Return the wheel; one that is built here is written into *folder*.

        :raises StaleMetadataError: the wheel contradicts the metadata given from another run, now forgotten.
        """
        return self._find_or_make(self._find_wheel, lambda: self._build_wheel(folder))

    def _find_or_make(self, find: Callable[[], _Result | None], make: Callable[[], _Result]) -> _Result:
        with self._keeper.hold(self._on_wait):
            if (found := find()) is not None:
                return found
        self._project.prepare_environment()
        with self._keeper.hold(self._on_wait):
            if (found := find()) is not None:
                return found
            return make()

    def _find_metadata(self, folder: Path) -> Path | None:
        found = self._keeper.find_metadata(folder)
        if found is None and (wheel := self._keeper.find_wheel()):
            found = extract_dist_info(wheel.path, folder)
        self._is_metadata_found = found is not None
        return found

    def _prepare_metadata(self, folder: Path) -> Path:
        prepared = self._project.prepare_metadata(folder)
        if prepared is not None:
            _read_metadata(prepared)
            if prepared.suffix == ".dist-info":
                self._keeper.keep_metadata(prepared, self._project.used)
            return prepared
        wheel = self._project.build_wheel(folder / "wheel", None)
        self._stored_in = self._keep(wheel)
        return extract_dist_info(wheel, folder)

    def _find_wheel(self) -> BuiltWheel | None:
        found = self._keeper.find_wheel() if self._project.wheel is None else None
        if found is None or not self._has_told_metadata(found.path):
            return None
        return BuiltWheel(path=found.path, stored_in=found.stored_in, is_found=True)

    def _build_wheel(self, folder: Path) -> BuiltWheel:
        wheel = self._project.wheel
        if wheel is None:
            wheel = self._project.build_wheel(folder, self._metadata)
            if self._has_told_metadata(wheel):
                self._stored_in = self._keep(wheel)
            else:
                self._refute_metadata(wheel)
        return BuiltWheel(path=wheel, stored_in=self._stored_in, is_found=False)

    def _has_told_metadata(self, wheel: Path) -> bool:
        """Compare what the resolver was told with what the wheel has."""
        if self._metadata is None:
            return True
        try:
            return what_resolves(self._told) == what_resolves(read_metadata(wheel))
        except InvalidWheelError:
            # Not to be kept; whether it can be installed is for the installer to say.
            return False

    def _refute_metadata(self, wheel: Path) -> None:
        """Forget the metadata that the wheel does not have.

        :raises StaleMetadataError: they came from another run; prepared in this one, they are the backend's business.
        """
        self._keeper.forget_metadata()
        if self._is_metadata_found:
            raise StaleMetadataError(filename=wheel.name)

    def _keep(self, wheel: Path) -> Path | None:
        return self._keeper.keep_wheel(wheel, self._project.used, self._project.seconds)


def _read_metadata(dist_info: Path) -> bytes:
    """Return the bytes of METADATA.

    :raises UnsupportedProjectError: there is none, or it does not say of what it is.
    """
    path = dist_info / "METADATA"
    try:
        metadata = path.read_bytes() if path.stat().st_size <= MOST_DIST_INFO_BYTES else b""
    except OSError as error:
        raise UnsupportedProjectError(reason=f"its METADATA: {error.strerror}") from error
    fields = what_resolves(metadata)
    if not (fields["Name"] and fields["Version"]):
        raise UnsupportedProjectError(reason="its METADATA has no name, or no version")
    return metadata
