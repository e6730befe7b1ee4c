"""The tables of structure offsets: an excerpt of the public listings, and what a table must never do."""

from __future__ import annotations

from itertools import pairwise

import pytest

from smalldump.layout.builds import described_builds, table_offset
from smalldump.layout.dump import MachineType

_MACHINES = (MachineType.X86, MachineType.X64, MachineType.ARM64)
_STRUCTURES = ("EPROCESS", "ETHREAD", "KPRCB")

# pid name dtb created | cid win32 base state process | number vendor context special | list of threads, their links
_X64 = """
 3790  D8 268 28  C0 | 358 3C8 240 154 1E8 |  4 22B4 120  40 | 70 2C0
 6001  E0 238 28  C8 | 380 3E0 250 154 1F8 |  4 399C 120  40 | 70 2D0
 7601 180 2E0 28 168 | 3B0 410 278 164 210 | 24 4BB8 120  40 | 30 2F8
 9200 2E0 438 28 2D0 | 398 3F0  38 184 220 | 24 5948 120  40 | 30 2F8
 9600 2E0 438 28 2D0 | 620 678  38 184 220 | 24 5958 120  40 | 30 2F8
10240 2E8 448 28 308 | 628 680  38 184 220 | 24 6258 120  40 | 30 2F8
14393 2E8 450 28 308 | 630 688  38 184 220 | 24 6258 120  40 | 30 2F8
15063 2E0 450 28 308 | 638 690  38 184 220 | 24 6358 1F0 100 | 30 2F8
17763 2E0 450 28 308 | 638 690  38 184 220 | 24 6290 1F0 100 | 30 2F8
18362 2E8 450 28 310 | 648 6A0  38 184 220 | 24 6290 1F0 100 | 30 2F8
19041 440 5A8 28 468 | 478 4D0  38 184 220 | 24    - 1F0 100 | 30 2F8
22000 440 5A8 28 468 | 4C8 520  38 184 220 | 24    - 1F0 100 | 30 2F8
22631 440 5A8 28 468 | 4C8 520  38 184 220 | 24    - 1F0 100 | 30 2F8
26100 1D0 338 28   - |   -   -   -   -   - |  -    -   -   - |  -   -
"""
_X86 = """
 2600  84 174 18  70 | 1EC 228 168  2D   - |  10  900  1C 2E8 | 50 1B0
 3790  94 164 18  80 | 1E4 220 158  4C 128 |  10  B60  1C 2E8 | 50 1A8
 6002  9C 14C 18  88 | 20C 240 174  5C 144 |  10 1C2C  1C 2E8 | 50 1C4
 7601  B4 16C 18  A0 | 22C 260 190  68 150 | 3CC 336C  18 2E4 | 2C 1E0
 9200  B4 170 18  A8 | 214 244  28  90 150 | 3CC 3C7C  18 2E4 | 2C 1D4
 9600  B4 170 18  A8 | 364 394  28  90 150 | 3CC 3C7C  18 2E4 | 2C 1D4
10240  B4 170 18  C8 | 374 3A4  28  90 150 | 3CC 3CFC  18 2E4 | 2C 1D4
10586  B4 174 18  C8 | 374 3A4  28  90 150 | 3CC 3CFC  18 2E4 | 2C 1D4
16299  B4 17C 18  D0 | 37C 3AC  28  90 150 | 3CC 3CFC  18 2E4 | 2C 1D4
18362  B4 17C 18  D0 | 384 3B4  28  90 150 | 3CC 3CFC  18 2E4 | 2C 1D4
19045  E4 1AC 18 100 | 2AC 2DC  28  90 150 | 3CC 3D3C  18 2E4 | 2C 1D4
"""
_COLUMNS = [
    *(("EPROCESS", field) for field in ("unique_process_id", "image_file_name", "directory_table_base", "create_time")),
    *(("ETHREAD", field) for field in ("cid", "win32", "base", "state", "process")),
    *(("KPRCB", field) for field in ("number", "vendor", "context", "special")),
    *(("EPROCESS", "threads"), ("ETHREAD", "links")),
]
_LINES = [
    *((MachineType.X64, line) for line in _X64.strip().splitlines()),
    *((MachineType.X86, line) for line in _X86.strip().splitlines()),
]


@pytest.mark.parametrize(("machine", "line"), _LINES, ids=[f"{m.name} {line.split()[0]}" for m, line in _LINES])
def test_excerpt_of_the_listings(machine: MachineType, line: str) -> None:
    build, *cells = line.replace("|", " ").split()
    expected = [None if cell == "-" else int(cell, 16) for cell in cells]
    assert [table_offset(machine, *column, int(build)) for column in _COLUMNS] == expected


@pytest.mark.parametrize("machine", _MACHINES)
@pytest.mark.parametrize("structure", _STRUCTURES)
def test_spans_ascend_and_never_overlap(machine: MachineType, structure: str) -> None:
    spans = described_builds(machine, structure)
    assert spans
    borders = [build for span in spans for build in span]
    assert borders == sorted(borders)
    assert all(this[1] < following[0] for this, following in pairwise(spans))


@pytest.mark.parametrize("build", [0, 2195, 2599, 8400, 22632, 26101, 27000, 1 << 31])
def test_builds_that_nobody_looked_at_are_unknown(build: int) -> None:
    assert table_offset(MachineType.X64, "EPROCESS", "unique_process_id", build) is None


def test_other_machines_are_unknown() -> None:
    for machine in (MachineType.IA64, MachineType.ARM, 0, 0xFFFF):
        assert described_builds(machine) == ()
        assert table_offset(machine, "KPRCB", "current", 7601) is None


def test_other_names_are_unknown() -> None:
    assert table_offset(MachineType.X64, "EPROCESS", "nonsense", 19041) is None
    assert table_offset(MachineType.X64, "KTHREAD", "teb", 19041) is None


@pytest.mark.parametrize("machine", _MACHINES)
@pytest.mark.parametrize("structure", ["EPROCESS", "ETHREAD"])
def test_fields_do_not_collide(machine: MachineType, structure: str) -> None:
    """Two fields of one structure at one place would be a slip of the pen."""
    fields = {
        "EPROCESS": "unique_process_id inherited_from image_file_name create_time directory_table_base",
        "ETHREAD": "cid start win32 created initial limit base kernel teb state wait priority trap_frame process",
    }[structure]
    for first, _ in described_builds(machine, structure):
        offsets = [table_offset(machine, structure, field, first) for field in fields.split()]
        known = [offset for offset in offsets if offset is not None]
        assert len(known) == len(set(known)) >= 3
