"""The builder itself: the examples on disk are what it makes, and literal bytes lie where the format says."""

from __future__ import annotations

import ast
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from tools.make_examples import STORIES, examples

from tests.synth import (
    DAMAGES,
    Blob,
    Dump,
    arm64_dump,
    filetime,
    kernel_written_dump,
    win2000_dump,
    x64_dump,
    x86_dump,
)
from tests.synth.stories import critical_process, win7

ROOT = Path(__file__).parents[2]
BUILT = dict(examples())
DUMPS = {story.FILE: story.builder().build() for story in STORIES}


def u32(data: bytes, offset: int) -> int:
    return int(struct.unpack_from("<I", data, offset)[0])


def u64(data: bytes, offset: int) -> int:
    return int(struct.unpack_from("<Q", data, offset)[0])


@pytest.mark.parametrize("name", BUILT)
def test_example_on_disk_is_what_the_builder_makes(name: str) -> None:
    assert (ROOT / "examples" / name).read_bytes() == BUILT[name]


def test_examples_folder_holds_no_other_dump() -> None:
    assert {path.name for path in (ROOT / "examples").glob("*.dmp")} == set(BUILT)


def test_readme_tells_every_story() -> None:
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert [name for name in BUILT if f"`{name}`" not in text] == []


def test_building_twice_gives_the_same_bytes() -> None:
    assert all(story.builder().build().bytes == BUILT[story.FILE] for story in STORIES)


def test_builder_imports_nothing_of_the_package() -> None:
    for path in (ROOT / "tests" / "synth").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.partition(".")[0] == "smalldump"], path


@pytest.mark.parametrize("make", [win2000_dump, x86_dump])
def test_classic_dumps_are_exactly_64_kilobytes(make: object) -> None:
    data = make().bytes  # type: ignore[operator]
    assert len(data) == 65_536
    assert data[0xFFFC:] == b"TRGD"
    assert u32(data, 0x1004) == 0x10000
    assert u32(data, 0x1008) == 0xFFFC


def test_64_kilobytes_with_secondary_data_end_with_the_last_blob() -> None:
    dump = x86_dump(blobs=[Blob("7d3f4c52-0b1e-4c8a-9f27-51c6de0a8b43", b"sixteen bytes ok")])
    assert len(dump) == 65_536
    assert dump.bytes[-16:] == b"sixteen bytes ok"
    assert u32(dump.bytes, 0x1004) == 65_536 - 0x10 - 0x20 - 16
    assert dump.read("DUMP_BLOB_FILE")[:8] == b"DumpBlob"


def test_too_much_for_the_size_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        x86_dump(size=0x6000)


def test_header_of_the_demo() -> None:
    data = BUILT["112226-8765-01.dmp"]
    assert data[:8] == b"PAGEDU64"
    assert (u32(data, 0x8), u32(data, 0xC), u32(data, 0x30), u32(data, 0xF98)) == (0xF, 19041, 0x8664, 4)
    assert u32(data, 0x38) == 0xD1
    assert u64(data, 0xFA8) == 134_398_077_012_500_000 == filetime("2026-11-22 07:55:01.250")
    assert u64(data, 0x20) == u64(data, u32(data, 0x2070) + 0x48)
    assert data[0x1050:0x1054] == b"PAGE"
    assert u32(data, 0x2044) == 0xFFFFFFFF
    assert data[u32(data, 0x2008) :][:4] == b"TRGD"


def test_demo_faults_in_wobblefs() -> None:
    dump = DUMPS["112226-8765-01.dmp"]
    culprit = dump.facts.drivers[-1]
    assert culprit.name == "wobblefs.sys"
    assert culprit.base <= u64(dump.bytes, 0x58) < culprit.end
    entry = u32(dump.bytes, 0x2030) + 0x90 * (u32(dump.bytes, 0x2034) - 1)
    assert u64(dump.bytes, entry + 0x38) == culprit.base
    name = u32(dump.bytes, entry)
    length = u32(dump.bytes, name)
    text = dump.bytes[name + 4 : name + 4 + 2 * length].decode("utf-16-le")
    assert text == "\\SystemRoot\\system32\\drivers\\wobblefs.sys"


