"""Shells: what makes ``pip`` mean ``pipcache`` in one, as code of that shell, and what ``pip`` would have meant there.

* ``init.bash``, ``init.zsh``, ``init.fish``, ``init.ps1``: the code, with places for what differs by installation;
* ``render``: fills them;
* ``program``: how the running ``pipcache`` is started from anywhere;
* ``hidden``: which program a function of these shells hides, and on which Python that acts;
* ``words``: what can be completed in our own commands.

The functions tell ``pipcache`` in ``_PIPCACHE_INSTEAD_OF`` what it was called instead of: ``pip`` or ``pip3``, whose
place in ``PATH`` decides where it acts, or ``python``, after which ``--python`` and an interpreter come first.
"""

INSTEAD_OF_VARIABLE = "_PIPCACHE_INSTEAD_OF"
