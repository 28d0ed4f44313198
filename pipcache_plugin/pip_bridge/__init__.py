"""The only importer of ``pip._internal``: pip conducts, and the cache plays its parts here, one file each.

* ``start``: run pip with the seams in place, or plain pip where that cannot be;
* ``seams``: what a seam is, how it is checked and set, and what happens when a part of ours fails;
* ``run``: the state of one pip command;
* ``sources``: which of pip's links and requirements have a source that is cached, and its identity;
* ``lookup``: "is there a wheel for this sdist?";
* ``prepare``: an sdist's metadata;
* ``build``: wheels for what was chosen;
* ``requirement_build``, ``keeper``: one requirement's build, and what the store knows of it;
* ``nested``: pip's child processes that install build requirements;
* ``runner``: us on another interpreter, for those and for ``--python``;
* ``cache_command``: ``cache dir|info|list|remove|purge`` for pip's cache and ours.

pip's internals are no API: every name and parameter that is relied on is checked before anything is set.
"""
