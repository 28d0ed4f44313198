"""The part "lookup": is there a wheel for this sdist? Asked before pip downloads or prepares anything of it."""

from __future__ import annotations

import contextvars
import copy
import json
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from pipcache_plugin.keys.source import SdistSource, Source
from pipcache_plugin.pip_bridge import inner, install, keeper, run, sources
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

if TYPE_CHECKING:
    from pip._internal.cache import CacheEntry, WheelCache
    from pip._internal.models.link import Link
    from pip._internal.operations.prepare import RequirementPreparer
    from pip._internal.req.req_install import InstallRequirement
    from pip._internal.resolution.resolvelib.candidates import LinkCandidate
    from pip._internal.resolution.resolvelib.factory import Factory
    from pip._internal.utils.hashes import Hashes
    from pip._vendor.packaging.version import Version

    from pipcache_plugin.keys.record import Record
    from pipcache_plugin.store.store import Entry

logger = logging.getLogger(__name__)


class _Hit(NamedTuple):
    link: Link
    """Of the sdist."""

    entry: CacheEntry
    """Ours, in the form that pip takes."""

    record: Record

    sha256: str
    """Of the wheel."""


_hit: contextvars.ContextVar[_Hit | None] = contextvars.ContextVar("hit", default=None)
"""What was found for the candidate that pip is making."""


def link_candidate(
    original: PipFunction,
    self: LinkCandidate,
    link: Link,
    template: InstallRequirement,
    factory: Factory,
    name: str | None = None,
    version: Version | None = None,
) -> None:
    """Look for a wheel while a candidate is made of *link*: here are the config settings, the isolation, the hashes."""
    if inner.is_inner() and not link.is_wheel:
        raise inner.MoreThanWheelsError
    current = run.current()
    if current is not None and current.ahead is not None and not inner.is_inner():
        current.ahead.say_found(template.name or "")
    hit = find_hit(link, template, factory, name, version)
    if current is not None:
        install.expect(current, hit.sha256 if hit is not None else install.told_sha256(link))
    if hit is not None and name is None:
        template = _with_name(template, link, hit.record.project)
    token = _hit.set(hit)
    try:
        original(self, link, template, factory, name, version)
    finally:
        _hit.reset(token)


def find_hit(
    link: Link, template: InstallRequirement, factory: Factory, name: str | None, version: Version | None
) -> _Hit | None:
    """Return the right wheel for the sdist behind *link*, with what pip needs to know of it."""
    current = run.current()
    preparer = factory.preparer
    if current is None or factory._wheel_cache is None or (link.is_vcs and preparer.require_hashes):
        # ``download`` wants sdists, not wheels; and no commit has a hash that a user could pin.
        return None
    source = sources.identify_link(link, is_direct=template.original_link is not None)
    if source is None:
        return None
    key = sources.make_inputs(source, link, template.config_settings, preparer.build_isolation).key()
    tags = factory._supported_tags_cache

    def is_right(entry: Entry, record: Record) -> bool:
        from pip._internal.models.wheel import Wheel

        return (
            (name is None or record.project == name)
            and (version is None or _is_version(record.version, version))
            and Wheel(entry.wheel.filename).supported(tags)
        )

    served = keeper.find_right_wheel(current, key, current.present, is_right)
    if served is None:
        return None
    logger.debug("pipcache: %s is built already, %s", link, served.path.name)
    return _Hit(link, _make_entry(link, source, str(served.path)), served.record, served.entry.wheel.sha256)


def _make_entry(link: Link, source: Source, path: str) -> CacheEntry:
    from pip._internal.cache import CacheEntry
    from pip._internal.models.link import Link as PipLink
    from pip._internal.utils.urls import path_to_url

    entry = CacheEntry(PipLink(path_to_url(path), yanked_reason=link.yanked_reason), persistent=True)
    if isinstance(source, SdistSource) and not link.has_hash:
        entry.origin = _make_origin(link, source)
    # Otherwise pip makes the origin of the link itself, as it would for a fresh build.
    return entry


def _make_origin(link: Link, source: SdistSource) -> Any:
    """Return what pip writes down for an archive whose index told no hash: the hash of what was downloaded."""
    from pip._internal.models.direct_url import DirectUrl
    from pip._internal.utils.direct_url_helpers import direct_url_from_link

    value = json.loads(direct_url_from_link(link).to_json())
    value["archive_info"] = {"hash": f"sha256={source.sha256}", "hashes": {"sha256": source.sha256}}
    return DirectUrl.from_json(json.dumps(value))


def _is_version(text: str, version: Version) -> bool:
    return type(version)(text) == version


def _with_name(template: InstallRequirement, link: Link, project: str) -> InstallRequirement:
    """Return *template*, an unnamed URL, as the same URL with the name that its wheel has: pip needs to know it."""
    from pip._internal.utils.packaging import get_requirement

    named = copy.copy(template)
    named.req = get_requirement(f"{project} @ {link.url}")
    return named


def _get_cache_entry(
    original: PipFunction,
    self: WheelCache,
    link: Link,
    package_name: str | None,
    supported_tags: list[Any],
) -> CacheEntry | None:
    """Answer with what was found in our store, or with what this very run built; pip's own kept wheels stay unused.

    They may be of other config settings, other variables, another archive of the same name.
    """
    from pip._internal.cache import CacheEntry

    if run.current() is None:
        entry: CacheEntry | None = original(self, link, package_name, supported_tags)
        return entry
    hit = _hit.get()
    if hit is not None and hit.link is link:
        return hit.entry
    built = self._ephem_cache.get(link=link, package_name=package_name, supported_tags=supported_tags)
    return CacheEntry(built, persistent=False) if built is not link else None


def _get_linked_req_hashes(original: PipFunction, self: RequirementPreparer, req: InstallRequirement) -> Hashes:
    """Accept a wheel of ours whose source has one of the hashes that the user wants.

    pip compares them with the one hash that the index gave; the record has the source's SHA-256, -384 and -512.
    """
    from pip._internal.utils.hashes import Hashes

    hashes: Hashes = original(self, req)
    current = run.current()
    if current is None or req.link is None or not req.link.is_file:
        return hashes
    record = current.served.get(req.link.file_path)
    if record is not None and hashes and hashes.has_one_of(dict(record.source_hashes)):
        return Hashes()
    return hashes


SEAMS = [
    Seam(
        modules=("pip._internal.cache",),
        name="WheelCache.get_cache_entry",
        parameters=("self", "link", "package_name", "supported_tags"),
        part=_get_cache_entry,
    ),
    Seam(
        modules=("pip._internal.operations.prepare",),
        name="RequirementPreparer._get_linked_req_hashes",
        parameters=("self", "req"),
        part=_get_linked_req_hashes,
    ),
]
