"""``shell-init`` in real shells: ``pip`` means ``pipcache``, and nothing else changes.

Most tests have a stand-in of ``pipcache`` that tells what it was called with. The blocks of ``docs/how-to/shells.md``
are run here as well.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipcache_plugin.shells.program import Program
from pipcache_plugin.shells.render import render_init, render_undo
from tests.documented.blocks import find_blocks
from tests.factories import make_sdist
from tests.functional.commands import ONE_BUILD, Commands, Environment, create_environment

if TYPE_CHECKING:
    from tests.functional.conftest import MakeEnvironment
    from tests.functional.server import Index
    from tests.functional.terminal import Terminal

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the shells are POSIX ones")

COMMANDS = {"bash": ["bash", "--norc"], "zsh": ["zsh", "-f"], "fish": ["fish", "--no-config"]}

PIPCACHE = """\
#!/bin/sh
if [ -n "${PIP_AUTO_COMPLETE-}" ]; then
    case $COMP_WORDS in
    *' ex'*) echo explain ;;
    *' --jo'*) echo --jobs= ;;
    esac
    exit 1
fi
printf 'pipcache for %s:' "${_PIPCACHE_INSTEAD_OF-nobody}"
printf ' [%s]' "$@"
echo
case ${1-} in
read) cat ;;
status) exit "$2" ;;
signal) kill "-$2" $$ ;;
sleep) exec sleep 60 ;;
esac
"""

PLAIN = """\
#!/bin/sh
printf 'plain {name}:'
printf ' [%s]' "$@"
echo
"""

ROOT = Path(__file__).parents[2]

FOLDERS = [folder for folder in os.environ["PATH"].split(os.pathsep) if not Path(folder, "pipcache").exists()]
"""Those of ``PATH`` without a ``pipcache`` of their own: an environment that is activated has one."""

ODD = "a b'c\"d $e"
"""Part of paths."""


def write_program(path: Path, text: str) -> Path:
    """Write a script that can be executed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@dataclass(frozen=True, kw_only=True)
