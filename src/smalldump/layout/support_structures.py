"""The structures of the support matrix: how the form of each is known, and which test shows it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["STRUCTURES", "StructureSupport"]


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
_WHOLE = "tests/truth/test_whole_machines.py"
_PHYSICAL = "tests/sources/test_physical.py"
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
        "KLDR_DATA_TABLE_ENTRY in memory",
        "x86, x64, ARM64",
        ("KldrDataTableEntry64", "KldrDataTableEntry32"),
        "engine-written dumps of synthetic machines; ARM64: as x64, no dump seen",
        f"{_WHOLE}::test_modules",
    ),
    StructureSupport(
        "UNLOADED_DRIVERS in memory",
        "x86, x64, ARM64",
        ("UnloadedDrivers64", "UnloadedDrivers32"),
        "engine-written dumps of synthetic machines; ARM64: as x64, no dump seen",
        f"{_WHOLE}::test_unloaded_modules",
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
        "x86, x64, ARM64",
        (
            *("Irp64", "IoStackLocation64", "DeviceObject64", "DriverObject64", "DevobjExtension64"),
            *("Irp32", "IoStackLocation32", "DeviceObject32", "DriverObject32", "DevobjExtension32"),
        ),
        "unverified: published headers, no dump seen",
        "tests/analysis/test_io_readers.py::test_request_names_its_holder",
    ),
    StructureSupport(
        "WHEA_ERROR_RECORD (CPER)",
        "x86, x64, ARM64",
        ("ErrorRecordHeader", "SectionDescriptor", "FirmwareRecordReference", "NmiErrorSection", "ErrorPacketV2"),
        "published UEFI headers (EDK II, Linux), posted !errrec outputs; unverified: no dump seen",
        "tests/decode/test_cper.py::test_a_record_like_the_posted_one",
    ),
    StructureSupport(
        "CPER sections: processor, memory, PCI Express, DMA remapping",
        "x86, x64, ARM64",
        (
            *("ProcessorGenericError", "XpfProcessorError", "XpfErrorInformation", "XpfContextInformation"),
            *("ArmProcessorError", "ArmErrorInformation", "MemoryError1", "MemoryError2"),
            *("PcieError", "AerCapability", "PciBusError", "PciComponentError"),
            *("DmarGenericError", "VtdError", "IommuError"),
        ),
        "published UEFI headers (EDK II, Linux); unverified: no dump seen",
        "tests/decode/test_cper_sections.py::test_pci_express",
    ),
    StructureSupport(
        "WHEA_XPF_MCA_SECTION, machine-check status",
        "x86, x64",
        ("XpfMcaSection",),
        "public symbols, Linux headers, posted status words; unverified: no dump seen",
        "tests/decode/test_machine_check.py::test_posted_status_words",
    ),
    StructureSupport(
        "POOL_HEADER",
        "x86, x64, ARM64",
        ("PoolHeader64", "PoolHeader32"),
        "unverified: public symbols, no dump seen",
        "tests/analysis/test_object_readers.py::test_pool_block_has_a_tag_an_owner_and_neighbours",
    ),
    StructureSupport(
        "OBJECT_HEADER, name of OBJECT_TYPE",
        "x86, x64, ARM64",
        ("ObjectHeader64", "ObjectHeader32"),
        "unverified: public symbols, no dump seen",
        "tests/analysis/test_executive_readers.py::test_an_object_that_was_released_too_often",
    ),
    StructureSupport(
        "TRIAGE_9F_POWER, TRIAGE_9F_PNP",
        "x86, x64, ARM64",
        ("Triage9fPower64", "Triage9fPower32", "Triage9fPnp64", "Triage9fPnp32"),
        "unverified: public symbols, no dump seen",
        "tests/analysis/test_object_readers.py::test_power_triage_block",
    ),
    StructureSupport(
        "DPC_WATCHDOG_GLOBAL_TRIAGE_BLOCK, ERESOURCE",
        "x86, x64, ARM64",
        ("DpcWatchdogTriageBlock", "Eresource64", "Eresource32"),
        "watchdog block: one real dump, Windows SDK; ERESOURCE unverified: published headers",
        "tests/analysis/test_object_readers.py::test_real_watchdog_block_has_the_published_signature",
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
            "ClassLeaf",
            "UnionLeaf",
            "EnumLeaf",
            "PointerLeaf",
            "ModifierLeaf",
            "ArrayLeaf",
            "BitfieldLeaf",
            "MemberLeaf",
            "FuncIdLeaf",
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
    StructureSupport(
        "KUSER_SHARED_DATA, KPCR, DBGKD_GET_VERSION64, PROCESSOR_START_BLOCK",
        "x86, x64",
        ("KuserSharedData", "Kpcr64", "Kpcr32", "DbgkdGetVersion64", "ProcessorStartBlock"),
        "Windows Driver Kit, public symbols; the last one: public descriptions",
        "tests/sources/discovery/test_discover.py::test_the_version_block_leads_to_the_debugger_data_block",
    ),
    StructureSupport(
        "Complete and kernel memory dumps (types 2, 5, 6)",
        "x86, x64, ARM64",
        ("SummaryDump32", "SummaryDump64", "BitmapDump"),
        "synthetic dumps that Microsoft's engine opens; published readers; no real dump seen",
        f"{_PHYSICAL}::test_bitmaps",
    ),
    StructureSupport(
        "Dumps of a debugger (RDMP, types 8 to 10)",
        "x64, ARM64",
        ("RdmpDump", "RdmpRun"),
        "unverified: one published reader, no dump seen; 32-bit ones: no description is public, refused",
        f"{_PHYSICAL}::test_runs_of_a_debugger",
    ),
    StructureSupport(
        "LiME images",
        "x86, x64, ARM64",
        ("LimeRange",),
        "the format's public description; no real image seen",
        f"{_PHYSICAL}::test_lime",
    ),
    StructureSupport(
        "ELF cores of machines",
        "x86, x64, ARM64",
        (
            "ElfHeader32",
            "ElfHeader64",
            "SectionHeader32",
            "SectionHeader64",
            "ProgramHeader32",
            "ProgramHeader64",
            "NoteHeader",
            "QemuCpuState",
            "PrStatusArm64",
            "DbgfCoreDescriptor",
            "DbgfCoreCpu",
        ),
        "cores that QEMU 7.2 wrote of x86, x64 and ARM64 guests; VirtualBox: published headers; no Windows ran in any",
        f"{_PHYSICAL}::test_elf_processors",
    ),
    StructureSupport(
        "kdump-compressed files",
        "x86, x64, ARM64",
        ("DiskDumpHeader32", "DiskDumpHeader64", "KdumpSubHeader32", "KdumpSubHeader64", "PageDescriptor"),
        "files that QEMU 7.2 wrote of x86, x64 and ARM64 guests (zlib); lzo, snappy, zstd: published headers",
        "tests/sources/test_qemu.py::test_the_analysis_is_that_of_the_truth",
    ),
    StructureSupport(
        "VMware's .vmem with .vmss or .vmsn",
        "x86, x64",
        ("VmwareHeader", "VmwareGroup", "VmwareBlock"),
        "public readers; no real file seen; compressed memory, segments and FS and GS bases are not read",
        f"{_PHYSICAL}::test_vmware",
    ),
)
"""Structures in the order of the file."""
