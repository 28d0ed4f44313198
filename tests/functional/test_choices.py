"""What was asked for: a wheel that was built for another choice is not served, and going back is a hit.

Where there are many ways of asking, each is a project of its own, and all of them are installed by one command.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_sdist, make_source_tree, make_wheel
from tests.functional.commands import (
    NO_BUILD,
    ONE_BUILD,
    ONE_PREPARATION,
    UNISOLATED_BUILD,
    Commands,
    Environment,
    builds,
    times,
)
from tests.functional.commands import UNPREPARED_BUILD as BUILT_AGAIN

if TYPE_CHECKING:
    from tests.functional.conftest import GitRepository, Outcome, Workshop

UNISOLATED_AGAIN = UNISOLATED_BUILD - ONE_PREPARATION
"""Without isolation, with metadata that are known: ``build_wheel`` alone."""


def assert_each_value_has_its_wheels(
    workshop: Workshop,
    *args: str,
    name: str = "FLAVOUR",
    values: Sequence[str | None] = (None, "one"),
    again: Counter[str] = BUILT_AGAIN,
    env: Mapping[str, str] | None = None,
) -> None:
    """Build in each way for each value of a variable, ``None`` for not set, and then go through the values again."""
    count = len(workshop.ways)
    hooks = times(count, UNISOLATED_BUILD if args else ONE_BUILD)
    again = UNISOLATED_AGAIN if args else again
    for value in values:
        chosen = {**(env or {}), **({} if value is None else {name: value})}
        assert workshop.each(*args, env=chosen) == (workshop.all(value), hooks)
        hooks = times(count, again)
    for value in values:
        chosen = {**(env or {}), **({} if value is None else {name: value})}
        assert workshop.each(*args, env=chosen) == (workshop.all(value), NO_BUILD)


WAYS_OF_READING = {
    "item": "try:\n    value = os.environ['FLAVOUR']\nexcept KeyError:\n    value = None",
    "get": "value = os.environ.get('FLAVOUR')",
    "in": "value = 'one' if 'FLAVOUR' in os.environ else None",
    "get_after_in": "value = os.environ.get('FLAVOUR') if 'FLAVOUR' in os.environ else None",
    "getenv": "value = os.getenv('FLAVOUR')",
    "getenvb": "value = os.getenvb(b'FLAVOUR')\nvalue = value and value.decode()",
    "environb": "value = os.environb.get(b'FLAVOUR')\nvalue = value and value.decode()",
    "get_of_copy": "value = os.environ.copy().get('FLAVOUR')",
    "item_of_copy": "copy = os.environ.copy()\nvalue = copy['FLAVOUR'] if 'FLAVOUR' in copy else None",
    "get_of_copied_copy": "value = os.environ.copy().copy().get('FLAVOUR')",
    "get_and_set": "os.environ['FLAVOUR'] = os.environ.get('FLAVOUR', '') + '+ours'\n"
    "value = os.environ['FLAVOUR'].removesuffix('+ours') or None",
    "pop": "value = os.environ.pop('FLAVOUR', None)",
    "pop_of_copy": "value = os.environ.copy().pop('FLAVOUR', None)",
    "setdefault": "value = os.environ.setdefault('FLAVOUR', '') or None",
    "expandvars": "value = os.path.expandvars('$FLAVOUR')\nvalue = None if '$' in value else value",
    "format": "try:\n    value = '{FLAVOUR}'.format_map(os.environ)\nexcept KeyError:\n    value = None",
}


def test_variable_read_by_the_backend(workshop: Workshop) -> None:
    """Unset and set: each has its wheel, and they live side by side."""
    workshop.write_ways(WAYS_OF_READING)
    assert_each_value_has_its_wheels(workshop)


WALKS = {
    "names": "value = ''.join(os.environ[name] for name in os.environ if name.startswith('FLAVO')) or None",
    "names_of_copy": "copy = os.environ.copy()\nvalue = ''.join(copy[x] for x in copy if x.startswith('FLAV')) or None",
}


def test_variable_found_by_going_through_names(workshop: Workshop) -> None:
    """A variable that is taken because its name begins so is a choice."""
    workshop.write_ways(WALKS)
    assert_each_value_has_its_wheels(workshop)


WAYS_OF_COPYING = {
    "dict": "value = dict(os.environ).get('FLAVOUR')",
    "unpacking": "value = {**os.environ}.get('FLAVOUR')",
    "union": "value = (os.environ | {'X': 'y'}).get('FLAVOUR')",
    "dict_of_copy": "value = dict(os.environ.copy()).get('FLAVOUR')",
    "items_by_prefix": "value = ''.join(v for k, v in os.environ.items() if k.startswith('FLAVO')) or None",
    "items_of_copy": "value = ''.join(v for k, v in os.environ.copy().items() if k.startswith('FLAVO')) or None",
}


def test_variable_read_from_a_plain_copy(workshop: Workshop) -> None:
    """A variable taken from a copy that is a plain dict, or out of all items, is a choice like any other."""
    workshop.write_ways(WAYS_OF_COPYING)
    assert_each_value_has_its_wheels(workshop)


def test_empty_variable_is_not_an_unset_one(workshop: Workshop) -> None:
    """An empty value is a value, and not any other one."""
    workshop.write("value = os.environ.get('FLAVOUR')")
    assert workshop(env={"FLAVOUR": ""}) == ("", ONE_BUILD)
    assert workshop() == (None, BUILT_AGAIN)
    assert workshop(env={"FLAVOUR": "one"}) == ("one", BUILT_AGAIN)
    assert workshop(env={"FLAVOUR": ""}) == ("", NO_BUILD)


NOTE = "    (SOURCE.parent / 'found').write_text(os.environ.get('FLAVOUR', ''))\n"
READ_NOTE = "value = (SOURCE.parent / 'found').read_text() or None"


def test_variable_read_before_the_wheel_is_built(workshop: Workshop) -> None:
    """What decides on requirements or metadata is a choice of the wheel, and so is what is read in no hook."""
    for hook in ["get_requires_for_build_wheel", "prepare_metadata_for_build_wheel"]:
        begin = f'    begin("{hook}")\n'
        workshop.write_way(hook, READ_NOTE, edits={begin: begin + NOTE})
    workshop.write_way("import", "value = FOUND", top="import os\nFOUND = os.environ.get('FLAVOUR')")
    # The metadata are doubted as well, and prepared again.
    assert_each_value_has_its_wheels(workshop, again=ONE_BUILD)


METADATA_BY_VARIABLE = {
    '    begin("prepare_metadata_for_build_wheel")\n': '    begin("prepare_metadata_for_build_wheel")\n'
    "    PROJECT['requires_dist'] = [os.environ['NEEDED']] if 'NEEDED' in os.environ else []\n",
}
"""``Requires-Dist`` is what ``NEEDED`` says, in ``prepare_metadata_for_build_wheel``."""

TAKE_METADATA = """
    value = (Path(metadata_directory) / "METADATA").read_text()
    PROJECT["requires_dist"] = [x.split(": ")[1] for x in value.splitlines() if x.startswith("Requires-Dist")]
