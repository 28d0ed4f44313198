"""``--version`` names pip, in pip's own words, and us after it; ``--help`` has our commands after pip's."""

from __future__ import annotations

from pipcache_plugin import __version__
from pipcache_plugin.pip_bridge.seams import PipFunction, Seam

OWN_COMMANDS = {
    "explain": "Say why wheels were found, or built.",
    "doctor": "Say whether the wheel cache works.",
    "shell-init": "Make pip mean pipcache in a shell.",
}
"""What pip does not have; ``cli`` sees to them."""


def _create_main_parser(original: PipFunction) -> object:
    parser = original()
    parser.version = f"{parser.version}, pipcache_plugin {__version__}"
    own = [f"{name:27} {does}" for name, does in OWN_COMMANDS.items()]
    parser.description = "\n".join([parser.description or "", *own])
    return parser


SEAMS = [
    Seam(
        modules=("pip._internal.cli.main_parser",),
        name="create_main_parser",
        parameters=(),
        part=_create_main_parser,
    )
]
