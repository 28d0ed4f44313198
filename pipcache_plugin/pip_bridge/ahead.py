"""The part "ahead": while pip waits for the metadata of one sdist, those that it will ask for next are begun.

pip's resolver looks at the best candidate of each requirement as soon as it knows of the requirement: first of what the
user asked for, in that order, then of what a candidate depends on. So nothing is begun that pip would leave alone, but
for what two requirements make of one project together. What is said meanwhile, pip says in its turn.

When nothing is left to begin, wheels are: of versions that the user pinned, where the resolver has nothing to choose.
"""

from __future__ import annotations

import copy
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipcache_plugin.pip_bridge import lookup, run, sources
from pipcache_plugin.pip_bridge.inner import is_inner
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam
from pipcache_plugin.pip_bridge.transcript import Transcript, written_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pip._internal.index.package_finder import PackageFinder
    from pip._internal.models.link import Link
    from pip._internal.operations.prepare import File, RequirementPreparer
    from pip._internal.req.req_install import InstallRequirement
    from pip._internal.resolution.resolvelib.base import Candidate, Requirement
    from pip._internal.resolution.resolvelib.factory import Factory
    from pip._internal.resolution.resolvelib.provider import PipProvider

    from pipcache_plugin.pip_bridge.requirement_build import RequirementBuild

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An sdist that is downloaded and unpacked, and whose metadata are being prepared."""

    requirement: InstallRequirement
    """Like the one that pip will make of the same link."""

    file: File
    transcript: Transcript
    """Of the download."""

    build: RequirementBuild


class Ahead:
    """What the resolver of a run will ask for."""

    def __init__(self, current: run.Run, factory: Factory, constraints: Sequence[InstallRequirement]) -> None:
        """Nothing is begun yet."""
        self._run = current
        self._factory = factory
        self._constraints = constraints
        self._pending: deque[InstallRequirement] = deque()
        self._seen: set[str] = set()
        self._begun: dict[str, Begun] = {}
        self._decided: list[RequirementBuild] = []
        self._found: dict[str, Transcript] = {}
        # What was said while a project's pages were read, and its wheel looked for: once, by pip and by us.

    def add(self, requirements: Iterable[InstallRequirement]) -> None:
        """Expect pip to ask for *requirements*, in this order."""
        self._pending.extend(requirements)

    def add_dependencies(self, specifiers: Iterable[str], comes_from: InstallRequirement | None) -> None:
        """Expect pip to ask for what a candidate requires."""
        self.add([self._factory._make_install_req_from_spec(specifier, comes_from) for specifier in specifiers])

    def note_prepared(self, build: RequirementBuild) -> None:
        """Note that pip has the metadata of a requirement, and goes on."""
        requirement = build.requirement
        is_pinned = requirement.is_pinned or requirement.original_link is not None
        builds = self._run.command == "wheel" or (self._run.command == "install" and not self._run.options.dry_run)
        if builds and is_pinned and requirement.user_supplied and build.found is None and not build.is_pips:
            self._decided.append(build)

    def step(self) -> bool:
        """Begin the next one, if there is one and nothing waits already; tell whether there was something to do."""
        jobs = self._run.jobs
        if self._pending and len(jobs.unfinished) <= jobs.count:
            try:
                self._begin(self._pending.popleft())
            except Exception as error:  # noqa: BLE001 (pip will meet it as well, and say so)
                logger.debug("pipcache: not begun ahead: %s", error)
            return True
        # One slot stays free for metadata, which the resolver waits for.
        if not self._pending and self._decided and len(jobs.unfinished) < jobs.count:
            heaviest = max(self._decided, key=lambda build: build.weigh())
            self._decided.remove(heaviest)
            heaviest.start_building()
            return True
        return False

    def find(self, link: Link | None) -> Begun | None:
        """Return what was begun for *link*."""
        return self._begun.get(link.url) if link is not None else None

    def take(self, requirement: InstallRequirement) -> Begun | None:
        """Return what was begun for a requirement's link, once; from now on pip has it in hand."""
        if requirement.name is not None:
            self._seen.add(_normalize(requirement.name))
        return self._begun.pop(requirement.link.url, None) if requirement.link is not None else None

    def say_found(self, name: str) -> None:
        """Say what was said while a project's pages were read and its wheel looked for, once."""
        transcript = self._found.pop(_normalize(name), None)
        if transcript is not None:
            transcript.show()

    def _begin(self, template: InstallRequirement) -> None:
        if template.name is None:
            return
        found = Transcript()
        with written_to(found):
            link = self._choose(_normalize(template.name), template)
            is_known = link is not None and self._is_known(link, template)
        found.close()
        self._found.setdefault(_normalize(template.name), found)
        if link is None or is_known:
            return
        transcript = Transcript()
        with written_to(transcript):
            begun = self._download(link, template, transcript)
        transcript.close()
        if begun is not None:
            self._begun[link.url] = begun
            begun.build.start_preparing()

    def _choose(self, name: str, template: InstallRequirement) -> Link | None:
        """Return the link of the sdist that pip will take; ``None`` when it takes something else."""
        if template.editable or name in self._seen or not template.match_markers():
            return None
        self._seen.add(name)
        factory = self._factory
        if template.link is None and name in factory._installed_dists and not factory.force_reinstall:
            return None
        link = template.link or self._find_best(name, template)
        if link is None or link.is_wheel or link.is_vcs or link.is_existing_dir() or link.is_yanked:
            return None
        # With metadata of its own, an sdist need not be prepared by a backend now.
        return link if link.metadata_link() is None else None

    def _find_best(self, name: str, template: InstallRequirement) -> Link | None:
        assert template.req is not None, "it has a name"
        specifier = template.req.specifier
        for constraint in self._constraints:
            if constraint.req is not None and _normalize(constraint.req.name) == name:
                if constraint.link is not None or constraint.hash_options:
                    return None
                if constraint.match_markers():
                    specifier &= constraint.req.specifier
        hashes = template.hashes(trust_internet=False)
        best = self._factory._finder.find_best_candidate(name, specifier, hashes).best_candidate
        return best.link if best is not None else None

    def _is_known(self, link: Link, template: InstallRequirement) -> bool:
        return lookup.find_hit(link, template, self._factory, None, None) is not None

    def _download(self, link: Link, template: InstallRequirement, transcript: Transcript) -> Begun | None:
        from pip._internal.distributions.sdist import SourceDistribution
        from pip._internal.operations.prepare import unpack_url

        from pipcache_plugin.pip_bridge.requirement_build import RequirementBuild

        preparer = self._factory.preparer
        requirement = copy.copy(template)
        requirement.link = link
        hashes = preparer._get_linked_req_hashes(requirement)
        requirement.ensure_has_source_dir(preparer.build_dir, autodelete=True, parallel_builds=True)
        assert requirement.source_dir is not None, "it was made"
        download = _without_progress(preparer)
        file = unpack_url(link, requirement.source_dir, download, preparer.verbosity, preparer.download_dir, hashes)
        if file is None:
            return None
        requirement.local_file_path = file.path
        source = sources.identify_requirement(requirement)
        if source is None:
            return None
        build = RequirementBuild(
            self._run,
            SourceDistribution(requirement),
            source,
            preparer.build_env_installer,
            preparer.build_isolation,
            check_build_deps=preparer.check_build_deps,
            prepare_by_pip=lambda: None,
        )
        return Begun(requirement=requirement, file=file, transcript=transcript, build=build)


