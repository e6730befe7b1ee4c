"""What the entries of page tables say, for each way in which Windows' processors translate addresses.

Source: Intel SDM vol. 3A, chapter 4 (tables 4-4 to 4-20); Arm ARM, D8.3 (4 KiB granule, 48-bit addresses); the
MMPTE_* structures of Windows' public symbols for entries that the processor takes for invalid.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

__all__ = ["Level", "PageState", "PagingKind", "Scheme", "Translation"]

_VALID = 1
# Entries that are not valid belong to Windows: MMPTE_SOFTWARE, MMPTE_TRANSITION and MMPTE_PROTOTYPE keep these two
# bits at the same place on x86, x64 and ARM64.
_PROTOTYPE = 1 << 10
_TRANSITION = 1 << 11
_NEVER = -1


class PageState(Enum):
    """What the page tables say about an address; the value is the reason in words."""

    VALID = "mapped"
    TRANSITION = "in transition: taken from its owner, still in memory"
    PROTOTYPE = "shared, and behind a prototype entry"
    PAGED_OUT = "paged out, or never touched"
    UNMAPPED = "not mapped"
    MALFORMED = "its page table entry has reserved bits set"
    NO_TABLE = "a page table on the way to it is not in memory"
    NO_ADDRESS = "no address that this machine can use"

    @property
    def resident(self) -> bool:
        """Whether the entry names a page of physical memory that holds the contents."""
        return self in (PageState.VALID, PageState.TRANSITION)


class Level(NamedTuple):
    """One level of page tables.

    Attributes:
        shift: Address bits below the index; `1 << shift` bytes belong to an entry.
        mask: Of the index, behind the shift.
        test: Bits of a valid entry that tell what it leads to.
        table: Their value if it leads to another table.
        page: Their value if it maps a page.
        frame: Mask of the page's physical address.
        high: Mask of the bits that belong 19 places higher: bits 32 to 39 of a 4 MiB page's address (PSE-36).
        pageable: Whether Windows keeps entries of its own here.
    """

    shift: int
    mask: int
    test: int
    table: int
    page: int
    frame: int
    high: int = 0
    pageable: bool = True

    def state(self, entry: int) -> PageState | None:
        """What `entry` says about its addresses, or None if it leads to another table."""
        if entry & _VALID:
            kind = entry & self.test
            if kind == self.table:
                return None
            return PageState.VALID if kind == self.page else PageState.MALFORMED
        if not entry:
            return PageState.UNMAPPED
        if entry & _PROTOTYPE:
            return PageState.PROTOTYPE
        if entry & _TRANSITION and self.pageable:
            # A table can be in transition too; bit 7 is a part of the protection then (volatility3, pull request 518).
            return None if self.table != _NEVER else PageState.TRANSITION
        return PageState.PAGED_OUT


class Scheme(NamedTuple):
    """The tables of one way of translating.

    Attributes:
        width: Bytes per entry.
        root: Mask of the root's physical address, in CR3 or TTBR.
        frame: Mask of a table's physical address, in an entry.
        transition: Mask of the physical address of what is in transition.
        bits: Of an address.
        signed: Whether addresses go on to 64 bits with copies of their topmost bit.
        levels: From the root on.
    """

    width: int
    root: int
    frame: int
    transition: int
    bits: int
    signed: bool
    levels: tuple[Level, ...]

    def halves(self) -> tuple[tuple[int, int, int], ...]:
        """The ranges `[start, end)` of usable addresses, ascending, and where the root's entry 0 would lie."""
        if not self.signed:
            return ((0, 1 << self.bits, 0),)
        half, end = 1 << self.bits - 1, 1 << 64
        return (0, half, 0), (end - half, end, end - 2 * half)

    def table_address(self, entry: int) -> int:
        """The physical address of the table that `entry` leads to."""
        return entry & (self.frame if entry & _VALID else self.transition)

    def page_address(self, level: Level, entry: int) -> int:
        """The physical address of the page that `entry` maps."""
        if entry & _VALID:
            return entry & level.frame | (entry & level.high) << 19
        return entry & self.transition

    def usable(self, address: int) -> bool:
        """Whether the processor takes `address` at all: canonical, or no longer than 32 bits."""
        if not self.signed:
            return address >> self.bits == 0
        return address >> self.bits - 1 in (0, (1 << 65 - self.bits) - 1)


