"""Backends that stay imported between the hooks of one build: two of three processes need not import setuptools again.

Each hook has a process of its own all the same, a fork of one that has imported the backend and nothing else; see
``building/__pipcache-backend__.py``. So it is for one backend, whose import is known to leave no trace, from the build
environment, on systems where a fork is safe, and as long as nothing is installed in between.
"""

from __future__ import annotations

import contextlib
import contextvars
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pipcache_plugin import building

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_KNOWN = {"setuptools.build_meta", "setuptools.build_meta:__legacy__"}

_MOST_IDLE = 8
"""So many processes wait for a next hook, each with some 20 MB of its own."""

_SCRIPT = Path(building.__file__).with_name("__pipcache-backend__.py")

_idle: list[ImportedBackend] = []
_lock = threading.Lock()


class ImportedBackend:
    """The backend of one build; threads take turns."""

    def __init__(self, note_process: Callable[[subprocess.Popen[Any]], None]) -> None:
        """Nothing is started yet.

        :param note_process: told of the process, so that it ends with the command at the latest.
        """
        self._note_process = note_process
        self._server: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._start: tuple[object, ...] = ()
        self._is_refused = False

    def start_hook(self, command: Sequence[str], cwd: str | None, environ: Mapping[str, str]) -> Hook | None:
        """Start a hook; ``None`` where it needs a process of the usual kind.

        :param command: an interpreter, the script that calls hooks, and its arguments.
        """
        python, script, *arguments = command
        with _lock:
            # From here on nobody else ends it.
            if self in _idle:
                _idle.remove(self)
        start = (python, script, cwd, dict(environ))
        try:
            if self._connection is None and not self._is_refused and _is_known(environ):
                self._start = start
                self._connect(python, script, cwd, environ)
            if self._connection is None or start != self._start:
                return None
            reader, writer = os.pipe()
        except OSError:
            # No such sockets, too many files, no memory: the usual way may be open.
            self._is_refused = True
            self.close()
            return None
        try:
            socket.send_fds(self._connection, [json.dumps(arguments).encode("ascii")], [writer])
        except OSError:
            os.close(reader)
            self.close()
            return None
        finally:
            os.close(writer)
        return Hook(self, reader, command)

    def wait(self) -> int:
        """Wait for the hook to end; return its exit status."""
        assert self._connection is not None, "a hook was started"
        with contextlib.suppress(OSError, ValueError):
            status = int(self._connection.recv(64))
            self._put_aside()
            return status
        # The process was killed, and the hook with it.
        self.close()
        return -signal.SIGKILL

    def close(self) -> None:
        """End the process; done twice is a no-op. What comes next is imported anew."""
        with _lock:
            if self in _idle:
                _idle.remove(self)
            held = self._let_go()
        _end(*held)

    def _let_go(self) -> tuple[socket.socket | None, subprocess.Popen[bytes] | None]:
        held = self._connection, self._server
        self._connection = self._server = None
        return held

    def _connect(self, python: str, script: str, cwd: str | None, environ: Mapping[str, str]) -> None:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection = ours
        with its:
            self._server = subprocess.Popen(
                [python, str(_SCRIPT), script, str(its.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=cwd,
                env=environ,
                pass_fds=[its.fileno()],
            )
        self._note_process(self._server)
        with contextlib.suppress(OSError):
            if ours.recv(64):
                return
        self._is_refused = True
        self.close()

    def _put_aside(self) -> None:
        with _lock:
            _idle.append(self)
            # While it is idle, and the lock held: then its own thread does not use it.
            held = _idle.pop(0)._let_go() if len(_idle) > _MOST_IDLE else (None, None)
        _end(*held)


def _end(connection: socket.socket | None, server: subprocess.Popen[bytes] | None) -> None:
    if connection is not None:
        connection.close()
    if server is not None:
        server.wait()


class Hook:
    """A hook that runs; stands in for the ``Popen`` of its process."""

    def __init__(self, backend: ImportedBackend, output: int, command: Sequence[str]) -> None:
        self.args = command
        self.stdin: IO[str] = io.StringIO()
        self.stdout: IO[str] = open(output, encoding="locale", errors="backslashreplace")  # noqa: SIM115 (closed by who reads)
        self.returncode: int | None = None
        self._backend = backend

    def wait(self) -> int:
        """Wait for its end; return the exit status."""
        if self.returncode is None:
            self.returncode = self._backend.wait()
        return self.returncode


def _is_known(environ: Mapping[str, str]) -> bool:
    is_ours = environ.get("_PYPROJECT_HOOKS_BUILD_BACKEND") in _KNOWN
    return is_ours and "_PYPROJECT_HOOKS_BACKEND_PATH_JSON" not in environ and sys.platform == "linux"


_offered: contextvars.ContextVar[ImportedBackend | None] = contextvars.ContextVar("offered", default=None)


@contextlib.contextmanager
def offered(backend: ImportedBackend | None) -> Iterator[None]:
    """Let the hook that is called while this lasts run with *backend*, if it can."""
    token = _offered.set(backend)
    try:
        yield
    finally:
        _offered.reset(token)


def start_hook(command: Sequence[str], cwd: str | None, environ: Mapping[str, str]) -> Hook | None:
    """Start a hook with the backend that is offered; see ``ImportedBackend.start_hook``."""
    backend = _offered.get()
    return backend.start_hook(command, cwd, environ) if backend is not None else None
