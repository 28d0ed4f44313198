"""Builds within builds: requirements that are sdists themselves, backends that run pip, constraints that reach them."""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib.metadata
import json
import os
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import PLAIN_BACKEND, Backend, make_sdist, make_source_tree, make_wheel, pack_tree
from tests.functional.commands import NO_BUILD, ONE_BUILD, Commands, Environment, builds
from tests.functional.compared import Comparison
from tests.functional.pips import PIP

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index

_LAST_LINE = "    return write_wheel(wheel_directory, files)\n"


def write_project(
    index: Index, name: str, body: str, *, requires: Sequence[str] = (), backend: Backend = PLAIN_BACKEND
) -> None:
    """Put an sdist into the index whose ``build_wheel`` runs *body*, which assigns ``value``; ``probe`` returns it."""
    tree = make_source_tree(index.folder.parent / "trees", name=name, build_requires=requires, backend=backend)
    module = tree / "_backend" / "tiny_backend.py"
    lines = [*body.strip().splitlines(), f'files["{name}_probe.py"] = "VALUE = {{!r}}\\n".format(value).encode()']
    text = module.read_text()
    assert _LAST_LINE in text
    module.write_text(text.replace(_LAST_LINE, "".join(f"    {line}\n" for line in lines) + _LAST_LINE, 1))
    pack_tree(tree, index.folder / f"{tree.name}.tar.gz")


def probe(environment: Environment, name: str) -> object:
    """Return the ``value`` of a project that is installed."""
    value: object = ast.literal_eval((environment.library / f"{name}_probe.py").read_text().partition("=")[2].strip())
    return value


@pytest.fixture
def compare(make_environment: MakeEnvironment, pip: Commands, pipcache: Commands, tmp_path: Path) -> Comparison:
    """Return what runs both sides."""
    return Comparison(make_environment, pip, pipcache, tmp_path)


def test_constraints_of_builds_reach_all_levels(
    index: Index, compare: Comparison, make_environment: MakeEnvironment, pipcache: Commands, tmp_path: Path
) -> None:
    """``--build-constraint`` holds for a build requirement's own build; ``PIP_CONSTRAINT`` as far as with pip."""
    for version in ["1.0", "2.0", "3.0"]:
        make_wheel(index.folder, name="tool", version=version)
    write_project(index, "inner", "import tool; value = tool.VERSION", requires=["tool"])
    body = "import tool, inner_probe; value = [tool.VERSION, inner_probe.VALUE]"
    write_project(index, "outer", body, requires=["tool", "inner"])
    files = [tmp_path / name for name in ["build.txt", "regular.txt"]]
    for file, version in zip(files, ["<3", "<2"], strict=True):
        file.write_text(f"tool{version}\n")
    variables = {"PIP_INDEX_URL": index.url, "PIP_CONSTRAINT": str(files[1])}
    ours = compare("install", "outer", "--build-constraint", files[0], env=variables)
    assert probe(ours.environment, "outer") == (["2.0", "2.0"] if PIP >= (26, 2) else ["1.0", "1.0"])
    assert pipcache.take_calls() == builds(2)
    # Up to 26.1, regular constraints that come by a variable reach builds as well.
    pipcache.ok("install", "outer", into=(other := make_environment()), env=variables)
    assert probe(other, "outer") == (["3.0", "3.0"] if PIP >= (26, 2) else ["1.0", "1.0"])
    assert pipcache.take_calls() == builds(2)


ENVIRON_KEPT = "{name: os.environ[name] for name in sorted(os.environ) if name.startswith(('PIP', '_PIP'))}"


