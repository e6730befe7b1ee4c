"""Words, rules and tables: three ways to an offset, which must agree wherever two of them know it."""

from __future__ import annotations

import pytest

from smalldump.layout.builds import described_builds, table_offset
from smalldump.layout.debugger_data import KdDebuggerData64
from smalldump.layout.dump import MachineType
from smalldump.layout.structures import StructureOffsets

# Words of the debugger data block: ParentCid, Peb and IrpList by build. Source: the public listings.
_WORDS_X64 = """
 9200 3D0 3E8 3D0
 9600 3D0 3E8 658
10240 3E0 3F8 660
10586 3E0 3F8 660
14393 3E0 3F8 668
15063 3E0 3F8 670
16299 3E0 3F8 670
17134 3E0 3F8 670
17763 3E0 3F8 670
18362 3E8 3F8 680
19041 540 550 4B0
19045 540 550 4B0
22000 540 550 500
22621 540 550 500
22631 540 550 500
"""
_WORDS_X86 = """
 9200 134 140 234
 9600 134 140 384
10240 138 144 394
10586 138 144 394
14393 138 144 394
15063 140 14C 39C
16299 140 14C 39C
17134 140 14C 39C
17763 140 14C 39C
18362 140 14C 3A4
19041 170 17C 2CC
19045 170 17C 2CC
"""
_NAMES = ("offset_eprocess_parent_cid", "offset_eprocess_peb", "offset_ethread_irp_list")
_DERIVED = [
    ("EPROCESS", "unique_process_id"),
    ("EPROCESS", "create_time"),
    ("EPROCESS", "image_file_name"),
    ("ETHREAD", "cid"),
    ("ETHREAD", "start"),
    ("ETHREAD", "win32"),
    ("KPRCB", "next"),
]
_LINES = [
    *((MachineType.X64, line) for line in _WORDS_X64.strip().splitlines()),
    *((MachineType.X86, line) for line in _WORDS_X86.strip().splitlines()),
]


def words_of(machine: MachineType, line: str) -> tuple[int, dict[str, int]]:
    build, *cells = line.split()
    words = dict(zip(_NAMES, (int(cell, 16) for cell in cells), strict=True))
    wide = machine is MachineType.X64
    return int(build), words | {
        "offset_prcb_current_thread": 8 if wide else 4,
        "offset_prcb_idle_thread": 0x18 if wide else 0xC,
    }


@pytest.mark.parametrize(("machine", "line"), _LINES, ids=[f"{m.name} {line.split()[0]}" for m, line in _LINES])
def test_rules_agree_with_the_tables(machine: MachineType, line: str) -> None:
    build, words = words_of(machine, line)
    # A build that is in no table leaves only the rules to answer.
    eras = {9200: 9599, 9600: 9601, 10240: 10240, 10586: 10587, 14393: 14394}
    unlisted = eras.get(build, 27000)
    by_rule = StructureOffsets(machine, unlisted, words)
    for structure, field in _DERIVED:
        assert by_rule.offset(structure, field) == table_offset(machine, structure, field, build), field


def test_every_build_since_windows_8_is_covered() -> None:
    """The literal words above name each span of builds that the tables describe."""
    for machine in (MachineType.X64, MachineType.X86):
        builds = {int(line.split()[0]) for kind, line in _LINES if kind is machine}
        for structure in ("EPROCESS", "ETHREAD", "KPRCB"):
            spans = [
                span for span in described_builds(machine, structure) if span[0] >= 9200 and span != (26100, 26100)
            ]
            assert all(any(first <= build <= last for build in builds) for first, last in spans)


def test_arm64_by_rule() -> None:
    """One real dump of build 22000 shows these offsets, and rules made for x64 give them too."""
    words = {"offset_eprocess_parent_cid": 0x4F8, "offset_eprocess_peb": 0x550 - 0x48, "offset_ethread_irp_list": 0x520}
    offsets = StructureOffsets(MachineType.ARM64, 27000, words)
    assert offsets.offset("EPROCESS", "unique_process_id") == 0x3F8
    assert offsets.offset("EPROCESS", "image_file_name") == 0x560
    assert offsets.offset("ETHREAD", "cid") == 0x4E8


def test_a_word_goes_before_rule_and_table() -> None:
    words = {"offset_kthread_teb": 0x123, "offset_prcb_number": 0x456}
    offsets = StructureOffsets(MachineType.X64, 19041, words)
    assert (offsets.offset("ETHREAD", "teb"), offsets.offset("KPRCB", "number")) == (0x123, 0x456)
    assert offsets.offset("ETHREAD", "state") == 0x184


def test_a_word_of_zero_says_nothing() -> None:
    offsets = StructureOffsets(MachineType.X64, 19041, {"offset_kthread_teb": 0, "offset_ethread_irp_list": 0})
    assert (offsets.offset("ETHREAD", "teb"), offsets.offset("ETHREAD", "cid")) == (0xF0, 0x478)


def test_before_windows_8_the_tables_rule() -> None:
    """The distances of the rules are not those of older builds."""
    words = {"offset_eprocess_parent_cid": 0x290, "offset_eprocess_peb": 0x338}
    offsets = StructureOffsets(MachineType.X64, 7601, words)
    assert offsets.offset("EPROCESS", "unique_process_id") == 0x180
    assert offsets.offset("EPROCESS", "image_file_name") == 0x2E0
    assert StructureOffsets(MachineType.X64, 7602, words).offset("EPROCESS", "unique_process_id") is None


def test_neighbours_that_are_none_give_no_next_thread() -> None:
    words = {"offset_prcb_current_thread": 8, "offset_prcb_idle_thread": 0x40}
    assert StructureOffsets(MachineType.X64, 27000, words).offset("KPRCB", "next") is None


def test_described() -> None:
    assert StructureOffsets(MachineType.X64, 19041, {}).described
    assert StructureOffsets(MachineType.X86, 2600, {}).described
    assert not StructureOffsets(MachineType.X64, 2600, {}).described
    assert not StructureOffsets(MachineType.X64, 27000, {}).described
    assert not StructureOffsets(MachineType.IA64, 3790, {}).described


def test_words_are_fields_of_the_debugger_data_block() -> None:
    """A misspelt name would make a word silently unknown: each pair below is reached by exactly one word."""
    names = [field.name for field in KdDebuggerData64.FIELDS]
    reached = {pair: [name for name in names if reaches(name, pair)] for pair in by_word()}
    assert all(len(found) == 1 for found in reached.values()), reached
    assert len(reached) == 22


def by_word() -> list[tuple[str, str]]:
    lines = (line.split() for line in _BY_WORD.strip().splitlines())
    return [(structure, field) for structure, *fields in lines for field in fields]


def reaches(name: str, pair: tuple[str, str]) -> bool:
    return StructureOffsets(MachineType.X64, 27000, {name: 0xABC}).offset(*pair) == 0xABC


_BY_WORD = """
EPROCESS inherited_from directory_table_base
ETHREAD initial limit base kernel teb state wait apc_process
KPRCB current idle number mhz cpu_type vendor context special frozen dpc_stack isr_stack dpc_active
"""
