"""Which source reads a file: an ordered table of signatures."""

from __future__ import annotations

from collections.abc import Callable

from smalldump.layout.dump import SIGNATURE_32, SIGNATURE_64
from smalldump.model import Snapshot
from smalldump.sources.small import SmallDump

__all__ = ["SOURCES", "open_snapshot"]

Opener = Callable[[memoryview, str, Callable[[], None]], Snapshot]

SOURCES: tuple[tuple[bytes, Opener], ...] = ((SIGNATURE_64, SmallDump), (SIGNATURE_32, SmallDump))
"""First bytes and the source that reads such files."""


def open_snapshot(data: memoryview, name: str, release: Callable[[], None] = lambda: None) -> Snapshot:
    """The machine that the bytes of a file describe.

    Args:
        data: The whole file.
        name: What to call it in messages.
        release: Called when the snapshot is closed.

    Raises:
        FormatError: The bytes are no kernel dump, or one of a kind that is not read.
    """
    for signature, opener in SOURCES:
        if data[: len(signature)] == signature:
            return opener(data, name, release)
    return SmallDump(data, name, release)  # which says what is wrong with the signature