class Shell:
    """A shell, with a ``pipcache`` in a folder with an odd name, and plain ``pip`` and ``python`` in ``PATH``."""

    name: str
    folder: Path
    program: Program

    @property
    def plain(self) -> Path:
        """The folder of plain programs."""
        return self.folder / "plain"

    @property
    def environ(self) -> dict[str, str]:
        """The environment that it starts with."""
        return {
            "PATH": os.pathsep.join([str(self.plain), *FOLDERS]),
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "XDG_DATA_HOME": str(self.folder),
        }

    def init(self, *, with_python: bool = True) -> str:
        """Return what makes ``pip`` mean ``pipcache``."""
        return render_init(self.name, self.program, with_python=with_python)

    @property
    def undo(self) -> str:
        """What takes it back."""
        return render_undo(self.name)

    def __call__(self, script: str, *options: str) -> str:
        """Run *script* and return what it says, on both streams, with its exit status in the end if that is not 0."""
        file = self.folder / "script"
        file.write_text(script)
        done = subprocess.run(
            [*COMMANDS[self.name], *options, file],
            env=self.environ,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
            # A test run in the background of a shell ignores Ctrl-C, and would hand that down.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        return done.stdout + (f"status {done.returncode}\n" if done.returncode else "")


def make_shell(name: str, folder: Path) -> Shell:
    """Return a shell; skip the test where it is not installed."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    script = write_program(folder / ODD / "pipcache", PIPCACHE)
    package = write_program(folder / ODD / "package", "")
    for plain in ["pip", "pip3", "python", "python3"]:
        write_program(folder / "plain" / plain, PLAIN.format(name=plain))
    return Shell(name=name, folder=folder, program=Program(words=(str(script),), needs=(str(script), str(package))))


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    """Return each of the shells."""
    return make_shell(request.param, tmp_path)


@pytest.fixture(params=["bash", "zsh"])
def posix_shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    """Return each of those that POSIX has described."""
    return make_shell(request.param, tmp_path)


def test_pip_means_pipcache(shell: Shell) -> None:
    """Arguments, input and exit status are passed through; nothing else is said."""
    last = "$status" if shell.name == "fish" else "$?"
    said = shell(
        f"{shell.init()}\n"
        "pip\n"
        "pip3 install 'a b' '' '*' \"it's\" '\"' '$x' 'a\n b' -- --python\n"
        "printf 'one\\ntwo' | pip read\n"
        "cd /\n"
        f"pip status 7; echo {last}\n"
        # On an interruption, fish ends itself.
        f"pip signal {'TERM' if shell.name == 'fish' else 'INT'}; echo {last}\n"
    )
    assert said.splitlines() == [
        "pipcache for pip: []",
        "pipcache for pip3: [install] [a b] [] [*] [it's] [\"] [$x] [a",
        " b] [--] [--python]",
        "pipcache for pip: [read]",
        "one",
        "twopipcache for pip: [status] [7]",
        "7",
        "pipcache for pip: [signal] [TERM]" if shell.name == "fish" else "pipcache for pip: [signal] [INT]",
        "143" if shell.name == "fish" else "130",
    ]


def test_python_m_pip_means_pipcache(shell: Shell) -> None:
    """It acts on that very interpreter, which is the one of the moment; all else is Python's."""
    other = write_program(shell.folder / "other place" / "python", PLAIN.format(name="other")).parent
    put_first = f"set PATH '{other}' $PATH" if shell.name == "fish" else f"PATH='{other}':$PATH"
    said = shell(
        f"{shell.init()}\n"
        "python -m pip install 'a b' -m pip\n"
        "python3 -m pip\n"
        "python -I -m pip list\n"
        "python -m pipx\n"
        "python -c 'a  b' pip\n"
        "python -mpip\n"
        "python -m\n"
        "python\n"
        f"{put_first}\n"
        "python -m pip list\n"
        "python pip\n"
    )
    plain = shell.plain
    assert said.splitlines() == [
        f"pipcache for python: [--python] [{plain}/python] [install] [a b] [-m] [pip]",
        f"pipcache for python: [--python] [{plain}/python3]",
        "plain python: [-I] [-m] [pip] [list]",
        "plain python: [-m] [pipx]",
        "plain python: [-c] [a  b] [pip]",
        "plain python: [-mpip]",
        "plain python: [-m]",
        "plain python: []",
        f"pipcache for python: [--python] [{other}/python] [list]",
        "plain other: [pip]",
    ]


def test_python_is_left_alone_unless_it_is_asked_for(shell: Shell) -> None:
    """Without ``--python``."""
    said = shell(f"{shell.init(with_python=False)}\npip x\npython -m pip x\n")
    assert said.splitlines() == ["pipcache for pip: [x]", "plain python: [-m] [pip] [x]"]


@pytest.mark.parametrize("gone", [0, 1])
def test_without_pipcache_it_is_pip_again(shell: Shell, gone: int) -> None:
    """Whichever of its files has gone, while the shell runs."""
    last = "$status" if shell.name == "fish" else "$?"
    no_path = "set PATH /" if shell.name == "fish" else "PATH=/"
    remove = f'rm "{shell.folder}/gone"'
    (shell.folder / "gone").symlink_to(shell.program.needs[gone])
    needs = [*shell.program.needs]
    needs[gone] = str(shell.folder / "gone")
    init = render_init(shell.name, Program(words=shell.program.words, needs=tuple(needs)), with_python=True)
    said = shell(f"{init}\n{remove}\npip x 'y z'\npip3\npython -m pip x\n{no_path}\npip3 x 2>/dev/null; echo {last}\n")
    first, second, third, *complaint, status = said.splitlines()
    assert [first, second, third] == ["plain pip: [x] [y z]", "plain pip3: []", "plain python: [-m] [pip] [x]"]
    assert status == "127"
    assert not complaint or "pip3" in complaint[0]


_EARLIER = (
    "function pip { echo \"earlier $*\"; }; alias pip3='command echo alias'\n"
    'python() { command python earlier "$@"; }\n'
    # What uses a word is not to use its alias when it is made again.
    "alias echo='echo twice'\n"
)
EARLIER = {
    "bash": _EARLIER,
    "zsh": _EARLIER,
    "fish": "function pip; echo earlier $argv; end; function pip3; echo alias $argv; end\n"
    "function python; command python earlier $argv; end\n",
}
USE = "pip x; eval 'pip3 y'; python -m pip z\n"


@pytest.mark.parametrize("times", [1, 2])
def test_undone_as_it_was(shell: Shell, times: int) -> None:
    """Functions and aliases that the user had are back, however often it was done; of ours there is nothing."""
    aliases = {"bash": "shopt -s expand_aliases\n", "zsh": "", "fish": ""}[shell.name]
    left = {
        "bash": "{ declare -F; compgen -v; compgen -A alias; complete -p; }",
        "zsh": "print -l ${(k)functions} ${(k)parameters} ${(k)aliases}",
        "fish": "begin; functions --all --names; set --names; complete; end",
    }[shell.name]
    said = shell(
        f"{aliases}{EARLIER[shell.name]}{USE}{left} >before\n"
        f"{shell.init() * times}{USE}{shell.undo}\n{USE}{left} >after\n"
    )
    own = ["earlier x", "alias y", "plain python: [earlier] [-m] [pip] [z]"]
    ours = [
        "pipcache for pip: [x]",
        "pipcache for pip3: [y]",
        # What is not a program may lead anywhere.
        own[-1],
    ]
    assert said.splitlines() == own + ours + own
    before, after = ((shell.folder / name).read_text().splitlines() for name in ["before", "after"])
    assert [line for line in after if line not in before and "BASH_LINENO" not in line] == []


def test_alias_of_python_stays(shell: Shell) -> None:
    """There need not be a program of that name; what the alias leads to is ours as well."""
    aliases = {"bash": "shopt -s expand_aliases\n", "zsh": "", "fish": ""}[shell.name]
    (shell.plain / "python").unlink()
    alias = "alias python=python3\n"
    said = shell(f"{aliases}{alias}{shell.init()}\npython x\npython -m pip x\n{shell.undo}\npython y\n")
    there = f"pipcache for python: [--python] [{shell.plain}/python3] [x]"
    assert said.splitlines() == ["plain python3: [x]", there, "plain python3: [y]"]


def test_own_way_to_pipcache_stays(shell: Shell) -> None:
    """An alias or a function of that name is what it was, before and after it is undone."""
    aliases = {"bash": "shopt -s expand_aliases\n", "zsh": "", "fish": ""}[shell.name]
    function = (
        "function pipcache; echo function; end" if shell.name == "fish" else "function pipcache { echo function; }"
    )
    for own, expected in [("alias pipcache='echo alias'", "alias"), (function, "function")]:
        said = shell(f"{aliases}{own}\n{shell.init()}\npipcache\n{shell.undo}\npipcache\n")
        assert said.splitlines() == [expected, expected]


def test_undone_to_programs(shell: Shell) -> None:
    """Where there was neither function nor alias, the programs are back; once more does nothing."""
    said = shell(f"{shell.undo}{shell.init()}{shell.undo}{shell.undo}pip x\npip3 x\npython -m pip x\n")
    assert said.splitlines() == ["plain pip: [x]", "plain pip3: [x]", "plain python: [-m] [pip] [x]"]


def test_what_the_user_did_since_stays(shell: Shell) -> None:
    """A function that has taken the place of ours is not taken back."""
    define = "function pip; echo newer; end" if shell.name == "fish" else "pip() { echo newer; }"
    assert shell(f"{shell.init()}\n{define}\n{shell.undo}\npip\npip3\n") == "newer\nplain pip3: []\n"


def test_strict_scripts(posix_shell: Shell) -> None:
    """With ``set -eu`` as well: a command that fails ends the script, and nothing else does."""
    said = posix_shell(
        f"set -eu\n{posix_shell.init()}{posix_shell.undo}{posix_shell.init()}"
        "pip\npython -m pip\npython\npip status 3 || echo $?\n"
        f"{posix_shell.undo}pip x\n{posix_shell.init()}pip status 5\necho not here\n"
    )
    assert said.splitlines() == [
        "pipcache for pip: []",
        f"pipcache for python: [--python] [{posix_shell.plain}/python]",
        "plain python: []",
        "pipcache for pip: [status] [3]",
        "3",
        "plain pip: [x]",
        "pipcache for pip: [status] [5]",
        "status 5",
    ]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bash", "set -o posix"),
        ("bash", "set -fa; IFS=/; shopt -s nullglob failglob extdebug 2>/dev/null"),
        ("zsh", "setopt ksh_arrays sh_word_split no_unset err_exit"),
        ("zsh", "setopt rc_quotes no_glob ksh_glob no_nomatch extended_glob all_export; IFS=/"),
        ("zsh", "emulate sh"),
        ("zsh", "emulate ksh"),
    ],
)
def test_options_of_the_shell(tmp_path: Path, name: str, options: str) -> None:
    """None of them matters."""
    shell = make_shell(name, tmp_path)
    said = shell(
        f"{options}\n{shell.init()}pip3 'a  b' '*'\npython -m pip '' x\n{shell.undo}pip '*' 'a b'\n{shell.init()}pip\n"
    )
    assert said.splitlines() == [
        "pipcache for pip3: [a  b] [*]",
        f"pipcache for python: [--python] [{shell.plain}/python] [] [x]",
        "plain pip: [*] [a b]",
        "pipcache for pip: []",
    ]


