"""Processor, process and thread out of the raw bytes of KPRCB, EPROCESS and ETHREAD."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from smalldump.layout.context import KspecialRegistersX64, KspecialRegistersX86
from smalldump.layout.structures import StructureOffsets
from smalldump.model.absent import Absent
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.model.records import Process, Processor, Structure, Thread
from smalldump.model.times import from_filetime

__all__ = ["StructureReader", "processor_number", "read_process", "read_processor", "read_thread"]

_IMPLEMENTERS = {0x41: "ARM", 0x51: "Qualcomm", 0x61: "Apple", 0x6D: "Microsoft", 0xC0: "Ampere"}  # MIDR_EL1
_CONTROL_X64 = "cr0 cr2 cr3 cr4 cr8 dr6=kernel_dr6 dr7=kernel_dr7 gdtr=gdtr_base idtr=idtr_base tr ldtr"
_CONTROL_X86 = "cr0 cr2 cr3 cr4 dr6=kernel_dr6 dr7=kernel_dr7 gdtr=gdtr_base idtr=idtr_base tr ldtr"
_NAME_BYTES = 15


class StructureReader(NamedTuple):
    """Reads fields of one kernel structure, whose layout depends on the build.

    Attributes:
        missing: Why fields behind the end of the bytes are not there.
    """

    machine: Machine
    offsets: StructureOffsets
    structure: Structure
    missing: Absent = Absent.NOT_CAPTURED

    def field(self, name: str, size: int) -> int | Absent:
        """The unsigned integer of `size` bytes in field `name`."""
        offset = self.offsets.offset(self.structure.kind, name)
        if offset is None:
            return Absent.UNSUPPORTED
        data = self.structure.data[offset : offset + size]
        return int.from_bytes(data, "little") if len(data) == size else self.missing

    def pointer(self, name: str) -> int | Absent:
        """The pointer in field `name`."""
        return self.field(name, self.machine.pointer)

    def text(self, name: str, size: int) -> str | Absent:
        """The NUL-ended ASCII text in field `name`, of at most `size` bytes; not printable: not that field."""
        offset = self.offsets.offset(self.structure.kind, name)
        if offset is None:
            return Absent.UNSUPPORTED
        if offset >= len(self.structure.data):
            return self.missing
        raw = bytes(self.structure.data[offset : offset + size]).partition(b"\0")[0]
        if raw and all(0x20 <= byte < 0x7F for byte in raw):
            return raw.decode("ascii")
        return Absent.CORRUPT if self.offsets.described else Absent.UNSUPPORTED

    def time(self, name: str) -> datetime | Absent:
        """The FILETIME in field `name`; zero means that it was never set."""
        value = self.field(name, 8)
        return value if isinstance(value, Absent) else from_filetime(value)


def read_processor(reader: StructureReader) -> Processor:
    """The processor whose KPRCB `reader` reads. Source: format reference §8 rules 5 and 7."""
    family, model, stepping = _processor_type(reader)
    control = _control(reader)
    dpc_active = reader.field("dpc_active", 1)
    mhz = reader.field("mhz", 4)
    return Processor(
        address=reader.structure.address,
        number=processor_number(reader),
        vendor=_vendor(reader),
        family=family,
        model=model,
        stepping=stepping,
        mhz=mhz or (Absent.NOT_CAPTURED if mhz == 0 else mhz),
        control=control,
        irql=_irql(reader.machine, control),
        current_thread=reader.pointer("current"),
        next_thread=reader.pointer("next"),
        idle_thread=reader.pointer("idle"),
        dpc_active=dpc_active if isinstance(dpc_active, Absent) else bool(dpc_active),
        dpc_stack=reader.pointer("dpc_stack"),
        isr_stack=reader.pointer("isr_stack"),
    )


def processor_number(reader: StructureReader) -> int | Absent:
    """The processor's number: a byte before Windows 7, then 32 bits. Source: format reference §8 rule 7."""
    return reader.field("number", 1 if reader.offsets.build < 7600 else 4)


def _processor_type(reader: StructureReader) -> tuple[int | Absent, int | Absent, int | Absent]:
    # Family and flags in the low half, model and stepping in the high one; ARM64 has part and revision there.
    word = reader.field("cpu_type", 4)
    if isinstance(word, Absent):
        return word, word, word
    kind, step = word & 0xFFFF, word >> 16
    if reader.machine is ARM64:
        return Absent.NOT_APPLICABLE, kind, step
    return kind & 0xFF, step >> 8, step & 0xFF


