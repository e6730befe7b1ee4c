"""What ARM64 code behind a return address does to the stack."""

from __future__ import annotations

from smalldump.memory import BytesSpace
from smalldump.unwind.arm64_code import Words
from smalldump.unwind.arm64_simulation import Behaviour, simulate
from smalldump.unwind.simulation import Place
from tests.unwind.test_arm64 import CALL, NOP, PACIBSP, RESTORE, RET, SAVE, code

AT = 0x1000
ADD_20, SUB_20, BREAK, COMPARE, MOVE_SP_FP = 0x910083FF, 0xD10083FF, 0xD43E0000, 0xF100001F, 0x910003BF
LOAD_19_20_POST_20, LOAD_30_POST_10 = 0xA8C253F3, 0xF84107FE


def run(*words: int, after_call: bool = True) -> Behaviour:
    return simulate(Words(BytesSpace({AT: code(*words)})), AT, after_call=after_call)


def loaded(distance: int, register: str = "sp") -> Place:
    return Place(register, distance, True)


def test_an_epilogue_tells_where_the_return_address_and_the_registers_are() -> None:
    found = run(ADD_20, RESTORE, LOAD_19_20_POST_20, RET)
    assert (found.link, found.sp, found.record) == (loaded(0x28), Place("sp", 0x50), Place("sp", 0x20))
    assert [found.restored[name] for name in ("fp", "x19", "x20", "x21")] == [
        loaded(0x20),
        loaded(0x30),
        loaded(0x38),
        Place("x21"),
    ]


def test_a_link_alone_is_no_frame_record() -> None:
    found = run(LOAD_30_POST_10, RET)
    assert (found.link, found.record, found.restored["fp"]) == (loaded(0), None, Place("fp"))


def test_the_frame_pointer_may_lead_back_to_the_frame() -> None:
    found = run(MOVE_SP_FP, RESTORE, RET)
    assert (found.link, found.sp, found.framed) == (loaded(8, "fp"), Place("fp", 0x10), True)


def test_both_ways_of_a_branch_are_followed() -> None:
    branch = 0x54000040  # b.eq #8
    assert run(branch, BREAK, RESTORE, RET).link == loaded(8)
    assert run(branch, RESTORE, RET).link == loaded(8)


def test_a_jump_behind_the_epilogue_leaves_the_function() -> None:
    assert run(RESTORE, 0x14000100).link == loaded(8)
    assert run(RESTORE, 0xD61F0100).link == loaded(8)
    assert run(0xD61F0100).link is None


def test_what_the_code_ahead_saves_it_restores() -> None:
    found = run(PACIBSP, SAVE, CALL, RESTORE, RET, after_call=False)
    assert (found.link, found.sp, found.restored["fp"]) == (Place("lr"), Place("sp"), Place("fp"))
    assert run(NOP, SAVE, CALL, after_call=False) == Behaviour(Place("lr"), accesses=frozenset({-16, -8}))


def test_no_function_begins_behind_a_call() -> None:
    assert run(SUB_20, ADD_20, RET).enters
    assert run(NOP, PACIBSP, RET).enters
    assert run(NOP, RET) == run(RET)
    assert run(RET).bare


def test_a_call_right_before_the_epilogue_may_pop_the_cookie() -> None:
    assert run(CALL, RESTORE, RET).pops
    assert run(CALL, ADD_20, RESTORE, RET).pops
    assert not run(CALL, 0xB4000040, NOP, RESTORE, RET).pops
    assert not run(RESTORE, RET).pops


def test_what_it_reads_and_writes_is_told() -> None:
    assert run(0xF9400BF3, 0xA90153F3).accesses == {0x10, 0x18}


def test_code_that_runs_in_circles_ends() -> None:
    assert run(0x14000000).link is None