"""
"""The wheel has the metadata that were prepared."""


def test_metadata_of_another_variable_are_not_downloaded_by(workshop: Workshop, tmp_path: Path) -> None:
    """``download`` follows the dependencies that this variable gives, and going back asks no backend."""
    workshop.write(TAKE_METADATA, edits=METADATA_BY_VARIABLE)
    for name in ["first", "second"]:
        make_wheel(workshop.index.folder, name=name)
    for number, (name, expected) in enumerate(
        [("first", ONE_PREPARATION), ("second", ONE_PREPARATION), ("first", NO_BUILD), ("second", NO_BUILD)]
    ):
        target = tmp_path / f"downloads{number}"
        workshop.pipcache.ok("download", "simple", "-d", target, *workshop.index.options, env={"NEEDED": name})
        assert sorted(path.name.split("-")[0] for path in target.iterdir()) == [name, "simple"]
        assert workshop.pipcache.take_calls() == expected


def test_metadata_of_another_variable_are_not_locked(workshop: Workshop) -> None:
    """``lock`` follows the dependencies that this variable gives."""
    workshop.write(TAKE_METADATA, edits=METADATA_BY_VARIABLE)
    for name in ["first", "second"]:
        make_wheel(workshop.index.folder, name=name)
    for name, expected in [("first", ONE_PREPARATION), ("second", ONE_PREPARATION), ("first", NO_BUILD)]:
        workshop.pipcache.ok("lock", "simple", *workshop.index.options, env={"NEEDED": name})
        assert f'name = "{name}"' in (workshop.pipcache.work / "pylock.toml").read_text()
        assert workshop.pipcache.take_calls() == expected


def test_wheel_depends_on_what_its_metadata_were_prepared_with(workshop: Workshop, tmp_path: Path) -> None:
    """A wheel built with metadata that another run prepared has their conditions as well as its own."""
    workshop.write(TAKE_METADATA, edits=METADATA_BY_VARIABLE)
    for name in ["first", "second"]:
        make_wheel(workshop.index.folder, name=name)
    env = {"NEEDED": "first"}
    workshop.pipcache.ok("download", "simple", "-d", tmp_path / "downloads", *workshop.index.options, env=env)
    assert workshop.install(env=env).distributions == {"simple-1.0", "first-1.0"}
    workshop.pipcache.take_calls()
    assert workshop.install(env={"NEEDED": "second"}).distributions == {"simple-1.0", "second-1.0"}
    assert workshop.install(env=env).distributions == {"simple-1.0", "first-1.0"}
    assert workshop.pipcache.take_calls() == ONE_BUILD


CHILD = "import os; print(os.environ.get('FLAVOUR', ''))"
PYTHON_CHILDREN = {
    "plain": "[sys.executable, '-c', CHILD]",
    "isolated_mode": "[sys.executable, '-I', '-c', CHILD]",
    "without_variables": "[sys.executable, '-E', '-c', CHILD]",
    "without_site": "[sys.executable, '-S', '-c', CHILD]",
    "by_name": "['python3', '-c', CHILD]",
    "base": "[getattr(sys, '_base_executable', sys.executable), '-c', CHILD]",
    "grandchild": "[sys.executable, '-c', 'import subprocess, sys; subprocess.run([sys.executable, \"-c\", {!r}])'"
    ".format(CHILD)]",
    "through_a_shell": "['sh', '-c', '\"{}\" -c \"{}\"'.format(sys.executable, CHILD)]",
}


def write_python_children(workshop: Workshop, names: Collection[str]) -> None:
    """Write projects that let a Python say what the variable is."""
    for name in names:
        body = f"value = subprocess.check_output({PYTHON_CHILDREN[name]}, text=True).strip() or None"
        workshop.write_way(name, body, top=f"import subprocess\nCHILD = {CHILD!r}")


def test_variable_read_in_a_python_child(workshop: Workshop) -> None:
    """A Python that the build starts is watched as well, or what it may have read is not vouched for."""
    write_python_children(workshop, PYTHON_CHILDREN)
    assert_each_value_has_its_wheels(workshop)


def test_variable_is_a_choice_without_isolation(workshop: Workshop) -> None:
    """The watch is on in the environment that is not ours, and in children of its Python: unset, set and changed."""
    workshop.write_ways({way: WAYS_OF_READING[way] for way in ["get", "getenvb", "item_of_copy"]})
    write_python_children(workshop, ["plain", "grandchild", "isolated_mode"])
    assert_each_value_has_its_wheels(workshop, "--no-build-isolation", values=[None, "one", "two"])


SHELL_CHILDREN = {
    "arguments": "subprocess.check_output(['sh', '-c', 'echo $FLAVOUR'], text=True)",
    "shell": "subprocess.check_output('echo ${FLAVOUR}', shell=True, text=True)",
    "braces": "subprocess.check_output(['sh', '-c', 'echo ${FLAVOUR:-}'], text=True)",
    "popen": "os.popen('echo $FLAVOUR').read()",
    "system": "os.system('echo $FLAVOUR > said') or open('said').read()",
    "spawn": "subprocess.check_output(['/bin/sh', '-c', 'echo $FLAVOUR'], text=True, close_fds=False)",
    "python_child": "subprocess.check_output([sys.executable, '-c', 'import os;"
    ' os.system("echo $FLAVOUR")\'], text=True)',
    "script_of_the_tree": "subprocess.check_output(['sh', 'tools/say.sh'], text=True)",
    "script_without_suffix": "subprocess.check_output(['sh', 'tools/say'], text=True)",
}


def test_variable_read_in_a_shell_child(workshop: Workshop) -> None:
    """What a shell reads by ``$NAME`` is a choice, in its command line and in its scripts."""
    for way, child in SHELL_CHILDREN.items():
        script = "#!/bin/sh\necho $FLAVOUR\n"
        files = {f"tools/{name}": script for name in ["say", "say.sh"] if f"tools/{name}'" in child}
        workshop.write_way(way, f"value = {child}.strip() or None", top="import subprocess", files=files)
    assert_each_value_has_its_wheels(workshop)


def test_lower_case_variable_read_in_a_shell_child(workshop: Workshop) -> None:
    """``$name`` is a variable as well as ``$NAME`` is."""
    body = "value = subprocess.check_output('echo $flavour', shell=True, text=True).strip() or None"
    workshop.write_way("shell", body, top="import subprocess")
    assert_each_value_has_its_wheels(workshop, name="flavour")


NAMED_IN = {
    "Makefile": ("make", "all:\n\t$(CC) -DFLAVOUR=$(FLAVOUR)\n"),
    "native/GNUmakefile": ("make", "X := ${FLAVOUR}\n"),
    "rules.mk": ("gmake", "X := $(FLAVOUR)\n"),
    "CMakeLists.txt": ("cmake", 'set(FLAVOUR_NOW "$ENV{FLAVOUR}")\n'),
    "cmake/flavour.cmake": ("cmake", "if(DEFINED ENV{FLAVOUR})\nendif()\n"),
    "build.rs": ("cargo", 'fn main() { let x = std::env::var("FLAVOUR"); }\n'),
    "native/build.rs": ("cargo", 'const X: Option<&str> = option_env!("FLAVOUR");\n'),
}


CONFIGURES = {"itself": "['./configure']", "shell": "['sh', 'configure']", "in_a_shell": "'./configure', shell=True"}


def test_variable_named_in_a_build_script_only(workshop: Workshop) -> None:
    """What the tree's build scripts name is a choice when the program that reads them ran, in a shell or not."""
    for number, (path, (program, script)) in enumerate(NAMED_IN.items()):
        workshop.add_program('echo "$FLAVOUR"', name=program)
        for started, command in {"": f"[{program!r}]", "_by_a_shell": f"{program!r}, shell=True"}.items():
            body = f"value = subprocess.check_output({command}, text=True).strip() or None"
            way = f"{program}{number}{started}"
            workshop.write_way(way, body, top="import subprocess", files={path: script})
    for way, command in CONFIGURES.items():
        body = f"os.chmod('configure', 0o755)\nvalue = subprocess.check_output({command}, text=True).strip() or None"
        files = {"configure": '#!/bin/sh\necho "$FLAVOUR"\n'}
        workshop.write_way(f"configure_{way}", body, top="import subprocess", files=files)
    assert_each_value_has_its_wheels(workshop, env={"PATH": workshop.path("bin")})


