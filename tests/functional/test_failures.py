"""Builds that fail fail as with pip; what PyPA ``build`` does not accept and pip does is installed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import Backend, make_sdist, make_source_tree, make_wheel, pack_tree
from tests.functional.commands import NO_BUILD, Commands, Environment, builds
from tests.functional.trees import normalised

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index

HOOKS = ["get_requires_for_build_wheel", "prepare_metadata_for_build_wheel", "build_wheel"]

Outcome = tuple[int, list[str], list[str]]

Compare = Callable[..., Outcome]

STEP = re.compile(r": (started|finished with status '\w+')$")
"""A line that tells of a hook. Where a backend lacks one, or is not there at all, we ask twice."""


@pytest.fixture
def compare(index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands) -> Compare:
    """Return a function that runs stock pip and us, asserts that they say and do the same, and returns that."""

    def run(*args: str | Path, has_steps: bool = True) -> Outcome:
        outcomes = []
        for commands in [pip, pipcache]:
            environment = make_environment()
            result = commands(*args, *index.options, into=environment)
            folders = [environment.root, commands.root]
            streams = [_without_frames(normalised(text, *folders)) for text in [result.stdout, result.stderr]]
            if not has_steps:
                streams[0] = [line for line in streams[0] if not STEP.search(line)]
            outcomes.append(((result.returncode, streams[0], streams[1]), environment.tree))
        assert outcomes[1] == outcomes[0]
        return outcomes[1][0]

    return run


def _without_frames(lines: list[str]) -> list[str]:
    """Leave out what follows where pip itself gives up, and the stack of a backend's traceback."""
    if "ERROR: Exception:" in lines:
        lines = lines[: lines.index("ERROR: Exception:") + 1]
    kept: list[str] = []
    is_in_stack, outer = False, 0
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.lstrip().startswith("Traceback (most recent call last)"):
            is_in_stack, outer = True, indent
        elif line.strip() and indent <= outer:
            is_in_stack = False
        if not is_in_stack:
            kept.append(line)
    return kept


def repack(index: Index, old: str, new: str, file: str = "pyproject.toml", **options: object) -> Path:
    """Put an sdist into the index in one of whose files *old* is *new*."""
    folder = index.folder.parent / "trees"
    tree = make_source_tree(folder, **options)  # type: ignore[arg-type]
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new))
    return pack_tree(tree, index.folder / f"{tree.name}.tar.gz")


@pytest.mark.parametrize("hook", HOOKS)
def test_failing_hook_fails_as_with_pip(index: Index, compare: Compare, pipcache: Commands, hook: str) -> None:
    """The same words on the same streams, the same exit status, and nothing stored."""
    make_sdist(index.folder, backend=Backend(fails_in=hook))
    code, _, stderr = compare("install", "simple")
    assert code == 1
    assert "the backend failed as it was told to" in "\n".join(stderr)
    assert pipcache.wheels == []
    assert pipcache.take_calls() == dict.fromkeys(HOOKS[: HOOKS.index(hook) + 1], 1)


@pytest.mark.parametrize("hook", HOOKS)
def test_failing_hook_of_a_bare_url(index: Index, compare: Compare, hook: str) -> None:
    """A requirement without a name fails with the words that pip has for it."""
    sdist = make_sdist(index.folder, backend=Backend(fails_in=hook))
    assert compare("install", index.file_url(sdist.name))[0] == 1


@pytest.mark.parametrize("hook", HOOKS)
def test_failing_hook_without_isolation(index: Index, compare: Compare, hook: str) -> None:
    """``--no-build-isolation`` fails as with pip, or succeeds where pip does not call the hook."""
    make_sdist(index.folder, backend=Backend(fails_in=hook))
    assert compare("install", "--no-build-isolation", "simple")[0] == (0 if hook == HOOKS[0] else 1)


def test_failing_wheel_of_a_backend_without_prepare(index: Index, compare: Compare) -> None:
    """A wheel that is built for its metadata fails as metadata."""
    make_sdist(index.folder, backend=Backend(fails_in="build_wheel", has_prepare=False))
    assert compare("install", "simple", has_steps=False)[0] == 1


