"""Facts out of the dump header: the machine, its Windows, and the moment of the crash."""

from __future__ import annotations

from collections.abc import Mapping

from smalldump.layout.dump import (
    DumpHeader32,
    DumpHeader64,
    MemoryRun32,
    MemoryRun64,
    PhysicalMemoryDescriptor32,
    PhysicalMemoryDescriptor64,
    is_fill,
)
from smalldump.memory import AddressSpace
from smalldump.model.absent import Absent
from smalldump.model.machine import X86, Machine
from smalldump.model.records import DumpFacts, PhysicalMemory, System
from smalldump.model.times import from_filetime, from_ticks
from smalldump.sources.triage_file import TriageFile

__all__ = ["FIELD_NAMES", "build_lab", "dump_facts", "system_facts"]

FIELD_NAMES = (
    "major_version",
    "minor_version",
    "kd_secondary_version",
    "pae_enabled",
    "directory_table_base",
    "pfn_data_base",
    "ps_loaded_module_list",
    "ps_active_process_head",
    "machine_image_type",
    "number_processors",
    "kd_debugger_data_block",
    "secondary_data_state",
    "product_type",
    "suite_mask",
    "attributes",
    "writer_status",
    "mini_dump_fields",
    "required_dump_space",
    "boot_id",
    "system_time",
    "system_up_time",
)
"""The header's plain fields, in the order in which debuggers print them."""

_CHECKED_BUILD, _FREE_BUILD = 0xC, 0xF
_RUN_LIMIT = {64: 43, 32: 86}  # what the header has room for
_LAB_BYTES = 0x100
_LAST_WITH_SERVICE_PACKS = 7601


def system_facts(file: TriageFile, machine: Machine) -> System:
    """The machine and its Windows, as far as the headers tell; the build string needs memory (see `build_lab`)."""
    return System(
        machine=machine,
        build=file.fact("minor_version"),
        checked={_CHECKED_BUILD: True, _FREE_BUILD: False}.get(file.header.major_version, Absent.NOT_CAPTURED),
        processors=file.fact("number_processors"),
        pae=_pae(file, machine),
        service_pack=_service_pack(file),
        product_type=file.fact("product_type"),
        suite_mask=file.fact("suite_mask"),
        kernel_base=_kernel_base(file, machine),
    )


def _kernel_base(file: TriageFile, machine: Machine) -> int | Absent:
    if isinstance(file.debugger_data, Absent):
        return file.debugger_data
    base = file.debugger_words.get("kern_base")
    return base & machine.mask if base else Absent.NOT_CAPTURED


def _pae(file: TriageFile, machine: Machine) -> bool | Absent:
    # Microsoft's engine takes PAE only where the byte is exactly 1.
    return file.fact("pae_enabled") == 1 if machine is X86 else Absent.NOT_APPLICABLE


def _service_pack(file: TriageFile) -> int | Absent:
    build = file.fact("minor_version")
    if file.triage is None or not file.machine.supported:
        return Absent.CORRUPT if file.machine.supported else Absent.UNSUPPORTED
    if not isinstance(build, Absent) and build > _LAST_WITH_SERVICE_PACKS:
        return Absent.NOT_APPLICABLE
    return file.triage.service_pack_build >> 8 & 0xFF


def build_lab(words: Mapping[str, int] | Absent, memory: AddressSpace) -> str | Absent:
    """The kernel's build string `NtBuildLab`, where its memory is in the dump."""
    if isinstance(words, Absent):
        return words
    address = words.get("nt_build_lab")
    if not address:
        return Absent.NOT_APPLICABLE
    raw = memory.read_some(address, _LAB_BYTES).partition(b"\0")[0]
    text = raw.decode("ascii", "replace")
    return text if text.isprintable() and text else Absent.NOT_CAPTURED


def dump_facts(file: TriageFile) -> DumpFacts:
    """What the dump says of itself."""
    fields = {name: file.fact(name) for name in FIELD_NAMES}
    time, uptime = file.fact("system_time"), file.fact("system_up_time")
    return DumpFacts(
        writer=_writer(file),
        time=time if isinstance(time, Absent) else from_filetime(time),
        uptime=uptime if isinstance(uptime, Absent) else from_ticks(uptime),
        attributes=fields["attributes"],
        boot_id=fields["boot_id"],
        comment=_comment(file),
        writer_status=fields["writer_status"],
        secondary_data_state=fields["secondary_data_state"],
        mini_dump_fields=fields["mini_dump_fields"],
        required_dump_space=fields["required_dump_space"],
        physical_memory=_physical_memory(file),
        fields=fields,
    )


def _writer(file: TriageFile) -> str | Absent:
    by_dbgeng = file.written_by_dbgeng
    if isinstance(by_dbgeng, Absent):
        return by_dbgeng
    return "dbgeng" if by_dbgeng else "kernel"


def _comment(file: TriageFile) -> str | Absent:
    raw = file.header.comment
    field = DumpHeader64.comment if file.bits == 64 else DumpHeader32.comment
    if field.end > len(file.data):
        return Absent.CORRUPT
    if is_fill(field, raw) or not raw.strip(b"\0"):
        return Absent.NOT_CAPTURED
    return raw.partition(b"\0")[0].decode("ascii", "replace")


def _physical_memory(file: TriageFile) -> PhysicalMemory | Absent:
    field = DumpHeader64.physical_memory_block if file.bits == 64 else DumpHeader32.physical_memory_block
    if field.end > len(file.data):
        return Absent.CORRUPT
    raw = file.header.data[field.offset :]  # the last of 43 runs ends in the padding behind the field
    head_kind, run_kind = (
        (PhysicalMemoryDescriptor64, MemoryRun64) if file.bits == 64 else (PhysicalMemoryDescriptor32, MemoryRun32)
    )
    head = head_kind(raw)
    if is_fill(head_kind.number_of_runs, head.number_of_runs):
        return Absent.NOT_CAPTURED
    if not 0 < head.number_of_runs <= _RUN_LIMIT[file.bits]:
        return Absent.CORRUPT
    runs = (run_kind(raw, head.SIZE + index * run_kind.SIZE) for index in range(head.number_of_runs))
    return PhysicalMemory(head.number_of_pages, tuple((run.base_page, run.page_count) for run in runs))
