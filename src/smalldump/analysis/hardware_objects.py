"""Hardware error records that a bug check points to, and the machine-check words in its parameters.

`GenuineIntel.sys` and `AuthenticAMD.sys`, which Microsoft's buckets name, are no files: they stand for the maker of the
processor that reported the error. The reader's facts say which unit failed instead.
Source: Microsoft's bug check reference for 0x124 and 0x9C.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from smalldump.analysis.stop_object import Fact, Reader, Scene, StopObject, lacking
from smalldump.decode.cper import ErrorRecord, ErrorSection, decode_error_record
from smalldump.decode.cper_machine_check import bank_words, status_facts
from smalldump.decode.machine_check import CpuVendor, machine_check_status
from smalldump.errors import SmallDumpError
from smalldump.layout.cper import ErrorRecordHeader
from smalldump.model import Absent, Snapshot

__all__ = ["READERS", "machine_check_facts", "read_error_record", "read_machine_check"]

_KIND = "whea_error_record"
_LONGEST = 0x10000  # bytes of a record; those of Windows have up to 4 KB
_VENDORS = {"GenuineIntel": CpuVendor.INTEL, "AuthenticAMD": CpuVendor.AMD}
_WHEA_UNCORRECTABLE_ERROR = 0x124
_MACHINE_CHECK_EXCEPTION = 0x9C


def read_error_record(scene: Scene, address: int) -> StopObject | None:
    """The WHEA_ERROR_RECORD at an address, as far as the dump holds it; its sections are its children.

    Where it is not in the dump, the facts are those of the machine-check status in the bug check's parameters.
    """
    memory = scene.machine.memory
    head = memory.try_read(address, ErrorRecordHeader.SIZE)
    if head is None:
        spoken = tuple(machine_check_facts(scene.machine))
        return lacking(_KIND, address, "WHEA_ERROR_RECORD")._replace(facts=spoken)
    length = min(max(ErrorRecordHeader(head).length, ErrorRecordHeader.SIZE), _LONGEST)
    try:
        record = decode_error_record(memory.read_some(address, length))
    except SmallDumpError as error:
        return StopObject(_KIND, address, None, missing=f"No WHEA_ERROR_RECORD lies at {address:#x}: {error}.")
    children = tuple(_section(section, address) for section in record.sections)
    missing = "; ".join(record.problems)
    return StopObject(_KIND, address, None, _facts(record), children, f"{missing}." if missing else None)


def _facts(record: ErrorRecord) -> tuple[Fact, ...]:
    facts = [Fact("error", record.words)] if record.words else []
    facts += [
        Fact("unit", record.unit),
        Fact("severity", record.severity),
        Fact("notify_type", record.notify_type),
        Fact("creator", record.creator),
    ]
    if record.time:
        facts.append(Fact("time", record.time))
    return (*facts, Fact("record_id", f"{record.record_id:016x}"), Fact("length", str(record.length)))


def _section(section: ErrorSection, address: int) -> StopObject:
    facts = [Fact("section", section.name)]
    if section.meaning.words:
        facts.append(Fact("error", section.meaning.words))
    facts += [Fact("unit", section.meaning.unit), Fact("severity", section.severity), Fact("size", str(section.size))]
    if section.fru_text:
        facts.append(Fact("fru_text", section.fru_text))
    facts += [Fact(name, value) for name, value in section.meaning.facts]
    problem = section.problem and f"Of this section {section.problem}."
    return StopObject("whea_error_section", address + section.offset, None, tuple(facts), missing=problem)


def read_machine_check(scene: Scene, address: int) -> StopObject | None:
    """What 0x9C says in its parameters; the MCA_EXCEPTION at the address repeats the same registers."""
    facts = tuple(machine_check_facts(scene.machine))
    return StopObject("machine_check", address, None, facts) if facts else None


def machine_check_facts(machine: Snapshot) -> Iterator[Fact]:
    """The machine-check status that 0x124 (parameter 1 is 0) and 0x9C hold in parameters 3 (high half) and 4 (low).

    For 0x9C, parameter 1 is the bank; a status that is not marked valid is that of a processor without machine-check
    architecture, whose parameters mean something else: then there are no facts.
    """
    stop = machine.bug_check
    if isinstance(stop, Absent):
        return
    first, _, high, low = stop.parameters
    if stop.code != _MACHINE_CHECK_EXCEPTION and (stop.code != _WHEA_UNCORRECTABLE_ERROR or first != 0):
        return
    vendor = machine.processor.vendor if not isinstance(machine.processor, Absent) else ""
    known = CpuVendor.OTHER if isinstance(vendor, Absent) else _VENDORS.get(vendor, CpuVendor.OTHER)
    status = machine_check_status((high & 0xFFFFFFFF) << 32 | low & 0xFFFFFFFF, known)
    if status.valid:
        bank = first if stop.code == _MACHINE_CHECK_EXCEPTION else None
        yield Fact("error", bank_words(status, bank))
        yield Fact("unit", "memory" if status.code.kind == "memory_controller" else "processor")
        yield from (Fact(name, value) for name, value in status_facts(status))


READERS: Mapping[str, Reader] = {
    "machine_check": read_machine_check,
    "whea_error_record": read_error_record,
}
"""By the kind of the object, as `objects.FAMILIES` has it."""
