"""Whether a cache is on, where it is, what it can do there, and what is wrong with it.

As JSON, a diagnosis is ``{"facts", "problems"}``: an object of texts, numbers, booleans and lists of texts by the name
of the fact, and a list of ``{"what", "hint"}``. Fields may be added, and are never changed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.installation.placing import can_clone
from pipcache_plugin.management import contents
from pipcache_plugin.management.stores import find_doubt, find_refusal, takes_doubtful
from pipcache_plugin.settings import OPTIONS
from pipcache_plugin.store import locks
from pipcache_plugin.units import format_size

if TYPE_CHECKING:
    from pipcache_plugin.settings import Settings
    from pipcache_plugin.store.store import Store

_LEAST_FREE_BYTES = 500_000_000
"""With less room on its disk, a cache is soon of no use."""

_WIDTH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is wrong, and what to do."""

    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.what} (hint: {self.hint})" if self.hint else self.what


@dataclass(slots=True, kw_only=True)
class Diagnosis:
    """What was found out."""

    facts: dict[str, object] = field(default_factory=dict)
    """By name, in the order in which they are told."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, name: str, value: object) -> None:
        """Add a fact."""
        self.facts[name] = value

    def complain(self, what: str, hint: str = "") -> None:
        """Add a problem."""
        self.problems.append(Problem(what=what, hint=hint))

    def to_dict(self) -> dict[str, object]:
        """Return the diagnosis as JSON values."""
        problems = [{"what": problem.what, "hint": problem.hint} for problem in self.problems]
        return {"facts": dict(self.facts), "problems": problems}

    def __str__(self) -> str:
        lines = [f"{f'{_name(key)}:':{_WIDTH}}{_tell(value, key)}" for key, value in self.facts.items()]
        if not self.problems:
            return "\n".join([*lines, "", "No problems found"])
        count = len(self.problems)
        head = f"{count} problem{'s' if count > 1 else ''} found:"
        return "\n".join([*lines, "", head, *(f" - {problem}" for problem in self.problems)])


def examine_settings(diagnosis: Diagnosis, settings: Settings, file: Path) -> None:
    """Tell which settings are not as they are by default, and who says so."""
    diagnosis.add("settings_file", f"{file}" if file.is_file() else f"{file} (not there)")
    known = {option.key: getattr(settings, option.key.replace("-", "_")) for option in OPTIONS}
    chosen = [f"{key} = {_tell(known[key], key)} ({origin})" for key, origin in sorted(settings.origins.items())]
    diagnosis.add("settings", chosen or "all by default")


def examine_store(diagnosis: Diagnosis, store: Store, settings: Settings) -> None:
    """Tell all of a store: where, on what, for whom, how large, and what it lacks."""
    root = store.root
    diagnosis.add("location", str(root))
    if (refusal := find_refusal(store)) is not None:
        diagnosis.complain(f"the cache is not used: {refusal}", "remove it, or set `PIPCACHE_DIR` to another place")
        return
    if (doubt := find_doubt(store, settings)) is not None:
        used = "used all the same, as you are root" if takes_doubtful() else "not used"
        diagnosis.complain(f"the cache is {used}: {doubt}")
    existing = _find_existing(root)
    diagnosis.add("file_system", describe_file_system(existing))
    _examine_room(diagnosis, existing)
    diagnosis.add("owner", _describe_owner(existing))
    _examine_abilities(diagnosis, store, existing)
    _examine_size(diagnosis, store, settings)
    for number, lower in enumerate(store.lower, start=1):
        _examine_lower(diagnosis, lower, number)


def describe_file_system(path: Path) -> str:
    """Return the type of the file system that *path* is on, as far as Linux tells; else ``unknown``."""
    best, kind = "", "unknown"
    with contextlib.suppress(OSError), Path("/proc/self/mountinfo").open(encoding="utf-8", errors="replace") as file:
        for line in file:
            fields, _, more = line.partition(" - ")
            where = fields.split()[4].encode("latin-1", "replace").decode("unicode_escape")
            if len(where) >= len(best) and (path == Path(where) or Path(where) in path.parents):
                best, kind = where, more.split()[0]
    return kind


def _examine_room(diagnosis: Diagnosis, existing: Path) -> None:
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(existing).free
        diagnosis.add("free_bytes", free)
        if free < _LEAST_FREE_BYTES:
            diagnosis.complain(f"there is little room at `{existing}`", "run `pipcache cache prune --max-size 1GB`")


def _examine_abilities(diagnosis: Diagnosis, store: Store, existing: Path) -> None:
    """Try what a cache needs, beside what is in it."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=".tmp-doctor-", dir=existing))
    except OSError as error:
        diagnosis.add("writable", value=False)
        serves = "what it has is found, and nothing is added" if store.root.is_dir() else "nothing is kept"
        diagnosis.complain(
            f"`{existing}` cannot be written ({error.strerror}): {serves}", "set `PIPCACHE_DIR` to a place of your own"
        )
        return
    try:
        diagnosis.add("writable", value=True)
        diagnosis.add("locks", _try_lock(folder))
        if not diagnosis.facts["locks"]:
            diagnosis.complain("files cannot be locked there: the same wheel may be built twice at the same time")
        diagnosis.add("hard_links", _try_link(folder))
        diagnosis.add("clones", _try_clone(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _try_lock(folder: Path) -> bool:
    descriptor = locks.try_to_hold(folder / "lock")
    if descriptor is None or descriptor == locks.HELD:
        return False
    os.close(descriptor)
    return True


def _try_link(folder: Path) -> bool:
    try:
        (folder / "file").write_bytes(b"")
        os.link(folder / "file", folder / "link")
    except OSError:
        return False
    return True


def _try_clone(folder: Path) -> bool:
    try:
        return can_clone(folder)
    except OSError:
        # A full disk, for one.
        return False


def _examine_size(diagnosis: Diagnosis, store: Store, settings: Settings) -> None:
    try:
        wheels = list(store.wheels)
        count, size = contents.size_of_trees(store)
    except OSError as error:
        diagnosis.complain(f"`{store.root}` cannot be read: {error.strerror}", "nothing in it is found")
        return
    total = size + contents.size_bytes(wheels)
    diagnosis.add("size_bytes", total)
    diagnosis.add("max_size_bytes", settings.max_size)
    diagnosis.add("wheels", len(wheels))
    diagnosis.add("unpacked_wheels", count)
    damaged = len(list(store.damaged.glob("*")))
    if damaged:
        diagnosis.add("damaged_files", damaged)
        kind = "file was" if damaged == 1 else "files were"
        diagnosis.complain(
            f"{damaged} damaged {kind} set aside in `{store.damaged}`, and made again when needed",
            "look at the disk, then run `pipcache cache prune`",
        )


def _examine_lower(diagnosis: Diagnosis, lower: Store, number: int) -> None:
    name = f"read_only_cache_{number}"
    if not lower.root.is_dir():
        diagnosis.add(name, f"{lower.root} (not there)")
        diagnosis.complain(f"`{lower.root}`, a read-only cache, is not a directory")
        return
    try:
        entries = sum(1 for _ in lower.iter_entries())
    except OSError as error:
        diagnosis.complain(f"`{lower.root}`, a read-only cache, cannot be read: {error.strerror}")
        return
    about = [f"{entries} builds", describe_file_system(lower.root), _describe_owner(lower.root)]
    diagnosis.add(name, f"{lower.root} ({', '.join(about)})")
    if entries == 0:
        hint = "fill it with `PIPCACHE_DIR`; a plain folder of wheels is for `--find-links`"
        diagnosis.complain(f"`{lower.root}`, a read-only cache, has no wheels that were built through pipcache", hint)


def _find_existing(path: Path) -> Path:
    """Return *path*, or what there is of it."""
    return next(folder for folder in [path, *path.parents] if os.path.isdir(folder))  # noqa: PTH112 (never raises)


def _describe_owner(path: Path) -> str:
    """Return who has a folder, and who else may write to it."""
    try:
        status = path.stat()
    except OSError as error:
        return f"unknown ({error.strerror})"
    if os.name != "posix":
        return "not told on this system"
    who = _name_of(status.st_uid)
    if status.st_uid == os.geteuid():
        who += ", you"
    others = [name for bit, name in [(0o020, "its group"), (0o002, "everybody")] if status.st_mode & bit]
    return f"{who}; {' and '.join(others)} may write to it" if others else f"{who}; nobody else may write to it"


def _name_of(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


_PROPER = {"pip", "pipcache"}


def _name(key: str) -> str:
    return key if key in _PROPER else key.removesuffix("_bytes").replace("_", " ").capitalize()


def _tell(value: object, key: str = "") -> str:
    """Return a fact for people to read."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int() if key.endswith(("_bytes", "max-size")):
            return format_size(value)
        case tuple():
            return os.pathsep.join(map(str, value))
        case list():
            return f"\n{'':{_WIDTH}}".join(_tell(one) for one in value)
        case _:
            return str(value)
