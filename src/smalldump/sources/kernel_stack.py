"""The stack that was in use when the machine stopped: a thread's, or one of the processor's own."""

from __future__ import annotations

from smalldump.memory import AddressSpace
from smalldump.model.absent import Absent, present
from smalldump.model.records import Processor, Thread

__all__ = ["stack_bytes"]

_PAGE = 0x1000
_LONGEST = 0x20000
"""Bytes; kernel stacks are no longer than 0x12000."""
_UNKNOWN_STACK = 0x2000
"""Bytes that are taken of a stack whose end nothing tells."""


def stack_bytes(memory: AddressSpace, start: int, thread: Thread | Absent, processor: Processor | Absent) -> bytes:
    """The stack from the stack pointer on, as far as it is in memory.

    Args:
        start: The stack pointer.
        thread: The one that was running.
        processor: The one that it was running on, whose DPC and ISR stacks may have been in use.
    """
    end = _stack_end(start, thread, processor)
    return memory.read_some(start, (end or start + _UNKNOWN_STACK) - start)


def _stack_end(start: int, thread: Thread | Absent, processor: Processor | Absent) -> int | None:
    # DPC and ISR stacks end with the page that their pointer in the KPRCB leads to: observed in real dumps, whose
    # pointers end in FB0.
    tops = []
    if not isinstance(thread, Absent):
        tops.append(present(thread.stack_base))
    if not isinstance(processor, Absent):
        own = (present(processor.dpc_stack), present(processor.isr_stack))
        tops += [top and (top + _PAGE - 1) & -_PAGE for top in own]
    return next((top for top in tops if top and start < top <= start + _LONGEST), None)
