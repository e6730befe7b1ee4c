"""`file.ptr`: what a symbol store has instead of a file: the place of the file, or a message.

Source: SymStore's /p and /m options in Microsoft's documentation: `PATH:` and `MSG:`, or only a path.

A pointer is another party's word, so it may not lead just anywhere:

- in a folder it may name a file of this machine, or one on the file server where the folder itself is;
- from a server it may name only what the same server has, never a file of this machine.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from smalldump.escape import escape, shortened

__all__ = ["LONGEST_POINTER", "Pointer", "local_target", "parse_pointer", "remote_target"]

LONGEST_POINTER = 4096
"""Bytes of a pointer; more of it is not looked at."""

_LONGEST_MESSAGE = 200
_SHARE = re.compile(r"[\\/]{2}([^\\/]+)[\\/]")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


class Pointer(NamedTuple):
    """What a pointer says: either is empty.

    Attributes:
        target: The place of the file.
        message: Words for people, safe to show.
    """

    target: str
    message: str


def parse_pointer(data: bytes) -> Pointer:
    """Read a pointer; what is neither a path nor a message is a message that says so."""
    text = data[:LONGEST_POINTER].decode("utf-8-sig", "replace").strip().rstrip("\0")
    head, colon, rest = text.partition(":")
    if colon and head.upper() == "MSG":
        return Pointer("", escape(shortened(rest.strip(), _LONGEST_MESSAGE)))
    target = rest.strip() if colon and head.upper() == "PATH" else text
    if not target or not target.isprintable():
        return Pointer("", "the pointer holds no path")
    return Pointer(target, "")


def local_target(target: str, store: Path) -> Path | str:
    """The file that a pointer in a folder leads to, or in words why it may not."""
    if "://" in target:
        return "the pointer leads to a URL"
    share = _SHARE.match(target)
    if share is not None:
        own = _SHARE.match(str(store))
        if own is None or own[1].lower() != share[1].lower():
            return "the pointer leads to another file server"
    path = Path(target)
    if not (path.is_absolute() or share or _DRIVE.match(target)):
        return "the pointer's path is not absolute"
    return path


def remote_target(target: str, base: str) -> str | None:
    """The URL that a server's pointer leads to, or None where it would leave the server that gave it."""
    if "\\" in target or _DRIVE.match(target) or target.lower().startswith("file:"):
        return None
    try:
        url = urlsplit(urljoin(base + "/", target))
        here = urlsplit(base)
        same = (url.scheme, url.hostname, url.port) == (here.scheme, here.hostname, here.port)
    except ValueError:
        return None
    return url._replace(netloc=here.netloc, fragment="").geturl() if same and url.username is None else None
