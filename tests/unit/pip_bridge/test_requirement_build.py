"""The build of a requirement that was begun for a copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pip._internal.distributions.sdist import SourceDistribution
from pip._internal.exceptions import InstallationError
from pip._internal.req.constructors import install_req_from_line

from pipcache_plugin.pip_bridge import run
from pipcache_plugin.pip_bridge.requirement_build import RequirementBuild
from tests.factories import make_source_tree
from tests.unit.keys.samples import SDIST
from tests.unit.pip_bridge.runs import RunInFolder

if TYPE_CHECKING:
    from pipcache_plugin.store.store import Store


def make_distribution(tree: Path) -> SourceDistribution:
    """Return pip's distribution of an unpacked sdist."""
    requirement = install_req_from_line("simple @ https://example.org/simple-1.0.tar.gz")
    requirement.source_dir = str(tree)
    return SourceDistribution(requirement)


def prepare_by_pip() -> None:
    """Stand for pip's own way."""
    pytest.fail("not asked for")


@pytest.fixture
def build(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RequirementBuild:
    """Return a build without isolation, whose build requirements are not there."""
    monkeypatch.setattr(run, "make_folder", lambda kind: tmp_path / kind)
    (tmp_path / "pipcache-watch").mkdir()
    tree = make_source_tree(tmp_path, build_requires=["not-there-at-all"])
    return RequirementBuild(
        RunInFolder(store, tmp_path / "run"),
        make_distribution(tree),
        SDIST,
        object(),
        False,
        check_build_deps=True,
        prepare_by_pip=prepare_by_pip,
    )


@pytest.mark.parametrize("is_adopted", [False, True])
def test_requirements_are_those_that_were_read(build: RequirementBuild, is_adopted: bool) -> None:
    """Pip's own requirement, which takes the copy's place at any time, knows nothing of them."""
    once = build._get_once()
    if is_adopted:
        build.adopt(make_distribution(Path(build.requirement.source_dir or "")), prepare_by_pip)
    assert build._get_once() is once
    with pytest.raises(InstallationError, match="not-there-at-all"):
        build._make_environment()


def test_adopted_requirement_has_the_build(build: RequirementBuild) -> None:
    """It is found by what pip has in hand."""
    distribution = make_distribution(Path(build.requirement.source_dir or ""))
    build.adopt(distribution, prepare_by_pip)
    assert build.requirement is distribution.req
    assert run.find_build(distribution.req) is build
