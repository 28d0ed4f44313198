"""Environment variables: which may matter to a build, and what is remembered of them."""

from __future__ import annotations

import pytest

from pipcache_plugin.keys.environment import (
    can_count,
    digest_value,
    find_names,
    is_picked,
    is_toolchain,
    select_toolchain,
)


@pytest.mark.parametrize(
    "name",
    ["HOME", "PATH", "PWD", "TMPDIR", "TERM", "COLUMNS", "USER", "LANG", "LC_ALL", "PIP_CACHE_DIR", "PIPCACHE_DIR"],
)
def test_what_never_counts(name: str) -> None:
    """Another terminal, another user, another folder: the same build."""
    assert not can_count(name)


@pytest.mark.parametrize("name", ["HOMEBREW_CC", "MY_PATH", "PYTHONPATHS", "LANGUAGES", "PIPELINE", "home"])
def test_names_that_only_look_like_it_count(name: str) -> None:
    """The whole name is compared."""
    assert can_count(name)


PICKED = {
    "MY_FLAG": True,
    "MY_": True,
    "OTHER": False,
    "PIP_X": False,
    "GITHUB_RUN_ID": False,
    "GIT_COMMIT": False,
    "BUILD_NUMBER": False,
    "BUILD_WITH": True,
}


@pytest.mark.parametrize(("name", "is_one"), PICKED.items())
def test_names_that_are_picked_by_what_they_begin_with(name: str, is_one: bool) -> None:
    """Not the user's own, nor those of a CI run: for these a build asks by their whole name."""
    assert is_picked(name, ("MY_", "PIP_", "GIT", "BUILD_")) is is_one
    assert not is_picked(name, ())


NEVER = [
    "HOME",
    "PATH",
    "PWD",
    "OLDPWD",
    "TMPDIR",
    "TEMP",
    "TMP",
    "TERM",
    "COLUMNS",
    "LINES",
    "USER",
    "USERNAME",
    "LOGNAME",
    "SHLVL",
    "SHELL",
    "_",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "PS1",
    "VIRTUAL_ENV",
    "VIRTUAL_ENV_PROMPT",
    "PYTHONPATH",
    "PYTHONUSERBASE",
    "PYTHONNOUSERSITE",
    "PYTHONDONTWRITEBYTECODE",
    "MAX_JOBS",
    "CMAKE_BUILD_PARALLEL_LEVEL",
    "CMAKE_CXX_COMPILER_LAUNCHER",
    "RUSTC_WRAPPER",
    "PIP_INDEX_URL",
    "_PIP_STANDALONE_CERT",
    "PIPCACHE_DIR",
    "_PIPCACHE_MODULES",
    "_PYPROJECT_HOOKS_BUILD_BACKEND",
]

BY_THE_WAY = [
    "PYTEST_CURRENT_TEST",
    "SSH_AUTH_SOCK",
    "DISPLAY",
    "XDG_RUNTIME_DIR",
    "CI",
    "CI_JOB_ID",
    "GITHUB_SHA",
    "RUNNER_OS",
]

TOOLCHAIN = [
    "CC",
    "CXX",
    "CPP",
    "LD",
    "AR",
    "AS",
    "NM",
    "RANLIB",
    "STRIP",
    "FC",
    "F77",
    "F90",
    "CFLAGS",
    "CPPFLAGS",
    "CXXFLAGS",
    "FFLAGS",
    "FCFLAGS",
    "LDFLAGS",
    "LDSHARED",
    "ARFLAGS",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "LIBRARY_PATH",
    "LD_RUN_PATH",
    "PKG_CONFIG",
    "PKG_CONFIG_PATH",
    "PKG_CONFIG_LIBDIR",
    "CMAKE_ARGS",
    "CMAKE_GENERATOR",
    "CMAKE_PREFIX_PATH",
    "RUSTFLAGS",
    "RUSTC",
    "RUSTUP_TOOLCHAIN",
    "CARGO_HOME",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "ARCHFLAGS",
    "MACOSX_DEPLOYMENT_TARGET",
    "SDKROOT",
    "DISTUTILS_USE_SDK",
    "MSSdk",
    "INCLUDE",
    "LIB",
    "LIBPATH",
    "CL",
    "_CL_",
    "CUDA_HOME",
    "CUDA_PATH",
    "CUDACXX",
    "NVCC_PREPEND_FLAGS",
    "TORCH_CUDA_ARCH_LIST",
    "ROCM_HOME",
    "ROCM_PATH",
    "HIP_PATH",
    "PYTORCH_ROCM_ARCH",
    "BLAS",
    "LAPACK",
    "ATLAS",
    "OPENBLAS",
    "MKLROOT",
    "CYTHONIZE",
    "SETUPTOOLS_USE_DISTUTILS",
    "SOURCE_DATE_EPOCH",
]

