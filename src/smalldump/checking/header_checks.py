"""Findings about the dump header: is it whole, do its facts make sense, and what did the writer leave in it."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.checking.evidence import Evidence, HeaderEvidence, error, info, warning
from smalldump.layout.blobs import ChainEnd, DumpBlobHeader
from smalldump.layout.dump import Attributes
from smalldump.layout.structures import StructureOffsets
from smalldump.model.absent import Absent
from smalldump.model.records import Finding

__all__ = ["ANY_HEADER_CHECKS", "HEADER_CHECKS", "WRITER_CHECKS"]

_WRITER_STATUS = {1: "the writer found no module list", 2: "the writer met a corrupt module list and stopped there"}
_FIXED_SIZE = 0x40000  # Windows 8 and 8.1: SizeOfDump is padded to it, and RequiredDumpSpace is the file's size


def header_only(evidence: Evidence) -> Iterator[Finding]:
    """The file ends before the triage header does: nothing but the header's own facts can be read."""
    if evidence.file.triage is None:
        size = evidence.file.header.SIZE
        found = f"the dump header is all there is: expected a triage header at {size:#x}, found the end of the file"
        yield error("header-only", f"{found} at {evidence.size:#x}", evidence.size)


def bug_check_missing(evidence: HeaderEvidence) -> Iterator[Finding]:
    """The bug check code was never written."""
    if isinstance(evidence.file.fact("bug_check_code"), Absent):
        yield error("bug-check-missing", "the header holds no bug check code", evidence.header_offset("bug_check_code"))


def dump_type_missing(evidence: Evidence) -> Iterator[Finding]:
    """DumpType was never written; the file is read as a small dump all the same."""
    if isinstance(evidence.file.fact("dump_type"), Absent):
        message = "DumpType was never written: expected 4, small memory dump"
        yield warning("dump-type-missing", message, evidence.header_offset("dump_type"))


def unsupported_machine(evidence: HeaderEvidence) -> Iterator[Finding]:
    """An architecture of which only the header's facts can be told."""
    machine = evidence.dump.machine
    if not machine.supported:
        message = f"the machine is neither x86 nor x64 nor ARM64: found {machine.name} in a {machine.bits}-bit dump"
        yield warning("unsupported-machine", message, evidence.header_offset("machine_image_type"))


def undescribed_build(evidence: HeaderEvidence) -> Iterator[Finding]:
    """A build whose kernel structures nobody has described: names the facts that stay absent for that reason."""
    machine, build = evidence.dump.machine, evidence.dump.system.build
    if not machine.supported:
        return
    offset = evidence.header_offset("minor_version")
    if isinstance(build, Absent):
        yield warning("build-missing", "the header does not tell the Windows build", offset)
    elif not StructureOffsets(machine.image_type, build, {}).described:
        missing = "; ".join(_unsupported_facts(evidence)) or "nothing"
        message = f"the structures of Windows build {build} ({machine.name}) are not described; unknown: {missing}"
        yield info("undescribed-build", message, offset)


def _unsupported_facts(evidence: HeaderEvidence) -> Iterator[str]:
    dump = evidence.dump
    for name, record in (("thread", dump.thread), ("process", dump.process), ("processor", dump.processor)):
        facts = {} if isinstance(record, Absent) else record._asdict()
        missing = [field for field, fact in facts.items() if fact is Absent.UNSUPPORTED]
        if missing and all(isinstance(fact, Absent) for fact in facts.values()):
            yield f"the {name}"
        elif missing:
            yield f"of the {name} {', '.join(missing)}"


def physical_memory_corrupt(evidence: HeaderEvidence) -> Iterator[Finding]:
    """The header's physical memory block claims more runs than it has room for, or none."""
    facts = evidence.dump.dump
    if not isinstance(facts, Absent) and facts.physical_memory is Absent.CORRUPT:
        message = "the physical memory block is damaged: its number of runs is impossible"
        yield warning("physical-memory-corrupt", message, evidence.header_offset("physical_memory_block"))


