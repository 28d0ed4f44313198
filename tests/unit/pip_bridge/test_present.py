"""The present, as pip and this machine know it."""

from __future__ import annotations

import hashlib
import os
import subprocess
from optparse import Values
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.pip_bridge import present as present_module
from pipcache_plugin.pip_bridge.present import PipPresent

if TYPE_CHECKING:
    from pipcache_plugin.keys.differences import Present


@pytest.fixture(autouse=True)
def _no_constraints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)


def make_present(*files: Path, features: tuple[str, ...] = ()) -> PipPresent:
    """Return the present of a run with these build constraints."""
    from pip._internal.network.session import PipSession

    options = Values(
        {
            "build_constraints": [str(file) for file in files],
            "features_enabled": list(features),
            "isolated_mode": False,
            "require_hashes": False,
            "format_control": None,
        }
    )
    return PipPresent(options, PipSession(), None)


def constraints(present: PipPresent, *projects: str) -> dict[str, str]:
    """Return the constraints on some projects."""
    return dict(present.constraints(projects))


def write(path: Path, text: str) -> Path:
    """Write a constraints file."""
    path.write_text(text)
    return path


class TestConstraints:
    """Build constraints."""

    def test_none(self) -> None:
        """The usual case."""
        assert constraints(make_present(), "setuptools") == {}

    def test_specifiers_in_canonical_order(self, tmp_path: Path) -> None:
        """Comments and blanks do not count, nor how a name is written; only what is asked for is told."""
        file = write(tmp_path / "c.txt", "# all\nSetup.Tools >= 61 , <81  # why\n\ncython==3.0\nunasked<1\n")
        found = constraints(make_present(file), "setup-tools", "cython", "other")
        assert found == {"setup-tools": "<81,>=61", "cython": "==3.0"}

    def test_order_does_not_count(self, tmp_path: Path) -> None:
        """Of specifiers, lines and files."""
        one = make_present(write(tmp_path / "1", "setuptools>=61,<81\n"))
        two = make_present(write(tmp_path / "2", "setuptools<81\nsetuptools>=61\n"))
        three = make_present(write(tmp_path / "3", "setuptools<81\n"), write(tmp_path / "4", "setuptools>=61\n"))
        found = [constraints(present, "setuptools") for present in (one, two, three)]
        assert found == [{"setuptools": "<81,>=61"}] * 3

    def test_markers_are_evaluated(self, tmp_path: Path) -> None:
        """A constraint for elsewhere is none here."""
        text = "setuptools<81; sys_platform == 'amiga'\ncython<4; python_version >= '3'\n"
        file = write(tmp_path / "c.txt", text)
        assert constraints(make_present(file), "setuptools", "cython") == {"cython": "<4"}

    def test_files_in_files(self, tmp_path: Path) -> None:
        """Relative to the file that names them."""
        (tmp_path / "more").mkdir()
        write(tmp_path / "more" / "inner.txt", "cython<4\n")
        file = write(tmp_path / "c.txt", "-c more/inner.txt\nsetuptools<81\n")
        assert constraints(make_present(file), "setuptools", "cython") == {"setuptools": "<81", "cython": "<4"}

    def test_url_is_kept_as_its_digest(self, tmp_path: Path) -> None:
        """No version satisfies it: only the very same constraint is met."""
        url = "https://example.org/setuptools-80.0.tar.gz"
        present = make_present(write(tmp_path / "c.txt", f"setuptools @ {url}\n"))
        found = constraints(present, "setuptools")
        assert found == {"setuptools": f"sha256={hashlib.sha256(url.encode()).hexdigest()}"}
        assert not present.satisfies("80.0", found["setuptools"])

    def test_password_in_a_url_is_not_told(self, tmp_path: Path) -> None:
        """It would be on disk."""
        file = write(tmp_path / "c.txt", "setuptools @ https://user:secret@example.org/setuptools-80.0.tar.gz\n")
        assert "secret" not in constraints(make_present(file), "setuptools")["setuptools"]

    def test_variables_in_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As pip expands them."""
        monkeypatch.setenv("NEWEST", "81")
        file = write(tmp_path / "c.txt", "setuptools<${NEWEST}\n")
        assert constraints(make_present(file), "setuptools") == {"setuptools": "<81"}

    def test_file_is_read_once(self, tmp_path: Path) -> None:
        """Each question is answered once in a run."""
        file = write(tmp_path / "c.txt", "setuptools<81\n")
        present = make_present(file)
        constraints(present, "setuptools")
        file.unlink()
        assert constraints(present, "setuptools") == {"setuptools": "<81"}

    @pytest.mark.parametrize("is_ignored", [True, False])
    def test_regular_constraints(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_ignored: bool) -> None:
        """Up to pip 26.1 they reach build environments by the variable, unless build constraints are given."""
        files = [write(tmp_path / name, text) for name, text in [("1", "setuptools<81\n"), ("2", "cython<4\n")]]
        monkeypatch.setenv("PIP_CONSTRAINT", " ".join(map(str, files)))
        monkeypatch.setattr(present_module, "_ignores_regular_constraints", lambda _options: is_ignored)
        expected = {} if is_ignored else {"setuptools": "<81", "cython": "<4"}
        assert constraints(make_present(), "setuptools", "cython") == expected
        given = make_present(write(tmp_path / "3", "wheel<1\n"))
        assert constraints(given, "setuptools", "cython", "wheel") == {"wheel": "<1"}

    def test_configured_constraints(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Those of ``pip.conf`` as well; the variable comes first, then the command's own section."""
        names = [write(tmp_path / name, f"setuptools<8{name}\n") for name in "123"]
        configuration = write(tmp_path / "pip.conf", f"[global]\nconstraint = {names[0]}\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
        monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
        monkeypatch.setattr(present_module, "_ignores_regular_constraints", lambda _options: False)
        assert constraints(make_present(), "setuptools") == {"setuptools": "<81"}
        configuration.write_text(configuration.read_text() + f"[install]\nconstraint =\n    {names[1]}\n")
        assert constraints(make_present(), "setuptools") == {"setuptools": "<82"}
        monkeypatch.setenv("PIP_CONSTRAINT", str(names[2]))
        assert constraints(make_present(), "setuptools") == {"setuptools": "<83"}

    def test_feature_turns_regular_constraints_off(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """``--use-feature=build-constraint``."""
        monkeypatch.setenv("PIP_CONSTRAINT", str(write(tmp_path / "c", "setuptools<81\n")))
        assert constraints(make_present(features=("build-constraint",)), "setuptools") == {}


class TestSatisfies:
    """``satisfies``."""

    @pytest.mark.parametrize(
        ("version", "specifier", "is_met"),
        [
            ("80.0", "<81", True),
            ("81", "<81", False),
            ("80.0", "", True),
            ("80rc1", "<81", True),
            ("1+local", "==1", True),
        ],
    )
    def test_versions(self, version: str, specifier: str, is_met: bool) -> None:
        """Prereleases too: whether to take one was decided before."""
        assert make_present().satisfies(version, specifier) is is_met


class TestGitTags:
    """``git_tags``."""

    @pytest.fixture
    def checkout(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Return a repository with one commit."""
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        git(tmp_path, "init", "--quiet")
        git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "first")
        return tmp_path

    def test_without_a_checkout(self) -> None:
        """They are not known."""
        assert make_present().git_tags() is None
        assert make_present().at(None).git_tags() is None

    def test_new_and_moved_tags_are_others(self, checkout: Path) -> None:
        """Names and what they point at."""
        digests = [tags_of(checkout)]
        git(checkout, "tag", "v1.0")
        digests.append(tags_of(checkout))
        git(checkout, "commit", "--quiet", "--allow-empty", "--message", "second")
        assert tags_of(checkout) == digests[-1]
        git(checkout, "tag", "--force", "v1.0")
        digests.append(tags_of(checkout))
        git(checkout, "tag", "-a", "-m", "message", "v2.0")
        digests.append(tags_of(checkout))
        assert len(set(digests)) == 4

    def test_without_git(self, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """No error, and not the digest of no tags."""
        before = tags_of(checkout)
        monkeypatch.setenv("PATH", str(checkout / "nothing"))
        assert tags_of(checkout) != before


def git(folder: Path, *arguments: str) -> None:
    """Run git, as somebody."""
    who = [
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@example.org",
        "-c",
        "tag.gpgsign=false",
        "-c",
        "commit.gpgsign=false",
    ]
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, timeout=60, capture_output=True)


def tags_of(checkout: Path) -> str | None:
    """Return the digest of a checkout's tags."""
    return make_present().at(str(checkout)).git_tags()


class TestMachine:
    """What is on the machine."""

    def test_environment_is_the_process_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Backends are given it."""
        monkeypatch.setenv("CFLAGS", "-O7")
        monkeypatch.setenv("FLAVOUR", "mint")
        present: Present = make_present()
        assert present.environ["FLAVOUR"] == "mint"
        assert present.toolchain()["CFLAGS"] == "-O7"
        assert "FLAVOUR" not in present.toolchain()

    def test_programs_and_paths(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A broken link is not there: what it leads to may come."""
        (tmp_path / "tool").touch(0o755)
        (tmp_path / "link").symlink_to("nowhere")
        monkeypatch.setenv("PATH", str(tmp_path))
        present = make_present()
        assert present.find_program("tool") == str(tmp_path / "tool")
        assert present.find_program("lacking") is None
        assert [present.has_path(str(tmp_path / name)) for name in ("tool", "link", "lacking")] == [True, False, False]

    def test_what_a_program_is(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """By its name, on the ``PATH`` that backends are given."""
        (tmp_path / "tool").write_text("#!/bin/sh\n")
        (tmp_path / "tool").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        present = make_present()
        monkeypatch.setenv("PATH", os.devnull)
        assert present.identify_program("tool") == hashlib.sha256(b"#!/bin/sh\n").hexdigest()
        assert present.identify_program("lacking") is None

    def test_toolchain_may_be_any(self) -> None:
        """Unless it is said that it may not."""
        assert not make_present().is_toolchain_exact
        assert PipPresent(Values(), None, None, is_toolchain_exact=True).at("checkout").is_toolchain_exact

    def test_installed_distributions(self) -> None:
        """Of the running Python, by normalized name."""
        import pip

        present = make_present()
        assert present.installed("pip") == pip.__version__
        assert present.installed("no-such-distribution") is None

    def test_system_and_libraries(self) -> None:
        """As ``machine`` has it."""
        present = make_present()
        assert present.system() == present.system()
        assert not present.has_library("libno-such.so.1")
