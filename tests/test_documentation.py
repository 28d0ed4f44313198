"""Every command in README, docs and examples does what the page says; every other block is what it says it is."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tomli
import yaml
from packaging.version import Version

from tests.documented import commands_page
from tests.documented.blocks import ROOT, Block, find_blocks, pages
from tests.documented.fixtures import _make_reader, _serve, _supplies  # noqa: F401 (fixtures)
from tests.documented.transcript import Command, commands_of, is_as_shown

if TYPE_CHECKING:
    from tests.documented.fixtures import MakeReader

SHELLS = {"sh", "console"}
OTHER_SHELLS = {"bash", "zsh", "fish", "powershell", "shell", "pycon", "batch"}
"""Nothing here runs them: such a block says who does."""

LABELS = {"", "use", "main job", "test command", "save as", "file", "network", "stand-ins", "tested by", "not run"}
UNRUN_MOST = 6
"""Blocks that no test runs; each has a reason."""

BEFORE = {"README.md": "python3 -m venv --without-pip other-environment\n"}
"""What a reader of the page has already."""

OLDEST_PIP = {"docs/how-to/lock-files.md": "26.1"}
"""The first one that installs from ``pylock.toml``."""

BLOCKS = [block for page in pages() for block in find_blocks(page)]


def runs(block: Block, *, has_network: bool) -> bool:
    """Tell whether a block is run with the package index, or without."""
    if block.label == "save as":
        return True
    if block.language not in SHELLS or block.label in {"test command", "file", "tested by", "not run"}:
        return False
    return block.label != ("stand-ins" if has_network else "network")


def pages_to_run(*, has_network: bool) -> list[str]:
    """Return the pages that have something to run, each once."""
    return list(
        dict.fromkeys(
            block.page for block in BLOCKS if block.language in SHELLS and runs(block, has_network=has_network)
        )
    )


def read(page: str, make_reader: MakeReader, *, has_network: bool) -> str:
    """Run the blocks of a page in one shell, in a checkout; return what they printed."""
    if Version(distribution("pip").version) < Version(OLDEST_PIP.get(page, "0")):
        pytest.skip(f"the page needs pip {OLDEST_PIP[page]}")
    reader = make_reader(has_network=has_network)
    reader.take_checkout()
    blocks = [block for block in BLOCKS if block.page == page and runs(block, has_network=has_network)]
    before = [Command(text=BEFORE[page], where=page)] if page in BEFORE else []
    return "".join(reader.run([*before, *(command for block in blocks for command in commands_of(block))]))


@pytest.mark.parametrize(
    "page",
    [
        # What a stranger reads first is run first.
        pytest.param(page, marks=[] if page == "README.md" else pytest.mark.thorough)
        for page in pages_to_run(has_network=False)
    ],
)
def test_commands(page: str, make_reader: MakeReader) -> None:
    """Each command of a page works, after those before it, and prints what is shown, with stand-ins of the projects."""
    check(page, read(page, make_reader, has_network=False))


@pytest.mark.network
@pytest.mark.parametrize("page", pages_to_run(has_network=True))
def test_for_real(page: str, make_reader: MakeReader) -> None:
    """The same with the real ones."""
    check(page, read(page, make_reader, has_network=True))


def check(page: str, said: str) -> None:
    """Look for what the text of a page says, besides the transcripts in it."""
    if page == "README.md":
        assert said.count("Using cached docopt-0.6.2") >= 3
        assert said.count("Created wheel for docopt") == 2  # the first one, and `--rebuild`
        assert "docopt 0.6.2: found docopt-0.6.2" in said
        assert "Successfully installed sgmllib3k-1.0.0" in said
        assert "No problems found" in said


def where(block: Block) -> str:
    """Name a block in the id of a test."""
    return f"{block.page}:{block.line}"


def test_every_block_says_what_it_is() -> None:
    """With a misspelt label, or in another shell and without one, it would be run by nobody; or without a language."""
    assert [where(block) for block in BLOCKS if block.label not in LABELS] == []
    assert [where(block) for block in BLOCKS if block.language in OTHER_SHELLS and not block.value] == []
    texts = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in pages()}
    assert [name for name, text in texts.items() if re.search(r"^ +```", text, re.MULTILINE)] == []
    counts = Counter(block.page for block in BLOCKS)
    fences = {name: len(re.findall(r"^(```|~~~)", text, re.MULTILINE)) for name, text in texts.items()}
    assert [name for name in fences if fences[name] != 2 * counts[name]] == []
    looks_like_one = re.compile(r"^(\$ |pip |python3? )", re.MULTILINE)
    assert [where(block) for block in BLOCKS if not block.language and looks_like_one.search(block.text)] == []


def test_few_blocks_are_run_by_nobody() -> None:
    """Each says why."""
    unrun = [block for block in BLOCKS if block.label == "not run"]
    assert all(block.value for block in unrun)
    assert len(unrun) <= UNRUN_MOST


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.label == "tested by"], ids=where)
def test_tests_of_a_block_name_the_page(block: Block) -> None:
    """Who changes the page finds the test, and the other way round."""
    assert Path(block.page).name in (ROOT / block.value).read_text(encoding="utf-8")


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.label == "file"], ids=where)
def test_files_are_shown_as_they_are(block: Block) -> None:
    """What a page shows of an example is the example."""
    assert block.text == (ROOT / block.value).read_text(encoding="utf-8")


PARSERS: dict[str, Callable[[str], object]] = {"yaml": yaml.safe_load, "toml": tomli.loads, "json": json.loads}


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in PARSERS], ids=where)
def test_data_can_be_parsed(block: Block) -> None:
    """YAML, TOML and JSON are well-formed."""
    assert PARSERS[block.language](block.text)


def test_ci_runs_the_test_command() -> None:
    """CI takes the command out of the README; here it is taken the same way."""
    (script,) = re.findall(r"^command=\$\((.*)\)$", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)
    done = subprocess.run(["sh", "-euc", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [done.stdout] == [block.text for block in BLOCKS if block.label == "test command"]


def test_every_page_is_in_the_navigation() -> None:
    """And nothing else is; the site is not built where the tests run."""
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    pages_below = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    assert sorted(re.findall(r"- (?:[^:\n]+: )?(\S+\.md)$", nav, re.MULTILINE)) == sorted(pages_below)


def test_commands_page_is_what_commands_say() -> None:
    """Another pip, or another Python, may break lines elsewhere."""
    written = commands_page.PAGE.read_text(encoding="utf-8")
    assert written.split() == commands_page.render().split(), "python -m tests.documented.commands_page"


@pytest.mark.parametrize("page", [page.relative_to(ROOT).as_posix() for page in pages()])
def test_links_lead_somewhere(page: str) -> None:
    """Links to files of the checkout; those within a page, and to its headings, are checked when the docs are built."""
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link and not link.startswith("#")]
    gone = [link for link in links if not (ROOT / page).parent.joinpath(link.partition("#")[0]).exists()]
    assert gone == []


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("built in 2.1 s, 3 hours ago\n", "built in 14 ms, 1 second ago\n", True),
        ("at `~/.cache/pipcache`\n", "at `/tmp/x/y`\n", True),
        ("found 2\n", "found 3\n", False),
        ("a\n…\nz\n", "a\nb\nc\nz\n", True),
        ("a\n…\nz\n", "a\nz\n", True),
        ("…\nz\n", "a\nb\n", False),
        ("it depends on `CFLAGS`…\n", "it depends on `CFLAGS` and `CC`\n", True),
        ("it depends on `CFLAGS`\n", "it depends on `CC`\n", False),
        ("Successfully installed docopt-0.6.2\n", "Successfully installed docopt-0.6.3\n", True),
        ("Successfully installed docopt-0.6.2\n", "Successfully installed peewee-0.6.2\n", False),
    ],
)
def test_output_is_compared_loosely(shown: str, printed: str, *, same: bool) -> None:
    """Times, paths and versions may differ; words may not."""
    assert is_as_shown(shown, printed) is same
