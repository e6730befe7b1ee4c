"""PDBs made by hand: what public ones lack, and what a reader must refuse."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from smalldump.errors import SymbolError
from smalldump.model.symbols import FrameProgram, InlineSite, SourceLine, Symbol, SymbolOrigin
from smalldump.symbols.pdb import Pdb, open_pdb, public_places
from smalldump.symbols.pdb_names import PdbIdentity
from tests.symbols.msf_builder import (
    END,
    GUID_TEXT,
    MadePdb,
    fpo_data,
    frame_data,
    msf,
    procedure,
    public,
    public_st,
    section,
)

FPO, OMAP_TO, OMAP_FROM, SECTIONS, NEW_FPO, SECTIONS_BEFORE = 0, 3, 4, 5, 9, 10
HEADERS = section(0x1000, 0x3000) + section(0x5000, 0x800)


def pdb_symbol(name: str, rva: int, size: int | None = None) -> Symbol:
    return Symbol(name, rva, size, SymbolOrigin.PDB)


def with_publics() -> MadePdb:
    publics = [public("_first@4", 1, 0x10), public("_alias", 1, 0x40), public("_second", 1, 0x40), public("_d", 2, 0)]
    return MadePdb(publics=publics, debug={SECTIONS: HEADERS})


@pytest.mark.parametrize("block", [512, 1024, 4096])
@pytest.mark.parametrize("scattered", [False, True])
def test_public_symbols(block: int, scattered: bool) -> None:
    pdb = Pdb(with_publics().build(block, scattered))
    assert pdb.identity == PdbIdentity(GUID_TEXT, 3)
    assert pdb.nearest(0x1010) == pdb_symbol("_first@4", 0x1010)
    assert pdb.nearest(0x103F) == pdb_symbol("_first@4", 0x1010)
    assert pdb.nearest(0x3FFF) == pdb_symbol("_alias", 0x1040)  # of two at one place the first in the map
    assert pdb.nearest(0x5000) == pdb_symbol("_d", 0x5000)
    assert pdb.nearest(0x57FF) == pdb_symbol("_d", 0x5000)
    for outside in (0, 0xFFF, 0x100F, 0x4000, 0x4FFF, 0x5800):
        assert pdb.nearest(outside) is None


def test_names_are_undecorated_by_whoever_knows_how() -> None:
    pdb = Pdb(with_publics().build(), lambda name: name.strip("_").partition("@")[0])
    assert pdb.nearest(0x1010) == pdb_symbol("first", 0x1010)
    assert [public.name for _, public in public_places(pdb)] == ["_first@4", "_alias", "_second", "_d"]


def test_counted_names_of_visual_c_7_0() -> None:
    made = MadePdb(publics=[public_st("_KiBugCheck", 1, 0x20)], debug={SECTIONS: HEADERS})
    assert Pdb(made.build()).nearest(0x1024) == pdb_symbol("_KiBugCheck", 0x1020)


def test_many_publics_are_found_by_halves() -> None:
    publics = [public(f"f{index}", 1, 0x10 * index) for index in range(500)]
    pdb = Pdb(MadePdb(publics=publics, debug={SECTIONS: HEADERS}).build(4096))
    for index in range(500):
        assert pdb.nearest(0x1000 + 0x10 * index + 0xF) == pdb_symbol(f"f{index}", 0x1000 + 0x10 * index)


def test_procedures_know_their_size_and_are_named_before_publics() -> None:
    made = with_publics()
    first = procedure("first", 1, 0x10, 0x20, end=4 + len(procedure("first", 1, 0x10, 0x20)))
    made.modules = [("a.obj", first + END + procedure("hidden", 1, 0x34, 4) + END, b"")]
    made.contributions = [(1, 0x10, 0x28, 0)]
    pdb = Pdb(made.build())
    assert pdb.nearest(0x1010) == pdb_symbol("first", 0x1010, 0x20)
    assert pdb.nearest(0x1036) == pdb_symbol("hidden", 0x1034, 4)
    assert pdb.nearest(0x1038) == pdb_symbol("_first@4", 0x1010)  # no module's bytes
    assert pdb.nearest(0x1041) == pdb_symbol("_alias", 0x1040)


def reordered() -> MadePdb:
    """Before: one section with `a` at 0x1000 and `b` at 0x1100. Now: b, then the tail of a, then its beginning."""
    made = MadePdb(publics=[public("a", 1, 0), public("b", 1, 0x100)], strings=["$T0 $ebp ="])
    to_source = [(0x2000, 0x1100), (0x2100, 0x1080), (0x2180, 0), (0x2200, 0x1000), (0x2280, 0)]
    from_source = [(0x1000, 0x2200), (0x1080, 0x2100), (0x1100, 0x2000), (0x1200, 0)]
    made.debug = {
        SECTIONS: section(0x2000, 0x400),
        SECTIONS_BEFORE: section(0x1000, 0x400),
        OMAP_TO: b"".join(struct.pack("<II", *pair) for pair in to_source),
        OMAP_FROM: b"".join(struct.pack("<II", *pair) for pair in from_source),
        NEW_FPO: frame_data(0x1000, 0x100, 1) + frame_data(0x1004, 0xF0, 1, flags=0, saved=4),
    }
    return made


def test_reordered_images() -> None:
    """OMAP: names and distances are those of the order before, `rva` is in the image."""
    pdb = Pdb(reordered().build())
    assert pdb.nearest(0x2004) == pdb_symbol("b", 0x2000)
    assert pdb.nearest(0x2210) == pdb_symbol("a", 0x2200)
    moved = pdb.nearest(0x2110)  # 0x90 bytes into a
    assert moved is not None
    assert (moved.name, 0x2110 - moved.rva) == ("a", 0x90)
    assert pdb.nearest(0x2190) is None  # between the pieces
    assert pdb.nearest(0x1000) is None
    assert [(rva, each.name) for rva, each in public_places(pdb)] == [(0x2200, "a"), (0x2000, "b")]


def test_frame_programs_of_reordered_images() -> None:
    pdb = Pdb(reordered().build())
    assert pdb.frame_program(0x2202) == FrameProgram(0x2200, 0x100, 0, 0, 0, 0, "$T0 $ebp =")
    assert pdb.frame_program(0x2110) == FrameProgram(0x2110 - 0x8C, 0xF0, 0, 0, 4, 0, "$T0 $ebp =")
    assert pdb.frame_program(0x2004) is None


def test_fpo_data() -> None:
    records = fpo_data(0x1000, 0x20, (3, 2), prolog=5, last=0x12) + fpo_data(0x1040, 0x10, last=0xC3)
    pdb = Pdb(MadePdb(debug={FPO: records, SECTIONS: HEADERS}).build())
    first = FrameProgram(0x1000, 0x20, 12, 8, 8, 5, None, uses_ebp=True)
    assert [pdb.frame_program(rva) for rva in (0x0FFF, 0x1000, 0x101F, 0x1020)] == [None, first, first, None]
    assert pdb.frame_program(0x1048) == FrameProgram(0x1040, 0x10, 0, 0, 12, 0, None)


def test_frame_data_before_fpo_data() -> None:
    made = MadePdb(strings=["x", "$T0 .raSearch ="])
    made.debug = {FPO: fpo_data(0x1000, 0x100), NEW_FPO: frame_data(0x1010, 8, made.string("$T0 .raSearch =")) * 2}
    pdb = Pdb(made.build())
    assert [getattr(pdb.frame_program(rva), "program", "none") for rva in (0x100F, 0x1010, 0x1018)] == [
        None,
        "$T0 .raSearch =",
        None,
    ]


def subsection(kind: int, body: bytes) -> bytes:
    return struct.pack("<II", kind, len(body)) + body + b"\0" * (-len(body) % 4)


def with_lines() -> MadePdb:
    made = MadePdb(strings=["a.c", "b.h"], debug={SECTIONS: HEADERS})
    files = b"".join(struct.pack("<IBB2x", made.string(name), 0, 0) for name in made.strings)
    first = struct.pack("<3I", 0, 3, 12 + 24) + struct.pack("<6I", 0, 10, 8, 0x8000000B, 0x18, 0xFEEFEE)
    second = struct.pack("<3I", 8, 1, 12 + 8) + struct.pack("<2I", 0x10, 99)
    code = subsection(0xF2, struct.pack("<IHHI", 0x10, 1, 0, 0x20) + first + second)
    begins = subsection(0xF6, struct.pack("<I", 0) + struct.pack("<3I", 0x1000, 8, 40))
    # A site with code at 4 to 8 (line +2), and at 12 to 14; inside it one with code at 8 to 12.
    outer = struct.pack("<3I", 0, 0, 0x1000) + bytes([6, 4, 3, 4, 4, 4, 11, 0x24, 4, 2])
    inner = struct.pack("<3I", 0, 0, 0x1001) + bytes([12, 4, 8])
    sites = b"".join(
        struct.pack("<HH", len(body) + 2, kind) + body
        for kind, body in ((0x114D, outer), (0x114D, inner + b"\0"), (0x114E, b""), (0x114E, b""))
    )
    size = len(procedure("f", 1, 0x10, 0x20))
    symbols = procedure("f", 1, 0x10, 0x20, end=4 + size + len(sites)) + sites + END
    made.modules = [("a.obj", symbols, subsection(0xF4, files) + code + begins)]
    made.contributions = [(1, 0x10, 0x20, 0)]
    item = struct.pack("<HHII", 16, 0x1601, 0, 0) + b"twice\0"
    hashes = struct.pack("<HHII6I", 0xFFFF, 0xFFFF, 4, 0, *[0] * 6)
    made.items = struct.pack("<5I", 20040203, 56, 0x1000, 0x1001, len(item)) + hashes + item
    return made


def test_lines_of_two_files() -> None:
    pdb = Pdb(with_lines().build())
    lines = [pdb.line(rva) for rva in (0x1010, 0x1017, 0x1018, 0x1020, 0x1027, 0x1028)]
    a, b = SourceLine("a.c", 10), SourceLine("a.c", 11)
    assert lines == [a, a, b, SourceLine("b.h", 99), SourceLine("b.h", 99), None]
    assert pdb.line(0x100F) is None
    assert pdb.line(0x1030) is None


def test_functions_inlined() -> None:
    pdb = Pdb(with_lines().build())
    assert pdb.inlines(0x1010) == []
    assert pdb.inlines(0x1014) == [InlineSite("twice", SourceLine("b.h", 42))]
    # The outer one has no code of its own there, and the item of the inner one is missing.
    assert pdb.inlines(0x1018) == [InlineSite("<item 0x1001>", None), InlineSite("twice", None)]
    assert pdb.inlines(0x101C) == [InlineSite("twice", SourceLine("b.h", 43))]
    assert pdb.inlines(0x101E) == []


def test_what_is_not_there_is_none() -> None:
    """A PDB with nothing in it but its head."""
    pdb = Pdb(MadePdb().build())
    assert pdb.nearest(0x1000) is None
    assert pdb.line(0x1000) is None
    assert pdb.inlines(0x1000) == ()
    assert pdb.frame_program(0x1000) is None
    assert pdb.type_named("_KTHREAD") is None
    assert pdb.machine == 0x14C


def test_files_are_mapped(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    path.write_bytes(with_publics().build())
    assert open_pdb(path).nearest(0x1010) == pdb_symbol("_first@4", 0x1010)
    path.write_bytes(b"")
    with pytest.raises(SymbolError, match="found an empty file"):
        open_pdb(path)


def patched(at: int, word: int) -> bytearray:
    data = with_publics().build()
    struct.pack_into("<I", data, at, word)
    return data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            bytearray(b"Microsoft C/C++ program database 2.00\r\n\x1aJG" + bytes(99)),
            "no PDB of MSF 7.00 at offset 0x0",
        ),
        (bytearray(b"MZ"), "the PDB file is cut at offset 0x0: expected 0x34 bytes, found 0x2"),
        (patched(0x20, 0), "impossible size of a block at offset 0x20: found 0x0"),
        (patched(0x20, 511), "impossible size of a block"),
        (patched(0x2C, 0xFFFFFFFF), "directory larger than the file at offset 0x2c"),
        (patched(0x34, 0xFFFFFFFF), "the PDB file is cut at offset 0x1fffffffe00"),
        (msf([None, b"x" * 513])[:-1024], "the PDB file is cut"),
    ],
)
def test_heads_that_are_refused(data: bytearray, said: str) -> None:
    with pytest.raises(SymbolError) as caught:
        Pdb(data)
    assert said in str(caught.value)


def test_streams_that_are_refused() -> None:
    data = msf([None, b"x" * 28])
    at = data.index(struct.pack("<3I", 2, 0xFFFFFFFF, 28)) + 8
    for size in (0xFFFFFFF0, 0x100000):
        struct.pack_into("<I", data, at, size)
        with pytest.raises(SymbolError, match="streams larger than the file"):
            Pdb(data)
    struct.pack_into("<II", data, at, 28, 0xFFFFFF)
    with pytest.raises(SymbolError, match="the PDB information stream has a block outside the file"):
        _ = Pdb(data).identity
    with pytest.raises(SymbolError, match="the DBI stream is missing"):
        _ = Pdb(msf([None, b"x" * 28])).dbi


def test_records_without_end_are_refused() -> None:
    made = with_publics()
    made.modules = [("a.obj", b"\xff\xff\x10\x11" + bytes(60), b"")]
    made.contributions = [(1, 0, 0x100, 0)]
    with pytest.raises(SymbolError, match=r"the stream of a\.obj has no end at offset 0x4: found 0xffff bytes"):
        Pdb(made.build()).nearest(0x1010)
    made.contributions = [(1, 0, 0x100, 7)]
    with pytest.raises(SymbolError, match="no such module: expected below 1, found 7"):
        Pdb(made.build()).nearest(0x1010)
