"""Which of pip's links and requirements have a source that is cached across runs, and what identifies it.

Cached: archives from an index, from find-links or by URL, by the SHA-256 of the file; Git at a full commit hash. Not
cached: local directories and archives that were given by path or ``file:`` URL, editables, other revisions, other
version control systems.
"""

from __future__ import annotations

import posixpath
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipcache_plugin.files import sha256_of
from pipcache_plugin.keys.build_key import BuildInputs, freeze_config_settings
from pipcache_plugin.keys.interpreter import collect_interpreter
from pipcache_plugin.keys.source import (
    CommitHash,
    GitSource,
    InvalidDigestError,
    SdistSource,
    Source,
    parse_commit,
    parse_sha256,
)
from pipcache_plugin.pip_bridge.notices import hide_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pip._internal.models.link import Link
    from pip._internal.req.req_install import InstallRequirement


def identify_link(link: Link, *, is_direct: bool) -> Source | None:
    """Return the source behind *link* as far as it is known without a download.

    :param is_direct: a user or a requirement gave the URL; it did not come from an index or find-links.
    """
    if link.is_wheel or link.is_existing_dir():
        return None
    if link.is_vcs:
        commit = _commit_of(link)
        return GitSource(commit=commit) if commit else None
    if is_direct:
        # A hash in a URL that a user gave is a claim to be checked, not a fact: pip downloads, and compares.
        return None
    digest = _sha256_in(link)
    if digest is None and link.is_file and Path(link.file_path).is_file():
        digest = sha256_of(Path(link.file_path))
    return _sdist(digest) if digest else None


def identify_requirement(requirement: InstallRequirement) -> Source | None:
    """Return the source of a requirement that pip has downloaded and unpacked."""
    link = requirement.link
    if requirement.editable or not requirement.source_dir or link is None or link.is_existing_dir():
        return None
    if link.is_vcs:
        return _identify_checkout(link, requirement.source_dir)
    if requirement.is_direct and link.is_file:
        return None
    archive = requirement.local_file_path
    return _sdist(sha256_of(Path(archive))) if archive else None


def make_inputs(
    source: Source, link: Link, config_settings: Mapping[str, str | list[str]] | None, build_isolation: object
) -> BuildInputs:
    """Return what the build key of *source* is made from, on this interpreter.

    :param build_isolation: pip's: a bool up to 26.1, then ``"off"``, ``"virtual"`` or ``"venv"``.
    """
    subdirectory = posixpath.normpath(link.subdirectory_fragment or ".")
    return BuildInputs(
        source=source,
        subdirectory="" if subdirectory == "." else subdirectory,
        interpreter=collect_interpreter(),
        config_settings=freeze_config_settings(config_settings),
        is_isolated=is_isolated(build_isolation),
    )


def tell_inputs(inputs: BuildInputs, link: Link) -> dict[str, object]:
    """Return what a build key was made from, and which index told of *link*, for the user to read: no credentials."""
    shown = tuple((name, _hide_all(value)) for name, value in inputs.config_settings)
    return {**replace(inputs, config_settings=shown).to_dict(), "index": find_index(link)}


def _hide_all(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    return hide_credentials(value) if isinstance(value, str) else tuple(map(hide_credentials, value))


def find_index(link: Link) -> str | None:
    """Return the URL of the index, or of the page of links, that told of *link*, without credentials; else ``None``."""
    from pip._internal.utils.misc import remove_auth_from_url

    told_by = getattr(link.comes_from, "url", link.comes_from)
    if not isinstance(told_by, str) or "://" not in told_by:
        return None
    page = remove_auth_from_url(told_by.partition("#")[0].partition("?")[0])
    folder, _, project = page.rstrip("/").rpartition("/")
    # A project's page of the Simple API has nothing in its name but the project's.
    is_simple = page.endswith("/") and "." not in project
    return f"{folder}/" if is_simple else page


def is_isolated(build_isolation: object) -> bool:
    """Read pip's ``build_isolation``, whose "off" is a text and true."""
    return build_isolation not in (False, "off")


def _sdist(digest: str) -> SdistSource | None:
    try:
        return SdistSource(sha256=parse_sha256(digest))
    except InvalidDigestError:
        return None


def _sha256_in(link: Link) -> str | None:
    allowed: Mapping[str, list[str]] = getattr(link.as_hashes(), "_allowed", {}) if link.has_hash else {}
    digests = allowed.get("sha256", [])
    return digests[0] if len(digests) == 1 else None


def _commit_of(link: Link) -> CommitHash | None:
    from pip._internal.vcs.versioncontrol import vcs

    backend = vcs.get_backend_for_scheme(link.scheme)
    if backend is None or backend.name != "git":
        return None
    _, revision, _ = backend.get_url_rev_and_auth(link.url_without_fragment)
    # pip reports the revision as it was given, and takes none but the lower-case one for a commit.
    return parse_commit(revision) if revision and revision == revision.lower() else None


def _identify_checkout(link: Link, folder: str) -> Source | None:
    from pip._internal.vcs.versioncontrol import vcs

    commit = _commit_of(link)
    backend = vcs.get_backend_for_scheme(link.scheme)
    if commit is None or backend is None:
        return None
    # A branch or a tag may have the name of a commit.
    return GitSource(commit=commit) if backend.is_immutable_rev_checkout(link.url, folder) else None
