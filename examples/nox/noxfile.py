"""Installs of sessions go through the cache."""

import nox


def install(session: nox.Session, *args: str) -> None:
    """Install as ``session.install`` does, through the cache."""
    session.run_install("pipcache", "--python", session.virtualenv.location, "install", *args, external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """Import what was installed."""
    install(session, "docopt==0.6.2")
    session.run("python", "-c", "import docopt")
