"""Makes wheels, sdists and source trees: valid by default, every part breakable.

Everything is written with fixed times and in a fixed order: the same arguments give the same bytes, and so the same
digests. Nothing here needs the network or anything but the standard library; neither do the source trees, whose build
backend is a file in the tree (``backend-path``) and requires nothing.

What a built project has to show, for a project named ``simple``:

* each of its modules, ``simple.py`` with ``NAME`` and ``VERSION`` when none are given;
* ``simple_settings.py`` with ``SETTINGS``, the config settings as JSON text (``Backend.echoes_settings``);
* ``simple_variable.py`` with ``VALUE``, an environment variable or ``None`` (``Backend.echoes_variable``).

Each call of a hook appends a line with the hook's name to the file that ``CALLS_FILE`` in the environment names; see
``read_calls``.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import struct
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

CALLS_VARIABLE = "CALLS_FILE"
"""Names the environment variable that names the file in which backends note the hooks that are called."""

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Backend:
    """What the build backend of a source tree does."""

    fails_in: str | None = None
    """The hook in which it fails, for example ``build_wheel``."""

    message: str = "the backend failed as it was told to"
    """What it then writes to stderr; its process ends with status 1."""

    has_prepare: bool = True
    """Whether there is a ``prepare_metadata_for_build_wheel``."""

    extra_requires: tuple[str, ...] = ()
    """What ``get_requires_for_build_wheel`` returns."""

    echoes_settings: bool = False
    """Puts the config settings into the wheel: ``SETTINGS`` in ``<name>_settings.py``, JSON text (``"null"``: none)."""

    echoes_variable: str | None = None
    """Puts this environment variable into the wheel: ``VALUE`` in ``<name>_variable.py``, ``None`` where unset."""

    sleep_seconds: float = 0
    """How long ``build_wheel`` takes, after the call was noted and before anything is written."""

    tag: str = "py3-none-any"
    """The tag of the wheel, one triple. Pure when it ends with ``-none-any``."""


PLAIN_BACKEND = Backend()
"""Does what a backend does, and nothing besides."""


def escape(name: str) -> str:
    """Return a project name as file names have it: ``My.Project-x`` is ``my_project_x``."""
    return re.sub(r"[-_.]+", "_", name).lower()


def read_calls(path: Path) -> list[str]:
    """Return the names of the hooks that were called, in order; *path* is what ``CALLS_FILE`` named."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def sha256_hex(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_source_tree(
    folder: Path,
    *,
    name: str = "simple",
    version: str = "1.0",
    backend: Backend = PLAIN_BACKEND,
    modules: Mapping[str, str] | None = None,
    requires_dist: Sequence[str] = (),
    build_requires: Sequence[str] = (),
    entry_points: Mapping[str, str] | None = None,
    subdirectory: str = "",
) -> Path:
    """Write a source tree to ``folder/<name>-<version>`` (name escaped) and return that path, the root of the source.

    :param folder: made when missing; the tree in it must not be there yet.
    :param modules: text by POSIX path below site-packages, ``{"simple/__init__.py": ""}``; by default ``<name>.py``.
    :param requires_dist: ``Requires-Dist`` of the wheel.
    :param build_requires: ``build-system.requires`` of ``pyproject.toml``.
    :param entry_points: console scripts, ``{"simple-command": "simple:main"}``.
    :param subdirectory: where the project is below the returned root; a relative POSIX path.
    """
    root = folder / f"{escape(name)}-{version}"
    project = root / subdirectory
    project.mkdir(parents=True)
    requires = ", ".join(json.dumps(requirement) for requirement in build_requires)
    _write(
        project / "pyproject.toml",
        f'[build-system]\nrequires = [{requires}]\nbuild-backend = "tiny_backend"\nbackend-path = ["_backend"]\n',
    )
    baked = {
        **asdict(backend),
        "name": name,
        "module": escape(name),
        "version": version,
        "requires_dist": list(requires_dist),
        "entry_points": dict(entry_points or {}),
    }
    _write(project / "_backend" / "tiny_backend.py", _BACKEND.replace("@PROJECT@", repr(json.dumps(baked))))
    for path, text in (_default_modules(name, version) if modules is None else modules).items():
        _write(project / "src" / path, text)
    return root