def test_builds_do_not_see_for_whom_they_are(index: Index, compare: Comparison, pipcache: Commands) -> None:
    """A build requirement's build finds no program of the build that requires it, and no variable of ours.

    It would be another wheel than the one that is built for its own sake.
    """
    make_wheel(index.folder, name="toolkit", entry_points={"the-tool": "toolkit:main"})
    body = f"import shutil; value = [shutil.which('the-tool') is not None, {ENVIRON_KEPT}]"
    write_project(index, "inner", body)
    # What a backend asks for is installed when the static requirements are there already.
    outer = Backend(extra_requires=("inner",))
    write_project(
        index, "outer", f"import inner_probe; {body[:-1]}, *inner_probe.VALUE]", requires=["toolkit"], backend=outer
    )
    stock, ours = (
        probe(compare.run(commands, "install", "outer", env={"PIP_INDEX_URL": index.url}).environment, "outer")
        for commands in [compare.pip, pipcache]
    )
    assert isinstance(stock, list)
    assert isinstance(ours, list)
    assert (ours[0], ours[2]) == (stock[0], stock[2]) == (True, False)
    assert {*ours[1]} == {*stock[1]}
    # Its own process is one of pip's, which is told where the caches are, and that it is one of several.
    assert {*ours[3]} - {*stock[3]} == {"PIP_CACHE_DIR", "PIP_JOBS"}


def put_pip(index: Index) -> None:
    """Put the pip of the tests into the index, as a wheel."""
    distribution = importlib.metadata.distribution("pip")
    name = f"pip-{distribution.version}"
    rows = []
    with zipfile.ZipFile(index.folder / f"{name}-py3-none-any.whl", "w") as archive:
        for file in distribution.files or []:
            if file.parts[0] in {"pip", f"{name}.dist-info"} and "__pycache__" not in file.parts:
                data = file.read_binary()
                digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                if file.name not in {"RECORD", "INSTALLER", "REQUESTED"}:
                    rows.append(f"{file},sha256={digest},{len(data)}")
                    archive.writestr(str(file), data)
        archive.writestr(f"{name}.dist-info/RECORD", "\n".join([*rows, f"{name}.dist-info/RECORD,,", ""]))


RUN_PIP = """
import subprocess, tempfile
value = {}
for way, command, own in WAYS:
    with tempfile.TemporaryDirectory() as folder:
        command += ["install", "--target", folder, "helper"]
        streams = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        done = subprocess.run(command, env={**os.environ, **own}, **streams)
        if done.returncode:
            sys.exit(done.stdout)
        code = "import helper; print(helper.VERSION)"
        value[way] = subprocess.check_output([sys.executable, "-c", code], cwd=folder, text=True).strip()
"""
"""What a backend does that runs pip: in each of ways, with variables of its own."""

OF_THE_USER = RUN_PIP.replace("WAYS", "[('path', ['pip'], {})]")
"""The one that its user has."""


def path_with_pip(folder: Path, module: str) -> str:
    """Return a ``PATH`` that begins with a ``pip``, which is that of the tests, or us."""
    folder.mkdir()
    (folder / "pip").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
    (folder / "pip").chmod(0o755)
    return os.pathsep.join([str(folder), os.environ["PATH"]])


def test_backend_that_runs_pip(
    index: Index, compare: Comparison, make_environment: MakeEnvironment, pipcache: Commands, tmp_path: Path
) -> None:
    """By its module and by its name, with variables of its own: built as with pip, and found again.

    Where pip looks for what it installs, and whether it runs in CI, is no condition of the wheel.
    """
    put_pip(index)
    make_wheel(index.folder, name="helper", version="1.0")
    make_sdist(index.folder, name="helper", version="2.0")
    own = "{'PIP_ONLY_BINARY': 'helper', 'PIP_CONFIG_FILE': os.devnull}"
    ways = f"[('module', [sys.executable, '-m', 'pip'], {{}}), ('path', ['pip'], {own})]"
    write_project(index, "runner", RUN_PIP.replace("WAYS", ways), requires=["pip"])
    variables = {"PIP_INDEX_URL": index.url, "PATH": path_with_pip(tmp_path / "bin", "pip")}
    ours = compare("install", "runner", env=variables)
    assert probe(ours.environment, "runner") == {"module": "2.0", "path": "1.0"}
    assert pipcache.take_calls() == builds(2)
    variables |= {"BUILD_ID": "17", "CI": "1", "XDG_CONFIG_HOME": str(tmp_path), "NO_PROXY": "example.org"}
    pipcache.ok("install", "runner", into=make_environment(), env=variables)
    assert pipcache.take_calls() == NO_BUILD
    told = json.loads(pipcache.ok("explain", "runner", "--format", "json").stdout)
    assert (told[0]["outcome"], told[0]["depends_on"]) == ("hit", ["CALLS_FILE"])


