"""Every byte of a file has one claim, or is named as unclaimed."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given

from smalldump.checking.claims import Claim, FileLayout, claims, file_layout, unclaimed
from smalldump.checking.content import Content
from tests.checking.asking import divided
from tests.checking.test_findings import ALL, wounded
from tests.synth import DAMAGES, Blob, Dump, kernel_written_dump, x64_dump, x86_dump


def assert_partition(layout: FileLayout, size: int) -> None:
    """Claims and unclaimed ranges cover `[0, size)`, each byte once."""
    pieces = [(claim.start, claim.end) for claim in layout.claims]
    pieces += [(gap.start, gap.end) for gap in layout.unclaimed]
    position = 0
    for start, end in sorted(pieces):
        assert start == position < end
        position = end
    assert position == size


def named(dump: Dump, name: str) -> list[Claim]:
    """The claims of that name."""
    return [claim for claim in claims(divided(dump)) if claim.name == name]


@pytest.mark.parametrize("name", list(ALL))
def test_every_byte_of_a_whole_dump_is_claimed(name: str) -> None:
    layout = file_layout(divided(ALL[name]))
    assert_partition(layout, len(ALL[name]))
    assert layout.unclaimed == ()


@pytest.mark.parametrize("kind", sorted(set(DAMAGES) - {"empty", "zeros"}))
@pytest.mark.parametrize("name", ["x64", "kernel", "arm64"])
def test_damaged_dumps_are_divided_too(name: str, kind: str) -> None:
    dump = ALL[name].damaged(kind)
    assert_partition(file_layout(divided(dump)), len(dump))


@given(wounded())
def test_any_dump_is_divided(dump: Dump) -> None:
    assert_partition(file_layout(divided(dump)), len(dump))


@pytest.mark.parametrize("name", list(ALL))
@pytest.mark.parametrize(
    ("section", "claim"),
    [
        ("TRIAGE_DUMP", "triage header"),
        ("MM", "MM block"),
        ("PRCB", "KPRCB"),
        ("EPROCESS", "EPROCESS"),
        ("ETHREAD", "ETHREAD"),
        ("stack", "call stack"),
        ("drivers", "driver list"),
        ("marker", "end marker"),
    ],
)
def test_sections_are_where_they_were_written(name: str, section: str, claim: str) -> None:
    dump = ALL[name]
    if section not in dump.offsets:
        pytest.skip(f"{name} has no {section}")
    (found,) = named(dump, claim)
    assert found.start == dump.offset(section)
    slack = found.end - dump.offsets[section].end
    assert 0 <= slack < 8 or (name == "win2000" and section in ("PRCB", "EPROCESS", "ETHREAD"))


@pytest.mark.parametrize("name", list(ALL))
def test_driver_names_and_data_blocks_are_where_they_were_written(name: str) -> None:
    dump = ALL[name]
    found = {claim.start: claim.detail for claim in named(dump, "driver name")}
    for index, driver in enumerate(dump.facts.drivers):
        text = found[dump.offset(f"drivers[{index}].name")]
        assert text in (driver.path, driver.name)
    for index, block in enumerate(dump.facts.all_blocks()):
        if not block.section:
            (claim,) = named(dump, f"data block {index}")
            assert claim[:2] == (dump.offset(f"blocks[{index}].data"), dump.offsets[f"blocks[{index}].data"].end)


def test_header_parts() -> None:
    layout = [(claim.start, claim.end, claim.name, claim.detail) for claim in claims(divided(kernel_written_dump()))]
    assert layout[:11] == [
        (0x0, 0x60, "header fields", ""),
        (0x60, 0x80, "VersionUser", "zeros"),
        (0x80, 0x88, "header fields", ""),
        (0x88, 0x344, "physical memory block", ""),
        (0x344, 0x348, "header fields", ""),
        (0x348, 0x818, "CONTEXT", ""),
        (0x818, 0xF00, "behind the CONTEXT", "never written"),
        (0xF00, 0xF98, "EXCEPTION_RECORD", ""),
        (0xF98, 0xFB0, "header fields", ""),
        (0xFB0, 0x1030, "comment", "never written"),
        (0x1030, 0x1058, "header fields", ""),
    ]
    assert layout[11] == (0x1058, 0x2000, "reserved", "never written")


def test_unloaded_drivers_count_entries_and_empty_slots() -> None:
    dump = kernel_written_dump()
    used, start = len(dump.facts.unloaded or ()), dump.offset("unloaded")
    entries = start + 8 + used * 0x38
    assert [claim[:2] for claim in named(dump, "unloaded drivers")] == [(start, start + 8), (start + 8, entries)]
    (unused,) = named(dump, "unused slots of unloaded drivers")
    assert unused[:2] == (entries, start + 8 + 50 * 0x38)


def test_stack_and_blocks_tell_their_addresses() -> None:
    dump = x64_dump()
    top = dump.number("TRIAGE_DUMP.TopOfStack")
    (stack,) = named(dump, "call stack")
    assert stack.detail == f"at {top >> 32:08x}`{top & 0xFFFFFFFF:08x}"


def test_blobs_with_headers_and_pads() -> None:
    blobs = [
        Blob("bc5c008f-1e3a-44d7-988d-86f6884c6758", b"abc", pre_pad=4),
        Blob("00000000-0000-0000-0000-000000000000", b""),
        Blob("7d3f4c52-0b1e-4c8a-9f27-51c6de0a8b43", b"12345678"),
    ]
    dump = x64_dump(blobs=blobs)
    start = dump.offset("DUMP_BLOB_FILE")
    behind = [(c.start - start, c.end - start, c.name, c.detail) for c in claims(divided(dump)) if c.start >= start]
    assert behind == [
        (0x00, 0x10, "secondary data header", ""),
        (0x10, 0x30, "blob header", blobs[0].tag),
        (0x30, 0x34, "blob padding", ""),
        (0x34, 0x37, "blob", "SMBIOS tables"),
        (0x37, 0x38, "blob padding", ""),
        (0x38, 0x58, "empty blobs", ""),
        (0x58, 0x78, "blob header", blobs[2].tag),
        (0x78, 0x80, "blob", "unknown tag"),
    ]


def test_zeros_and_stale_bytes_behind_the_dump() -> None:
    dump = kernel_written_dump(stale=bytes(0x340) + b"letter")
    end = dump.offset("stale")
    assert [c[:3] for c in claims(divided(dump)) if c.start >= end] == [
        (end, end + 0x340, "zeros behind the dump"),
        (end + 0x340, end + 0x346, "stale bytes"),
    ]


def test_left_over_bytes_before_the_marker_are_unclaimed() -> None:
    dump = x64_dump(slack=0x100)
    place = dump.offset("marker") - 0x80
    changed = dump.patch(place, b"left-over frame")
    (found,) = unclaimed(divided(changed))
    assert (found.end, found.content) == (place + 15, Content.DATA)
    (slack,) = (claim for claim in claims(divided(changed)) if claim.name == "slack")
    assert slack[:2] == (place + 15, dump.offset("marker"))


def test_an_earlier_end_marker_is_recognised() -> None:
    dump = x64_dump(slack=0x100)
    place = dump.offset("marker") - 0x80
    (earlier,) = named(dump.patch(place, b"TRGD"), "earlier end marker")
    assert earlier[:2] == (place, place + 4)


def test_a_missing_section_leaves_its_bytes_unclaimed() -> None:
    dump = x64_dump().patch("TRIAGE_DUMP.ThreadOffset", 0)
    (found,) = unclaimed(divided(dump))
    thread = dump.offsets["ETHREAD"]
    assert (found.start, found.end, found.content) == (thread.offset, thread.end, Content.DATA)


def test_slots_reserved_for_drivers_whose_names_found_no_room() -> None:
    dump = x64_dump()
    changed = dump.patch("TRIAGE_DUMP.DriverCount", len(dump.facts.drivers) - 6)
    (slots,) = named(changed, "reserved driver slots")
    assert slots.end - slots.start == 6 * 0x90
    assert slots.detail.startswith("for 6 drivers")


def test_alignment_between_sections() -> None:
    dump = x86_dump()
    alignments = {claim.start for claim in named(dump, "alignment")}
    assert dump.offsets["MM"].end in alignments


def test_a_block_that_shares_the_bytes_of_a_section_is_told_as_an_overlap() -> None:
    dump = x64_dump().patch("blocks[1].Offset", x64_dump().offset("PRCB"))
    (overlap,) = file_layout(divided(dump)).overlaps
    assert (overlap.claim.name, overlap.lost) == ("data block 1", dump.number("blocks[1].Size"))


def test_layout_of_65536_data_blocks_over_one_another_stays_bounded() -> None:
    count = 65_536
    plain = x64_dump(slack=16 * count + 0x10)
    table = (plain.offset("padding") - 16 * count - 0x10) & ~7
    entries = b"".join(struct.pack("<QII", 0x10000 * i, 0x2000 + i, 0x8000) for i in range(count))
    dump = plain.patch(table, entries).patch("TRIAGE_DUMP.DataBlocksOffset", table)
    dump = dump.patch("TRIAGE_DUMP.DataBlocksCount", count)
    layout = file_layout(divided(dump))
    assert_partition(layout, len(dump))
    assert len(layout.claims) <= 2 * (count + 1000)
