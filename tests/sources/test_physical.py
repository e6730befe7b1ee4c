"""Containers of physical memory: built by hand, read back page by page; and those that lie."""

from __future__ import annotations

import json
import lzma
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.errors import FormatError, NotADump, SourceUnreadable, Truncated, UnsupportedFormat
from smalldump.model.absent import Absent
from smalldump.model.machine import ARM64, X64, X86
from smalldump.sources.physical import open_physical
from smalldump.sources.physical_memory import PhysicalMemory
from tests.lzo_streams import lzo_run
from tests.physical_files import (
    arm64_note,
    bitmap_dump,
    complete_dump,
    elf_core,
    flattened,
    header64,
    kdump,
    lime_image,
    page,
    qemu_note,
    rdmp_dump,
    summary_dump,
    vbox_note,
    vmware_state,
)

PAGE = 0x1000
MEMORY = {number: page(number) for number in (1, 2, 3, 9, 17, 18, 4097, 5000)}
FRAMES = 5003
HUGE = (1 << 64) - 1


def holds(found: PhysicalMemory, memory: dict[int, bytes] = MEMORY) -> None:
    for number in range(FRAMES):
        assert found.space.read_some(number * PAGE, 8) == memory.get(number, b"")[:8]
    for number, data in memory.items():
        assert found.space.read(number * PAGE, PAGE) == data
    assert found.space.read_some(PAGE + 8, 4 * PAGE) == (memory[1] + memory[2] + memory[3])[8:]
    there = [number for start, end in found.space.ranges() for number in range(start // PAGE, end // PAGE)]
    assert there == sorted(memory)


@pytest.mark.parametrize("bits", [32, 64])
def test_complete_dumps(bits: int) -> None:
    data = complete_dump(MEMORY, bits, tail=b"more")
    found = open_physical(data)
    holds(found)
    assert (found.kind, found.troubles, found.cpus) == ("complete memory dump", (), ())
    assert found.machine is (X64 if bits == 64 else X86)
    assert found.header is not None
    assert found.header.dump_type == 1
    assert isinstance(found.pages_end, int)
    assert data[found.pages_end :] == b"more"


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("kind", [2, 5, 6])
def test_bitmaps(bits: int, kind: int) -> None:
    data = summary_dump(MEMORY, FRAMES, bits) if kind == 2 else bitmap_dump(MEMORY, FRAMES, bits, kind)
    found = open_physical(data)
    holds(found)
    assert found.troubles == ()
    assert found.pages_end == len(data)
    assert ("complete" in found.kind) == (kind == 5)


@pytest.mark.parametrize("kind", [8, 9, 10])
def test_runs_of_a_debugger(kind: int) -> None:
    data = rdmp_dump(MEMORY, kind)
    found = open_physical(data)
    holds(found)
    assert found.troubles == ()
    assert found.pages_end == len(data)
    assert "debugger" in found.kind


def test_lime() -> None:
    found = open_physical(lime_image(MEMORY))
    holds(found)
    assert (found.kind, found.machine, found.troubles) == ("LiME", Absent.NOT_CAPTURED, ())


def test_raw() -> None:
    data = bytes(FRAMES * PAGE)
    found = open_physical(data)
    assert found.kind == "raw memory image"
    assert list(found.space.ranges()) == [(0, FRAMES * PAGE)]


STATE = {
    "rax": 0x1111111122222222,
    "rip": 0xFFFFF80312345678,
    "rsp": 0xFFFFF80300001000,
    "rbp": 5,
    "efl": 0x246,
    "gs_base": 0xFFFFF80300002000,
    "fs_base": 0x7000,
    "kernel_gs_base": 0x9000,
    "cr0": 0x80050033,
    "cr2": 0x10,
    "cr3": 0x1AB000,
    "cr4": 0x370678,
    "gdt": 0xFFFFF80300003000,
    "idt": 0xFFFFF80300004000,
    "tss": 0xFFFFF80300005000,
}
_FACTS = ("cr0", "cr2", "cr3", "cr4", "gs_base", "fs_base", "kernel_gs_base", "gdt", "idt", "tss")


@pytest.mark.parametrize("note", [qemu_note, vbox_note])
def test_elf_processors(note: Callable[..., bytes]) -> None:
    found = open_physical(elf_core(MEMORY, note(STATE) + note({"rip": 1})))
    holds(found)
    assert (found.kind, found.machine, found.troubles) == ("ELF core", X64, ())
    first, second = found.cpus
    assert (first.number, second.number) == (0, 1)
    assert {name: getattr(first, name) for name in _FACTS} == {name: STATE[name] for name in _FACTS}
    assert first.registers.values["rax"] == 0x1111111122222222
    assert (first.registers.pc, first.registers.sp, first.registers.fp) == (STATE["rip"], STATE["rsp"], 5)
    assert first.registers.values["efl"] == 0x246
    assert second.registers.pc == 1


def test_elf_without_the_kernels_gs_base() -> None:
    """QEMU before 3.0 wrote a shorter note."""
    (cpu,) = open_physical(elf_core(MEMORY, qemu_note(STATE, size=432))).cpus
    assert cpu.kernel_gs_base is Absent.NOT_CAPTURED
    assert cpu.cr3 == STATE["cr3"]


def test_elf_of_x86() -> None:
    found = open_physical(elf_core(MEMORY, qemu_note(STATE), bits=32, machine=3))
    holds(found)
    assert found.machine is X86
    registers = found.cpus[0].registers
    assert (registers.pc, registers.sp, registers.values["eax"]) == (0x12345678, 0x1000, 0x22222222)
    assert "r8" not in registers.values
    assert "esi" in registers.values


def test_elf_of_arm64() -> None:
    note = arm64_note(range(31), 0x31, 0xFFFFF80000000032, 0x3C5)
    found = open_physical(elf_core(MEMORY, note * 2, machine=183))
    assert found.machine is ARM64
    registers = found.cpus[1].registers
    assert [registers.values[name] for name in ("x0", "x28", "fp", "lr", "sp", "pc", "cpsr")] == [
        *(0, 28, 29, 30, 0x31, 0xFFFFF80000000032, 0x3C5)
    ]
    assert found.cpus[0].cr3 is Absent.NOT_CAPTURED


@pytest.mark.parametrize("bits", [32, 64])
def test_elf_with_very_many_segments(bits: int) -> None:
    holds(open_physical(elf_core(MEMORY, bits=bits, machine=62 if bits == 64 else 3, extended=True)))


def test_cores_of_processes_are_refused() -> None:
    data = bytearray(elf_core(MEMORY))
    for index in range(data[0x38]):
        struct.pack_into("<Q", data, 64 + 56 * index + 0x18, 0)
    with pytest.raises(UnsupportedFormat, match="process"):
        open_physical(bytes(data))


@pytest.mark.parametrize(("offset", "value"), [(5, 2), (0x10, 2), (0x12, 8), (4, 3)])
def test_other_elf_files_are_refused(offset: int, value: int) -> None:
    data = bytearray(elf_core(MEMORY))
    data[offset] = value
    with pytest.raises(UnsupportedFormat, match="ELF core"):
        open_physical(bytes(data))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("flat", [False, True])
def test_kdump(bits: int, flat: bool) -> None:
    data = kdump(MEMORY, FRAMES, qemu_note(STATE), bits)
    found = open_physical(flattened(data) if flat else data)
    holds(found)
    assert found.kind == "kdump-compressed file"
    assert found.machine is (X64 if bits == 64 else X86)
    assert found.cpus[0].cr3 == STATE["cr3"]
    assert found.space.next_readable(4 * PAGE + 5, 20 * PAGE) == 9 * PAGE
    assert found.space.next_readable(4 * PAGE + 5, 9 * PAGE) is None


PACKERS: dict[int, Callable[[bytes], bytes]] = {
    1: zlib.compress,
    2: lzo_run,
    4: lambda data: bytes(cramjam.snappy.compress_raw(data)),
    0x20: lambda data: bytes(cramjam.zstd.compress(data)),
}


@pytest.mark.parametrize("flag", PACKERS)
def test_kdumps_of_other_compressions(flag: int) -> None:
    holds(open_physical(kdump(MEMORY, FRAMES, status=flag, pack=PACKERS[flag])))


def test_blocks_of_zeros_are_no_data() -> None:
    memory = dict.fromkeys((4, 5, 6, 8, 9, 10, 20), bytes(PAGE)) | {number: page(number) for number in (1, 2, 7, 11)}
    space = open_physical(kdump(memory, FRAMES)).space
    assert list(space.ranges()) == [(PAGE, 3 * PAGE), (4 * PAGE, 12 * PAGE), (20 * PAGE, 21 * PAGE)]
    # The first of them is looked at: only what the second one shares with it is known to be zeros.
    assert list(space.data_ranges()) == [(at * PAGE, end * PAGE) for at, end in ((1, 3), (4, 5), (7, 8), (11, 12))]


def test_of_a_kdump_not_more_is_scanned_than_it_can_hold() -> None:
    data = kdump(MEMORY, FRAMES)
    assert open_physical(data).stored == 64 * len(data)
    assert open_physical(flattened(data)).stored == 64 * len(flattened(data))


@pytest.mark.parametrize(("flag", "name"), [(4, "snappy"), (0x20, "zstd")])
def test_a_kdump_names_the_package_that_it_needs(flag: int, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cramjam", None)
    with pytest.raises(UnsupportedFormat, match=f"{name}: reading it needs the package cramjam"):
        open_physical(kdump(MEMORY, FRAMES, status=flag))
    data = bytearray(kdump(MEMORY, FRAMES, status=flag, pack=PACKERS[flag]))
    struct.pack_into("<I", data, 0x1A8, 1)  # the header does not say so
    found = open_physical(bytes(data))
    assert found.space.read_some(2 * PAGE, PAGE) == b""
    assert found.space.read_some(PAGE, PAGE) == page(1)


@pytest.mark.parametrize("flag", [*PACKERS, 8, 0x80000000])
@pytest.mark.parametrize("packed", [b"", b"\x11", b"\xff" * 99, bytes(4096)])
def test_pages_that_cannot_be_unpacked_are_not_there(flag: int, packed: bytes) -> None:
    found = open_physical(kdump(MEMORY, FRAMES, status=flag, pack=lambda _: packed))
    assert found.space.read_some(PAGE, PAGE) == page(1)  # which is stored as it is
    assert found.space.read_some(2 * PAGE, PAGE) == b""


@pytest.mark.parametrize("flag", PACKERS)
def test_pages_that_unfold_to_more_end_there(flag: int) -> None:
    found = open_physical(kdump(MEMORY, FRAMES, status=flag, pack=lambda _: PACKERS[flag](bytes(1 << 20))))
    assert found.space.read_some(2 * PAGE, PAGE) in (b"", bytes(PAGE))


def test_a_damaged_page_of_a_kdump_is_not_there() -> None:
    data = bytearray(kdump(MEMORY, FRAMES))
    place = struct.unpack_from("<Q", data, (2 + 2) * PAGE + 24)[0]
    data[place : place + 4] = b"\xff" * 4
    found = open_physical(bytes(data))
    assert 2 * PAGE not in found.space
    assert found.space.read_some(PAGE, 3 * PAGE) == page(1)
    assert found.space.next_readable(2 * PAGE, 4 * PAGE) == 3 * PAGE


@pytest.mark.parametrize(("offset", "value"), [(0x1060, HUGE), (0x1060, 0), (0x1B4, 0), (0x1060, 1 << 34)])
def test_hostile_kdumps(offset: int, value: int) -> None:
    data = bytearray(kdump(MEMORY, FRAMES))
    struct.pack_into("<Q", data, offset, value)
    with pytest.raises(FormatError, match="bitmap"):
        open_physical(bytes(data))


REGIONS = [(1, 0, 3), (9, 3, 1), (17, 4, 2), (4097, 6, 1), (5000, 7, 1)]
TOLD = {name: value for name, value in STATE.items() if name[0] in "rei" or name.startswith("cr")}


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("named", [".vmem", ".vmss", ".vmsn"])
def test_vmware(tmp_path: Path, named: str, blocks: bool) -> None:
    state = tmp_path / f"Windows{named.replace('vmem', 'vmss')}"
    state.write_bytes(vmware_state(REGIONS, [TOLD, {"rip": 1, "idt": 2 << 32}], blocks=blocks))
    (tmp_path / "Windows.vmem").write_bytes(b"".join(MEMORY.values()))
    with open_physical(tmp_path / f"Windows{named}") as found:
        holds(found)
        other = "state out of Windows.vmss" if named == ".vmem" else "memory out of Windows.vmem"
        assert (found.kind, found.machine, found.troubles) == (f"VMware memory, {other}", X64, ())
        first, second = found.cpus
        assert {name: first.registers.values[name] for name in ("rax", "rip", "rsp", "rbp", "efl")} == {
            name: STATE[name] for name in ("rax", "rip", "rsp", "rbp", "efl")
        }
        assert (first.cr0, first.cr2, first.cr3, first.cr4, first.idt) == tuple(
            STATE[name] for name in ("cr0", "cr2", "cr3", "cr4", "idt")
        )
        assert first.gs_base is Absent.NOT_CAPTURED
        assert second.registers.pc == 1
    with pytest.raises(SourceUnreadable):
        found.space.read_some(PAGE, 8)


def test_vmware_with_memory_inside() -> None:
    narrow = {"rax": 7, "rip": 0x80123456, "rsp": 0x80001000, "idt": 0x80002000, "cr3": 0x39000}
    found = open_physical(vmware_state(REGIONS, [narrow], b"".join(MEMORY.values())))
    holds(found)
    assert found.machine is X86
    assert (found.cpus[0].registers.pc, found.cpus[0].registers.values["eax"]) == (0x80123456, 7)
    assert "er8" not in found.cpus[0].registers.values


def test_vmware_without_holes() -> None:
    found = open_physical(vmware_state([], [], page(0) + page(1)))
    assert list(found.space.ranges()) == [(0, 2 * PAGE)]
    assert found.space.read(PAGE, PAGE) == page(1)
    assert found.machine is Absent.NOT_CAPTURED


def test_vmware_memory_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat, match="vmem"):
        open_physical(vmware_state(REGIONS, []))
    with pytest.raises(UnsupportedFormat, match="compressed"):
        open_physical(vmware_state(REGIONS, [], page(0), packed=True))
    alone = tmp_path / "Windows.vmem"
    alone.write_bytes(page(0) + page(1))
    with open_physical(alone) as found:
        assert list(found.space.ranges()) == [(0, 2 * PAGE)]
        assert "no .vmss or .vmsn" in str(found.troubles[0])


@pytest.mark.parametrize("data", [b"", b"MZ", bytes(4096), bytes((1 << 20) + 1), b"MDMP" + bytes(5000)])
def test_what_is_no_container(data: bytes) -> None:
    with pytest.raises(NotADump, match="no container"):
        open_physical(data)


@pytest.mark.parametrize("kind", [0, 3, 4, 7, 11])
def test_other_types_of_dump_are_refused(kind: int) -> None:
    with pytest.raises(UnsupportedFormat, match="not a dump of physical memory"):
        open_physical(bytes(header64(kind, [(1, 1)])) + bytes(PAGE))


def test_dumps_older_than_types_are_complete() -> None:
    data = bytearray(complete_dump(MEMORY))
    data[0xF98:0xF9C] = b"PAGE"
    found = open_physical(bytes(data))
    holds(found)
    assert found.kind == "complete memory dump"


@pytest.mark.parametrize("bad", [(HUGE, 1), (1, HUGE), (HUGE, HUGE), (1 << 40, 1)])
def test_runs_before_an_impossible_one_are_kept(bad: tuple[int, int]) -> None:
    found = open_physical(bytes(header64(1, [(5, 1), bad, (9, 1)], pages=3)) + page(5) + page(9))
    assert list(found.space.ranges()) == [(5 * PAGE, 6 * PAGE)]
    assert [trouble.offset for trouble in found.troubles] == [0xA8]
    assert "beyond physical memory" in str(found.troubles[0])


def test_an_impossible_first_run_is_an_error() -> None:
    with pytest.raises(FormatError, match="beyond physical memory"):
        open_physical(bytes(header64(1, [(HUGE, HUGE)])) + page(0))


@pytest.mark.parametrize("count", [0, 44, 0x45474150, 0xFFFFFFFF])
def test_impossible_numbers_of_runs(count: int) -> None:
    with pytest.raises(FormatError, match="number of memory runs"):
        open_physical(bytes(header64(1, [(1, 1)], count=count)) + page(1))


def test_pages_that_do_not_add_up_are_said() -> None:
    found = open_physical(bytes(header64(1, [(1, 1)], pages=7)) + page(1))
    assert [str(trouble) for trouble in found.troubles] == ["pages do not add up: expected 0x7, found 0x1 in runs"]


@pytest.mark.parametrize("build", [complete_dump, lambda m: bitmap_dump(m, FRAMES), rdmp_dump, lime_image, elf_core])
def test_cut_files_keep_what_they_have(build: Callable[[dict[int, bytes]], bytes]) -> None:
    data = build(MEMORY)
    found = open_physical(data[: -PAGE - 100])
    header = 32 if build is lime_image else 0  # lies between the last two pages
    assert found.space.read_some(4097 * PAGE, 2 * PAGE) == page(4097)[: header - 100]
    assert found.space.read(18 * PAGE, PAGE) == page(18)
    assert 5000 * PAGE not in found.space
    assert any(isinstance(trouble, Truncated) for trouble in found.troubles)


def test_a_dump_without_pages_is_an_error() -> None:
    with pytest.raises(Truncated, match="no pages"):
        open_physical(bytes(header64(1, [(1, 1)])))


@pytest.mark.parametrize(
    ("offset", "value"),
    [(0x2020, HUGE), (0x2020, 0), (0x2020, 0x2038), (0x2030, HUGE), (0x2030, 0), (0x2030, 1 << 34), (0x2030, 1 << 20)],
)
def test_hostile_bitmap_headers(offset: int, value: int) -> None:
    data = bytearray(bitmap_dump(MEMORY, FRAMES))
    struct.pack_into("<Q", data, offset, value)
    with pytest.raises(FormatError, match=r"bitmap"):
        open_physical(bytes(data))


def test_too_many_present_pages_are_said() -> None:
    data = bytearray(bitmap_dump(MEMORY, FRAMES))
    struct.pack_into("<Q", data, 0x2028, HUGE)
    found = open_physical(bytes(data))
    holds(found)
    assert "more pages than page frames" in str(found.troubles[0])


@pytest.mark.parametrize(
    "builder", [lambda: bitmap_dump(MEMORY, FRAMES), lambda: summary_dump(MEMORY, FRAMES), rdmp_dump]
)
def test_the_second_signature_must_be_there(builder: Callable[..., bytes]) -> None:
    data = bytearray(builder(MEMORY) if builder is rdmp_dump else builder())
    data[0x2000:0x200C] = b"xxxxyyyyzzzz"
    with pytest.raises(FormatError, match="header of the pages"):
        open_physical(bytes(data))


@pytest.mark.parametrize(("offset", "value"), [(0x2010, HUGE), (0x2018, HUGE), (0x2010, 0), (0x2010, 1 << 40)])
def test_hostile_headers_of_a_debugger(offset: int, value: int) -> None:
    data = bytearray(rdmp_dump(MEMORY, 10))
    struct.pack_into("<Q", data, offset, value)
    with pytest.raises(FormatError, match="does not follow"):
        open_physical(bytes(data))


@pytest.mark.parametrize(("offset", "value"), [(0x20, HUGE), (0x18, HUGE), (0x08, HUGE), (0x18, 1 << 60)])
def test_hostile_segments_are_left_out(offset: int, value: int) -> None:
    data = bytearray(elf_core(MEMORY))
    struct.pack_into("<Q", data, 64 + 56 * 2 + offset, value)  # page 9
    found = open_physical(bytes(data))
    assert 9 * PAGE not in found.space
    assert found.space.read(17 * PAGE, PAGE) == page(17)
    assert found.troubles


@pytest.mark.parametrize(("offset", "code", "value"), [(0x36, "H", 1), (0x20, "Q", HUGE), (0x20, "Q", 1 << 40)])
def test_hostile_program_headers(offset: int, code: str, value: int) -> None:
    data = bytearray(elf_core(MEMORY))
    struct.pack_into(f"<{code}", data, offset, value)
    with pytest.raises(FormatError, match="program headers"):
        open_physical(bytes(data))


def test_as_many_program_headers_as_can_be_named() -> None:
    data = bytearray(elf_core(MEMORY, extended=True))
    struct.pack_into("<I", data, struct.unpack_from("<Q", data, 0x28)[0] + 0x2C, 0xFFFFFFFF)
    with pytest.raises(FormatError, match="program headers make no sense"):
        open_physical(bytes(data))


@pytest.mark.parametrize(("offset", "value"), [(0x08, HUGE), (0x10, HUGE), (0x10, 0), (0x00, 7)])
def test_hostile_lime_ranges(offset: int, value: int) -> None:
    data = bytearray(lime_image(MEMORY))
    second = 32 + 3 * PAGE
    struct.pack_into("<Q", data, second + offset, value)
    found = open_physical(bytes(data))
    assert list(found.space.ranges()) == [(PAGE, 4 * PAGE)]
    assert found.troubles[0].offset == second
    with pytest.raises(FormatError):
        open_physical(bytes(data[second:]))


_BUILT = (
    *(complete_dump(MEMORY), bitmap_dump(MEMORY, FRAMES), bitmap_dump(MEMORY, FRAMES, 32, 6), rdmp_dump(MEMORY, 10)),
    *(summary_dump(MEMORY, FRAMES), lime_image(MEMORY), elf_core(MEMORY, qemu_note(STATE) + vbox_note(STATE))),
    *(
        elf_core(MEMORY, bits=32, machine=3, extended=True),
        kdump(MEMORY, FRAMES),
        flattened(kdump(MEMORY, FRAMES, bits=32)),
    ),
)
_PACKED = tuple(kdump(MEMORY, FRAMES, status=flag, pack=pack) for flag, pack in PACKERS.items())


@given(
    st.sampled_from(_BUILT),
    st.lists(st.tuples(st.integers(0, 0x2200), st.sampled_from([0, 1, 0x7F, 0x80, 0xFF])), max_size=12),
    st.integers(0, 40_000),
    st.integers(0, 1 << 52),
)
def test_spoilt_files_give_memory_or_an_error(data: bytes, spoilt: list[tuple[int, int]], size: int, at: int) -> None:
    changed = bytearray(data)
    for offset, value in spoilt:
        changed[offset % len(changed)] = value
    try:
        found = open_physical(bytes(changed[: len(changed) - size % len(changed)]))
    except FormatError:
        return
    for start, end in (each for each, _ in zip(found.space.ranges(), range(100), strict=False)):
        assert start < end
        assert found.kind.startswith("kdump") or start in found.space
    assert len(found.space.read_some(at, 100)) <= 100
    next_one = found.space.next_readable(0, 1 << 52)
    assert next_one is None or found.space.read_some(next_one, 1)


@given(
    st.sampled_from(_PACKED),
    st.lists(st.tuples(st.integers(1, 13_000), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_spoilt_blocks_of_a_kdump(data: bytes, spoilt: list[tuple[int, int]]) -> None:
    """Their descriptors and what is packed lie at the end of the file; each block is there, or it is not."""
    changed = bytearray(data)
    for back, value in spoilt:
        changed[-back] = value
    found = open_physical(bytes(changed))
    for number in MEMORY:
        assert len(found.space.read_some(number * PAGE, PAGE)) <= PAGE


@given(st.binary(max_size=200), st.sampled_from([b"PAGEDU64", b"PAGEDUMP", b"\x7fELF\x02\x01\x01", b"EMiL\x01\0\0\0"]))
def test_noise_behind_a_signature(noise: bytes, signature: bytes) -> None:
    try:
        open_physical(signature + noise)
    except FormatError:
        return


def test_files_are_opened_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "MEMORY.DMP"
    path.write_bytes(complete_dump(MEMORY))
    with open_physical(path) as found:
        holds(found)
    with pytest.raises(SourceUnreadable):
        found.space.read_some(PAGE, 8)
    with pytest.raises(SourceUnreadable):
        open_physical(tmp_path / "missing")


def test_a_sparse_dump_of_64_gb_opens(tmp_path: Path) -> None:
    path = tmp_path / "MEMORY.DMP"
    pages = 16 << 20
    with path.open("wb") as out:
        out.write(header64(1, [(1, 0x9F), (0x100, pages - 0x100)]))
        out.truncate(0x2000 + (pages - 0x61) * PAGE - 8)
        out.seek(0, 2)
        out.write(b"the last")
    with open_physical(path) as found:
        assert found.troubles == ()
        assert found.space.read(pages * PAGE - 8, 8) == b"the last"


def test_complete_dumps_of_the_engine(samples: Path) -> None:
    """Complete dumps that Microsoft's engine accepts: the page of the directory that the header names is there."""
    paths = sorted((samples / "engine-written").glob("*.full.dmp.xz"))
    assert len(paths) >= 20
    for path in paths:
        found = open_physical(lzma.decompress(path.read_bytes()))
        assert not [trouble for trouble in found.troubles if not isinstance(trouble, Truncated)], path.name
        assert found.header is not None
        directory = found.space.read_some(found.header.directory_table_base & ~0x1F, PAGE)
        assert directory.strip(b"\0"), path.name


def test_processors_of_an_elf_core(samples: Path) -> None:
    stem = samples / "engine-written" / "win10_x64_19041_encoded"
    found = open_physical(lzma.decompress(Path(f"{stem}.elf.xz").read_bytes()))
    truth = json.loads(Path(f"{stem}.truth.json").read_text("utf-8"))
    assert len(found.cpus) == len(truth["cpus"])
    for cpu, true in zip(found.cpus, truth["cpus"], strict=True):
        if cpu.registers.values["cs"] & 3:
            assert cpu.kernel_gs_base == int(true["pcr"], 16)
            continue
        assert cpu.gs_base == int(true["pcr"], 16)
        assert (cpu.gdt, cpu.idt) == (int(true["gdt"], 16), int(true["idt"], 16))
        assert {name: cpu.registers.values[name] for name in true["regs"]} == {
            name: int(value, 16) for name, value in true["regs"].items()
        }
