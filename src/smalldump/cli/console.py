"""The console: printing that survives closed pipes, full disks, poor encodings and terminals without colours."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import TextIO, cast

import click

__all__ = [
    "OutputLost",
    "abandon_output",
    "complain",
    "flush",
    "internal_error",
    "paper_width",
    "ready_streams",
    "say",
    "screen_width",
]

_WIDTH_OF_FILES = 100
_NARROWEST = 40
_NO_LIMIT = 100_000
_LONGEST_WORDS = 200
# Windows says EINVAL where the reader of a pipe has gone.
_READER_GONE = (errno.EPIPE, errno.EINVAL) if sys.platform == "win32" else (errno.EPIPE,)


class OutputLost(Exception):
    """Standard output takes no more.

    Attributes:
        reader_gone: Whether whoever read it has simply had enough (`| head`).
        why: The system's words.
    """

    def __init__(self, error: OSError) -> None:
        self.reader_gone = error.errno in _READER_GONE
        self.why = error.strerror or str(error)
        super().__init__(self.why)


def ready_streams() -> None:
    """Make sure of standard streams that take any character: what an encoding lacks becomes a backslash escape."""
    # A program without a console, or one whose streams were closed by its caller, has None there.
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout = sys.stdout or _nowhere("w")
    sys.stderr = sys.stderr or _nowhere("w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _nowhere(mode: str) -> TextIO:
    return cast("TextIO", open(os.devnull, mode, encoding="utf-8"))


def say(text: str, end: str = "\n") -> None:
    """Print to standard output; colours only where a terminal shows them.

    Raises:
        OutputLost: It takes no more.
    """
    try:
        click.echo(text + end, file=sys.stdout, nl=False, color=_colour())
    except OSError as error:
        raise OutputLost(error) from error


def complain(text: str) -> None:
    """Print one line to standard error, whatever the text holds; if nobody takes that, there is no one to tell."""
    from smalldump.escape import escape

    with suppress(OSError):
        click.echo(f"{click.style('smalldump:', fg='red')} {escape(text)}", file=sys.stderr, color=_colour())


def internal_error(error: Exception) -> str:
    """A mistake of ours in one line: its kind, its place in our code, its words."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else ""
    return f"internal error, please report it: {type(error).__name__}{place} ({str(error)[:_LONGEST_WORDS]})"


def flush() -> None:
    """Bring out what has been printed.

    Raises:
        OutputLost: Standard output takes no more.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        raise OutputLost(error) from error


def abandon_output() -> None:
    """Let what cannot be printed any more vanish, so that the interpreter does not try again at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def screen_width() -> int:
    """Characters in a line of the terminal (or of COLUMNS); 100 where the output goes elsewhere."""
    return max(shutil.get_terminal_size((_WIDTH_OF_FILES, 24)).columns, _NARROWEST)


def paper_width() -> int:
    """Characters that a line of a table may take: those of the terminal (or of COLUMNS); no end of them elsewhere."""
    return screen_width() if sys.stdout.isatty() or os.environ.get("COLUMNS") else _NO_LIMIT


def _colour() -> bool | None:
    # None leaves it to click: colours on terminals only.
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None