def _vendor(reader: StructureReader) -> str | Absent:
    if reader.machine is not ARM64:
        return reader.text("vendor", 13)
    implementer = reader.field("vendor", 1)
    return implementer if isinstance(implementer, Absent) else _IMPLEMENTERS.get(implementer, Absent.UNSUPPORTED)


def _control(reader: StructureReader) -> dict[str, int] | Absent:
    offset = reader.offsets.offset("KPRCB", "special")
    if reader.machine not in (X64, X86) or offset is None:
        return Absent.UNSUPPORTED
    kind, names = (
        (KspecialRegistersX64, _CONTROL_X64) if reader.machine is X64 else (KspecialRegistersX86, _CONTROL_X86)
    )
    if len(reader.structure.data) < offset + kind.SIZE:
        return reader.missing
    special = kind(reader.structure.data, offset)
    pairs = (name.partition("=") for name in names.split())
    return {shown: getattr(special, field or shown) for shown, _, field in pairs}


def _irql(machine: Machine, control: dict[str, int] | Absent) -> int | Absent:
    if machine is X64:
        return control if isinstance(control, Absent) else control["cr8"] & 0xF
    # x86 keeps the IRQL in the KPCR, which is not saved; no source for ARM64 is known.
    return Absent.NOT_CAPTURED if machine is X86 else Absent.UNSUPPORTED


def read_process(reader: StructureReader, thread: StructureReader | None) -> Process:
    """The process whose EPROCESS `reader` reads; `thread` tells whether it was only attached to it."""
    attached, owner = _attachment(thread)
    return Process(
        address=reader.structure.address,
        name=reader.text("image_file_name", _NAME_BYTES),
        pid=_identifier(reader, "unique_process_id"),
        parent_pid=_identifier(reader, "inherited_from"),
        create_time=reader.time("create_time"),
        directory_table_base=reader.pointer("directory_table_base"),
        attached=attached,
        owner=owner,
    )


def _attachment(thread: StructureReader | None) -> tuple[bool | Absent, int | Absent]:
    if thread is None:
        return Absent.NOT_CAPTURED, Absent.NOT_CAPTURED
    current, owner = thread.pointer("apc_process"), thread.pointer("process")
    for pointer in (current, owner):
        if isinstance(pointer, Absent):
            return pointer, pointer
    if not owner:
        return Absent.UNSUPPORTED, Absent.UNSUPPORTED
    return current != owner, owner


def _identifier(reader: StructureReader, name: str) -> int | Absent:
    # Process and thread ids are handles of one table: multiples of four, far below 2^32.
    value = reader.pointer(name)
    if isinstance(value, Absent) or (value % 4 == 0 and value < 1 << 32):
        return value
    return Absent.CORRUPT if reader.offsets.described else Absent.UNSUPPORTED


def read_thread(reader: StructureReader) -> Thread:
    """The thread whose ETHREAD `reader` reads."""
    pid, tid = _client_id(reader)
    return Thread(
        address=reader.structure.address,
        tid=tid,
        pid=pid,
        state=reader.field("state", 1),
        wait_reason=reader.field("wait", 1),
        priority=reader.field("priority", 1),
        start_address=_none_for_zero(reader.pointer("start")),
        win32_start_address=_none_for_zero(reader.pointer("win32")),
        create_time=reader.time("created"),
        stack_base=reader.pointer("base"),
        stack_limit=reader.pointer("limit"),
        initial_stack=reader.pointer("initial"),
        kernel_stack=reader.pointer("kernel"),
        teb=reader.pointer("teb"),
        trap_frame=reader.pointer("trap"),
    )


def _none_for_zero(address: int | Absent) -> int | Absent:
    return Absent.NOT_APPLICABLE if address == 0 else address


def _client_id(reader: StructureReader) -> tuple[int | Absent, int | Absent]:
    offset = reader.offsets.offset("ETHREAD", "cid")
    if offset is None:
        return Absent.UNSUPPORTED, Absent.UNSUPPORTED
    size = reader.machine.pointer
    data = reader.structure.data[offset : offset + 2 * size]
    if len(data) < 2 * size:
        return reader.missing, reader.missing
    pid, tid = (int.from_bytes(data[at : at + size], "little") for at in (0, size))
    if pid % 4 or tid % 4 or max(pid, tid) >= 1 << 32:
        reason = Absent.CORRUPT if reader.offsets.described else Absent.UNSUPPORTED
        return reason, reason
    return pid, tid