ORDINARY = [
    "MAKEFLAGS",
    "SETUPTOOLS_SCM_PRETEND_VERSION",
    "YARL_NO_EXTENSIONS",
    "DISABLE_SPEEDUPS",
    "MSGPACK_PUREPYTHON",
    "HOMEBREW_PREFIX",
    "MY_CFLAGS",
    "CFLAGS_EXTRA",
    "CCACHE_DIR",
    "USE_CUDA",
    "CARGO_REGISTRY_TOKEN",
    "CARGO_REGISTRIES_MINE_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "NETRC",
]


def test_lists_are_what_the_documentation_says() -> None:
    """Each name is on the list that it is expected on, and on no other."""
    names = [*NEVER, *BY_THE_WAY, *TOOLCHAIN, *ORDINARY]
    assert [name for name in names if not can_count(name)] == NEVER
    assert [name for name in names if is_toolchain(name)] == TOOLCHAIN
    assert [name for name in names if not is_picked(name, (name,))] == [*NEVER, *BY_THE_WAY]


def test_toolchain_is_selected_in_order() -> None:
    """With its values, empty ones too; what is not on the list is not in it."""
    environ = {"LDFLAGS": "", "HOME": "/", "TOKEN": "secret", "CC": "gcc"}
    assert list(select_toolchain(environ).items()) == [("CC", "gcc"), ("LDFLAGS", "")]


@pytest.mark.parametrize(
    "name",
    [
        "CARGO_REGISTRY_TOKEN",
        "CARGO_REGISTRIES_MINE_TOKEN",
        "CARGO_HTTP_PROXY",  # `user:password@proxy`
    ],
)
def test_secrets_are_not_shown(name: str) -> None:
    """What is on the toolchain list is stored in clear."""
    assert select_toolchain({name: "secret"}) == {}


class TestDigestValue:
    """``digest_value``."""

    def test_is_the_one_on_disk(self) -> None:
        """A record of last year is compared with it."""
        expected = "220d1dd43ea0686565a020c880239451e212fae0f640cab096e4886fa90087ab"
        assert digest_value("salt", "NAME", "value") == expected

    def test_unset_is_none(self) -> None:
        """And an empty value is one."""
        assert digest_value("salt", "NAME", None) is None
        assert digest_value("salt", "NAME", "") is not None

    def test_everything_counts(self) -> None:
        """Salt, name and value."""
        digests = [digest_value(*"abc"), digest_value(*"xbc"), digest_value(*"axc"), digest_value(*"abx")]
        assert len(set(digests)) == 4


SCRIPTS = {
    "shell": ('cc $MY_FLAGS "${MY_LIBS}" ${MY_DEFAULT:-x} $1 $? $@ $CC', {"MY_FLAGS", "MY_LIBS", "MY_DEFAULT"}),
    "make": (
        "all: $(MY_FLAGS) ${MY_LIBS}\n\t$(CC) $@ $< $(shell x) $(MY_LIST:.c=.o)\nifdef MY_ONE\n  else ifndef MY_TWO",
        {"MY_FLAGS", "MY_LIBS", "MY_LIST", "MY_ONE", "MY_TWO"},
    ),
    "cmake": (
        'set(X "$ENV{MY_ROOT}/lib:$ENV{lower_case}")\nif(DEFINED ENV{MY_OTHER})\nset(ENV{MY_SET} x)\nMYENV{NO}',
        {"MY_ROOT", "lower_case", "MY_OTHER", "MY_SET"},
    ),
    "c": ("char *x = getenv(\"MY_FLAG\"); getenv( 'MY_OTHER' ); getenv(name)", {"MY_FLAG", "MY_OTHER"}),
    "rust": (
        'env!("MY_ONE"); option_env!("MY_TWO"); env::var("MY_THREE"); std::env::var_os("MY_FOUR"); println!("x")',
        {"MY_ONE", "MY_TWO", "MY_THREE", "MY_FOUR"},
    ),
    "python": (
        "os.environ['MY_ONE']; os.environ.get(\"MY_TWO\"); os.getenv('MY_THREE'); environ[name]",
        {"MY_ONE", "MY_TWO", "MY_THREE"},
    ),
    "never": ('$HOME ${PATH} $(PWD) getenv("TMPDIR") $PIP_INDEX_URL', set[str]()),
    "nothing": ("no variables: 100% $ {} $5.00 $(lower) ${lower}\n#ifdef MACRO\n# ifndef MACRO\n$(MY", set[str]()),
}


@pytest.mark.parametrize("kind", SCRIPTS)
def test_names_in_scripts(kind: str) -> None:
    """As each language writes them."""
    text, names = SCRIPTS[kind]
    assert find_names([text]) == names
    assert find_names(["", text, text]) == names


@pytest.mark.parametrize(
    "text",
    ["if(DEFINED ENV{MY_FLAG})", "$(MY_FLAG:.c=.o)", "ifdef MY_FLAG", 'env::var(  r"MY_FLAG")', 'env!(r#"MY_FLAG"#)'],
)
def test_names_in_rarer_forms(text: str) -> None:
    """These name a variable as well."""
    assert find_names([text]) == {"MY_FLAG"}