def context_corrupt(evidence: HeaderEvidence) -> Iterator[Finding]:
    """The header's CONTEXT is none of this machine: the registers are lost."""
    if evidence.dump.contexts.header is Absent.CORRUPT:
        message = f"the header's context is no {evidence.dump.machine.name} CONTEXT with a program counter"
        yield error("context-corrupt", message, evidence.header_offset("context_record"))


def writer_status(evidence: HeaderEvidence) -> Iterator[Finding]:
    """The writer (dbgeng) met trouble in the machine's memory; the file itself may be whole."""
    status = evidence.file.fact("writer_status")
    if status and not isinstance(status, Absent):
        message = _WRITER_STATUS.get(status, f"the writer reports a status that is not known: {status:#x}")
        yield warning("writer-status", message, evidence.header_offset("writer_status"))


def secondary_data_state(evidence: HeaderEvidence) -> Iterator[Finding]:
    """The kernel noted an NTSTATUS other than success for writing the secondary data."""
    state = evidence.file.fact("secondary_data_state")
    if state and not isinstance(state, Absent):
        message = f"writing the secondary data ended with status {state:#010x}"
        yield info("secondary-data-state", message, evidence.header_offset("secondary_data_state"))


def insufficient_dump_file_size(evidence: HeaderEvidence) -> Iterator[Finding]:
    """The kernel had less room in the page file than it wanted."""
    if _has_attribute(evidence, Attributes.INSUFFICIENT_DUMPFILE_SIZE):
        message = "the writer had too little room (InsufficientDumpfileSize): memory or secondary data may be missing"
        yield warning("insufficient-dump-file-size", message, evidence.header_offset("attributes"))


def _has_attribute(evidence: HeaderEvidence, attribute: Attributes) -> bool:
    attributes = evidence.file.fact("attributes")
    return not isinstance(attributes, Absent) and attributes & attribute != 0


def shorter_than_required(evidence: Evidence) -> Iterator[Finding]:
    """The file is shorter than RequiredDumpSpace although its writer makes both equal.

    Only dumps written by newer kernels and those padded to 256 KB do; elsewhere the field is a ceiling. Nothing is
    lost where the chain of blobs came to its end before the cut. Source: format reference §0.1 and §3.11.
    """
    required = evidence.file.fact("required_dump_space")
    by_kernel = _has_attribute(evidence, Attributes.KERNEL_GENERATED_TRIAGE_DUMP)
    exact = by_kernel or evidence.triage.size_of_dump == _FIXED_SIZE
    if isinstance(required, Absent) or not exact or evidence.cut or evidence.size >= required:
        return
    rest = evidence.file.data[evidence.chain.end :]
    ended = evidence.chain.reason is ChainEnd.NO_HEADER or (len(rest) > 0 and not any(rest[: DumpBlobHeader.SIZE]))
    finding = warning if ended else error
    message = f"the file was cut: expected {required:#x} bytes (RequiredDumpSpace), found {evidence.size:#x}"
    yield finding("shorter-than-required", message, evidence.size)


ANY_HEADER_CHECKS = (
    bug_check_missing,
    unsupported_machine,
    undescribed_build,
    context_corrupt,
    writer_status,
    secondary_data_state,
    insufficient_dump_file_size,
)
"""Checks of the header that every kind of dump begins with."""
HEADER_CHECKS = (
    header_only,
    bug_check_missing,
    dump_type_missing,
    unsupported_machine,
    undescribed_build,
    physical_memory_corrupt,
    context_corrupt,
    writer_status,
    secondary_data_state,
    insufficient_dump_file_size,
)
"""Checks of a small dump that need the dump header alone."""
WRITER_CHECKS = (shorter_than_required,)
"""Checks of header facts against the rest of the file."""
