"""Whether what is installed meets what a build requires."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import InvalidRequirement

from pipcache_plugin.building.requirements import check, collect_installed
from tests.unit.building.fakes import add_dist_info


@pytest.fixture
def unmet(tmp_path: Path) -> Callable[[str], tuple[set[tuple[str, str]], set[str]]]:
    """Return a function that checks one requirement where setuptools 80.1 and My.Project 1.0b1 are installed."""
    add_dist_info(tmp_path, "setuptools", "80.1")
    add_dist_info(tmp_path, "My.Project", "1.0b1")

    def check_one(requirement: str) -> tuple[set[tuple[str, str]], set[str]]:
        found = check([requirement], [str(tmp_path)])
        return set(found.conflicts), set(found.missing)

    return check_one


class TestCheck:
    """``check``."""

    @pytest.mark.parametrize(
        "requirement",
        [
            "setuptools",
            "SetupTools",
            "setuptools >=80",
            "setuptools[core] ==80.*",
            "my_project",
            "my-project >=1.0a1",
            "my-project <=1.0",
            "my-project >=0.9,<2",
            "setuptools @ https://example.org/setuptools.whl",
            "absent; python_version < '3'",
            "absent; extra == 'docs'",
            "setuptools <1; sys_platform == 'nowhere'",
        ],
    )
    def test_met(self, unmet: Callable[[str], object], requirement: str) -> None:
        """Names are normalized, pre-releases count, what is not for here does not."""
        assert unmet(requirement) == (set(), set())

    @pytest.mark.parametrize("requirement", ["absent", "absent >=1", "absent; python_version > '3'"])
    def test_missing(self, unmet: Callable[[str], object], requirement: str) -> None:
        """A requirement of which nothing is installed comes back as it was written."""
        assert unmet(requirement) == (set(), {requirement})

    def test_conflict(self, unmet: Callable[[str], object]) -> None:
        """Another version is installed: it is told which."""
        assert unmet("SetupTools >=81") == ({("SetupTools==80.1", "SetupTools >=81")}, set())

    def test_final_release_is_not_met_by_a_pre_release(self, unmet: Callable[[str], object]) -> None:
        """1.0b1 is allowed to be installed, and still before 1.0."""
        assert unmet("my-project >=1.0") == ({("my-project==1.0b1", "my-project >=1.0")}, set())

    def test_nonsense_is_an_error(self, unmet: Callable[[str], object]) -> None:
        """A backend that asks for what is no requirement is told so."""
        with pytest.raises(InvalidRequirement):
            unmet("not a requirement")

    def test_nothing_is_required_nothing_is_unmet(self, tmp_path: Path) -> None:
        """An empty list is met by an empty environment."""
        found = check([], [str(tmp_path)])
        assert (found.conflicts, found.missing) == (frozenset(), frozenset())


class TestCollectInstalled:
    """``collect_installed``."""

    def test_first_on_the_path_counts(self, tmp_path: Path) -> None:
        """As it does for an import."""
        add_dist_info(tmp_path / "a", "simple", "1.0")
        add_dist_info(tmp_path / "b", "Simple", "2.0")
        assert collect_installed([str(tmp_path / "a"), str(tmp_path / "b")]) == {"simple": "1.0"}

    def test_only_what_is_on_the_path(self, tmp_path: Path) -> None:
        """The distributions that this process can import are not seen."""
        assert collect_installed([str(tmp_path)]) == {}

    @pytest.mark.parametrize("metadata", ["", "Name: broken\n", "Version: 1.0\n", None])
    def test_broken_metadata_is_passed_over(self, tmp_path: Path, metadata: str | None) -> None:
        """What a killed uninstallation left behind breaks no build, and warns nobody."""
        add_dist_info(tmp_path, "simple", "1.0")
        broken = tmp_path / "broken-1.0.dist-info"
        broken.mkdir()
        if metadata is not None:
            (broken / "METADATA").write_text(metadata)
        assert collect_installed([str(tmp_path)]) == {"simple": "1.0"}
