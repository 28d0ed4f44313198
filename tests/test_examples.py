"""Every example does what it says: the commands of CI jobs, images and hooks are taken out of the files and run.

Folders stand for what only a service or a container engine has: its caches, its mounts, the root of an image.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.documented.blocks import ROOT
from tests.documented.fixtures import _make_reader, _serve, _supplies  # noqa: F401 (fixtures)
from tests.documented.transcript import Command

if TYPE_CHECKING:
    from tests.documented.fixtures import MakeReader
    from tests.documented.reader import Reader

EXAMPLES = ROOT / "examples"
COVERED = {
    *("README.md", "two-environments.sh", "github-actions.yml", "gitlab-ci.yml"),
    *("docker/cache-mount.Dockerfile", "docker/baked.Dockerfile"),
    *("pre-commit/.pre-commit-config.yaml", "pre-commit/hook", "pre-commit/hook-requirements.txt"),
}
ELSEWHERE = ("tox/", "nox/")
"""Tested with the programs that they are for."""

BUILT = "Created wheel for docopt"
FOUND = "Using cached docopt"


def test_every_example_is_tested() -> None:
    """A new file is in the list, and in the table of the README."""
    names = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*") if path.is_file()}
    assert {name for name in names if not name.startswith(ELSEWHERE) and "__pycache__" not in name} == COVERED
    said = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [name for name in COVERED - {"README.md"} if f"`{name}`" not in said and "pre-commit" not in name] == []


def load(name: str) -> Any:
    """Parse an example."""
    # YAML 1.1, which is what the parser knows, takes `on` for a truth value; nothing here reads that key.
    return yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))


def fill_project(reader: Reader) -> None:
    """Write what a job or an image begins with."""
    (reader.work / "requirements.txt").write_text("docopt==0.6.2\n")
    (reader.work / "test_project.py").write_text(
        "import unittest\n\n\nclass Test(unittest.TestCase):\n    def test(self):\n        import docopt\n"
    )


def run(reader: Reader, name: str, lines: Sequence[str], extra: Mapping[str, str] | None = None) -> str:
    """Run commands of an example, one after the other."""
    return "".join(reader.run([Command(text=f"{line.rstrip()}\n", where=name) for line in lines], extra))


def carry(cache: Path, archive: Path) -> None:
    """Pack a cache as services do: with times of whole seconds."""
    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as packed:
        packed.add(cache, ".pipcache")


def restore(archive: Path, work: Path) -> None:
    """Unpack it where the next job works."""
    with tarfile.open(archive) as packed:
        if hasattr(tarfile, "tar_filter"):
            packed.extraction_filter = tarfile.tar_filter
        packed.extractall(work)


@pytest.mark.thorough
def test_two_environments(make_reader: MakeReader) -> None:
    """The first environment builds, the second one finds."""
    reader = make_reader()
    said = run(reader, "two-environments.sh", [f"sh {EXAMPLES}/two-environments.sh"])
    assert (said.count(BUILT), said.count(FOUND)) == (1, 1)


# GitHub Actions

ON_DEFAULT_BRANCH = "github.ref_name == github.event.repository.default_branch"


def github_expressions(reader: Reader) -> dict[str, str]:
    """Return what the expressions of the example are on a runner."""
    return {
        "github.workspace": str(reader.work),
        "matrix.python": "3.13",
        "runner.os": "Linux",
        "runner.arch": "X64",
        "github.run_id": "1234",
        "github.run_attempt": "1",
    }


def evaluate(text: str, values: Mapping[str, str]) -> str:
    """Replace ``${{ … }}``; an expression that is not known is an error."""
    return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: values[found[1]], text)


def github_job() -> dict[str, Any]:
    """Return the one job."""
    job: dict[str, Any] = load("github-actions.yml")["jobs"]["tests"]
    return job


def run_github(reader: Reader, *, is_default_branch: bool) -> str:
    """Run the job's commands; pipx has installed pipcache already."""
    fill_project(reader)
    (reader.python / "bin" / "pipx").write_text('#!/bin/sh\ntest "$*" = "install pipcache-plugin"\n')
    (reader.python / "bin" / "pipx").chmod(0o755)
    conditions = {None: True, "always()": True, ON_DEFAULT_BRANCH: is_default_branch}
    steps = [step for step in github_job()["steps"] if conditions[step.get("if")]]
    values = github_expressions(reader)
    environ = {name: evaluate(value, values) for name, value in github_job()["env"].items()}
    lines = [evaluate(step["run"], values) for step in steps if "run" in step]
    assert any("actions/cache/save" in step.get("uses", "") for step in steps) is is_default_branch
    return run(reader, "github-actions.yml", lines, environ)


