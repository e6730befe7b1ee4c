"""Variables of the kernel, and what pointers lead to."""

from __future__ import annotations

import struct

from smalldump.collect.kernel_variables import kernel_variables
from smalldump.collect.pointers import pointed_to_by_structures
from smalldump.model import Snapshot
from smalldump.model.machine import X86
from smalldump.sources.builder import SnapshotBuilder

VARIABLES = 0xFFFFF80000900000
POOL = 0xFFFFA80000100000
WORDS = {
    "mm_verifier_data": VARIABLES,
    "mm_bad_pages_detected": VARIABLES + 0x100,
    "mm_zeroed_page_single_bit_errors_detected": VARIABLES + 0x108,
    "ki_bugcheck_data": VARIABLES + 0x200,
    "iop_num_triage_dump_data_blocks": VARIABLES + 0x300,
    "iop_triage_dump_data_blocks": VARIABLES + 0x308,
}


def asked(machine: Snapshot) -> dict[tuple[str, int], int]:
    return {(request.why, request.address): request.size for request in kernel_variables(machine)}


def machine(count: int, *borders: int) -> Snapshot:
    named = struct.pack(f"<II{len(borders)}Q", count, 0, *borders)
    return SnapshotBuilder(debugger_words=WORDS, memory={VARIABLES + 0x300: named}).build()


def test_variables() -> None:
    assert asked(machine(0)) == {
        ("MmVerifierData", VARIABLES): 0x9C,
        ("MmBadPagesDetected", VARIABLES + 0x100): 4,
        ("MmZeroedPageSingleBitErrorsDetected", VARIABLES + 0x108): 4,
        ("KiBugCheckData", VARIABLES + 0x200): 40,
        ("IopNumTriageDumpDataBlocks", VARIABLES + 0x300): 4,
    }


def test_ranges_that_drivers_named() -> None:
    found = asked(machine(3, POOL, POOL + 0x4D0, POOL + 0x1000, POOL + 0x1000, POOL + 0x2000, POOL + 0x2008))
    assert {key: size for key, size in found.items() if key[1] >= VARIABLES + 0x308 or key[1] < VARIABLES} == {
        ("IopTriageDumpDataBlocks", VARIABLES + 0x308): 48,
        ("named by a driver", POOL): 0x4D0,
        ("named by a driver", POOL + 0x2000): 8,
    }


def test_nonsense_is_not_followed() -> None:
    for found in (machine(0xFFFFFFFF, POOL, POOL + 8), machine(1, POOL, POOL - 8), machine(1, 0, 1 << 40), machine(2)):
        assert not [why for why, _ in asked(found) if why == "named by a driver"]


def test_words_that_are_0_ask_for_nothing() -> None:
    assert asked(SnapshotBuilder(debugger_words=dict.fromkeys(WORDS, 0)).build()) == {}


def test_variables_of_32_bits() -> None:
    builder = SnapshotBuilder(machine=X86, build_number=7601, debugger_words={"mm_verifier_data": 0x82000000})
    assert asked(builder.build())["MmVerifierData", 0x82000000] == 0x84


def test_what_a_thread_points_to() -> None:
    thread = struct.pack("<4Q", 6, POOL, POOL, 0x7FFF0000).ljust(0x510, b"\0")
    built = SnapshotBuilder(structures={"ETHREAD": thread, "EPROCESS": bytes(0x40)}).build()
    assert [(r.address, r.size, r.why) for r in pointed_to_by_structures(built)] == [
        (POOL, 0x100, "pointed to by ETHREAD")
    ]


def test_what_that_points_to_in_turn() -> None:
    thread = struct.pack("<2Q", 6, POOL).ljust(0x510, b"\0")
    memory = {POOL: struct.pack("<32Q", *(POOL + 0x1000 * n for n in range(32)))}
    built = SnapshotBuilder(structures={"ETHREAD": thread, "EPROCESS": b""}, memory=memory).build()
    found = [r.address for r in pointed_to_by_structures(built) if r.why == "pointed to by what ETHREAD points to"]
    assert found == [POOL + 0x1000 * n for n in range(32)]


def test_far_pointers_are_bounded() -> None:
    thread = struct.pack("<64Q", *(POOL + 0x100 * n for n in range(64))).ljust(0x510, b"\0")
    memory = {POOL: struct.pack("<2048Q", *(POOL + 0x100000 + 0x1000 * n for n in range(2048)))}
    built = SnapshotBuilder(structures={"ETHREAD": thread, "EPROCESS": b""}, memory=memory).build()
    assert len(list(pointed_to_by_structures(built))) == 64 + 512