def test_exported_functions(tmp_path: Path) -> None:
    """A function that the user had exported stays in child shells, and is exported again; ours is not."""
    shell = make_shell("bash", tmp_path)
    said = shell(
        f"pip() {{ echo earlier; }}; export -f pip\n{shell.init()}pip; bash -c pip\n{shell.undo}pip; bash -c pip\n"
    )
    assert said == "pipcache for pip: []\nplain pip: []\nearlier\nearlier\n"


def test_other_shells_within(shell: Shell) -> None:
    """A subshell has it; a shell within is one of its own, and may do the same."""
    (shell.folder / "init").write_text(shell.init())
    (shell.folder / "undo").write_text(shell.undo)
    run = f"{shell.name} {COMMANDS[shell.name][1]} -c"
    subshell = "begin; pip x; end | cat" if shell.name == "fish" else "(pip x)"
    said = shell(
        f"{shell.init()}\n{subshell}\n{run} 'pip x'\n{run} 'source ./init; pip x; source ./undo; pip x'\npip x\n"
    )
    ours, plain = "pipcache for pip: [x]", "plain pip: [x]"
    assert said.splitlines() == [ours, plain, ours, plain, ours]


LINES = {
    "bash": 'eval "$(pipcache shell-init bash{})"\n',
    "zsh": 'eval "$(pipcache shell-init zsh{})"\n',
    "fish": "pipcache shell-init fish{} | source\n",
}
SHOW = {"bash": "declare -f pip python3", "zsh": "functions pip python3", "fish": "functions pip python3"}


