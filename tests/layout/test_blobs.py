"""The chain of secondary data: walked by literal bytes, hostile bytes and real dumps."""

from __future__ import annotations

import csv
import struct
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.layout.blobs import (
    BLOB_LIMIT,
    KNOWN_BLOBS,
    NULL_GUID,
    ChainEnd,
    DumpBlobFileHeader,
    DumpBlobHeader,
    blob_kind,
    walk_blobs,
)

TAG = "01234567-89ab-cdef-fedc-ba9876543210"
TAG_BYTES = bytes.fromhex("67452301 ab89 efcd fedcba9876543210")
FILE_HEADER = b"DumpBlob" + struct.pack("<II", 0x10, 0xF0004A61)


def blob(data: bytes = b"", tag: bytes = TAG_BYTES, pre: int = 0, post: int = 0, header_size: int = 0x20) -> bytes:
    header = struct.pack("<I16sIII", header_size, tag, len(data), pre, post)
    return header.ljust(header_size, b"\0") + bytes(pre) + data + bytes(post)


def test_record_offsets() -> None:
    header = DumpBlobHeader(blob(b"abc", pre=5, post=7))
    assert (header.header_size, header.tag, header.data_size) == (0x20, TAG, 3)
    assert (header.pre_pad, header.post_pad) == (5, 7)
    assert DumpBlobFileHeader(FILE_HEADER).build_number == 0xF0000000 | 19041


def test_blobs_with_pads_and_a_longer_header() -> None:
    data = b"primary!" + FILE_HEADER + blob(b"abc", pre=5, post=8) + blob(b"de", header_size=0x28) + blob()
    chain = walk_blobs(data, 8)
    assert [(b.header_offset, b.offset, b.size, b.pre_pad, b.post_pad) for b in chain.blobs] == [
        (0x18, 0x3D, 3, 5, 8),
        (0x48, 0x70, 2, 0, 0),
        (0x72, 0x92, 0, 0, 0),
    ]
    assert {b.tag for b in chain.blobs} == {TAG}
    assert [data[b.offset : b.offset + b.size] for b in chain.blobs] == [b"abc", b"de", b""]
    assert (chain.end, chain.reason) == (len(data), ChainEnd.END_OF_FILE)


def test_empty_null_guid_is_passed_over_and_a_full_one_is_not() -> None:
    chain = walk_blobs(FILE_HEADER + blob(tag=bytes(16)) + blob(b"x", tag=bytes(16)) + blob(b"y"), 0)
    assert [(b.tag, b.size) for b in chain.blobs] == [(NULL_GUID, 1), (TAG, 1)]


def test_zeros_end_the_chain_before_stale_bytes() -> None:
    data = FILE_HEADER + blob(b"abc") + bytes(0x800) + blob(b"stale")
    chain = walk_blobs(data, 0)
    assert (len(chain.blobs), chain.end, chain.reason) == (1, 0x33, ChainEnd.NO_HEADER)


def test_blob_that_overruns_the_file() -> None:
    data = FILE_HEADER + blob(b"abc") + blob(b"d" * 100)[:-1]
    chain = walk_blobs(data, 0)
    assert (len(chain.blobs), chain.end, chain.reason) == (1, 0x33, ChainEnd.OVERRUN)


def test_post_pad_beyond_the_file_does_no_harm() -> None:
    data = FILE_HEADER + struct.pack("<I16sIII", 0x20, TAG_BYTES, 2, 0, 0xFFFFFFFF) + b"ab"
    chain = walk_blobs(data, 0)
    assert (len(chain.blobs), chain.end, chain.reason) == (1, len(data), ChainEnd.END_OF_FILE)


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (b"", 0),
        (FILE_HEADER[:-1], 0),
        (b"DumpBlub" + FILE_HEADER[8:], 0),
        (FILE_HEADER, -16),
        (FILE_HEADER, 1 << 32),
        (b"DumpBlob" + struct.pack("<II", 0x0F, 0), 0),
        (b"DumpBlob" + struct.pack("<II", 0x11, 0), 0),
    ],
)
def test_no_secondary_data(data: bytes, start: int) -> None:
    assert walk_blobs(data, start) == ((), start, ChainEnd.NO_SIGNATURE)


def test_number_of_headers_is_limited() -> None:
    chain = walk_blobs(FILE_HEADER + blob() * (BLOB_LIMIT + 1), 0)
    assert (len(chain.blobs), chain.reason) == (BLOB_LIMIT, ChainEnd.LIMIT)


@given(st.binary(max_size=400), st.integers(-10, 500))
def test_hostile_bytes_give_blobs_inside_the_file(noise: bytes, start: int) -> None:
    data = FILE_HEADER + blob(b"x") + noise
    for at in (0, start):
        chain = walk_blobs(data, at)
        position = at
        for span in chain.blobs:
            assert position < span.header_offset + 0x20 <= span.offset <= span.offset + span.size <= len(data)
            position = span.offset + span.size
        assert chain.end <= len(data) or not chain.blobs


def test_known_tags_are_guids_and_say_who_and_why() -> None:
    for tag, kind in KNOWN_BLOBS.items():
        assert str(uuid.UUID(tag.replace("?", "0"))) == tag.replace("?", "0")
        assert kind.name
        assert kind.evidence
        assert kind.owner is None or kind.owner.islower()


def test_families_vary_one_digit() -> None:
    kind = blob_kind("335d5e04-563a-4e58-aa36-7ed1cfe76fd6")
    assert kind is not None
    assert kind == blob_kind("335d5e04-5638-4e58-aa36-7ed1cfe76fd6")
    assert kind.owner == "win32kfull"
    assert blob_kind("335d5e04-573a-4e58-aa36-7ed1cfe76fd6") is None
    assert blob_kind(NULL_GUID) is None
    assert blob_kind("") is None


def test_real_dumps_are_walked_to_their_end(samples: Path) -> None:
    with (samples / "manifest.csv").open(encoding="utf-8", newline="") as file:
        writers = {row["id"]: row["writer"] for row in csv.DictReader(file) if row["writer"]}
    ends = {"kernel": ChainEnd.NO_HEADER, "dbgeng": ChainEnd.END_OF_FILE}
    for name, writer in writers.items():
        data = (samples / "dumps" / f"{name}.dmp").read_bytes()
        (start,) = struct.unpack_from("<I", data, 0x2004)
        chain = walk_blobs(data, start)
        assert chain.reason is ends[writer], name
        assert 9 <= len(chain.blobs) <= 45, name
        assert all(blob_kind(b.tag) for b in chain.blobs), name
        assert all(b.pre_pad == 0 for b in chain.blobs), name
        assert all((b.offset + b.size + b.post_pad - start) % 8 == 0 for b in chain.blobs) is (writer == "dbgeng")
