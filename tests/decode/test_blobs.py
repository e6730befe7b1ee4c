"""All decoders: none raises on hostile bytes, none gives out too much, none fails on a real dump."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.decode.blobs import DECODERS, PER_TAG, decode_blob, decode_blobs
from smalldump.layout.blobs import KNOWN_BLOBS, BlobTag
from tests.decode.conftest import RealDump

TAGS = sorted(tag.replace("?", "b") for tag in DECODERS)

SEEDS = [
    b"DSTP" + bytes(28) + b"\xff\0\0\0" + b"\x28" * 240,
    b"PCfg\x7c\0\0\0" + bytes(0x74),
    b"\0\3\3\0\xff\xff\0\0" + b"\x11\x5c\1\0" + b"\1" * 0x58 + b"string\0\0" * 2,
    b"FACP\x28\0\0\0" + b"x" * 32,
    b"\x02\0\0\0\x01\0\0\0" + b"\xff" * 33,
    b"\0" * 0x40,
]


def test_every_decoder_belongs_to_a_known_tag() -> None:
    assert DECODERS.keys() <= KNOWN_BLOBS.keys()


def test_no_decoder_no_value() -> None:
    assert decode_blob("65755a40-f146-43ea-8c91-36b85728fd35", b"12345678") is None
    assert decode_blob(TAGS[0], b"") is None
    assert decode_blob("", b"1") is None


def test_only_the_first_blobs_of_a_tag_are_decoded() -> None:
    blobs = [(BlobTag.BOOT_STATUS.value, bytes(0x40))] * (PER_TAG + 2) + [(BlobTag.NTFS.value, bytes(0x40))]
    assert [value is not None for value in decode_blobs(blobs)] == [True] * PER_TAG + [False] * 2 + [True]


def test_contradiction_becomes_a_value() -> None:
    value = decode_blob("80cc79cf-a719-4af1-bf97-fe29ff76ebc1", b"1234")
    assert value is not None
    assert "WinlogonBox is cut" in str(value["error"])


@given(st.sampled_from(TAGS), st.sampled_from([b"", *SEEDS]), st.binary(max_size=300), st.booleans())
def test_hostile_bytes(tag: str, seed: bytes, noise: bytes, private: bool) -> None:
    for data in (seed + noise, noise + seed, memoryview(seed + noise)):
        text = json.dumps(decode_blob(tag, data, private))
        assert len(text) <= 2048 + 60 * len(data)


@given(st.sampled_from(TAGS), st.sampled_from(SEEDS), st.data())
def test_one_byte_changed_or_cut(tag: str, seed: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(seed) - 1))
    changed = seed[:at] + bytes([data.draw(st.integers(0, 255))]) + seed[at + 1 :]
    for raw in (changed, seed[:at]):
        json.dumps(decode_blob(tag, raw))


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"\1", b"PCfg|\0\0\0", b"SSDT$\0\0\0" + b"A" * 28])
def test_a_large_blob_gives_a_bounded_value(tag: str, fill: bytes) -> None:
    text = json.dumps(decode_blob(tag, fill * ((4 << 20) // len(fill)), private=True))
    assert len(text) < 1 << 20


def test_no_real_blob_fails(real_dumps: list[RealDump]) -> None:
    decoded = 0
    for dump in real_dumps:
        for tag, data in dump.blobs.items():
            value = decode_blob(tag, data)
            assert value is None or "error" not in value, (dump.name, tag)
            decoded += value is not None
    assert decoded > 200
