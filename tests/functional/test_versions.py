"""Several versions of ours on one store: each finds what it has built, and leaves the others' alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pipcache_plugin
from tests.factories import make_sdist, make_wheel
from tests.functional.commands import NO_BUILD, ONE_BUILD, Commands, Result

if TYPE_CHECKING:
    from tests.functional.server import Index

pytestmark = pytest.mark.thorough

FORMATS = [
    "keys/build_key.py",
    "keys/record.py",
    "store/counts.py",
    "store/log.py",
    "store/resolutions.py",
    "store/store.py",
    "store/trees.py",
]
"""Where the numbers of formats are."""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """Return a folder with a version in which every format has another number."""
    folder = tmp_path / "newer"
    shutil.copytree(Path(pipcache_plugin.__file__).parent, folder / "pipcache_plugin")
    for name in FORMATS:
        module = folder / "pipcache_plugin" / name
        text, count = re.subn(r"^FORMAT = \d+$", "FORMAT = 999", module.read_text(), flags=re.MULTILINE)
        assert count == 1, name
        module.write_text(text)
    return folder


def run(pipcache: Commands, *args: str | Path, path: Path | None) -> Result:
    """Run the version at *path*, or our own."""
    code = f"sys.path.insert(0, {str(path)!r})" if path else ""
    start = f"import sys\n{code}\nfrom pipcache_plugin.cli import main\nsys.exit(main())"
    command = [sys.executable, "-c", start, *map(str, args)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=pipcache.work, env=pipcache.environ()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Result(args=command, returncode=0, stdout=done.stdout, stderr=done.stderr)


def look(store: Path) -> set[Path]:
    """Return what must not go: wheels and what leads to them, and unpacked wheels."""
    return {*store.glob("wheels/*/*/*"), *store.glob("entries/*/*/*"), *store.glob("trees/*/*")}


def test_two_versions_take_turns(index: Index, pipcache: Commands, newer: Path, tmp_path: Path) -> None:
    """Each builds once, nothing is set aside, unpacked wheels stay; what is shared is shared."""
    make_sdist(index.folder)
    make_wheel(index.folder, name="other")
    seen: set[Path] = set()
    for number, (path, calls) in enumerate(
        [(newer, ONE_BUILD), (None, ONE_BUILD), (newer, NO_BUILD), (None, NO_BUILD), (newer, NO_BUILD)]
    ):
        target = tmp_path / str(number)
        result = run(pipcache, "install", "--target", target, "simple", "other", *index.options, path=path)
        assert pipcache.take_calls() == calls
        assert result.warnings == []
        assert {file.name for file in target.glob("*.py")} == {"simple.py", "other.py"}
        assert seen <= look(pipcache.store)
        seen = look(pipcache.store)
    assert not (pipcache.store / "damaged").exists()
    for path in [newer, None]:
        run(pipcache, "cache", "verify", path=path)
        run(pipcache, "cache", "prune", path=path)
        run(pipcache, "cache", "stats", path=path)
        run(pipcache, "explain", path=path)
    assert seen == look(pipcache.store)
