"""All parts of a command that has something to install; see ``beginning``."""

from __future__ import annotations

from pipcache_plugin.pip_bridge import ahead, build, install, jobs, lookup, nested, prepare, resolution, transcript

SEAMS = [
    *lookup.SEAMS,
    *ahead.SEAMS,
    *prepare.SEAMS,
    *build.SEAMS,
    *install.SEAMS,
    *transcript.SEAMS,
    # What installs build requirements is one of the processes of jobs: set after them, to be around it.
    *jobs.SEAMS,
    *nested.SEAMS,
    *resolution.SEAMS,
]
