"""Archives: their kinds, what counts as a dump in them, bombs, breaks and hostile names."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.intake.limits import Limits
from smalldump.intake.unpack import unpack_bytes
from tests.intake.making import DUMP, MIB, dump, names, outcomes, tar_bytes, unpacked, zip_bytes

TWO = [("a.dmp", dump(1)), ("b.dmp", dump(2))]
NOISE = random.Random(1).randbytes(MIB)


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    def make(data: bytes, name: str = "archive") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return make


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip(made: Callable[..., Path], method: int) -> None:
    assert unpacked(made(zip_bytes(TWO, method))) == [dump(1), dump(2)]


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("pax", [True, False])
def test_tar_compressed_or_not(made: Callable[..., Path], compress: Callable[[bytes], bytes], pax: bool) -> None:
    path = made(compress(tar_bytes([*TWO, ("l" * 200 + ".dmp", DUMP)], pax=pax)))
    assert unpacked(path) == [dump(1), dump(2), DUMP]
    assert names(path)[:2] == ["archive!a.dmp", "archive!b.dmp"]


@pytest.mark.parametrize(
    ("name", "compress", "shown"),
    [
        ("a.dmp.gz", gzip.compress, "a.dmp.gz!a.dmp"),
        ("a.dmp.bz2", bz2.compress, "a.dmp.bz2!a.dmp"),
        ("a.dmp.XZ", lzma.compress, "a.dmp.XZ!a.dmp"),
        ("strange", gzip.compress, "strange!strange"),
    ],
)
def test_compressed_file(made: Callable[..., Path], name: str, compress: Callable[[bytes], bytes], shown: str) -> None:
    path = made(compress(DUMP), name)
    assert unpacked(path) == [DUMP]
    assert names(path) == [shown]


def test_gzip_of_several_streams(made: Callable[..., Path]) -> None:
    assert unpacked(made(gzip.compress(DUMP[:100]) + gzip.compress(DUMP[100:]))) == [DUMP]


def test_members_count_by_name_or_first_bytes(made: Callable[..., Path]) -> None:
    members = [
        ("MEMORY", dump(1)),
        ("x.DMP", b"anything"),
        ("old", b"PAGEDUMP" + bytes(10)),
        ("user.mdmp", b"MDMP"),
        ("readme.txt", b"PAGE of text"),
        ("empty.dmp", b""),
        ("folder.dmp/", b""),
    ]
    expected = [dump(1), b"anything", b"PAGEDUMP" + bytes(10), b"MDMP", b""]
    assert unpacked(made(zip_bytes(members))) == expected
    assert unpacked(made(tar_bytes(members[:-1]))) == expected


@pytest.mark.parametrize(
    "data",
    [zip_bytes([]), zip_bytes([("a.txt", b"")]), tar_bytes([("a", b"")]), gzip.compress(b"x")],
    ids=["empty zip", "zip", "tar", "gz"],
)
def test_archive_without_dumps_says_so(made: Callable[..., Path], data: bytes) -> None:
    assert unpacked(made(data)) == ["no dump in this archive"]


def test_archives_in_archives(made: Callable[..., Path]) -> None:
    inner = gzip.compress(tar_bytes([("x.zip", zip_bytes(TWO))]))
    path = made(zip_bytes([("in/t.tgz", inner), ("c.dmp", dump(3)), ("d.dmp.gz", gzip.compress(dump(4)))]))
    assert unpacked(path) == [dump(n) for n in (1, 2, 3, 4)]
    assert names(path) == [
        "archive!in/t.tgz!x.zip!a.dmp",
        "archive!in/t.tgz!x.zip!b.dmp",
        "archive!c.dmp",
        "archive!d.dmp.gz!d.dmp",
    ]
    assert unpacked(path, depth=2)[1:] == [dump(3), dump(4)]
    assert "more than 2 archives inside each other" in str(unpacked(path, depth=2)[0])


def test_member_over_the_limit_is_left_out_and_the_rest_follows(made: Callable[..., Path]) -> None:
    members = [("a.dmp", dump(1)), ("large", dump(2, 3 * MIB)), ("b.dmp", dump(3))]
    for data in (zip_bytes(members), tar_bytes(members), gzip.compress(tar_bytes(members))):
        first, second, third = unpacked(made(data), member_bytes=2 * MIB)
        assert (first, third) == (dump(1), dump(3))
        assert second == "larger than 2 MiB unpacked (limit)"


def test_size_that_a_zip_declares_too_small_is_not_exceeded(made: Callable[..., Path]) -> None:
    data = bytearray(zip_bytes([("a.dmp", dump(1, MIB))]))
    place = data.index(struct.pack("<L", MIB), data.index(b"PK\x01\x02"))
    data[place : place + 4] = struct.pack("<L", 100)
    [outcome] = unpacked(made(bytes(data)))
    assert isinstance(outcome, str) or len(outcome) <= 100


def test_total_ends_the_archive_with_what_came_before_delivered(made: Callable[..., Path]) -> None:
    members = [(f"{n}.dmp", dump(n) + NOISE) for n in range(4)]
    within = zip_bytes([("in.tgz", gzip.compress(tar_bytes(members)))], zipfile.ZIP_STORED)
    for data in (zip_bytes(members), gzip.compress(tar_bytes(members)), within):
        first, *_, last = found = unpacked(made(data), total_bytes=7 * MIB // 2)
        assert first == members[0][1]
        assert last == "the archive unpacks to more than 3.5 MiB (limit); reading stopped here"
        assert len(found) <= 4


@pytest.mark.parametrize(
    "compress", [gzip.compress, bz2.compress, lzma.compress, lambda data: zip_bytes([("z.dmp", data)])]
)
def test_bombs_end_by_their_ratio(made: Callable[..., Path], compress: Callable[[bytes], bytes]) -> None:
    path = made(compress(bytes(40 * MIB)), "z.dmp.gz")
    assert unpacked(path, ratio_floor=64 * MIB) == [bytes(40 * MIB)]
    limit = max(8 * MIB, 200 * path.stat().st_size)
    [error] = unpacked(path, ratio_floor=8 * MIB)
    assert "times its size (limit); reading stopped here" in str(error)
    assert limit < 40 * MIB


def test_bomb_in_layers_ends(made: Callable[..., Path]) -> None:
    layer = zip_bytes([(f"{n}.dmp", bytes(4 * MIB)) for n in range(8)])
    bomb = zip_bytes([(f"{n}.zip", layer) for n in range(64)])
    found = unpacked(made(bomb), ratio_floor=16 * MIB, ratio=1)
    assert found[-1] == "the archive unpacks to more than 16 MiB, over 1 times its size (limit); reading stopped here"
    assert len(found) == 4


def test_zip_that_holds_itself_ends(made: Callable[..., Path]) -> None:
    data = zip_bytes(TWO[:1])
    for _ in range(10):
        data = zip_bytes([("r.zip", data), ("s.zip", data)], zipfile.ZIP_STORED)
    began = time.process_time()
    found = unpacked(made(data))
    assert time.process_time() - began < 20
    assert len(found) == 16
    assert all("inside each other" in str(outcome) for outcome in found)


def test_too_many_members(made: Callable[..., Path]) -> None:
    members = [*TWO, *((f"{n}.txt", b"") for n in range(30))]
    for data in (zip_bytes(members), tar_bytes(members)):
        found = unpacked(made(data), members=20)
        assert found[:2] == [dump(1), dump(2)]
        assert found[2:] == ["the archive holds more than 20 members (limit); reading stopped here"]


def test_zip_whose_directory_claims_to_be_huge(made: Callable[..., Path]) -> None:
    data = bytearray(zip_bytes(TWO) + bytes(20 * MIB))
    end = data.index(b"PK\x05\x06")
    tail = bytearray(data[end : end + 22])
    struct.pack_into("<LL", tail, 12, len(data) - 22, 0)
    [error] = unpacked(made(bytes(data[:-22] + tail)))
    assert "directory claims more than 16 MiB" in str(error)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_tar_header_that_claims_to_be_huge(made: Callable[..., Path], kind: bytes) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, 64 * MIB
    bomb = tar_bytes(TWO).rstrip(b"\0").ljust(10240, b"\0") + header.tobuf() + bytes(64 * MIB)
    [*_, error] = unpacked(made(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(64 * MIB) + bomb, 1)))
    assert error == "a header in the tar claims more than 1 MiB (limit)"


def test_sparse_tar_member_is_refused_and_the_rest_follows(made: Callable[..., Path]) -> None:
    sparse = tarfile.TarInfo("a.dmp")
    sparse.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"00777777777\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    found = unpacked(made(bytes(header) + tar_bytes(TWO)))
    assert "sparse file" in str(found[0])
    assert found[1:] == [dump(1), dump(2)]


def test_tar_member_of_absurd_size_ends(made: Callable[..., Path]) -> None:
    absurd = tarfile.TarInfo("notes.txt")
    absurd.size = 1 << 80
    found = unpacked(made(tar_bytes(TWO)[: 2 * (512 + 4096)] + absurd.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 17)))
    assert found == [dump(1), dump(2), "cut short: its data end early"]


def test_zip_member_without_a_name(made: Callable[..., Path]) -> None:
    assert unpacked(made(zip_bytes([("", DUMP), *TWO]))) == [DUMP, dump(1), dump(2)]


def test_links_and_devices_in_a_tar_are_no_dumps(made: Callable[..., Path]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo("a.dmp")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert unpacked(made(packed.getvalue())) == ["no dump in this archive"]


def test_encrypted_members_are_named_and_the_rest_follows(made: Callable[..., Path]) -> None:
    data = bytearray(zip_bytes([("a.dmp", DUMP), ("b.dmp", dump(2)), ("readme.txt", b"text")]))
    for name in (b"a.dmp", b"readme.txt"):
        data[data.index(name) - 30 + 6] |= 1
        data[data.rindex(name) - 46 + 8] |= 1
    found = outcomes(made(bytes(data)))
    assert [name.rpartition("!")[2] for name, _ in found] == ["a.dmp", "b.dmp"]
    assert str(found[0][1]).startswith("encrypted")
    assert found[1][1] == dump(2)


def test_unknown_compression_in_a_zip(made: Callable[..., Path]) -> None:
    data = bytearray(zip_bytes(TWO))
    data[data.index(b"a.dmp") - 30 + 8] = data[data.rindex(b"a.dmp") - 46 + 10] = 9
    first, second = unpacked(made(bytes(data)))
    assert str(first).startswith("That compression method is not supported")
    assert "zip method 9" in str(first)
    assert second == dump(2)


def test_cut_zip_says_what_is_missing(made: Callable[..., Path]) -> None:
    [error] = unpacked(made(zip_bytes(TWO)[:-30]))
    assert "cut short or damaged: no valid directory at the end" in str(error)


def test_cut_sequences_deliver_what_came_before(made: Callable[..., Path]) -> None:
    members = [("a.dmp", dump(1)), ("b.dmp", NOISE)]
    for data in (tar_bytes(members), gzip.compress(tar_bytes(members)), lzma.compress(tar_bytes(members))):
        found = outcomes(made(data[: len(data) * 3 // 4]))
        assert [name.rpartition("!")[2] for name, _ in found] == ["a.dmp", "b.dmp"]
        assert found[0][1] == dump(1)
        assert isinstance(found[1][1], str)
    [error] = unpacked(made(gzip.compress(NOISE)[:-100], "a.dmp.gz"))
    assert error == "cut short: its data end early"


def test_broken_zip_member_does_not_stop_the_others(made: Callable[..., Path]) -> None:
    data = bytearray(zip_bytes([*TWO, ("PLAIN", dump(3))], zipfile.ZIP_STORED))
    data[data.index(dump(1)) + 1000] ^= 1
    data[data.index(dump(3)) + 1000] ^= 1
    first, second, third = unpacked(made(bytes(data)))
    assert "CRC" in str(first)
    assert second == dump(2)
    assert "CRC" in str(third)


def test_hostile_names_are_only_shown(made: Callable[..., Path], tmp_path: Path) -> None:
    hostile = [
        "../../up.dmp",
        "/etc/abs.dmp",
        "\x1b[31mred.dmp",
        "rtl\u202epmd.dmp",
        "C:\\x.dmp",
        "n" * 60_000 + ".dmp",
    ]
    path = made(zip_bytes([(name, dump(n)) for n, name in enumerate(hostile)]))
    assert unpacked(path) == [dump(n) for n in range(len(hostile))]
    shown = [name.partition("!")[2] for name in names(path)]
    assert shown[:4] == ["../../up.dmp", "/etc/abs.dmp", "\\x1b[31mred.dmp", "rtl\\u202epmd.dmp"]
    assert len(shown[-1]) < 310
    assert all(name.isprintable() for name in shown)
    assert list(tmp_path.iterdir()) == [path]


def test_undecodable_name_in_a_tar(made: Callable[..., Path]) -> None:
    data = tar_bytes([("a\udcff.dmp", DUMP)], pax=False)
    assert names(made(data)) == ["archive!a\\udcff.dmp"]


PACKED = [
    zip_bytes([*TWO, ("in.zip", zip_bytes(TWO))]),
    tar_bytes(TWO),
    tar_bytes([("l" * 200, DUMP)], pax=False),
    gzip.compress(tar_bytes(TWO), mtime=0),
    bz2.compress(tar_bytes(TWO)),
    lzma.compress(tar_bytes(TWO)),
    zip_bytes(TWO, zipfile.ZIP_LZMA),
]


@given(
    packed=st.sampled_from(PACKED),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=12),
    end=st.floats(0.01, 1),
)
def test_mutated_archives_end_as_dumps_or_errors(packed: bytes, changes: list[tuple[float, int]], end: float) -> None:
    data = bytearray(packed)
    for place, value in changes:
        data[int(place * len(data))] = value
    del data[max(1, int(end * len(data))) :]
    began = time.process_time()
    for origin in unpack_bytes(bytes(data), Limits(total_bytes=16 * MIB)):
        assert (origin.data is None) != (origin.error is None)
    assert time.process_time() - began < 20