def test_raw_structures_of_the_demo_at_the_offsets_of_build_19041() -> None:
    data = BUILT["112226-8765-01.dmp"]
    prcb, process, thread = u32(data, 0x201C), u32(data, 0x2020), u32(data, 0x2024)
    assert (process - prcb, thread - process) == (0xAF00, 0xA40)
    assert u64(data, prcb + 8) == 0xFFFFC48F6D2A5080
    assert data[prcb + 0x8590 :][:13] == b"GenuineIntel\0"
    assert u64(data, process + 0x440) == 0x1A6C
    assert data[process + 0x5A8 :][:15] == b"tidybackup.exe\0"
    assert (u64(data, thread + 0x478), u64(data, thread + 0x480)) == (0x1A6C, 0x1D44)


@pytest.mark.parametrize("name", DUMPS)
def test_true_return_addresses_lie_on_the_saved_stack(name: str) -> None:
    dump = DUMPS[name]
    stack, word = dump.facts.stack, dump.facts.windows.word
    raw = dump.read("stack")
    plain = 0xFFFFFFFFFFFF if dump.facts.windows.machine == 0xAA64 else (1 << 8 * word) - 1
    assert len(stack.returns) >= 2
    for item in stack.returns:
        value = int.from_bytes(raw[item.slot - stack.low :][:word], "little")
        assert value & plain == item.address & plain
    assert [item.slot for item in stack.returns] == sorted(item.slot for item in stack.returns)


@pytest.mark.parametrize("name", DUMPS)
def test_stack_pointer_is_inside_the_saved_stack_and_its_end_is_the_base(name: str) -> None:
    facts = DUMPS[name].facts
    pointer = next(facts.registers[key] for key in ("rsp", "sp", "esp") if key in facts.registers)
    end = facts.stack.low + len(facts.stack.data)
    assert facts.stack.low <= pointer < end
    assert end == facts.thread.stack_base


def test_code_of_the_demo_calls_before_its_return_addresses() -> None:
    dump = DUMPS["112226-8765-01.dmp"]
    page = next(b for b in dump.facts.blocks if b.why == "code of P4")
    track = next(r for r in dump.facts.stack.returns if r.text == "wobblefs!WfsTrackWrite")
    at = track.address - page.address
    assert page.data[at - 5] == 0xE8
    target = track.address + int.from_bytes(page.data[at - 4 : at], "little", signed=True)
    assert target == dump.facts.drivers[-1].base + 0x2D10


@pytest.mark.parametrize("name", DUMPS)
def test_drivers_do_not_overlap(name: str) -> None:
    drivers = sorted(DUMPS[name].facts.drivers, key=lambda driver: driver.base)
    assert all(low.end <= high.base for low, high in pairwise(drivers))
    assert len(drivers) >= 39


@pytest.mark.parametrize("name", DUMPS)
def test_sections_neither_overlap_nor_leave_the_file(name: str) -> None:
    dump = DUMPS[name]
    sections = "DUMP_HEADER TRIAGE_DUMP MM unloaded PRCB EPROCESS ETHREAD stack KDBG drivers strings blocks marker"
    spans = sorted((dump.offsets[s] for s in sections.split() if s in dump.offsets), key=lambda span: span.offset)
    assert len(spans) >= 10
    assert all(low.end <= high.offset for low, high in pairwise(spans))
    assert spans[-1].end == dump.number("TRIAGE_DUMP.SizeOfDump") <= len(dump)


