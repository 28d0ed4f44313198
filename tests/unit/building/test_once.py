"""Each build key once, whoever asks and however often."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.building.environment import CurrentEnvironment
from pipcache_plugin.building.errors import StaleMetadataError, UnsupportedProjectError
from pipcache_plugin.building.once import BuildOnce, BuiltWheel
from pipcache_plugin.building.project import Project, SourceTree
from pipcache_plugin.building.wheels import InvalidWheelError, verify
from tests.factories import PLAIN_BACKEND, Backend, make_source_tree
from tests.unit.building.fakes import Memory, MemoryKeeper, SubprocessRunner
from tests.unit.faults import truncate

if TYPE_CHECKING:
    from pipcache_plugin.building.interface import Hook, HookRunner

PREPARE = "prepare_metadata_for_build_wheel"
BUILD = "build_wheel"


class Session:
    """A run of the front-end: its own source tree and folders, and a memory that others may share."""

    def __init__(
        self,
        folder: Path,
        memory: Memory,
        backend: Backend = PLAIN_BACKEND,
        *,
        keeper: MemoryKeeper | None = None,
        run_hook: HookRunner | None = None,
        requires_dist: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.runner = SubprocessRunner()
        self.waits: list[str] = []
        self.keeper = keeper or MemoryKeeper(memory, "key", folder / "found")
        tree = SourceTree(
            path=make_source_tree(folder, backend=backend, requires_dist=requires_dist),
            requires=[],
            requires_checked=[],
            config_settings=None,
        )
        self.project = Project(tree, self._make_environment, run_hook or self.runner, lambda _missing: None)
        self.once = BuildOnce(self.keeper, self.project, lambda: self.waits.append("waiting"))

    def edit_backend(self, old: str, new: str) -> None:
        """Have the backend do something else."""
        module = self.project.tree.path / "_backend" / "tiny_backend.py"
        text = module.read_text()
        assert old in text
        module.write_text(text.replace(old, new, 1))

    def get_metadata(self) -> Path:
        """Ask for the metadata."""
        return self.once.get_metadata(self.folder / "metadata")

    def get_wheel(self) -> BuiltWheel:
        """Ask for the wheel."""
        return self.once.get_wheel(self.folder / "wheels")

    def _make_environment(self) -> CurrentEnvironment:
        self.keeper.events.append("environment")
        return CurrentEnvironment({})


@pytest.fixture
def memory() -> Memory:
    """Return what sessions share."""
    return Memory()


class TestWheel:
    """``get_wheel``."""

    def test_unknown_wheel_is_built_and_kept(self, tmp_path: Path, memory: Memory) -> None:
        """In the folder that was given, with what its build took."""
        session = Session(tmp_path, memory)
        built = session.get_wheel()
        assert not built.is_found
        assert built.path.parent == tmp_path / "wheels"
        assert built.stored_in is not None
        assert session.runner.hooks == [BUILD]
        ((used, seconds),) = session.keeper.kept
        assert used == {}
        assert seconds == session.project.seconds > 0

    def test_known_wheel_is_found(self, tmp_path: Path, memory: Memory) -> None:
        """No hook is called and no environment made."""
        data = Session(tmp_path / "one", memory).get_wheel().path.read_bytes()
        other = Session(tmp_path / "two", memory)
        found = other.get_wheel()
        assert found.is_found
        assert found.path.read_bytes() == data
        assert other.runner.hooks == []
        assert "environment" not in other.keeper.events

    def test_wheel_that_cannot_be_kept_is_used(self, tmp_path: Path, memory: Memory) -> None:
        """A full disk costs the next run time, and this one nothing."""

        class Full(MemoryKeeper):
            def keep_wheel(self, wheel: Path, used: Mapping[str, str], build_seconds: float) -> None:
                """Keep nothing."""

        built = Session(tmp_path, memory, keeper=Full(memory, "key", tmp_path / "found")).get_wheel()
        assert built.stored_in is None
        assert verify(built.path).project == "simple"

    def test_failed_build_keeps_nothing_and_lets_go(self, tmp_path: Path, memory: Memory) -> None:
        """The next one tries again, and fails for itself."""
        for name in ("one", "two"):
            session = Session(tmp_path / name, memory, Backend(fails_in=BUILD))
            with pytest.raises(subprocess.CalledProcessError):
                session.get_wheel()
            assert session.runner.hooks == [BUILD]
            assert session.keeper.kept == []
            assert session.waits == []


class TestMetadata:
    """``get_metadata``."""

    def test_unknown_metadata_is_prepared_and_kept(self, tmp_path: Path, memory: Memory) -> None:
        """No wheel is built for it."""
        session = Session(tmp_path, memory)
        assert session.get_metadata() == tmp_path / "metadata" / "simple-1.0.dist-info"
        assert session.runner.hooks == [PREPARE]
        assert "keep metadata" in session.keeper.events

    def test_known_metadata_is_found(self, tmp_path: Path, memory: Memory) -> None:
        """No hook is called and no environment made."""
        one, two = Session(tmp_path / "one", memory), Session(tmp_path / "two", memory)
        prepared, found = one.get_metadata(), two.get_metadata()
        assert found == tmp_path / "two" / "metadata" / "simple-1.0.dist-info"
        assert (found / "METADATA").read_bytes() == (prepared / "METADATA").read_bytes()
        assert two.runner.hooks == []
        assert "environment" not in two.keeper.events

    def test_metadata_of_a_known_wheel(self, tmp_path: Path, memory: Memory) -> None:
        """They are taken out of it."""
        Session(tmp_path / "one", memory).get_wheel()
        other = Session(tmp_path / "two", memory)
        assert (other.get_metadata() / "METADATA").exists()
        assert other.runner.hooks == []

    def test_failed_preparation_keeps_nothing_and_lets_go(self, tmp_path: Path, memory: Memory) -> None:
        """The next one tries again."""
        for name in ("one", "two"):
            session = Session(tmp_path / name, memory, Backend(fails_in=PREPARE))
            with pytest.raises(subprocess.CalledProcessError):
                session.get_metadata()
            assert session.waits == []
        assert memory.metadata == {}


class TestMetadataThenWheel:
    """What a resolver and then an installation ask for."""

    def test_environment_and_metadata_are_used_again(self, tmp_path: Path, memory: Memory) -> None:
        """One environment, one call of each hook; the build gets the metadata."""
        session = Session(tmp_path, memory)
        metadata = session.get_metadata()
        session.get_wheel()
        assert session.runner.hooks == [PREPARE, BUILD]
        assert session.runner.calls[1].arguments["metadata_directory"] == str(metadata)
        assert session.keeper.events.count("environment") == 1

    def test_found_metadata_is_handed_to_the_build(self, tmp_path: Path, memory: Memory) -> None:
        """Metadata of an earlier run are as good."""
        Session(tmp_path / "one", memory).get_metadata()
        session = Session(tmp_path / "two", memory)
        metadata = session.get_metadata()
        session.get_wheel()
        assert session.runner.hooks == [BUILD]
        assert session.runner.calls[0].arguments["metadata_directory"] == str(metadata)

    def test_backend_without_metadata_hook_builds_once(self, tmp_path: Path, memory: Memory) -> None:
        """The wheel that was built for its metadata is the wheel."""
        session = Session(tmp_path, memory, Backend(has_prepare=False))
        metadata = session.get_metadata()
        assert (metadata / "METADATA").exists()
        built = session.get_wheel()
        assert session.runner.hooks.count(BUILD) == 1
        assert built.path == session.project.wheel
        assert not built.is_found
        assert built.stored_in is not None

    def test_wheel_built_for_its_metadata_is_kept_once(self, tmp_path: Path, memory: Memory) -> None:
        """The store has one entry for one build."""
        session = Session(tmp_path, memory, Backend(has_prepare=False))
        session.get_metadata()
        session.get_wheel()
        assert session.keeper.events.count("keep wheel") == 1

    def test_wheel_built_for_its_metadata_serves_others_at_once(self, tmp_path: Path, memory: Memory) -> None:
        """They need not wait until it is installed."""
        Session(tmp_path / "one", memory, Backend(has_prepare=False)).get_metadata()
        assert Session(tmp_path / "two", memory, Backend(has_prepare=False)).get_wheel().is_found

    def test_invalid_wheel_built_for_its_metadata(self, tmp_path: Path, memory: Memory) -> None:
        """It is neither used nor kept."""
        inner = SubprocessRunner()

        def run_then_damage(
            hook: Hook, cmd: Sequence[str], cwd: str | None, extra_environ: Mapping[str, str] | None
        ) -> None:
            inner(hook, cmd, cwd, extra_environ)
            for wheel in tmp_path.rglob("*.whl"):
                truncate(wheel)

        session = Session(tmp_path, memory, Backend(has_prepare=False), run_hook=run_then_damage)
        with pytest.raises(InvalidWheelError):
            session.get_metadata()
        assert session.keeper.kept == []


class TestStaleMetadata:
    """Wheels that are not what their metadata said."""

    def test_metadata_of_another_run_that_do_not_hold(self, tmp_path: Path, memory: Memory) -> None:
        """The resolver was told what is not so: it must begin again, with the metadata forgotten."""
        Session(tmp_path / "one", memory).get_metadata()
        session = Session(tmp_path / "two", memory, requires_dist=["surprise"])
        session.get_metadata()
        with pytest.raises(StaleMetadataError) as caught:
            session.get_wheel()
        assert caught.value.filename == "simple-1.0-py3-none-any.whl"
        assert session.keeper.kept == []
        assert memory.metadata == {}
        assert session.waits == []

    def test_second_attempt_is_told_the_truth(self, tmp_path: Path, memory: Memory) -> None:
        """What was forgotten is prepared anew, and agrees."""
        Session(tmp_path / "one", memory).get_metadata()
        first = Session(tmp_path / "two", memory, requires_dist=["surprise"])
        first.get_metadata()
        with pytest.raises(StaleMetadataError):
            first.get_wheel()
        second = Session(tmp_path / "three", memory, requires_dist=["surprise"])
        assert "Requires-Dist: surprise" in (second.get_metadata() / "METADATA").read_text()
        assert second.get_wheel().stored_in is not None

    def test_backend_that_contradicts_itself(self, tmp_path: Path, memory: Memory) -> None:
        """Its wheel is used, as any front-end would, and neither wheel nor metadata are known to others."""
        session = Session(tmp_path, memory)
        session.edit_backend(
            'begin("build_wheel")', 'begin("build_wheel")\n    PROJECT["requires_dist"] = ["not-promised"]'
        )
        session.get_metadata()
        built = session.get_wheel()
        assert verify(built.path).project == "simple"
        assert built.stored_in is None
        assert session.keeper.kept == []
        assert memory.metadata == {}

    @pytest.mark.parametrize(
        "edit",
        [
            "Path(metadata_directory, 'METADATA').write_text('Name: other')",
            "__import__('shutil').rmtree(metadata_directory)",
        ],
    )
    def test_backend_that_edits_what_it_has_prepared(self, tmp_path: Path, memory: Memory, edit: str) -> None:
        """What counts is what the resolver was told."""
        session = Session(tmp_path, memory)
        session.edit_backend('begin("build_wheel")', f'begin("build_wheel")\n    {edit}')
        session.get_metadata()
        assert session.get_wheel().stored_in is not None
        (stored,) = memory.metadata.values()
        assert "Name: simple" in str(stored)

    @pytest.mark.parametrize(
        "headers",
        [
            'headers = ["Metadata-Version: 2.1", "Name: simple"]',
            'headers = ["Metadata-Version: 2.1", "Version: 1.0"]',
            "headers = []",
            'headers = ["x" * (65 << 20)]',
        ],
    )
    def test_metadata_that_are_none(self, tmp_path: Path, memory: Memory, headers: str) -> None:
        """They are left to somebody else, and not kept."""
        session = Session(tmp_path, memory)
        session.edit_backend("    pure =", f"    {headers}\n    pure =")
        with pytest.raises(UnsupportedProjectError, match="METADATA"):
            session.get_metadata()
        assert memory.metadata == {}

    @pytest.mark.parametrize("result", ["None", "5", '"other-1.0.dist-info"'])
    def test_metadata_that_are_not_there(self, tmp_path: Path, memory: Memory, result: str) -> None:
        """Whatever the hook returns."""
        session = Session(tmp_path, memory)
        session.edit_backend("    return DIST_INFO\n", f"    return {result}\n")
        with pytest.raises(UnsupportedProjectError):
            session.get_metadata()
        assert memory.metadata == {}

    def test_metadata_in_a_folder_of_another_kind(self, tmp_path: Path, memory: Memory) -> None:
        """They are used, as by pip, and not kept."""
        session = Session(tmp_path, memory)
        session.edit_backend(
            "    return DIST_INFO\n",
            '    return Path(metadata_directory, DIST_INFO).rename("found").resolve().as_posix()\n',
        )
        assert session.get_metadata().name == "found"
        assert memory.metadata == {}

    def test_metadata_of_a_wheel_that_is_gone_again(self, tmp_path: Path, memory: Memory) -> None:
        """They too were told by another run."""
        Session(tmp_path / "one", memory).get_wheel()
        session = Session(tmp_path / "two", memory, requires_dist=["surprise"])
        session.get_metadata()
        memory.wheels.clear()
        with pytest.raises(StaleMetadataError):
            session.get_wheel()

    def test_metadata_that_differ_in_words_are_fine(self, tmp_path: Path, memory: Memory) -> None:
        """A summary resolves nothing."""
        session = Session(tmp_path, memory)
        path = session.get_metadata() / "METADATA"
        path.write_text(path.read_text() + "Summary: A backend may add what it learns while it builds\n")
        assert session.get_wheel().stored_in is not None


class TestOthers:
    """What others do at the same time."""

    def test_environment_is_made_while_nothing_is_held(self, tmp_path: Path, memory: Memory) -> None:
        """Two builds that need each other's project must not wait for each other."""
        session = Session(tmp_path, memory)
        session.get_wheel()
        assert session.keeper.events == [
            "hold", "find wheel", "release",
            "environment",
            "hold", "find wheel", "keep wheel", "release",
        ]  # fmt: skip

    @pytest.mark.parametrize("ask", [Session.get_metadata, Session.get_wheel])
    def test_what_another_built_meanwhile_is_found(
        self, tmp_path: Path, memory: Memory, ask: Callable[[Session], object]
    ) -> None:
        """Between the first look and the build somebody else was faster."""
        other = Session(tmp_path / "other", memory)

        class Slow(MemoryKeeper):
            @contextmanager
            def hold(self, on_wait: Callable[[], None]) -> Iterator[None]:
                """Let the other one finish before the second time."""
                if "release" in self.events:
                    other.get_metadata()
                    other.get_wheel()
                with super().hold(on_wait):
                    yield

        session = Session(tmp_path / "slow", memory, keeper=Slow(memory, "key", tmp_path / "slow" / "found"))
        ask(session)
        assert session.runner.hooks == []
        assert other.runner.hooks == [PREPARE, BUILD]

    def test_two_at_once_build_once(self, tmp_path: Path, memory: Memory) -> None:
        """The second waits, is told so, and gets what the first built."""
        waiting = threading.Event()
        runner = SubprocessRunner()

        def run_when_the_other_waits(
            hook: Hook, cmd: Sequence[str], cwd: str | None, extra_environ: Mapping[str, str] | None
        ) -> None:
            assert waiting.wait(30)
            runner(hook, cmd, cwd, extra_environ)

        class Telling(MemoryKeeper):
            @contextmanager
            def hold(self, on_wait: Callable[[], None]) -> Iterator[None]:
                """Let the other one go on when this one waits for it."""

                def tell() -> None:
                    on_wait()
                    waiting.set()

                with super().hold(tell):
                    yield

        sessions = [
            Session(
                tmp_path / name,
                memory,
                keeper=Telling(memory, "key", tmp_path / name / "found"),
                run_hook=run_when_the_other_waits,
            )
            for name in ("one", "two")
        ]
        results: list[BuiltWheel] = []
        threads = [threading.Thread(target=lambda s=session: results.append(s.get_wheel())) for session in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(result.is_found for result in results) == [False, True]
        assert runner.hooks == [BUILD]
        assert sum(len(session.waits) for session in sessions) >= 1

    def test_who_waited_for_a_failed_build_builds(self, tmp_path: Path, memory: Memory) -> None:
        """A failure is not shared: the other process may have other programs."""
        failing = Session(tmp_path / "failing", memory, Backend(fails_in=BUILD))
        with pytest.raises(subprocess.CalledProcessError):
            failing.get_wheel()
        session = Session(tmp_path / "working", memory)
        assert not session.get_wheel().is_found
