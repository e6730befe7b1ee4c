"""Findings about the triage header and the sections that it points to: cut, missing, outside, overlapping, broken."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.checking.evidence import Evidence, error, info, warning
from smalldump.escape import shown_bytes
from smalldump.layout.debugger_data import DebuggerDataHeader
from smalldump.layout.shortened import Shortened, shortened_structures
from smalldump.layout.structures import StructureOffsets
from smalldump.layout.triage import (
    MARKER,
    UNLOADED_SLOTS,
    MiTriageStorage32,
    MiTriageStorage64,
    UnloadedDriver32,
    UnloadedDriver64,
)
from smalldump.model.absent import Absent
from smalldump.model.records import Finding
from smalldump.sources.promises import Promise
from smalldump.sources.triage_file import Section

__all__ = ["SECTION_CHECKS"]

_SMALLEST_DEBUGGER_DATA = 0x208  # of Windows 2000
_XP = 2600
_NEEDED = {
    "KPRCB": "prcb_offset",
    "EPROCESS": "process_offset",
    "ETHREAD": "thread_offset",
    "call stack": "call_stack_offset",
    "driver list": "driver_list_offset",
    "debugger data block": "debugger_data_offset",
}
_FIELDS = {
    "KPRCB": "current next idle number mhz cpu_type vendor context special frozen dpc_stack isr_stack",
    "EPROCESS": "unique_process_id inherited_from image_file_name create_time directory_table_base",
    "ETHREAD": "cid start win32 initial limit base kernel teb state apc_process",
}


def file_cut(evidence: Evidence) -> Iterator[Finding]:
    """The file ends before the primary dump does."""
    if not evidence.cut:
        return
    lost = [promise.name for promise in evidence.promises if max(promise.end, promise.offset + 1) > evidence.size]
    expected = evidence.triage.size_of_dump
    message = f"the file is cut: expected {expected:#x} bytes or more, found {evidence.size:#x}"
    yield error("file-cut", f"{message}; lost or cut: {', '.join([*lost, 'end marker'])}", evidence.size)


def size_of_dump_too_small(evidence: Evidence) -> Iterator[Finding]:
    """SizeOfDump leaves no room even for the headers and the marker."""
    size, least = evidence.triage.size_of_dump, evidence.headers_end + len(MARKER)
    if size < least:
        message = f"SizeOfDump is impossible: expected {least:#x} or more, found {size:#x}"
        yield error("size-of-dump-too-small", message, evidence.triage_offset("size_of_dump"))


def marker_offset(evidence: Evidence) -> Iterator[Finding]:
    """ValidOffset is not four bytes before SizeOfDump."""
    expected, found = evidence.triage.size_of_dump - len(MARKER), evidence.triage.valid_offset
    if found != expected and evidence.size_of_dump == evidence.triage.size_of_dump:
        message = f"ValidOffset does not lead to the end of the primary dump: expected {expected:#x}, found {found:#x}"
        yield error("marker-offset", message, evidence.triage_offset("valid_offset"))


def marker_missing(evidence: Evidence) -> Iterator[Finding]:
    """No `TRGD` at ValidOffset: Microsoft's debuggers refuse such a file. Source: format reference §3.2."""
    offset = evidence.triage.valid_offset
    found = bytes(evidence.file.view(offset, len(MARKER)))
    if len(found) == len(MARKER) and found != MARKER:
        message = f"the end marker is missing: expected {shown_bytes(MARKER)}, found {shown_bytes(found)}"
        yield error("marker-missing", message, offset)


def context_offset(evidence: Evidence) -> Iterator[Finding]:
    """ContextOffset leads elsewhere than to the header's context; the header's is read."""
    yield from _fixed_offset(evidence, "context_offset", "context_record")


def exception_offset(evidence: Evidence) -> Iterator[Finding]:
    """ExceptionOffset leads elsewhere than to the header's exception record; the header's is read."""
    yield from _fixed_offset(evidence, "exception_offset", "exception")


def _fixed_offset(evidence: Evidence, field: str, target: str) -> Iterator[Finding]:
    expected, found = evidence.header_offset(target), getattr(evidence.triage, field)
    if found != expected:
        name = field.replace("_", "-")
        message = f"{name} is not where the header has it: expected {expected:#x}, found {found:#x}"
        yield warning(f"{name}-wrong", message, evidence.triage_offset(field))