def test_failure_is_not_remembered(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """A build that failed is tried again."""
    make_sdist(index.folder, backend=Backend(fails_in="build_wheel"))
    for _ in range(2):
        assert pipcache("install", "simple", *index.options, into=make_environment()).returncode == 1
    assert pipcache.take_calls()["build_wheel"] == 2


def test_one_of_several_fails(index: Index, compare: Compare, pipcache: Commands) -> None:
    """Nothing is installed, as with pip; the wheel that was built is stored."""
    make_sdist(index.folder, name="good")
    make_sdist(index.folder, name="bad", backend=Backend(fails_in="build_wheel"))
    assert compare("install", "good", "bad")[0] == 1
    assert [wheel.name for wheel in pipcache.wheels] == ["good-1.0-py3-none-any.whl"]


def test_failing_build_in_the_wheel_command(index: Index, compare: Compare) -> None:
    """``wheel`` fails as with pip."""
    make_sdist(index.folder, backend=Backend(fails_in="build_wheel"))
    assert compare("wheel", "simple")[0] == 1


def test_check_of_build_requirements_fails_as_with_pip(index: Index, compare: Compare) -> None:
    """``--check-build-dependencies`` refuses what is missing in the environment."""
    make_sdist(index.folder, build_requires=["absent>=1"])
    code, _, stderr = compare("install", "--no-build-isolation", "--check-build-dependencies", "simple")
    assert code == 1
    assert "absent" in "".join(stderr)


def test_check_of_build_requirements_finds_a_conflict(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """``--check-build-dependencies`` refuses another version in the environment, and accepts the right one."""
    for version in ["1.0", "2.0"]:
        make_wheel(index.folder, name="tool", version=version)
    make_sdist(index.folder, build_requires=["tool==2.0"])
    options = ["--no-build-isolation", "--check-build-dependencies", *index.options]
    outcomes = []
    for commands in [pip, pipcache]:
        environment = make_environment()
        commands.ok("install", "tool==1.0", *index.options, into=environment)
        result = commands("install", "simple", *options, into=environment)
        outcomes.append((result.returncode, normalised(result.output, environment.root, commands.root)))
        commands.ok("install", "tool==2.0", *index.options, into=environment)
        commands.ok("install", "simple", *options, into=environment)
    assert outcomes[1] == outcomes[0]
    assert outcomes[1][0] == 1


def test_conflicting_build_requirements(index: Index, compare: Compare) -> None:
    """Build requirements that contradict each other fail as with pip."""
    for version in ["1.0", "2.0"]:
        make_wheel(index.folder, name="tool", version=version)
    make_sdist(index.folder, build_requires=["tool==1.0", "tool==2.0"])
    assert compare("install", "simple")[0] == 1


def test_backend_asks_for_a_conflicting_requirement(index: Index, compare: Compare) -> None:
    """What the backend asks for contradicts what ``pyproject.toml`` declares: fails as with pip."""
    for version in ["1.0", "2.0"]:
        make_wheel(index.folder, name="tool", version=version)
    make_sdist(index.folder, build_requires=["tool==1.0"], backend=Backend(extra_requires=("tool==2.0",)))
    assert compare("install", "simple")[0] == 1


def test_absent_build_requirement(index: Index, compare: Compare, pipcache: Commands) -> None:
    """A build requirement that no index has fails as with pip, before any hook."""
    make_sdist(index.folder, build_requires=["absent"])
    assert compare("install", "simple")[0] == 1
    assert pipcache.take_calls() == NO_BUILD


def test_absent_requirement_of_the_backend(index: Index, compare: Compare, pipcache: Commands) -> None:
    """A requirement that the backend asks for and no index has fails as with pip."""
    make_sdist(index.folder, backend=Backend(extra_requires=("absent",)))
    assert compare("install", "simple")[0] == 1
    assert pipcache.take_calls() == {HOOKS[0]: 1}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[build-system]", "[build-system"),
        ("requires = []", ""),
        ("requires = []", "requires = 'text'"),
        ("requires = []", "requires = ['not a requirement!']"),
        ("requires = []", "requires = [1]"),
        ('build-backend = "tiny_backend"', "build-backend = 'absent_backend'"),
        ('backend-path = ["_backend"]', "backend-path = ['../outside']"),
        ('backend-path = ["_backend"]', "backend-path = ['absent']"),
        ('backend-path = ["_backend"]', ""),
    ],
)
def test_broken_build_system_table_fails_as_with_pip(index: Index, compare: Compare, old: str, new: str) -> None:
    """Invalid TOML, wrong types, an absent backend: pip's words, pip's exit status."""
    repack(index, old, new)
    assert compare("install", "simple", has_steps=False)[0] != 0


@pytest.mark.parametrize(
    "line", ["unknown = 1", "x-tool = {a = 'b'}", "[build-system.nested]\nkey = 'value'", "[project]\nname = 1"]
)
def test_what_build_refuses_and_pip_accepts_is_installed(
    index: Index, environment: Environment, compare: Compare, pipcache: Commands, line: str
) -> None:
    """Unknown keys in ``[build-system]``, for example: pip builds."""
    repack(index, 'backend-path = ["_backend"]\n', f'backend-path = ["_backend"]\n{line}\n')
    assert compare("install", "simple")[0] == 0
    pipcache.ok("install", "simple", *index.options, into=environment)
    assert environment.distributions == {"simple-1.0"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hashlib.sha256(data)", "hashlib.sha256(data + b'lie')"),
        ("for path, data in files.items():\n        digest", "for path, data in []:\n        digest"),
        ('wheel = ["Wheel-Version: 1.0"', 'wheel = ["Wheel-Version: 1.1"'),
        ('"Tag: " + tag', '"Tag: py2-none-any"'),
    ],
    ids=["record-lies", "record-empty", "newer-format", "other-tags"],
)
def test_invalid_wheel_is_installed_as_pip_does_and_not_stored(
    index: Index, compare: Compare, pipcache: Commands, old: str, new: str
) -> None:
    """What pip installs is installed; what does not verify is not stored."""
    repack(index, old, new, "_backend/tiny_backend.py")
    assert compare("install", "simple")[0] == 0
    # A newer minor version of the wheel format is valid.
    assert len(pipcache.wheels) == ("Wheel-Version" in old)


