"""Values on an ARM64 stack that may be return addresses."""

from __future__ import annotations

from smalldump.model.machine import ARM64
from smalldump.unwind.architecture import Leg, State
from smalldump.unwind.arm64_candidates import possible, returns, without_authentication
from smalldump.unwind.scan import CALL_SEEN, SLOT
from smalldump.unwind.shapes import shapes_of
from smalldump.unwind.view import StackView
from tests.unwind.machines import DISK, NT, STACK, StoppedMachine, words64
from tests.unwind.test_arm64 import CALL, NOP, code, signed


def test_authentication_codes_are_stripped() -> None:
    assert without_authentication(signed(DISK + 0x1234)) == DISK + 0x1234
    assert without_authentication(DISK + 0x1234) == DISK + 0x1234
    assert without_authentication(0x5A3B_7FF8_1234_5678 & ~(1 << 55)) == 0x7FF812345678


def test_slots_hold_aligned_places_in_code_that_no_other_instruction_precedes() -> None:
    stack = words64(signed(DISK + 0x1234), DISK + 0x1236, NT + 0x2000, NT + 0x3000, NT + 0x10, 7)
    memory = {NT + 0x2000 - 8: code(NOP, NOP), NT + 0x3000 - 8: code(NOP, CALL)}
    machine = StoppedMachine(ARM64, STACK, stack, {}, code=memory)
    view = StackView(machine, machine.window, STACK)
    assert [returns(view, address) for address in (DISK + 0x1234, NT + 0x2000, NT + 0x3000)] == [None, False, True]
    leg = Leg(view, shapes_of((), ()), State(None, STACK), view.end, False)
    assert [(c.slot - STACK, c.address, c.worth) for c in possible(leg)] == [
        (0x00, DISK + 0x1234, SLOT),
        (0x18, NT + 0x3000, SLOT + CALL_SEEN),
    ]
