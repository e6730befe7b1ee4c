"""What is known of a machine before its kernel is looked for, and what every found fact is."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from smalldump.model.absent import Absent
from smalldump.model.machine import Machine

__all__ = ["Clues", "Found", "ProcessorClue"]

T = TypeVar("T")


class ProcessorClue(NamedTuple):
    """Registers of one processor, as a virtual machine monitor tells them; 0 where it does not.

    Attributes:
        number: Its number.
        pc, sp: Program counter and stack pointer.
        cr3, cr4: Control registers.
        segment_base: Base of GS (x64) or FS (x86).
        kernel_gs_base: What SWAPGS would load.
        idt, gdt: Bases of the descriptor tables.
    """

    number: int
    pc: int = 0
    sp: int = 0
    cr3: int = 0
    cr4: int = 0
    segment_base: int = 0
    kernel_gs_base: int = 0
    idt: int = 0
    gdt: int = 0


class Clues(NamedTuple):
    """What a dump header or a container tells; nothing of it is trusted.

    Attributes:
        machine: The architecture, or None: all are tried.
        pae: Whether x86 uses PAE, or None: both are tried.
        directory_table_base, debugger_block, loaded_modules: Words of a dump header; 0 where there is none.
        processors: What is known of the processors.
        end: Physical address behind the last page; 0 where that is not known.
        stored: Bytes of memory in the file, at most; 0 where that is not known.
    """

    machine: Machine | None = None
    pae: bool | None = None
    directory_table_base: int = 0
    debugger_block: int = 0
    loaded_modules: int = 0
    processors: tuple[ProcessorClue, ...] = ()
    end: int = 0
    stored: int = 0


class Found(NamedTuple, Generic[T]):
    """A fact, and how it was found; of an absent one, what was tried."""

    value: T | Absent
    how: str
