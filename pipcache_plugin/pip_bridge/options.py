"""The options that a command of pip's would have here, for what is no command of pip's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optparse import Values


def read_options(cache_dir: str | None = None) -> Values:
    """Return the options that a command of pip's has here: by default, by its configuration, by variables.

    :param cache_dir: as it would be given on the command line.
    """
    from pip._internal.commands import create_command
    from pip._internal.utils.filesystem import check_path_owner
    from pip._internal.utils.misc import normalize_path

    from pipcache_plugin.pip_bridge import beginning

    parser: Any = create_command("install").parser
    options: Values = parser.parse_args(["--cache-dir", cache_dir] if cache_dir else [])[0]
    if options.cache_dir:
        options.cache_dir = normalize_path(options.cache_dir)
        if not check_path_owner(options.cache_dir):
            # As pip does: whether our store can be used is another question.
            beginning.refused_cache_dir, options.cache_dir = options.cache_dir, None
    return options
