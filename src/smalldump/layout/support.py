"""What is read, on what evidence, and which test shows it: the support matrix as data.

Evidence is counted, not felt: real small memory dumps (59 were looked at), small memory dumps that Microsoft's
debugger engine wrote of synthetic machines, and kernels whose public symbols give structure offsets (51). Where all
three are zero the entry is unverified: it is read by the nearest known form.

Source: format reference §0 (files), §8.1 and §8.2 (symbols).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from smalldump.layout.dump import MachineType

__all__ = ["STRUCTURES", "WINDOWS", "Evidence", "StructureSupport", "WindowsSupport"]


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


@dataclass(frozen=True, slots=True)
class StructureSupport:
    """A structure or section of small memory dumps.

    Attributes:
        name: Microsoft's name, or the name of the section.
        machines: Where it occurs.
        records: Names of the layout records that declare it; none for raw bytes and structures by build.
        evidence: How its form is known, in words.
        test: The test that shows it, as pytest names it.
    """

    name: str
    machines: str
    records: tuple[str, ...]
    evidence: str
    test: str


_TRUTH = "tests/truth/test_engine.py"
_PDBS = "tests/symbols/test_pdbs.py"

STRUCTURES: tuple[StructureSupport, ...] = (
    StructureSupport(
        "DUMP_HEADER64",
        "x64, ARM64",
        ("DumpHeader64",),
        "59 real dumps, Windows SDK",
        f"{_TRUTH}::test_header_fields",
    ),
    StructureSupport(
        "DUMP_HEADER32",
        "x86",
        ("DumpHeader32",),
        "engine-written dumps, fields probed with the engine, Windows SDK",
        f"{_TRUTH}::test_header_fields",
    ),
    StructureSupport(
        "PHYSICAL_MEMORY_DESCRIPTOR",
        "x86, x64, ARM64",
        ("PhysicalMemoryDescriptor64", "PhysicalMemoryDescriptor32", "MemoryRun64", "MemoryRun32"),
        "64-bit: 7 kernel-written real dumps; 32-bit: published headers",
        "tests/layout/test_dump.py::test_physical_memory",
    ),
    StructureSupport(
        "TRIAGE_DUMP64", "x64, ARM64", ("TriageDump64",), "59 real dumps", f"{_TRUTH}::test_triage_fields"
    ),
    StructureSupport(
        "TRIAGE_DUMP32",
        "x86",
        ("TriageDump32",),
        "engine-written dumps, every field probed with the engine",
        f"{_TRUTH}::test_triage_fields",
    ),
    StructureSupport("CONTEXT", "x64", ("ContextX64",), "58 real dumps, winnt.h", f"{_TRUTH}::test_registers"),
    StructureSupport("CONTEXT", "x86", ("ContextX86",), "engine-written dumps, winnt.h", f"{_TRUTH}::test_registers"),
    StructureSupport("CONTEXT", "ARM64", ("ContextArm64",), "1 real dump, winnt.h", f"{_TRUTH}::test_registers"),
    StructureSupport(
        "EXCEPTION_RECORD",
        "x86, x64, ARM64",
        ("ExceptionRecord64", "ExceptionRecord32"),
        "59 real dumps, engine-written dumps, winnt.h",
        "tests/layout/test_context.py::test_records",
    ),
    StructureSupport(
        "KTRAP_FRAME",
        "x64",
        ("KtrapFrameX64",),
        "program counter to stack pointer: 6 real dumps; the other registers: engine-written dumps",
        "tests/unwind/test_x64.py::test_the_walk_goes_on_with_the_interrupted_code",
    ),
    StructureSupport(
        "KTRAP_FRAME",
        "x86",
        ("KtrapFrameX86",),
        "engine-written dumps; edi, esi, ebx and the error code are unverified",
        "tests/unwind/test_x86.py::test_a_trap_frame_in_kernel_mode_ends_where_the_stack_pointer_was",
    ),
    StructureSupport(
        "KTRAP_FRAME",
        "ARM64",
        ("KtrapFrameArm64",),
        "unverified: published headers, no dump seen",
        "tests/unwind/test_arm64_unwind.py::test_trap_frames",
    ),
    StructureSupport(
        "KSPECIAL_REGISTERS",
        "x64, x86",
        ("KspecialRegistersX64", "KspecialRegistersX86"),
        "x64: 58 real dumps; x86: engine-written dumps",
        "tests/truth/test_lists.py::test_objects_behind_the_dump",
    ),
    StructureSupport(
        "KDDEBUGGER_DATA64",
        "x86, x64, ARM64",
        ("DebuggerDataHeader", "KdDebuggerData64"),
        "59 real dumps, engine-written dumps; fields behind 0x380 are derived",
        "tests/truth/test_lists.py::test_stack_and_debugger_data",
    ),
    StructureSupport(
        "KPRCB, EPROCESS, ETHREAD",
        "x86, x64, ARM64",
        (),
        "symbols of 51 kernels, real and engine-written dumps",
        "tests/truth/test_lists.py::test_synthetic_process_thread_and_processor",
    ),
    StructureSupport(
        "MI_TRIAGE_STORAGE",
        "x86, x64, ARM64",
        ("MiTriageStorage64", "MiTriageStorage32"),
        "64-bit: 59 real dumps; 32-bit: engine-written dumps",
        "tests/layout/test_triage.py::test_records",
    ),
    StructureSupport(
        "Call stack", "x86, x64, ARM64", (), "59 real dumps, engine-written dumps", f"{_TRUTH}::test_stack_window"
    ),
    StructureSupport(
        "DUMP_DRIVER_ENTRY, string pool",
        "x86, x64, ARM64",
        ("DriverEntry64", "DriverEntry32", "DumpString"),
        "59 real dumps, engine-written dumps",
        f"{_TRUTH}::test_modules",
    ),
    StructureSupport(
        "DUMP_UNLOADED_DRIVERS",
        "x86, x64, ARM64",
        ("UnloadedDriver64", "UnloadedDriver32"),
        "59 real dumps, engine-written dumps",
        f"{_TRUTH}::test_unloaded_modules",
    ),
    StructureSupport(
        "TRIAGE_DATA_BLOCK",
        "x86, x64, ARM64",
        ("TriageDataBlock",),
        "59 real dumps, engine-written dumps",
        f"{_TRUTH}::test_data_blocks",
    ),
    StructureSupport(
        "Data page",
        "x86, x64, ARM64",
        (),
        "published headers, fields probed with the engine; no real dump has one",
        "tests/layout/test_triage.py::test_records",
    ),
    StructureSupport(
        "Broken driver",
        "x86, x64, ARM64",
        (),
        "published headers; what the offset leads to is unverified, no real dump has one",
        "tests/layout/test_triage.py::test_records",
    ),
    StructureSupport(
        "Secondary data (DumpBlob)",
        "x86, x64, ARM64",
        ("DumpBlobFileHeader", "DumpBlobHeader"),
        "59 real dumps, engine-written dumps",
        "tests/layout/test_blobs.py::test_real_dumps_are_walked_to_their_end",
    ),
    StructureSupport(
        "Requests for data blocks",
        "x86, x64, ARM64",
        ("TriageRequestHead", "AddressRange"),
        "7 real dumps, each decoded to its last byte",
        "tests/decode/test_requests.py::test_real_requests_are_read_to_the_last_byte",
    ),
    StructureSupport(
        "IRP, DEVICE_OBJECT, DRIVER_OBJECT",
        "x64, ARM64",
        ("Irp64", "IoStackLocation64", "DeviceObject64", "DriverObject64"),
        "unverified: published headers, no dump seen",
        "tests/analysis/test_bucket.py::test_a_machine_like_the_posted_one_yields_the_posted_bucket",
    ),
    StructureSupport(
        "Images: PE headers and unwind data",
        "x86, x64, ARM64",
        (
            *("DosHeader", "FileHeader", "OptionalHeader32", "OptionalHeader64", "DataDirectory", "ExportDirectory"),
            *("DebugDirectory", "CodeViewRsds", "CodeViewNb10"),
            *("RuntimeFunctionX64", "RuntimeFunctionArm64", "UnwindInfoHeader"),
        ),
        "12 images of public wheels, read by llvm-readobj too; NB10: by hand",
        "tests/images/test_second_opinion.py::test_headers_and_sections",
    ),
    StructureSupport(
        "PDB: MSF 7.00 and its tables",
        "x86, x64, ARM64",
        (
            "MsfHdr",
            "PdbStream70",
            "NewDbiHdr",
            "ModInfo",
            "SectionContribution",
            "SectionContribution2",
            "PsGsiHdr",
            "SectionHeader",
            "FrameData",
            "FpoData",
            "OmapData",
            "NameTableHdr",
            "TpiHdr",
            "TiOff",
        ),
        "PDBs of public wheels and of clang, read by llvm-pdbutil too; OMAP: published headers",
        f"{_PDBS}::test_publics_and_procedures",
    ),
    StructureSupport(
        "PDB: CodeView symbols",
        "x86, x64, ARM64",
        ("RecordHead", "PubSym32", "ProcSym32", "ThunkSym32", "DataSym32", "InlineSiteSym"),
        "PDBs of public wheels and of clang, read by llvm-pdbutil too",
        f"{_PDBS}::test_publics_and_procedures",
    ),
    StructureSupport(
        "PDB: CodeView lines",
        "x86, x64, ARM64",
        ("SubsectionHeader", "LinesHeader", "LinesFileBlock", "LineEntry", "FileChecksum", "InlineeSourceLine"),
        "PDBs of public wheels and of clang, read by llvm-pdbutil too",
        f"{_PDBS}::test_lines",
    ),
    StructureSupport(
        "PDB: CodeView types",
        "x86, x64, ARM64",
        (
            *("ClassLeaf", "UnionLeaf", "EnumLeaf", "PointerLeaf", "ModifierLeaf", "ArrayLeaf"),
            *("BitfieldLeaf", "MemberLeaf", "FuncIdLeaf"),
        ),
        "PDBs of public wheels and of clang, read by llvm-pdbutil too",
        f"{_PDBS}::test_types",
    ),
    StructureSupport(
        "CFHEADER, CFFOLDER, CFFILE, CFDATA",
        "cabinets",
        ("CabinetHeader", "CabinetFolder", "CabinetFile", "CabinetData"),
        "[MS-CAB], cabinets read by two other programs as well",
        "tests/symbols/test_cabinet.py::test_others_read_the_same",
    ),
)
"""Structures in the order of the file."""
