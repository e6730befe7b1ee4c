"""Where a guest's monitor is: `qmp:SOCKET`, or `qmp:NAME=SOCKET` to give the guest a name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["GuestAddress", "parse_address"]

_SCHEME = "qmp:"


class GuestAddress(NamedTuple):
    """The monitor of a virtual machine.

    Attributes:
        socket: A Unix socket that speaks QMP.
        name: What to call the guest; empty: what QEMU calls it, else the socket's name.
    """

    socket: Path
    name: str = ""

    @property
    def shown(self) -> str:
        """A name for messages, before the guest was asked for its own."""
        return self.name or self.socket.stem


def parse_address(text: str) -> GuestAddress:
    """Read an address.

    Raises:
        ValueError: It is none.
    """
    if not text.startswith(_SCHEME):
        raise ValueError(f"{text!r} is no monitor: expected qmp:SOCKET or qmp:NAME=SOCKET")
    name, separator, socket = text.removeprefix(_SCHEME).partition("=")
    if not separator or "/" in name:
        name, socket = "", text.removeprefix(_SCHEME)
    if not socket or "\0" in socket:
        raise ValueError(f"{text!r} names no socket")
    return GuestAddress(Path(socket), name)
