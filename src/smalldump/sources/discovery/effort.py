"""How much a discovery may look at: memory is not trusted, so its time is bounded."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.memory import AddressSpace

__all__ = ["PAGE", "Effort", "pieces"]

PAGE = 0x1000
_PIECE = 1 << 20
_OVERLAP = 0x400


class Effort:
    """Pages that may still be looked at through page tables.

    A machine's kernel lies within some ten thousand mapped pages; hostile tables can map one page everywhere.
    """

    def __init__(self, pages: int) -> None:
        self.left = pages

    def spend(self, pages: int = 1) -> bool:
        """Whether that many are left; they are taken."""
        self.left -= pages
        return self.left >= 0


def pieces(space: AddressSpace, start: int, end: int, effort: Effort) -> Iterator[tuple[int, bytes]]:
    """What can be read of `[start, end)` in pieces of at most 1 MiB, ascending.

    Neighbouring pieces overlap, so that no small structure is cut by their border.
    """
    position = space.next_readable(start, end)
    while position is not None:
        data = space.read_some(position, min(_PIECE, end - position))
        if not data or not effort.spend(-(-len(data) // PAGE)):
            return
        yield position, data
        position += len(data) - _OVERLAP if len(data) == _PIECE else len(data)
        position = space.next_readable(position, end)
