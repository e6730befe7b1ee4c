"""The budget: what is given up, and in which order, so that a dump fits into its size.

Optional blocks and blobs go first, then the pages of registers and what the other processors did, the drivers' folders,
all other blocks, stack down to 4 KB, unloaded drivers, and the drivers that matter least. What is left is mandatory:
with less, `BudgetTooSmall`. The KPRCB of a 64-bit machine is shortened at once where the file is to be small, else when
nothing else is left to give up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from smalldump.errors import BudgetTooSmall
from smalldump.layout.blobs import DumpBlobFileHeader
from smalldump.layout.debugger_data import KdDebuggerData64
from smalldump.layout.dump import DumpHeader64
from smalldump.layout.shortened import Shortened, shortened_note
from smalldump.layout.triage import DriverEntry32, DriverEntry64, TriageDataBlock, UnloadedDriver32, UnloadedDriver64
from smalldump.memory import RangeMap
from smalldump.model.machine import ARM64, X64
from smalldump.model.requests import Rank
from smalldump.writer.contents import Block, Contents
from smalldump.writer.plan import blob_size, driver_names, size_of, string_size

__all__ = ["Dropped", "fit"]

_NO_ROOM = "no room"
_LEAST_STACK = 0x1000
_SMALL_FOR_64_BITS = 0x20000
# What a shortened KPRCB keeps: all that debuggers read, up to the end of the special registers and well beyond.
# Source: format reference §9.7, tried with Microsoft's engine.
_SHORT_PRCB = {X64: 0x700, ARM64: 0x8B0}
_FAR = (Rank.REGISTER_PAGE, Rank.PROCESSORS)
_NEAR = (Rank.CODE, Rank.COMPONENT, Rank.UNWIND, Rank.USER, Rank.BUG_CHECK)


class Dropped(NamedTuple):
    """Something that was given up: what, how many bytes that saved, and why."""

    what: str
    saved: int
    why: str


class _Saving:
    """Contents that give up one thing after another until they fit."""

    def __init__(self, contents: Contents, budget: int | None) -> None:
        self.contents, self.budget, self.size = contents, budget, size_of(contents)
        self.dropped: list[Dropped] = []

    @property
    def excess(self) -> int:
        """Bytes that are too many; none where no size was asked for."""
        return 0 if self.budget is None else max(self.size - self.budget, 0)

    def give_up(self, what: str, why: str = _NO_ROOM, **changes: Any) -> None:
        """Go on with other contents, and note what that saved."""
        before = self.size
        self.contents = self.contents._replace(**changes)
        self.size = size_of(self.contents)
        self.dropped.append(Dropped(what, before - self.size, why))


def fit(
    contents: Contents, budget: int | None, needed_drivers: Collection[int] = ()
) -> tuple[Contents, tuple[Dropped, ...]]:
    """Give up what does not fit.

    Args:
        budget: Bytes of the file; None: no limit.
        needed_drivers: Base addresses of drivers that must stay: those on the stack.

    Returns:
        What is left, and what was given up, in the order in which it was.

    Raises:
        BudgetTooSmall: Not even what is mandatory fits.
    """
    saving = _Saving(_sharing_bytes(contents), budget)
    saving.dropped += [Dropped(what, 0, why) for what, why in contents.left_out]
    _drop_lone_array(saving)
    if budget is not None and budget < _SMALL_FOR_64_BITS:
        _shorten_prcb(saving)
    for step in _STEPS:
        if saving.excess:
            step(saving)
    if saving.excess:
        _drop_drivers(saving, needed_drivers)
    _shorten_prcb(saving)
    if budget is not None and saving.excess:
        raise BudgetTooSmall(saving.size, budget)
    return saving.contents, tuple(saving.dropped)


def _shorten_prcb(saving: _Saving) -> None:
    # That of a 64-bit machine takes most of 64 KB by itself.
    contents = saving.contents
    least = _SHORT_PRCB.get(contents.machine, len(contents.kprcb))
    told = len(contents.debugger_data) >= KdDebuggerData64.size_prcb.end
    if not saving.excess or not told or len(contents.kprcb) <= least:
        return
    block = bytearray(contents.debugger_data)
    KdDebuggerData64.size_prcb.codec.pack_into(block, KdDebuggerData64.size_prcb.offset, least)
    note = shortened_note(Shortened("KPRCB", contents.true_prcb_size, least))
    room = DumpHeader64.comment.size - len(note) - len("; ") - 1
    saving.give_up(
        f"KPRCB behind {least:#x}",
        kprcb=contents.kprcb[:least],
        debugger_data=bytes(block),
        blocks=tuple(_shortened(contents, least)),
        comment=f"{contents.comment[:room]}; {note}" if contents.comment else note,
    )


def _shortened(contents: Contents, least: int) -> Iterable[Block]:
    # The group's KPRCB block shrinks with it; the pointer to the frozen CONTEXT, which lies behind, gets its own block.
    for block in contents.blocks:
        if block.rank is not Rank.PROCESSOR_GROUP or block.alias != "KPRCB":
            yield block
            continue
        yield block._replace(data=block.data[:least])
        words = contents.debugger_data[KdDebuggerData64.offset_prcb_context.offset :][:2]
        offset = int.from_bytes(words, "little")
        if offset >= least:
            data = block.data[offset : offset + contents.machine.pointer]
            yield Block(block.address + offset, data, "PRCB.Context pointer", "", Rank.PROCESSOR_GROUP)


def _sharing_bytes(contents: Contents) -> Contents:
    """Blocks of the processor group that repeat a section point to its bytes."""
    blocks = list(contents.blocks)
    for index, block in enumerate(blocks):
        if block.rank is not Rank.PROCESSOR_GROUP:
            continue
        if block.address == contents.kprcb_address and block.data == contents.kprcb[: len(block.data)]:
            blocks[index] = block._replace(alias="KPRCB")
        elif block.data == contents.context[: len(block.data)]:
            blocks[index] = block._replace(alias="context")
    return contents._replace(blocks=tuple(blocks))


def _cost(block: Block) -> int:
    return TriageDataBlock.SIZE + (0 if block.alias else len(block.data))


def _drop_optional(saving: _Saving) -> None:
    _drop_blocks(saving, Rank.OTHER)
    if saving.excess:
        _drop_blobs(saving)


def _drop_blobs(saving: _Saving) -> None:
    # The largest first: few are lost that way.
    kept, excess = list(saving.contents.blobs), saving.excess
    for blob in sorted(kept, key=lambda each: -len(each.data)):
        if excess <= 0:
            break
        kept.remove(blob)
        saved = blob_size(len(blob.data)) + (0 if kept else DumpBlobFileHeader.SIZE)
        excess -= saved
        saving.dropped.append(Dropped(f"blob {blob.guid}", saved, _NO_ROOM))
    saving.contents = saving.contents._replace(blobs=tuple(kept))
    saving.size = size_of(saving.contents)


def _drop_far(saving: _Saving) -> None:
    for rank in _FAR:
        if saving.excess:
            _drop_blocks(saving, rank)


def _drop_near(saving: _Saving) -> None:
    for rank in _NEAR:
        if saving.excess:
            _drop_blocks(saving, rank)
    if saving.excess and saving.contents.data_page is not None:
        saving.give_up("data page", data_page=None)
    if saving.excess:
        _drop_group(saving)


def _drop_blocks(saving: _Saving, rank: Rank) -> None:
    blocks, excess, gone = list(saving.contents.blocks), saving.excess, 0
    for index in range(len(blocks) - 1, -1, -1):
        if excess <= 0:
            break
        if blocks[index].rank is rank:
            excess -= _cost(blocks.pop(index))
            gone += 1
    if gone:
        many = "s" if gone > 1 else ""
        name = f"optional block{many}" if rank is Rank.OTHER else f"block{many} ({rank.words})"
        saving.give_up(f"{gone} {name}", blocks=tuple(blocks))


def _drop_group(saving: _Saving) -> None:
    left = tuple(block for block in saving.contents.blocks if block.rank is not Rank.PROCESSOR_GROUP)
    if len(left) < len(saving.contents.blocks):
        saving.give_up("KiProcessorBlock group", blocks=_without_array(saving.contents._replace(blocks=left)))


def _shorten_paths(saving: _Saving) -> None:
    if saving.contents.full_paths and any(driver.path != driver.file for driver in saving.contents.drivers):
        saving.give_up("folders of driver paths", full_paths=False)


def _shorten_stack(saving: _Saving) -> None:
    stack = saving.contents.stack
    keep = max((len(stack) - saving.excess) & -8, min(_LEAST_STACK, len(stack)))
    if keep < len(stack):
        saving.give_up(f"outermost {len(stack) - keep:,} bytes of the stack", stack=stack[:keep])


def _drop_unloaded(saving: _Saving) -> None:
    # Those unloaded longest ago go first: the list begins with the most recent one.
    unloaded = saving.contents.unloaded or ()
    entry = (UnloadedDriver64 if saving.contents.machine.bits == 64 else UnloadedDriver32).SIZE
    gone = min(-(-saving.excess // entry), len(unloaded))
    if gone:
        saving.give_up(f"unloaded drivers ({gone})", unloaded=unloaded[: len(unloaded) - gone])


_STEPS: tuple[Callable[[_Saving], None], ...] = (
    _drop_optional,
    _drop_far,
    _shorten_paths,
    _drop_near,
    _shorten_stack,
    _drop_unloaded,
)


def _drop_drivers(saving: _Saving, needed: Collection[int]) -> None:
    """Drop drivers from the end of the load order; the kernel and those on the stack stay."""
    contents, excess = saving.contents, saving.excess
    drivers, names = list(contents.drivers), driver_names(contents)
    entry = (DriverEntry64 if contents.machine.bits == 64 else DriverEntry32).SIZE
    for index in range(len(drivers) - 1, 0, -1):
        if excess <= 0:
            # Alignment may have taken back some bytes.
            excess = size_of(contents._replace(drivers=tuple(drivers))) - (saving.budget or 0)
        if excess <= 0:
            break
        if drivers[index].base not in needed:
            excess -= entry + string_size(names[index])
            del drivers[index]
    gone = len(contents.drivers) - len(drivers)
    if gone:
        saving.give_up(f"{gone} driver{'s' if gone > 1 else ''}", drivers=tuple(drivers))


def _drop_lone_array(saving: _Saving) -> None:
    # Without its group KiProcessorBlock must not be in the dump at all (format reference §9.5).
    contents = saving.contents
    if any(block.rank is Rank.PROCESSOR_GROUP for block in contents.blocks):
        return
    left = _without_array(contents)
    if left != contents.blocks:
        saving.give_up("KiProcessorBlock", "not all that must go with it can be read", blocks=left)


def _without_array(contents: Contents) -> tuple[Block, ...]:
    if contents.processor_array is None:
        return contents.blocks
    start, end = contents.processor_array
    banned = RangeMap([(start, end, True)])
    blocks = []
    for block in contents.blocks:
        if block.address >= end or block.address + len(block.data) <= start:
            blocks.append(block)
            continue
        for low, high in banned.gaps(block.address, block.address + len(block.data)):
            blocks.append(block._replace(address=low, data=block.data[low - block.address : high - block.address]))
    return tuple(blocks)
