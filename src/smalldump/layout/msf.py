"""Program databases: the multi-stream file (MSF 7.00) and the tables of its fixed streams.

An MSF file is cut into blocks; a directory says which blocks make up which stream. Four streams have fixed numbers:

    1  PDB information   identity, names of other streams
    2  TPI               types
    3  DBI               modules, section contributions, numbers of the other streams
    4  IPI               functions and strings that symbols refer to as items

Source: github.com/microsoft/microsoft-pdb (names of structures and fields), LLVM's "The PDB File Format", winnt.h
(FPO_DATA, OMAP), cvinfo.h (FRAMEDATA).
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from smalldump.layout.record import Record, guid, raw, u8, u16, u32

__all__ = [
    "MSF_MAGIC",
    "NO_STREAM",
    "STRING_TABLE_SIGNATURE",
    "ContributionVersion",
    "DbgHdr",
    "FpoData",
    "FpoFlags",
    "FrameData",
    "FrameDataFlags",
    "ModInfo",
    "MsfHdr",
    "NameTableHdr",
    "NewDbiHdr",
    "OmapData",
    "PdbStream70",
    "PsGsiHdr",
    "SectionContribution",
    "SectionContribution2",
    "StreamNumber",
    "TiOff",
    "TpiHdr",
]

MSF_MAGIC = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"
NO_STREAM = 0xFFFF
"""Where a stream's number stands: there is no such stream."""
STRING_TABLE_SIGNATURE = 0xEFFEEFFE


class StreamNumber(IntEnum):
    """Streams that every PDB has at the same number."""

    PDB = 1
    TPI = 2
    DBI = 3
    IPI = 4


class DbgHdr(IntEnum):
    """What the stream numbers at the end of the DBI stream are for, by position."""

    FPO = 0
    EXCEPTION = 1
    FIXUP = 2
    OMAP_TO_SRC = 3
    OMAP_FROM_SRC = 4
    SECTION_HDR = 5
    TOKEN_RID_MAP = 6
    XDATA = 7
    PDATA = 8
    NEW_FPO = 9
    SECTION_HDR_ORIG = 10


class MsfHdr(Record, size=0x34):
    """`BIGMSF_HDR`, at the start of the file."""

    sz_magic = raw(0x00, 32, "`Microsoft C/C++ MSF 7.00`, then 0D 0A 1A `DS` 00 00 00")
    cb_pg = u32(0x20, "bytes of a block, a power of two")
    pn_fpm = u32(0x24, "block of the free block map that is in force")
    pn_mac = u32(0x28, "blocks of the file")
    cb_st = u32(0x2C, "bytes of the directory")
    mpspnpn = u32(0x30, "unused")


class PdbStream70(Record, size=0x1C):
    """`PDBStream70`, at the start of stream 1; a map of stream names follows."""

    impv = u32(0x00, "version of the implementation, 20000404 and later")
    sig = u32(0x04, "time of writing, Unix")
    age = u32(0x08, "times that the PDB was written; symbol stores compare that of the DBI stream")
    sig70 = guid(0x0C, "identity, the same as in the image's CodeView record")


class NewDbiHdr(Record, size=0x40):
    """`NewDBIHdr`, at the start of the DBI stream; the substreams follow in the order of their sizes here."""

    ver_signature = u32(0x00, "0xFFFFFFFF")
    ver_hdr = u32(0x04, "19990903 since Visual C++ 7")
    age = u32(0x08, "the age that image and symbol store name")
    sn_gs_syms = u16(0x0C, "stream of the global symbols' hash")
    us_ver_all = u16(0x0E)
    sn_ps_syms = u16(0x10, "stream of the public symbols' hash and address map")
    us_ver_pdb_dll_build = u16(0x12)
    sn_sym_recs = u16(0x14, "stream of the symbol records that both hashes refer to")
    us_ver_pdb_dll_rbld = u16(0x16)
    cb_gp_modi = u32(0x18, "bytes of the module list")
    cb_sc = u32(0x1C, "bytes of the section contributions")
    cb_sec_map = u32(0x20, "bytes of the section map")
    cb_file_info = u32(0x24, "bytes of the list of source files")
    cb_ts_map = u32(0x28, "bytes of the map of type servers")
    i_mfc = u32(0x2C)
    cb_dbg_hdr = u32(0x30, "bytes of the list of debug streams")
    cb_ec_info = u32(0x34, "bytes of the names for edit and continue")
    flags = u16(0x38, "1: linked incrementally, 2: private symbols stripped, 4: conflicting types")
    w_machine = u16(0x3A, "as in the image")
    rgul_reserved = u32(0x3C)


class ModInfo(Record, size=0x40):
    """`MODI`: a module (object file) of the program; two strings follow, then padding to four bytes."""

    pmod = u32(0x00)
    isect = u16(0x04, "first section contribution")
    off = u32(0x08)
    cb = u32(0x0C)
    dw_characteristics = u32(0x10)
    imod = u16(0x14)
    dw_data_crc = u32(0x18)
    dw_reloc_crc = u32(0x1C)
    flags = u16(0x20)
    sn = u16(0x22, "stream of the module's symbols and lines")
    cb_syms = u32(0x24, "bytes of symbols in that stream, with their signature")
    cb_lines = u32(0x28, "bytes of lines in the form before Visual C++ 8")
    cb_c13_lines = u32(0x2C, "bytes of line information in subsections")
    ifile_mac = u16(0x30, "source files")
    mpifileich_file = u32(0x34)
    ni_src_file = u32(0x38)
    ni_pdb_file = u32(0x3C)


