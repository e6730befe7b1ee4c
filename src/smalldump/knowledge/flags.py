"""Small numbers in bug check parameters: interrupt request levels and kinds of access."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Access", "access", "irql_name", "wait_reason_name"]

_COMMON_IRQLS = {0: "PASSIVE_LEVEL", 1: "APC_LEVEL", 2: "DISPATCH_LEVEL"}

# The same on x64 and on Arm; levels 3 to 11 belong to devices.
_SIXTEEN_IRQLS = _COMMON_IRQLS | {12: "SYNCH_LEVEL", 13: "CLOCK_LEVEL", 14: "IPI_LEVEL", 15: "HIGH_LEVEL"}
_X86_IRQLS = _COMMON_IRQLS | {
    27: "PROFILE_LEVEL",
    28: "CLOCK_LEVEL",
    29: "IPI_LEVEL",
    30: "POWER_LEVEL",
    31: "HIGH_LEVEL",
}
_IRQLS = {"x86": _X86_IRQLS, "x64": _SIXTEEN_IRQLS, "arm": _SIXTEEN_IRQLS, "arm64": _SIXTEEN_IRQLS}

_WAIT_REASONS = (
    *("Executive", "FreePage", "PageIn", "PoolAllocation", "DelayExecution", "Suspended", "UserRequest"),
    *("WrExecutive", "WrFreePage", "WrPageIn", "WrPoolAllocation", "WrDelayExecution", "WrSuspended", "WrUserRequest"),
    *("WrEventPair", "WrQueue", "WrLpcReceive", "WrLpcReply", "WrVirtualMemory", "WrPageOut", "WrRendezvous"),
    *("WrKeyedEvent", "WrTerminated", "WrProcessInSwap", "WrCpuRateControl", "WrCalloutStack", "WrKernel"),
    *("WrResource", "WrPushLock", "WrMutex", "WrQuantumEnd", "WrDispatchInt", "WrPreempted", "WrYieldExecution"),
    *("WrFastMutex", "WrGuardedMutex", "WrRundown", "WrAlertByThreadId", "WrDeferredPreempt", "WrPhysicalFault"),
)


class Access(StrEnum):
    """What an instruction did to memory."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"


_ACCESS = {0: Access.READ, 1: Access.WRITE, 8: Access.EXECUTE}
# Since Windows 10 1507 on x86 and x64 parameter 2 of 0x50 keeps bits of the processor's error code, 2 for a write and
# 0x10 for a fetch; before that, and on Arm, it is 0, 1 or 8. No number means two things, so no build need be asked.
_PAGE_FAULT_ACCESS = _ACCESS | {2: Access.WRITE, 0x10: Access.EXECUTE}
_DRIVER_IRQL_ACCESS = _ACCESS | {2: Access.EXECUTE}
_ACCESS_BY_CODE = {0x50: _PAGE_FAULT_ACCESS, 0xD1: _DRIVER_IRQL_ACCESS}


def irql_name(irql: int, machine: str) -> str | None:
    """Name of an interrupt request level, `DISPATCH_LEVEL`; `device level` where devices have it.

    None for a number that is no level of the machine.

    Args:
        irql: The level, 0 to 15, or 0 to 31 on x86.
        machine: `x86`, `x64`, `arm` or `arm64`.

    Source: `wdm.h`; SYNCH_LEVEL is that of multiprocessor kernels.
    """
    levels = _IRQLS.get(machine)
    if levels is None or not 0 <= irql <= max(levels):
        return None
    return levels.get(irql, "device level")


def wait_reason_name(reason: int) -> str | None:
    """Name of a KWAIT_REASON, `WrQueue`; None for a number without one. A running thread keeps that of its last wait.

    Source: `wdm.h`; the numbers have meant the same since Windows XP, which left 21 to 25 unused.
    """
    return _WAIT_REASONS[reason] if 0 <= reason < len(_WAIT_REASONS) else None


def access(bug_check_code: int, value: int) -> Access | None:
    """What a bug check parameter of kind `access-type` says; None for a value with no known meaning.

    Args:
        bug_check_code: The canonical code, since 2 is a write in 0x50 and a fetch in 0xD1.
        value: The parameter. 0xA documents bits: 0 for a write, 3 for a fetch.

    Source: Microsoft's pages of 0xA, 0x50 and 0xD1; the other bug checks use 0 and 1 only.
    """
    return _ACCESS_BY_CODE.get(bug_check_code, _ACCESS).get(value)