def test_windows_2000_lacks_what_came_later() -> None:
    data = win2000_dump().bytes
    assert u32(data, 0xC) == 2195
    for later in (0x060, 0x8A0, 0x8A4, 0xF8C, 0xF90, 0xF94, 0xF98, 0xF9C, 0xFB8):
        assert data[later : later + 4] == b"PAGE", hex(later)
    assert [u32(data, 0x1000 + at) for at in (0x18, 0x4C, 0x50, 0x54, 0x58, 0x5C, 0x60, 0x64)] == [0] * 8


def test_xp_unloaded_driver_of_the_story() -> None:
    data = x86_dump().bytes
    unloaded = u32(data, 0x1018)
    assert u32(data, unloaded) == 5
    assert data[unloaded + 4 + 8 :][:22].decode("utf-16-le") == "scanbud.sys"
    start, end = struct.unpack_from("<II", data, unloaded + 4 + 0x20)
    assert start <= u32(data, 0x2C) < end
    assert u32(data, 0x1024) - u32(data, 0x1020) == 0x260
    page = u32(data, 0x104C)
    assert (page, u32(data, 0x1054)) == (0x862F1000, 0x1000)
    assert u32(data, u32(data, 0x1050) + 0xE38) == 0x01000003


def test_block_addresses_of_32_bit_dumps_are_sign_extended() -> None:
    dump = win7.builder().build()
    table = u32(dump.bytes, 0x1060)
    assert u64(dump.bytes, table) >> 32 == 0xFFFFFFFF
    assert u32(dump.bytes, table) == dump.facts.kernel_variables["KiBugcheckData"]


def test_kernel_written_context_and_record_lie_where_the_parameters_say() -> None:
    dump = kernel_written_dump()
    data, stack, low = dump.bytes, u32(dump.bytes, 0x2028), u64(dump.bytes, 0x2048)
    record, context = stack + u64(data, 0x50) - low, stack + u64(data, 0x58) - low
    assert u32(data, record) == 0xC0000005
    assert u64(data, record + 0x10) == u64(data, context + 0xF8) == u64(data, 0x348 + 0xF8)
    assert u64(data, context + 0x98) == u64(data, 0x348 + 0x98) > u64(data, 0x50)
    assert u32(data, 0x2004) % 0x200 == 0
    assert data.endswith(bytes(0x90))
    assert len(data) > dump.offsets["DUMP_BLOB_FILE"].end


def test_arm64_return_addresses_are_signed() -> None:
    dump = arm64_dump()
    stack, low = dump.read("stack"), dump.facts.stack.low
    link, chain = low, []
    while link:
        link, back = struct.unpack_from("<QQ", stack, link - low)
        chain.append(back & 0x0000FFFFFFFFFFFF | 0xFFFF << 48 if back else 0)
    assert chain == [item.address for item in dump.facts.stack.returns] + [0]
    assert any(u64(stack, item.slot - low) >> 48 != 0xFFFF for item in dump.facts.stack.returns)


def test_critical_process_is_the_process_of_the_dump() -> None:
    dump = critical_process.builder().build()
    assert u32(dump.bytes, 0x38) == 0xEF
    assert u64(dump.bytes, 0x40) == dump.facts.process.address
    assert dump.read("EPROCESS.ImageFileName").rstrip(b"\0") == b"svchost.exe"


def test_overrides_and_patches() -> None:
    dump = x64_dump(comment="made for a test", boot_id=7)
    assert dump.read("DUMP_HEADER.Comment")[:17] == b"made for a test\0P"
    assert u32(dump.bytes, 0x1054) == 7
    patched = dump.patch("TRIAGE_DUMP.DriverCount", 0xFFFFFFFF)
    assert u32(patched.bytes, 0x2034) == 0xFFFFFFFF
    assert u32(dump.bytes, 0x2034) == len(dump.facts.drivers)
    with pytest.raises(ValueError, match="overrun"):
        dump.patch(len(dump) - 1, b"ab")


@pytest.mark.parametrize("kind", DAMAGES)
def test_every_damage_changes_the_file(kind: str) -> None:
    whole: Dump = x64_dump()
    assert whole.damaged(kind).bytes != whole.bytes
