"""What else was executing, or waiting, when the machine stopped: the other processors, and threads in reach."""

from __future__ import annotations

from typing import NamedTuple

from smalldump.model.absent import Absent
from smalldump.model.records import Registers, StackWindow, Thread

__all__ = ["ProcessorState", "ThreadState"]


class ProcessorState(NamedTuple):
    """A processor and what it was doing.

    Attributes:
        number: From 0.
        crashed: Whether it is the one that stopped the machine.
        prcb: Address of its KPRCB.
        thread: Address of the thread that it was running; `idle` whether that was its idle thread.
        registers: Of the moment when it was frozen.
        stack: The stack from the stack pointer on, as far as the dump holds it.
    """

    number: int | Absent
    crashed: bool
    prcb: int | Absent
    thread: int | Absent
    idle: bool | Absent
    registers: Registers | Absent
    stack: StackWindow | Absent


class ThreadState(NamedTuple):
    """A thread whose ETHREAD, or the head of it, is in the dump.

    Attributes:
        thread: What its ETHREAD tells.
        processor: Number of the processor that was running it, or None.
        registers: Of that processor; of a waiting thread those that it left on its stack: program counter, stack
            pointer and frame pointer.
        stack: The stack from the stack pointer on, as far as the dump holds it.
    """

    thread: Thread
    processor: int | Absent | None
    registers: Registers | Absent
    stack: StackWindow | Absent
