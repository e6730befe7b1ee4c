"""AMD's scalable machine-check architecture (Zen and later): which unit a bank stands for, and its extended error.

MCA_IPID names the unit: bits 32-43 a hardware id, bits 48-63 a type. The extended error code, bits 16-21 of the
status, is numbered anew for each type of unit.
Source: the numbering is that of AMD's public Processor Programming References of families 17h and 19h, written down
from knowledge of them and not compared line by line; words and choice are ours. Listed are codes that tell which part
to suspect: memory cells, the lines to them, a cache, the core, the fabric. All others are given as a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["AmdBank", "amd_bank", "extended_error"]


class AmdBank(NamedTuple):
    """The unit behind an MCA bank.

    Attributes:
        short: AMD's abbreviation, e.g. `LS`.
        unit: `processor`, `memory`, `pcie` or `platform`: what the verdict calls it.
        errors: What extended error codes mean, as far as they are known.
    """

    short: str
    name: str
    unit: str
    errors: Mapping[int, str] = MappingProxyType({})


_CORE, _FABRIC, _MEMORY = 0xB0, 0x2E, 0x96  # hardware ids

_MEMORY_ERRORS = {0: "wrong bits in DRAM", 4: "an address or command arrived damaged"}
_UNITS: Mapping[tuple[int, int], AmdBank] = MappingProxyType(
    {
        (_CORE, 0x0): AmdBank("LS", "load-store unit", "processor"),
        (_CORE, 0x10): AmdBank("LS", "load-store unit", "processor"),
        (_CORE, 0x1): AmdBank("IF", "instruction fetch unit", "processor"),
        (_CORE, 0x2): AmdBank("L2", "L2 cache", "processor", {1: "bad tag or state", 2: "bad data"}),
        (_CORE, 0x3): AmdBank("DE", "decode unit", "processor"),
        (_CORE, 0x5): AmdBank("EX", "execution unit", "processor", {0: "the core stood still (watchdog)"}),
        (_CORE, 0x6): AmdBank("FP", "floating-point unit", "processor"),
        (_CORE, 0x7): AmdBank("L3", "L3 cache", "processor", {2: "bad tag", 4: "bad data"}),
        (_FABRIC, 0x0): AmdBank("CS", "data fabric, memory side", "platform"),
        (_FABRIC, 0x1): AmdBank("PIE", "data fabric, power and interrupts", "platform", {2: "a link failed"}),
        (_MEMORY, 0x0): AmdBank("UMC", "memory controller", "memory", _MEMORY_ERRORS),
        (0x01, 0x0): AmdBank("SMU", "system management unit", "platform"),
        (0x05, 0x0): AmdBank("PB", "parameter block", "platform"),
        (0x18, 0x0): AmdBank("NBIO", "I/O hub", "platform"),
        (0x46, 0x0): AmdBank("PCIE", "PCI Express port", "pcie"),
        (0xFF, 0x0): AmdBank("PSP", "security processor", "platform"),
    }
)


def amd_bank(ipid: int) -> AmdBank | None:
    """The unit that MCA_IPID names; None where it is not known (0 on processors before Zen)."""
    return _UNITS.get((ipid >> 32 & 0xFFF, ipid >> 48 & 0xFFFF))


def extended_error(bank: AmdBank, status: int) -> str:
    """The extended error code of a status in words, or as a number."""
    code = status >> 16 & 0x3F
    return bank.errors.get(code, f"extended error {code}")
