"""Finding KDDEBUGGER_DATA64, plain or encoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from smalldump.layout.debugger_data import DebuggerDataHeader, KdDebuggerData64
from smalldump.layout.kernel_lists import KldrDataTableEntry32, KldrDataTableEntry64
from smalldump.layout.record import Field
from smalldump.memory import AddressSpace
from smalldump.model.machine import Machine
from smalldump.sources.discovery.effort import Effort, pieces
from smalldump.sources.discovery.encoded_block import decode, encoded_places, guesses_without_base, keys_for

__all__ = [
    "Block",
    "Place",
    "first_module",
    "kern_base",
    "loaded_modules",
    "plain_block",
    "search_encoded",
    "search_plain",
    "search_without_base",
    "word",
]

_TAG = b"KDBG"
_TAG_AT = DebuggerDataHeader.owner_tag.offset
_SMALLEST, _LARGEST = 0x208, 0x1000
_DECODED = 16
"""Pages that could be looked at in the time that decoding takes."""


class Place(NamedTuple):
    """Where to search: ranges `[start, end)` of addresses, and what to call them."""

    spans: tuple[tuple[int, int], ...]
    words: str


class Block(NamedTuple):
    """A debugger data block.

    Attributes:
        address: Where it lies.
        data: Its bytes, decoded; fewer than its header says where memory ends.
        encoded: Whether it is encoded in memory.
        how: How it was found.
    """

    address: int
    data: bytes
    encoded: bool
    how: str


def word(data: bytes, field: Field[int], machine: Machine) -> int:
    """An address out of a plain block, 0 where it is too short; 32-bit addresses may come with any upper half."""
    return int.from_bytes(data[field.offset : field.end].ljust(8, b"\0"), "little") & machine.mask


def kern_base(data: bytes, machine: Machine) -> int:
    """Base of the kernel image, by a plain block."""
    return word(data, KdDebuggerData64.kern_base, machine)


def loaded_modules(data: bytes, machine: Machine) -> int:
    """Address of the head of the list of loaded modules, by a plain block."""
    return word(data, KdDebuggerData64.ps_loaded_module_list, machine)


def plain_block(space: AddressSpace, machine: Machine, address: int, how: str) -> Block | None:
    """The block at `address`, if there is one that is not encoded."""
    head = space.try_read(address, DebuggerDataHeader.SIZE)
    if head is None:
        return None
    header = DebuggerDataHeader(head)
    if header.owner_tag != _TAG or not _SMALLEST <= header.size <= _LARGEST:
        return None
    block = Block(address, space.read_some(address, header.size), False, how)
    base, modules = kern_base(block.data, machine), loaded_modules(block.data, machine)
    if base & 0xFFF or min(base, modules) < machine.kernel_start:
        return None
    return block


def search_plain(space: AddressSpace, machine: Machine, place: Place, effort: Effort, kernel: int = 0) -> Block | None:
    """The first plain block there; where the kernel's base is known, the first one that names it."""
    for position, data in _all(space, place.spans, effort):
        for at in _places(data, _TAG):
            block = plain_block(space, machine, position + at - _TAG_AT, f"its tag in {place.words}")
            if block is not None and kernel in (0, kern_base(block.data, machine)):
                return block
            if not effort.spend():
                return None
    return None


def _places(data: bytes, wanted: bytes) -> Iterator[int]:
    at = data.find(wanted)
    while at >= 0:
        yield at
        at = data.find(wanted, at + 1)


def search_encoded(space: AddressSpace, kernel: int, place: Place, effort: Effort) -> Block | None:
    """The first encoded block there that holds the kernel's base."""
    keys = keys_for(kernel)
    for position, data in _all(space, place.spans, effort):
        skipped = -position % 8
        for offset, key in encoded_places(data[skipped:], keys):
            address = position + skipped + offset
            plain = decode(space.read_some(address, key[1]), kernel, key)
            if plain is not None:
                return Block(address, plain, True, f"its encoding in {place.words}, undone with the kernel's base")
            if not effort.spend(_DECODED):
                return None
    return None


def search_without_base(space: AddressSpace, machine: Machine, place: Place, effort: Effort) -> Block | None:
    """The first encoded block there whose KernBase is the base of the first module in its own list."""
    for position, data in _all(space, place.spans, effort):
        skipped = -position % 8
        for offset, guesses in guesses_without_base(data[skipped:]):
            address = position + skipped + offset
            for base, key in guesses:
                plain = decode(space.read_some(address, key[1]), base, key)
                if plain is not None and first_module(space, machine, loaded_modules(plain, machine)) == base:
                    return Block(address, plain, True, "its encoding, undone with its own list entry")
            if not effort.spend(_DECODED * max(len(guesses), 1)):
                return None
    return None


def _all(space: AddressSpace, spans: Iterable[tuple[int, int]], effort: Effort) -> Iterator[tuple[int, bytes]]:
    for start, end in spans:
        yield from pieces(space, start, end, effort)


def first_module(space: AddressSpace, machine: Machine, head: int) -> int:
    """DllBase of the first entry of the list of loaded modules at `head`: the kernel's base; 0 if it makes none."""
    entry = KldrDataTableEntry64 if machine.bits == 64 else KldrDataTableEntry32
    first = space.word(head, machine.pointer) if head >= machine.kernel_start else None
    if first is None or first == head or first < machine.kernel_start:
        return 0
    base = space.word(first + entry.dll_base.offset, machine.pointer) or 0
    return base if base >= machine.kernel_start and not base & 0xFFF else 0
