"""Facts out of the header: what was written, what is fill, and what cannot be."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import pytest

from smalldump.model import Absent, PhysicalMemory
from smalldump.sources.header_facts import FIELD_NAMES
from tests.sources.reading import known, read
from tests.synth import DAMAGES, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump


def test_times() -> None:
    dump = read(x64_dump()).dump
    assert dump.time == datetime(2026, 11, 22, 7, 55, 1, 250_000, tzinfo=UTC)
    assert dump.uptime == timedelta(hours=1, minutes=20, seconds=34, milliseconds=567)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, Absent.NOT_CAPTURED),
        (0x4547415045474150, Absent.NOT_CAPTURED),
        (1 << 63, Absent.CORRUPT),
        (2_650_467_744_000_000_000, Absent.CORRUPT),  # the year 10000
        (10, datetime(1601, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
        (2_650_467_743_999_999_999, datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_times_that_are_none(value: int, expected: datetime | Absent) -> None:
    assert read(x64_dump().patch("DUMP_HEADER.SystemTime", value)).dump.time == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, timedelta(0)),
        (0x4547415045474150, Absent.NOT_CAPTURED),
        ((1 << 64) - 1, Absent.CORRUPT),
        (19, timedelta(0, 0, 1)),
    ],
)
def test_uptimes(value: int, expected: timedelta | Absent) -> None:
    assert read(x86_dump().patch("DUMP_HEADER.SystemUpTime", value)).dump.uptime == expected


def test_windows_2000_knows_no_uptime() -> None:
    assert read(win2000_dump()).dump.uptime is Absent.NOT_CAPTURED


def test_header_padded_by_fill() -> None:
    """A file cut in its header keeps the facts before the cut; the others are lost."""
    machine = read(DAMAGES["half a header"](x64_dump()))
    assert machine.bug_check.code == 0xD1
    assert machine.system.build == 19041
    assert machine.dump.time is Absent.CORRUPT
    assert machine.dump.writer is Absent.CORRUPT
    assert machine.dump.comment is Absent.CORRUPT
    assert machine.system.service_pack is Absent.CORRUPT
    assert machine.system.product_type is Absent.CORRUPT
    assert list(machine.modules) == []
    assert machine.unloaded_modules is Absent.CORRUPT
    assert machine.contexts.header is Absent.CORRUPT
    assert machine.exception is Absent.CORRUPT


@pytest.mark.parametrize(("major", "expected"), [(0xF, False), (0xC, True), (5, Absent.NOT_CAPTURED)])
def test_checked_builds(major: int, expected: bool | Absent) -> None:
    assert read(x64_dump().patch("DUMP_HEADER.MajorVersion", major)).system.checked is expected


@pytest.mark.parametrize(("byte", "expected"), [(1, True), (0, False), (2, False), (0x47, False), (0x50, False)])
def test_pae_is_exactly_one(byte: int, expected: bool) -> None:
    """Microsoft's engine takes every other value, fill too, for plain paging."""
    assert read(x86_dump().patch("DUMP_HEADER.PaeEnabled", byte)).system.pae is expected


def test_pae_elsewhere() -> None:
    assert read(x64_dump()).system.pae is Absent.NOT_APPLICABLE
    assert read(arm64_dump()).system.pae is Absent.NOT_APPLICABLE


def test_service_packs() -> None:
    assert read(x86_dump()).system.service_pack == 3
    assert read(x64_dump()).system.service_pack is Absent.NOT_APPLICABLE
    assert read(x86_dump().patch("TRIAGE_DUMP.ServicePackBuild", 0)).system.service_pack == 0


def test_unwritten_fields_are_absent() -> None:
    dump = read(x86_dump()).dump
    assert dump.attributes is Absent.NOT_CAPTURED
    assert dump.boot_id is Absent.NOT_CAPTURED
    assert dump.fields["product_type"] is Absent.NOT_CAPTURED
    assert tuple(dump.fields) == FIELD_NAMES
    written = read(kernel_written_dump(boot_id=7)).dump
    assert (written.attributes, written.boot_id, written.writer_status) == (8, 7, Absent.NOT_CAPTURED)


def test_comments() -> None:
    assert read(x64_dump(comment="made for a test")).dump.comment == "made for a test"
    assert read(x64_dump(comment=None)).dump.comment is Absent.NOT_CAPTURED
    assert read(x64_dump(comment="")).dump.comment == ""
    assert read(x64_dump().patch("DUMP_HEADER.Comment", bytes(128))).dump.comment is Absent.NOT_CAPTURED
    assert read(x64_dump().patch("DUMP_HEADER.Comment", b"\xff" * 128)).dump.comment == "\ufffd" * 128


def test_physical_memory() -> None:
    runs = ((1, 0x9E), (0x100, 0xEFF), (0x1000, 0x1EF70))
    assert read(x86_dump()).dump.physical_memory == PhysicalMemory(0x9E + 0xEFF + 0x1EF70, runs)
    assert read(x64_dump()).dump.physical_memory is Absent.NOT_CAPTURED


@pytest.mark.parametrize(("count", "fits"), [(1, True), (43, True), (44, False), (0, False), (0xFFFFFFFF, False)])
def test_runs_of_64_bits(count: int, fits: bool) -> None:
    """43 runs end in the padding behind the field; more than fit, or none, are damage."""
    block = struct.pack("<IIQ", count, 0, 7) + b"".join(struct.pack("<QQ", 2 * n + 1, 1) for n in range(43))
    memory = read(x64_dump().patch(0x88, block)).dump.physical_memory
    if not fits:
        assert memory is Absent.CORRUPT
        return
    assert known(memory).pages == 7
    assert known(memory).runs == tuple((2 * n + 1, 1) for n in range(count))


@pytest.mark.parametrize(("count", "fits"), [(86, True), (87, False)])
def test_runs_of_32_bits(count: int, fits: bool) -> None:
    block = struct.pack("<II", count, 7) + b"".join(struct.pack("<II", 2 * n + 1, 1) for n in range(86))
    memory = read(x86_dump().patch(0x64, block)).dump.physical_memory
    assert (len(known(memory).runs) == count) if fits else memory is Absent.CORRUPT


def test_build_lab() -> None:
    machine = read(x64_dump())
    assert machine.build_lab == "19041.1.amd64fre.vb_release.191206-1406"
    assert read(x64_dump(standard_blocks=False)).build_lab is Absent.NOT_CAPTURED
    assert read(win2000_dump()).build_lab is Absent.NOT_CAPTURED
    assert read(x64_dump().patch("KDBG.NtBuildLab", 0)).build_lab is Absent.NOT_APPLICABLE


def test_a_build_lab_of_other_bytes_is_none() -> None:
    """The address may be wrong: what is no printable text is no build string."""
    dump = x64_dump()
    held = dump.bytes.index(b"19041.1.amd64fre")
    assert read(dump.patch(held, b"\x07\x01")).build_lab is Absent.NOT_CAPTURED
    assert read(dump.patch(held, b"\0")).build_lab is Absent.NOT_CAPTURED


def test_kernel_base() -> None:
    for dump in (x64_dump(), x86_dump(), arm64_dump()):
        assert read(dump).system.kernel_base == dump.facts.kernel.base
    assert read(win2000_dump()).system.kernel_base is Absent.NOT_CAPTURED
