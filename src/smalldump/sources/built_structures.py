"""Raw kernel structures made of facts: what the readers in `kernel_objects` read, the other way round.

A fact whose place is not known on the build is left out, and reading gives Absent for it, as it would in a dump.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from smalldump.layout.builds import described_builds, table_offset
from smalldump.layout.context import KspecialRegistersX64, KspecialRegistersX86
from smalldump.layout.debugger_data import KdDebuggerData64
from smalldump.layout.structures import WORDS, StructureOffsets
from smalldump.model.machine import ARM64, X64, X86, Machine

__all__ = [
    "ProcessFacts",
    "ProcessorFacts",
    "ThreadFacts",
    "debugger_data_block",
    "debugger_words",
    "eprocess",
    "ethread",
    "filetime",
    "kprcb",
]

# In the KPRCB of Windows 2000. Source: Microsoft's engine shows the registers that are there, and no others.
_CONTEXT_2000 = 0x1C
# Bytes of the debugger data block since each build. Source: format reference §4.
_BLOCK_SIZES = (
    (0, 0x208),
    (2600, 0x290),
    (3790, 0x318),
    (6000, 0x328),
    (6001, 0x330),
    (7600, 0x340),
    (9200, 0x360),
    (14393, 0x368),
    (17763, 0x380),
    (22621, 0x3A8),
)
# Words that the tables leave to the debugger data block; those of 19041 and of ARM64 22000.
# Source: format reference §8.1 and §8.2.
_LATE_BUILD = 19041
_LATE_WORDS = {
    X64: {
        "size_prcb": 0xAF00,
        "offset_prcb_vendor_string": 0x8590,
        "offset_prcb_context": 0x85C0,
        "offset_prcb_dpc_stack": 0x3110,
        "offset_prcb_isr_stack": 0x85D8,
    },
    ARM64: {"size_prcb": 0x9680, "offset_prcb_vendor_string": 0x890},
}
_LEAST_SIZES = {"KPRCB": 0x9F0, "EPROCESS": 0x260, "ETHREAD": 0x258}  # Windows 2000 and XP
_SIZE_WORDS = {"KPRCB": "size_prcb", "EPROCESS": "size_eprocess", "ETHREAD": "size_ethread"}
_CONTROL_FIELDS = {"dr6": "kernel_dr6", "dr7": "kernel_dr7", "gdtr": "gdtr_base", "idtr": "idtr_base"}
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


class ProcessFacts(TypedDict, total=False):
    """Facts of a process, named as in `Process`; 0 or empty where nothing is said.

    `owner` is the address of the process that the thread belongs to, by default this one.
    """

    address: int
    name: str
    pid: int
    parent_pid: int
    create_time: datetime
    directory_table_base: int
    owner: int


class ThreadFacts(TypedDict, total=False):
    """Facts of a thread, named as in `Thread`; 0 where nothing is said."""

    address: int
    tid: int
    pid: int
    state: int
    wait_reason: int
    priority: int
    start_address: int
    win32_start_address: int
    create_time: datetime
    stack_base: int
    stack_limit: int
    initial_stack: int
    kernel_stack: int
    teb: int
    trap_frame: int


class ProcessorFacts(TypedDict, total=False):
    """Facts of a processor, named as in `Processor`; 0 or empty where nothing is said.

    `implementer` is what an ARM64 processor has instead of a vendor's name: a code of its MIDR.
    """

    address: int
    number: int
    vendor: str
    implementer: int
    family: int
    model: int
    stepping: int
    mhz: int
    control: Mapping[str, int]
    next_thread: int
    idle_thread: int
    dpc_active: bool
    dpc_stack: int
    isr_stack: int


def filetime(moment: datetime | None) -> int:
    """100 ns units since 1601; 0 for None."""
    return 0 if moment is None else (moment - _EPOCH) // timedelta(microseconds=1) * 10


def debugger_words(machine: Machine, build: int, words: Mapping[str, int]) -> dict[str, int]:
    """Words of the debugger data block: those given, and the build's own offsets and sizes of structures."""
    found = {word: _known(machine, structure, field, build) for (structure, field), word in WORDS.items()}
    if build >= _LATE_BUILD:
        found |= _LATE_WORDS.get(machine, {})
    found |= words
    offsets = StructureOffsets(machine.image_type, build, found)
    sizes = {word: found.get(word) or _size(offsets, kind) for kind, word in _SIZE_WORDS.items()}
    size = max(size for since, size in _BLOCK_SIZES if since <= build)
    known = {field.name for field in KdDebuggerData64.FIELDS if field.end <= size}
    return {name: word for name, word in (found | sizes).items() if name in known} | {"size": size}


def _known(machine: Machine, structure: str, field: str, build: int) -> int:
    # A Windows newer than all that were looked at is given the offsets of the newest: they have to lie somewhere.
    newest = max((last for _, last in described_builds(machine.image_type, structure)), default=0)
    return table_offset(machine.image_type, structure, field, min(build, newest)) or 0


def _size(offsets: StructureOffsets, kind: str) -> int:
    """The size in the table, else enough for the fields whose place is known."""
    places = [offsets.offset(kind, field) or 0 for structure, field in (*WORDS, *_TABLE_ONLY) if structure == kind]
    known = table_offset(offsets.machine, kind, "size", offsets.build) or 0
    return max(known, _LEAST_SIZES[kind], max(places) + 0x40 & -0x10)


_TABLE_ONLY = (
    *(("EPROCESS", field) for field in ("unique_process_id", "image_file_name", "create_time")),
    *(("ETHREAD", field) for field in ("cid", "start", "win32", "created", "priority", "trap", "process")),
)


