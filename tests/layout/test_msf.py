"""The layouts of program databases, against Microsoft's published declarations (microsoft-pdb, winnt.h, cvinfo.h)."""

from __future__ import annotations

import pytest

from smalldump.layout.codeview import (
    ArrayLeaf,
    BitfieldLeaf,
    ClassLeaf,
    DataSym32,
    EnumLeaf,
    FileChecksum,
    FuncIdLeaf,
    InlineeSourceLine,
    InlineSiteSym,
    LineEntry,
    LinesFileBlock,
    LinesHeader,
    MemberLeaf,
    ModifierLeaf,
    PointerLeaf,
    ProcSym32,
    PubSym32,
    SubsectionHeader,
    Sym,
    ThunkSym32,
    UnionLeaf,
)
from smalldump.layout.msf import (
    MSF_MAGIC,
    DbgHdr,
    FpoData,
    FrameData,
    ModInfo,
    MsfHdr,
    NameTableHdr,
    NewDbiHdr,
    OmapData,
    PdbStream70,
    PsGsiHdr,
    SectionContribution,
    SectionContribution2,
    TiOff,
    TpiHdr,
)
from smalldump.layout.record import Record
from tests.layout.second_source import declared, stated

_DBI = """
0 4 verSignature, 4 4 verHdr, 8 4 age, c 2 snGSSyms, e 2 usVerAll, 10 2 snPSSyms, 12 2 usVerPdbDllBuild,
14 2 snSymRecs, 16 2 usVerPdbDllRBld, 18 4 cbGpModi, 1c 4 cbSC, 20 4 cbSecMap, 24 4 cbFileInfo, 28 4 cbTSMap, 2c 4 iMFC,
30 4 cbDbgHdr, 34 4 cbECInfo, 38 2 flags, 3a 2 wMachine, 3c 4 rgulReserved
"""
_SC = "0 2 isect, 4 4 off, 8 4 cb, c 4 dwCharacteristics, 10 2 imod, 14 4 dwDataCrc, 18 4 dwRelocCrc"
_MODI = """
0 4 pmod, 4 2 isect, 8 4 off, c 4 cb, 10 4 dwCharacteristics, 14 2 imod, 18 4 dwDataCrc, 1c 4 dwRelocCrc, 20 2 flags,
22 2 sn, 24 4 cbSyms, 28 4 cbLines, 2c 4 cbC13Lines, 30 2 ifileMac, 34 4 mpifileichFile, 38 4 niSrcFile, 3c 4 niPdbFile
"""
_TPI = """
0 4 vers, 4 4 cbHdr, 8 4 tiMin, c 4 tiMac, 10 4 cbGprec, 14 2 sn, 16 2 snPad, 18 4 cbHashKey, 1c 4 cHashBuckets,
20 4 offHashVals, 24 4 cbHashVals, 28 4 offTiOff, 2c 4 cbTiOff, 30 4 offHashAdj, 34 4 cbHashAdj
"""
_FRAME = """
0 4 ulRvaStart, 4 4 cbBlock, 8 4 cbLocals, c 4 cbParams, 10 4 cbStkMax, 14 4 frameFunc, 18 2 cbProlog, 1a 2 cbSavedRegs,
1c 4 flags
"""
_PROC = """
0 2 reclen, 2 2 rectyp, 4 4 pParent, 8 4 pEnd, c 4 pNext, 10 4 len, 14 4 DbgStart, 18 4 DbgEnd, 1c 4 typind, 20 4 off,
24 2 seg, 26 1 flags
"""
_THUNK = "0 2 reclen, 2 2 rectyp, 4 4 pParent, 8 4 pEnd, c 4 pNext, 10 4 off, 14 2 seg, 16 2 len, 18 1 ord"
_HEAD = "0 2 reclen, 2 2 rectyp, "


