"""Programs of FRAMEDATA records, as compilers write them and as nobody should."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.memory import BytesSpace
from smalldump.unwind.frame_program import LONGEST, Evaluation, evaluate

STACK = 0x1000
# 1000: 0x11, 1004: 0x22, ...
MEMORY = BytesSpace({STACK: struct.pack("<8I", *(0x11 * number for number in range(1, 9)))})
GIVEN = {"$esp": STACK, "$ebp": STACK + 8, "$eip": 0x401000, ".cbSavedRegs": 4, ".cbLocals": 8, ".cbParams": 12}


def run(program: str, found: int | None = STACK + 16) -> Evaluation | None:
    return evaluate(program, GIVEN, MEMORY, lambda: found)


def values(program: str) -> dict[str, int]:
    result = run(program)
    assert result is not None
    return {name: result.values[name] for name in sorted(result.assigned)}


def test_a_frame_of_ebp_as_msvc_writes_it() -> None:
    program = "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + = $L $T0 .cbSavedRegs - = $P $T0 8 + .cbParams + ="
    assert values(program) == {
        "$L": STACK + 4,
        "$P": STACK + 28,
        "$T0": STACK + 8,
        "$ebp": 0x33,
        "$eip": 0x44,
        "$esp": STACK + 16,
    }


def test_a_searched_frame_as_msvc_and_clang_write_it() -> None:
    found = run("$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $ebx $T0 4 - ^ = ")
    assert found is not None
    assert found.slot == STACK + 16
    assert [found.values[name] for name in ("$eip", "$esp", "$ebx", "$ebp")] == [0x55, STACK + 20, 0x44, STACK + 8]
    assert found.assigned == {"$T0", "$eip", "$esp", "$ebx"}


def test_registers_may_be_named_by_their_numbers_in_codeview() -> None:
    """As MSVC does for those that the prologue has saved: 20 is EBX, 23 ESI, 24 EDI."""
    program = "$T0 $ebp = $eip $T0 4 + ^ =  $20 $T0 4 - ^ =  $23 $T0 8 - ^ =  $24 $22 ^ = "
    assert values(program) == {"$T0": STACK + 8, "$ebx": 0x22, "$edi": 0x33, "$eip": 0x44, "$esi": 0x11}


def test_another_spelling_of_the_search() -> None:
    program = "$T0 $ebp = $T2 $esp = $T1 .raSearchStart = $eip $T1 ^ = $ebp $T0 = $esp $T1 4 + ="
    assert values(program)["$eip"] == 0x55


def test_an_aligned_frame_as_clang_writes_it() -> None:
    assert values("$T1 $ebp 4 + = $T0 $T1 5 - 16 @ = $eip $T1 ^ = $esp $T1 4 + =") == {
        "$T0": STACK,
        "$T1": STACK + 12,
        "$eip": 0x44,
        "$esp": STACK + 16,
    }


@pytest.mark.parametrize(
    ("expression", "value"),
    [("7 3 -", 4), ("3 7 -", 0xFFFFFFFC), ("6 7 *", 42), ("9 2 /", 4), ("9 2 %", 1), ("0x10 1 +", 17), ("-4 8 +", 4)],
)
def test_arithmetic_wraps_at_32_bits(expression: str, value: int) -> None:
    assert values(f"$T0 {expression} =") == {"$T0": value}


@pytest.mark.parametrize(
    "program",
    [
        "=",
        "$T0 =",
        "1 2 =",
        "$T0 1 = 5",
        "$T0 $nobody =",
        "$T0 1 0 / =",
        "$T0 1 0 @ =",
        "$T0 0x2000 ^ =",
        "$T0 ^ ^ ^ =",
        ".cbLocals 4 =",
        "nonsense",
        "$T0 1 = " * LONGEST,
    ],
)
def test_what_makes_no_sense_gives_nothing(program: str) -> None:
    assert run(program) is None


def test_a_search_without_result_ends_the_program() -> None:
    assert run("$T0 .raSearch = $eip $T0 ^ =", None) is None


TOKENS = ("$T0", "$eip", "$esp", "$ebp", ".raSearch", ".cbLocals", "^", "@", "+", "-", "*", "/", "%", "=", "4", "-1")


@given(st.lists(st.sampled_from(TOKENS), max_size=60))
def test_any_program_ends(tokens: list[str]) -> None:
    result = run(" ".join(tokens))
    assert result is None or all(0 <= value < 1 << 32 for value in result.values.values())