def test_evaluated_as_the_docs_say(shell: Shell) -> None:
    """The blocks for this shell, one after the other, with the command itself."""
    blocks = [block.text for block in find_blocks(ROOT / "docs/how-to/shells.md") if block.language == shell.name]
    lines = [LINES[shell.name].format(option) for option in ["", " --python", " --undo"]]
    assert blocks[:3] == lines
    # A link in PATH, and not what it leads to.
    script = shell.plain / "pipcache"
    script.symlink_to(Path(sys.executable).with_name("pipcache"))
    last = 'complete -p pipcache pip 2>&1; eval "$(pipcache shell-init bash --undo)"' if shell.name == "bash" else ""
    said = shell("".join([blocks[0], *blocks[1:3], "pip x\n", blocks[1], SHOW[shell.name], "\n", *blocks[3:], last]))
    assert said.startswith("plain pip: [x]\n")
    # In each of the functions: is it there? Then it is run.
    assert said.count(str(script)) == 4
    if shell.name == "bash":
        assert "complete -o default -F _pip_completion pipcache" in said


@pytest.fixture
def terminal(shell: Shell) -> Iterator[Terminal]:
    """Return the shell in a terminal, with a prompt."""
    from tests.functional.terminal import open_terminal

    (shell.folder / "init").write_text(shell.init())
    (shell.folder / "undo").write_text(shell.undo)
    options = ["--noprofile"] if shell.name == "bash" else []
    with open_terminal(
        [*COMMANDS[shell.name], *options, "-i"], environ={**shell.environ, "TERM": "xterm"}, cwd=shell.folder
    ) as terminal:
        terminal.type(
            {
                "bash": "PS1='re''ady> '; bind 'set bell-style none'\r",
                "zsh": "PS1='re''ady> '; autoload -Uz compinit; compinit -u -D\r",
                "fish": "function fish_prompt; echo -n 're''ady> '; end\r",
            }[shell.name]
        )
        terminal.wait_for("ready> ")
        yield terminal


