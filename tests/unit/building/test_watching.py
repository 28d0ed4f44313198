"""The watcher, in processes of its own: what it notes, what it does not, and that a build does not notice."""

from __future__ import annotations

import builtins
import dis
import os
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipcache_plugin.building import watching
from pipcache_plugin.building.watching import Watch
from tests.unit.building import watched
from tests.unit.building.watched import ENVIRON, Outcome, Stage, Way, run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the helpers know POSIX only")

HEAD = "import os, subprocess, sys\n"
FROM_CHILD = "[sys.executable, '-c', 'import os; os.environ[\"ASKED\"]']"


@pytest.fixture(params=["pth", "path"], ids=["isolated", "not-isolated"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    """Return a stage with either kind of environment."""
    return Stage(tmp_path, request.param)


@pytest.fixture(scope="module")
def one_way() -> Way:
    """Return the way in of tests for which it does not matter."""
    return "path"


@pytest.fixture
def lone(tmp_path: Path, one_way: Way) -> Stage:
    """Return a stage for what does not depend on the environment's kind."""
    return Stage(tmp_path, one_way)


READS = {
    "item": "os.environ['ASKED']",
    "get": "os.environ.get('ASKED')",
    "in": "'ASKED' in os.environ",
    "not in": "'ASKED' not in os.environ",
    "getenv": "os.getenv('ASKED')",
    "imported name": "from os import environ; environ['ASKED']",
    "pop": "os.environ.pop('ASKED')",
    "setdefault": "os.environ.setdefault('ASKED', 'default')",
    "copy item": "os.environ.copy()['ASKED']",
    "copy get": "os.environ.copy().get('ASKED')",
    "copy in": "'ASKED' in os.environ.copy()",
    "copy pop": "os.environ.copy().pop('ASKED', None)",
    "copy setdefault": "os.environ.copy().setdefault('ASKED', 'default')",
    "copy of a copy": "os.environ.copy().copy()['ASKED']",
    "shallow copy": "import copy; copy.copy(os.environ)['ASKED']",
    "bytes item": "os.environb[b'ASKED']",
    "bytes get": "os.environb.get(b'ASKED')",
    "bytes in": "b'ASKED' in os.environb",
    "bytes getenvb": "os.getenvb(b'ASKED')",
    "in keys": "'ASKED' in os.environ.keys()",
    "expandvars": "os.path.expandvars('$ASKED/lib')",
    "percent": "'%(ASKED)s' % os.environ",
    "format_map": "'{ASKED}'.format_map(os.environ)",
    "chained": "import collections; collections.ChainMap({}, os.environ)['ASKED']",
    "selective loop": "[os.environ[name] for name in os.environ if name.startswith('ASK')]",
    "selective loop over a list": "[os.environ[name] for name in list(os.environ) if name.startswith('ASK')]",
    "selective loop that ends early": (
        "for name in os.environ:\n    if name == 'ASKED':\n        os.environ[name]\n        break"
    ),
    "after a copy was made": "dict(os.environ); os.environ['ASKED']",
    "after all names were listed": "list(os.environ); os.environ['ASKED']",
    "between two copies": "dict(os.environ); os.environ.get('ASKED'); {**os.environ}",
    "thread": "import threading; t = threading.Thread(target=os.getenv, args=('ASKED',)); t.start(); t.join()",
    "fork": "pid = os.fork()\nif not pid:\n    os.getenv('ASKED')\n    os._exit(0)\nos.waitpid(pid, 0)",
    "child": f"subprocess.run({FROM_CHILD}, check=True)",
    "child with env=None": f"subprocess.run({FROM_CHILD}, env=None, check=True)",
    "child with a copy": f"subprocess.run({FROM_CHILD}, env=os.environ.copy(), check=True)",
    "child with a dict": f"subprocess.run({FROM_CHILD}, env={{**os.environ, 'MORE': '1'}}, check=True)",
    "grandchild by a shell": "os.system(f'''{sys.executable} -c \"import os; os.getenv('ASKED')\"''')",
    "executed": f"os.execv(sys.executable, {FROM_CHILD})",
    "spawned": f"os.waitpid(os.posix_spawn(sys.executable, {FROM_CHILD}, os.environ), 0)",
    "multiprocessing, forked": (
        "import multiprocessing\np = multiprocessing.get_context('fork').Process(target=os.getenv, args=('ASKED',))\n"
        "p.start(); p.join()"
    ),
}


@pytest.mark.parametrize("how", READS)
def test_variable_that_is_asked_for(stage: Stage, how: str) -> None:
    """By its name, in whatever way, in this process or in a Python child."""
    seen = stage.see(HEAD + READS[how])
    assert "ASKED" in seen.variables
    assert "OTHER" not in seen.variables
    assert seen.is_whole


def test_variable_that_is_not_set_is_asked_for(lone: Stage) -> None:
    """Absence is an answer."""
    script = (
        "os.environ.get('LACKING'); 'LACKING_TOO' in os.environ; os.getenv('LACKING_THREE')\n"
        "try:\n    os.environ['LACKING_FOUR']\nexcept KeyError:\n    pass"
    )
    seen = lone.see(HEAD + script)
    assert seen.variables >= {"LACKING", "LACKING_TOO", "LACKING_THREE", "LACKING_FOUR"}


def test_spawned_worker_is_watched(stage: Stage) -> None:
    """What ``multiprocessing`` starts is a Python child."""
    script = (
        "import multiprocessing, os\nif __name__ == '__main__':\n"
        "    p = multiprocessing.get_context('spawn').Process(target=os.getenv, args=('ASKED',))\n"
        "    p.start(); p.join(); raise SystemExit(p.exitcode)\n"
    )
    assert "ASKED" in stage.see(script).variables


NO_READS = {
    "nothing": "os.environ.get('MARK')",
    "dict": "dict(os.environ)",
    "unpacked": "{**os.environ}",
    "merged": "os.environ | {'MORE': '1'}",
    "updated from": "{}.update(os.environ)",
    "items": "list(os.environ.items())",
    "loop over items": "for name, value in os.environ.items(): pass",
    "keys": "list(os.environ.keys())",
    "values": "list(os.environ.values())",
    "sorted": "sorted(os.environ.items())",
    "repr": "repr(os.environ)",
    "length": "len(os.environ)",
    "equal": "os.environ == {}",
    "bytes": "dict(os.environb)",
    "copy": "os.environ.copy()",
    "dict of a copy": "dict(os.environ.copy())",
    "unpacked copy": "{**os.environ.copy()}",
    "json": "import json; json.dumps(dict(os.environ)); json.dumps(os.environ.copy())",
    "loop over all": "{name: os.environ[name] for name in os.environ}",
    "changed and looped over": "os.environ['MORE'] = 'y'; {name: os.environ[name] for name in os.environ}",
    "copies compared": (
        "a, b = os.environ.copy(), os.environ.copy(); b['HOME'] = 'y'\n"
        "for name in sorted(a.keys() | b.keys()): a.get(name) != b.get(name)"
    ),
    "loop over a list of all": "{name: os.environ[name] for name in list(os.environ)}",
    "two copies": "dict(os.environ); dict(os.environ); list(os.environ); dict(os.environ)",
    "to a child": "subprocess.run(['true'], check=True)",
    "copied to a child": "subprocess.run(['true'], env=os.environ.copy(), check=True)",
    "dict to a child": "subprocess.run(['true'], env=dict(os.environ, MORE='1'), check=True)",
    "changed copy to a child": "e = os.environ.copy(); e['MORE'] = '1'; subprocess.run(['true'], env=e, check=True)",
    "updated copy to a child": "e = os.environ.copy(); e.update(MORE='1'); subprocess.run(['true'], env=e, check=True)",
    "to a Python child": "subprocess.run([sys.executable, '-c', 'pass'], env=os.environ.copy(), check=True)",
    "set": "os.environ['ASKED'] = 'ours'; os.environ['ASKED']; os.environ.get('ASKED'); 'ASKED' in os.environ",
    "updated": "os.environ.update(ASKED='ours'); os.environ['ASKED']",
    "deleted": "del os.environ['ASKED']; os.environ.get('ASKED')",
    "set in a copy": "e = os.environ.copy(); e['ASKED'] = 'ours'; e['ASKED']; e.get('ASKED')",
    "updated in a copy": "e = os.environ.copy(); e.update({'ASKED': 'ours'}); e['ASKED']",
    "set, then copied": "os.environ['ASKED'] = 'ours'; os.environ.copy()['ASKED']",
    "set bytes": "os.environb[b'ASKED'] = b'ours'; os.environb[b'ASKED']",
}


@pytest.mark.parametrize("how", NO_READS)
def test_variable_that_is_not_asked_for(lone: Stage, how: str) -> None:
    """Copies for children, goings-through of everything, and what the build set itself."""
    seen = lone.see(HEAD + "os.environ.get('MARK')\n" + NO_READS[how])
    assert not seen.variables & {"ASKED", "OTHER"}
    assert seen.variables <= {"MARK", "PATH", "HOME", "PYTHONUSERBASE", "PYTHONPATH"}
    assert seen.is_whole


PUT_BACK = {
    "cleared": "saved = dict(os.environ); os.environ.clear(); os.environ.update(saved)",
    "mocked": "import unittest.mock\nwith unittest.mock.patch.dict(os.environ, {'MORE': '1'}): pass",
    "updated from a copy": "os.environ.update(os.environ.copy())",
    "updated from a dict": "os.environ.update(dict(os.environ))",
    "one variable": "saved = dict(os.environ); os.environ['ASKED'] = 'ours'; os.environ['ASKED'] = saved['ASKED']",
}
"""The last one names it, beside a copy of all that may have been taken to read it: that is asking for it."""


@pytest.mark.parametrize("how", PUT_BACK)
def test_variable_that_was_put_back(lone: Stage, how: str) -> None:
    """A build that patches the environment for a while still depends on what it reads afterwards."""
    assert "ASKED" in lone.see(HEAD + PUT_BACK[how] + "\nos.environ['ASKED']").variables


@pytest.mark.parametrize("how", [how for how in PUT_BACK if how != "one variable"])
def test_putting_back_asks_for_nothing(lone: Stage, how: str) -> None:
    """Else any other variable is a reason to build again."""
    assert not lone.see(HEAD + "os.environ.get('MARK')\n" + PUT_BACK[how]).variables & {"ASKED", "OTHER"}


PICKED = {
    "dict": "dict(os.environ).get('ASKED')",
    "dict of bytes": "dict(os.environb).get(b'ASKED')",
    "unpacked": "{**os.environ}.get('ASKED')",
    "merged": "(os.environ | {'MORE': '1'}).get('ASKED')",
    "dict of a copy": "dict(os.environ.copy()).get('ASKED')",
    "unpacked copy": "{**os.environ.copy()}.get('ASKED')",
    "pickled copy": "import pickle; pickle.loads(pickle.dumps(os.environ.copy()))['ASKED']",
    "deep copy": "import copy; copy.deepcopy(os.environ.copy())['ASKED']",
    "items": "[value for name, value in os.environ.items() if name.startswith('ASK')]",
    "items of a copy": "[value for name, value in os.environ.copy().items() if name.startswith('ASK')]",
    "names": "[name for name in os.environ if name.startswith('ASK')]",
    "names of a copy": "[name for name in os.environ.copy() if name.startswith('ASK')]",
    "sorted names": "[name for name in sorted(os.environ.keys()) if name[:3] == 'ASK']",
    "one of several": "[value for name, value in os.environ.items() if name.startswith(('MORE', 'ASK'))]",
    "pattern": "import re; [name for name in os.environ if re.match('^ASK.*', name)]",
    "in a function": "def pick(text): return [name for name in os.environ if name.startswith(text)]\npick('ASK')",
    "in a global": "BEGIN = 'ASK'\ndef pick(): return [n for n in os.environ if n.startswith(BEGIN)]\npick()",
}


@pytest.mark.parametrize("how", PICKED)
def test_variable_that_is_picked_out_of_all(lone: Stage, how: str) -> None:
    """A plain copy does not tell what is asked of it: what the code names, or begins names with, is what it wants."""
    seen = lone.see(HEAD + PICKED[how])
    assert "ASKED" in seen.variables or seen.prefixes & {"ASK", "ASKED"}
    assert "OTHER" not in seen.variables


def test_words_of_a_sentence_begin_no_names(lone: Stage) -> None:
    """Nor does what came out of a variable: it may be a secret."""
    script = (
        "'Print all, for a GIT build.'\nLEVEL = 'A LEVEL'\nKEY = os.environ.get('SECRET_KEY')\n"
        "def clean(): return {name: value for name, value in os.environ.items() if value != KEY}\nclean()"
    )
    seen = lone.see("import os\n" + script, environ={"SECRET_KEY": "AKIAIOSFODNN7EXAMPLE"})
    assert seen.prefixes == {"SECRET_KEY"}


def test_names_of_a_distributions_own_code_count_where_it_goes_through_all(lone: Stage) -> None:
    """Not those of the code that calls it, further out."""
    library = lone.folder / "library"
    library.mkdir()
    (library / "picking.py").write_text("import os\ndef pick(): return [n for n in os.environ if n[:3] == 'ASK']\n")
    (library / "calling.py").write_text("import picking\nFAR = 'OTH'\ndef call(): return FAR, picking.pick()\n")
    seen = lone.see(f"import sys; sys.path.insert(0, {str(library)!r})\nimport calling; calling.call()")
    assert seen.prefixes == {"ASK"}


def test_first_variable_after_all_were_listed(lone: Stage) -> None:
    """Reading one variable after printing all names is asking for it, wherever it stands."""
    script = "names = list(os.environ); os.environ[names[0]]; print(names[0])"
    outcome = lone.run(HEAD + script)
    assert outcome.stdout.strip() in lone.watch.read().variables


def test_loop_that_looks_for_a_name(lone: Stage) -> None:
    """Presence was asked for."""
    assert "ASKED" in lone.see(HEAD + "any(name.upper() == 'ASKED' for name in os.environ)").variables


def test_copies_in_many_threads_ask_for_nothing(lone: Stage) -> None:
    """As build backends with a pool of compilers make them."""
    script = (
        "import threading\nsys.setswitchinterval(1e-6)\n"
        "def copy():\n    for _ in range(100): dict(os.environ)\n"
        "ts = [threading.Thread(target=copy) for _ in range(4)]\n"
        "[t.start() for t in ts]; [t.join() for t in ts]"
    )
    assert "ASKED" not in lone.see(HEAD + script).variables


RUN_SH = "['sh', '-c', 'exit 0']"

STARTED = {
    "run": f"subprocess.run({RUN_SH})",
    "check_output": f"subprocess.check_output({RUN_SH})",
    "Popen": f"subprocess.Popen({RUN_SH}).wait()",
    "with a copied environment": f"subprocess.run({RUN_SH}, env=os.environ.copy())",
    "with shell=True": "subprocess.run('exit 0', shell=True)",
    "system": "os.system('exit 0')",
    "popen": "os.popen('exit 0').close()",
    "posix_spawnp": f"os.waitpid(os.posix_spawnp('sh', {RUN_SH}, os.environ), 0)",
    "execvp": f"os.execvp('sh', {RUN_SH})",
    "spawnlp": "os.spawnlp(os.P_WAIT, 'sh', 'sh', '-c', 'exit 0')",
    "distutils": f"subprocess.Popen({RUN_SH}, executable=None, close_fds=False).wait()",
}


@pytest.mark.parametrize("how", STARTED)
def test_program_that_is_started(lone: Stage, how: str) -> None:
    """It is noted, and that it was found; presence does not make a condition."""
    seen = lone.see(HEAD + STARTED[how])
    found = {Path(name).name: path for name, path in seen.programs.items() if path is not None}
    assert os.access(found["sh"], os.X_OK)
    assert seen.failed == frozenset()


def test_program_by_its_path(lone: Stage) -> None:
    """Under the name that it was started by."""
    sh = shutil.which("sh") or ""
    assert lone.see(HEAD + f"subprocess.run([{sh!r}, '-c', ''])").programs[sh] == sh


MISSING = {
    "run": "subprocess.run(['no-such-cc', '-c'])",
    "check_output": "subprocess.check_output(['no-such-cc'])",
    "Popen": "subprocess.Popen('no-such-cc')",
    "with a copied environment": "subprocess.run(['no-such-cc'], env=os.environ.copy())",
    "posix_spawnp": "os.posix_spawnp('no-such-cc', ['no-such-cc'], os.environ)",
    "execvp": "os.execvp('no-such-cc', ['no-such-cc'])",
}


@pytest.mark.parametrize("how", MISSING)
def test_program_that_is_not_there(lone: Stage, how: str) -> None:
    """It was sought in vain: as a program, or as paths in the folders of ``PATH``."""
    seen = lone.see(HEAD + f"try:\n    {MISSING[how]}\nexcept OSError:\n    pass")
    sought = {Path(path).name for path in seen.absent} | {n for n, p in seen.programs.items() if p is None}
    assert "no-such-cc" in {Path(name).name for name in sought}
    assert not any(path for name, path in seen.programs.items() if Path(name).name == "no-such-cc")


def test_program_that_which_does_not_find(lone: Stage) -> None:
    """``shutil.which`` looks into each folder of ``PATH``."""
    seen = lone.see(HEAD + "import shutil; shutil.which('no-such-cc')", environ={"PATH": "/no-such-bin:/usr/bin"})
    assert seen.absent >= {"/no-such-bin/no-such-cc", "/usr/bin/no-such-cc"}


def test_search_uses_the_path_that_the_child_is_given(lone: Stage, tmp_path: Path) -> None:
    """A program in a folder that the build added to ``PATH`` was found."""
    tool = tmp_path / "tree" / "bin" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    script = f"subprocess.run(['tool'], env={{**os.environ, 'PATH': {str(tool.parent)!r}}}, check=True)"
    assert lone.see(HEAD + script).programs["tool"] == str(tool)


def test_command_that_names_a_variable(lone: Stage) -> None:
    """What is passed to programs is kept where it may name one, and only there."""
    seen = lone.see(HEAD + "os.system('true \"$SIMPLE_FLAG\"'); subprocess.run(['true', 'plain'])")
    assert any("$SIMPLE_FLAG" in command for command in seen.commands)
    assert not any("plain" in command for command in seen.commands)


ABSENT = "/usr/include/no-such-folder/no-such-header.h"

PROBES = {
    "exists": f"os.path.exists({ABSENT!r})",
    "isfile": f"os.path.isfile({ABSENT!r})",
    "isdir": f"os.path.isdir({ABSENT!r})",
    "stat": f"os.stat({ABSENT!r})",
    "getmtime": f"os.path.getmtime({ABSENT!r})",
    "open": f"open({ABSENT!r})",
    "io.open bytes": f"open({os.fsencode(ABSENT)!r}, 'rb')",
    "Path.exists": f"pathlib.Path({ABSENT!r}).exists()",
    "Path.is_file": f"pathlib.Path({ABSENT!r}).is_file()",
    "Path.stat": f"pathlib.Path({ABSENT!r}).stat()",
    "Path.read_text": f"pathlib.Path({ABSENT!r}).read_text()",
    "exists of a Path": f"os.path.exists(pathlib.Path({ABSENT!r}))",
    "exists of bytes": f"os.path.exists({os.fsencode(ABSENT)!r})",
    "open of a Path": f"open(pathlib.Path({ABSENT!r}))",
    "os.open": f"os.open({ABSENT!r}, os.O_RDONLY)",
    "listdir": f"os.listdir({ABSENT!r})",
    "listdir of a Path": f"os.listdir(pathlib.Path({ABSENT!r}))",
    "scandir": f"os.scandir({ABSENT!r})",
    "child": f"subprocess.run([sys.executable, '-c', 'import os; os.path.exists({ABSENT!r})'])".replace(
        f"({ABSENT!r})", f'("{ABSENT}")'
    ),
}


@pytest.mark.parametrize("how", PROBES)
def test_system_path_that_is_not_there(lone: Stage, how: str) -> None:
    """However it is looked at."""
    seen = lone.see(HEAD + f"import pathlib\ntry:\n    {PROBES[how]}\nexcept OSError:\n    pass")
    assert ABSENT in seen.absent


UNSEEN_PROBES = {
    "lexists": f"os.path.lexists({ABSENT!r})",
    "access": f"os.access({ABSENT!r}, os.R_OK)",
}


@pytest.mark.parametrize("how", UNSEEN_PROBES)
def test_system_path_that_is_looked_at_in_a_rarer_way(lone: Stage, how: str) -> None:
    """These are probes too."""
    seen = lone.see(HEAD + f"import pathlib\ntry:\n    {UNSEEN_PROBES[how]}\nexcept OSError:\n    pass")
    assert any(path in ABSENT for path in seen.absent)


def test_what_is_there_or_the_builds_own_is_not_noted(stage: Stage) -> None:
    """Present files, relative paths, the source tree, Python's prefix, what is of the process; new files."""
    script = (
        "import os, sys, tempfile\n"
        f"for path in ['/usr', 'relative', {str(stage.tree / 'lacking')!r},\n"
        "             sys.base_prefix + '/lib/python/lacking' if sys.base_prefix != '/usr' else '/usr',\n"
        "             '/proc/self/lacking', '/dev/shm/lacking']:\n"
        "    os.path.exists(path)\n"
        "folder = tempfile.mkdtemp()\n"
        "open(os.path.join(folder, 'new'), 'w').close()\n"
    )
    seen = stage.see(HEAD + script)
    assert seen.absent == frozenset()


RELATIVE = {
    "probe": "os.path.exists('../machine/x.h')",
    "probe from there": "os.chdir('../machine'); os.path.exists('x.h')",
    "opened": "try: open('../machine/x.h')\nexcept OSError: pass",
}


@pytest.mark.parametrize("how", RELATIVE)
def test_relative_paths_lead_out_of_the_tree_too(lone: Stage, how: str) -> None:
    """They are noted as what they lead to."""
    (lone.folder / "machine").mkdir()
    assert lone.see(HEAD + RELATIVE[how]).absent == {str(lone.folder / "machine" / "x.h")}


def test_device_that_is_missing_is_noted(lone: Stage) -> None:
    """With it, a build may make something else."""
    assert lone.see(HEAD + "os.path.exists('/dev/no-such-gpu')").absent == {"/dev/no-such-gpu"}


def test_libraries_that_were_loaded_or_not(lone: Stage) -> None:
    """By name they are noted, by a path that is missing as a path."""
    script = (
        "import ctypes\nfor name in ['libno-such.so.1', '/no-such/lib.so', None]:\n"
        "    try: ctypes.CDLL(name)\n    except OSError: pass\n"
    )
    seen = lone.see(HEAD + script)
    assert seen.libraries == {"libno-such.so.1"}
    assert seen.absent == {"/no-such/lib.so"}


LISTINGS = {
    "listdir": "os.listdir(FOLDER)",
    "listdir of bytes": "os.listdir(os.fsencode(FOLDER))",
    "scandir": "list(os.scandir(FOLDER))",
    "walk": "list(os.walk(FOLDER))",
    "glob": "import glob; glob.glob(FOLDER + '/*.h')",
    "path": "import pathlib; list(pathlib.Path(FOLDER).glob('*.h'))",
    "relative": "os.listdir(os.path.relpath(FOLDER))",
    "from there": "os.chdir(FOLDER); os.listdir()",
}


@pytest.mark.parametrize("how", LISTINGS)
def test_folder_that_the_source_trees_code_goes_through(lone: Stage, how: str) -> None:
    """What is not in it today may be there tomorrow."""
    folder = lone.folder / "machine"
    folder.mkdir()
    seen = lone.see(HEAD + f"FOLDER = {str(folder)!r}\n" + LISTINGS[how])
    assert seen.listed == {str(folder)}


def test_folder_that_others_go_through_or_that_is_own(lone: Stage) -> None:
    """Only the source tree's own code looks for something, and not in itself."""
    (lone.tree / "sub").mkdir()
    library = lone.folder / "library"
    library.mkdir()
    (library / "going.py").write_text("import os\ndef go(): return os.listdir('/usr')\n")
    script = f"sys.path.insert(0, {str(library)!r})\nimport going; going.go()\n"
    assert lone.see(HEAD + script + "os.listdir('.'); os.listdir(os.path.abspath('sub'))").listed == set()


def test_neighbour_of_an_own_folder_is_not_own(lone: Stage) -> None:
    """``tree-of-another`` is not in ``tree``."""
    path = f"{lone.tree}-of-another/header.h"
    assert path in lone.see(HEAD + f"os.path.exists({path!r})").absent


FAILING = {
    "run": "subprocess.run(['sh', '-c', 'exit 3'])",
    "call": "subprocess.call(['sh', '-c', 'exit 3'])",
    "Popen": "p = subprocess.Popen(['sh', '-c', 'exit 3']); p.communicate()",
    "polled": "import time; p = subprocess.Popen(['sh', '-c', 'exit 3'])\nwhile p.poll() is None: time.sleep(.01)",
    "killed": "p = subprocess.Popen(['sh', '-c', 'kill -9 $$']); p.wait()",
    "in a child": "subprocess.run([sys.executable, '-c', 'import os, subprocess; subprocess.run([\"false\"])'])",
    "in a pool": (
        "from concurrent.futures import ProcessPoolExecutor\n"
        "import multiprocessing\n"
        "with ProcessPoolExecutor(1, multiprocessing.get_context('fork')) as pool:\n"
        "    pool.submit(subprocess.call, ['sh', '-c', 'exit 3']).result()"
    ),
    "in a thread": (
        "import threading; t = threading.Thread(target=subprocess.call, args=(['sh', '-c', 'exit 3'],))\n"
        "t.start(); t.join()"
    ),
}


@pytest.mark.parametrize("how", FAILING)
def test_child_that_fails(stage: Stage, how: str) -> None:
    """In a build that goes on."""
    assert {Path(name).name for name in stage.see(HEAD + FAILING[how]).failed} & {"sh", "false"}


UNSEEN_FAILURES = {
    "system": "os.system('exit 3')",
    "spawnvp": "os.spawnvp(os.P_WAIT, 'sh', ['sh', '-c', 'exit 3'])",
    "posix_spawn": "os.waitpid(os.posix_spawnp('sh', ['sh', '-c', 'exit 3'], os.environ), 0)",
}


@pytest.mark.parametrize("how", UNSEEN_FAILURES)
def test_child_that_fails_in_a_rarer_way(lone: Stage, how: str) -> None:
    """These are failed steps too."""
    lone.run(HEAD + UNSEEN_FAILURES[how])
    assert {Path(name).name for name in lone.watch.read().failed} & {"sh", "fork"}


def test_folders_that_a_failed_program_was_told_of(lone: Stage) -> None:
    """Where headers and libraries may come; those of the source tree and of Python stay out."""
    own = f"-I{lone.tree}/include"
    options = ["-I/opt/one/include", "-isystem", "/opt/two", "-L/opt/three/", own, "-Irelative", f"-I{sys.prefix}/x"]
    seen = lone.see(HEAD + f"subprocess.run(['sh', '-c', 'exit 1', *{options!r}])")
    assert seen.searched == {"/opt/one/include", "/opt/two", "/opt/three"}
    lone.facts.unlink()
    assert lone.see(HEAD + f"subprocess.run(['sh', '-c', 'exit 0', *{options!r}])").searched == set()


CACHES = {
    "nothing lacking": ("CMAKE_TAPI:FILEPATH=CMAKE_TAPI-NOTFOUND\n//Have include a.h\nHAVE_A:INTERNAL=1\n", False),
    "header": ("//Have include zz.h\nHAVE_ZZ_H:INTERNAL=\n", True),
    "compile step": ("//Test HAS_FLAG\nHAS_FLAG:INTERNAL=\n", True),
    "library": ("//Path to a library.\nZZ_LIBRARY:FILEPATH=ZZ_LIBRARY-NOTFOUND\n", True),
    "something empty": ("//Details about finding ZZ\nFIND_PACKAGE_DETAILS:INTERNAL=\n", False),
}


@pytest.mark.parametrize("arguments", [["-S", ".", "-B", "made"], ["-Bmade", "."], ["."]], ids=" ".join)
@pytest.mark.parametrize("what", CACHES)
def test_cmake_that_did_not_find_something(lone: Stage, what: str, arguments: list[str]) -> None:
    """Its own compile steps are grandchildren; what came of them is in its cache."""
    text, has_failed = CACHES[what]
    program = lone.folder / "bin" / "cmake"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    made = lone.tree / "made"
    made.mkdir()
    (made / "CMakeCache.txt").write_text(text)
    folder = lone.tree if len(arguments) > 1 else made
    seen = lone.see(HEAD + f"subprocess.run([{str(program)!r}, *{arguments}], cwd={str(folder)!r}, check=True)")
    assert bool(seen.failed) is has_failed


def test_child_that_succeeds_did_not_fail(lone: Stage) -> None:
    """Its name may be that of one that failed earlier; here there is none."""
    assert lone.see(HEAD + "subprocess.run(['true']); subprocess.run(['sh', '-c', 'false || true'])").failed == set()


def test_imports_with_their_file(stage: Stage) -> None:
    """The source tree's own code is told from others' by the file; submodules count as their top."""
    (stage.tree / "helper.py").write_text("import xml.dom\n")
    seen = stage.see("import colorsys\nimport helper\n")
    files = {module: Path(file) for module, file in seen.imports}
    assert files["colorsys"] == stage.script
    assert files["helper"] == stage.script
    assert files["xml"] == stage.tree / "helper.py"


def test_every_name_in_the_watcher_is_known() -> None:
    """Its files share a namespace that no tool looks into; a misspelt name would be a build that is never stored."""
    folder = Path(watching.__file__).with_name("watcher")
    codes = [compile((folder / f"{name}.py").read_text(), name, "exec") for name in watching._FILES]
    assert {path.stem for path in folder.glob("*.py")} == {*watching._FILES}
    known = {"FACTS", "FLAG", "TREE", "OWN", "LEAVE_OUT", "CARRIER", *dir(builtins)}
    known |= {name for code in codes for name in iter_names(code, "STORE_NAME")}
    used = {name for code in codes for name in iter_names(code, "LOAD_NAME", "LOAD_GLOBAL")}
    assert used <= known


def iter_names(code: types.CodeType, *operations: str) -> Iterator[str]:
    """Go through the names that *code*, and what is defined in it, uses in one of these ways."""
    yield from (str(step.argval) for step in dis.get_instructions(code) if step.opname in operations)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from iter_names(constant, *operations)


OF_PIP = f"""
import os, subprocess, sys
code = '''import os, subprocess, sys
os.getenv("ASKED")
[os.environ[name] for name in os.environ if name.startswith("OTH")]
os.path.exists({ABSENT!r})
subprocess.run(["false"])
subprocess.run([sys.executable, "-c", "import os; os.getenv('ASKED_BY_CHILD')"])
'''
exec(compile(code, "/x/module.py", "exec"), {{"__name__": MODULE}})
"""


def test_what_pip_asks_for_is_no_business_of_the_builds(tmp_path: Path) -> None:
    """Neither variables nor paths nor programs; a Python that it starts is of the build again. Others are not pip."""
    for number, (module, is_noted) in enumerate(
        [("pip._internal.x", False), ("pip._vendor.x", False), ("pipx.x", True)]
    ):
        seen = Stage(tmp_path / str(number), "path").see(OF_PIP.replace("MODULE", repr(module)))
        assert ({"ASKED", "OTHER"} <= seen.variables, ABSENT in seen.absent) == (is_noted, is_noted)
        assert ("false" in seen.programs, "false" in seen.failed) == (is_noted, is_noted)
        assert "ASKED_BY_CHILD" in seen.variables
        assert seen.is_whole


def test_files_that_ran(lone: Stage) -> None:
    """They are read for what they import: what others have loaded before is imported without a trace."""
    (lone.tree / "helper.py").write_text("import colorsys\n")
    (lone.tree / "idle.py").write_text("import colorsys\n")
    seen = lone.see("sys = __import__('sys'); import helper; exec('import colorsys')\n")
    assert seen.ran == {str(lone.script), str(lone.tree / "helper.py"), "<string>"}


def test_import_that_fails(lone: Stage) -> None:
    """However it was tried."""
    seen = lone.see(
        "import importlib.util\ntry:\n    import lacking_one.sub\nexcept ImportError: pass\n"
        "try:\n    importlib.import_module('lacking_two')\nexcept ImportError: pass\n"
        "importlib.util.find_spec('lacking_three')\n"
    )
    assert {f"lacking_{number}" for number in ("one", "two", "three")} <= {module for module, _ in seen.imports}


def test_import_by_name(lone: Stage) -> None:
    """With ``importlib.import_module``, the file is the one that asked."""
    seen = lone.see("import importlib\nimportlib.import_module('colorsys')\n")
    assert ("colorsys", str(lone.script)) in seen.imports


UNNOTICED = {
    "output and status": "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)",
    # The first is built into the interpreter, the second is what 3.13 reads any .pth file with.
    "modules": "import sys; print(sorted({*sys.modules} - {'_posixsubprocess', 'encodings.utf_8_sig'}))",
    "path": (
        "import sys; print(sys.path[1:], [getattr(f, '__name__', type(f).__name__) for f in sys.meta_path],"
        " [hook.__name__ for hook in sys.path_hooks])"
    ),
    "type of environ": "import os; print(type(os.environ), type(os.environb), isinstance(os.environ, os._Environ))",
    "repr of environ": "import os; print(repr(os.environ)[:9], sorted(os.environ) == sorted(dict(os.environ)))",
    "repr of a copy": "import os; e = os.environ.copy(); print(type(e), isinstance(e, dict), e == dict(os.environ))",
    "pickled copy": "import os, pickle; print(type(pickle.loads(pickle.dumps(os.environ.copy()))) is dict)",
    "deep copy": "import os, copy; print(type(copy.deepcopy(os.environ.copy())) is dict)",
    "missing variable": "import os\ntry: os.environ['LACKING']\nexcept KeyError as e: print(repr(e), e.__cause__)",
    "odd variable": "import os\ntry: os.environ[1]\nexcept TypeError as e: print(repr(e))",
    "odd value": "import os\ntry: os.environ['X'] = 1\nexcept TypeError as e: print(repr(e))",
    "missing in a copy": "import os\ntry: os.environ.copy()['LACKING']\nexcept KeyError as e: print(repr(e))",
    "changed while walked": (
        "import os\nfor name in os.environ:\n    os.environ.pop(name, None)\nprint(len(os.environ), list(os.environ))"
    ),
    "half a walk": "import os; i = iter(os.environ); n = next(i); print(os.environ[n] == os.environ.copy()[n])",
    "stat of a missing file": "import os\ntry: os.stat('/lacking')\nexcept OSError as e: print(repr(e), e.filename)",
    "functions in a class": (
        "import os\nclass C: system, stat, waitpid = os.system, os.stat, os.waitpid\n"
        "print(C().system('exit 3') >> 8, C().stat('/').st_ino == os.stat('/').st_ino)"
    ),
    "pickled functions": "import os, pickle; print(pickle.loads(pickle.dumps(os.stat))('/').st_mode)",
    "functions as text": "import os; print(repr(os.stat), os.access, os.waitpid.__name__)",
    "child in a folder that is gone": (
        "import os, tempfile\nfolder = tempfile.mkdtemp(); os.chdir(folder); os.rmdir(folder)\n"
        "print(os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)[1])"
    ),
    "stat of nonsense": (
        "import os\nfor x in [None, 1.5, 'a\\0b', -1]:\n try: os.stat(x)\n except Exception as e: print(e)"
    ),
    "stat's abilities": (
        "import os; print(os.stat in os.supports_follow_symlinks, os.stat in os.supports_dir_fd,"
        " os.stat in os.supports_fd)"
    ),
    "stat by descriptors": (
        "import os; d = os.open('.', os.O_RDONLY); print(os.stat('script.py', dir_fd=d).st_size, os.stat(d).st_ino,"
        " os.stat('.', follow_symlinks=False).st_ino); os.fwalk('.')"
    ),
    "names in os": "import os; print(sorted(set(dir(os))), os.stat.__name__, os.stat.__module__, os.stat.__doc__)",
    "builtins": "import builtins; print(sorted(dir(builtins)))",
    "globals": "print(sorted(globals()))",
    "missing program": "import subprocess\ntry: subprocess.run(['no-such'])\nexcept OSError as e: print(repr(e))",
    "failed program": "import subprocess\ntry: subprocess.run(['false'], check=True)\nexcept Exception as e: print(e)",
    "waited for": "import os\ntry: os.waitpid(-1, 0)\nexcept OSError as e: print(repr(e))",
    "reaped child": (
        "import os\npid = os.fork()\nif not pid: os._exit(7)\nprint(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    ),
    "closed descriptors": "import os; os.closerange(3, 256); print(os.environ['ASKED'], os.path.exists('/lacking'))",
    "open descriptors": "import os; print(sorted(os.listdir('/proc/self/fd')))",
    "all closed": "import os; os.environ.get('ASKED'); os.closerange(0, 256); os.getenv('OTHER'); os._exit(5)",
    "warnings": "import sys, warnings; print(sys.warnoptions, warnings.filters)",
    "threads": "import threading; print([t.name for t in threading.enumerate()], threading.active_count())",
    "signals": "import signal; print([signal.getsignal(s) for s in (signal.SIGINT, signal.SIGCHLD, signal.SIGTERM)])",
    "folder": "import os; print(sorted(os.listdir('.')), os.getcwd())",
    "exit functions": "import atexit; print(atexit._ncallbacks())",
    "tracing": "import sys; print(sys.gettrace(), sys.getprofile(), sys.excepthook is sys.__excepthook__)",
    "recursion": "import sys; print(sys.getrecursionlimit(), sys.flags)",
    "traceback": "import os\ndef f():\n    raise ValueError('x')\nf()",
    "import error": "import no_such_module",
    "syntax error": "import os; exec('1 +')",
    "spawned worker": (
        "import multiprocessing\nif __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool: print(pool.map(abs, [-1]))"
    ),
    "environment of a child": (
        "import os, subprocess; print(subprocess.check_output(['sh', '-c', 'echo $ASKED $MORE'],"
        " env={**os.environ, 'MORE': '1'}))"
    ),
}


def compare(stage: Stage, script: str, flags: tuple[str, ...] = ()) -> tuple[Outcome, Outcome]:
    """Return both outcomes."""
    return stage.run(script, flags=flags), stage.run_unwatched(script, flags=flags)


@pytest.mark.parametrize("what", UNNOTICED)
def test_build_does_not_notice(stage: Stage, what: str) -> None:
    """Status, output and what it says of errors are the same as without the watcher."""
    watched_outcome, plain = compare(stage, UNNOTICED[what])
    assert watched_outcome == plain


NOTICED = {
    "type of a copy": "import os; print(type(os.environ.copy()) is dict)",
    "kind of stat": "import os, posix; print(type(os.stat), os.stat is posix.stat)",
    "traceback of a lookup": "import os\nos.environ['LACKING']",
    "traceback of a probe": "import os\nos.stat('/lacking')",
    "python path": "import os; print(os.environ.get('PYTHONPATH'))",
}


@pytest.mark.parametrize("what", NOTICED)
@pytest.mark.xfail(reason="a build could tell, if it looked that closely", strict=False)
def test_build_does_not_notice_when_it_looks_closely(lone: Stage, what: str) -> None:
    """Known differences."""
    watched_outcome, plain = compare(lone, NOTICED[what])
    assert watched_outcome == plain


@pytest.mark.parametrize("what", ["traceback of a lookup", "traceback of a probe"])
def test_traceback_has_at_most_our_frames_in_addition(stage: Stage, what: str) -> None:
    """The rest is the same to the letter."""
    watched_outcome, plain = compare(stage, NOTICED[what])
    ours = [line for line in watched_outcome.stderr.splitlines() if "watcher" not in line]
    assert ours == plain.stderr.splitlines()
    assert watched_outcome.status == plain.status


@pytest.mark.parametrize(
    "flags",
    [("-W", "error"), ("-I",), ("-E",), ("-S",), ("-X", "dev"), ("-OO",), ("-s",), ("-b",), ("-X", "importtime")],
    ids=" ".join,
)
def test_flags_of_the_interpreter(stage: Stage, flags: tuple[str, ...]) -> None:
    """None makes the watcher complain; what is said on the way of importing is not compared."""
    script = HEAD + "print(os.environ['ASKED'], os.path.exists('/lacking')); subprocess.run(['true'])"
    watched_outcome, plain = compare(stage, script, flags)
    assert (watched_outcome.status, watched_outcome.stdout) == (plain.status, plain.stdout)
    if "importtime" not in flags:
        assert watched_outcome.stderr == plain.stderr


@pytest.mark.parametrize("flags", [("-W", "error"), ("-I",), ("-X", "dev"), ("-OO",)], ids=" ".join)
def test_isolated_python_is_watched_with_any_flag(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """The .pth file is read as long as ``site`` is."""
    assert "ASKED" in Stage(tmp_path, "pth").see("import os; os.environ['ASKED']", flags=flags).variables


@pytest.mark.parametrize(
    ("way", "flag", "escapes"),
    [("path", "-I", True), ("path", "-E", True), ("path", "-S", True), ("path", "-B", False), ("pth", "-S", True)],
)
def test_python_child_that_escapes_is_a_foreign_program(tmp_path: Path, way: Way, flag: str, *, escapes: bool) -> None:
    """What it asks for goes unseen; what is passed to it may name it."""
    stage = Stage(tmp_path, way)
    seen = stage.see(HEAD + f"subprocess.run([sys.executable, {flag!r}, '-c', 'import os; os.environ[\"ASKED\"]'])")
    assert seen.has_unwatched_python is escapes
    assert any("ASKED" in command for command in seen.commands) is escapes
    assert ("ASKED" in seen.variables) is not escapes


CLEAN = {
    "other path": "{**os.environ, 'PYTHONPATH': 'src'}",
    "empty": "{}",
    "bytes": "{b'PATH': b'/usr/bin'}",
}


@pytest.mark.parametrize("how", CLEAN)
def test_python_child_without_our_path_is_a_foreign_program(tmp_path: Path, how: str) -> None:
    """Without isolation it is ``PYTHONPATH`` that has it watched; the command line may name what it asks for."""
    code = 'import os; os.environ.get("ASKED")'
    script = f"subprocess.run([sys.executable, '-c', {code!r}], env={CLEAN[how]}, check=True)"
    seen = Stage(tmp_path / "not-isolated", "path").see(HEAD + script)
    assert seen.has_unwatched_python
    assert any("ASKED" in command for command in seen.commands)
    seen = Stage(tmp_path / "isolated", "pth").see(HEAD + script)
    assert "ASKED" in seen.variables
    assert not seen.has_unwatched_python


@pytest.mark.parametrize("program", ["perl", "awk"])
def test_scripts_of_any_interpreter_are_in_the_commands(lone: Stage, program: str) -> None:
    """They name variables in their own ways."""
    seen = lone.see(
        HEAD + f"try: subprocess.run([{program!r}, '-f', 'tools/gen'], capture_output=True)\nexcept OSError: pass"
    )
    assert seen.commands == {f"{program} -f tools/gen"}


def test_subprocess_that_was_imported_before_us_is_watched(tmp_path: Path) -> None:
    """By another .pth file, one of coverage's for example."""
    stage = Stage(tmp_path, "pth")
    early = watched.library() / "_a_first.pth"
    early.write_text("import subprocess\n")
    try:
        seen = stage.see(HEAD + "child = subprocess.Popen(['false', '-I/opt/x'])\nwhile child.poll() is None: pass")
    finally:
        early.unlink()
    assert seen.failed == {"false"}
    assert seen.searched == {"/opt/x"}


def test_odd_audit_events_of_the_build_do_no_harm(stage: Stage) -> None:
    """It may raise such events itself, with anything in them."""
    stage.see("import sys\nsys.audit('open')\nsys.audit('exec')\nsys.audit('subprocess.Popen', 1, 2, 3, 4)")


class TestCarrier:
    """Riding in by ``PYTHONPATH``."""

    SCRIPT = "import sys; print(sys.modules.get('sitecustomize'), sys.path[1:4])"

    @pytest.fixture
    def users(self, tmp_path: Path) -> Path:
        """Return a folder with the user's own ``sitecustomize``."""
        folder = tmp_path / "users"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(
            "import os, sys\nprint('user', __name__, __file__, os.environ.get('PYTHONPATH') is not None)\n"
        )
        return folder

    def test_users_sitecustomize_runs_once(self, lone: Stage, users: Path) -> None:
        """With its own name and file, as if ours had never been there."""
        environ = lone.watch.environ(str(users))
        found = lone.run(self.SCRIPT, environ=environ)
        plain = lone.run_unwatched(self.SCRIPT, environ={"PYTHONPATH": str(users)})
        assert found == plain
        assert found.stdout.count("user sitecustomize") == 1

    def test_later_entries_stay_in_order(self, lone: Stage, tmp_path: Path) -> None:
        """``PYTHONPATH`` as it was comes right after ours."""
        entries = os.pathsep.join(str(tmp_path / name) for name in ("one", "two"))
        found = lone.run(self.SCRIPT, environ=lone.watch.environ(entries))
        plain = lone.run_unwatched(self.SCRIPT, environ={"PYTHONPATH": entries})
        assert (found.status, found.stderr) == (plain.status, plain.stderr)
        assert found.stdout.split("[")[1] == plain.stdout.split("[")[1]

    def test_no_sitecustomize_of_ours_stays(self, lone: Stage) -> None:
        """Where there is no real one, there is none."""
        assert lone.run(self.SCRIPT) == lone.run_unwatched(self.SCRIPT)

    def test_failing_sitecustomize_of_the_user_fails_alike(self, lone: Stage, users: Path) -> None:
        """Python goes on without it, and says so."""
        (users / "sitecustomize.py").write_text("raise ValueError('mine')\n")
        found = lone.run(self.SCRIPT, environ=lone.watch.environ(str(users)))
        plain = lone.run_unwatched(self.SCRIPT, environ={"PYTHONPATH": str(users)})
        assert found.status == plain.status == 0
        assert ("ValueError: mine" in found.stderr) == ("ValueError: mine" in plain.stderr)

    def test_environ_without_a_path(self, lone: Stage) -> None:
        """No empty entry, which would mean the current folder."""
        assert os.pathsep not in lone.watch.environ(None)["PYTHONPATH"]
        assert lone.watch.environ("") == lone.watch.environ(None)
        assert lone.watch.environ("a")["PYTHONPATH"].endswith(f"{os.pathsep}a")


class TestFlag:
    """Nothing is noted but while the watch is on."""

    def test_off_before_and_after(self, stage: Stage) -> None:
        """Installing into the environment is nobody's dependence."""
        script = HEAD + "os.environ['ASKED']; os.path.exists('/lacking')"
        assert stage.run(script, is_on=False).status == 0
        assert not stage.facts.exists()
        stage.run(script)
        before = stage.facts.read_bytes()
        stage.run(script, is_on=False)
        assert stage.facts.read_bytes() == before

    def test_off_after_a_failure(self, lone: Stage) -> None:
        """A hook that fails ends the watch."""
        with pytest.raises(ZeroDivisionError), lone.watch.on():
            raise ZeroDivisionError
        lone.run(HEAD + "os.environ['ASKED']", is_on=False)
        assert not lone.facts.exists()

    def test_facts_of_several_hooks_add_up(self, lone: Stage) -> None:
        """Each hook is a process of its own."""
        lone.run(HEAD + "os.environ['ASKED']")
        lone.run(HEAD + "os.environ['OTHER']")
        assert lone.watch.read().variables >= {"ASKED", "OTHER"}


class TestBroken:
    """A watch that did not see everything says so."""

    def test_nothing_noted_is_not_whole(self, lone: Stage) -> None:
        """The watcher did not run."""
        assert not lone.watch.read().is_whole

    @pytest.mark.parametrize(
        "line",
        ["garbage", "('variable', 'A')('variable', 'B')", "1", "()", "('broken', 'KeyError')", "('variable'", ""],
    )
    def test_odd_line_is_not_whole(self, lone: Stage, line: str) -> None:
        """What else is noted is read all the same."""
        lone.facts.write_text(f"('variable', 'ASKED')\n{line}\n")
        seen = lone.watch.read()
        assert "ASKED" in seen.variables
        assert not seen.is_whole

    @pytest.mark.parametrize("line", ["('variable',)", "('import', 'one')", "('program', 'gcc')", "('program',)"])
    def test_fact_of_an_odd_shape_is_not_whole(self, lone: Stage, line: str) -> None:
        """A line that another process cut short."""
        lone.facts.write_text(f"('variable', 'ASKED')\n{line}\n")
        assert not lone.watch.read().is_whole

    def test_unreadable_bytes_are_not_whole(self, lone: Stage) -> None:
        """A full disk, an interrupted write."""
        lone.facts.write_bytes(b"('variable', 'ASKED')\n\xff\xfe\n")
        assert not lone.watch.read().is_whole

    @pytest.mark.parametrize("damage", ["missing", "truncated", "foreign"])
    def test_damaged_code_disturbs_nobody(self, stage: Stage, damage: str) -> None:
        """The build goes on, and is not stored."""
        code = stage.folder / "watch" / "code"
        if damage == "missing":
            code.unlink()
        else:
            code.write_bytes(code.read_bytes()[:100] if damage == "truncated" else b"\xff" * 100)
        script = HEAD + "print(os.environ['ASKED'])"
        assert stage.run(script) == stage.run_unwatched(script)
        assert not stage.watch.read().is_whole

    def test_facts_that_cannot_be_written(self, stage: Stage) -> None:
        """A folder in the place of the file, as for a full disk: nothing is noted and nobody told."""
        stage.facts.mkdir()
        script = HEAD + "print(os.environ['ASKED']); subprocess.run(['false'])"
        assert stage.run(script) == stage.run_unwatched(script)
        assert not stage.watch.read().is_whole

    def test_facts_that_can_no_longer_be_written_are_not_whole(self, lone: Stage) -> None:
        """The disk filled up between two facts; here, the file cannot grow."""
        script = (
            "import os, resource, signal\nos.environ['OTHER']\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\nos.environ['ASKED']\n"
        )
        seen = lone.see(script)
        assert "ASKED" in seen.variables or not seen.is_whole

    def test_name_that_is_no_text(self, lone: Stage) -> None:
        """Bytes that no encoding has are a name like any other."""
        seen = lone.see(HEAD + "os.environb.get(b'ODD\\xff'); os.path.exists(b'/lacking\\xff\\n')")
        assert "ODD\udcff" in seen.variables
        assert "/lacking\udcff\n" in seen.absent
        assert seen.is_whole

    def test_many_processes_write_at_once(self, lone: Stage) -> None:
        """No line is torn."""
        script = (
            "ps = [subprocess.Popen([sys.executable, '-c',"
            " f'import os; [os.environ.get(f\"N{n}_{{i}}\") for i in range(200)]']) for n in range(3)]\n"
            "sys.exit(max(p.wait() for p in ps))"
        )
        seen = lone.see(HEAD + script)
        assert len([name for name in seen.variables if name.startswith("N")]) >= 600
        assert seen.is_whole


def other_pythons() -> list[str]:
    """Return interpreters of other versions, which are on this machine."""
    ours = f"python3.{sys.version_info[1]}"
    names = [f"python3.{minor}" for minor in range(8, 16) if f"python3.{minor}" != ours]
    found = [shutil.which(name) for name in names]
    usable = []
    for path in filter(None, found):
        done = subprocess.run(
            [path, "-c", "import sys; print(sys.implementation.cache_tag)"], capture_output=True, text=True, check=False
        )
        if done.returncode == 0 and done.stdout.strip() != sys.implementation.cache_tag:
            usable.append(path)
    return usable[:1]


@pytest.mark.parametrize("python", other_pythons() or [None])
def test_python_of_another_version_is_not_disturbed(tmp_path: Path, python: str | None) -> None:
    """It reads the carrier, whose code it could not run, and goes on unwatched."""
    if python is None:
        pytest.skip("there is no other Python")
    stage = Stage(tmp_path, "path")
    command = [python, "-c", "import os, sys; print(os.environ['ASKED'], type(os.environ).__name__)"]
    with stage.watch.on():
        found = run(command, stage.base_environ, tmp_path)
    assert found == run(command, ENVIRON, tmp_path)
    assert not stage.facts.exists()


def test_pth_file_is_one_line(tmp_path: Path) -> None:
    """``site`` runs lines that begin with ``import``, each for itself."""
    (tmp_path / "watch").mkdir()
    Watch(tmp_path / "watch", tmp_path).ride_in(tmp_path)
    (line,) = (tmp_path / watching._PTH).read_text().splitlines()
    assert line.startswith("import sys; exec(")


def test_environment_of_the_tests_is_not_watched() -> None:
    """No .pth file is left behind."""
    assert not list(watched.library().glob("*.pth"))
