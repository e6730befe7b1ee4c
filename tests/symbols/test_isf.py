"""Symbol files of Volatility: names, types, identity, folders."""

from __future__ import annotations

import bz2
import copy
import gzip
import json
import lzma
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.errors import SymbolError
from smalldump.model.symbols import Symbol, SymbolOrigin, SymbolTable
from smalldump.model.types import StructField, StructType, TypeLookup
from smalldump.symbols.isf import Isf, IsfIdentity, find_isf, open_isf

GUID = "0123456789ABCDEF0123456789ABCDEF"
HYPHENATED = "01234567-89ab-cdef-0123-456789abcdef"


def base(name: str) -> dict[str, Any]:
    return {"kind": "base", "name": name}


DOCUMENT: dict[str, Any] = {
    "metadata": {
        "format": "6.1.0",
        "producer": {"name": "example", "version": "1.0.0", "datetime": "2024-01-01T00:00:00"},
        "windows": {"pdb": {"GUID": GUID, "age": 2, "database": "engine.pdb", "machine_type": 34404}},
    },
    "base_types": {
        "unsigned long": {"size": 4, "kind": "int", "signed": False, "endian": "little"},
        "unsigned long long": {"size": 8, "kind": "int", "signed": False, "endian": "little"},
        "unsigned char": {"size": 1, "kind": "char", "signed": False, "endian": "little"},
        "void": {"size": 0, "kind": "void", "signed": False, "endian": "little"},
        "pointer": {"size": 8, "kind": "int", "signed": False, "endian": "little"},
    },
    "user_types": {
        "_LINK": {
            "kind": "struct",
            "size": 16,
            "fields": {
                "Blink": {"offset": 8, "type": {"kind": "pointer", "subtype": {"kind": "struct", "name": "_LINK"}}},
                "Flink": {"offset": 0, "type": {"kind": "pointer", "subtype": {"kind": "struct", "name": "_LINK"}}},
            },
        },
        "_ENGINE": {
            "kind": "struct",
            "size": 72,
            "fields": {
                "Links": {"offset": 0, "type": {"kind": "struct", "name": "_LINK"}},
                "Serial": {"offset": 16, "type": base("unsigned long long")},
                "Hot": {
                    "offset": 24,
                    "type": {"kind": "bitfield", "bit_position": 3, "bit_length": 1, "type": base("unsigned long")},
                },
                "Cold": {
                    "offset": 24,
                    "type": {"kind": "bitfield", "bit_position": 0, "bit_length": 3, "type": base("unsigned long")},
                },
                "Name": {"offset": 28, "type": {"kind": "array", "count": 15, "subtype": base("unsigned char")}},
                "Grid": {
                    "offset": 44,
                    "type": {
                        "kind": "array",
                        "count": 2,
                        "subtype": {"kind": "array", "count": 3, "subtype": base("unsigned long")},
                    },
                },
                "State": {"offset": 68, "type": {"kind": "enum", "name": "_STATE"}},
                "Routine": {"offset": 56, "type": {"kind": "pointer", "subtype": {"kind": "function"}}},
                "Context": {"offset": 64, "type": {"kind": "pointer", "subtype": base("void")}},
                "Later": {"offset": 68, "type": {"kind": "struct", "name": "_UNDESCRIBED"}},
            },
        },
    },
    "enums": {"_STATE": {"size": 4, "base": "long", "constants": {"Off": 0, "On": 1}}},
    "symbols": {
        "StartEngine": {"address": 0x1000},
        "?Stop@Engine@@QEAAXXZ": {"address": 0x1040},
        "StopEngine": {"address": 0x1080},
        "__StopEngine": {"address": 0x1080},
        "AlsoStopEngine": {"address": 0x1080},
        "Rounded": {"address": 0x2000.__float__()},
        "_C_handler": {"address": 0x3000},
    },
}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    return document


@pytest.fixture
def isf() -> Isf:
    return Isf(DOCUMENT)


def test_it_is_a_symbol_table_and_knows_types(isf: Isf) -> None:
    table: SymbolTable = isf
    types: TypeLookup = isf
    assert table.line(0x1000) is None
    assert table.inlines(0x1000) == ()
    assert table.frame_program(0x1000) is None
    assert types.type_named("_NONE") is None


@pytest.mark.parametrize(
    ("rva", "name", "start"),
    [
        (0x1000, "StartEngine", 0x1000),
        (0x103F, "StartEngine", 0x1000),
        (0x1040, "Engine::Stop", 0x1040),
        (0x1080, "AlsoStopEngine", 0x1080),
        (0x2000, "Rounded", 0x2000),
        (0xFFFFFFFF, "_C_handler", 0x3000),
    ],
)
def test_the_nearest_symbol(isf: Isf, rva: int, name: str, start: int) -> None:
    assert isf.nearest(rva) == Symbol(name, start, None, SymbolOrigin.ISF)


