"""Images built with literal offsets: as files and in memory, whole, partial and malformed."""

from __future__ import annotations

import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.errors import FormatError, MemoryUnavailable, SmallDumpError
from smalldump.images import CodeView, Export, PeImage
from smalldump.layout.pe import Directory
from smalldump.memory import BytesSpace
from tests.images.portable import ARM64, X64, X86, Part, exports, portable

GUID = "3844dbb9-2017-4967-be7a-a4a2c20430fa"
BASE = 0xFFFFF800_12340000


def opened(data: bytes) -> PeImage:
    return PeImage.from_file(memoryview(data))


def sections() -> list[Part]:
    return [Part(".text", 0x1000, b"\xcc" * 0x300), Part(".rdata", 0x2000, bytes(range(256)), 0x1800)]


@pytest.mark.parametrize(("machine", "base"), [(X86, 0x10000000), (X64, 0x180000000), (ARM64, 0x180000000)])
def test_headers(machine: int, base: int) -> None:
    image = opened(portable(sections(), machine=machine))
    assert (image.machine, image.timestamp, image.size_of_image) == (machine, 0x5F3759DF, 0x4000)
    assert (image.checksum, image.image_base, image.entry_point) == (0xC0FFEE, base, 0x1000)
    assert [(s.name, s.rva, s.size, s.executable) for s in image.sections] == [
        (".text", 0x1000, 0x300, True),
        (".rdata", 0x2000, 0x1800, False),
    ]


def test_what_the_file_holds_lies_at_rvas_and_the_rest_of_a_section_is_zero() -> None:
    image = opened(portable(sections()))
    assert image.read_some(0, 2) == b"MZ"
    assert image.read_some(0x12FE, 16) == b"\xcc\xcc"  # up to the end of the section
    assert image.read_some(0x20FE, 4) == b"\xfe\xff\0\0"
    assert image.read_some(0x3700, 0x200) == bytes(0x100)
    assert image.read_some(0x3800, 1) == b""
    assert image.is_code(0x12FF)
    assert not image.is_code(0x2000)
    with pytest.raises(MemoryUnavailable):
        image.read(0x37FF, 2)


def test_a_view_copies_nothing() -> None:
    data = portable(sections())
    view = opened(data).view(0x2010, 8)
    assert view is not None
    assert view.obj is data
    assert bytes(opened(data).view(0x20FC, 8) or b"") == b"\xfc\xfd\xfe\xff\0\0\0\0"
    assert opened(data).view(0x37FC, 8) is None


def test_a_file_that_was_cut_holds_less() -> None:
    image = opened(portable(sections())[:-0x10])
    assert image.read_some(0x20E0, 0x20) == bytes(range(0xE0, 0xF0))
    assert image.read_some(0x2100, 1) == b"\0"  # zeros come from no file


def mapped(data: bytes, holes: tuple[int, ...] = ()) -> PeImage:
    image = opened(data)
    pages = {rva: image.read_some(rva, 0x1000) for rva in range(0, 0x4000, 0x1000) if rva not in holes}
    return PeImage.in_memory(BytesSpace({BASE + rva: page for rva, page in pages.items()}), BASE)


def test_an_image_in_memory() -> None:
    image = mapped(portable(sections()), holes=(0x1000,))
    assert image.read_some(0x1000, 4) == b""
    assert image.read_some(0x2003, 4) == b"\x03\x04\x05\x06"
    assert [section.name for section in image.sections] == [".text", ".rdata"]
    with pytest.raises(MemoryUnavailable):
        mapped(portable(sections()), holes=(0,))


def codeview(kind: bytes, path: bytes = b"d:\\nt\\ntkrnlmp.pdb\0") -> bytes:
    if kind == b"RSDS":
        return kind + uuid.UUID(GUID).bytes_le + struct.pack("<I", 2) + path
    return kind + struct.pack("<III", 0, 0x3B7D8512, 0x1F) + path


def with_debug(record: bytes, kind: int = 2, rva: int = 0x2100) -> bytes:
    entries = struct.pack("<IIHHIIII", 0, 0, 0, 0, 13, 0x10, 0x2180, 0)
    entries += struct.pack("<IIHHIIII", 0, 0, 0, 0, kind, len(record), rva, 0x800)
    rdata = entries.ljust(0x100, b"\0") + record
    parts = [Part(".text", 0x1000, bytes(0x300)), Part(".rdata", 0x2000, rdata.ljust(0x200, b"\0"))]
    return portable(parts, {6: (0x2000, len(entries))})


def test_the_pdb_that_belongs_to_the_image() -> None:
    wanted = CodeView("d:\\nt\\ntkrnlmp.pdb", GUID, 2)
    assert opened(with_debug(codeview(b"RSDS"))).codeview == wanted
    assert mapped(with_debug(codeview(b"RSDS"))).codeview == wanted
    assert opened(with_debug(codeview(b"NB10"))).codeview == CodeView("d:\\nt\\ntkrnlmp.pdb", "3b7d8512", 0x1F)


def test_a_record_that_is_not_loaded_is_found_in_the_file_only() -> None:
    data = with_debug(codeview(b"RSDS"), rva=0)  # 0x400 headers, 0x300 code, 0x100 before the record
    assert opened(data).codeview == CodeView("d:\\nt\\ntkrnlmp.pdb", GUID, 2)
    assert mapped(data).codeview is None


