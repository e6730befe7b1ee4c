"""Reading many words from one piece of stack."""

from __future__ import annotations

from smalldump.memory import AddressSpace
from smalldump.unwind.unwound import NotUnwound, Stuck

__all__ = ["StackReader"]

_AHEAD = 512
"""Bytes that are read at once; most frames are smaller."""


class StackReader:
    """Memory from a stack pointer on, read once, and other memory where it is asked for."""

    def __init__(self, memory: AddressSpace, start: int) -> None:
        self._memory, self._start = memory, start
        self._ahead = memory.read_some(start, _AHEAD)

    def read(self, address: int, size: int) -> bytes:
        """Read `size` bytes at `address`.

        Raises:
            Stuck: Some are not there.
        """
        at = address - self._start
        if at >= 0 and at + size <= len(self._ahead):
            return self._ahead[at : at + size]
        data = self._memory.read_some(address, size)
        if len(data) < size:
            raise Stuck(NotUnwound.NO_STACK)
        return data

    def word(self, address: int, size: int = 8) -> int:
        """Read an unsigned little-endian integer of `size` bytes at `address`.

        Raises:
            Stuck: It is not there.
        """
        return int.from_bytes(self.read(address, size), "little")
