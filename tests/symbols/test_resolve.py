"""From a module to its image and its symbols: what is found, what is refused, what stands in for it."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import pytest

from smalldump.images import PeImage
from smalldump.memory import AddressSpace, BytesSpace
from smalldump.model import Absent, Module
from smalldump.model.symbols import SymbolOrigin
from smalldump.symbols.resolve import Resolver
from smalldump.symbols.sources import SymbolSources
from tests.images.portable import Part, portable
from tests.symbols.files import GUID, image, pdb, pdb_index
from tests.symbols.server import serving

BASE = 0xFFFFF800_10000000
STAMP, SIZE = 0x5F3A_0001, 0x3000
NAME = "wobblefs"


def module(timestamp: int | Absent = STAMP, size: int = SIZE, file: str = f"{NAME}.sys") -> Module:
    return Module(NAME, file, file, BASE, size, timestamp, 0)


def resolver(symbols: str = "", *images: Path, memory: AddressSpace | None = None) -> Resolver:
    return Resolver(SymbolSources(symbols, images), BytesSpace({}) if memory is None else memory)


def folder(tmp_path: Path, **files: bytes) -> Path:
    for name, data in files.items():
        (tmp_path / name.replace("_", ".")).write_bytes(data)
    return tmp_path


# Images


def test_an_image_counts_only_with_the_right_stamp_and_size(tmp_path: Path) -> None:
    place = folder(tmp_path, wobblefs_sys=image())
    assert resolver("", place).image(module()) is not None
    assert resolver("", place).image(module(timestamp=STAMP + 1)) is None
    assert resolver("", place).image(module(size=SIZE + 0x1000)) is None
    assert resolver("", place).image(module(timestamp=Absent.PAGED_OUT)) is None


def test_an_image_is_looked_for_once(tmp_path: Path) -> None:
    found = resolver("", folder(tmp_path, wobblefs_sys=image()))
    assert found.image(module()) is found.image(module())


@pytest.mark.parametrize("stamp", [STAMP, Absent.PAGED_OUT])
def test_an_image_inside_the_dump(stamp: int | Absent) -> None:
    """Its headers are there, as the loader laid them out: what more of it is there can be used."""
    data = image(names="c:\\build\\wobblefs.pdb")
    space = BytesSpace({BASE: data[:0x400].ljust(0x1000, b"\0"), BASE + 0x1000: data[0x400:]})
    found = resolver(memory=space)
    assert found.image(module(timestamp=stamp)) is not None
    wanted = found.wanted_pdb(module(timestamp=stamp))
    assert wanted is not None
    assert wanted.key == f"wobblefs.pdb/{pdb_index()}/wobblefs.pdb"
    assert resolver(memory=space).image(module(timestamp=STAMP + 1)) is None
    assert resolver(memory=space).image(module(size=SIZE * 2)) is None


# Symbols


def test_a_pdb_counts_only_with_the_identity_that_the_image_names(
    tmp_path: Path, from_wheels: tuple[Path, ...]
) -> None:
    source = next(path for path in from_wheels if path.name == "attach_amd64.pdb")
    pe = PeImage.from_file(memoryview(source.with_suffix(".dll").read_bytes()))
    loaded = Module("attach_amd64", "attach_amd64.dll", "", BASE, pe.size_of_image, pe.timestamp, 0)
    found = resolver(str(source.parent), source.parent)
    table = found.symbols(loaded)
    assert table is not None
    place = table.nearest(pe.entry_point)
    assert place is not None
    assert (place.name, place.rva, place.origin) == ("_DllMainCRTStartup", pe.entry_point, SymbolOrigin.PDB)
    line = table.line(pe.entry_point)
    assert line is not None
    assert line.file.endswith("dll_dllmain.cpp")
    files = found.files(loaded)
    assert (files.image_found, files.pdb_found) == (True, True)
    other = next(path for path in from_wheels if path.name == source.name and path.parent != source.parent)
    (tmp_path / source.name).write_bytes(other.read_bytes())
    wrong = resolver(str(tmp_path), source.parent)
    stand_in = wrong.symbols(loaded)
    assert stand_in is not None
    named = stand_in.nearest(pe.exports[-1].rva)
    assert named is None or named.origin is SymbolOrigin.EXPORT
    assert not wrong.files(loaded).pdb_found


def exporting(tmp_path: Path) -> Path:
    """An image that exports `WobbleStart` at 0x1010 and has functions at 0x1010 and 0x1100."""
    names = struct.pack("<IIHHIIIIIII", 0, 0, 0, 0, 0, 1, 1, 1, 0x4028, 0x402C, 0x4030)
    names += struct.pack("<IIH", 0x1010, 0x4032, 0) + b"WobbleStart\0"
    table = struct.pack("<6I", 0x1010, 0x1080, 0x3000, 0x1100, 0x1180, 0x3000)
    parts = [Part(".text", 0x1000, bytes(0x400)), Part(".pdata", 0x2000, table), Part(".xdata", 0x3000, b"\1\0\0\0")]
    data = portable([*parts, Part(".edata", 0x4000, names)], {3: (0x2000, len(table)), 0: (0x4000, len(names))})
    return folder(tmp_path, wobblefs_sys=data)


def test_exports_stand_in_for_symbols(tmp_path: Path) -> None:
    place = exporting(tmp_path)
    pe = PeImage.from_file(memoryview((place / "wobblefs.sys").read_bytes()))
    loaded = module(pe.timestamp, pe.size_of_image)
    found = resolver("", place)
    table = found.symbols(loaded)
    assert table is not None
    named = table.nearest(0x1040)
    assert named is not None
    assert (named.name, named.rva, named.origin) == ("WobbleStart", 0x1010, SymbolOrigin.EXPORT)
    assert named.at(NAME, 0x1040) == "wobblefs!WobbleStart+0x30"
    assert table.nearest(0x1120) is None  # another function begins in between
    assert (table.line(0x1040), table.inlines(0x1040), table.frame_program(0x1040)) == (None, (), None)
    assert not found.files(loaded).pdb_found


def test_nothing_is_known_of_a_module_without_files() -> None:
    found = resolver()
    assert found.symbols(module()) is None
    files = found.files(module())
    assert (files.image_key, files.image_found) == (f"wobblefs.sys/{STAMP:08X}{SIZE:x}/wobblefs.sys", False)
    assert (files.pdb_key, files.pdb_found) == (None, False)
    assert found.files(module(timestamp=Absent.PAGED_OUT)).image_key is None


def test_a_symbol_file_of_volatility_stands_in_for_the_pdb(tmp_path: Path) -> None:
    place = folder(tmp_path, wobblefs_sys=image(names="wobblefs.pdb"))
    document = {
        "metadata": {
            "format": "6.2.0",
            "windows": {"pdb": {"GUID": GUID.replace("-", "").upper(), "age": 1, "database": "wobblefs.pdb"}},
        },
        "base_types": {},
        "user_types": {},
        "enums": {},
        "symbols": {"WobbleRead": {"address": 0x1200}},
    }
    (tmp_path / "wobblefs.pdb").mkdir()
    kept = tmp_path / "wobblefs.pdb" / f"{pdb_index()[:-1]}-1.json.gz"
    kept.write_bytes(gzip.compress(json.dumps(document).encode()))
    found = resolver(str(tmp_path), place)
    table = found.symbols(module())
    assert table is not None
    named = table.nearest(0x1210)
    assert named is not None
    assert (named.name, named.origin) == ("WobbleRead", SymbolOrigin.ISF)
    assert found.files(module()).pdb_found


def test_malformed_symbols_count_as_none_and_are_told(tmp_path: Path) -> None:
    """The identity is right, and nothing behind it."""
    place = folder(tmp_path, wobblefs_sys=image(names="wobblefs.pdb"), wobblefs_pdb=pdb())
    found = resolver(str(place), place)
    table = found.symbols(module())
    assert table is not None
    assert table.nearest(0x1000) is None
    assert table.line(0x1000) is None
    assert len(found.problems) == len(set(found.problems))


# Servers


def test_images_and_pdbs_come_from_a_server_many_at_once(tmp_path: Path) -> None:
    with serving() as server:
        server.files[f"wobblefs.sys/{STAMP:08X}{SIZE:x}/wobblefs.sys"] = image(names="wobblefs.pdb")
        server.files[f"wobblefs.pdb/{pdb_index()}/wobblefs.pdb"] = pdb()
        found = resolver(f"srv*{tmp_path / 'cache'}*{server.url}")
        found.prefetch([module(), module(file="other.sys")])
        asked = len(server.asked)
        assert found.image(module()) is not None
        assert found.symbols(module()) is not None
        assert found.image(module(file="other.sys")) is not None  # the same base: found already
        assert len(server.asked) == asked
    again = resolver(str(tmp_path / "cache"))
    assert again.image(module()) is not None
