"""Cabinets: what they hold comes out, as it does with libarchive and cabextract; hostile ones end in an error."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.errors import FormatError, Truncated, UnsupportedFormat
from smalldump.symbols.cabinet import unpack_cabinet
from tests.symbols.cabinets import LzxEncoder, cabinet, mszip_blocks, stored_blocks

LIMIT = 1 << 20
SHAPES = [
    (bits, kinds, block, translation)
    for bits, kinds in ((15, (1,)), (16, (2,)), (17, (3,)), (18, (1, 2, 3)), (19, (3, 2, 1)), (20, (2, 3)), (21, (1,)))
    for block, translation in ((5001, None), (32768, 0), (70000, 12_000_000), (9999, 3000))
]


def unpacked(packed: bytes, limit: int = LIMIT) -> bytes:
    target = io.BytesIO()
    size = unpack_cabinet(io.BytesIO(packed), target, limit)
    assert size == len(target.getvalue())
    return target.getvalue()


def motley(size: int, seed: int = 4) -> bytes:
    """Bytes with all that an encoder likes and hates: noise, near and far repetitions, runs, x86 calls."""
    chance, made = random.Random(seed), bytearray()
    while len(made) < size:
        kind = chance.randrange(5)
        if kind == 0:
            made += chance.randbytes(chance.randrange(40))
        elif kind == 1 and made:
            distance = chance.randrange(1, min(len(made), 60_000) + 1)
            made += made[-distance:][: chance.randrange(2, 400)]
        elif kind == 2:
            made += b"\xe8" + chance.randrange(-5000, 2_000_000).to_bytes(4, "little", signed=True)
        else:
            made += b"KeBugCheckEx" * chance.randrange(30)
    return bytes(made[:size])


def lzx(data: bytes, bits: int, kinds: tuple[int, ...], block: int, translation: int | None) -> bytes:
    return cabinet(len(data), LzxEncoder(bits, kinds, block, translation).blocks(data), 3 | bits << 8)


@pytest.mark.parametrize("size", [1, 2, 32767, 32768, 32769, 100_003])
def test_stored_and_mszip(size: int) -> None:
    data = motley(size)
    assert unpacked(cabinet(size, stored_blocks(data), 0)) == data
    assert unpacked(cabinet(size, mszip_blocks(data), 1)) == data


@pytest.mark.parametrize(("bits", "kinds", "block", "translation"), SHAPES)
def test_lzx(bits: int, kinds: tuple[int, ...], block: int, translation: int | None) -> None:
    for size in (1, 11, 32768, 70_001):
        data = motley(size)
        assert unpacked(lzx(data, bits, kinds, block, translation)) == data


@given(st.binary(min_size=1, max_size=300), st.sampled_from([(1,), (2,), (3,), (1, 3, 2)]), st.integers(1, 400))
def test_any_bytes(data: bytes, kinds: tuple[int, ...], block: int) -> None:
    assert unpacked(lzx(data, 15, kinds, block, 300)) == data
    assert unpacked(cabinet(len(data), mszip_blocks(data), 1)) == data


@pytest.mark.parametrize(("bits", "kinds", "block", "translation"), SHAPES[::3])
def test_others_read_the_same(
    bits: int, kinds: tuple[int, ...], block: int, translation: int | None, tmp_path: Path
) -> None:
    libarchive = pytest.importorskip("libarchive", reason="libarchive is not installed", exc_type=ImportError)
    data = motley(70_001)
    for packed in (lzx(data, bits, kinds, block, translation), cabinet(len(data), mszip_blocks(data), 1)):
        with libarchive.memory_reader(packed) as archive:
            assert [b"".join(entry.get_blocks()) for entry in archive] == [data]
        if shutil.which("cabextract"):
            (tmp_path / "one.cab").write_bytes(packed)
            subprocess.run(["cabextract", "-q", "-d", tmp_path, tmp_path / "one.cab"], check=True, timeout=60)
            assert (tmp_path / "ntkrnlmp.pdb").read_bytes() == data


@pytest.mark.skipif(not shutil.which("gcab"), reason="gcab is not installed: it makes MSZIP cabinets")
def test_cabinets_of_another_program(tmp_path: Path) -> None:
    data = motley(200_000)
    (tmp_path / "a.pdb").write_bytes(data)
    subprocess.run(["gcab", "-c", "-z", "a.cab", "a.pdb"], check=True, cwd=tmp_path, timeout=60)
    packed = (tmp_path / "a.cab").read_bytes()
    assert len(packed) < len(data)
    assert unpacked(packed) == data


def test_reserved_bytes_and_missing_checksums() -> None:
    data = motley(40_000)
    assert unpacked(cabinet(len(data), mszip_blocks(data), 1, reserved=(7, 3, 5))) == data
    assert unpacked(cabinet(len(data), mszip_blocks(data), 1, checked=False)) == data


def test_what_is_wrong_is_said() -> None:
    data = motley(40_000)
    packed = cabinet(len(data), mszip_blocks(data), 1)
    with pytest.raises(FormatError, match=r"too large: expected at most 39,999 bytes, found 40,000"):
        unpacked(packed, 39_999)
    with pytest.raises(Truncated, match="ends early"):
        unpacked(packed[:-1])
    with pytest.raises(FormatError, match="does not have its checksum"):
        unpacked(packed[:-1] + bytes([packed[-1] ^ 1]))
    with pytest.raises(FormatError, match=r"no cabinet: expected MSCF, version 1, found 4d534346"):
        unpacked(packed[:0x19] + b"\2" + packed[0x1A:])
    with pytest.raises(UnsupportedFormat, match=r"another way than MSZIP and LZX: found 0x1202"):
        unpacked(cabinet(len(data), mszip_blocks(data), 0x1202))
    with pytest.raises(UnsupportedFormat, match="one of several"):
        unpacked(packed[:0x1E] + b"\1" + packed[0x1F:])
    with pytest.raises(Truncated, match="before its file does: expected 1 more bytes"):
        unpacked(cabinet(40_001, mszip_blocks(data), 1))
    with pytest.raises(FormatError, match=r"no LZX window: expected 15 to 21 bits, found 22"):
        unpacked(cabinet(len(data), mszip_blocks(data), 3 | 22 << 8))


def test_blocks_that_unpack_to_more_than_they_say() -> None:
    bomb = [(packed, 100) for packed, _ in mszip_blocks(bytes(30_000))]
    with pytest.raises(FormatError, match="another length: expected 100 bytes"):
        unpacked(cabinet(100, bomb, 1))


@pytest.mark.parametrize("kind", [1, 3 | 15 << 8, 3 | 21 << 8])
def test_noise_ends_in_an_error(kind: int) -> None:
    chance = random.Random(kind)
    for _ in range(300):
        noise = chance.randbytes(chance.randrange(1, 3000))
        with pytest.raises(FormatError):
            unpacked(cabinet(32768, [(b"CK" * (kind == 1) + noise, 32768)], kind, checked=False))


def test_flipped_bits_end_in_an_error_or_other_bytes() -> None:
    data = motley(20_000)
    whole = cabinet(len(data), LzxEncoder(15, (1, 2, 3), 6001).blocks(data), 3 | 15 << 8, checked=False)
    chance, outcomes = random.Random(9), set[object]()
    for _ in range(300):
        packed = bytearray(whole)
        packed[chance.randrange(len(packed))] ^= 1 << chance.randrange(8)
        try:
            outcomes.add(unpacked(bytes(packed)) == data)
        except FormatError as error:
            outcomes.add(str(error).removeprefix("LZX data: "))
    # No match may reach before the beginning of the data: what it would copy is not there.
    assert outcomes >= {
        False,
        "a match leaves the window or its frame",
        "a Huffman code is incomplete or oversubscribed",
        "code lengths run over their end",
    }