def make_sdist(
    folder: Path,
    *,
    name: str = "simple",
    version: str = "1.0",
    backend: Backend = PLAIN_BACKEND,
    modules: Mapping[str, str] | None = None,
    requires_dist: Sequence[str] = (),
    build_requires: Sequence[str] = (),
    entry_points: Mapping[str, str] | None = None,
    subdirectory: str = "",
) -> Path:
    """Write ``folder/<name>-<version>.tar.gz`` (name escaped) with a PKG-INFO and return its path.

    The same arguments give the same bytes. An archive that is there already is replaced. For the parameters see
    ``make_source_tree``.
    """
    with tempfile.TemporaryDirectory() as temporary:
        root = make_source_tree(
            Path(temporary),
            name=name,
            version=version,
            backend=backend,
            modules=modules,
            requires_dist=requires_dist,
            build_requires=build_requires,
            entry_points=entry_points,
            subdirectory=subdirectory,
        )
        _write(root / subdirectory / "PKG-INFO", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        return pack_tree(root, folder / f"{root.name}.tar.gz")


def pack_tree(root: Path, target: Path, extra_members: Sequence[tuple[tarfile.TarInfo, bytes]] = ()) -> Path:
    """Pack the folder *root*, under its own name, into the ``.tar.gz`` *target*; the same files give the same bytes.

    :param extra_members: put into the archive as they are, after the files; the sizes are set.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        target.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            data = path.read_bytes()
            member = tarfile.TarInfo(f"{root.name}/{path.relative_to(root).as_posix()}")
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
        for member, data in extra_members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target


def make_wheel(
    folder: Path,
    *,
    name: str = "simple",
    version: str = "1.0",
    tags: str = "py3-none-any",
    files: Mapping[str, str] | None = None,
    requires_dist: Sequence[str] = (),
    requires_python: str = "",
    entry_points: Mapping[str, str] | None = None,
    metadata_name: str | None = None,
    metadata_version: str | None = None,
    metadata_format: str = "2.1",
    wheel_tags: Sequence[str] | None = None,
    wheel_format: str = "1.0",
    has_metadata: bool = True,
    has_record: bool = True,
    record_lies_about: str = "",
    record_lacks: str = "",
    record_adds: str = "",
    record_adds_text: str = "",
    extra_members: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    has_second_dist_info: bool = False,
    modes: Mapping[str, int] | None = None,
    cut_bytes: int = 0,
) -> Path:
    """Write ``folder/<name>-<version>-<tags>.whl`` and return its path; valid unless told otherwise.

    :param tags: of the file name, compressed sets allowed (``py2.py3-none-any``).
    :param files: text by POSIX path in the archive; by default ``<name>.py``.
    :param entry_points: console scripts.
    :param metadata_name: ``Name`` in METADATA where it should be another; *metadata_version* likewise.
    :param metadata_format: ``Metadata-Version``; *wheel_format* is ``Wheel-Version`` in WHEEL.
    :param wheel_tags: the ``Tag`` lines of WHEEL where they should be others.
    :param has_metadata: whether there is a METADATA; *has_record* likewise.
    :param record_lies_about: the path of a file to whose hash RECORD does not agree.
    :param record_lacks: the path of a file that RECORD does not list.
    :param record_adds: the path of a file that RECORD lists and the archive does not have.
    :param record_adds_text: put at the end of RECORD, as it is.
    :param extra_members: put into the archive as they are, not listed in RECORD; as pairs, with names that are there.
    :param has_second_dist_info: adds an ``other-2.0.dist-info/METADATA``, listed in RECORD.
    :param modes: by path, type and permissions of what is not a plain file, or can be executed.
    :param cut_bytes: how many bytes are cut off the end of the file.
    """
    dist_info = f"{escape(name)}-{version}.dist-info"
    members = {
        path: text.encode() for path, text in (_default_modules(name, version) if files is None else files).items()
    }
    if has_metadata:
        headers = [f"Name: {metadata_name or name}", f"Version: {metadata_version or version}"]
        headers += [f"Requires-Dist: {requirement}" for requirement in requires_dist]
        headers += [f"Requires-Python: {requires_python}"] if requires_python else []
        members[f"{dist_info}/METADATA"] = "\n".join([f"Metadata-Version: {metadata_format}", *headers, ""]).encode()
    lines = [f"Wheel-Version: {wheel_format}", "Generator: factories", f"Root-Is-Purelib: {_is_pure(tags)}"]
    lines += [f"Tag: {tag}" for tag in (_expand(tags) if wheel_tags is None else wheel_tags)]
    members[f"{dist_info}/WHEEL"] = "\n".join([*lines, ""]).encode()
    if entry_points:
        scripts = [f"{script} = {target}" for script, target in entry_points.items()]
        members[f"{dist_info}/entry_points.txt"] = "\n".join(["[console_scripts]", *scripts, ""]).encode()
    if has_second_dist_info:
        members["other-2.0.dist-info/METADATA"] = b"Metadata-Version: 2.1\nName: other\nVersion: 2.0\n"
    rows = [
        _record_row(path, b"a lie" if path == record_lies_about else data, len(data))
        for path, data in members.items()
        if path != record_lacks
    ]
    if record_adds:
        rows.append(_record_row(record_adds, b"", 0))
    if has_record:
        record = f"{dist_info}/RECORD"
        members[record] = ("\n".join([*rows, f"{record},,", ""]) + record_adds_text).encode()
    extra = extra_members.items() if isinstance(extra_members, Mapping) else extra_members
    target = folder / f"{escape(name)}-{version}-{tags}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    _write_zip(target, [*members.items(), *((path, text.encode()) for path, text in extra)], modes or {})
    if cut_bytes:
        target.write_bytes(target.read_bytes()[:-cut_bytes])
    return target


def _default_modules(name: str, version: str) -> dict[str, str]:
    return {
        f"{escape(name)}.py": f"NAME = {name!r}\nVERSION = {version!r}\n\n\ndef main():\n    print(NAME, VERSION)\n"
    }


def _is_pure(tags: str) -> str:
    return "true" if tags.endswith("-none-any") else "false"


def _expand(tags: str) -> list[str]:
    pythons, abis, platforms = (part.split(".") for part in tags.split("-")[-3:])
    return [f"{python}-{abi}-{platform}" for python in pythons for abi in abis for platform in platforms]


def _record_row(path: str, data: bytes, size: int) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode("ascii")
    quoted = '"' + path.replace('"', '""') + '"' if set(path) & set(',"\r\n') else path
    return f"{quoted},sha256={digest},{size}"


def _write_zip(target: Path, members: Sequence[tuple[str, bytes]], modes: Mapping[str, int]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate name", UserWarning)
        for path, data in members:
            info = zipfile.ZipInfo(path, _ZIP_TIME)
            info.external_attr = modes.get(path, 0o644) << 16
            archive.writestr(info, data)


_MEMBER_FIELDS = {
    "flags": ("<H", (8, 6)),
    "compression": ("<H", (10, 8)),
    "crc32": ("<I", (16, 14)),
    "compressed_bytes": ("<I", (20, 18)),
    "size_bytes": ("<I", (24, 22)),
}
"""How each is written, and where: in an entry of the archive's directory, and in the header before the file's bytes."""

_MEMBER_HEADERS = [(0, b"PK\x01\x02", 46), (1, b"PK\x03\x04", 30)]
"""Of both: how they begin, and how long they are up to the name."""


def patch_member(archive: Path, name: str, **fields: int) -> Path:
    """Let an archive say something else of the file *name*, in its directory and before the file's bytes."""
    data = bytearray(archive.read_bytes())
    path = name.encode()
    for kind, signature, header_bytes in _MEMBER_HEADERS:
        start = data.index(path, data.index(signature)) - header_bytes
        while data[start : start + 4] != signature:
            start = data.index(path, start + header_bytes + 1) - header_bytes
        for field, value in fields.items():
            layout, offsets = _MEMBER_FIELDS[field]
            struct.pack_into(layout, data, start + offsets[kind], value)
    archive.write_bytes(data)
    return archive


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


_BACKEND = '''\
"""A build backend of one file: packs ``src`` into a wheel, and does besides what ``PROJECT`` says."""

import base64
import hashlib
import json
import os
import sys
import time
import zipfile
from pathlib import Path

PROJECT = json.loads(@PROJECT@)
SOURCE = Path(__file__).resolve().parent.parent / "src"
DIST_INFO = "{module}-{version}.dist-info".format(**PROJECT)


def get_requires_for_build_wheel(config_settings=None):
    begin("get_requires_for_build_wheel")
    return list(PROJECT["extra_requires"])


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    begin("prepare_metadata_for_build_wheel")
    for path, data in metadata().items():
        target = Path(metadata_directory, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return DIST_INFO


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    begin("build_wheel")
    time.sleep(PROJECT["sleep_seconds"])
    files = {path.relative_to(SOURCE).as_posix(): path.read_bytes() for path in SOURCE.rglob("*.*") if path.is_file()}
    if PROJECT["echoes_settings"]:
        settings = json.dumps(config_settings, sort_keys=True)
        files[PROJECT["module"] + "_settings.py"] = "SETTINGS = {!r}\\n".format(settings).encode()
    if PROJECT["echoes_variable"]:
        value = os.environ.get(PROJECT["echoes_variable"])
        files[PROJECT["module"] + "_variable.py"] = "VALUE = {!r}\\n".format(value).encode()
    return write_wheel(wheel_directory, files)


def get_requires_for_build_editable(config_settings=None):
    begin("get_requires_for_build_editable")
    return list(PROJECT["extra_requires"])


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    begin("build_editable")
    return write_wheel(wheel_directory, {PROJECT["module"] + "_editable.pth": str(SOURCE).encode()})


if not PROJECT["has_prepare"]:
    del prepare_metadata_for_build_wheel


def begin(hook):
    if "CALLS_FILE" in os.environ:
        with open(os.environ["CALLS_FILE"], "a") as file:
            file.write(hook + "\\n")
    if hook == PROJECT["fails_in"]:
        sys.exit(PROJECT["message"])


def metadata():
    tag = PROJECT["tag"]
    headers = ["Metadata-Version: 2.1", "Name: " + PROJECT["name"], "Version: " + PROJECT["version"]]
    headers += ["Requires-Dist: " + requirement for requirement in PROJECT["requires_dist"]]
    pure = "true" if tag.endswith("-none-any") else "false"
    wheel = ["Wheel-Version: 1.0", "Generator: tiny_backend", "Root-Is-Purelib: " + pure, "Tag: " + tag]
    scripts = ["{} = {}".format(*item) for item in PROJECT["entry_points"].items()]
    files = {"METADATA": headers, "WHEEL": wheel}
    if scripts:
        files["entry_points.txt"] = ["[console_scripts]"] + scripts
    return {DIST_INFO + "/" + name: "\\n".join(lines + [""]).encode() for name, lines in files.items()}


def write_wheel(folder, files):
    files = {**dict(sorted(files.items())), **metadata()}
    rows = []
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append("{},sha256={},{}".format(path, digest, len(data)))
    record = DIST_INFO + "/RECORD"
    files[record] = "\\n".join(rows + [record + ",,", ""]).encode()
    name = "{module}-{version}-{tag}.whl".format(**PROJECT)
    with zipfile.ZipFile(Path(folder, name), "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            info = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return name
'''