def test_before_the_first_there_is_none(isf: Isf) -> None:
    assert isf.nearest(0xFFF) is None
    assert Isf(changed(lambda document: document["symbols"].clear())).nearest(0x1000) is None


def test_symbols_without_a_place_are_passed_over() -> None:
    symbols = {"A": {"address": -1}, "B": {"address": 1 << 40}, "C": {"address": "x"}, "D": [], "E": {}, "F": None}
    odd = changed(lambda document: document["symbols"].update(symbols, G={"address": 1.5}, H={"address": 0}))
    assert Isf(odd).nearest(0xFFF) is None
    assert Isf(odd).nearest(0xFFFFFFFF) == Isf(DOCUMENT).nearest(0xFFFFFFFF)


def test_a_structure(isf: Isf) -> None:
    found = isf.type_named("_ENGINE")
    assert found == StructType(
        "_ENGINE",
        72,
        (
            StructField("Links", 0, 16, "_LINK"),
            StructField("Serial", 16, 8, "unsigned __int64"),
            StructField("Cold", 24, 4, "unsigned long", 0, 3),
            StructField("Hot", 24, 4, "unsigned long", 3, 1),
            StructField("Name", 28, 15, "unsigned char[15]"),
            StructField("Grid", 44, 24, "unsigned long[2][3]"),
            StructField("Routine", 56, 8, "function*"),
            StructField("Context", 64, 8, "void*"),
            StructField("State", 68, 4, "_STATE"),
            StructField("Later", 68, None, "_UNDESCRIBED"),
        ),
    )
    assert found is not None
    assert found.field("Serial") == StructField("Serial", 16, 8, "unsigned __int64")
    assert found.field("serial") is None


def test_fields_come_by_offset(isf: Isf) -> None:
    found = isf.type_named("_LINK")
    assert found is not None
    assert [(field.name, field.type_name) for field in found.fields] == [("Flink", "_LINK*"), ("Blink", "_LINK*")]


@pytest.mark.parametrize(
    "broken",
    [
        5,
        {"kind": "struct", "size": 8},
        {"kind": "struct", "size": -8, "fields": {}},
        {"kind": "struct", "size": True, "fields": {}},
        {"kind": "struct", "size": 8, "fields": []},
        {"kind": "struct", "size": 8, "fields": {"a": 7}},
        {"kind": "struct", "size": 8, "fields": {"a": {"offset": 0}}},
        {"kind": "struct", "size": 8, "fields": {"a": {"offset": "0", "type": base("void")}}},
        {"kind": "struct", "size": 8, "fields": {"a": {"offset": 0, "type": {"kind": "base"}}}},
        {"kind": "struct", "size": 8, "fields": {"a": {"offset": 0, "type": {"kind": "odd", "name": "x"}}}},
        {"kind": "struct", "size": 8, "fields": {"a": {"offset": 0, "type": {"kind": "pointer"}}}},
        {"kind": "struct", "size": 8, "fields": {"a": {"offset": 0, "type": {"kind": "array", "count": 1}}}},
        {"kind": "struct", "size": 8, "fields": {"a": {"offset": 0, "type": {"kind": "bitfield", "bit_length": 1}}}},
        {"kind": "struct", "size": 8, "fields": {str(n): {} for n in range(0x2001)}},
    ],
)
def test_malformed_structures(broken: object) -> None:
    odd = Isf(changed(lambda document: document["user_types"].update(_ENGINE=broken)))
    with pytest.raises(SymbolError):
        odd.type_named("_ENGINE")
    assert odd.type_named("_LINK") is not None


def test_fields_in_front_of_the_structure() -> None:
    fields = {"Before": {"offset": -8, "type": base("wchar")}, "After": {"offset": 0, "type": base("long long")}}
    odd = changed(lambda document: document["user_types"].update(_ENGINE={"size": 8, "fields": fields}))
    found = Isf(odd).type_named("_ENGINE")
    assert found is not None
    assert found.fields == (StructField("Before", -8, None, "wchar_t"), StructField("After", 0, None, "__int64"))


def test_types_nested_too_deep() -> None:
    of: dict[str, Any] = base("void")
    for _ in range(40):
        of = {"kind": "pointer", "subtype": of}
    odd = {"kind": "struct", "size": 8, "fields": {"a": {"offset": 0, "type": of}}}
    with pytest.raises(SymbolError, match="nested too deep"):
        Isf(changed(lambda document: document["user_types"].update(_ENGINE=odd))).type_named("_ENGINE")


