"""Reading from an image by RVA: what the parts of an image need of it."""

from __future__ import annotations

from typing import Protocol

__all__ = ["ImageBytes"]


class ImageBytes(Protocol):
    """Bytes of an image; all places are RVAs."""

    def read_some(self, rva: int, size: int) -> bytes:
        """Read at most `size` bytes from `rva` on, stopping at the first byte that is not there."""

    def read(self, rva: int, size: int) -> bytes:
        """Read `size` bytes from `rva` on, or raise MemoryUnavailable."""

    def read_raw(self, offset: int, size: int) -> bytes:
        """Read at most `size` bytes at a file offset; nothing where there is no file."""

    def view(self, rva: int, size: int, /) -> memoryview | None:
        """All `size` bytes from `rva` on, or None where they are not at hand."""