def test_backend_that_runs_us(
    index: Index, make_environment: MakeEnvironment, pipcache: Commands, tmp_path: Path
) -> None:
    """Where ``pip`` is pipcache, what a backend installs with it is built once, and found by others."""
    make_sdist(index.folder, name="helper")
    write_project(index, "runner", OF_THE_USER)
    variables = {"PIP_INDEX_URL": index.url, "PATH": path_with_pip(tmp_path / "bin", "pipcache_plugin")}
    pipcache.ok("install", "runner", into=make_environment(), env=variables)
    assert pipcache.take_calls() == builds(2)
    assert {path.name.partition("-")[0] for path in pipcache.wheels} == {"helper", "runner"}
    pipcache.ok("install", "helper", "runner", into=make_environment(), env=variables)
    assert pipcache.take_calls() == NO_BUILD


@pytest.mark.parametrize("module", ["pip", "pipcache_plugin"])
def test_backend_that_installs_its_own_project(
    index: Index, environment: Environment, pipcache: Commands, tmp_path: Path, module: str
) -> None:
    """Ends as with pip, and does not wait for itself."""
    write_project(index, "helper", OF_THE_USER)
    variables = {"PIP_INDEX_URL": index.url, "PATH": path_with_pip(tmp_path / "bin", module)}
    result = pipcache("install", "helper", into=environment, env=variables)
    assert result.returncode == 1
    assert "is already being built" in result.output
    assert pipcache.take_calls() == ONE_BUILD


FEATURES = {"inprocess-build-deps": (26, 2), "venv-isolation": (26, 2)}
"""Since when pip has them, in a form in which we can take part."""


@pytest.mark.parametrize("feature", [name for name, since in FEATURES.items() if since <= PIP])
def test_features_of_pip(
    index: Index, compare: Comparison, make_environment: MakeEnvironment, pipcache: Commands, feature: str
) -> None:
    """``--use-feature``: the same words and the same files, with build requirements that are sdists; then a hit."""
    make_wheel(index.folder, name="tool")
    make_sdist(index.folder, name="inner", build_requires=["tool"])
    make_sdist(index.folder, name="outer", build_requires=["inner"], requires_dist=["tool"])
    variables = {"PIP_INDEX_URL": index.url}
    ours = compare("install", "outer", f"--use-feature={feature}", env=variables)
    assert ours.environment.distributions == {"outer-1.0", "tool-1.0"}
    pipcache.take_calls()
    pipcache.ok("install", "outer", f"--use-feature={feature}", into=(warm := make_environment()), env=variables)
    assert pipcache.take_calls() == NO_BUILD
    assert warm.tree == ours.environment.tree


def test_without_isolation(index: Index, compare: Comparison, pipcache: Commands, tmp_path: Path) -> None:
    """Build requirements are those of the environment, one that is an sdist among them; settings reach the backend."""
    make_sdist(index.folder, name="inner", build_requires=["absent"])
    write_project(index, "outer", "import inner; value = config_settings", requires=["inner", "absent"])
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("outer --config-settings=a=b\n")
    outcomes = []
    for commands in [compare.pip, pipcache]:
        side = compare.run(commands, "install", "inner", "--no-build-isolation", env={"PIP_INDEX_URL": index.url})
        args: list[str | Path] = ["install", "-r", requirements, "--no-build-isolation"]
        commands.ok(*args, into=side.environment, env={"PIP_INDEX_URL": index.url})
        outcomes.append((side.environment.tree, probe(side.environment, "outer")))
    assert outcomes[1] == outcomes[0]
    assert outcomes[1][1] == {"a": "b"}