def test_what_is_not_there_is_malformed() -> None:
    with pytest.raises(SymbolError, match="'symbols' is malformed"):
        Isf(changed(lambda document: document.pop("symbols"))).nearest(0)
    with pytest.raises(SymbolError, match="'base_types' is malformed"):
        Isf(changed(lambda document: document.update(base_types=[]))).type_named("_LINK")


@pytest.mark.parametrize("version", ["2.0.0", "4.1.0", "5.0.0", "6.3.0"])
def test_versions_that_are_read(version: str) -> None:
    assert Isf(changed(lambda document: document["metadata"].update(format=version))).version == version


@pytest.mark.parametrize("version", ["1.0.0", "7.0.0", "six", "", "٣.0", "0002222.0", None, 6, []])
def test_versions_that_are_not(version: object) -> None:
    with pytest.raises(SymbolError, match="no known format"):
        Isf(changed(lambda document: document["metadata"].update(format=version)))


def test_the_identity(isf: Isf) -> None:
    assert isf.identity == IsfIdentity("engine.pdb", HYPHENATED, 2)
    assert Isf(changed(lambda document: document["metadata"].pop("windows"))).identity is None
    assert Isf(changed(lambda document: document["metadata"].update(windows=None))).identity is None


@pytest.mark.parametrize("odd", [{"GUID": "12"}, {"GUID": 5}, {"age": "2"}, {"age": -1}, {"database": None}])
def test_malformed_identities(odd: dict[str, object]) -> None:
    with pytest.raises(SymbolError):
        _ = Isf(changed(lambda document: document["metadata"]["windows"]["pdb"].update(odd))).identity


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".json": bytes,
    ".json.xz": lzma.compress,
    ".json.gz": gzip.compress,
    ".json.bz2": bz2.compress,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "windows" / "engine.pdb"
    place.mkdir(parents=True)
    (place / f"{GUID}-2.json.xz").write_bytes(lzma.compress(json.dumps(DOCUMENT).encode()))
    return tmp_path


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_folder_of_files(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "engine.pdb").mkdir()
    path = tmp_path / "engine.pdb" / f"{GUID}-2{suffix}"
    path.write_bytes(PACKERS[suffix](json.dumps(DOCUMENT).encode()))
    found = find_isf(tmp_path, "engine.pdb", HYPHENATED, 2)
    assert found is not None
    assert found.nearest(0x1000) == open_isf(path).nearest(0x1000)


@pytest.mark.parametrize("inner", ["", "windows"])
@pytest.mark.parametrize("database", ["engine.pdb", "ENGINE.pdb", r"d:\build\engine.pdb", "../../engine.pdb"])
def test_it_is_found_from_folders_around(folder: Path, inner: str, database: str) -> None:
    assert find_isf(folder / inner, database, GUID.lower(), 2) is not None


@pytest.mark.parametrize("database", ["other.pdb", "", "..", ".", "c:", "engine.pdb\0", "a/..", "engine.pdb\n"])
def test_names_that_find_nothing(folder: Path, database: str) -> None:
    assert find_isf(folder, database, GUID, 2) is None


def test_another_age_or_guid_is_another_pdb(folder: Path) -> None:
    assert find_isf(folder, "engine.pdb", GUID, 1) is None
    assert find_isf(folder, "engine.pdb", GUID[::-1], 2) is None
    with pytest.raises(SymbolError, match="GUID is malformed"):
        find_isf(folder, "engine.pdb", "../../../../etc/passwd", 2)


@pytest.mark.parametrize("odd", [{"age": 3}, {"GUID": GUID[::-1]}, {"database": "other.pdb"}])
def test_a_file_in_another_ones_place_is_refused(folder: Path, odd: dict[str, object]) -> None:
    document = changed(lambda document: document["metadata"]["windows"]["pdb"].update(odd))
    (folder / "windows" / "engine.pdb" / f"{GUID}-2.json.xz").write_bytes(lzma.compress(json.dumps(document).encode()))
    with pytest.raises(SymbolError, match="another PDB"):
        find_isf(folder, "engine.pdb", GUID, 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def paths(document: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(document, dict):
        return [path]
    return [path, *(found for key in document for found in paths(document[key], (*path, key)))]


@given(st.sampled_from([path for path in paths(DOCUMENT) if path]), JSON)
def test_any_value_in_any_place_raises_nothing_else(path: tuple[Any, ...], value: object) -> None:
    document = copy.deepcopy(DOCUMENT)
    inner: Any = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with suppress(SymbolError):
        ask_everything(Isf(document))


def ask_everything(isf: Isf) -> None:
    for ask in (lambda: isf.identity, lambda: isf.nearest(0x1080), lambda: isf.type_named("_ENGINE")):
        with suppress(SymbolError):
            ask()