def _normalize(name: str) -> str:
    from pip._vendor.packaging.utils import canonicalize_name

    return canonicalize_name(name)


def _without_progress(preparer: RequirementPreparer) -> Any:
    download = copy.copy(preparer._download)
    download._progress_bar = "off"
    return download


def begin_next() -> bool:
    """Begin what pip will ask for next, while it waits; tell whether there was something to do."""
    current = run.current()
    return current is not None and current.ahead is not None and current.ahead.step()


def take(requirement: InstallRequirement) -> Begun | None:
    """Return what was begun for a requirement's link, once; from now on pip has it in hand."""
    current = run.current()
    return current.ahead.take(requirement) if current is not None and current.ahead is not None else None


def _find(link: Link | None) -> Begun | None:
    current = run.current()
    return current.ahead.find(link) if current is not None and current.ahead is not None else None


def begin(factory: Factory, roots: Sequence[InstallRequirement]) -> None:
    """Expect pip to ask for what the user has asked for."""
    current = run.current()
    if current is not None and current.jobs.count > 1:
        current.ahead = Ahead(current, factory, [root for root in roots if root.constraint])
        current.ahead.add(root for root in roots if not root.constraint)


def _find_best_candidate(
    original: PipFunction, self: PackageFinder, project_name: str, *args: Any, **kwargs: Any
) -> Any:
    """Say what was said when the project's pages were read."""
    current = run.current()
    if current is not None and current.ahead is not None and not is_inner():
        current.ahead.say_found(project_name)
    return original(self, project_name, *args, **kwargs)


