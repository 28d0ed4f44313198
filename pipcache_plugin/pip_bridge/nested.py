"""Build requirements are installed by a child process of pip's: it runs us, with our caches, in our environments."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from pipcache_plugin.pip_bridge import jobs, runner
from pipcache_plugin.pip_bridge.notices import hide_in_words
from pipcache_plugin.pip_bridge.run import REPORT_VARIABLE, current, make_folder, nested_environ
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipcache_plugin.building.interface import EnvironmentPaths, RequirementInstaller, RequirementKind
    from pipcache_plugin.pip_bridge.resolution import Command
    from pipcache_plugin.pip_bridge.run import Run


class BuildEnvironment(NamedTuple):
    """A build environment of ours, as the process that installs into it knows it."""

    paths: EnvironmentPaths
    run: Run
    environ: Mapping[str, str]
    """Further variables for that process."""


class Prefix(NamedTuple):
    """What pip's installers of build requirements ask of a prefix, in all releases."""

    path: str
    lib_dirs: Sequence[str]
    venv_executable: str


def make_installer(run: Run, pip_installer: Any, requirement: Any, environ: Mapping[str, str]) -> RequirementInstaller:
    """Return an installer of build requirements that is pip's own, with all the options that pip hands down.

    :param environ: further variables for the process that installs.
    """
    from pip._internal.exceptions import InstallationError

    from pipcache_plugin.building.errors import EnvironmentCreationError
    from pipcache_plugin.pip_bridge.build_environment import has_room

    def install(requirements: Sequence[str], environment: EnvironmentPaths, kind: RequirementKind) -> None:
        """Install; raise EnvironmentCreationError where the disk of the store is full, and that of pip may not be."""
        prefix = Prefix(str(environment.root), [str(environment.library)], str(environment.python))
        run.environments[prefix.path] = BuildEnvironment(environment, run, environ)
        try:
            pip_installer.install(requirements, prefix, kind=kind, for_req=requirement)
        except (OSError, InstallationError) as error:
            if has_room(environment):
                raise
            raise EnvironmentCreationError(reason=f"`{environment.root}` cannot be written to any more") from error

    return install


def _call_subprocess(original: PipFunction, cmd: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
    """Start pip's ``[python, runnable pip, "install", …]`` with our runner, in our environment when it is one.

    When it is known what that would install, it is placed, and no process is started.
    """
    words = [*cmd]
    words[1] = runner.path()
    environ = {**(kwargs.pop("extra_environ", None) or {}), **nested_environ, runner.MODULES_VARIABLE: runner.modules()}
    environment = _environment_in(words)
    if environment is None:
        return original(_hide_credentials(words), *args, extra_environ=environ, **kwargs)
    # Up to 26.1 pip installs build requirements with its own interpreter, into a prefix: scripts would start that.
    words[0] = str(environment.paths.python)
    # Its programs are for the build that it is made for, not for the builds of what is installed into it.
    environ |= {"PYTHONPATH": "", **environment.environ}
    # Bytecode that is made once serves every build environment.
    words = [word for word in words if word not in {"--ignore-installed", "--no-compile"}]

    def install(report: str) -> Any:
        # It may have to wait for what another job is building, which then must not wait for it.
        with jobs.without_slot():
            told = {**environ, REPORT_VARIABLE: report}
            return original(_hide_credentials(words), *args, extra_environ=told, **kwargs)

    return _install_remembering(environment, words, environ, install)


def _hide_credentials(words: Sequence[str]) -> Sequence[Any]:
    """Keep credentials in URLs of indexes out of what pip says of a command: it shows the whole of one that fails."""
    from pip._internal.utils.misc import HiddenText

    redacted = hide_in_words(words)
    return [
        word if word == shown else HiddenText(word, redacted=shown) for word, shown in zip(words, redacted, strict=True)
    ]


def _install_remembering(
    environment: BuildEnvironment, words: Sequence[str], environ: Mapping[str, str], install: PipFunction
) -> Any:
    """Have *install* write a report, unless what it would install is known, and was placed."""
    from pipcache_plugin.building.requirements import collect_installed
    from pipcache_plugin.pip_bridge.build_environment import place_wheels
    from pipcache_plugin.pip_bridge.resolution import describe_command

    run = environment.run
    prefix = words.index("--prefix")
    # Neither who installs nor where to.
    arguments = [*words[3:prefix], *words[prefix + 2 :]]
    installed = collect_installed([str(environment.paths.library)])
    command = describe_command(arguments, {**run.present.environ, **environ}, installed)
    finders: list[Callable[[Command], Sequence[str] | None]]
    finders = [run.resolutions.find, partial(_resolve_here, run, arguments)]
    with run.resolutions.hold(command):
        for find in finders:
            known = find(command)
            if known is not None and place_wheels(run, known, environment.paths, installed):
                return ""
        report = make_folder("pipcache-report") / "report"
        result = install(str(report))
        run.resolutions.learn(command, report)
        return result


def _resolve_here(run: Run, arguments: Sequence[str], command: Command) -> Sequence[str] | None:
    """Return the wheels that the command comes to, if that can be found out without a process of its own."""
    if not command.is_first or run.options.verbose:
        # That process knows what is installed there already; and a user who wants to read what it says shall read it.
        return None
    from pipcache_plugin.pip_bridge.inner import resolve

    ignores = command.environ.get("_PIP_IN_BUILD_IGNORE_CONSTRAINTS") == "1"
    resolved = resolve(run, arguments, ignores_constraints=ignores)
    if resolved is None:
        return None
    run.resolutions.remember(command, resolved.wheels, resolved.fresh_until)
    return resolved.wheels


def _environment_in(words: Sequence[Any]) -> BuildEnvironment | None:
    run = current()
    prefix = words[words.index("--prefix") + 1] if "--prefix" in words else None
    return run.environments.get(prefix) if run is not None and prefix is not None else None


SEAMS = [
    Seam(
        modules=("pip._internal.build_env.installer", "pip._internal.build_env"),
        name="call_subprocess",
        parameters=("cmd",),
        part=_call_subprocess,
        is_local=True,
    )
]