def section_missing(evidence: Evidence) -> Iterator[Finding]:
    """A section that every writer stores is not there; without a KPRCB Microsoft's debuggers refuse the file."""
    there = {promise.name for promise in evidence.promises}
    build = evidence.dump.system.build
    old = not isinstance(build, Absent) and build < _XP
    for name, field in _NEEDED.items():
        if name not in there and not (old and name == "debugger data block"):
            finding = error if name == "KPRCB" else warning
            yield finding("section-missing", f"there is no {name}: its offset is 0", evidence.triage_offset(field))


def section_out_of_range(evidence: Evidence) -> Iterator[Finding]:
    """A section begins inside the headers or ends behind the primary dump: an offset, size or count is wrong."""
    limit = evidence.size_of_dump - len(MARKER)
    for promise in filter(evidence.outside, evidence.promises):
        if not evidence.headers_end <= promise.offset < limit:
            expected = f"expected an offset from {evidence.headers_end:#x} to {limit:#x}, found {promise.offset:#x}"
            yield _out_of_range(evidence, promise, expected, promise.offset_field)
        else:
            expected = f"expected it to end by {limit:#x}, found {promise.end:#x}"
            yield _out_of_range(evidence, promise, expected, promise.size_field or promise.offset_field)


def _out_of_range(evidence: Evidence, promise: Promise, expected: str, field: str) -> Finding:
    message = f"the {promise.name} is not inside the primary dump: {expected} (by {field})"
    return error("section-out-of-range", message, evidence.triage_offset(field))


def section_overlap(evidence: Evidence) -> Iterator[Finding]:
    """Two sections share bytes: at least one of them is not what it claims to be."""
    last = None
    inside = (promise for promise in evidence.promises if not evidence.outside(promise))
    for promise in sorted(inside, key=lambda promise: promise.offset):
        if last is not None and promise.offset < last.end:
            shared = min(last.end, promise.end) - promise.offset
            message = f"{last.name} and {promise.name} overlap by {shared:#x} bytes at {promise.offset:#x}"
            yield error("section-overlap", message, evidence.triage_offset(promise.offset_field))
        if last is None or promise.end > last.end:
            last = promise


def section_misaligned(evidence: Evidence) -> Iterator[Finding]:
    """A section does not begin at a multiple of 8, as all do in 59 real dumps; none of those has a data page.

    Source: format reference §3.2.
    """
    for promise in evidence.promises:
        if promise.offset % 8 and promise.name != "data page":
            message = f"the {promise.name} is not aligned: expected a multiple of 8, found {promise.offset:#x}"
            yield warning("section-misaligned", message, evidence.triage_offset(promise.offset_field))


def memory_manager_block(evidence: Evidence) -> Iterator[Finding]:
    """The memory manager's block does not begin with its version and its size."""
    block = evidence.dump.memory_manager
    size = MiTriageStorage64.SIZE if evidence.file.bits == 64 else MiTriageStorage32.SIZE
    if isinstance(block, Absent) or (block["version"], block["size"]) == (1, size):
        return
    found = f"version {block['version']:#x} and size {block['size']:#x}"
    message = f"the MM block is none: expected version 0x1 and size {size:#x}, found {found}"
    yield warning("memory-manager-block", message, evidence.triage.mm_offset)


