"""What the walk and the architectures exchange."""

from __future__ import annotations

from smalldump.model import Registers
from smalldump.model.machine import ARM64, X64, X86
from smalldump.unwind import arm64, x64, x86
from smalldump.unwind.architecture import State, state_of


def test_a_state_is_what_the_registers_tell() -> None:
    values = {"rip": 1, "rsp": 2, "rbp": 3}
    x64_state = state_of(Registers(X64, values, "test", vectors={"xmm6": 7}))
    assert x64_state == State(1, 2, 3, None, {**values, "xmm6": 7})
    assert state_of(Registers(X86, {"eip": 1, "esp": 2}, "test")) == State(1, 2, registers={"eip": 1, "esp": 2})
    arm64_state = state_of(Registers(ARM64, {"pc": 1, "sp": 2, "fp": 3, "lr": 4}, "test"))
    assert arm64_state is not None
    assert arm64_state[:4] == (1, 2, 3, 4)


def test_no_state_without_program_counter_or_stack_pointer() -> None:
    assert state_of(Registers(X64, {"rip": 1}, "test")) is None
    assert state_of(Registers(X64, {"rsp": 1}, "test")) is None


def test_architectures_take_their_steps_in_order_of_trust() -> None:
    for module in (x64, x86, arm64):
        order = ["by_unwind_info", "by_frame_pointer", "by_scan"]
        names = [step.__name__ for step in module.ARCHITECTURE.steps]
        assert names == [name for name in order if name in names]
        assert names[-1] == "by_scan"
