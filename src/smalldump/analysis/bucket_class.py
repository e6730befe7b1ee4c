"""The first half of a bucket: what kind of failure it was, in Microsoft's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from smalldump.knowledge.bucket_forms import BucketForm
from smalldump.knowledge.catalog import BugCheckEntry
from smalldump.knowledge.flags import Access, access
from smalldump.model import Absent, BugCheck, Snapshot

__all__ = ["BucketClass", "bucket_class", "flipped_bit"]

_ACCESS_VIOLATION = 0xC0000005
_DAMAGED_PTE = (0x1A, 0x41792)
_OFF = (0, 0xFFFFFFFF)  # values of MmVerifyDriverLevel that mean: no driver is verified
_CUT_FROM = 14  # characters of a process's name that are kept; newer Windows keeps 15
_LETTERS = {Access.READ: "R", Access.WRITE: "W", Access.EXECUTE: "X"}
_POOL_TAG = re.compile(rb"[A-Za-z0-9]{4}")
_RULE = re.compile(r"the \w+ rule (\w+)$")  # as the knowledge room words violations of DDI rules

_NO_POST = (
    "No bucket that Microsoft's tools printed and people posted shows this form: only what the code tells is used."
)
_OLD_POST = "Only old debuggers, which added the offset in the function, were seen to print this form."
_NO_VERIFIER = "Whether Driver Verifier was on (`_VRF`) is not in the dump."
_NO_TAG = "The pool tag that belongs here is not in the parameters."
_NO_REGION = "`(null)` stands where Microsoft's tools, which look the address up, may name its kind (INVALID)."
_NO_RECORD = "The kind of hardware error, which belongs here, is in a record that is not decoded."
_CUT_NAME = "Windows may have cut the name of the process."
_NO_PROCESS = "How the process ended, which belongs here, is not told."


class BucketClass(NamedTuple):
    """The class of a bucket and its sub-codes, and what is left out of them, in sentences."""

    words: str
    gaps: tuple[str, ...] = ()


def bucket_class(machine: Snapshot, stop: BugCheck, entry: BugCheckEntry | None, form: BucketForm) -> BucketClass:
    """What kind of failure a bug check was."""
    found = _special(machine, stop, entry) or _common(stop, form)
    live = "LKD_" if entry is not None and entry.live_dump else ""
    known = True if form.always_verified else _is_verified(machine)
    if known and form.verified:
        found = BucketClass(form.verified)
    gaps = found.gaps if known is not None else (*found.gaps, _NO_VERIFIER)
    return BucketClass(f"{live}{found.words}{'_VRF' if known else ''}", gaps)


def flipped_bit(stop: BugCheck) -> bool:
    """Whether a damaged page table entry, which should be zero, has a single bit set."""
    wrong = stop.parameters[2].bit_count() + stop.parameters[3].bit_count()
    return (stop.code, stop.parameters[0]) == _DAMAGED_PTE and wrong == 1


def _is_verified(machine: Snapshot) -> bool | None:
    counters = machine.memory_manager
    level = None if isinstance(counters, Absent) else counters.get("mm_verify_driver_level")
    return None if level is None else level not in _OFF


def _common(stop: BugCheck, form: BucketForm) -> BucketClass:
    if form.raises and stop.parameters[0] & 0xFFFFFFFF == _ACCESS_VIOLATION:
        return BucketClass("AV")
    case = form.cases.get(stop.parameters[0])
    if case is not None:
        return BucketClass(case)
    values = {f"p{number}": value for number, value in enumerate(stop.parameters, 1)}
    # 64-bit Windows keeps a status sign-extended.
    halves = {f"s{number}": value & 0xFFFFFFFF for number, value in enumerate(stop.parameters, 1)}
    return BucketClass(form.words.format(**values, **halves), _doubts(form))


def _doubts(form: BucketForm) -> tuple[str, ...]:
    if form.posted:
        return (_OLD_POST,) if form.old else ()
    return (_NO_POST,)


def _special(machine: Snapshot, stop: BugCheck, entry: BugCheckEntry | None) -> BucketClass | None:
    special = _SPECIAL.get(stop.code)
    return special(machine, stop, entry) if special else None


def _page_fault(_machine: Snapshot, stop: BugCheck, _entry: BugCheckEntry | None) -> BucketClass:
    kind = access(stop.code, stop.parameters[1])
    return BucketClass(f"AV_{_LETTERS[kind]}_(null)" if kind else "AV", (_NO_REGION,))


def _raised_irql(machine: Snapshot, stop: BugCheck, _entry: BugCheckEntry | None) -> BucketClass:
    # Where the address that was touched is that of the instruction, its page was not there to be fetched.
    address, *_, instruction = stop.parameters
    paged = address == instruction and machine.modules.at(instruction) is not None
    return BucketClass("AV_CODE_AV_PAGED_IP" if paged else "AV")


def _bad_pool_caller(_machine: Snapshot, stop: BugCheck, _entry: BugCheckEntry | None) -> BucketClass:
    kind, second, *_ = stop.parameters
    if kind != 7:
        return BucketClass(f"0xc2_{kind:x}")
    tag = second.to_bytes(8, "little")
    if not _POOL_TAG.fullmatch(tag.rstrip(b"\0")):
        return BucketClass("0xc2_7", (_NO_TAG,))
    return BucketClass(f"0xc2_7_{tag[:4].decode()}")


def _verifier(_machine: Snapshot, stop: BugCheck, entry: BugCheckEntry | None) -> BucketClass:
    found = entry.match(stop.parameters) if entry else None
    rule = _RULE.search(found.meaning) if found else None
    return BucketClass(f"0xc4_{rule[1]}_XDV" if rule else f"0xc4_{stop.parameters[0]:x}")


def _pending_apc(_machine: Snapshot, stop: BugCheck, _entry: BugCheckEntry | None) -> BucketClass:
    # No APC, and a count of disabled kernel APCs (16 bits, signed) below zero.
    apc, count, *_ = stop.parameters
    if apc == 0 and count & 0x8000:
        return BucketClass("0x20_NULLAPC_KAPC_NEGATIVE")
    return BucketClass("0x20", (_NO_POST,))


def _hardware_error(machine: Snapshot, stop: BugCheck, _entry: BugCheckEntry | None) -> BucketClass:
    source, maker = stop.parameters[0], _maker(machine)
    if maker is None:
        return BucketClass(f"0x124_{source}", (_NO_RECORD,))
    # Of source 16, for which no record is decoded, posts show an empty part and UNKNOWN.
    return (
        BucketClass(f"0x124_16_{maker}__UNKNOWN")
        if source == 16
        else BucketClass(f"0x124_{source}_{maker}", (_NO_RECORD,))
    )


def _hardware_interrupt(machine: Snapshot, stop: BugCheck, _entry: BugCheckEntry | None) -> BucketClass:
    source, maker = stop.parameters[0], _maker(machine)
    if maker is None or source != 0x4F4454:
        return BucketClass(f"0x80_{source:X}", (_NO_RECORD,))
    return BucketClass(f"0x80_4F4454_{maker}_NOERRREC")


def _maker(machine: Snapshot) -> str | None:
    processor = machine.processor
    return None if isinstance(processor, Absent) or isinstance(processor.vendor, Absent) else processor.vendor


def _critical_process(machine: Snapshot, stop: BugCheck, _entry: BugCheckEntry | None) -> BucketClass:
    process = machine.process
    if isinstance(process, Absent) or isinstance(process.name, Absent) or process.address != stop.parameters[0]:
        return BucketClass("0xEF", (_NO_PROCESS,))
    cut = (_CUT_NAME,) if len(process.name) >= _CUT_FROM else ()
    return BucketClass(f"0xEF_{process.name}_BUGCHECK_CRITICAL_PROCESS", (*cut, _NO_PROCESS))


_SPECIAL: dict[int, Callable[[Snapshot, BugCheck, BugCheckEntry | None], BucketClass]] = {
    0x0A: _raised_irql,
    0xD1: _raised_irql,
    0x20: _pending_apc,
    0x50: _page_fault,
    0x80: _hardware_interrupt,
    0xC2: _bad_pool_caller,
    0xC4: _verifier,
    0xEF: _critical_process,
    0x124: _hardware_error,
}