def test_in_a_terminal(shell: Shell, terminal: Terminal) -> None:
    """TAB completes commands and options; what is taken back completes as before; Ctrl-C ends pipcache alone."""

    def enter(line: str, shown: str) -> None:
        terminal.type(line)
        terminal.wait_for(shown)
        terminal.wait_for("ready> ")

    enter("source ./init\r", "source ./init")
    enter("pip ex\tz\r", "pipcache for pip: [explain] [z]")
    enter("pip3 install --jo\t3\r", "pipcache for pip3: [install] [--jobs=3]")
    # Its completion asks the one that the shell was told of.
    write_program(shell.plain / "pipcache", PLAIN.format(name="pipcache"))
    enter("pipcache ex\tz\r", "plain pipcache: [explain] [z]")
    terminal.type("pip sleep\r")
    terminal.wait_for("pipcache for pip: [sleep]")
    enter("\x03", "")
    enter("echo sta''tus {}\r".format("$status" if shell.name == "fish" else "$?"), "status 130")
    enter("alias pip3='echo ali''as'; source ./init; pip3 x\r", "pipcache for pip3: [x]")
    enter("source ./undo\r", "source ./undo")
    enter("pip3 y\r", "alias y")
    enter("pip ex\tz\r", "plain pip: [ex")
    terminal.type("exit\r")
    assert terminal.finish() == 0


