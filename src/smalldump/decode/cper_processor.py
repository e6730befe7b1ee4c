"""Sections of error records about processors: generic, IA-32/x64, ARM.

Source: the published headers of EDK II and Linux, which follow appendix N.2.4 of the UEFI specification.
"""

from __future__ import annotations

from smalldump.decode.cper_values import Facts, Meaning, Valid, bits, fill, hexed, named, number, text, valid_facts
from smalldump.layout.cper_units import (
    ArmErrorInformation,
    ArmProcessorError,
    ProcessorGenericError,
    XpfContextInformation,
    XpfErrorInformation,
    XpfProcessorError,
)
from smalldump.layout.record import Buffer

__all__ = ["decode_arm_processor", "decode_processor_generic", "decode_xpf_processor"]

_KINDS = ((0, "cache"), (1, "TLB"), (2, "bus"), (3, "micro-architectural"))
_OPERATIONS = ("unknown or generic", "data read", "data write", "instruction execution")
_GENERIC = (
    Valid(0, "processor_type", named(("IA-32/x64", "IA-64", "ARM"))),
    Valid(1, "instruction_set", named(("IA-32", "IA-64", "x64", "A32/T32", "A64"))),
    Valid(2, "error_type", bits(_KINDS)),
    Valid(3, "operation", named(_OPERATIONS)),
    Valid(4, "flags", bits(((0, "restartable"), (1, "precise IP"), (2, "overflow"), (3, "corrected")))),
    Valid(5, "level", number),
    Valid(6, "cpu_version", hexed),
    Valid(7, "cpu_brand_string", text),
    Valid(8, "processor_id", number),
    Valid(9, "target_address", hexed),
    Valid(10, "requester_id", hexed),
    Valid(11, "responder_id", hexed),
    Valid(12, "instruction_pointer", hexed),
)


def decode_processor_generic(data: Buffer) -> Meaning:
    """Processor Generic Error Section."""
    record = ProcessorGenericError(fill(ProcessorGenericError, data))
    facts = valid_facts(record, record.valid_bits, _GENERIC, len(data))
    known = dict(facts)
    words = None
    if kind := known.get("error_type"):
        kind = "unknown" if kind == "none" else kind
        words = f"{kind} error in processor {known['processor_id']}" if "processor_id" in known else f"{kind} error"
    return Meaning("processor", words, facts, 2)


_CHECKS = {
    "a55701f5-e3ef-43de-ac72-249b573fad2c": "cache",
    "fc06b535-5e1f-4562-9f25-0a3b9adb63c3": "TLB",
    "1cf3f8b3-c5b1-49a2-aa59-5eef92ffa63c": "bus",
    "48ab7f57-dc34-4f6c-a7d3-b0b5b0a74314": "micro-architecture",
}
_MICRO = ("no error", "unclassified", "microcode ROM parity", "external", "FRC error", "internal unclassified")
_CONTEXTS = (
    *("unclassified", "MSRs", "32-bit mode", "64-bit mode", "FXSAVE", "32-bit debug registers"),
    *("64-bit debug registers", "memory-mapped registers"),
)


def decode_xpf_processor(data: Buffer) -> Meaning:
    """IA-32/x64 Processor Error Section; counts of parts are bounded by the section's own bytes."""
    record = XpfProcessorError(fill(XpfProcessorError, data))
    valid = record.valid_bits
    facts = [*valid_facts(record, valid, (Valid(0, "local_apic_id", number),), len(data))]
    if valid & 2 and len(data) >= XpfProcessorError.SIZE:
        facts.append(("cpu_id", " ".join(f"{record.cpu_id[index]:08x}" for index in (0, 2, 4, 6))))
    position, kinds = XpfProcessorError.SIZE, []
    for index in range(valid >> 2 & 0x3F):
        if position + XpfErrorInformation.SIZE > len(data):
            facts.append(("cut", f"the section ends before error information {index}"))
            break
        kind, said = _xpf_check(XpfErrorInformation(data, position))
        kinds.append(kind)
        facts += [(f"error_{index}.{name}", value) for name, value in said]
        position += XpfErrorInformation.SIZE
    else:
        facts += _xpf_contexts(data, position, valid >> 8 & 0x3F)
    where = f"in processor {record.local_apic_id}" if valid & 1 else "in a processor"
    return Meaning("processor", f"{' and '.join(kinds)} error {where}" if kinds else None, tuple(facts), 3)


