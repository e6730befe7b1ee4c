"""The facts of a machine that is made up, each with a sensible value where nothing is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from smalldump.model.absent import Absent
from smalldump.model.machine import X64, Machine
from smalldump.model.records import Blob, BugCheck, ExceptionRecord, Module, PhysicalMemory, UnloadedModule
from smalldump.sources.built_structures import ProcessFacts, ProcessorFacts, ThreadFacts

__all__ = ["BuiltFacts"]

_MANUALLY_INITIATED = BugCheck(0xE2, (0, 0, 0, 0))


@dataclass(frozen=True, kw_only=True)
class BuiltFacts:
    """What is known of a machine, for `SnapshotBuilder`.

    Attributes:
        machine: X86, X64 or ARM64.
        build_number: Windows build.
        time: Of the crash; None: not told. Likewise for `uptime`, `product_type`, `suite_mask`, `boot_id`,
            `attributes`, `physical_memory`.
        header: More integer fields of the dump header, by Microsoft's name in snake_case.
        registers: At the stop, over defaults that lead into the kernel and to the start of the stack. `vectors` are
            the long ones.
        prcb_registers: What the PRCB leads to; None: the same registers. Absent: nothing, and then a dump does not
            tell the PRCB's address either.
        exception: The header's record; None: a breakpoint at the program counter, as Windows writes it.
        debugger_words: Words of the debugger data block, over those of the build and of the invented kernel.
        modules: In load order, the kernel first (see `driver`); empty: nothing but a kernel.
        unloaded_modules: The most recent first; None: the machine has no such list.
        stack: Lowest address and bytes.
        memory: Pieces of memory by address; all of it belongs in a dump.
        data_page: Address and bytes of the extra page of Windows XP and Server 2003.
        structures: Raw bytes of KPRCB, EPROCESS, ETHREAD, KDDEBUGGER_DATA64, CONTEXT or EXCEPTION_RECORD, where they
            are not to be made of facts; empty bytes: there is no such structure.
    """

    name: str = "built machine"
    machine: Machine = X64
    build_number: int = 19041
    build_lab: str = ""
    service_pack: int = 0
    checked: bool = False
    pae: bool = False
    processors: int = 1
    product_type: int | None = 1
    suite_mask: int | None = 0x110
    bug_check: BugCheck = _MANUALLY_INITIATED
    time: datetime | None = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    uptime: timedelta | None = timedelta(hours=1)
    comment: str = ""
    boot_id: int | None = None
    attributes: int | None = None
    physical_memory: PhysicalMemory | None = None
    header: Mapping[str, int] = field(default_factory=dict)
    registers: Mapping[str, int] = field(default_factory=dict)
    vectors: Mapping[str, int] = field(default_factory=dict)
    prcb_registers: Mapping[str, int] | Absent | None = None
    exception: ExceptionRecord | None = None
    processor: ProcessorFacts = field(default_factory=ProcessorFacts)
    process: ProcessFacts = field(default_factory=ProcessFacts)
    thread: ThreadFacts = field(default_factory=ThreadFacts)
    debugger_words: Mapping[str, int] = field(default_factory=dict)
    modules: Sequence[Module] = ()
    unloaded_modules: Sequence[UnloadedModule] | None = ()
    broken_driver: str = ""
    stack: tuple[int, bytes] | None = None
    memory: Mapping[int, bytes] = field(default_factory=dict)
    data_page: tuple[int, bytes] | None = None
    memory_manager: Mapping[str, int] = field(default_factory=dict)
    blobs: Sequence[Blob] = ()
    structures: Mapping[str, bytes] = field(default_factory=dict)