class TestReal:
    """With pipcache itself."""

    @pytest.fixture
    def script(self) -> Path:
        """Return the ``pipcache`` of this environment."""
        return Path(sys.executable).with_name("pipcache")

    def run(self, pipcache: Commands, script: str, **variables: str) -> str:
        """Run *script* in bash and return what it says."""
        done = subprocess.run(
            ["bash", "--norc", "-euc", script],
            env=pipcache.environ(variables),
            cwd=pipcache.work,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def test_acts_where_pip_would(
        self, index: Index, make_environment: MakeEnvironment, pipcache: Commands, script: Path
    ) -> None:
        """On the environment that is activated, and has no pip; by ``PATH``; and on the Python that is named."""
        make_sdist(index.folder)
        first, second, third = (make_environment() for _ in range(3))
        write_program(third.root / "bin" / "pip", f"#!{third.python}\n")
        (third.root / "pip.conf").write_text("[list]\nformat = json\n")
        options = " ".join(index.options)
        said = self.run(
            pipcache,
            f'eval "$({script} shell-init bash --python)"\n'
            f"VIRTUAL_ENV={first.root} PATH={first.root}/bin:$PATH\nexport VIRTUAL_ENV\n"
            f"pip install simple {options}\n"
            f"PATH={second.root}/bin:$PATH; hash -r\n"
            f"python -m pip install simple {options}\n"
            f"unset VIRTUAL_ENV; PATH={third.root}/bin:$PATH; hash -r\n"
            f"pip install simple {options}\nPIP_CONFIG_FILE='' pip config get list.format\n",
        )
        assert said.splitlines()[-1] == "json"
        assert [one.distributions for one in [first, second, third]] == [{"simple-1.0"}] * 3
        assert pipcache.take_calls() == ONE_BUILD

    def test_python_that_is_too_old_keeps_its_pip(self, tmp_path: Path, pipcache: Commands, script: Path) -> None:
        """It has one that supports it; asked for with ``--python``, pip says that it is too old."""
        old = create_environment(tmp_path / "old")
        (old.library / "old.pth").write_text("import sys; sys.version_info = (3, 8, 18)\n")
        (old.library / "pip").mkdir()
        (old.library / "pip" / "__init__.py").touch()
        (old.library / "pip" / "__main__.py").write_text("import os, sys\nprint('old', sys.argv[1:], 'END')\n")
        write_program(old.root / "bin" / "pip", f"#!{old.python}\n")
        said = self.run(
            pipcache,
            f'eval "$({script} shell-init bash --python)"\n'
            f"PATH={old.root}/bin:$PATH\npip list -v\npython -m pip -q list\n"
            f"{script} --python {old.python} list 2>&1 || echo status $?\n",
        )
        first, second, *rest = said.splitlines()
        assert [first, second] == ["old ['list', '-v'] END", "old ['-q', 'list'] END"]
        assert "old [" not in "".join(rest)

    def test_disabled_is_the_pip_that_is_hidden(
        self, environment: Environment, pipcache: Commands, script: Path
    ) -> None:
        """And a program that is no pip that we know is run itself."""
        write_program(environment.root / "bin" / "pip", PLAIN.format(name="wrapper"))
        write_program(environment.root / "bin" / "pip3", f"#!{environment.python}\nprint('its own')\n")
        said = self.run(
            pipcache,
            f'eval "$({script} shell-init bash --python)"\nPATH={environment.root}/bin:$PATH\n'
            "pip 'a b'\nPIPCACHE_DISABLE=1 pip3 x\nPIPCACHE_DISABLE=1 python -m pip x 2>&1 || echo status $?\n",
        )
        assert said.splitlines() == [
            "plain wrapper: [a b]",
            "its own",
            f"{environment.python}: No module named pip",
            "status 1",
        ]

    def test_completion(self, environment: Environment, pipcache: Commands, script: Path) -> None:
        """Of the environment that is activated, by whatever name."""
        (environment.library / "simple-1.0.dist-info").mkdir()
        (environment.library / "simple-1.0.dist-info" / "METADATA").write_text("Name: simple\nVersion: 1.0\n")
        said = self.run(
            pipcache,
            f'eval "$({script} shell-init bash)"\n'
            f"export VIRTUAL_ENV={environment.root} PATH={environment.root}/bin:$PATH:{script.parent}\n"
            "complete_it() { COMP_WORDS=($1 sho); COMP_CWORD=1; _pipcache_complete $1; echo $1: ${COMPREPLY[*]}\n"
            "COMP_WORDS=($1 show ''); COMP_CWORD=2; _pipcache_complete $1; echo $1: ${COMPREPLY[*]}; }\n"
            "complete_it pip; complete_it pipcache\n",
        )
        assert said.splitlines() == ["pip: show", "pip: simple", "pipcache: show", "pipcache: simple"]
