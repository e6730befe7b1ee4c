"""Walking the kernel's linked lists, which nobody promises to be whole."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from smalldump.memory import AddressSpace
from smalldump.model.machine import Machine

__all__ = ["ListEnd", "Walked", "walk_list"]


class ListEnd(Enum):
    """Why a walk ended; only the first means that the list was whole."""

    WHOLE = "it came back to its head"
    LOOP = "it loops without coming back to its head"
    CUT = "an entry is not in the dump"
    NONSENSE = "an entry leads to no kernel address"
    LIMIT = "it is longer than any list of its kind"


class Walked(NamedTuple):
    """What a walk found.

    Attributes:
        entries: Addresses in order, each once; of a broken list also those that the way back leads to.
        end: Why the walk forwards ended.
        at: The entry whose link was followed last.
        backwards: How many of the entries only the way back found.
    """

    entries: tuple[int, ...]
    end: ListEnd
    at: int
    backwards: int = 0


def walk_list(memory: AddressSpace, machine: Machine, head: int, limit: int) -> Walked:
    """The entries of the LIST_ENTRY list at `head`, in its order.

    Args:
        limit: Most entries that such a list can have.
    """
    links = _Links(memory, machine, head)
    forwards, end, at = links.follow(0, limit)
    if end in (ListEnd.WHOLE, ListEnd.LIMIT):
        return Walked(tuple(forwards), end, at)
    backwards, _, _ = links.follow(machine.pointer, limit - len(forwards), frozenset(forwards))
    return Walked((*forwards, *reversed(backwards)), end, at, len(backwards))


class _Links(NamedTuple):
    memory: AddressSpace
    machine: Machine
    head: int

    def follow(self, link: int, limit: int, known: frozenset[int] = frozenset()) -> tuple[list[int], ListEnd, int]:
        # `link`: offset of the pointer that is followed; `known`: entries that were met on the way forwards.
        found: dict[int, None] = {}
        at = self.head
        while True:
            following = self.memory.word(at + link, self.machine.pointer)
            end = self._end(following, found, known, limit)
            if end is ListEnd.CUT:
                found.pop(at, None)  # what cannot be read is no entry
            if end is not None or following is None:
                return list(found), end or ListEnd.CUT, at
            found[following] = None
            at = following

    def _end(self, following: int | None, found: dict[int, None], known: frozenset[int], limit: int) -> ListEnd | None:
        if following is None:
            return ListEnd.CUT
        if following == self.head:
            return ListEnd.WHOLE
        if following < self.machine.kernel_start or following % self.machine.pointer:
            return ListEnd.NONSENSE
        if following in found or following in known:
            return ListEnd.LOOP
        return ListEnd.LIMIT if len(found) >= limit else None