TOOLCHAIN = ["CC", "CFLAGS", "CMAKE_ARGS", "RUSTFLAGS"]


def test_toolchain_variable_that_nobody_asked_for(workshop: Workshop) -> None:
    """A foreign program may read it unseen: each variable, and each value of it, has its wheel."""
    names = " ".join(f"${name}" for name in TOOLCHAIN)
    env = {"PATH": workshop.add_program(f"echo {names}")}
    workshop.write("value = subprocess.check_output(['fakecc'], text=True).strip()", top="import subprocess")
    assert workshop(env=env) == ("", ONE_BUILD)
    for name in TOOLCHAIN:
        assert workshop(env={**env, name: f"-{name}"}) == (f"-{name}", BUILT_AGAIN)
    assert workshop(env={**env, "CFLAGS": "-O3"}) == ("-O3", BUILT_AGAIN)
    assert workshop(env={**env, "CFLAGS": "-CFLAGS"}) == ("-CFLAGS", NO_BUILD)
    assert workshop(env=env) == ("", NO_BUILD)


STARTS = {
    "python_child": "subprocess.check_output([sys.executable, '-c', 'import os; os.system(\"fakecc\")'], text=True)",
    "shell": "subprocess.check_output('fakecc', shell=True, text=True)",
    "popen": "os.popen('fakecc').read()",
    "spawn": "subprocess.check_output([shutil.which('fakecc')], text=True, close_fds=False)",
    "posix_spawn": "(os.waitpid(os.posix_spawn(shutil.which('fakecc'), ['fakecc', 'said'], os.environ), 0),"
    " open('said').read())[1]",
}


