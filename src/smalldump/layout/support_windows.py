"""The Windows versions of the support matrix: what is read of each, on what evidence, and which test shows it.

Evidence is counted, not felt: real small memory dumps (59 were looked at), small memory dumps that Microsoft's
debugger engine wrote of synthetic machines, and kernels whose public symbols give structure offsets (51). Where all
three are zero the entry is unverified: it is read by the nearest known form.

Source: format reference §0 (files), §8.1 and §8.2 (symbols).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from smalldump.layout.dump import MachineType

__all__ = ["WINDOWS", "Evidence", "WindowsSupport"]


class Evidence(StrEnum):
    """The strongest evidence for an entry."""

    REAL = "real dumps"
    ENGINE = "engine-written dumps"
    SYMBOLS = "symbols"
    UNVERIFIED = "unverified"


_NAMES = {MachineType.X86: "x86", MachineType.X64: "x64"}


@dataclass(frozen=True, slots=True)
class WindowsSupport:
    """A span of Windows builds on one architecture.

    Attributes:
        client, server: Products of these builds; empty where there are none.
        first, last: Build numbers, both inclusive; 0 where no build is meant.
        real: Real small memory dumps that were looked at.
        engine: Small memory dumps of synthetic machines, written by Microsoft's engine.
        symbols: Kernels whose public symbols were compared.
        read: What is read there, in words.
        test: The test that shows it, as pytest names it.
        remark: What else is to be said about the evidence.
    """

    client: str
    server: str
    first: int
    last: int
    machine: MachineType
    test: str
    real: int = 0
    engine: int = 0
    symbols: int = 0
    read: str = "everything"
    remark: str = ""

    @property
    def strongest(self) -> Evidence:
        """The strongest kind of evidence."""
        kinds = {Evidence.REAL: self.real, Evidence.ENGINE: self.engine, Evidence.SYMBOLS: self.symbols}
        return next((kind for kind, count in kinds.items() if count), Evidence.UNVERIFIED)

    @property
    def evidence(self) -> str:
        """The evidence in words."""
        return f"{self.strongest}: {self.remark}" if self.remark else str(self.strongest)

    @property
    def builds(self) -> str:
        """The span of builds in words."""
        if not self.first:
            return "-"
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"

    @property
    def machine_name(self) -> str:
        """The architecture as people say it."""
        return _NAMES.get(self.machine, self.machine.name.replace("ALPHA", "Alpha"))


_X86, _X64, _ARM64 = MachineType.X86, MachineType.X64, MachineType.ARM64

_ENGINE = "tests/truth/test_engine.py::test_registers"
_INDEX = "tests/truth/test_lists.py::test_index"
_TABLE = "tests/layout/test_builds.py::test_excerpt_of_the_listings"
_RULES = "tests/layout/test_structures.py::test_rules_agree_with_the_tables"
_ARM64_RULES = "tests/layout/test_structures.py::test_arm64_by_rule"
_EXAMPLES = "tests/report/test_goldens.py::test_reports_on_the_examples_are_as_kept"
_OTHERS = "tests/checking/test_header_checks.py::test_unsupported_machine"

_ON_ARM64 = "all but IRQL, trap frames, thread priority and creation time"
_BY_WORDS = "all but thread priority, creation time and trap frame"
_HEADER_ONLY = "the header's facts"
_NO_PUBLIC_HEADER = "no public source lists its header's fields"

WINDOWS: tuple[WindowsSupport, ...] = (
    WindowsSupport(
        "Windows 2000",
        "2000 Server",
        2195,
        2195,
        _X86,
        _EXAMPLES,
        read="as Windows XP, without process, thread and processor details",
        remark=_NO_PUBLIC_HEADER,
    ),
    WindowsSupport("Windows XP", "", 2600, 2600, _X86, _INDEX, engine=5, symbols=1),
    WindowsSupport("", "Server 2003", 3790, 3790, _X86, _INDEX, engine=1, symbols=1),
    WindowsSupport("Windows Vista", "Server 2008", 6000, 6002, _X86, _TABLE, symbols=3),
    WindowsSupport("Windows 7", "", 7600, 7601, _X86, _INDEX, engine=4, symbols=2),
    WindowsSupport("Windows 8", "", 9200, 9200, _X86, _RULES, symbols=1),
    WindowsSupport("Windows 8.1", "", 9600, 9600, _X86, _INDEX, engine=1, symbols=2),
    WindowsSupport("Windows 10 1507", "", 10240, 10240, _X86, _INDEX, engine=1, symbols=1),
    WindowsSupport("Windows 10 1511 to 1909", "", 10586, 18362, _X86, _RULES, symbols=8),
    WindowsSupport("Windows 10 2004 to 22H2", "", 19041, 19045, _X86, _INDEX, engine=2, symbols=5),
    WindowsSupport("Windows XP x64", "Server 2003", 3790, 3790, _X64, _TABLE, symbols=1),
    WindowsSupport("Windows Vista", "Server 2008", 6000, 6002, _X64, _TABLE, symbols=3),
    WindowsSupport("Windows 7", "Server 2008 R2", 7600, 7601, _X64, _INDEX, engine=1, symbols=2),
    WindowsSupport("Windows 8", "Server 2012", 9200, 9200, _X64, _INDEX, engine=1, symbols=1),
    WindowsSupport("Windows 8.1", "Server 2012 R2", 9600, 9600, _X64, _ENGINE, real=40, symbols=2),
    WindowsSupport("Windows 10 1507", "", 10240, 10240, _X64, _INDEX, engine=1, symbols=1),
    WindowsSupport("Windows 10 1511 to 1803", "Server 2016", 10586, 17134, _X64, _RULES, symbols=5),
    WindowsSupport("Windows 10 1809", "Server 2019", 17763, 17763, _X64, _ENGINE, real=3, symbols=1),
    WindowsSupport("Windows 10 1903 to 1909", "Server 1903 to 1909", 18362, 18362, _X64, _RULES, symbols=2),
    WindowsSupport(
        "Windows 10 2004 to 22H2", "Server 2004 to 20H2", 19041, 19045, _X64, _ENGINE, real=15, engine=4, symbols=5
    ),
    WindowsSupport("", "Server 2022", 20348, 20349, _X64, _RULES, read=_BY_WORDS),
    WindowsSupport("Windows 11 21H2", "", 22000, 22000, _X64, _RULES, symbols=2),
    WindowsSupport("Windows 11 22H2 to 23H2", "", 22621, 22631, _X64, _INDEX, engine=1, symbols=2),
    WindowsSupport("", "Server 23H2", 25398, 25398, _X64, _RULES, read=_BY_WORDS),
    WindowsSupport(
        "Windows 11 24H2 and later",
        "Server 2025",
        26100,
        28000,
        _X64,
        _RULES,
        read=_BY_WORDS,
        remark="one public listing of EPROCESS of build 26100",
    ),
    WindowsSupport("Windows 11 21H2", "", 22000, 22000, _ARM64, _ENGINE, real=1, read=_ON_ARM64),
    WindowsSupport("Windows 10 and 11, other builds", "", 0, 0, _ARM64, _ARM64_RULES, read=_ON_ARM64),
    WindowsSupport("Windows RT, 10 IoT", "", 0, 0, MachineType.ARM, _OTHERS, read=_HEADER_ONLY),
    WindowsSupport(
        "Windows XP 64-Bit Edition", "Server 2003 to 2008 R2", 0, 0, MachineType.IA64, _OTHERS, read=_HEADER_ONLY
    ),
    WindowsSupport("Windows 2000 betas", "", 0, 0, MachineType.ALPHA, _OTHERS, read=_HEADER_ONLY),
    WindowsSupport("64-bit Windows, never released", "", 0, 0, MachineType.ALPHA64, _OTHERS, read=_HEADER_ONLY),
)
"""Windows versions, oldest first within an architecture."""
