"""What programs are."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from pipcache_plugin.machine import identity
from pipcache_plugin.machine.identity import identify_program


class Machine:
    """Folders with programs in them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {"PATH": os.pathsep.join(str(root / name) for name in ("first", "second"))}

    def put(self, path: str, text: str) -> Path:
        """Write a program."""
        target = self.root / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
        target.chmod(0o755)
        return target

    def link(self, path: str, target: str) -> Path:
        """Write a link, to a path or to what lies beside it."""
        link = self.root / path
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(self.root / target if "/" in target else target)
        return link

    def identify(self, name: str | Path, since_ns: int | None = None) -> str | None:
        """Return the digest of a program."""
        return identify_program(str(name), self.environ, since_ns)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine without programs."""
    return Machine(tmp_path)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the files that are read from now on, in order."""
    read: list[Path] = []

    def sha256_of(path: Path) -> str:
        read.append(path)
        return digest_of(path.read_text())

    monkeypatch.setattr(identity, "sha256_of", sha256_of)
    return read


def digest_of(text: str) -> str:
    """Return the digest of a program with this content."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_content_is_what_counts(machine: Machine) -> None:
    """Of the first one on ``PATH``; not where it is, nor when it came."""
    machine.put("second/cc", "cc 1")
    assert machine.identify("cc") == digest_of("cc 1")
    machine.put("first/cc", "cc 2")
    assert machine.identify("cc") == digest_of("cc 2")
    assert machine.identify(machine.root / "second" / "cc") == digest_of("cc 1")


def test_links_are_followed(machine: Machine) -> None:
    """``cc`` is ``alternatives/cc`` is ``gcc`` is ``gcc-12``."""
    machine.put("second/gcc-12", "gcc 12")
    machine.link("second/gcc", "gcc-12")
    machine.link("alternatives/cc", "second/gcc")
    machine.link("first/cc", "alternatives/cc")
    assert machine.identify("cc") == digest_of("gcc 12")


@pytest.mark.parametrize("name", ["lacking", "text", "folder", "broken", "", "first", "a\0b"])
def test_what_is_no_program_has_no_identity(machine: Machine, name: str) -> None:
    """It is not there, or cannot be run."""
    machine.put("first/text", "text").chmod(0o644)
    (machine.root / "first" / "folder").mkdir()
    machine.link("first/broken", "nowhere")
    assert machine.identify(name) is None
    if "\0" not in name:
        assert machine.identify(machine.root / "first" / name) is None


def test_path_is_not_looked_for_elsewhere(machine: Machine) -> None:
    """What is gone from where it was is gone."""
    machine.put("first/cc", "cc")
    assert machine.identify(machine.root / "opt" / "cc") is None


@pytest.mark.parametrize("error", [PermissionError, OSError, FileNotFoundError])
def test_what_cannot_be_read_has_no_identity(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    """It may be allowed to run alone, or go meanwhile."""
    machine.put("first/cc", "cc")

    def sha256_of(path: Path) -> str:
        raise error(path)

    monkeypatch.setattr(identity, "sha256_of", sha256_of)
    assert machine.identify("cc") is None


def test_each_file_is_read_once(machine: Machine, read: list[Path]) -> None:
    """Under whatever name, as long as it stays as it is."""
    busybox = machine.put("first/busybox", "busybox 1")
    for name in ["sh", "sed"]:
        machine.link(f"first/{name}", "busybox")
    assert {machine.identify(name) for name in ["sh", "sed", "busybox", str(busybox), "sh"]} == {digest_of("busybox 1")}
    assert read == [busybox]
    busybox.write_text("busybox 2")
    os.utime(busybox, ns=(1, 1))
    assert {machine.identify(name) for name in ["sh", "sed"]} == {digest_of("busybox 2")}
    busybox.write_text("busybox 33")
    os.utime(busybox, ns=(1, 1))
    assert machine.identify("sh") == digest_of("busybox 33")
    assert len(read) == 3


@pytest.mark.parametrize("launcher", ["ccache", "sccache", "distcc", "icecc"])
class TestLaunchers:
    """What stands before a compiler under its name."""

    def test_compiler_behind_it_counts(self, machine: Machine, launcher: str) -> None:
        """Asked for by name, or by the launcher's path."""
        machine.put("bin/" + launcher, "launcher")
        by_path = machine.link("first/cc", f"bin/{launcher}")
        machine.put("second/cc", "cc")
        assert [machine.identify("cc"), machine.identify(by_path)] == [digest_of("cc")] * 2

    def test_without_a_compiler_it_is_nothing(self, machine: Machine, launcher: str) -> None:
        """Nor is it anything on its own."""
        machine.put("bin/" + launcher, "launcher")
        machine.link("first/cc", f"bin/{launcher}")
        machine.link(f"first/{launcher}", f"bin/{launcher}")
        assert [machine.identify(name) for name in ("cc", launcher)] == [None, None]