def test_toolchain_counts_however_the_program_was_started(workshop: Workshop) -> None:
    """A foreign program is one in a shell and in a child, too."""
    env = {"PATH": workshop.add_program('echo "$CFLAGS" > "${1:-/dev/stdout}"')}
    for way, start in STARTS.items():
        workshop.write_way(way, f"value = {start}.strip()", top="import shutil, subprocess")
    assert_each_value_has_its_wheels(workshop, name="CFLAGS", values=["-O2", "-O3"], env=env)


def test_config_settings_changed_added_and_dropped(workshop: Workshop) -> None:
    """Each set of settings has its wheel, and they live side by side."""
    workshop.write("value = json.dumps(config_settings or {}, sort_keys=True)")
    cases = {
        '{"color": "red"}': ["-C", "color=red"],
        '{"color": "blue"}': ["-C", "color=blue"],
        '{"color": "red", "size": "1"}': ["-C", "color=red", "-C", "size=1"],
        "{}": [],
    }
    for value, options in cases.items():
        assert workshop(*options) == (value, ONE_BUILD)
    for value in ['{"color": "red"}', '{"color": "red", "size": "1"}']:
        assert workshop(*cases[value]) == (value, NO_BUILD)


class Constrained:
    """A project that is built with ``tool``, of which there are three releases, and constraints on it."""

    def __init__(self, workshop: Workshop) -> None:
        """Put them into the index."""
        for version in ["1.0", "2.0", "3.0"]:
            make_wheel(workshop.index.folder, name="base", version=version)
            make_wheel(workshop.index.folder, name="tool", version=version, requires_dist=["base"])
        workshop.write("import base, tool\nvalue = tool.VERSION + ' ' + base.VERSION", build_requires=["tool"])
        self.workshop = workshop
        self.files = 0

    def __call__(self, *lines: str) -> Outcome:
        """Install under these build constraints, from a file of its own."""
        self.files += 1
        file = self.workshop.folder / f"constraints{self.files}.txt"
        file.write_text("".join(f"{line}\n" for line in lines))
        return self.workshop(*(["--build-constraint", str(file)] if lines else []))


