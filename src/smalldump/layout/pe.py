"""Portable executables: headers, sections, export and debug directories, function tables.

    IMAGE_DOS_HEADER         `MZ`; its last word leads to the NT headers
    `PE\\0\\0`, IMAGE_FILE_HEADER
    IMAGE_OPTIONAL_HEADER    32 or 64 bits wide, told by its magic
    IMAGE_DATA_DIRECTORY     as many as the optional header says, 16 in practice
    IMAGE_SECTION_HEADER     as many as the file header says

Source: Microsoft's "PE Format"; CodeView records: the sources of microsoft-pdb (MIT), and LLVM's documentation.
"""

from __future__ import annotations

from enum import IntEnum

from smalldump.layout.record import Record, guid, raw, u16, u32, u64

__all__ = [
    "CODEVIEW",
    "EXECUTABLE",
    "NB10",
    "PE_SIGNATURE",
    "RSDS",
    "WRITABLE",
    "CodeViewNb10",
    "CodeViewRsds",
    "DataDirectory",
    "DebugDirectory",
    "Directory",
    "DosHeader",
    "ExportDirectory",
    "FileHeader",
    "OptionalHeader32",
    "OptionalHeader64",
    "OptionalMagic",
    "RuntimeFunctionArm64",
    "RuntimeFunctionX64",
    "SectionHeader",
]

PE_SIGNATURE = b"PE\0\0"
"""What stands where the DOS header leads."""
EXECUTABLE = 0x20000000
"""`IMAGE_SCN_MEM_EXECUTE`, of a section's characteristics."""
WRITABLE = 0x80000000
"""`IMAGE_SCN_MEM_WRITE`, of a section's characteristics."""
CODEVIEW = 2
"""`IMAGE_DEBUG_TYPE_CODEVIEW`."""
RSDS, NB10 = b"RSDS", b"NB10"
"""The first bytes of the two CodeView records that name a PDB."""


class OptionalMagic(IntEnum):
    """Which optional header it is."""

    PE32 = 0x10B
    PE32_PLUS = 0x20B


class Directory(IntEnum):
    """Indexes of data directories, `IMAGE_DIRECTORY_ENTRY_*`."""

    EXPORT = 0
    EXCEPTION = 3
    DEBUG = 6


class DosHeader(Record, size=0x40):
    """`IMAGE_DOS_HEADER`."""

    e_magic = raw(0x00, 2, "`MZ`")
    e_lfanew = u32(0x3C, "file offset of the NT headers")


class FileHeader(Record, size=0x14):
    """`IMAGE_FILE_HEADER`, behind the signature `PE`."""

    machine = u16(0x00, "IMAGE_FILE_MACHINE_*")
    number_of_sections = u16(0x02, "section headers")
    time_date_stamp = u32(0x04, "half of the image's identity: seconds since 1970, or a hash of a reproducible build")
    pointer_to_symbol_table = u32(0x08, "COFF symbols, 0 in images")
    number_of_symbols = u32(0x0C, "COFF symbols")
    size_of_optional_header = u16(0x10, "bytes of what follows, with the data directories")
    characteristics = u16(0x12, "IMAGE_FILE_*")


class OptionalHeader32(Record, size=0x60):
    """`IMAGE_OPTIONAL_HEADER32`, without its data directories."""

    magic = u16(0x00, "0x10B")
    address_of_entry_point = u32(0x10, "RVA")
    image_base = u32(0x1C, "preferred address; in memory the true one")
    section_alignment = u32(0x20, "bytes")
    file_alignment = u32(0x24, "bytes")
    size_of_image = u32(0x38, "bytes in memory, the other half of the image's identity")
    size_of_headers = u32(0x3C, "bytes")
    check_sum = u32(0x40, "of the file; drivers need a true one")
    subsystem = u16(0x44, "IMAGE_SUBSYSTEM_*")
    number_of_rva_and_sizes = u32(0x5C, "data directories")


