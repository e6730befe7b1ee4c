"""The call of KeBugCheckEx on a stack."""

from __future__ import annotations

import struct

import pytest

from smalldump.layout.dump import MachineType
from smalldump.layout.structures import StructureOffsets
from smalldump.memory import BytesSpace
from smalldump.model import Absent, BugCheck
from smalldump.model.execution import ProcessorState
from smalldump.sources.bug_check_call import called_at, entry_registers
from tests.synth.bare import BareMachine

STOP = BugCheck(0xD1, (0x10, 2, 0, 0xFFFFF80312346000))
THREAD, LOW, TOP = 0xFFFFA00000100000, 0xFFFFA00000200000, 0xFFFFA00000206000
OFFSETS = StructureOffsets(MachineType.X64, 19041, {})
STATE = ProcessorState(1, False, 0, THREAD, False, Absent.NOT_CAPTURED, Absent.NOT_CAPTURED)


def memory(*calls: int, code: int = 0xD1) -> BytesSpace:
    """A thread with its stack, on which the arguments were kept behind each of the return addresses at `calls`."""
    thread = bytearray(0x100)
    struct.pack_into("<QQ", thread, 0x30, LOW, TOP)
    stack = bytearray(TOP - LOW)
    for call in calls:
        struct.pack_into("<QQQQQQ", stack, call - LOW, 0xFFFFF80312345678, code, 0x10, 2, 0, 0)
    return BytesSpace({THREAD: bytes(thread), LOW: bytes(stack)})


def test_the_arguments_behind_the_return_address() -> None:
    assert called_at(STATE, STOP, memory(LOW + 0x3458), OFFSETS, 8) == LOW + 0x3458


def test_the_innermost_call_counts() -> None:
    assert called_at(STATE, STOP, memory(LOW + 0x5000, LOW + 0x2000), OFFSETS, 8) == LOW + 0x2000


@pytest.mark.parametrize("thread", [Absent.NOT_CAPTURED, 0xFFFFA00000300000])
def test_no_thread(thread: int | Absent) -> None:
    assert called_at(STATE._replace(thread=thread), STOP, memory(LOW + 0x2000), OFFSETS, 8) is None


def test_another_bug_check() -> None:
    assert called_at(STATE, STOP, memory(LOW + 0x2000, code=0x50), OFFSETS, 8) is None


def test_registers_on_entry() -> None:
    machine = BareMachine()
    space = BytesSpace({address: bytes(page) for address, page in machine.pages.items()})
    registers = entry_registers(space, OFFSETS, STOP, LOW + 0x2000, machine.base)
    assert registers is not None
    assert (registers.pc, registers.sp) == (machine.base + 0x1000, LOW + 0x2000)
    assert (registers.values["rcx"], registers.values["rdx"], registers.values["r8"]) == (0xD1, 0x10, 2)


def test_no_registers_without_the_kernels_image() -> None:
    assert entry_registers(BytesSpace({}), OFFSETS, STOP, LOW, 0xFFFFF80312345000) is None
