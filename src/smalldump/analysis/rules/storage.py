"""What did not come back from the disk: 0x7A, 0x77 (pages), 0x154 (memory store), 0x24 (NTFS), 0x7B (boot disk).

The status of the failed read tells disk, cable or controller from memory; whoever waited for the page is a victim.
Source: Microsoft's pages on these bug checks.
"""

from __future__ import annotations

from smalldump.analysis.advice import CONTROLLER, COOLING, DISK, MEMORY
from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.rules.clues import all_clues
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion
from smalldump.knowledge.catalog import status_name

__all__ = ["rule"]

_DATA, _STACK, _STORE, _STORE_DATA, _BOOT = 0x7A, 0x77, 0x154, 0x1C7, 0x7B
_DEVICES = {
    0xC000000E: "the disk is gone",
    0xC000003F: "what was read fails its checksum",
    0xC000009C: "bad blocks",
    0xC000009D: "the disk is not connected",
    0xC00000C0: "the disk does not exist",
    0xC0000010: "the disk refuses the request",
    0xC000016A: "the request failed in the disk",
    0xC0000185: "cable, power or controller",
    0xC0000483: "the disk's hardware failed",
}
_NO_POOL = 0xC000009A
_FAILED = "Windows could not read a page from the disk: {status} ({why})."
_UNREAD = "Windows could not read a page from the disk{status}."
_NO_SIGNATURE = "A kernel stack that was read back is not what was written: failing memory, or the disk."
_STORE_FAILED = "The store of compressed memory met what it could not read: mostly failing memory or a failing disk."
_STORE_CHANGED = "The store of compressed memory found its data changed where it lay: mostly failing memory."
_NOT_BOOTED = "Windows lost the disk that it starts from, or never had a driver for its controller."
_MODE = "Check that the firmware's mode of the disk controller (AHCI, RAID, VMD) is the one Windows was installed with."


def rule(case: Case) -> Opinion:
    """Disk, cable or controller, by the status; for NTFS whoever is on the stack, with low confidence."""
    if case.code in (_DATA, _STACK):
        return _page(case)
    if case.code == _STORE:
        return Opinion(conclusion=_hardware(_STORE_FAILED, Confidence.LOW), steps=(MEMORY, DISK))
    if case.code == _STORE_DATA:
        return Opinion(conclusion=_hardware(_STORE_CHANGED, Confidence.LOW), steps=(MEMORY, COOLING))
    if case.code == _BOOT:
        found = Conclusion(CulpritKind.UNDECIDED, None, Confidence.NONE, _NOT_BOOTED)
        return Opinion(conclusion=found, steps=(_MODE, CONTROLLER, DISK))
    return Opinion(tuple(all_clues(case)), cap=Confidence.LOW, steps=(DISK, CONTROLLER))


def _hardware(summary: str, confidence: Confidence) -> Conclusion:
    return Conclusion(CulpritKind.HARDWARE, None, confidence, summary)


def _page(case: Case) -> Opinion:
    if case.code == _STACK and case.value(1) <= 2:
        return Opinion(conclusion=_hardware(_NO_SIGNATURE, Confidence.LOW), steps=(MEMORY, DISK))
    status = case.value(2) & 0xFFFFFFFF
    if status == _NO_POOL:
        return Opinion(tuple(all_clues(case)), cap=Confidence.LOW)
    name = status_name(status)
    why = _DEVICES.get(status)
    if why is None:
        summary = _UNREAD.format(status=f": {name}" if name else "")
        return Opinion(conclusion=_hardware(summary, Confidence.LOW), steps=(DISK, CONTROLLER, MEMORY))
    summary = _FAILED.format(status=name or f"{status:#x}", why=why)
    return Opinion(conclusion=_hardware(summary, Confidence.MEDIUM), steps=(DISK, CONTROLLER))