def test_github_actions(make_reader: MakeReader, tmp_path: Path) -> None:
    """The default branch builds and saves; a pull request restores, finds, and saves nothing."""
    default, pull_request = make_reader(), make_reader()
    said = run_github(default, is_default_branch=True)
    assert (said.count(BUILT), said.count(FOUND)) == (1, 0)
    assert sorted(path.name for path in default.work.glob(".pipcache/wheels/*/*/*.whl")) == [
        "docopt-0.6.2-py3-none-any.whl"
    ]
    assert not list(default.work.glob(".pipcache/trees*/*/*"))
    carry(default.work / ".pipcache", tmp_path / "saved.tar")
    restore(tmp_path / "saved.tar", pull_request.work)
    said = run_github(pull_request, is_default_branch=False)
    assert (said.count(BUILT), said.count(FOUND)) == (0, 1)
    assert "Wheels found: 1" in said


def test_github_actions_keys() -> None:
    """What is saved has a new key each time, which the next run's prefix finds; actions are pinned by major version."""
    steps = [step for step in github_job()["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z/-]+@v\d+", step["uses"]) for step in steps)
    (restored,) = (step["with"] for step in steps if "cache/restore" in step["uses"])
    (saved,) = (step["with"] for step in steps if "cache/save" in step["uses"])
    assert (restored["key"], restored["path"]) == (saved["key"], saved["path"])
    prefix = restored["restore-keys"].strip()
    assert saved["key"] == f"{prefix}${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}"
    assert github_job()["env"]["PIPCACHE_DIR"] == f"${{{{ github.workspace }}}}/{saved['path']}"


# GitLab CI


def run_gitlab(reader: Reader) -> str:
    """Run the job's commands, in the order in which a runner runs them."""
    fill_project(reader)
    whole = load("gitlab-ci.yml")
    folder = whole["variables"]["PIPCACHE_DIR"].replace("$CI_PROJECT_DIR", str(reader.work))
    lines = [line for part in ["before_script", "script", "after_script"] for line in whole["tests"][part]]
    return run(reader, "gitlab-ci.yml", lines, {"PIPCACHE_DIR": folder})


def test_gitlab(make_reader: MakeReader, tmp_path: Path) -> None:
    """A pipeline after another finds what that one has built."""
    first, second = make_reader(), make_reader()
    assert run_gitlab(first).count(BUILT) == 1
    carry(first.work / ".pipcache", tmp_path / "saved.tar")
    restore(tmp_path / "saved.tar", second.work)
    said = run_gitlab(second)
    assert (said.count(BUILT), said.count(FOUND)) == (0, 1)


def test_gitlab_pushes_on_the_default_branch_only() -> None:
    """The policy is a variable, and the rules set it."""
    whole = load("gitlab-ci.yml")
    policies = {rule["if"]: rule["variables"]["PIPCACHE_POLICY"] for rule in whole["workflow"]["rules"]}
    assert policies == {
        "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH": "pull-push",
        '$CI_PIPELINE_SOURCE == "merge_request_event"': "pull",
    }
    assert whole["tests"]["cache"]["policy"] == "$PIPCACHE_POLICY"
    assert whole["variables"]["PIPCACHE_DIR"] == f"$CI_PROJECT_DIR/{whole['tests']['cache']['paths'][0]}"


# Docker

INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "CMD"}
INSTALLATION = "python -m venv /opt/pipcache && /opt/pipcache/bin/python -m pip install --quiet pipcache-plugin"