class TestRustup:
    """One program under all names of Rust."""

    @pytest.fixture
    def home(self, machine: Machine) -> Path:
        """Return rustup's home, with one toolchain."""
        machine.put("first/rustup", "rustup")
        machine.link("first/cargo", "rustup")
        home = machine.root / "rust"
        (home / "update-hashes").mkdir(parents=True)
        (home / "update-hashes" / "stable").write_text("1.90")
        (home / "settings.toml").write_text('default_toolchain = "stable"')
        machine.environ["RUSTUP_HOME"] = str(home)
        return home

    @pytest.mark.parametrize(
        ("file", "text"),
        [
            ("settings.toml", 'default_toolchain = "nightly"'),
            ("update-hashes/stable", "1.91"),
            ("update-hashes/x", "1"),
        ],
    )
    def test_its_toolchains_count(self, machine: Machine, home: Path, file: str, text: str) -> None:
        """Which is the default one, and which release each is; and rustup's own."""
        before = machine.identify("cargo")
        assert before == machine.identify("cargo")
        assert before not in {None, digest_of("rustup")}
        (home / file).write_text(text)
        changed = machine.identify("cargo")
        assert changed not in {None, before}
        machine.put("first/rustup", "rustup 2")
        assert machine.identify("cargo") not in {None, before, changed}

    def test_names_of_toolchains_count(self, machine: Machine, home: Path) -> None:
        """Not only what is in the files."""
        before = machine.identify("cargo")
        (home / "update-hashes" / "stable").rename(home / "update-hashes" / "beta")
        assert machine.identify("cargo") not in {None, before}

    def test_copy_of_it(self, machine: Machine, home: Path) -> None:
        """Where there are no links."""
        (machine.root / "first" / "cargo").unlink()
        machine.put("first/cargo", "rustup")
        assert machine.identify("cargo") not in {None, digest_of("rustup")}

    def test_others_beside_it(self, machine: Machine, home: Path) -> None:
        """They are what they are."""
        machine.put("first/maturin", "maturin")
        assert machine.identify("maturin") == digest_of("maturin")

    def test_home_by_default(self, machine: Machine, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The user's; it need not be there."""
        before = machine.identify("cargo")
        del machine.environ["RUSTUP_HOME"]
        monkeypatch.setenv("HOME", str(machine.root / "user"))
        assert machine.identify("cargo") == digest_of("rustup")
        (machine.root / "user").mkdir()
        home.rename(machine.root / "user" / ".rustup")
        assert machine.identify("cargo") == before


class TestSince:
    """What was changed after a time is not known to have been the same then."""

    def test_older(self, machine: Machine) -> None:
        """It was there."""
        machine.put("first/cc", "cc")
        assert machine.identify("cc", time.time_ns()) == digest_of("cc")

    def test_newer(self, machine: Machine) -> None:
        """Whatever modification time it was given."""
        cc = machine.put("first/cc", "cc")
        os.utime(cc, ns=(1, 1))
        assert machine.identify("cc", cc.stat().st_ctime_ns - 1) is None

    def test_newer_toolchain_of_rustup(self, machine: Machine) -> None:
        """The same."""
        machine.put("first/rustup", "rustup")
        machine.link("first/cargo", "rustup")
        settings = machine.put("rust/settings.toml", "")
        machine.environ["RUSTUP_HOME"] = str(settings.parent)
        assert machine.identify("cargo", time.time_ns()) is not None
        rustup = machine.root / "first" / "rustup"
        while settings.stat().st_ctime_ns <= rustup.stat().st_ctime_ns:
            settings.write_text("default")
        assert machine.identify("cargo", rustup.stat().st_ctime_ns) is None