def _get_dependencies(
    original: PipFunction, self: PipProvider, candidate: Candidate, *args: Any, **kwargs: Any
) -> Iterator[Requirement]:
    """Expect what a candidate depends on, when pip begins to look at it."""

    def dependencies() -> Iterator[Requirement]:
        # One after the other, as pip wants them: to make one may be to download something, and after the Python that is
        # required pip may want no more.
        is_told = False
        for requirement in original(self, candidate, *args, **kwargs):
            if not is_told and requirement.get_candidate_lookup()[1] is not None:
                is_told = True
                _expect_dependencies(candidate)
            yield requirement

    return dependencies()


def _expect_dependencies(candidate: Any) -> None:
    current = run.current()
    if current is None or current.ahead is None or is_inner():
        return
    base = getattr(candidate, "base", candidate)
    try:
        extras = {*getattr(candidate, "extras", ())} & {*base.dist.iter_provided_extras()}
        current.ahead.add_dependencies(map(str, base.dist.iter_dependencies(extras)), getattr(base, "_ireq", None))
    except Exception as error:  # noqa: BLE001 (pip will meet it as well, and say so)
        logger.debug("pipcache: dependencies are not known ahead: %s", error)


def _ensure_link_req_src_dir(
    original: PipFunction, self: RequirementPreparer, req: InstallRequirement, *args: Any, **kwargs: Any
) -> None:
    begun = _find(req.link)
    if begun is not None and req.source_dir is None:
        req.source_dir = begun.requirement.source_dir
        return
    original(self, req, *args, **kwargs)


def _unpack_url(original: PipFunction, link: Link, location: str, *args: Any, **kwargs: Any) -> Any:
    """Say what was said when it was downloaded; its hash is checked once more, as there may be others to be checked."""
    begun = _find(link)
    if begun is None or location != begun.requirement.source_dir:
        return original(link, location, *args, **kwargs)
    hashes = kwargs["hashes"] if "hashes" in kwargs else args[3]
    begun.transcript.show()
    if hashes:
        hashes.check_against_path(begun.file.path)
    return begun.file


SEAMS = [
    Seam(
        modules=("pip._internal.index.package_finder",),
        name="PackageFinder.find_best_candidate",
        parameters=("self", "project_name"),
        part=_find_best_candidate,
    ),
    Seam(
        modules=("pip._internal.resolution.resolvelib.provider",),
        name="PipProvider.get_dependencies",
        parameters=("self", "candidate"),
        part=_get_dependencies,
    ),
    Seam(
        modules=("pip._internal.operations.prepare",),
        name="RequirementPreparer._ensure_link_req_src_dir",
        parameters=("self", "req", "parallel_builds"),
        part=_ensure_link_req_src_dir,
    ),
    Seam(
        modules=("pip._internal.operations.prepare",),
        name="unpack_url",
        parameters=("link", "location", "download", "verbosity", "download_dir", "hashes"),
        part=_unpack_url,
    ),
]
