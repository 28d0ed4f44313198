"""Settings: a variable for each, and one TOML file of the user's, ``pipcache/config.toml`` in the platform's folder.

``OPTIONS`` lists all of them; a variable goes before the file, and a variable that is empty is not set. An option of
the command line goes before both, which is for the command to see to. Nothing has to be set.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pipcache_plugin.errors import PipCacheError
from pipcache_plugin.units import parse_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

FILE_VARIABLE = "PIPCACHE_CONFIG"
"""Names another file; ``os.devnull`` stands for none."""

LinkMode = Literal["clone", "copy", "hardlink"]
Toolchain = Literal["any", "exact"]

_NO = {"0", "no", "n", "off", "f", "false"}
_YES = {"1", "yes", "y", "on", "t", "true"}


class SettingsError(PipCacheError):
    """A setting is unknown, or has a value that cannot be understood."""

    code = "bad-settings"
    hint = "`docs/reference/configuration.md` lists all settings"

    def __init__(self, *, problems: Sequence[str]) -> None:
        super().__init__(problems)
        self.problems = list(problems)

    def __str__(self) -> str:
        return "; ".join(self.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user has chosen; see ``OPTIONS``."""

    dir: Path | None = None
    read_only_dirs: tuple[Path, ...] = ()
    max_size: int = 10_000_000_000
    """Bytes."""

    jobs: int | None = None
    """``None``: as many as there are processors."""

    link_mode: LinkMode = "clone"
    toolchain: Toolchain = "any"
    disable: bool = False
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each setting that is not the default was found: by key, the variable's name or the file's path."""

    def is_from_variable(self, key: str) -> bool:
        """Tell whether a setting was found in the environment."""
        return self.origins.get(key, "").startswith("PIPCACHE_")


class Option(NamedTuple):
    """One setting."""

    key: str
    """In the file."""

    variable: str
    parse: Callable[[Any], object]
    """From a text, or what TOML has, to the value; raises ``ValueError`` with what it should be."""

    default: str
    """For the user to read."""

    meaning: str


def _parse_folder(value: object) -> Path:
    if not isinstance(value, str) or not value:
        raise ValueError("no path")
    return _expand(value)


def _expand(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError("no path: there is no such user") from None


def _parse_folders(value: object) -> tuple[Path, ...]:
    values = value.split(os.pathsep) if isinstance(value, str) else value
    if not isinstance(values, list):
        raise ValueError("no list of paths")  # noqa: TRY004 (the same)
    return tuple(_parse_folder(one) for one in values if one != "")


def _parse_size(value: object) -> int:
    try:
        return parse_size(str(value))
    except ValueError:
        raise ValueError("no size, such as `5GB`") from None


def _parse_count(value: object) -> int:
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError("no number from 1 on")
    return int(text)


def _parse_flag(value: object) -> bool:
    if isinstance(value, str) and value.lower() in _YES | _NO:
        return value.lower() in _YES
    if not isinstance(value, bool):
        raise ValueError("neither `true` nor `false`")  # noqa: TRY004 (the same)
    return value


def _one_of(*values: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in values:
            raise ValueError(f"none of {', '.join(f'`{known}`' for known in values)}")
        return str(value)

    return parse


OPTIONS = (
    Option(
        "dir",
        "PIPCACHE_DIR",
        _parse_folder,
        "`pipcache` in the platform's cache folder",
        "where the cache is; in the file, it goes after a cache directory that pip was given",
    ),
    Option(
        "read-only-dirs",
        "PIPCACHE_READ_ONLY_DIRS",
        _parse_folders,
        "none",
        "caches that are only read, the first one first; in the variable, separated as in `PATH`",
    ),
    Option("max-size", "PIPCACHE_MAX_SIZE", _parse_size, "`10GB`", "the size that the cache is kept to, once a day"),
    Option("jobs", "PIPCACHE_JOBS", _parse_count, "the number of processors", "how many build processes run at once"),
    Option(
        "link-mode",
        "PIPCACHE_LINK_MODE",
        _one_of("clone", "copy", "hardlink"),
        "`clone`",
        "how files come into an environment: `clone`, `copy` or `hardlink`",
    ),
    Option(
        "toolchain",
        "PIPCACHE_TOOLCHAIN",
        _one_of("any", "exact"),
        "`any`",
        "`exact`: a wheel is used only where the programs that built it are the same ones",
    ),
    Option("disable", "PIPCACHE_DISABLE", _parse_flag, "`false`", "`true`: plain pip, without pipcache"),
)
"""All settings. A test compares them with the table in the documentation."""


def load(environ: Mapping[str, str]) -> Settings:
    """Return the settings that are in force.

    :raises SettingsError: something is not understood; lists all that is not.
    """
    problems: list[str] = []
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    given = {option.key: (value, str(path)) for path, option, value in _iter_file(environ, problems)}
    for option in OPTIONS:
        if environ.get(option.variable, "").strip():
            given[option.key] = (environ[option.variable], option.variable)
        if option.key not in given:
            continue
        value, origin = given[option.key]
        try:
            values[option.key.replace("-", "_")] = option.parse(value)
            origins[option.key] = origin
        except ValueError as error:
            problems.append(_describe(option, value, origin, str(error)))
    if problems:
        raise SettingsError(problems=problems)
    return Settings(**values, origins=origins)  # type: ignore[arg-type]


def find_file(environ: Mapping[str, str]) -> Path:
    """Return the path of the file, which need not be there unless a variable names it.

    :raises SettingsError: it is in the home folder of a user that there is not.
    """
    named = environ.get(FILE_VARIABLE)
    if named:
        try:
            return _expand(named)
        except ValueError as error:
            raise SettingsError(problems=[f"`{FILE_VARIABLE}` is `{named}`, which is {error}"]) from None
    from platformdirs import user_config_path

    return user_config_path("pipcache", appauthor=False) / "config.toml"


def _iter_file(environ: Mapping[str, str], problems: list[str]) -> Iterator[tuple[Path, Option, object]]:
    """Go through what the file has; add what is wrong with it to *problems*."""
    path = find_file(environ)
    by_key = {option.key: option for option in OPTIONS}
    for key, value in _read(path, problems, is_named=bool(environ.get(FILE_VARIABLE))).items():
        if key not in by_key:
            problems.append(f"`{path}`: unknown key `{key}`{_suggest(key, by_key)}")
        elif _is_relative(by_key[key], value):
            problems.append(_describe(by_key[key], value, str(path), "no absolute path"))
        else:
            yield path, by_key[key], value


def _read(path: Path, problems: list[str], *, is_named: bool) -> Mapping[str, object]:
    try:
        text = path.read_bytes()
    except OSError as error:
        # Mostly, it is not there. In the home folder of another user, it is not for this one.
        if is_named or not isinstance(error, (FileNotFoundError, NotADirectoryError, PermissionError)):
            named = f", which `{FILE_VARIABLE}` names," if is_named else ""
            problems.append(f"`{path}`{named} cannot be read: {error.strerror}")
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text.decode("utf-8"))
    except ValueError as error:
        problems.append(f"`{path}` is no TOML: {error}")
        return {}


def _is_relative(option: Option, value: object) -> bool:
    """Tell whether a path depends on the current folder, which a file of the user's must not."""
    if option.parse not in {_parse_folder, _parse_folders}:
        return False
    values = value if isinstance(value, list) else [value]
    # That there is a user whose home a path begins with is for the parser to see.
    return any(isinstance(one, str) and one and one[0] != "~" and not Path(one).is_absolute() for one in values)


def _describe(option: Option, value: object, origin: str, wrong: str) -> str:
    if origin == option.variable:
        return f"`{option.variable}` is `{value}`, which is {wrong}"
    return f"`{origin}`: `{option.key}` is `{value}`, which is {wrong}"


def _suggest(key: str, known: Mapping[str, object]) -> str:
    import difflib

    near = difflib.get_close_matches(key.replace("_", "-"), known, n=1)
    return f" (did you mean `{near[0]}`?)" if near else ""