@dataclass(kw_only=True)
class Engine:
    """Stands for a container engine: one folder is the root of whichever stage is being built."""

    reader: Reader
    caches: Path
    """Of cache mounts, by their id; outlives a build."""

    stages: dict[str, Path] = field(default_factory=dict)
    """Roots of stages that are done."""

    said: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    stage: str = ""
    folder: str = "/"
    has_layer: bool = False
    """Whether a build before this one has installed pipcache, which takes its time."""

    @property
    def root(self) -> Path:
        """What is ``/`` for the stage."""
        return self.reader.folder / "root"

    def build(self, name: str) -> str:
        """Carry out a file's instructions; return what its commands said."""
        for word, rest in instructions(EXAMPLES / name):
            getattr(self, f"do_{word.lower()}")(rest)
        return "".join(self.said)

    def inside(self, text: str) -> str:
        """Return *text* with absolute paths below the root of the stage."""
        return re.sub(r"(?<![\w.$/:])/(?=(?:opt|var|app|tmp)\b)|(?<=:)/(?=opt)", f"{self.root}/", text)

    def do_from(self, rest: str) -> None:
        """Begin a stage: what is at the root moves away, so that paths stay the same."""
        if self.root.exists():
            self.stages[self.stage] = self.root.rename(self.reader.folder / f"stage-{len(self.stages)}")
        (self.root / "opt").mkdir(parents=True)
        (self.root / "var" / "cache").mkdir(parents=True)
        (self.root / "tmp").mkdir()
        image, _, self.stage = rest.partition(" AS ")
        assert re.fullmatch(r"python:3\.13(-slim)?", image)
        self.folder, self.variables = "/", {}

    def do_workdir(self, rest: str) -> None:
        """Make a folder, and work in it."""
        self.folder = rest
        Path(f"{self.root}{rest}").mkdir(parents=True)

    def do_copy(self, rest: str) -> None:
        """Copy from the context, or out of another stage."""
        *options, source, target = rest.split()
        begin = self.stages[options[0].removeprefix("--from=")] if options else self.reader.work
        place = Path(f"{self.root}{self.folder}", source) if target == "." else Path(f"{self.root}{target}")
        origin = Path(f"{begin}/{source}")
        if origin.is_dir():
            shutil.copytree(origin, place, symlinks=True)
        else:
            shutil.copy(origin, place)

    def do_env(self, rest: str) -> None:
        """Set a variable."""
        name, _, value = self.inside(rest).partition("=")
        self.variables[name] = value.replace("$PATH", self.reader.environ()["PATH"])

    def do_cmd(self, rest: str) -> None:
        """Look at what would be run."""
        assert yaml.safe_load(rest) == ["python"]

    def do_run(self, rest: str) -> None:
        """Run a command with links in the place of mounts."""
        if rest == INSTALLATION and self.has_layer:
            shutil.copytree(self.reader.python, self.root / "opt" / "pipcache", symlinks=True)
            return
        mounts = [dict(part.split("=") for part in one.split(",")) for one in re.findall(r"--mount=(\S+)", rest)]
        command = re.sub(r"--mount=\S+\s*", "", rest)
        for mount in mounts:
            self.link(mount)
        folder = f"{self.root}{self.folder}"
        self.said.append(run(self.reader, "Dockerfile", [f"cd {folder}\n{self.inside(command)}"], self.variables))
        for mount in mounts:
            Path(f"{self.root}{mount['target']}").unlink()

    def link(self, mount: Mapping[str, str]) -> None:
        """Put a link where the mount is."""
        if mount["type"] == "bind":
            origin = Path(f"{self.stages[mount['from']]}{mount['source']}")
        else:
            assert mount["sharing"] == "shared"
            origin = self.caches / mount["id"]
            origin.mkdir(parents=True, exist_ok=True)
        Path(f"{self.root}{mount['target']}").symlink_to(origin)


