"""Machine-check status words of Intel and AMD processors, in words.

Sources: Intel SDM volume 3B, "Machine-Check Architecture" and "Interpreting Machine-Check Error Codes"; AMD64 APM
volume 2, chapter 9. The lower 16 bits mean the same for both makers; bits 16 to 31 depend on the model and are given as
a number, except for AMD's scalable architecture (see `decode.amd_banks`).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

__all__ = ["CpuVendor", "ErrorCode", "MachineCheckStatus", "error_code", "global_status", "machine_check_status"]


class CpuVendor(IntEnum):
    """`WHEA_CPU_VENDOR`."""

    OTHER = 0
    INTEL = 1
    AMD = 2


class ErrorCode(NamedTuple):
    """An MCA error code, the lower 16 bits of a status.

    Attributes:
        kind: `tlb`, `cache`, `memory_controller`, `bus`, `internal_timer`, `internal`, `none`, `unknown`, …
        mnemonic: The makers' short form, e.g. `DCACHEL1_DRD_ERR`; None where there is none.
    """

    kind: str
    words: str
    mnemonic: str | None = None


class MachineCheckStatus(NamedTuple):
    """A status word taken apart.

    Attributes:
        flags: What the single bits say, most significant first.
        model_code: Bits 16 to 31, whose meaning depends on the model.
        corrected_count: Corrected errors that Intel's word counts; None where it does not count.
    """

    value: int
    vendor: CpuVendor
    valid: bool
    uncorrected: bool
    overflow: bool
    context_corrupt: bool
    address_valid: bool
    misc_valid: bool
    flags: tuple[str, ...]
    code: ErrorCode
    model_code: int
    corrected_count: int | None

    @property
    def severity(self) -> str:
        """`uncorrected`, `deferred` (AMD) or `corrected`."""
        if self.uncorrected:
            return "uncorrected"
        return "deferred" if self.vendor is CpuVendor.AMD and self.value >> 44 & 1 else "corrected"


_COMMON = (
    (63, "valid"),
    (62, "overflow: an earlier error was lost"),
    (61, "uncorrected"),
    (60, "enabled"),
    (59, "miscellaneous register valid"),
    (58, "address valid"),
    (57, "processor context corrupt"),
)
_INTEL = ((56, "signalled"), (55, "action required"))
_AMD = (
    (55, "task context corrupt"),
    (53, "syndrome valid"),
    (46, "corrected by ECC"),
    (45, "not correctable by ECC"),
    (44, "deferred"),
    (43, "poisoned data consumed"),
    (40, "found by the scrubber"),
)
_OF_VENDOR = {CpuVendor.INTEL: _INTEL, CpuVendor.AMD: _AMD, CpuVendor.OTHER: ()}


def machine_check_status(value: int, vendor: CpuVendor = CpuVendor.OTHER) -> MachineCheckStatus:
    """What the 64 bits of IA32_MCi_STATUS say; never raises."""
    value &= (1 << 64) - 1
    bits = _COMMON + _OF_VENDOR[vendor]
    counted = vendor is CpuVendor.INTEL and not value >> 61 & 1
    return MachineCheckStatus(
        value,
        vendor,
        valid=bool(value >> 63 & 1),
        uncorrected=bool(value >> 61 & 1),
        overflow=bool(value >> 62 & 1),
        context_corrupt=bool(value >> 57 & 1),
        address_valid=bool(value >> 58 & 1),
        misc_valid=bool(value >> 59 & 1),
        flags=tuple(words for bit, words in bits if value >> bit & 1),
        code=error_code(value & 0xFFFF, vendor),
        model_code=value >> 16 & 0xFFFF,
        corrected_count=value >> 38 & 0x7FFF if counted else None,
    )


def global_status(value: int) -> tuple[str, ...]:
    """What the bits of IA32_MCG_STATUS say."""
    bits = ("restart possible", "instruction pointer belongs to the error", "machine check in progress", "local")
    return tuple(words for bit, words in enumerate(bits) if value >> bit & 1)


_SIMPLE = {
    0x0000: ErrorCode("none", "no error"),
    0x0001: ErrorCode("unclassified", "unclassified error"),
    0x0002: ErrorCode("microcode", "parity error in the microcode ROM"),
    0x0003: ErrorCode("external", "external error: another processor or device signalled it"),
    0x0004: ErrorCode("frc", "functional redundancy check failed"),
    0x0005: ErrorCode("internal_parity", "internal parity error"),
    0x0006: ErrorCode("smm", "code outside of system management memory was run in system management mode"),
}
_INTEL_SIMPLE = {
    0x0400: ErrorCode("internal_timer", "internal timer error: the processor made no progress for too long"),
    0x0E0B: ErrorCode("io", "generic I/O error"),
}


def error_code(code: int, vendor: CpuVendor = CpuVendor.OTHER) -> ErrorCode:
    """The meaning of an MCA error code: a simple one, or a compound one with its parts."""
    known = _SIMPLE.get(code) or (None if vendor is CpuVendor.AMD else _INTEL_SIMPLE.get(code))
    if known:
        return known
    code &= ~0x1000  # the filtering bit: says how corrected errors are counted, not what happened
    for bits, mask, decode in _COMPOUND:
        if code & mask == bits:
            return decode(code)
    return ErrorCode("unknown", f"unknown error code {code:#06x}")


_TRANSACTIONS = (("instruction", "I"), ("data", "D"), ("generic", "G"), ("unknown transaction", "?"))
_LEVELS = (("level 0", "L0"), ("level 1", "L1"), ("level 2", "L2"), ("any level", "LG"))
_REQUESTS = (
    *(("generic error", "ERR"), ("generic read", "RD"), ("generic write", "WR"), ("data read", "DRD")),
    *(("data write", "DWR"), ("instruction fetch", "IRD"), ("prefetch", "PREFETCH"), ("eviction", "EVICT")),
    ("snoop", "SNOOP"),
)
_PARTICIPATIONS = (
    ("this processor asked", "SRC"),
    ("this processor answered", "RES"),
    ("this processor observed it", "OBS"),
    ("participation unknown", "GENERIC"),
)
_SPACES = (("memory", "M"), ("reserved", "?"), ("I/O", "IO"), ("other", "*"))
_MEMORY_REQUESTS = (
    *(("generic error", "GEN"), ("read error", "RD"), ("write error", "WR")),
    *(("address or command error", "AC"), ("scrubbing error", "MS")),
)


def _request(code: int) -> tuple[str, str]:
    number = code >> 4 & 0xF
    return _REQUESTS[number] if number < len(_REQUESTS) else (f"request {number}", "?")


def _any_level(code: int) -> ErrorCode:
    words, short = _LEVELS[code & 3]
    return ErrorCode("cache", f"cache hierarchy error, {words}", f"GCACHE{short}_ERR")


def _tlb(code: int) -> ErrorCode:
    (transaction, t), (level, short) = _TRANSACTIONS[code >> 2 & 3], _LEVELS[code & 3]
    return ErrorCode("tlb", f"TLB error, {transaction}, {level}", f"{t}TLB{short}_ERR")


def _cache(code: int) -> ErrorCode:
    (transaction, t), (level, short) = _TRANSACTIONS[code >> 2 & 3], _LEVELS[code & 3]
    request, r = _request(code)
    return ErrorCode("cache", f"cache error, {transaction}, {level}, {request}", f"{t}CACHE{short}_{r}_ERR")


def _memory_controller(code: int) -> ErrorCode:
    number, channel = code >> 4 & 7, code & 0xF
    known = number < len(_MEMORY_REQUESTS)
    request, short = _MEMORY_REQUESTS[number] if known else (f"request {number}", "?")
    where, mark = ("channel unknown", "x") if channel == 0xF else (f"channel {channel}", f"{channel}")
    return ErrorCode("memory_controller", f"memory controller error, {request}, {where}", f"{short}_CHANNEL{mark}_ERR")


def _internal(_: int) -> ErrorCode:
    return ErrorCode("internal", "internal unclassified error")


def _bus(code: int) -> ErrorCode:
    participation, p = _PARTICIPATIONS[code >> 9 & 3]
    (space, i), (level, short) = _SPACES[code >> 2 & 3], _LEVELS[code & 3]
    request, r = _request(code)
    timeout, t = ("timed out", "TIMEOUT") if code >> 8 & 1 else ("no time-out", "NOTIMEOUT")
    words = f"bus or interconnect error, {request}, {space}, {level}, {participation}, {timeout}"
    return ErrorCode("bus", words, f"BUS{short}_{p}_{r}_{i}_{t}_ERR")


_COMPOUND = (
    (0x000C, 0xFFFC, _any_level),
    (0x0010, 0xFFF0, _tlb),
    (0x0080, 0xFF80, _memory_controller),
    (0x0100, 0xFF00, _cache),
    (0x0280, 0xFF80, _memory_controller),
    (0x0400, 0xFC00, _internal),
    (0x0800, 0xF800, _bus),
)
