"""The only importer of ``pip._internal``: pip conducts, and the cache plays its parts here, one file each.

* ``start``: run pip with the seams in place, or plain pip where that cannot be;
* ``seams``: what a seam is, how it is checked and set, and what happens when a part of ours fails;
* ``beginning``: is there anything to install? Then ``parts`` are set, and a ``run`` begins: the state of one command;
* ``sources``: which of pip's links and requirements have a source that is cached, and its identity;
* ``lookup``: "is there a wheel for this sdist?";
* ``ahead``: what pip will ask for next, begun while it waits;
* ``prepare``: an sdist's metadata;
* ``build``: wheels for what was chosen;
* ``requirement_build``, ``keeper``: one requirement's build, and what the store knows of it;
* ``backends``: backends that stay imported between hooks;
* ``jobs``, ``transcript``, ``live``: what runs beside pip, and how it is told of;
* ``install``, ``placement``: a wheel's files, from its tree; ``readying``, ``readying_process``: before pip asks;
* ``nested``, ``build_environment``: build requirements, placed from the store or installed by a child process of pip's;
* ``resolution``, ``inner``: what they come to, remembered or resolved here;
* ``runner``: us on another interpreter, for those and for ``--python``;
* ``cache_command``: ``cache dir|info|list|remove|purge`` for pip's cache and ours; ``cache_care``: its further ones.

pip's internals are no API: every name and parameter that is relied on is checked before anything is set.
"""