class OptionalHeader64(Record, size=0x70):
    """`IMAGE_OPTIONAL_HEADER64`, without its data directories."""

    magic = u16(0x00, "0x20B")
    address_of_entry_point = u32(0x10, "RVA")
    image_base = u64(0x18, "preferred address; in memory the true one")
    section_alignment = u32(0x20, "bytes")
    file_alignment = u32(0x24, "bytes")
    size_of_image = u32(0x38, "bytes in memory, the other half of the image's identity")
    size_of_headers = u32(0x3C, "bytes")
    check_sum = u32(0x40, "of the file; drivers need a true one")
    subsystem = u16(0x44, "IMAGE_SUBSYSTEM_*")
    number_of_rva_and_sizes = u32(0x6C, "data directories")


class DataDirectory(Record, size=0x08):
    """`IMAGE_DATA_DIRECTORY`."""

    virtual_address = u32(0x0, "RVA")
    data_size = u32(0x4, "bytes; `Size` in the header file")


class SectionHeader(Record, size=0x28):
    """`IMAGE_SECTION_HEADER`."""

    section_name = raw(0x00, 8, "ASCII, filled up with NULs; `Name` in the header file")
    virtual_size = u32(0x08, "bytes in memory; 0 means as many as in the file")
    virtual_address = u32(0x0C, "RVA")
    size_of_raw_data = u32(0x10, "bytes in the file; more bytes in memory are zeros")
    pointer_to_raw_data = u32(0x14, "file offset")
    characteristics = u32(0x24, "IMAGE_SCN_*")


class ExportDirectory(Record, size=0x28):
    """`IMAGE_EXPORT_DIRECTORY`."""

    module_name = u32(0x0C, "RVA of the name that the image was linked as; `Name` in the header file")
    base = u32(0x10, "ordinal of the first function")
    number_of_functions = u32(0x14, "in the address table")
    number_of_names = u32(0x18, "in the name table and the ordinal table")
    address_of_functions = u32(0x1C, "RVA of RVAs; one within the directory leads to the name of a forwarder")
    address_of_names = u32(0x20, "RVA of RVAs of names, in order of the names")
    address_of_name_ordinals = u32(0x24, "RVA of 16-bit indexes into the address table")


class DebugDirectory(Record, size=0x1C):
    """`IMAGE_DEBUG_DIRECTORY`."""

    time_date_stamp = u32(0x04, "not always the image's")
    type = u32(0x0C, "IMAGE_DEBUG_TYPE_*")
    size_of_data = u32(0x10, "bytes")
    address_of_raw_data = u32(0x14, "RVA, or 0 where the data are not loaded")
    pointer_to_raw_data = u32(0x18, "file offset")


class CodeViewRsds(Record, size=0x18):
    """CodeView record of a PDB 7.0; the path of the PDB follows, NUL-terminated."""

    signature = raw(0x00, 4, "`RSDS`")
    guid = guid(0x04, "identity of the PDB")
    age = u32(0x14, "changes of the PDB")


class CodeViewNb10(Record, size=0x10):
    """CodeView record of a PDB 2.0; the path of the PDB follows, NUL-terminated."""

    signature = raw(0x00, 4, "`NB10`")
    offset = u32(0x04, "0")
    time_date_stamp = u32(0x08, "identity of the PDB")
    age = u32(0x0C, "changes of the PDB")


class RuntimeFunctionX64(Record, size=0x0C):
    """`RUNTIME_FUNCTION` of x64; the table is in ascending order."""

    begin_address = u32(0x0, "RVA")
    end_address = u32(0x4, "RVA, exclusive")
    unwind_info_address = u32(0x8, "RVA; odd: one more than that of another RUNTIME_FUNCTION")


class RuntimeFunctionArm64(Record, size=0x08):
    """`IMAGE_ARM64_RUNTIME_FUNCTION_ENTRY`; the table is in ascending order."""

    begin_address = u32(0x0, "RVA")
    unwind_data = u32(0x4, "RVA of an .xdata record, or where the low two bits are set packed unwind data")
