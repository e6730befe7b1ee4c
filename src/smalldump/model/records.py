"""The facts about a stopped machine: frozen records of plain values.

Addresses are unsigned and as wide as the machine's pointers. Ranges are half-open. Times are UTC. A field that a
dump may not tell is `T | Absent`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from smalldump.model.absent import Absent
from smalldump.model.machine import Machine

__all__ = [
    "Blob",
    "BugCheck",
    "Contexts",
    "DataBlock",
    "DumpFacts",
    "ExceptionRecord",
    "Finding",
    "Module",
    "PhysicalMemory",
    "Process",
    "Processor",
    "Registers",
    "RequestedRange",
    "Severity",
    "StackWindow",
    "Structure",
    "System",
    "Thread",
    "UnloadedModule",
]


class BugCheck(NamedTuple):
    """The bug check: why Windows stopped.

    Attributes:
        stored_code: As the header holds it; bit 28 marks the form that small dumps carry (0x1000007E for 0x7E).
        parameters: The four parameters.
    """

    stored_code: int
    parameters: tuple[int, int, int, int]

    @property
    def code(self) -> int:
        """The code without bit 28."""
        return self.stored_code & ~0x10000000


class System(NamedTuple):
    """The machine and its Windows.

    Attributes:
        build: Windows build number; service builds share it (19042 to 19045 say 19041).
        checked: Whether it is a checked build.
        service_pack: Number; 0 for none.
        product_type: 1 workstation, 2 domain controller, 3 server.
        suite_mask: VER_SUITE_* bits.
        kernel_base: Address of the kernel image.
    """

    machine: Machine
    build: int | Absent
    checked: bool | Absent
    processors: int | Absent
    pae: bool | Absent
    service_pack: int | Absent
    product_type: int | Absent
    suite_mask: int | Absent
    kernel_base: int | Absent


class PhysicalMemory(NamedTuple):
    """The physical memory of the machine: runs of pages (first page, count), pages of 4 KiB."""

    pages: int
    runs: tuple[tuple[int, int], ...]


class DumpFacts(NamedTuple):
    """What the dump says of itself and of the moment of the crash.

    Attributes:
        writer: `kernel` or `dbgeng`.
        time: Of the crash, UTC.
        uptime: Since boot.
        attributes: DUMP_FILE_ATTRIBUTES bits.
        fields: The header's remaining fields by Microsoft's name in snake_case; unwritten ones are Absent.
    """

    writer: str | Absent
    time: datetime | Absent
    uptime: timedelta | Absent
    attributes: int | Absent
    boot_id: int | Absent
    comment: str | Absent
    writer_status: int | Absent
    secondary_data_state: int | Absent
    mini_dump_fields: int | Absent
    required_dump_space: int | Absent
    physical_memory: PhysicalMemory | Absent
    fields: Mapping[str, int | Absent] = MappingProxyType({})


class Registers(NamedTuple):
    """A set of registers; what is not known is not in it.

    Attributes:
        values: Integer registers by WinDbg's name (`rip`, `efl`, `cs`, `dr7`, `mxcsr`), in order of display.
        vectors: 128-bit registers (`xmm0`, `v0`) and 80-bit ones (`st0`).
        source: Where they were found, in words.
        address: Of the CONTEXT or trap frame in memory, or None for the header's.
    """

    machine: Machine
    values: Mapping[str, int]
    source: str
    address: int | None = None
    vectors: Mapping[str, int] = MappingProxyType({})

    @property
    def pc(self) -> int:
        """Program counter."""
        return self.values[self.machine.pc]

    @property
    def sp(self) -> int:
        """Stack pointer."""
        return self.values[self.machine.sp]

    @property
    def fp(self) -> int | None:
        """Frame pointer, where it is known."""
        return self.values.get(self.machine.fp)


class Contexts(NamedTuple):
    """The three register sets of a dump, kept apart.

    Attributes:
        header: In the dump's header.
        prcb: That the PRCB of the crashing processor leads to; what WinDbg's `r` shows where the dump holds it.
        crash: Of the code that failed: from the bug check's CONTEXT or trap frame, else the header's.
    """

    header: Registers | Absent
    prcb: Registers | Absent
    crash: Registers | Absent


class ExceptionRecord(NamedTuple):
    """An EXCEPTION_RECORD."""

    code: int
    flags: int
    address: int
    parameters: tuple[int, ...]


class Processor(NamedTuple):
    """The processor that stopped the machine.

    Attributes:
        family, model, stepping: As CPUID counts them; on ARM64 `model` is the part and `stepping` the revision.
        control: Control and debug registers by name (`cr2` is the last fault address).
        irql: Interrupt request level at the stop.
        dpc_active: Whether a deferred procedure call was running.
    """

    address: int | Absent
    number: int | Absent
    vendor: str | Absent
    family: int | Absent
    model: int | Absent
    stepping: int | Absent
    mhz: int | Absent
    control: Mapping[str, int] | Absent
    irql: int | Absent
    current_thread: int | Absent
    next_thread: int | Absent
    idle_thread: int | Absent
    dpc_active: bool | Absent
    dpc_stack: int | Absent
    isr_stack: int | Absent


class Process(NamedTuple):
    """The process in whose address space the crash happened.

    Attributes:
        name: ImageFileName, cut by Windows at 14 or 15 characters.
        attached: Whether the thread belongs to another process and was only attached to this one.
        owner: Address of the process that the thread belongs to.
    """

    address: int | Absent
    name: str | Absent
    pid: int | Absent
    parent_pid: int | Absent
    create_time: datetime | Absent
    directory_table_base: int | Absent
    attached: bool | Absent
    owner: int | Absent


class Thread(NamedTuple):
    """The thread that crashed.

    Attributes:
        tid, pid: CLIENT_ID; the process is the owner, not one it is attached to.
        state: KTHREAD_STATE, 2 is running.
        start_address: Kernel-mode start routine; `win32_start_address`: user-mode one.
        stack_base, stack_limit: Kernel stack, which grows down from its base.
    """

    address: int | Absent
    tid: int | Absent
    pid: int | Absent
    state: int | Absent
    wait_reason: int | Absent
    priority: int | Absent
    start_address: int | Absent
    win32_start_address: int | Absent
    create_time: datetime | Absent
    stack_base: int | Absent
    stack_limit: int | Absent
    initial_stack: int | Absent
    kernel_stack: int | Absent
    teb: int | Absent
    trap_frame: int | Absent


class Module(NamedTuple):
    """A loaded driver, or the kernel.

    Attributes:
        name: As WinDbg calls it: `nt`, else (mostly) the file name without its extension, made different by the
            address where drivers share it.
        file: File name.
        path: As stored: a full path or just the file name.
        timestamp: TimeDateStamp of the PE header; on Windows 10 and later often a hash for reproducible builds.
    """

    name: str
    file: str
    path: str
    base: int
    size: int
    timestamp: int | Absent
    checksum: int | Absent

    @property
    def end(self) -> int:
        """Address behind the last byte."""
        return self.base + self.size


class UnloadedModule(NamedTuple):
    """A driver that was unloaded before the crash.

    Attributes:
        truncated_name: Whether Windows cut the name at 12 characters.
    """

    name: str
    base: int
    end: int
    truncated_name: bool


@dataclass(frozen=True, slots=True)
class StackWindow:
    """The part of the kernel stack that the dump holds.

    Attributes:
        start: Lowest address, the stack pointer's side.
        cut: Bytes of the stack between the end of the window and the stack base that are missing; Absent where the
            stack base is not known or another stack was in use.
    """

    start: int
    data: memoryview
    cut: int | Absent

    @property
    def end(self) -> int:
        """Address behind the last byte."""
        return self.start + len(self.data)

    def __contains__(self, address: int) -> bool:
        return self.start <= address < self.end


class Structure(NamedTuple):
    """The raw bytes of a kernel structure, and the address where it lay."""

    kind: str
    data: memoryview
    address: int | Absent


class DataBlock(NamedTuple):
    """A piece of memory that the dump holds beyond its fixed sections.

    Attributes:
        offset: File offset of its first byte; a dump that holds pages may have the others elsewhere.
    """

    address: int
    size: int
    offset: int


class RequestedRange(NamedTuple):
    """A range of memory that a component asked to have in the dump."""

    component: str
    address: int
    size: int


class Blob(NamedTuple):
    """A piece of secondary data: what a component left under its GUID."""

    guid: str
    data: memoryview
    offset: int


class Severity(Enum):
    """How bad a finding is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Finding(NamedTuple):
    """Something that is wrong or remarkable about a dump.

    Attributes:
        code: Stable name, lower case with hyphens.
        message: One sentence.
        offset: File offset of the place, where there is one.
    """

    code: str
    severity: Severity
    message: str
    offset: int | None = None
