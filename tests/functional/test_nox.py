"""Real nox: the two lines of ``docs/how-to/nox.md``, as ``examples/nox`` has them."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tests.factories import make_sdist
from tests.functional.commands import NO_BUILD, ONE_BUILD, Commands, Environment

if TYPE_CHECKING:
    from tests.functional.server import Index

NOXFILE = Path(__file__).parents[2] / "examples" / "nox" / "noxfile.py"


def test_example(index: Index, tmp_path: Path) -> None:
    """A session installs what is built once; made anew, it finds it; kept and told so, it installs nothing."""
    make_sdist(index.folder, name="docopt", version="0.6.2")
    user = Commands(root=tmp_path / "user", module="nox", variables={"PIP_INDEX_URL": index.url})
    # Where pipcache is installed by itself, for all to use, and nox is not.
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "pipcache").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipcache_plugin "$@"\n')
    (programs / "pipcache").chmod(0o755)
    user.variables["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    shutil.copy(NOXFILE, user.work)

    first = user.ok("--error-on-external-run")
    assert "Created wheel for docopt" in first.output
    assert user.take_calls() == ONE_BUILD
    backend = ["--default-venv-backend", "uv"] if find_spec("uv") else []
    second = user.ok("--error-on-external-run", *backend)
    assert "Using cached docopt-0.6.2" in second.output
    assert user.take_calls() == NO_BUILD
    assert "docopt-0.6.2" in Environment(root=user.work / ".nox" / "tests").distributions
    third = user.ok("-R")
    assert "Using cached" not in third.output
    assert "Session tests was successful" in third.output
