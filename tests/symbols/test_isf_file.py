"""Reading symbol files of Volatility: packed, cut, spoilt, and made to cost memory."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.errors import SymbolError
from smalldump.symbols import isf_file
from smalldump.symbols.isf_file import parse_isf, read_isf

TEXT = json.dumps({"metadata": {"format": "6.2.0"}, "symbols": {str(n): {"address": n} for n in range(99)}}).encode()
PACKERS: list[Callable[[bytes], bytes]] = [bytes, lzma.compress, gzip.compress, bz2.compress]


@pytest.mark.parametrize("pack", PACKERS)
def test_all_ways_of_packing(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "any.name"
    path.write_bytes(pack(TEXT))
    assert read_isf(path) == json.loads(TEXT)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse_isf(b"\xef\xbb\xbf" + TEXT) == json.loads(TEXT)


@pytest.mark.parametrize("pack", PACKERS)
@given(data=st.data())
def test_cut_and_spoilt_files(pack: Callable[[bytes], bytes], data: st.DataObject) -> None:
    packed = bytearray(pack(TEXT))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    for spoilt in (bytes(packed), bytes(packed[:at])):
        with suppress(SymbolError):
            assert isinstance(parse_isf(spoilt), dict)


@pytest.mark.parametrize("pack", PACKERS)
def test_files_that_unpack_to_too_much(pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isf_file, "MAX_TEXT", 1 << 16)
    with pytest.raises(SymbolError, match="too large"):
        parse_isf(pack(b" " * (1 << 17)))
    assert parse_isf(pack(TEXT))


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isf_file, "_MAX_VALUES", 100)
    with pytest.raises(SymbolError, match="too many values"):
        parse_isf(TEXT)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"7",
        b"{",
        b"\xff",
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        "{}".encode("utf-16"),
    ],
)
def test_what_is_no_json_object(text: bytes) -> None:
    with pytest.raises(SymbolError):
        parse_isf(text)


def test_a_file_that_wants_a_huge_dictionary() -> None:
    """The size of the dictionary, four gigabytes, stands in the header of the first block, which has a checksum."""
    packed = bytearray(lzma.compress(TEXT))
    assert packed[14:16] == b"\x21\x01"
    packed[16] = 40
    end = 12 + (packed[12] + 1) * 4 - 4
    packed[end : end + 4] = zlib.crc32(packed[12:end]).to_bytes(4, "little")
    with pytest.raises(SymbolError, match="cannot be unpacked"):
        parse_isf(bytes(packed))