@pytest.mark.parametrize("record", [b"", b"RSDS", b"NB09" + bytes(40), codeview(b"RSDS")[:0x17]])
def test_no_identity(record: bytes) -> None:
    assert opened(with_debug(record)).codeview is None
    assert opened(with_debug(codeview(b"RSDS"), kind=3)).codeview is None
    assert opened(portable(sections())).codeview is None


def with_exports() -> bytes:
    places: dict[str, int | str] = {
        "Zw": 0x1010,
        "Nt": 0x1010,
        "Ke": 0x1200,
        "Hal": "HAL.HalFoo",
        "Data": 0x2008,
        "Nothing": 0,
    }
    table = exports(0x2100, places, base=5)
    return portable(
        [Part(".text", 0x1000, bytes(0x300)), Part(".rdata", 0x2000, bytes(0x100) + table)],
        {0: (0x2100, len(table))},
    )


@pytest.mark.parametrize("form", [opened, mapped])
def test_exports(form: object) -> None:
    image = opened(with_exports()) if form is opened else mapped(with_exports())
    assert image.exports == (
        Export(0, "Hal", 6, "HAL.HalFoo"),
        Export(0x1010, "Nt", 9),
        Export(0x1010, "Zw", 10),
        Export(0x1200, "Ke", 7),
        Export(0x2008, "Data", 5),
    )
    assert image.nearest_export(0x100F) is None
    assert image.nearest_export(0x1010) == Export(0x1010, "Zw", 10)
    assert image.nearest_export(0x12FF) == Export(0x1200, "Ke", 7)
    assert image.nearest_export(0x2004) is None  # another section
    assert image.nearest_export(0x7000) is None


def test_what_is_malformed_is_left_out() -> None:
    data = bytearray(with_exports())
    at = 0x400 + 0x300 + 0x100
    struct.pack_into("<II", data, at + 0x14, 0xFFFFFFFF, 0xFFFFFFFF)  # counts
    found = opened(bytes(data)).exports
    assert {export.name for export in found} >= {"Nt", "Zw", "Ke", "Data"}
    assert len(found) < 100
    struct.pack_into("<I", data, at + 0x20, 0xFFFFFFF0)  # the names
    assert opened(bytes(data)).exports == ()


def function_table() -> bytes:
    rows = [(0x1000, 0x1040, 0x2800), (0x1040, 0x1041, 0x2804), (0x1100, 0x1180, 0x2101)]
    return b"".join(struct.pack("<III", *row) for row in rows)


def with_functions(machine: int = X64) -> bytes:
    table = function_table() if machine == X64 else struct.pack("<IIII", 0x1000, 0x2800, 0x1100, 0x8D)
    parts = [Part(".text", 0x1000, bytes(0x300)), Part(".pdata", 0x2000, table, 0x1000)]
    return portable(parts, {3: (0x2000, len(table))}, machine)


def test_functions_are_found_by_rva() -> None:
    functions = opened(with_functions()).functions
    assert len(functions) == 3
    places = [0xFFF, 0x1000, 0x103F, 0x1040, 0x1041, 0x10FF, 0x117F, 0x1180, 0xFFFFFFFF]
    found = [functions.find(place) for place in places]
    begins = [entry and entry.begin for entry in found]
    assert begins == [None, 0x1000, 0x1000, 0x1040, None, None, 0x1100, None, None]
    assert found[1] == functions[0]
    assert functions[2] == (0x1100, 0x1180, 0x2101)
    with pytest.raises(IndexError):
        functions[3]


def test_functions_of_arm64_end_where_their_unwind_data_say() -> None:
    functions = opened(with_functions(ARM64)).functions
    assert functions[1] == (0x1100, None, 0x8D)
    assert functions.find(0x7000) == functions[1]
    assert functions.find(0x1000 - 4) is None


def test_a_function_table_that_is_not_there_is_no_empty_one() -> None:
    functions = mapped(with_functions(), holes=(0x2000,)).functions
    with pytest.raises(MemoryUnavailable):
        functions.find(0x1000)
    assert opened(portable(sections())).functions.find(0x1000) is None
    assert len(opened(portable(sections(), {3: (0x2000, 0x100)}, X86)).functions) == 0


@pytest.mark.parametrize(
    ("offset", "value"), [(0, b"ZM"), (0x3C, b"\xff\xff\xff\xff"), (0x80, b"NE\0\0"), (0x98, b"\x07\x01")]
)
def test_other_files_are_refused(offset: int, value: bytes) -> None:
    data = bytearray(portable(sections()))
    data[offset : offset + len(value)] = value
    with pytest.raises(FormatError):
        opened(bytes(data))


def test_a_file_that_ends_in_its_headers_is_refused() -> None:
    whole = portable(sections())
    for size in (0, 2, 0x3F, 0x83, 0x97, 0xA0):
        with pytest.raises(SmallDumpError):
            opened(whole[:size])


@given(st.binary(max_size=0x60), st.integers(0, 0x3F0))
def test_hostile_headers(noise: bytes, at: int) -> None:
    """Whatever stands in the headers: an image or an error, and all that is asked of it is bounded."""
    data = bytearray(with_debug(codeview(b"RSDS")))
    data[at : at + len(noise)] = noise
    try:
        image = opened(bytes(data))
    except SmallDumpError:
        return
    assert len(image.read_some(0x2000, 0x4000)) <= 0x4000
    assert image.codeview is None or image.codeview.age >= 0
    assert len(image.exports) <= 0x10000
    assert image.nearest_export(0x1000) is None or image.exports
    assert image.directory(Directory.DEBUG) is None or image.directory(Directory.DEBUG)
