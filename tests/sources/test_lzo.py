"""LZO1X streams: every instruction, and streams that nobody has packed."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.errors import FormatError
from smalldump.sources.lzo import unpacked_lzo
from tests.lzo_streams import END, Stream, lzo_run

MOST = 1 << 17


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Any row of instructions that may follow one another."""
    stream = Stream()
    some = st.binary(min_size=4, max_size=600)
    after = st.binary(max_size=3)
    if draw(st.booleans()):
        stream.short_start(draw(st.binary(min_size=1, max_size=3)))
    else:
        stream.run(draw(some))
    for _ in range(draw(st.integers(0, 30))):
        reach = len(stream.plain)
        kinds = ["short", "middle"]
        kinds += ["run"] if not stream.state else []
        kinds += ["near_two"] if stream.state in (1, 2, 3) else []
        kinds += ["near_three"] if stream.state == 4 and reach >= 2049 else []
        kinds += ["far"] if reach > 16384 else []
        match draw(st.sampled_from(kinds)):
            case "run":
                stream.run(draw(some))
            case "near_two":
                stream.near_two(draw(st.integers(1, min(reach, 1024))), draw(after))
            case "near_three":
                stream.near_three(draw(st.integers(2049, min(reach, 3072))), draw(after))
            case "short":
                stream.short(draw(st.integers(1, min(reach, 2048))), draw(st.integers(3, 8)), draw(after))
            case "middle":
                stream.middle(draw(st.integers(1, min(reach, 16384))), draw(st.integers(3, 3000)), draw(after))
            case "far":
                stream.far(draw(st.integers(16385, min(reach, 49151))), draw(st.integers(3, 700)), draw(after))
    return stream


@given(streams())
def test_all_rows_of_instructions(stream: Stream) -> None:
    assert unpacked_lzo(stream.done(), MOST) == stream.plain


def test_each_instruction() -> None:
    stream = Stream().run(bytes(range(256)) * 80)
    stream.near_three(2049, b"a").near_two(1024, b"bcd").near_two(1, b"").short(2048, 3).short(1, 8, b"ef")
    stream.middle(16384, 33).middle(1, 34).middle(2, 3, b"g").far(16385, 9).far(16385, 10).run(b"1234").middle(3, 5000)
    stream.run(bytes(18)).short(5, 4).run(bytes(19)).middle(1, 30000).far(49151, 3, b"end")
    assert unpacked_lzo(stream.done(), MOST) == stream.plain


@pytest.mark.parametrize(
    ("packed", "plain"),
    [
        ("12 61 11 00 00", b"a"),
        ("1a 61 62 63 64 65 66 67 68 69 11 00 00", b"abcdefghi"),
        # Packed by another implementation of the format, lzokay.
        ("12 00 20 00 00 00 00 00 00 00 e6 00 00 20 00 00 00 00 00 00 00 e5 00 00 11 00 00", bytes(4096)),
        ("14 61 62 63 a9 00 64 20 4d 27 00 78 79 7a 30 08 00 11 00 00", b"abcabcabcd" * 12 + b"xyz" * 7),
    ],
)
def test_streams_of_others(packed: str, plain: bytes) -> None:
    assert unpacked_lzo(bytes.fromhex(packed), 4096) == plain


@pytest.mark.parametrize(
    "packed", [b"", b"\x15", b"\x11", END[:2], b"\x00", bytes(5000), lzo_run(b"abcdefgh" * 9)[:-1]]
)
def test_streams_that_do_not_end(packed: bytes) -> None:
    with pytest.raises(FormatError, match="does not end"):
        unpacked_lzo(packed, 4096)


def test_a_copy_of_what_is_not_there() -> None:
    with pytest.raises(FormatError, match="copies what was never unpacked"):
        unpacked_lzo(b"\x12a" + b"\x40\x01" + END, 4096)


def test_a_stream_is_never_longer_than_allowed() -> None:
    for stream in (lzo_run(bytes(5000)), lzo_run(bytes(range(256)) * 17)):
        with pytest.raises(FormatError, match=re.escape("at most 4096 bytes")):
            unpacked_lzo(stream, 4096)
    assert unpacked_lzo(lzo_run(bytes(4096)), 4096) == bytes(4096)


@given(st.one_of(st.binary(max_size=300), st.tuples(streams(), st.data()).map(lambda pair: pair[0].done())), st.data())
def test_whatever_the_bytes(packed: bytes, data: st.DataObject) -> None:
    spoilt = bytearray(packed)
    for _ in range(min(len(spoilt), data.draw(st.integers(0, 4)))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    with suppress(FormatError):
        assert len(unpacked_lzo(bytes(spoilt), 4096)) <= 4096