@pytest.fixture
def constrained(workshop: Workshop) -> Constrained:
    """Return the project, not built yet."""
    return Constrained(workshop)


def test_build_constraint_added_changed_and_dropped(constrained: Constrained) -> None:
    """Each constraint that excludes what was used has its wheel; going back is a hit."""
    cases = {"": "3.0 3.0", "tool<3": "2.0 3.0", "tool<2": "1.0 3.0", "base<2": "3.0 1.0"}
    for constraint, value in cases.items():
        assert constrained(*filter(None, [constraint])) == (value, ONE_BUILD)
    for constraint in ["", "tool<3"]:
        assert constrained(*filter(None, [constraint])) == (cases[constraint], NO_BUILD)


def test_wheel_built_under_a_constraint_serves_under_no_other(constrained: Constrained) -> None:
    """A version that happens to satisfy another constraint, or none, is not what a fresh build would have got."""
    assert constrained("tool<3") == ("2.0 3.0", ONE_BUILD)
    assert constrained("tool>1") == ("3.0 3.0", ONE_BUILD)
    assert constrained() == ("3.0 3.0", ONE_BUILD)


def test_constraint_that_what_was_used_satisfies_is_a_hit(constrained: Constrained) -> None:
    """A constraint that changes nothing is no reason to build, nor is one on something else, or on what to install."""
    assert constrained() == ("3.0 3.0", ONE_BUILD)
    assert constrained("tool>=2", "base!=1.0", "unrelated==7") == ("3.0 3.0", NO_BUILD)
    file = constrained.workshop.folder / "regular.txt"
    file.write_text("tool<2\n")
    fresh = constrained.workshop("--use-feature=build-constraint", "--constraint", file)
    assert fresh == ("3.0 3.0", NO_BUILD)


def test_same_constraint_in_other_words_is_a_hit(constrained: Constrained) -> None:
    """Order, spaces, comments, spelling and the file do not count; ``PIP_BUILD_CONSTRAINT`` is the option as well."""
    assert constrained("tool>1,<3", "base<3") == ("2.0 2.0", ONE_BUILD)
    assert constrained("# why", "base < 3", "Tool <3, >1  # this") == ("2.0 2.0", NO_BUILD)
    file = constrained.workshop.folder / "constraints1.txt"
    assert constrained.workshop(env={"PIP_BUILD_CONSTRAINT": str(file)}) == ("2.0 2.0", NO_BUILD)


COMPILED = {"torchlike/__init__.py": "VERSION = {version!r}\n", "torchlike/_C.so": "{version}"}
PURE = {"torchlike/__init__.py": "VERSION = {version!r}\n"}


