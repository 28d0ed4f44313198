"""How hypothesis makes values of ``keys``."""

from __future__ import annotations

from hypothesis import strategies as st

from pipcache_plugin.keys.build_key import BuildInputs, freeze_config_settings
from pipcache_plugin.keys.conditions import Choices, Conditions, Lacks, Needs
from pipcache_plugin.keys.interpreter import Interpreter
from pipcache_plugin.keys.record import Record
from pipcache_plugin.keys.source import CommitHash, GitSource, SdistSource, Sha256

# Bytes of a command line that are not UTF-8 come as lone surrogates U+DC80 to U+DCFF.
texts = st.text(st.characters() | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"]))
hex_digits = st.text("0123456789abcdef", min_size=64, max_size=64)

sources = st.one_of(
    st.builds(SdistSource, sha256=hex_digits.map(Sha256)),
    st.builds(GitSource, commit=hex_digits.map(CommitHash)),
    st.builds(GitSource, commit=hex_digits.map(lambda digits: CommitHash(digits[:40]))),
)

interpreters = st.builds(
    Interpreter,
    implementation=texts,
    version=texts,
    abi=texts,
    is_debug=st.booleans(),
    is_free_threaded=st.booleans(),
    platform=texts,
    libc=texts,
)

settings_mappings = st.dictionaries(texts, texts | st.lists(texts, max_size=3), max_size=4)

build_inputs = st.builds(
    BuildInputs,
    source=sources,
    subdirectory=texts,
    interpreter=interpreters,
    config_settings=settings_mappings.map(freeze_config_settings),
    is_isolated=st.booleans(),
)

mappings = st.dictionaries(texts, texts, max_size=3)
maybe_mappings = st.dictionaries(texts, st.none() | texts, max_size=3)
text_tuples = st.lists(texts, max_size=3).map(tuple)

conditions = st.builds(
    Conditions,
    choices=st.builds(
        Choices,
        salt=texts,
        variables=maybe_mappings,
        shown=maybe_mappings,
        prefixes=text_tuples,
        toolchain=st.none() | mappings,
        started=maybe_mappings,
        constraints=mappings,
        used=mappings,
        built_against=mappings,
        git_tags=st.none() | texts,
    ),
    lacks=st.builds(
        Lacks,
        programs=text_tuples,
        paths=text_tuples,
        listings=st.dictionaries(texts, text_tuples, max_size=3),
        modules=text_tuples,
        libraries=text_tuples,
        searched=text_tuples,
        system=st.none() | texts,
    ),
    needs=st.builds(Needs, libraries=text_tuples),
)

records = st.builds(
    Record,
    project=texts,
    version=texts,
    source_hashes=mappings,
    origin=texts,
    conditions=conditions,
    build_seconds=st.floats(allow_nan=False, allow_infinity=False),
)

# A float tells whole numbers apart up to here.
integers = st.integers(-(2**53), 2**53)

json_values = st.recursive(
    st.none() | st.booleans() | integers | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
