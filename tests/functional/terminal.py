"""A program in a pseudo-terminal of its own: what it is typed, and what it shows."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

TIMEOUT_SECONDS = 30

_SEQUENCES = re.compile(r"\x1b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78A-Z])")
"""What moves the cursor, or sets colours and titles."""


class Terminal:
    """A process, whose terminal is ours to read from and to type into."""

    def __init__(
        self, command: Sequence[str | Path], *, environ: Mapping[str, str], cwd: Path, columns: int = 120
    ) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self._raw = b""
        self._seen = 0
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={"TERM": "xterm-256color", **environ},
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509
        )
        os.close(slave)

    @property
    def raw(self) -> str:
        """All that was shown until now, with what controls the terminal."""
        return self._raw.decode(errors="replace")

    @property
    def text(self) -> str:
        """All that was shown until now, without that."""
        return _SEQUENCES.sub("", self.raw)

    def type(self, text: str) -> None:
        """Type *text*; a line ends with a carriage return."""
        os.write(self._master, text.encode())

    def wait_for(self, text: str) -> str:
        """Return what is shown since the last time, up to *text*."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while (end := self.text.find(text, self._seen)) < 0:
            assert time.monotonic() < deadline, f"not shown: {text!r}\n{self.text}"
            assert self._read(0.1), f"ended without {text!r}\n{self.text}"
        start, self._seen = self._seen, end + len(text)
        return self.text[start : self._seen]

    def finish(self) -> int:
        """Read to the end, and return the exit status."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while self._read(0.1):
            assert time.monotonic() < deadline, f"does not end\n{self.text}"
        return self.process.wait(timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        """Hang up."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._master)

    def _read(self, seconds: float) -> bool:
        """Read what there is; tell whether there may be more."""
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return True
        try:
            read = os.read(self._master, 65536)
        except OSError:
            # Linux says so when nobody has the terminal open any more.
            return False
        self._raw += read
        return bool(read)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # A test run in the background of a shell ignores Ctrl-C, and would hand that down.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def open_terminal(
    command: Sequence[str | Path], *, environ: Mapping[str, str], cwd: Path, columns: int = 120
) -> Iterator[Terminal]:
    """Start *command* in a terminal, which is closed at the end."""
    terminal = Terminal(command, environ=environ, cwd=cwd, columns=columns)
    try:
        yield terminal
    finally:
        terminal.close()


def screen(raw: str, columns: int) -> list[str]:
    """Return the lines that stay in a terminal of *columns* columns when *raw* has been shown, without colours.

    One that goes on in the next row is one line.
    """
    rows = _Rows(columns)
    for control, text in re.findall(r"(\x1b\[[?0-9;]*[A-Za-z]|[\r\n\b])|([^\x1b\r\n\b]+)", raw):
        rows.control(control)
        for character in text:
            rows.put(character)
    return rows.lines()


class _Rows:
    """What a terminal shows, and where its cursor is."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._texts: list[str] = [""]
        self._going_on: set[int] = set()
        """Rows that continue the one before."""

        self._row = self._column = 0

    def put(self, character: str) -> None:
        if self._column == self._columns:
            self._row, self._column = self._row + 1, 0
            self._going_on.add(self._row)
        self._texts.extend([""] * (self._row + 1 - len(self._texts)))
        text = self._texts[self._row]
        self._texts[self._row] = text[: self._column].ljust(self._column) + character + text[self._column + 1 :]
        self._column += 1

    def control(self, control: str) -> None:
        if control == "\n":
            self._row += 1
        elif control == "\r":
            self._column = 0
        elif control == "\b":
            self._column -= 1
        elif control.endswith("A"):
            self._row -= int(control[2:-1] or 1)
        elif control == "\x1b[2K":
            self._texts[self._row : self._row + 1] = [""]
            self._going_on.discard(self._row)
        elif control == "\x1b[K":
            self._texts[self._row] = self._texts[self._row][: self._column]

    def lines(self) -> list[str]:
        whole: list[str] = []
        for number, text in enumerate(self._texts):
            whole[-1:] = [whole[-1] + text] if number in self._going_on else [*whole[-1:], text]
        return [line.rstrip() for line in whole]