def test_invalid_wheel_is_built_each_time(index: Index, make_environment: MakeEnvironment, pipcache: Commands) -> None:
    """A wheel that was not stored is no hit."""
    repack(index, "hashlib.sha256(data)", "hashlib.sha256(data + b'lie')", "_backend/tiny_backend.py")
    for _ in range(2):
        pipcache.ok("install", "simple", *index.options, into=make_environment())
        calls = pipcache.take_calls()
        assert calls["build_wheel"] == 1
    assert pipcache.wheels == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "{module}-{version}-{tag}.whl"', 'name = "other-{version}-{tag}.whl"'),
        ('name = "{module}-{version}-{tag}.whl"', 'name = "{module}-9.9-{tag}.whl"'),
        ('name = "{module}-{version}-{tag}.whl"', 'name = "nonsense.whl"'),
        ('"Version: " + PROJECT["version"]', '"Version: 9.9"'),
        ('"Name: " + PROJECT["name"]', '"Name: other"'),
        ('wheel = ["Wheel-Version: 1.0"', 'wheel = ["Wheel-Version: 9.0"'),
    ],
    ids=["other-file-name", "other-version-in-file-name", "no-wheel-name", "other-version", "other-name", "format-9"],
)
def test_wheel_of_something_else_fails_as_with_pip(
    index: Index, compare: Compare, pipcache: Commands, old: str, new: str
) -> None:
    """A backend that builds another project or version: pip's words, pip's outcome, nothing stored."""
    repack(index, old, new, "_backend/tiny_backend.py")
    compare("install", "simple")
    assert pipcache.wheels == []


def test_metadata_and_wheel_disagree(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, pip: Commands
) -> None:
    """A wheel whose version is not the one that was prepared is not stored: run after run ends as with pip."""
    file = "_backend/tiny_backend.py"
    repack(
        index, "DIST_INFO =", 'PROJECT["version"] = "2.0" if "build_wheel" in sys.argv else "1.0"\nDIST_INFO =', file
    )
    outcomes: list[list[tuple[int, set[str]]]] = []
    for commands in [pip, pipcache]:
        outcomes.append([])
        for _ in range(2):
            environment = make_environment()
            result = commands("install", "--no-cache-dir", "simple", *index.options, into=environment)
            outcomes[-1].append((result.returncode, environment.distributions))
    environment = make_environment()
    for _ in range(2):
        result = pipcache("install", "--force-reinstall", "simple", *index.options, into=environment)
        assert (result.returncode, environment.distributions) == outcomes[0][0], result.output
    assert outcomes[1] == outcomes[0]
    assert pipcache.wheels == []


def test_output_of_a_verbose_build_has_what_the_backend_says(
    index: Index, environment: Environment, pipcache: Commands
) -> None:
    """``-v`` shows the backend's output while it runs."""
    repack(index, "time.sleep", 'print("the backend speaks")\n    time.sleep', "_backend/tiny_backend.py")
    result = pipcache.ok("install", "-v", "simple", *index.options, into=environment)
    assert "the backend speaks" in result.output


def test_build_twice_without_failure_after_a_failure_elsewhere(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands
) -> None:
    """A wheel stored by a run that failed later is a hit in the next run."""
    make_sdist(index.folder, name="good")
    make_sdist(index.folder, name="bad", backend=Backend(fails_in="build_wheel"))
    assert pipcache("install", "good", "bad", *index.options, into=make_environment()).returncode == 1
    assert pipcache.take_calls() == builds(2)
    pipcache.ok("install", "good", *index.options, into=make_environment())
    assert pipcache.take_calls() == NO_BUILD