_FRAME_64 = 0x000FFFFFFFFFF000
_FRAME_ARM64 = 0x0000FFFFFFFFF000
# Against L1TF, Windows sets bit 45 in entries that are not valid, if their SwizzleBit is clear: seen in pages in
# transition on 64-bit machines (volatility3, pull request 475). The price: no page beyond 32 TiB is in transition.
_TRANSITION_64 = 0x00001FFFFFFFF000


def _upper(shift: int) -> Level:
    # Bit 7 is reserved: no page is that large.
    return Level(shift, 0x1FF, 0x81, 0x01, _NEVER, 0)


def _large(shift: int) -> Level:
    return Level(shift, 0x1FF, 0x81, 0x01, 0x81, _FRAME_64 & -1 << shift)


def _arm_block(shift: int) -> Level:
    return Level(shift, 0x1FF, 3, 3, 1, _FRAME_ARM64 & -1 << shift)


_PTE = Level(12, 0x1FF, 1, _NEVER, 1, _FRAME_64)
_X64 = (_upper(39), _large(30), _large(21), _PTE)


class PagingKind(Enum):
    """A way of translating addresses; the value is what to call it."""

    X86 = "x86"
    PAE = "x86 with PAE"
    X64 = "x64 with 4 levels"
    LA57 = "x64 with 5 levels"
    ARM64 = "ARM64"

    @property
    def scheme(self) -> Scheme:
        """How its tables look."""
        return _SCHEMES[self]


_SCHEMES = {
    PagingKind.X86: Scheme(
        width=4,
        root=0xFFFFF000,
        frame=0xFFFFF000,
        transition=0xFFFFF000,
        bits=32,
        signed=False,
        levels=(
            Level(22, 0x3FF, 0x81, 0x01, 0x81, 0xFFC00000, high=0x001FE000),
            Level(12, 0x3FF, 1, _NEVER, 1, 0xFFFFF000),
        ),
    ),
    PagingKind.PAE: Scheme(
        width=8,
        root=0xFFFFFFE0,
        frame=_FRAME_64,
        transition=_TRANSITION_64,
        bits=32,
        signed=False,
        levels=(_upper(30)._replace(mask=3, pageable=False), _large(21), _PTE),
    ),
    PagingKind.X64: Scheme(
        width=8, root=_FRAME_64, frame=_FRAME_64, transition=_TRANSITION_64, bits=48, signed=True, levels=_X64
    ),
    PagingKind.LA57: Scheme(
        width=8,
        root=_FRAME_64,
        frame=_FRAME_64,
        transition=_TRANSITION_64,
        bits=57,
        signed=True,
        levels=(_upper(48), *_X64),
    ),
    # One root for both halves, as Windows' debuggers take it: TTBR1's table serves the upper half of the indices.
    PagingKind.ARM64: Scheme(
        width=8,
        root=_FRAME_ARM64,
        frame=_FRAME_ARM64,
        transition=_FRAME_ARM64,
        bits=48,
        signed=True,
        levels=(
            Level(39, 0x1FF, 3, 3, _NEVER, 0),
            _arm_block(30),
            _arm_block(21),
            Level(12, 0x1FF, 3, _NEVER, 3, _FRAME_ARM64),
        ),
    ),
}


class Translation(NamedTuple):
    """Which tables translate, and how.

    Attributes:
        kind: The way of translating.
        root: Physical address of the topmost table, as the header, CR3 or TTBR1 holds it: flags, PCID and ASID in the
            bits around it are ignored.
    """

    kind: PagingKind
    root: int

    @property
    def table(self) -> int:
        """Physical address of the topmost table."""
        return self.root & self.kind.scheme.root
