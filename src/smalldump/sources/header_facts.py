"""Facts out of the dump header: the machine, its Windows, and the moment of the crash."""

from __future__ import annotations

from collections.abc import Mapping

from smalldump.layout.context import ExceptionRecord32, ExceptionRecord64
from smalldump.layout.dump import (
    FILL,
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
from smalldump.model.machine import X86
from smalldump.model.records import BugCheck, DumpFacts, ExceptionRecord, PhysicalMemory, Registers, Structure, System
from smalldump.model.times import from_filetime, from_ticks
from smalldump.sources.dump_file import DumpFile
from smalldump.sources.register_sets import CONTEXT_SIZES, context_registers

__all__ = [
    "FIELD_NAMES",
    "bug_check",
    "build_lab",
    "dump_facts",
    "exception_record",
    "header_registers",
    "header_structures",
    "service_pack_number",
    "system_facts",
]

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


def system_facts(file: DumpFile, kernel_base: int | Absent, service_pack: int | Absent) -> System:
    """The machine and its Windows, as far as the header tells; the build string needs memory (see `build_lab`).

    Args:
        kernel_base: Address of the kernel image.
        service_pack: CmNtCSDVersion.
    """
    build = file.fact("minor_version")
    return System(
        machine=file.machine,
        build=build,
        checked={_CHECKED_BUILD: True, _FREE_BUILD: False}.get(file.header.major_version, Absent.NOT_CAPTURED),
        processors=file.fact("number_processors"),
        pae=_pae(file),
        service_pack=service_pack_number(build, service_pack),
        product_type=file.fact("product_type"),
        suite_mask=file.fact("suite_mask"),
        kernel_base=kernel_base,
    )


def _pae(file: DumpFile) -> bool | Absent:
    # Microsoft's engine takes PAE only where the byte is exactly 1.
    return file.fact("pae_enabled") == 1 if file.machine is X86 else Absent.NOT_APPLICABLE


def service_pack_number(build: int | Absent, version: int | Absent) -> int | Absent:
    """The service pack in a CmNtCSDVersion; Windows has had none since 8."""
    if isinstance(version, Absent):
        return version
    if not isinstance(build, Absent) and build > _LAST_WITH_SERVICE_PACKS:
        return Absent.NOT_APPLICABLE
    return version >> 8 & 0xFF


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


def dump_facts(file: DumpFile, writer: str | Absent) -> DumpFacts:
    """What the dump says of itself."""
    fields = {name: file.fact(name) for name in FIELD_NAMES}
    time, uptime = file.fact("system_time"), file.fact("system_up_time")
    return DumpFacts(
        writer=writer,
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


def _comment(file: DumpFile) -> str | Absent:
    raw = file.header.comment
    field = DumpHeader64.comment if file.bits == 64 else DumpHeader32.comment
    if field.end > len(file.data):
        return Absent.CORRUPT
    if is_fill(field, raw) or not raw.strip(b"\0"):
        return Absent.NOT_CAPTURED
    return raw.partition(b"\0")[0].decode("ascii", "replace")


def _physical_memory(file: DumpFile) -> PhysicalMemory | Absent:
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


def exception_record(file: DumpFile) -> ExceptionRecord | Absent:
    """The exception record in the header."""
    raw = file.header.exception
    if type(file.header).exception.end > len(file.data):
        return Absent.CORRUPT
    if raw.startswith(FILL):
        return Absent.NOT_CAPTURED
    record = ExceptionRecord64(raw) if file.bits == 64 else ExceptionRecord32(raw)
    count = min(record.number_parameters, len(record.exception_information))
    return ExceptionRecord(
        record.exception_code,
        record.exception_flags,
        record.exception_address,
        record.exception_information[:count],
    )


def header_registers(file: DumpFile) -> Registers | Absent:
    """The registers of the CONTEXT in the header."""
    end = type(file.header).context_record.offset + CONTEXT_SIZES.get(file.machine, 0)
    if end > len(file.data):
        return Absent.CORRUPT
    return context_registers(file.machine, file.header.context_record, "dump header")


def header_structures(file: DumpFile) -> dict[str, Structure]:
    """CONTEXT and EXCEPTION_RECORD of the header, unless they were never written."""
    kind = type(file.header)
    fields = {"CONTEXT": kind.context_record, "EXCEPTION_RECORD": kind.exception} if file.machine.supported else {}
    raw = {name: memoryview(file.header.data)[field.offset : field.end] for name, field in fields.items()}
    return {name: Structure(name, data, Absent.NOT_APPLICABLE) for name, data in raw.items() if data[:4] != FILL}


def bug_check(file: DumpFile) -> BugCheck:
    """The bug check in the header."""
    header = file.header
    return BugCheck(
        header.bug_check_code,
        (
            header.bug_check_parameter1,
            header.bug_check_parameter2,
            header.bug_check_parameter3,
            header.bug_check_parameter4,
        ),
    )