def unloaded_count(evidence: Evidence) -> Iterator[Finding]:
    """More unloaded drivers than Windows keeps, or than there is room for before the next section."""
    section = evidence.file.section("unloaded drivers")
    prefix, entry = (8, UnloadedDriver64.SIZE) if evidence.file.bits == 64 else (4, UnloadedDriver32.SIZE)
    if isinstance(section, Absent) or len(section) < prefix or evidence.cut:
        return
    count = int.from_bytes(section[:prefix], "little")
    room = min((len(section) - prefix) // entry, UNLOADED_SLOTS)
    if count > room:
        message = f"the count of unloaded drivers is impossible: expected {room} or fewer, found {count}"
        yield error("unloaded-count", message, evidence.triage.unloaded_drivers_offset)


def debugger_data_corrupt(evidence: Evidence) -> Iterator[Finding]:
    """The debugger data block is none: what it tells of the kernel and of its structures is lost."""
    offset, size = evidence.triage.debugger_data_offset, evidence.triage.debugger_data_size
    block = evidence.file.view(offset, size)
    if not offset or evidence.size - offset < DebuggerDataHeader.SIZE:  # no block, or one that is cut off
        return
    head = DebuggerDataHeader(bytes(block[: DebuggerDataHeader.SIZE]).ljust(DebuggerDataHeader.SIZE, b"\0"))
    if head.owner_tag != b"KDBG":
        found = f"expected the tag `KDBG`, found {shown_bytes(head.owner_tag)}"
        place = offset + DebuggerDataHeader.owner_tag.offset
    elif min(head.size, size) < _SMALLEST_DEBUGGER_DATA:
        found = f"expected {_SMALLEST_DEBUGGER_DATA:#x} bytes or more, found {min(head.size, size):#x}"
        place = offset + DebuggerDataHeader.size.offset
    else:
        return
    yield error("debugger-data-corrupt", f"the debugger data block is damaged: {found}", place)


def debugger_data_cut(evidence: Evidence) -> Iterator[Finding]:
    """The copy is shorter than the block: an old dbgeng keeps as much as its own structure has."""
    block, size = evidence.file.debugger_data, evidence.triage.debugger_data_size
    if isinstance(block, Absent) or len(block) < DebuggerDataHeader.SIZE:
        return
    whole = DebuggerDataHeader(block).size
    if whole > size:
        message = f"the writer kept {size:#x} of {whole:#x} bytes of the debugger data block"
        yield info("debugger-data-cut", message, evidence.triage_offset("debugger_data_size"))


def structure_shortened(evidence: Evidence) -> Iterator[Finding]:
    """A structure copy that ends before fields that the build has.

    A writer that saves room lowers the structure's size in the debugger data block; where nothing there tells the
    size (Windows XP and before), the next section was put over the rest.
    """
    sized = {promise.name: promise.size for promise in evidence.promises}
    for section, lost in _shortened(evidence):
        if lost and _note(evidence, section) is None:
            finding = info if sized[section.name] else error
            message = f"the {section.name} is shortened to {section.size:#x} bytes; not in it: {lost}"
            yield finding("structure-shortened", message, section.offset)


def shortened_by_writer(evidence: Evidence) -> Iterator[Finding]:
    """To save room the writer kept only the first part of a structure, and says so in the header's comment."""
    for section, lost in _shortened(evidence):
        note = _note(evidence, section)
        if note is not None:
            message = f"the writer kept {note.kept:#x} of {note.size:#x} bytes of the {note.kind} to save room"
            yield info("shortened-by-writer", f"{message}; not in it: {lost or 'nothing known'}", section.offset)


def _shortened(evidence: Evidence) -> Iterator[tuple[Section, str]]:
    # Structure copies with the fields that they end before.
    build = evidence.dump.system.build
    if evidence.cut or isinstance(build, Absent):
        return
    offsets = StructureOffsets(evidence.dump.machine.image_type, build, evidence.file.debugger_words)
    for kind, names in _FIELDS.items():
        section = evidence.file.sections.get(kind)
        if section is not None:
            lost = [name for name in names.split() if (offsets.offset(kind, name) or 0) >= section.size]
            yield section, ", ".join(lost)


def _note(evidence: Evidence, section: Section) -> Shortened | None:
    notes = shortened_structures(evidence.comment)
    return next((note for note in notes if note.kind == section.name and note.kept == section.size < note.size), None)


def list_head_differs(evidence: Evidence) -> Iterator[Finding]:
    """Header and debugger data block give different addresses for a list head. They agree in 59 real dumps."""
    mask = evidence.dump.machine.mask
    for name in ("ps_loaded_module_list", "ps_active_process_head"):
        inside, head = evidence.words.get(name), evidence.file.fact(name)
        if inside is None or isinstance(head, Absent) or inside == head & mask:
            continue
        message = f"header and debugger data block disagree on {name}: header {head:#x}, debugger data {inside:#x}"
        yield warning("list-head-differs", message, evidence.header_offset(name))


SECTION_CHECKS = (
    file_cut,
    size_of_dump_too_small,
    marker_offset,
    marker_missing,
    context_offset,
    exception_offset,
    section_missing,
    section_out_of_range,
    section_overlap,
    section_misaligned,
    memory_manager_block,
    unloaded_count,
    debugger_data_corrupt,
    debugger_data_cut,
    structure_shortened,
    shortened_by_writer,
    list_head_differs,
)
"""Checks of the triage header and its sections; they need the triage header."""
