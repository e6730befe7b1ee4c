"""What a big file tells: memory by physical address, and what its container says of the machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from smalldump.errors import FormatError
from smalldump.layout.dump import DumpHeader32, DumpHeader64
from smalldump.memory import PhysicalSpace
from smalldump.model.absent import Absent
from smalldump.model.machine import Machine
from smalldump.model.records import Registers

__all__ = ["CpuState", "PhysicalMemory"]


class CpuState(NamedTuple):
    """A processor as a virtual machine reports it; what is not told is Absent.

    Attributes:
        number: From 0, in the order of the file.
        registers: Integer registers by WinDbg's name; of the code that ran, be it user or kernel mode.
        cr0, cr2, cr3, cr4: Control registers.
        fs_base, gs_base: Bases in use; in kernel mode that of the KPCR (x86: FS, x64: GS).
        kernel_gs_base: What SWAPGS would bring (MSR 0xC0000102): in user mode the KPCR's address.
        gdt, idt: Addresses of the descriptor tables.
        tss: Address of the task state segment.
    """

    number: int
    registers: Registers
    cr0: int | Absent = Absent.NOT_CAPTURED
    cr2: int | Absent = Absent.NOT_CAPTURED
    cr3: int | Absent = Absent.NOT_CAPTURED
    cr4: int | Absent = Absent.NOT_CAPTURED
    fs_base: int | Absent = Absent.NOT_CAPTURED
    gs_base: int | Absent = Absent.NOT_CAPTURED
    kernel_gs_base: int | Absent = Absent.NOT_CAPTURED
    gdt: int | Absent = Absent.NOT_CAPTURED
    idt: int | Absent = Absent.NOT_CAPTURED
    tss: int | Absent = Absent.NOT_CAPTURED


class PhysicalMemory(NamedTuple):
    """Physical memory out of a file. A context manager: leaving it closes the file.

    Attributes:
        kind: What the file is, in words: `complete memory dump`, `ELF core`, `LiME`, `raw memory image`.
        space: The memory; addresses are physical.
        machine: The architecture, or Absent where the container does not tell.
        header: The dump header of a Windows dump, else None. Bytes that the file lacks read as never written.
        cpus: Processors as a virtual machine reported them; none for Windows dumps.
        troubles: What is wrong with the container, though memory could be had.
        pages_end: File offset behind the last stored page, where a Windows dump goes on with secondary data.
        stored: Bytes of memory that can be had at most; 0: as many as the file has.
        release: Gives the file back.
    """

    kind: str
    space: PhysicalSpace
    machine: Machine | Absent = Absent.NOT_CAPTURED
    header: DumpHeader32 | DumpHeader64 | None = None
    cpus: tuple[CpuState, ...] = ()
    troubles: tuple[FormatError, ...] = ()
    pages_end: int | Absent = Absent.NOT_APPLICABLE
    stored: int = 0
    release: Callable[[], None] = lambda: None

    def __enter__(self) -> PhysicalMemory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back; the memory cannot be read from then on."""
        self.release()
