"""Records: what is built is what is seen, and a declaration that cannot be right is refused."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smalldump.errors import Truncated
from smalldump.layout import blobs, context, debugger_data, dump, triage
from smalldump.layout.record import Field, Record, guid, i64, raw, u8, u16, u32, u64, utf16, words


def records_of(*modules: Any) -> Iterator[type[Record]]:
    for module in modules:
        kinds = (getattr(module, name) for name in module.__all__)
        yield from (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Record))


RECORDS = list(records_of(blobs, context, debugger_data, dump, triage))
EVERY_RECORD = pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)


class Mixed(Record, size=0x40):
    """One field of each coding."""

    byte = u8(0x00)
    word = u16(0x02)
    dword = u32(0x04)
    qword = u64(0x08)
    signed = i64(0x10)
    some = raw(0x18, 4)
    pair = words(0x1C, 2, "H")
    tag = guid(0x20)
    text = utf16(0x30, 6)


MIXED = st.fixed_dictionaries(
    {
        "byte": st.integers(0, 0xFF),
        "word": st.integers(0, 0xFFFF),
        "dword": st.integers(0, 0xFFFFFFFF),
        "qword": st.integers(0, (1 << 64) - 1),
        "signed": st.integers(-(1 << 63), (1 << 63) - 1),
        "some": st.binary(min_size=4, max_size=4),
        "pair": st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)),
        "tag": st.uuids().map(str),
        "text": st.text(st.characters(min_codepoint=0, max_codepoint=0xD7FF), min_size=6, max_size=6),
    }
)


def test_there_are_records() -> None:
    assert len(RECORDS) >= 29


@given(MIXED)
def test_what_is_built_is_seen(values: dict[str, Any]) -> None:
    assert dict(Mixed(Mixed.build(**values)).items()) == values


@EVERY_RECORD
@settings(max_examples=15)
@given(data=st.data())
def test_what_is_seen_can_be_built(kind: type[Record], data: st.DataObject) -> None:
    """The fields of any bytes, built anew, show the same."""
    seed = data.draw(st.integers(0, (1 << 32) - 1))
    found = dict(kind(Random(seed).randbytes(kind.SIZE)).items())
    assert dict(kind(kind.build(**found)).items()) == found


@EVERY_RECORD
@settings(max_examples=15)
@given(data=st.data())
def test_unpacker_sees_what_views_see(kind: type[Record], data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from([field.name for field in kind.FIELDS]), min_size=1, unique=True))
    table = Random(data.draw(st.integers(0, (1 << 32) - 1))).randbytes(3 * kind.SIZE)
    unpacker = kind.unpacker(*names)
    assert unpacker.size == kind.SIZE
    fields = [field for field in kind.FIELDS if field.name in names]
    for index, values in enumerate(unpacker.iter_unpack(table)):
        view = kind(table, index * kind.SIZE)
        assert _decoded(fields, values) == [getattr(view, field.name) for field in fields]


def _decoded(fields: list[Field[Any]], values: tuple[Any, ...]) -> list[Any]:
    decoded, rest = [], list(values)
    for field in fields:
        count = len(field.codec.unpack(bytes(field.size)))
        decoded.append(field.decode(tuple(rest[:count])))
        del rest[:count]
    assert not rest
    return decoded


def test_fields_lie_where_they_are_declared() -> None:
    built = Mixed.build(word=0x1234, qword=0x1122334455667788, signed=-2)
    assert built[2:4] == b"\x34\x12"
    assert built[8:16] == bytes.fromhex("8877665544332211")
    assert built[0x10:0x18] == struct.pack("<q", -2)
    assert (Mixed.qword.offset, Mixed.qword.size, Mixed.qword.end) == (8, 8, 0x10)
    assert [field.name for field in Mixed.FIELDS][:3] == ["byte", "word", "dword"]


@given(st.uuids())
def test_guids_are_stored_as_microsoft_does(value: uuid.UUID) -> None:
    built = Mixed.build(tag=str(value))
    assert built[0x20:0x30] == value.bytes_le
    assert Mixed(built).tag == str(value)


def test_text_keeps_what_follows_a_nul() -> None:
    assert Mixed(Mixed.build(text="ab\0def")).text == "ab\0def"


def test_broken_text_is_replaced() -> None:
    assert Mixed(Mixed.build(fill=b"\x00\xd8")).text == "\ufffd" * 6


@given(st.binary(min_size=1, max_size=9))
def test_fill_shows_between_the_fields(fill: bytes) -> None:
    built = Mixed.build(fill, byte=0, dword=0)
    assert built[1:4] == (fill * 4)[1:4]
    assert len(built) == Mixed.SIZE


def test_unknown_names_are_refused() -> None:
    with pytest.raises(KeyError):
        Mixed.build(nonsense=1)
    with pytest.raises(KeyError):
        Mixed.unpacker("nonsense")


@pytest.mark.parametrize("value", [-1, 256])
def test_values_that_do_not_fit_are_refused(value: int) -> None:
    with pytest.raises(struct.error):
        Mixed.build(byte=value)


def test_overlaps_are_refused() -> None:
    with pytest.raises(TypeError, match=r"Bad\.second overlaps"):

        class Bad(Record, size=0x10):
            first = u64(0)
            second = u32(7)


def test_overruns_are_refused() -> None:
    with pytest.raises(TypeError, match="overruns its 0x8 bytes"):

        class Bad(Record, size=8):
            last = u32(5)


def test_neighbours_and_exact_ends_are_fine() -> None:
    class Good(Record, size=8):
        second = u32(4)
        first = u32(0)

    assert [field.name for field in Good.FIELDS] == ["first", "second"]
    assert Good.build(first=1, second=2) == struct.pack("<II", 1, 2)


@given(st.integers(-8, 0x50))
def test_a_cut_record_is_refused(offset: int) -> None:
    data = bytes(0x60)
    if 0 <= offset <= 0x60 - Mixed.SIZE:
        assert Mixed(data, offset).byte == 0
        return
    with pytest.raises(Truncated) as caught:
        Mixed(data, offset)
    assert caught.value.offset == offset
    assert caught.value.expected == "0x40 bytes"


def test_views_copy_nothing() -> None:
    data = bytearray(Mixed.SIZE + 4)
    view = Mixed(data, 4)
    data[4] = 7
    assert view.byte == 7
    assert len(view.data) == Mixed.SIZE


def test_repr_shows_no_content() -> None:
    assert repr(Mixed(bytes(Mixed.SIZE))) == "<Mixed of 0x40 bytes>"


@EVERY_RECORD
def test_every_record_says_what_it_is(kind: type[Record]) -> None:
    assert kind.__doc__
    assert kind.FIELDS[-1].end <= kind.SIZE
