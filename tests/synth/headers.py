"""DUMP_HEADER and TRIAGE_DUMP, written when every section has its place."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tests.synth.paper import Paper, Value
from tests.synth.registers import CONTEXT, CONTEXT_SIZE, PC, exception_record
from tests.synth.tables import CONTEXT_AREA, EXCEPTION, HEADER, HEADER_SIZE, TRIAGE

if TYPE_CHECKING:
    from tests.synth.builder import DumpBuilder

__all__ = ["FILL", "write_headers"]

FILL = b"PAGE"
_EXCEPTION_AT = {32: 0x7D0, 64: 0xF00}


def write_headers(facts: DumpBuilder, paper: Paper, triage: Mapping[str, int]) -> None:
    """Write both headers; `triage` holds the offsets, sizes and counts of the sections."""
    bits = facts.bits
    context_at, exception_at = CONTEXT_AREA[bits][0], _EXCEPTION_AT[bits]
    fixed = {
        "ServicePackBuild": facts.windows.service_pack,
        "ContextOffset": context_at,
        "ExceptionOffset": exception_at,
        "TriageOptions": facts.style.triage_options,
    }
    paper.write("TRIAGE_DUMP", HEADER_SIZE[bits], TRIAGE[bits], **fixed, **triage)
    values = _identity(facts) | _crash(facts) | _origin(facts, len(paper.data)) | dict(facts.header)
    paper.write("DUMP_HEADER", 0, HEADER[bits], **values)
    paper.names_of("EXCEPTION", exception_at, EXCEPTION[bits])
    paper.names_of("CONTEXT", context_at, CONTEXT[facts.windows.machine])


def _identity(facts: DumpBuilder) -> dict[str, Value | None]:
    where, windows = facts.kernel_variables, facts.windows
    root = facts.process.directory_table_base
    return {
        "Signature": b"PAGE",
        "ValidDump": b"DU64" if facts.bits == 64 else b"DUMP",
        "MajorVersion": 0xF,
        "MinorVersion": windows.build,
        "DirectoryTableBase": root & (~0xFFF if facts.bits == 64 else ~0x1F),
        "PfnDataBase": facts.pfn_database or where["MmPfnDatabase"],
        "PsLoadedModuleList": where["PsLoadedModuleList"],
        "PsActiveProcessHead": where["PsActiveProcessHead"],
        "MachineImageType": windows.machine,
        "NumberProcessors": facts.processors,
        "KdDebuggerDataBlock": facts.kdbg_at if windows.kdbg_size else None,
    } | ({"PaeEnabled": int(facts.pae)} if facts.bits == 32 else {})


def _crash(facts: DumpBuilder) -> dict[str, Value | None]:
    machine = facts.windows.machine
    rest = CONTEXT_AREA[facts.bits][1] - CONTEXT_SIZE[machine]
    record = exception_record(facts.bits, 0x80000003, facts.registers[PC[machine]], flags=1, fill=FILL)
    values: dict[str, Value | None] = {
        "BugCheckCode": facts.bug_check[0],
        "ContextRecord": facts.context + (bytes(rest) if facts.style.zero_after_context else b""),
        "Exception": facts.exception or record,
        "DumpType": 4,
    }
    for i, value in enumerate(facts.bug_check[1:], 1):
        values[f"BugCheckParameter{i}"] = value
    return values


def _origin(facts: DumpBuilder, file_size: int) -> dict[str, Value | None]:
    style = facts.style
    return {
        "VersionUser": style.version_user,
        "PhysicalMemoryBlock": _physical_memory(facts) if style.physical_runs else None,
        "RequiredDumpSpace": file_size,
        "SystemTime": facts.system_time,
        "SystemUpTime": facts.uptime,
        "Comment": None if facts.comment is None else facts.comment.encode()[:127] + b"\0",
        "MiniDumpFields": style.mini_dump_fields,
        "SecondaryDataState": style.secondary_data_state,
        "ProductType": facts.product_type,
        "SuiteMask": facts.suite_mask,
        "WriterStatus": style.writer_status,
        "KdSecondaryVersion": style.kd_secondary_version,
        "Attributes": style.attributes,
        "BootId": facts.boot_id,
    }


def _physical_memory(facts: DumpBuilder) -> bytes:
    count, pages = len(facts.physical_runs), sum(n for _, n in facts.physical_runs)
    if facts.bits == 64:
        head, run = struct.pack("<IIQ", count, 0, pages), "<QQ"
    else:
        head, run = struct.pack("<II", count, pages), "<II"
    return head + b"".join(struct.pack(run, first, n) for first, n in facts.physical_runs)