def instructions(path: Path) -> Iterator[tuple[str, str]]:
    """Go through the instructions of a Dockerfile, with their lines joined."""
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        word, _, rest = line.partition(" ")
        if word:
            assert word in INSTRUCTIONS
            yield word, rest.strip()


def begin_build(make_reader: MakeReader, tmp_path: Path, *, has_layer: bool) -> Engine:
    """Return an engine on a machine of its own, with the caches of the one before."""
    reader = make_reader()
    fill_project(reader)
    return Engine(reader=reader, caches=tmp_path / "caches", has_layer=has_layer)


@pytest.mark.thorough
def test_image_with_a_cache_mount(make_reader: MakeReader, tmp_path: Path) -> None:
    """The second build finds what the first has built; nothing of ours is in the image."""
    said = begin_build(make_reader, tmp_path, has_layer=False).build("docker/cache-mount.Dockerfile")
    assert (said.count(BUILT), said.count(FOUND)) == (1, 0)
    engine = begin_build(make_reader, tmp_path, has_layer=True)
    said = engine.build("docker/cache-mount.Dockerfile")
    assert (said.count(BUILT), said.count(FOUND)) == (0, 1)
    installed = {path.name for path in engine.root.glob("opt/venv/lib/python*/site-packages/*.dist-info")}
    assert installed == {"docopt-0.6.2.dist-info"}
    assert not list(engine.root.rglob("*pipcache*"))


@pytest.mark.thorough
def test_base_image_with_a_baked_cache(make_reader: MakeReader, tmp_path: Path) -> None:
    """An image above it finds what is baked in, and changes nothing of it."""
    engine = begin_build(make_reader, tmp_path, has_layer=True)
    assert engine.build("docker/baked.Dockerfile").count(BUILT) == 1
    assert [path.name for path in engine.root.glob("opt/wheels/wheels/*/*/*")] == ["docopt-0.6.2-py3-none-any.whl"]
    before = state(engine.root / "opt" / "wheels")
    above = ["python3 -m venv --without-pip venv", "pipcache --python venv install docopt==0.6.2"]
    said = run(engine.reader, "above", above, engine.variables)
    assert (said.count(BUILT), said.count(FOUND)) == (0, 1)
    assert state(engine.root / "opt" / "wheels") == before


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of everything in a folder."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


# pre-commit


def pre_commit_entry() -> str:
    """Return the command of the one hook."""
    ((hook,),) = (repo["hooks"] for repo in load("pre-commit/.pre-commit-config.yaml")["repos"])
    assert hook["language"] == "system"
    entry: str = hook["entry"]
    return entry


def test_pre_commit_hook(make_reader: MakeReader) -> None:
    """The first run makes the environment, the next one uses it; other requirements make another."""
    reader = make_reader()
    shutil.copytree(EXAMPLES / "pre-commit", reader.work, dirs_exist_ok=True)
    run(reader, "pre-commit", [pre_commit_entry()])
    assert len(list(reader.work.glob(".hooks/*/ready"))) == 1
    (ready,) = reader.work.glob(".hooks/*/ready")
    run(reader, "pre-commit", ["pipcache() { exit 7; }", pre_commit_entry()])
    assert ready.exists()
    (reader.work / "hook-requirements.txt").write_text("docopt==0.6.2\nsgmllib3k==1.0.0\n")
    run(reader, "pre-commit", ["./hook python -c 'import sgmllib'"])
    assert len(list(reader.work.glob(".hooks/*/ready"))) == 1
    assert not ready.exists()


@pytest.mark.network
def test_pre_commit_itself(make_reader: MakeReader) -> None:
    """pre-commit reads the file and runs the hook."""
    reader = make_reader(has_network=True)
    shutil.copytree(EXAMPLES / "pre-commit", reader.work, dirs_exist_ok=True)
    subprocess.run(["git", "init", "--quiet"], cwd=reader.work, check=True)
    lines = ["python3 -m pip install --quiet pre-commit", "git add --all", "pre-commit run --all-files"]
    said = run(reader, "pre-commit", lines)
    assert re.search(r"usage texts can be parsed\.+Passed", said)