class ContributionVersion(IntEnum):
    """The word in front of the section contributions."""

    SC = 0xEFFE0000 + 19970605
    SC2 = 0xEFFE0000 + 20140516


class SectionContribution(Record, size=0x1C):
    """`SC`: bytes of a section that come from one module; sorted by section and offset."""

    isect = u16(0x00, "section, from 1")
    off = u32(0x04, "bytes from the start of the section")
    cb = u32(0x08, "bytes")
    dw_characteristics = u32(0x0C)
    imod = u16(0x10, "module, from 0")
    dw_data_crc = u32(0x14)
    dw_reloc_crc = u32(0x18)


class SectionContribution2(SectionContribution, size=0x20):
    """`SC2`: an `SC` with the section of the object file."""

    isect_coff = u32(0x1C)


class PsGsiHdr(Record, size=0x1C):
    """`PSGSIHDR`: head of the publics' stream; then the hash, the address map, the thunk map, the section map."""

    cb_sym_hash = u32(0x00, "bytes of the hash")
    cb_addr_map = u32(0x04, "bytes of the address map: offsets of symbol records, sorted by section and offset")
    n_thunks = u32(0x08)
    cb_size_of_thunk = u32(0x0C)
    isect_thunk_table = u16(0x10)
    off_thunk_table = u32(0x14)
    n_sects = u32(0x18)


class OmapData(Record, size=8):
    """`OMAP`: from `rva` on, up to the next entry, code lies at `rvaTo` in the other order."""

    rva = u32(0x00)
    rva_to = u32(0x04, "0: nowhere")


class FpoFlags(IntFlag):
    """Bits of the last byte of `FPO_DATA`."""

    REGS = 0x07
    HAS_SEH = 0x08
    USE_BP = 0x10
    FRAME = 0xC0


class FpoData(Record, size=0x10):
    """`FPO_DATA`: how x86 code without frame pointer keeps its frame; sorted by address."""

    ul_off_start = u32(0x00, "RVA")
    cb_proc_size = u32(0x04, "bytes")
    cdw_locals = u32(0x08, "words of four bytes")
    cdw_params = u16(0x0C, "words of four bytes")
    cb_prolog = u8(0x0E, "bytes of the prologue")
    flags = u8(0x0F, "saved registers (3 bits), SEH, EBP in use, reserved, kind of frame (2 bits)")


class FrameDataFlags(IntFlag):
    """Bits of `FRAMEDATA.flags`."""

    HAS_SEH = 1
    HAS_EH = 2
    IS_FUNCTION_START = 4


class FrameData(Record, size=0x20):
    """`FRAMEDATA`: a range of x86 code and the program that finds its caller; sorted by address, ranges nest."""

    ul_rva_start = u32(0x00, "RVA")
    cb_block = u32(0x04, "bytes")
    cb_locals = u32(0x08, "bytes")
    cb_params = u32(0x0C, "bytes")
    cb_stk_max = u32(0x10, "bytes")
    frame_func = u32(0x14, "the program, by its offset in the string table")
    cb_prolog = u16(0x18, "bytes of the prologue")
    cb_saved_regs = u16(0x1A, "bytes of saved registers")
    flags = u32(0x1C)


class NameTableHdr(Record, size=0x0C):
    """`NMT` head: the string table `/names`; the strings follow."""

    ul_hdr = u32(0x00, "0xEFFEEFFE")
    ul_ver = u32(0x04, "1")
    cb = u32(0x08, "bytes of strings")


class TpiHdr(Record, size=0x38):
    """`HDR`, at the start of the TPI and IPI streams; type records follow."""

    vers = u32(0x00, "20040203")
    cb_hdr = u32(0x04, "bytes of this head")
    ti_min = u32(0x08, "index of the first record, 0x1000")
    ti_mac = u32(0x0C, "index behind the last record")
    cb_gprec = u32(0x10, "bytes of records")
    sn = u16(0x14, "stream of the three tables below")
    sn_pad = u16(0x16)
    cb_hash_key = u32(0x18, "bytes of a hash value, 4")
    c_hash_buckets = u32(0x1C)
    off_hash_vals = u32(0x20, "a hash value for each record")
    cb_hash_vals = u32(0x24, "bytes")
    off_ti_off = u32(0x28, "TI_OFF array: where some records lie, about one in 8 KiB")
    cb_ti_off = u32(0x2C, "bytes")
    off_hash_adj = u32(0x30)
    cb_hash_adj = u32(0x34)


class TiOff(Record, size=8):
    """`TI_OFF`: where the record of a type index lies."""

    ti = u32(0x00, "type index")
    off = u32(0x04, "bytes from the first record")