class Unisolated:
    """Installs without isolation into environments that have some release of some distributions."""

    def __init__(self, workshop: Workshop) -> None:
        """Nothing is there yet."""
        self.workshop = workshop
        self.wheels = workshop.folder / "wheels"

    def wheel(self, name: str, version: str, files: dict[str, str] | None = None) -> None:
        """Make a wheel available, which is not on the index."""
        texts = {path: text.format(version=version) for path, text in files.items()} if files else None
        make_wheel(self.wheels, name=name, version=version, files=texts)

    def environment(self, *installed: str) -> Environment:
        """Return an environment with these, ``name==version`` each."""
        environment = self.workshop.make_environment()
        for requirement in installed:
            name, _, version = requirement.replace("-", "_").partition("==")
            (wheel,) = self.wheels.glob(f"{name}-{version or '*'}-*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(environment.library)
        return environment

    def __call__(self, *installed: str, env: dict[str, str] | None = None) -> Outcome:
        """Install ``simple`` into an environment with these."""
        return self.workshop("--no-build-isolation", into=self.environment(*installed), env=env)

    def each(self, *installed: str) -> Outcome:
        """Install each of the workshop's ways into an environment with these."""
        return self.workshop.each("--no-build-isolation", into=self.environment(*installed))


@pytest.fixture
def unisolated(workshop: Workshop) -> Unisolated:
    """Return an installer, and releases 1.0 and 2.0 of ``torchlike``, which is compiled."""
    made = Unisolated(workshop)
    for version in ["1.0", "2.0"]:
        made.wheel("torchlike", version, COMPILED)
    return made


def assert_each_release_has_its_wheels(unisolated: Unisolated) -> None:
    """Build in each way against two releases of ``torchlike``, and then go through both again."""
    workshop = unisolated.workshop
    for version in ["1.0", "2.0"]:
        unisolated.wheel("torchlike", version, COMPILED | {"torchlike/deep.py": "VERSION = {version!r}\n"})
    unisolated.wheel("helper", "1.0", {"helper.py": "import torchlike\n"})
    # The metadata are prepared again as well: what ran to prepare them names the module.
    hooks = [UNISOLATED_BUILD, UNISOLATED_BUILD, NO_BUILD, NO_BUILD]
    for version, expected in zip(["1.0", "2.0", "1.0", "2.0"], hooks, strict=True):
        found = unisolated.each("helper", f"torchlike=={version}")
        assert found == (workshop.all(version), times(len(workshop.ways), expected))


IMPORTS = {
    "statement": "import torchlike\nvalue = torchlike.VERSION",
    "setup_py": "found = {}\nexec(Path('setup.py').read_text(), found)\nvalue = found['VERSION']",
    "compiled_setup_py": "found = {'__file__': os.path.abspath('setup.py')}\n"
    "exec(compile(Path('setup.py').read_bytes(), 'setup.py', 'exec'), found)\nvalue = found['VERSION']",
    "child_setup_py": "import subprocess\n"
    "value = subprocess.check_output([sys.executable, 'setup.py'], text=True).strip()",
    "child_code": "import subprocess\ncode = 'import torchlike; print(torchlike.VERSION)'\n"
    "value = subprocess.check_output([sys.executable, '-c', code], text=True).strip()",
    "other_module": "import runpy\nvalue = runpy.run_path('setup.py')['VERSION']",
    "submodule": "from torchlike.deep import VERSION as value",
}
SETUP_PY = "from torchlike import VERSION\nprint(VERSION)\n"


def test_compiled_distribution_imported_by_the_source_tree(unisolated: Unisolated) -> None:
    """Built against another release of a compiled distribution is another wheel, whatever way it was imported."""
    unisolated.workshop.write_ways(IMPORTS, files={"setup.py": SETUP_PY})
    assert_each_release_has_its_wheels(unisolated)


HIDDEN_IMPORTS = {
    "import_module": "import importlib\nvalue = importlib.import_module('torchlike').VERSION",
    "after_a_helper": "import helper, torchlike\nvalue = torchlike.VERSION",
}


def test_compiled_distribution_imported_by_name_or_loaded_already(unisolated: Unisolated) -> None:
    """The same for a module that another distribution has loaded, or that is imported without a statement."""
    unisolated.workshop.write_ways(HIDDEN_IMPORTS)
    assert_each_release_has_its_wheels(unisolated)


def test_compiled_distribution_imported_with_a_linked_temporary_folder(unisolated: Unisolated, tmp_path: Path) -> None:
    """The source tree is recognised when the temporary folder is a symbolic link, as on macOS."""
    unisolated.workshop.write("import torchlike\nvalue = torchlike.VERSION")
    (tmp_path / "linked").symlink_to(unisolated.workshop.pipcache.temporary)
    env = {"TMPDIR": str(tmp_path / "linked")}
    assert unisolated("torchlike==1.0", env=env) == ("1.0", UNISOLATED_BUILD)
    assert unisolated("torchlike==2.0", env=env) == ("2.0", UNISOLATED_BUILD)


def test_compiled_distribution_that_appears(unisolated: Unisolated) -> None:
    """What the source tree tried to import and did not find is a lack: with it, the wheel would be another."""
    unisolated.wheel("other", "1.0")
    unisolated.workshop.write(
        "try:\n    import torchlike\n    value = torchlike.VERSION\nexcept ImportError:\n    value = 'without'"
    )
    assert unisolated("other") == ("without", UNISOLATED_BUILD)
    assert unisolated("torchlike==1.0") == ("1.0", UNISOLATED_AGAIN)


def test_declared_requirement_of_another_version(unisolated: Unisolated) -> None:
    """A pure distribution counts when ``pyproject.toml`` declares it, imported by whomever."""
    for version in ["1.0", "2.0"]:
        unisolated.wheel("torchlike", version, PURE)
    unisolated.workshop.write(
        "from importlib.metadata import version\nvalue = version('torchlike')", build_requires=["torchlike>=1"]
    )
    # The metadata are known to have been prepared with a declared requirement, too.
    assert unisolated("torchlike==1.0") == ("1.0", UNISOLATED_BUILD)
    assert unisolated("torchlike==2.0") == ("2.0", UNISOLATED_BUILD)
    assert unisolated("torchlike==1.0") == ("1.0", NO_BUILD)


def test_pure_distribution_imported_by_the_source_tree(unisolated: Unisolated) -> None:
    """An undeclared pure helper is no reason to build again."""
    for version in ["1.0", "2.0"]:
        unisolated.wheel("torchlike", version, PURE)
    unisolated.workshop.write("import torchlike\nvalue = torchlike.VERSION")
    assert unisolated("torchlike==1.0") == ("1.0", UNISOLATED_BUILD)
    assert unisolated("torchlike==2.0") == ("1.0", NO_BUILD)


def test_other_setuptools_without_isolation_is_a_hit(unisolated: Unisolated) -> None:
    """A new setuptools is no reason to build, although declared and imported."""
    for name in ["setuptools", "wheel"]:
        for version in ["70.0", "80.0"]:
            unisolated.wheel(name, version, {f"{name}/__init__.py": "", f"{name}/cli.so": "{version}"})
    unisolated.workshop.write("import setuptools, wheel\nvalue = 'any'", build_requires=["setuptools", "wheel"])
    assert unisolated("setuptools==70.0", "wheel==70.0") == ("any", UNISOLATED_BUILD)
    assert unisolated("setuptools==80.0", "wheel==80.0") == ("any", NO_BUILD)


def test_other_release_of_the_backend_without_isolation_is_a_hit(unisolated: Unisolated) -> None:
    """The distribution that the backend is in is no reason to build, although declared."""
    for version in ["1.0", "2.0"]:
        text = "import sys\nsys.path.insert(0, '_backend')\nfrom tiny_backend import *\n"
        unisolated.wheel("makes-wheels", version, {"makes_wheels/__init__.py": "", "makes_wheels/api.py": text})
    requires = 'requires = ["makes-wheels"]\nbuild-backend = "makes_wheels.api"\n'
    unisolated.workshop.write("value = 'any'", files={"pyproject.toml": f"[build-system]\n{requires}"})
    assert unisolated("makes-wheels==1.0") == ("any", UNISOLATED_BUILD)
    assert unisolated("makes-wheels==2.0") == ("any", NO_BUILD)


def test_isolated_and_not_isolated_are_two_wheels(unisolated: Unisolated) -> None:
    """Neither serves where the other was asked for, in whichever order."""
    unisolated.wheel("other", "1.0", {"other.py": "VERSION = {version!r}\n"})
    unisolated.workshop.write("from importlib.util import find_spec\nvalue = str(find_spec('other') is not None)")
    unisolated.workshop.write("value = 'late'", name="later")
    assert unisolated.workshop() == ("False", ONE_BUILD)
    assert unisolated("other") == ("True", UNISOLATED_BUILD)
    assert unisolated.workshop() == ("False", NO_BUILD)
    assert unisolated("other") == ("True", NO_BUILD)
    later = unisolated.environment("other")
    unisolated.workshop.install("--no-build-isolation", requirement="later", into=later)
    unisolated.workshop.install(requirement="later")
    assert unisolated.workshop.pipcache.take_calls() == UNISOLATED_BUILD + ONE_BUILD


ASK_GIT = {
    "arguments": "subprocess.check_output(['git', 'describe', '--tags'], cwd=ROOT, text=True)",
    "shell": "subprocess.check_output('git describe --tags', shell=True, cwd=ROOT, text=True)",
    "popen": "os.popen('cd \"{}\" && git describe --tags'.format(ROOT)).read()",
    "python_child": "subprocess.check_output([sys.executable, '-c', 'import subprocess;"
    ' subprocess.run(["git", "describe", "--tags"])\'], cwd=ROOT, text=True)',
    "absolute": "subprocess.check_output([shutil.which('git'), 'describe', '--tags'], cwd=ROOT, text=True)",
}


def write_git_project(tree: Path, ask: str) -> None:
    """Let the version of a source tree be what *ask* says."""
    backend = tree / "_backend" / "tiny_backend.py"
    root = "import shutil, subprocess\nROOT = Path(__file__).parent.parent\n"
    text = backend.read_text()
    backend.write_text(text.replace("SOURCE =", f"{root}PROJECT['version'] = {ask}.strip()\nSOURCE =", 1))


def test_tag_added_to_the_same_commit(
    workshop: Workshop, tmp_path: Path, make_repository: Callable[[Path], GitRepository]
) -> None:
    """A version that comes from Git is the one of today's tags, and each state of the tags is built once."""
    requirements, repositories = [], []
    for way, ask in ASK_GIT.items():
        tree = make_source_tree(tmp_path / "sources", name=f"by_{way}")
        write_git_project(tree, ask)
        repositories.append(make_repository(tree))
        requirements.append(f"by_{way} @ {repositories[-1].url}@{repositories[-1].commit()}")
    # Of two tags on a commit, ``git describe --tags`` tells the annotated one.
    for version, options in [("1.0", []), ("2.0", ["--annotate", "--message", "x"])]:
        for repository in repositories:
            repository.git("tag", *options, version)
        for expected in [builds(len(requirements)), NO_BUILD]:
            environment = workshop.install(requirement=requirements)
            assert environment.distributions == {f"by_{way}-{version}" for way in ASK_GIT}
            assert workshop.pipcache.take_calls() == expected


def test_tags_do_not_count_for_a_build_that_does_not_ask_git(
    tmp_path: Path, make_repository: Callable[[Path], GitRepository], workshop: Workshop
) -> None:
    """A tag more is no reason to build where nobody asked for tags."""
    repository = make_repository(make_source_tree(tmp_path / "sources"))
    requirement = f"simple @ {repository.url}@{repository.commit()}"
    workshop.install(requirement=requirement)
    repository.git("tag", "v7")
    workshop.install(requirement=requirement)
    assert workshop.pipcache.take_calls() == ONE_BUILD


SECRET = "s3cr3t-Q7x9-unique"


def stored_with(pipcache: Commands, secret: str) -> list[str]:
    """Return the files below all caches in whose name or content the secret is."""
    paths = [path for path in pipcache.xdg_cache.rglob("*") if path.is_file()]
    assert any(path.suffix == ".whl" for path in paths)
    return [str(path) for path in paths if secret in str(path) or secret.encode() in path.read_bytes()]


SECRETS = ["UPLOAD_TOKEN", "CARGO_REGISTRY_TOKEN", "CARGO_REGISTRIES_OURS_TOKEN"]


def test_secret_of_a_variable_is_not_stored(workshop: Workshop) -> None:
    """The value of a variable is nowhere in the store: not when it was read, not when a program may have read it."""
    for number, name in enumerate(SECRETS):
        bodies = {
            f"reading{number}": f"value = str(bool(os.environ[{name!r}]))",
            f"program{number}": "value = str(bool(subprocess.run(['fakecc'])))",
            f"shell{number}": f"value = str(bool(subprocess.run('test -n \"${name}\"', shell=True, check=True)))",
        }
        workshop.write_ways(bodies, top="import subprocess")
    env = {"PATH": workshop.add_program("exit 0"), **dict.fromkeys(SECRETS, SECRET)}
    assert workshop.each(env=env) == (workshop.all("True"), builds(len(workshop.ways)))
    assert stored_with(workshop.pipcache, SECRET) == []


def test_credentials_of_an_index_are_not_stored(workshop: Workshop) -> None:
    """A password in the URL of an index, or in a direct URL, is nowhere in the store."""
    workshop.index.credentials = f"user:{SECRET}"
    workshop.write("value = 'any'")
    make_sdist(workshop.index.folder, name="direct")
    assert workshop() == ("any", ONE_BUILD)
    workshop.install(requirement=f"direct @ {workshop.index.file_url('direct-1.0.tar.gz')}")
    assert stored_with(workshop.pipcache, SECRET) == []


def test_credentials_in_a_build_constraint_are_not_stored(workshop: Workshop) -> None:
    """A password in a constraint that is a URL is nowhere in the store, and the same constraint is a hit."""
    workshop.index.credentials = f"user:{SECRET}"
    wheel = make_wheel(workshop.index.folder, name="tool")
    workshop.write("import tool\nvalue = tool.VERSION", build_requires=["tool"])
    file = workshop.folder / "constraints.txt"
    file.write_text(f"tool @ {workshop.index.file_url(wheel.name)}\n")
    assert workshop("--build-constraint", file) == ("1.0", ONE_BUILD)
    assert stored_with(workshop.pipcache, SECRET) == []
    assert workshop("--build-constraint", file) == ("1.0", NO_BUILD)
