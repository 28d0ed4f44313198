"""``--version`` names pip, in pip's own words, and us after it."""

from __future__ import annotations

from pipcache_plugin import __version__
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam


def _create_main_parser(original: PipFunction) -> object:
    parser = original()
    parser.version = f"{parser.version}, pipcache_plugin {__version__}"
    return parser


SEAMS = [
    Seam(
        modules=("pip._internal.cli.main_parser",),
        name="create_main_parser",
        parameters=(),
        part=_create_main_parser,
    )
]
