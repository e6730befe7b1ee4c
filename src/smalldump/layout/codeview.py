"""CodeView: symbol records, line subsections and type leaves, as modern PDBs hold them.

Symbols and types are sequences of records that begin with their length (of what follows the length word) and kind.

Source: cvinfo.h in github.com/microsoft/microsoft-pdb (names of structures and fields), LLVM's "CodeView Symbol
Records" and "CodeView Type Records".
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from smalldump.layout.record import Record, u8, u16, u32

__all__ = [
    "FIRST_TYPE_INDEX",
    "ArrayLeaf",
    "BitfieldLeaf",
    "ClassLeaf",
    "DataSym32",
    "EnumLeaf",
    "FileChecksum",
    "FuncIdLeaf",
    "InlineSiteSym",
    "InlineeSourceLine",
    "Leaf",
    "LineEntry",
    "LinesFileBlock",
    "LinesFlags",
    "LinesHeader",
    "MemberLeaf",
    "ModifierLeaf",
    "PointerLeaf",
    "ProcSym32",
    "PropertyFlags",
    "PubSym32",
    "PubSymFlags",
    "RecordHead",
    "SubsectionHeader",
    "SubsectionKind",
    "Sym",
    "ThunkSym32",
    "UnionLeaf",
]

FIRST_TYPE_INDEX = 0x1000
"""Type indices below it are built in."""


class Sym(IntEnum):
    """Kinds of symbol records that are read (`S_…`); `_ST` ones, of Visual C++ 7.0, have counted names."""

    END = 0x0006
    THUNK32_ST = 0x0206
    LDATA32_ST = 0x1007
    GDATA32_ST = 0x1008
    PUB32_ST = 0x1009
    LPROC32_ST = 0x100A
    GPROC32_ST = 0x100B
    THUNK32 = 0x1102
    LDATA32 = 0x110C
    GDATA32 = 0x110D
    PUB32 = 0x110E
    LPROC32 = 0x110F
    GPROC32 = 0x1110
    LPROC32_ID = 0x1146
    GPROC32_ID = 0x1147
    INLINESITE = 0x114D
    INLINESITE_END = 0x114E
    PROC_ID_END = 0x114F
    LPROC32_DPC = 0x1155
    LPROC32_DPC_ID = 0x1156
    INLINESITE2 = 0x115D


class RecordHead(Record, size=4):
    """`SYMTYPE`, `TYPTYPE`: what every symbol and type record begins with."""

    reclen = u16(0x00, "bytes behind this word")
    rectyp = u16(0x02, "kind")


class PubSymFlags(IntFlag):
    """`CV_PUBSYMFLAGS`."""

    CODE = 1
    FUNCTION = 2
    MANAGED = 4
    MSIL = 8


class PubSym32(RecordHead, size=0x0E):
    """`PUBSYM32`: a public symbol; its name follows."""

    pubsymflags = u32(0x04)
    off = u32(0x08, "bytes from the start of the section")
    seg = u16(0x0C, "section, from 1")


class ProcSym32(RecordHead, size=0x27):
    """`PROCSYM32`: a procedure; its name follows, then its inner symbols up to the record at `pEnd`."""

    p_parent = u32(0x04)
    p_end = u32(0x08, "offset of its `S_END` in the module's symbols")
    p_next = u32(0x0C)
    len = u32(0x10, "bytes of code")
    dbg_start = u32(0x14)
    dbg_end = u32(0x18)
    typind = u32(0x1C)
    off = u32(0x20, "bytes from the start of the section")
    seg = u16(0x24, "section, from 1")
    flags = u8(0x26)


class ThunkSym32(RecordHead, size=0x19):
    """`THUNKSYM32`: a piece of code that only jumps; its name follows."""

    p_parent = u32(0x04)
    p_end = u32(0x08)
    p_next = u32(0x0C)
    off = u32(0x10, "bytes from the start of the section")
    seg = u16(0x14, "section, from 1")
    len = u16(0x16, "bytes of code")
    ord = u8(0x18, "kind of thunk")


class DataSym32(RecordHead, size=0x0E):
    """`DATASYM32`: a variable; its name follows."""

    typind = u32(0x04, "type")
    off = u32(0x08, "bytes from the start of the section")
    seg = u16(0x0C, "section, from 1")


class InlineSiteSym(RecordHead, size=0x10):
    """`INLINESITESYM`: a function that was inlined into the one around it; binary annotations follow."""

    p_parent = u32(0x04)
    p_end = u32(0x08, "offset of its `S_INLINESITE_END`")
    inlinee = u32(0x0C, "function, an index of the IPI stream")


class SubsectionKind(IntEnum):
    """`DEBUG_S_SUBSECTION_TYPE`; a kind with the top bit set is to be ignored."""

    SYMBOLS = 0xF1
    LINES = 0xF2
    STRINGTABLE = 0xF3
    FILECHKSMS = 0xF4
    FRAMEDATA = 0xF5
    INLINEELINES = 0xF6


class SubsectionHeader(Record, size=8):
    """`CV_DebugSSubsectionHeader_t`."""

    type = u32(0x00)
    cb_len = u32(0x04, "bytes that follow; the next one begins at a multiple of four")


class LinesFlags(IntFlag):
    """Flags of `CV_DebugSLinesHeader_t`."""

    HAVE_COLUMNS = 1


class LinesHeader(Record, size=0x0C):
    """`CV_DebugSLinesHeader_t`: the code that a `DEBUG_S_LINES` subsection is about; file blocks follow."""

    off_con = u32(0x00, "bytes from the start of the section")
    seg_con = u16(0x04, "section, from 1")
    flags = u16(0x06)
    cb_con = u32(0x08, "bytes of code")


class LinesFileBlock(Record, size=0x0C):
    """`CV_DebugSLinesFileBlockHeader_t`: lines from one file; then columns where the flag says so."""

    off_file = u32(0x00, "the file, by offset in the `DEBUG_S_FILECHKSMS` subsection")
    n_lines = u32(0x04)
    cb_block = u32(0x08, "bytes with this head")


class LineEntry(Record, size=8):
    """`CV_Line_t`: from this offset on, up to the next, code comes from this line."""

    offset = u32(0x00, "bytes from the start of the code")
    line = u32(0x04, "first line in bits 0 to 23, lines to the last in 24 to 30, statement in 31")


class FileChecksum(Record, size=6):
    """An entry of `DEBUG_S_FILECHKSMS`; the checksum follows, then padding to four bytes."""

    offst_file_name = u32(0x00, "name of the file, by offset in the string table")
    cb_checksum = u8(0x04)
    checksum_type = u8(0x05)


class InlineeSourceLine(Record, size=0x0C):
    """`InlineeSourceLine` of `DEBUG_S_INLINEELINES`: where an inlined function begins."""

    inlinee = u32(0x00, "function, an index of the IPI stream")
    file_id = u32(0x04, "the file, by offset in the `DEBUG_S_FILECHKSMS` subsection")
    source_line_num = u32(0x08)


class Leaf(IntEnum):
    """Kinds of type records and of their parts that are read (`LF_…`)."""

    VTSHAPE = 0x000A
    MODIFIER = 0x1001
    POINTER = 0x1002
    PROCEDURE = 0x1008
    MFUNCTION = 0x1009
    FIELDLIST = 0x1203
    BITFIELD = 0x1205
    BCLASS = 0x1400
    VBCLASS = 0x1401
    IVBCLASS = 0x1402
    INDEX = 0x1404
    VFUNCTAB = 0x1409
    ENUMERATE = 0x1502
    ARRAY = 0x1503
    CLASS = 0x1504
    STRUCTURE = 0x1505
    UNION = 0x1506
    ENUM = 0x1507
    MEMBER = 0x150D
    STMEMBER = 0x150E
    METHOD = 0x150F
    NESTTYPE = 0x1510
    ONEMETHOD = 0x1511
    INTERFACE = 0x1519
    FUNC_ID = 0x1601
    MFUNC_ID = 0x1602
    STRING_ID = 0x1605
    CHAR = 0x8000
    SHORT = 0x8001
    USHORT = 0x8002
    LONG = 0x8003
    ULONG = 0x8004
    QUADWORD = 0x8009
    UQUADWORD = 0x800A
    PAD0 = 0xF0


class PropertyFlags(IntFlag):
    """`CV_prop_t`."""

    FWDREF = 0x0080
    SCOPED = 0x0100
    HASUNIQUENAME = 0x0200


class ClassLeaf(RecordHead, size=0x14):
    """`lfClass`, also of structures and interfaces; its size (a numeric leaf) and name follow."""

    count = u16(0x04, "members")
    property = u16(0x06)
    field = u32(0x08, "its field list")
    derived = u32(0x0C)
    vshape = u32(0x10)


class UnionLeaf(RecordHead, size=0x0C):
    """`lfUnion`; its size (a numeric leaf) and name follow."""

    count = u16(0x04, "members")
    property = u16(0x06)
    field = u32(0x08, "its field list")


class EnumLeaf(RecordHead, size=0x10):
    """`lfEnum`; its name follows."""

    count = u16(0x04, "members")
    property = u16(0x06)
    utype = u32(0x08, "the integer that holds it")
    field = u32(0x0C, "its field list")


class PointerLeaf(RecordHead, size=0x0C):
    """`lfPointer`."""

    utype = u32(0x04, "what it points to")
    attr = u32(0x08, "kind in bits 0 to 4, mode in 5 to 7, bytes in 13 to 18")


class ModifierLeaf(RecordHead, size=0x0A):
    """`lfModifier`: const, volatile, unaligned."""

    type = u32(0x04)
    attr = u16(0x08)


class ArrayLeaf(RecordHead, size=0x0C):
    """`lfArray`; its size in bytes (a numeric leaf) and name follow."""

    elemtype = u32(0x04)
    idxtype = u32(0x08)


class BitfieldLeaf(RecordHead, size=0x0A):
    """`lfBitfield`."""

    type = u32(0x04, "the integer that holds it")
    length = u8(0x08, "bits")
    position = u8(0x09, "lowest bit")


class MemberLeaf(Record, size=8):
    """`lfMember`, inside a field list; its offset (a numeric leaf) and name follow."""

    leaf = u16(0x00)
    attr = u16(0x02)
    index = u32(0x04, "type")


class FuncIdLeaf(RecordHead, size=0x0C):
    """`lfFuncId` and `lfMFuncId`; the name follows."""

    scope_id = u32(0x04, "scope: a string item, 0: global; of a member function its class, a type")
    type = u32(0x08)
