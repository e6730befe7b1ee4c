"""Findings about the memory in the dump: call stack, context, processor block, data blocks."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.checking.evidence import Evidence, error, info, warning
from smalldump.layout.triage import DATA_BLOCK_LIMIT, MiniDumpFields, TriageDataBlock
from smalldump.model.absent import Absent
from smalldump.model.records import Finding

__all__ = ["MEMORY_CHECKS"]

_REWOUND = (0x1000007E, 0x1000008E)  # the writer put the context of the failure into the header
_MOST_PROCESSORS = 2048


def stack_range(evidence: Evidence) -> Iterator[Finding]:
    """The call stack cannot lie where the triage header says: not in kernel memory, or beyond its end."""
    stack, machine = evidence.dump.stack, evidence.dump.machine
    if isinstance(stack, Absent) or (stack.start >= machine.kernel_start and stack.end <= machine.mask + 1):
        return
    message = f"the call stack lies at an impossible address: found {stack.start:#x} with {len(stack.data):#x} bytes"
    yield error("stack-range", message, evidence.triage_offset("top_of_stack"))


def context_outside_stack(evidence: Evidence) -> Iterator[Finding]:
    """Context and stack disagree: the stack pointer is not in the saved stack.

    It is in 59 real dumps. Only where the writer rewound the context (0x7E, 0x8E) may it be above the saved part of
    the same stack. Source: format reference §3.8.
    """
    stack, context = evidence.dump.stack, evidence.dump.contexts.header
    if isinstance(stack, Absent) or isinstance(context, Absent) or context.sp in stack:
        return
    if _rewound_above(evidence, context.sp, stack.end):
        return
    expected = f"expected {stack.start:#x} to {stack.end:#x}, found {context.sp:#x}"
    message = f"context and stack disagree: the stack pointer is outside the saved stack: {expected}"
    yield warning("context-outside-stack", message, evidence.triage_offset("top_of_stack"))


def _rewound_above(evidence: Evidence, pointer: int, end: int) -> bool:
    thread = evidence.dump.thread
    if evidence.dump.bug_check.stored_code not in _REWOUND or isinstance(thread, Absent):
        return False
    return not isinstance(thread.stack_base, Absent) and end <= pointer < thread.stack_base


def stack_cut(evidence: Evidence) -> Iterator[Finding]:
    """The writer kept less of the stack than there was: the outermost frames are missing."""
    stack = evidence.dump.stack
    if not isinstance(stack, Absent) and not isinstance(stack.cut, Absent) and stack.cut and not evidence.cut:
        message = f"the writer kept {len(stack.data):#x} bytes of the stack; {stack.cut:#x} up to its base are missing"
        yield info("stack-cut", message, evidence.triage_offset("size_of_call_stack"))


def processor_context_missing(evidence: Evidence) -> Iterator[Finding]:
    """KiProcessorBlock is in the dump, but not the CONTEXT that the processor's KPRCB points to.

    Microsoft's debugger then says `GetContextState failed` and shows neither registers nor stack; the header's
    context is as good. Source: format reference §9 rule 5, two engine-written dumps.
    """
    block, frozen = evidence.words.get("ki_processor_block"), evidence.words.get("offset_prcb_context")
    if not block or not frozen or "KPRCB" not in evidence.file.sections or block not in evidence.dump.memory:
        return
    if evidence.dump.contexts.prcb is Absent.NOT_CAPTURED:
        message = "the processor's own CONTEXT is missing: debuggers say `GetContextState failed` and show no registers"
        yield warning("processor-context-missing", message)


def processor_block_incomplete(evidence: Evidence) -> Iterator[Finding]:
    """KiProcessorBlock is in the dump, but with too few or empty entries: Microsoft's debugger then gives up.

    Source: format reference §9 rule 5.
    """
    block, word = evidence.words.get("ki_processor_block"), evidence.dump.machine.pointer
    count = min(evidence.file.header.number_processors, _MOST_PROCESSORS)
    if not block or block not in evidence.dump.memory or not evidence.words.get("offset_prcb_context"):
        return
    array = evidence.dump.memory.read_some(block, count * word)
    there = sum(any(array[at : at + word]) for at in range(0, len(array), word))
    if there < count:
        message = f"KiProcessorBlock is incomplete: expected {count} processors, found {there}"
        yield warning("processor-block-incomplete", message)


def data_block_limit(evidence: Evidence) -> Iterator[Finding]:
    """More data blocks than are read."""
    count = evidence.triage.data_blocks_count
    if count > DATA_BLOCK_LIMIT:
        message = f"the dump claims {count} data blocks; the first {DATA_BLOCK_LIMIT} are read"
        yield warning("data-block-limit", message, evidence.triage_offset("data_blocks_count"))


def data_blocks_outside(evidence: Evidence) -> Iterator[Finding]:
    """Data blocks whose bytes do not lie in the primary dump, as far as the file holds it."""
    limit = min(evidence.size_of_dump, evidence.size)
    outside = [index for index, (_, offset, size) in enumerate(evidence.blocks) if offset + size > limit]
    if outside:
        address, offset, size = evidence.blocks[outside[0]]
        first = f"first {address:#x} with bytes {offset:#x} to {offset + size:#x}, expected to end by {limit:#x}"
        message = f"{len(outside)} of {len(evidence.blocks)} data blocks are lost or cut: {first}"
        yield error("data-blocks-outside", message, _block_offset(evidence, outside[0]))


def data_blocks_zero_extended(evidence: Evidence) -> Iterator[Finding]:
    """Kernel addresses of a 32-bit dump that are not sign-extended: Microsoft's debugger cannot read such blocks.

    Source: format reference §3.9.
    """
    if evidence.file.bits == 64:
        return
    short = [index for index, (address, _, _) in enumerate(evidence.blocks) if 0x80000000 <= address < 1 << 32]
    if short:
        message = f"{len(short)} of {len(evidence.blocks)} data blocks have zero-extended kernel addresses"
        yield warning("data-blocks-zero-extended", message, _block_offset(evidence, short[0]))


def data_blocks_ignored(evidence: Evidence) -> Iterator[Finding]:
    """MiniDumpFields lacks the bit for data blocks: Microsoft's debugger ignores them. Source: reference §3.3."""
    fields = evidence.file.fact("mini_dump_fields")
    if evidence.blocks and not isinstance(fields, Absent) and not fields & MiniDumpFields.DATA_BLOCKS:
        message = f"debuggers ignore all {len(evidence.blocks)} data blocks: bit 0x800 of MiniDumpFields is clear"
        yield warning("data-blocks-ignored", message, evidence.header_offset("mini_dump_fields"))


def _block_offset(evidence: Evidence, index: int) -> int:
    return evidence.triage.data_blocks_offset + index * TriageDataBlock.SIZE


MEMORY_CHECKS = (
    stack_range,
    context_outside_stack,
    stack_cut,
    processor_context_missing,
    processor_block_incomplete,
    data_block_limit,
    data_blocks_outside,
    data_blocks_zero_extended,
    data_blocks_ignored,
)
"""Checks of the memory in the dump; they need the triage header."""