def debugger_data_block(machine: Machine, words: Mapping[str, int]) -> bytes:
    """The block as a small dump holds it: 32-bit kernel addresses are sign-extended, its own list is not."""
    values: dict[str, Any] = {"owner_tag": b"KDBG"}
    for name, word in words.items():
        high = machine.bits == 32 and 1 << 31 <= word < 1 << 32 and name not in ("flink", "blink")
        values[name] = word | 0xFFFFFFFF00000000 if high else word
    return bytes(KdDebuggerData64.build(**values)[: words["size"]])


class _Structure:
    """A structure that is being filled."""

    def __init__(self, machine: Machine, offsets: StructureOffsets, kind: str) -> None:
        self.machine, self.offsets, self.kind = machine, offsets, kind
        self.data = bytearray(offsets.words.get(_SIZE_WORDS[kind]) or _size(offsets, kind))

    def put(self, field: str, value: int, size: int = 0) -> None:
        """Write an integer of `size` bytes, by default a pointer."""
        self.put_bytes(field, value.to_bytes(size or self.machine.pointer, "little"))

    def put_bytes(self, field: str, value: bytes, skip: int = 0) -> None:
        """Write bytes `skip` bytes behind the start of a field."""
        offset = self.offsets.offset(self.kind, field)
        if offset is not None and offset + skip + len(value) <= len(self.data):
            self.data[offset + skip : offset + skip + len(value)] = value


def eprocess(machine: Machine, offsets: StructureOffsets, facts: ProcessFacts) -> bytes:
    """The EPROCESS of a process."""
    out = _Structure(machine, offsets, "EPROCESS")
    out.put("unique_process_id", facts.get("pid", 0))
    out.put("inherited_from", facts.get("parent_pid", 0))
    out.put_bytes("image_file_name", facts.get("name", "").encode("ascii")[:15].ljust(15, b"\0"))
    out.put("create_time", filetime(facts.get("create_time")), 8)
    out.put("directory_table_base", facts.get("directory_table_base", 0))
    return bytes(out.data)


def ethread(machine: Machine, offsets: StructureOffsets, facts: ThreadFacts, process: ProcessFacts) -> bytes:
    """The ETHREAD of a thread that runs in the address space of `process`."""
    out = _Structure(machine, offsets, "ETHREAD")
    address = process.get("address", 0)
    out.put("apc_process", address)
    out.put("process", process.get("owner", address))
    out.put("cid", facts.get("pid", process.get("pid", 0)))
    out.put_bytes("cid", facts.get("tid", 0).to_bytes(machine.pointer, "little"), machine.pointer)
    out.put("state", facts.get("state", 0), 1)
    out.put("wait", facts.get("wait_reason", 0), 1)
    out.put("priority", facts.get("priority", 0), 1)
    out.put("start", facts.get("start_address", 0))
    out.put("win32", facts.get("win32_start_address", 0))
    out.put("created", filetime(facts.get("create_time")), 8)
    out.put("base", facts.get("stack_base", 0))
    out.put("limit", facts.get("stack_limit", 0))
    out.put("initial", facts.get("initial_stack", 0))
    out.put("kernel", facts.get("kernel_stack", 0))
    out.put("teb", facts.get("teb", 0))
    out.put("trap", facts.get("trap_frame", 0))
    return bytes(out.data)


def kprcb(
    machine: Machine, offsets: StructureOffsets, facts: ProcessorFacts, thread: int, links: tuple[bytes, int]
) -> bytes:
    """The KPRCB of a processor.

    Args:
        thread: Address of the running thread.
        links: The CONTEXT of ProcessorState, and the address of the one that `PRCB.Context` points to.
    """
    out = _Structure(machine, offsets, "KPRCB")
    if machine is X86 and offsets.offset("KPRCB", "context") is None:
        out.data[_CONTEXT_2000 : _CONTEXT_2000 + len(links[0])] = links[0]
    out.put_bytes("context", links[0])
    _put_control(out, facts.get("control", {}))
    out.put("frozen", links[1])
    out.put("current", thread)
    out.put("next", facts.get("next_thread", 0))
    out.put("idle", facts.get("idle_thread", 0))
    out.put("number", facts.get("number", 0), 1 if offsets.build < 7600 else 4)
    out.put("mhz", facts.get("mhz", 0), 4)
    _put_type(out, facts)
    out.put("dpc_active", facts.get("dpc_active", False), 1)
    out.put("dpc_stack", facts.get("dpc_stack", 0))
    out.put("isr_stack", facts.get("isr_stack", 0))
    return bytes(out.data)


def _put_type(out: _Structure, facts: ProcessorFacts) -> None:
    model, stepping = facts.get("model", 0), facts.get("stepping", 0)
    if out.machine is ARM64:
        out.put("cpu_type", model | stepping << 16, 4)
        out.put("vendor", facts.get("implementer", 0), 1)
        return
    out.put("cpu_type", facts.get("family", 0) | model << 24 | stepping << 16, 4)
    out.put_bytes("vendor", facts.get("vendor", "").encode("ascii")[:12].ljust(13, b"\0"))


def _put_control(out: _Structure, control: Mapping[str, int]) -> None:
    if out.machine in (X64, X86):
        kind = KspecialRegistersX64 if out.machine is X64 else KspecialRegistersX86
        values: dict[str, Any] = {_CONTROL_FIELDS.get(name, name): value for name, value in control.items()}
        out.put_bytes("special", bytes(kind.build(**values)))