@pytest.mark.parametrize(
    ("record", "table", "size"),
    [
        (MsfHdr, "0 20 szMagic, 20 4 cbPg, 24 4 pnFpm, 28 4 pnMac, 2c 4 cbSt, 30 4 mpspnpn", 52),
        (PdbStream70, "0 4 impv, 4 4 sig, 8 4 age, c 10 sig70", 28),
        (NewDbiHdr, _DBI, 64),
        (ModInfo, _MODI, 64),
        (SectionContribution, _SC, 28),
        (SectionContribution2, _SC + ", 1c 4 isectCoff", 32),
        (
            PsGsiHdr,
            "0 4 cbSymHash, 4 4 cbAddrMap, 8 4 nThunks, c 4 cbSizeOfThunk, 10 2 isectThunkTable, 14 4 offThunkTable,"
            "18 4 nSects",
            28,
        ),
        (OmapData, "0 4 rva, 4 4 rvaTo", 8),
        (FpoData, "0 4 ulOffStart, 4 4 cbProcSize, 8 4 cdwLocals, c 2 cdwParams, e 1 cbProlog, f 1 flags", 16),
        (FrameData, _FRAME, 32),
        (NameTableHdr, "0 4 ulHdr, 4 4 ulVer, 8 4 cb", 12),
        (TpiHdr, _TPI, 56),
        (TiOff, "0 4 ti, 4 4 off", 8),
        (PubSym32, _HEAD + "4 4 pubsymflags, 8 4 off, c 2 seg", 14),
        (ProcSym32, _PROC, 39),
        (ThunkSym32, _THUNK, 25),
        (DataSym32, _HEAD + "4 4 typind, 8 4 off, c 2 seg", 14),
        (InlineSiteSym, _HEAD + "4 4 pParent, 8 4 pEnd, c 4 inlinee", 16),
        (SubsectionHeader, "0 4 type, 4 4 cbLen", 8),
        (LinesHeader, "0 4 offCon, 4 2 segCon, 6 2 flags, 8 4 cbCon", 12),
        (LinesFileBlock, "0 4 offFile, 4 4 nLines, 8 4 cbBlock", 12),
        (LineEntry, "0 4 offset, 4 4 line", 8),
        (FileChecksum, "0 4 offstFileName, 4 1 cbChecksum, 5 1 ChecksumType", 6),
        (InlineeSourceLine, "0 4 inlinee, 4 4 fileId, 8 4 sourceLineNum", 12),
        (ClassLeaf, _HEAD + "4 2 count, 6 2 property, 8 4 field, c 4 derived, 10 4 vshape", 20),
        (UnionLeaf, _HEAD + "4 2 count, 6 2 property, 8 4 field", 12),
        (EnumLeaf, _HEAD + "4 2 count, 6 2 property, 8 4 utype, c 4 field", 16),
        (PointerLeaf, _HEAD + "4 4 utype, 8 4 attr", 12),
        (ModifierLeaf, _HEAD + "4 4 type, 8 2 attr", 10),
        (ArrayLeaf, _HEAD + "4 4 elemtype, 8 4 idxtype", 12),
        (BitfieldLeaf, _HEAD + "4 4 type, 8 1 length, 9 1 position", 10),
        (MemberLeaf, "0 2 leaf, 2 2 attr, 4 4 index", 8),
        (FuncIdLeaf, _HEAD + "4 4 scopeId, 8 4 type", 12),
    ],
)
def test_records(record: type[Record], table: str, size: int) -> None:
    assert declared(record) == stated(table)
    assert size == record.SIZE


def test_constants() -> None:
    assert len(MSF_MAGIC) == 32
    assert [DbgHdr.FPO, DbgHdr.OMAP_TO_SRC, DbgHdr.OMAP_FROM_SRC, DbgHdr.SECTION_HDR] == [0, 3, 4, 5]
    assert [DbgHdr.NEW_FPO, DbgHdr.SECTION_HDR_ORIG] == [9, 10]
    assert [Sym.PUB32, Sym.LPROC32, Sym.GPROC32, Sym.THUNK32, Sym.INLINESITE] == [
        0x110E,
        0x110F,
        0x1110,
        0x1102,
        0x114D,
    ]
