"""Settings: variables before the file, and what cannot be understood is said, all of it at once."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from pipcache_plugin.settings import FILE_VARIABLE, OPTIONS, Settings, SettingsError, find_file, load

FULL = """
dir = "/srv/cache"
read-only-dirs = ["/opt/baked", "/mnt/shared"]
max-size = "2GB"
jobs = 3
link-mode = "copy"
toolchain = "exact"
disable = true
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of the settings file, which is empty."""
    path = tmp_path / "config.toml"
    path.touch()
    return path


def environ(file: Path, **variables: str) -> dict[str, str]:
    """Return an environment that names the file."""
    return {FILE_VARIABLE: str(file), **{f"PIPCACHE_{name}": value for name, value in variables.items()}}


def problems(values: dict[str, str]) -> list[str]:
    """Return what is wrong."""
    with pytest.raises(SettingsError) as caught:
        load(values)
    return caught.value.problems


class TestLoad:
    """``load``."""

    def test_nothing_has_to_be_set(self, file: Path) -> None:
        """All is as by default; empty variables are none."""
        assert load(environ(file)) == Settings()
        assert load(environ(file, DIR="", JOBS="", MAX_SIZE=" ", READ_ONLY_DIRS="", DISABLE="")) == Settings()

    def test_no_file(self) -> None:
        """The null device stands for none."""
        assert load({FILE_VARIABLE: os.devnull}) == Settings()

    def test_all_from_the_file(self, file: Path) -> None:
        """Each key, and where it was found."""
        file.write_text(FULL)
        assert load(environ(file)) == Settings(
            dir=Path("/srv/cache"),
            read_only_dirs=(Path("/opt/baked"), Path("/mnt/shared")),
            max_size=2 * 10**9,
            jobs=3,
            link_mode="copy",
            toolchain="exact",
            disable=True,
            origins={option.key: str(file) for option in OPTIONS},
        )

    def test_all_from_variables(self, file: Path) -> None:
        """They go before the file; folders are separated as in ``PATH``."""
        file.write_text(FULL)
        folders = os.pathsep.join(["/one", "", "/two"])
        variables = {"DIR": "/x", "READ_ONLY_DIRS": folders, "MAX_SIZE": "5", "JOBS": "1", "LINK_MODE": "hardlink"}
        settings = load(environ(file, **variables, TOOLCHAIN="any", DISABLE="no"))
        assert settings == Settings(
            dir=Path("/x"),
            read_only_dirs=(Path("/one"), Path("/two")),
            max_size=5,
            jobs=1,
            link_mode="hardlink",
            origins={option.key: option.variable for option in OPTIONS},
        )
        assert settings.is_from_variable("dir")
        assert not load(environ(file)).is_from_variable("dir")

    def test_home_is_expanded(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Configuration files of CI services do not expand ``~``."""
        monkeypatch.setenv("HOME", "/home/me")
        file.write_text('dir = "~/one"\n')
        assert load(environ(file)).dir == Path("/home/me/one")
        assert load(environ(file, DIR="~/two")).dir == Path("/home/me/two")
        assert load(environ(file, DIR="here")).dir == Path("here")

    @pytest.mark.parametrize(
        ("line", "wrong"),
        [
            ("jobs = 0", "`jobs` is `0`, which is no number from 1 on"),
            ('jobs = "many"', "`jobs` is `many`, which is no number from 1 on"),
            ("jobs = true", "`jobs` is `True`, which is no number from 1 on"),
            ('max-size = "much"', "`max-size` is `much`, which is no size, such as `5GB`"),
            ("max-size = []", "`max-size` is `[]`, which is no size, such as `5GB`"),
            ('link-mode = "soft"', "`link-mode` is `soft`, which is none of `clone`, `copy`, `hardlink`"),
            ("link-mode = []", "`link-mode` is `[]`, which is none of `clone`, `copy`, `hardlink`"),
            ("toolchain = 1", "`toolchain` is `1`, which is none of `any`, `exact`"),
            ("disable = 1", "`disable` is `1`, which is neither `true` nor `false`"),
            ("dir = 1", "`dir` is `1`, which is no path"),
            ('dir = ""', "`dir` is ``, which is no path"),
            ('dir = "here"', "`dir` is `here`, which is no absolute path"),
            ("read-only-dirs = 1", "`read-only-dirs` is `1`, which is no list of paths"),
            ("read-only-dirs = [1]", "`read-only-dirs` is `[1]`, which is no path"),
            ('read-only-dirs = ["/a", "b"]', "`read-only-dirs` is `['/a', 'b']`, which is no absolute path"),
            ("job = 1", "unknown key `job` (did you mean `jobs`?)"),
            ("max_size = 1", "unknown key `max_size` (did you mean `max-size`?)"),
            ("colour = 1", "unknown key `colour`"),
            ("[cache]\njobs = 1", "unknown key `cache`"),
        ],
    )
    def test_what_is_wrong_in_the_file(self, file: Path, line: str, wrong: str) -> None:
        """The file and the key are named."""
        file.write_text(line)
        assert problems(environ(file)) == [f"`{file}`: {wrong}"]

    @pytest.mark.parametrize(
        ("name", "value", "wrong"),
        [
            ("JOBS", "many", "no number from 1 on"),
            ("JOBS", "0", "no number from 1 on"),
            ("MAX_SIZE", "much", "no size, such as `5GB`"),
            ("LINK_MODE", "COPY", "none of `clone`, `copy`, `hardlink`"),
        ],
    )
    def test_what_is_wrong_in_a_variable(self, file: Path, name: str, value: str, wrong: str) -> None:
        """The variable is named; what the file has does not stand in for it."""
        file.write_text(FULL)
        assert problems(environ(file, **{name: value})) == [f"`PIPCACHE_{name}` is `{value}`, which is {wrong}"]

    def test_all_that_is_wrong_is_said(self, file: Path) -> None:
        """At once."""
        file.write_text('jbos = 1\nlink-mode = "soft"\n')
        wrong = problems(environ(file, JOBS="many"))
        assert ["jbos" in wrong[0], "PIPCACHE_JOBS" in wrong[1], "soft" in wrong[2]] == [True] * 3
        assert str(SettingsError(problems=wrong)) == "; ".join(wrong)

    def test_variable_hides_what_is_wrong_in_the_file(self, file: Path) -> None:
        """What is not used need not be right."""
        file.write_text("jobs = 0")
        assert load(environ(file, JOBS="2")).jobs == 2

    @pytest.mark.parametrize("content", [b"jobs = ", b"\xff", b"jobs = 1\njobs = 2"])
    def test_no_toml(self, file: Path, content: bytes) -> None:
        """The file is named, and what the parser says."""
        file.write_bytes(content)
        (wrong,) = problems(environ(file))
        assert wrong.startswith(f"`{file}` is no TOML: ")

    def test_file_that_cannot_be_read(self, file: Path) -> None:
        """One that a variable names: a folder, for one, or none at all."""
        file.unlink()
        named = f"`{file}`, which `{FILE_VARIABLE}` names, cannot be read"
        assert problems(environ(file)) == [f"{named}: No such file or directory"]
        file.mkdir()
        assert problems(environ(file)) == [f"{named}: Is a directory"]

    def test_default_file_that_cannot_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is not there, or in the home folder of somebody else; anything else is wrong."""
        folder = tmp_path / "pipcache"
        monkeypatch.setattr(platformdirs, "user_config_path", lambda *args, **kwargs: folder)

        def read(path: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        assert load({}) == Settings()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_bytes", read)
            assert load({}) == Settings()
        (folder / "config.toml").mkdir(parents=True)
        assert problems({}) == [f"`{folder / 'config.toml'}` cannot be read: Is a directory"]

    @pytest.mark.parametrize("value", ["1", "yes", "true", "on", "Y"])
    @pytest.mark.parametrize("no", ["0", "no", "False", "OFF", "n", "f"])
    def test_flag_of_a_variable(self, file: Path, value: str, no: str) -> None:
        """In many words."""
        assert load(environ(file, DISABLE=value)).disable
        assert not load(environ(file, DISABLE=no)).disable

    def test_flag_that_is_none(self, file: Path) -> None:
        """A misspelt no must not turn the cache off unseen."""
        file.write_text('disable = "nope"\n')
        assert problems(environ(file)) == [f"`{file}`: `disable` is `nope`, which is neither `true` nor `false`"]

    def test_home_of_nobody(self, file: Path) -> None:
        """In a variable, in the file, or for the file."""
        wrong = "which is no path: there is no such user"
        assert problems(environ(file, DIR="~nosuchuser/x")) == [f"`PIPCACHE_DIR` is `~nosuchuser/x`, {wrong}"]
        file.write_text('dir = "~nosuchuser/x"\n')
        assert problems(environ(file)) == [f"`{file}`: `dir` is `~nosuchuser/x`, {wrong}"]
        assert problems({FILE_VARIABLE: "~nosuchuser/x"}) == [f"`{FILE_VARIABLE}` is `~nosuchuser/x`, {wrong}"]


class TestFindFile:
    """``find_file``."""

    def test_where_the_platform_has_it(self) -> None:
        """In a folder of ours."""
        expected = platformdirs.user_config_path("pipcache", appauthor=False) / "config.toml"
        assert find_file({}) == find_file({FILE_VARIABLE: ""}) == expected

    def test_elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A variable names it."""
        monkeypatch.setenv("HOME", "/home/me")
        assert find_file({FILE_VARIABLE: "~/x.toml"}) == Path("/home/me/x.toml")
