"""Environment variables: which of them a build may depend on, and how their values are remembered.

Values are kept as salted digests. The variables of the toolchain are kept in clear: foreign programs read them unseen,
so that all of them count when one ran, and a user wants to be shown what changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NEVER = re.compile(
    r"HOME|PATH|PWD|OLDPWD|TMPDIR|TEMP|TMP|TERM|COLUMNS|LINES|USER|USERNAME|LOGNAME|SHLVL|SHELL|_|LANG|LANGUAGE|LC_.*"
    r"|PS1|VIRTUAL_ENV|VIRTUAL_ENV_PROMPT|PYTHONPATH|PYTHONUSERBASE|PYTHONNOUSERSITE|PYTHONDONTWRITEBYTECODE"
    r"|NO_COLOR|FORCE_COLOR|CLICOLOR|CLICOLOR_FORCE|PY_COLORS|COLORTERM|ENSUREPIP_OPTIONS|PY_SAX_PARSER"
    r"|CMAKE_BUILD_PARALLEL_LEVEL|CMAKE_.*_COMPILER_LAUNCHER|CARGO_BUILD_JOBS|RUSTC_WRAPPER|RUSTC_WORKSPACE_WRAPPER|MAX_JOBS"
    r"|MESON_NUM_PROCESSES|NINJA_STATUS|PIP_.*|_PIP_.*|PIPCACHE_.*|_PIPCACHE_.*|_PYPROJECT_HOOKS_.*"
)
"""Never a condition: who and where the user is, how the terminal looks, how many compilers run at once and what starts
them, what the standard library asks for by itself, and what the front-end says to itself and to its backends."""

_OF_THE_RUN = re.compile(
    r"PYTEST_.*|SSH_.*|DISPLAY|XDG_.*|CI|CI_.*|GITHUB_.*|RUNNER_.*|GITLAB_.*|GIT_.*|JENKINS_.*|HUDSON_.*|TRAVIS_.*"
    r"|CIRCLE_.*|BUILDKITE_.*|TEAMCITY_.*|AGENT_.*|SYSTEM_.*|BUILD_(?:NUMBER|ID|URL|TAG|DISPLAY_NAME|BUILD.*|SOURCE.*)"
)
"""Of the session, or of the CI run: a condition only when the build asked for them by their whole name."""

_TOOLCHAIN = re.compile(
    r"CC|CXX|CPP|LD|AR|AS|NM|RANLIB|STRIP|FC|F77|F90|CFLAGS|CPPFLAGS|CXXFLAGS|FFLAGS|FCFLAGS|LDFLAGS|LDSHARED|ARFLAGS"
    r"|CPATH|C_INCLUDE_PATH|CPLUS_INCLUDE_PATH|LIBRARY_PATH|LD_RUN_PATH|PKG_CONFIG|PKG_CONFIG_.*|CMAKE_.*"
    r"|RUSTFLAGS|RUSTC|RUSTC_.*|RUSTUP_TOOLCHAIN|CARGO_(?:BUILD_.*|TARGET_DIR|TARGET_.*_(?:LINKER|RUSTFLAGS)|PROFILE_.*)"
    r"|CARGO_(?:ENCODED_RUSTFLAGS|INCREMENTAL|HOME)|ARCHFLAGS|MACOSX_DEPLOYMENT_TARGET|SDKROOT|DISTUTILS_USE_SDK|MSSdk"
    r"|INCLUDE|LIB|LIBPATH|CL|_CL_|CUDA_HOME|CUDA_PATH|CUDACXX|NVCC_.*|TORCH_CUDA_ARCH_LIST"
    r"|ROCM_HOME|ROCM_PATH|HIP_PATH|PYTORCH_ROCM_ARCH|BLAS|LAPACK|ATLAS|OPENBLAS|MKLROOT|CYTHONIZE"
    r"|SETUPTOOLS_USE_DISTUTILS|SETUPTOOLS_EXT_SUFFIX|SOURCE_DATE_EPOCH"
)


def can_count(name: str) -> bool:
    """Tell whether a build that asked for *name* may depend on it."""
    return not _NEVER.fullmatch(name)


def is_picked(name: str, prefixes: tuple[str, ...]) -> bool:
    """Tell whether a build that picks names beginning with *prefixes* out of all may depend on *name*."""
    return bool(prefixes) and name.startswith(prefixes) and can_count(name) and not _OF_THE_RUN.fullmatch(name)


def select_toolchain(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the toolchain that are set, by name."""
    return {name: value for name, value in sorted(environ.items()) if is_toolchain(name)}


def is_toolchain(name: str) -> bool:
    """Tell whether *name* is on the toolchain list, whose values are kept in clear."""
    return _TOOLCHAIN.fullmatch(name) is not None and can_count(name)


_COMMON = re.compile(
    r"_?PYTHON.*|DISTUTILS_DEBUG|DIST_EXTRA_CONFIG|LDCXXSHARED|PLAT|SETUPTOOLS_.*|VCS_VERSIONING_.*|CYTHON_.*|XML_RESULTS"
)


def is_common(name: str) -> bool:
    """Tell whether *name* is one that builds of all kinds ask for, and says little about a project."""
    return is_toolchain(name) or _COMMON.fullmatch(name) is not None


def digest_value(salt: str, name: str, value: str | None) -> str | None:
    """Return what is remembered of a variable's value, 64 hex digits; ``None`` for one that is not set."""
    if value is None:
        return None
    return hashlib.sha256(json.dumps([salt, name, value]).encode("ascii")).hexdigest()


_NAMED_IN = re.compile(
    # CMake's goes first: in a shell, `$ENV` would be a variable.
    r"\$?\bENV\{[\"']?(?P<cmake>\w+)[\"']?\}|\bENV(?:IRON)?\[[\"'](?P<awk>\w+)[\"']\]|\bprintenv\s+(?P<tool>\w+)"
    r"|\$\((?:value|origin)\s+(?P<make_asked>\w+)\)|\bprocess\.env\.(?P<node>\w+)|\$\{(?P<braces>[A-Z][A-Z0-9_]{2,})|\$\((?P<make>[A-Z][A-Z0-9_]{2,})[):]"
    r"|^[ \t]*(?:else[ \t]+)?ifn?def[ \t]+(?P<make_if>[A-Z][A-Z0-9_]{2,})"
    r"|\$(?P<shell>[A-Z][A-Z0-9_]{2,})|getenv\(\s*[\"'](?P<c>\w+)[\"']|(?:option_)?env!\(\s*r?#*\"(?P<rust>\w+)\""
    r"|env::var(?:_os)?\(\s*r?#*\"(?P<rust_run>\w+)\"|environ(?:\.get\(|\[)\s*[\"'](?P<python>\w+)[\"']",
    re.MULTILINE,
)


def find_names(texts: Iterable[str]) -> set[str]:
    """Return the variables that build scripts and command lines name: ``$NAME``, ``getenv("NAME")`` and their like."""
    found = {name for text in texts for match in _NAMED_IN.finditer(text) for name in match.groups() if name}
    return {name for name in found if can_count(name)}


def find_shell_names(commands: Iterable[str]) -> set[str]:
    """Return the variables that command lines name, in lower case as well: ``$name``, ``${name}``."""
    found = {name for text in commands for name in re.findall(r"\$\{?([A-Za-z_]\w*)", text)}
    return {name for name in found | find_names(commands) if can_count(name)}
