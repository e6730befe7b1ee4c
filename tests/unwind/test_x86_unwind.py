"""Single steps up a stack of x86, word by word."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from smalldump.memory import BytesSpace
from smalldump.model.symbols import FrameProgram
from smalldump.unwind.unwound import NotUnwound
from smalldump.unwind.x86_unwind import How, UnwoundX86, unwind

BASE, STACK = 0x80000000, 0x9000
FUNCTION, CALLER, OTHER = BASE + 0x1000, BASE + 0x2005, BASE + 0x3005
SEARCHED = "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $esi $T0 4 - ^ = "
OF_EBP = "$T0 $ebp 4 + = $eip $T0 ^ = $esp $T0 4 + = $ebp $T0 4 - ^ = "


def call(at: int, target: int) -> dict[int, bytes]:
    """A CALL that returns to `at`."""
    return {at - 7: b"\x90\x90\xe8" + struct.pack("<i", target - at)}


CODE = call(CALLER, FUNCTION) | call(OTHER, BASE + 0x5000)


def step(
    words: list[int],
    program: FrameProgram | None,
    pc: int = FUNCTION + 0x20,
    code: dict[int, bytes] | None = None,
    *,
    exact_pc: bool = False,
    callee_params: int = 0,
    function: int | None = None,
) -> UnwoundX86 | NotUnwound:
    space = BytesSpace(CODE | (code or {}) | {STACK: struct.pack(f"<{len(words)}I", *words)})
    told = {"eip": pc, "esp": STACK, "ebp": STACK + 8, "ebx": 0xB, "esi": 0x51, "edi": 0xD1}
    return unwind(program, BASE, space, told, exact_pc=exact_pc, callee_params=callee_params, function=function)


def record(program: str | None = SEARCHED, local: int = 4, saved: int = 4, **more: int) -> FrameProgram:
    return FrameProgram(0x1000, 0x100, local, more.get("params", 8), saved, more.get("prolog", 0), program)


def registers(found: UnwoundX86 | NotUnwound) -> dict[str, int]:
    assert isinstance(found, UnwoundX86)
    return dict(found.registers)


def test_the_return_address_lies_above_locals_and_saved_registers() -> None:
    found = step(
        [
            7,  # 00 a local
            0x33,  # 04 saved esi
            CALLER,  # 08 RETURN
            1,  # 0C a parameter
        ],
        record(),
    )
    wanted = {"eip": CALLER, "esp": STACK + 12, "ebx": 0xB, "ebp": STACK + 8, "esi": 0x33, "edi": 0xD1}
    assert found == UnwoundX86(wanted, How.RECORD, 8)


def test_parameters_of_the_callee_lie_in_between() -> None:
    words = [
        1,  # 00 what the callee was given
        2,  # 04
        7,  # 08 a local
        0x33,  # 0C saved esi
        CALLER,  # 10 RETURN
    ]
    found = step(words, record(), callee_params=8)
    assert registers(found)["esp"] == STACK + 0x14
    assert isinstance(found, UnwoundX86)
    assert found.how is How.RECORD
    # Without knowing them it is found by a search, and says so.
    searched = step(words, record())
    assert registers(searched) == registers(found)
    assert isinstance(searched, UnwoundX86)
    assert searched.how is How.SEARCH


def test_parameters_in_a_place_kept_for_them_count_as_locals() -> None:
    assert registers(step([1, 0x33, CALLER, 0, 0, 0], record(), callee_params=8))["esp"] == STACK + 12


def test_a_call_of_this_very_function_proves_the_return_address() -> None:
    words = [
        7,  # 00 pushed
        0,  # 04 a local
        OTHER,  # 08 stale, in a local
        0x33,  # 0C saved esi
        CALLER,  # 10 RETURN
    ]
    proved = step(words, record(), function=FUNCTION)
    assert registers(proved)["eip"] == CALLER
    assert isinstance(proved, UnwoundX86)
    assert proved.how is How.RECORD
    assert registers(step(words, record()))["eip"] == OTHER


def test_a_call_of_another_function_is_not_sure() -> None:
    found = step([7, 0x33, OTHER], record(), function=FUNCTION)
    assert registers(found)["eip"] == OTHER
    assert isinstance(found, UnwoundX86)
    assert found.how is How.SEARCH
    # But a jump leads from there to the function.
    jump = {BASE + 0x5000: b"\xe9" + struct.pack("<i", FUNCTION - (BASE + 0x5005))}
    linked = step([7, 0x33, OTHER], record(), function=FUNCTION, code=jump)
    assert isinstance(linked, UnwoundX86)
    assert linked.how is How.RECORD


def test_what_was_saved_and_is_not_restored_is_not_known() -> None:
    found = step([0, 1, 2, CALLER], record(local=0, saved=12))
    assert registers(found) == {"eip": CALLER, "esp": STACK + 16, "esi": 2}


def test_a_frame_of_ebp_needs_no_search() -> None:
    found = step([0, 0, 0x44, CALLER], record(OF_EBP, local=8))
    assert registers(found) == {
        "eip": CALLER,
        "esp": STACK + 16,
        "ebp": 0x44,
        "ebx": 0xB,
        "esi": 0x51,
        "edi": 0xD1,
    }


def test_before_the_frame_is_made_the_older_records_do_not_hold() -> None:
    code = {FUNCTION: bytes.fromhex("558bec83ec08")}
    program = record("$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =", local=8, saved=0, prolog=6)
    entered = step([CALLER, 0], program, pc=FUNCTION, exact_pc=True, code=code)
    assert registers(entered) == {
        "eip": CALLER,
        "esp": STACK + 4,
        "ebp": STACK + 8,
        "ebx": 0xB,
        "esi": 0x51,
        "edi": 0xD1,
    }
    pushed = step([0x44, CALLER, 0], program, pc=FUNCTION + 1, exact_pc=True, code=code)
    assert (registers(pushed)["esp"], registers(pushed)["ebp"]) == (STACK + 8, 0x44)
    assert isinstance(pushed, UnwoundX86)
    assert pushed.how is How.CODE


def test_in_an_epilogue_the_code_says_what_is_left() -> None:
    code = {FUNCTION + 0x20: bytes.fromhex("5ec20800")}
    found = step([0x33, CALLER], record(), exact_pc=True, code=code)
    assert registers(found)["esp"] == STACK + 8
    assert registers(found)["esi"] == 0x33


def test_at_its_first_instruction_a_function_has_pushed_nothing() -> None:
    # Told by the symbols, or by the CALL; an import's thunk has no other instruction, and no record.
    for program, function in ((None, FUNCTION), (None, None), (record(OF_EBP, prolog=6), FUNCTION)):
        found = step([CALLER, 0x33, OTHER], program, pc=FUNCTION, exact_pc=True, function=function)
        assert isinstance(found, UnwoundX86)
        assert (found.registers["eip"], found.registers["esp"], found.how) == (CALLER, STACK + 4, How.CODE)
        assert found.registers["ebp"] == STACK + 8


def test_behind_the_padding_of_a_function_nothing_is_pushed_either() -> None:
    code = {FUNCTION: bytes.fromhex("8bff558bec")} | call(OTHER, BASE + 0x5000)
    program = record(OF_EBP, local=0, saved=0, prolog=5)
    found = step([OTHER, 0, 0, CALLER], program, pc=FUNCTION + 2, exact_pc=True, code=code, function=FUNCTION)
    assert isinstance(found, UnwoundX86)
    assert (found.registers["eip"], found.how) == (OTHER, How.CODE)


def test_a_prologue_that_is_not_understood_makes_a_record_doubtful() -> None:
    code = {FUNCTION: bytes.fromhex("0fa2558bec")}
    found = step(
        [0, 0, 0x44, CALLER], record(OF_EBP, prolog=5), pc=FUNCTION + 3, exact_pc=True, code=code, function=FUNCTION
    )
    assert isinstance(found, UnwoundX86)
    assert (found.registers["eip"], found.how) == (CALLER, How.SEARCH)


HELPED = {FUNCTION: bytes.fromhex("6a0c 6800100000 e8f0000000")}
"""`push 12; push offset; call __SEH_prolog4`"""
FRAMED = record(OF_EBP, local=28, saved=16, prolog=12)


def test_what_called_a_helper_in_its_prologue_has_no_frame_yet() -> None:
    words = [
        0x1000,  # 00 pushed for the helper
        12,  # 04
        CALLER,  # 08 RETURN
        0x44,  # 0C the caller's frame: here ebp points
        OTHER,  # 10 its return address
    ]
    registers_then = {"eip": FUNCTION + 12, "esp": STACK, "ebp": STACK + 12, "esi": 0x51}
    space = BytesSpace(CODE | HELPED | {STACK: struct.pack("<5I", *words)})
    found = unwind(FRAMED, BASE, space, registers_then, exact_pc=False, function=FUNCTION)
    assert found == UnwoundX86(
        {"eip": CALLER, "esp": STACK + 12, "ebp": STACK + 12, "esi": 0x51}, How.CODE, FRAMED.params_size
    )


def test_behind_the_helper_the_record_holds() -> None:
    found = step([0, 0, 0x44, CALLER], FRAMED, pc=FUNCTION + 12, code=HELPED, function=FUNCTION)
    assert isinstance(found, UnwoundX86)
    assert (found.registers["esp"], found.how) == (STACK + 16, How.RECORD)
    # Where no CALL of the function is seen, nobody knows which of the two it is.
    unsure = step([0, 0, 0x44, OTHER], FRAMED, pc=FUNCTION + 12, code=HELPED, function=FUNCTION)
    assert isinstance(unsure, UnwoundX86)
    assert (unsure.registers["eip"], unsure.how) == (OTHER, How.SEARCH)


def test_a_lone_ret_may_be_that_of_a_helper() -> None:
    def at_ret(before: str, function: int | None = FUNCTION, ret: str = "c3") -> How:
        code = {FUNCTION + 0x1F: bytes.fromhex(before + ret)}
        found = step([CALLER], None, exact_pc=True, code=code, function=function)
        assert isinstance(found, UnwoundX86)
        assert found.registers["esp"] == STACK + 4
        return found.how

    assert at_ret("5d") is at_ret("c9", None) is How.CODE  # POP and LEAVE end an epilogue
    assert at_ret("90") is at_ret("90", ret="f2c3") is How.CODE  # called here, and nothing else seen
    assert at_ret("90", None) is How.SEARCH
    assert at_ret("51") is How.SEARCH  # push ecx; ret: _EH_epilog3, __SEH_epilog4


def test_an_fpo_record_gives_sizes_and_the_prologue_the_registers() -> None:
    code = {FUNCTION: bytes.fromhex("83ec045657")}
    words = [
        0xDD,  # 00 saved edi
        0x55,  # 04 saved esi
        7,  # 08 a local
        CALLER,  # 0C RETURN
    ]
    found = step(words, record(None, local=4, saved=8, prolog=5), code=code)
    wanted = {"eip": CALLER, "esp": STACK + 16, "ebp": STACK + 8, "ebx": 0xB, "esi": 0x55, "edi": 0xDD}
    assert registers(found) == wanted
    blind = step(words, record(None, local=4, saved=8, prolog=5))
    assert registers(blind) == {"eip": CALLER, "esp": STACK + 16, "ebp": STACK + 8}


def test_without_a_record_the_chain_of_ebp_leads_on() -> None:
    found = step([0, 0, STACK + 0x40, CALLER], None)
    assert found == UnwoundX86({"eip": CALLER, "esp": STACK + 16, "ebp": STACK + 0x40}, How.FRAME_POINTER)
    assert step([0, 0, STACK + 0x40, BASE + 0x7777], None) is NotUnwound.NO_UNWIND_DATA


def test_what_leads_nowhere_says_so() -> None:
    assert step([0, 0, 0, 0], record()) is NotUnwound.BAD_UNWIND_DATA
    assert step([0] * 8, record("$T0 $esp =")) is NotUnwound.BAD_UNWIND_DATA
    assert step([CALLER], record(local=0x7FFFFFF0)) is NotUnwound.BAD_UNWIND_DATA
    assert unwind(None, BASE, BytesSpace({}), {"eip": 1}, exact_pc=True) is NotUnwound.UNKNOWN_REGISTER


PROGRAMS = st.sampled_from([None, SEARCHED, OF_EBP, "$eip 4 = $esp $esp =", "$esp $eip ="])
SIZES = st.integers(0, (1 << 32) - 1) | st.integers(0, 64)


@given(PROGRAMS, st.tuples(SIZES, SIZES, SIZES, SIZES), st.lists(SIZES | st.just(CALLER), max_size=12), st.booleans())
def test_any_record_gives_a_step_upwards_or_none(
    program: str | None, sizes: tuple[int, int, int, int], words: list[int], exact: bool
) -> None:
    local, params, saved, prolog = sizes
    program_of_chance = FrameProgram(0x1000, 0x100, local, params, saved, prolog, program)
    found = step(words, program_of_chance, exact_pc=exact)
    assert isinstance(found, NotUnwound) or (found.registers["eip"] == CALLER and found.registers["esp"] > STACK)