def _xpf_check(info: XpfErrorInformation) -> tuple[str, Facts]:
    kind = _CHECKS.get(info.check_info_id)
    facts = [("kind", kind or info.check_info_id)]
    if info.valid_bits & 1:
        facts.append(("check_info", hexed(info.check_info)))
        facts.append(("check", _check_words(kind, info.check_info)))
    fields = (
        *(Valid(1, "target_id", hexed), Valid(2, "requester_id", hexed), Valid(3, "responder_id", hexed)),
        Valid(4, "instruction_pointer", hexed),
    )
    return kind or "unknown", (*facts, *valid_facts(info, info.valid_bits, fields, XpfErrorInformation.SIZE))


def _check_words(kind: str | None, value: int) -> str:
    """The valid parts of a check structure: bits 0 to 15 say which, 16 and up hold them."""
    micro = kind == "micro-architecture"
    if kind is None:
        return "unknown form"
    words = []
    if value & 1:
        names = _MICRO if micro else ("instruction", "data access", "generic")
        words.append(named(names)(value >> 16 & (7 if micro else 3)))
    if not micro and value & 2:
        requests = ("generic error", "generic read", "generic write", "data read", "data write", "instruction fetch")
        words.append(named((*requests, "prefetch", "eviction", "snoop"))(value >> 18 & 0xF))
    if not micro and value & 4:
        words.append(f"level {value >> 22 & 7}")
    first, at = (1, 19) if micro else (3, 25)
    flags = ("processor context corrupt", "uncorrected", "precise IP", "restartable", "overflow")
    words += [name for i, name in enumerate(flags) if value >> (first + i) & 1 and value >> (at + i) & 1]
    if kind == "bus" and value & 0x200 and value >> 32 & 1:
        words.append("timed out")
    return ", ".join(words) or "nothing valid"


def _xpf_contexts(data: Buffer, position: int, count: int) -> Facts:
    facts: list[tuple[str, str]] = []
    for index in range(count):
        if position + XpfContextInformation.SIZE > len(data):
            return (*facts, ("cut", f"the section ends before context {index}"))
        context = XpfContextInformation(data, position)
        kind = named(_CONTEXTS)(context.register_context_type)
        facts.append((f"context_{index}", f"{kind}, {context.register_data_size} bytes"))
        position += XpfContextInformation.SIZE + context.register_data_size
    return tuple(facts)


_ARM_ERRORS = ("cache", "TLB", "bus or, by later revisions, cache", "micro-architectural", "TLB")
_ARM_INFORMATION = (
    Valid(0, "multiple_error", number),
    Valid(1, "flags", bits(((0, "first"), (1, "last"), (2, "propagated"), (3, "overflow")))),
    *(Valid(2, "error_information", hexed), Valid(3, "virtual_address", hexed), Valid(4, "physical_address", hexed)),
)


def decode_arm_processor(data: Buffer) -> Meaning:
    """ARM Processor Error Section."""
    record = ArmProcessorError(fill(ArmProcessorError, data))
    fields = (Valid(0, "mpidr", hexed), Valid(1, "affinity_level", number), Valid(2, "running_state", hexed))
    facts = [("midr", hexed(record.midr)), *valid_facts(record, record.valid_bits, fields, len(data))]
    position, kinds = ArmProcessorError.SIZE, []
    for index in range(record.error_info_count):
        if position + ArmErrorInformation.SIZE > len(data):
            facts.append(("cut", f"the section ends before error information {index}"))
            break
        info = ArmErrorInformation(data, position)
        kinds.append(named(_ARM_ERRORS)(info.error_type))
        said = valid_facts(info, info.valid_bits, _ARM_INFORMATION, ArmErrorInformation.SIZE)
        facts += [(f"error_{index}.{name}", value) for name, value in (("error_type", kinds[-1]), *said)]
        position += max(info.length, ArmErrorInformation.SIZE)
    where = f"in processor {record.mpidr:#x}" if record.valid_bits & 1 else "in a processor"
    words = f"{', '.join(dict.fromkeys(kinds))} error {where}" if kinds else None
    return Meaning("processor", words, tuple(facts), 3)
