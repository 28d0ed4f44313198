"""``--version`` names pip and us."""

from __future__ import annotations

from optparse import OptionParser

from pipcache_plugin import __version__
from pipcache_plugin.pip_bridge import version


def test_pips_words_come_first() -> None:
    """Tools that parse ``pip 26.3 from …`` still can."""
    parser = version.SEAMS[0].part(lambda: OptionParser(version="pip 26.3 from /somewhere (python 3.12)"))
    assert parser.version == f"pip 26.3 from /somewhere (python 3.12), pipcache_plugin {__version__}"
