"""Other processors, and threads in reach of the dump: memory laid out by hand, and real dumps."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from smalldump.api import open_dump
from smalldump.layout.structures import StructureOffsets
from smalldump.memory import BytesSpace
from smalldump.model import Absent, Registers
from smalldump.model.execution import ProcessorState
from smalldump.model.machine import ARM64, X64, X86
from smalldump.sources.execution import read_processors, read_threads, stack_from
from tests.sources.reading import known

ARRAY, PRCB, CONTEXT, THREAD = 0xFFFFF80012345000, 0xFFFFF80020000180, 0xFFFFF80020009000, 0xFFFFC08BDE9E1640
STACK, CODE = 0xFFFF850429890000, 0xFFFFF80010203040
WORDS = {
    "ki_processor_block": ARRAY,
    "offset_prcb_current_thread": 0x8,
    "offset_prcb_idle_thread": 0x18,
    "offset_prcb_context": 0x5C00,
    "offset_kthread_stack_base": 0x38,
    "offset_kthread_kernel_stack": 0x58,
    "offset_kthread_state": 0x184,
}
OFFSETS = StructureOffsets(0x8664, 19041, WORDS)


def context(rip: int = CODE, rsp: int = STACK) -> bytes:
    data = bytearray(0x4D0)
    struct.pack_into("<I", data, 0x30, 0x10001F)
    struct.pack_into("<Q", data, 0x98, rsp)
    struct.pack_into("<Q", data, 0xF8, rip)
    return bytes(data)


def thread(address: int, state: int = 5, kernel_stack: int = STACK, base: int = STACK + 0x100) -> bytes:
    data = bytearray(0x200)
    data[0] = 6
    struct.pack_into("<QQ", data, 8, address + 8, address + 8)
    struct.pack_into("<Q", data, 0x38, base)
    struct.pack_into("<Q", data, 0x58, kernel_stack)
    data[0x184] = state
    return bytes(data)


def prcb(current: int = THREAD, idle: int = 0xFFFFF80012300000) -> bytes:
    return struct.pack("<QQQQ", 0, current, 0, idle)


def machine(**more: bytes) -> BytesSpace:
    memory = {
        ARRAY: struct.pack("<QQ", 0, PRCB),
        PRCB: prcb(),
        PRCB + 0x5C00: struct.pack("<Q", CONTEXT),
        CONTEXT: context(),
        THREAD: thread(THREAD, state=2),
        STACK: b"\x11" * 0x140,
    }
    return BytesSpace(memory | {int(name[1:], 16): data for name, data in more.items()})


def processors(space: BytesSpace, total: int | Absent = 2) -> tuple[ProcessorState, ...] | Absent:
    found = read_processors(X64, OFFSETS, space, total, 1)
    return found if isinstance(found, Absent) else tuple(found)


def test_a_processor() -> None:
    (state,) = known(processors(machine()))
    assert (state.number, state.crashed, state.prcb, state.thread, state.idle) == (1, True, PRCB, THREAD, False)
    registers, stack = known(state.registers), known(state.stack)
    assert (registers.pc, registers.sp, registers.address) == (CODE, STACK, CONTEXT)
    assert (stack.start, len(stack.data), stack.cut) == (STACK, 0x100, 0)


def test_what_is_missing_says_why() -> None:
    assert read_processors(X64, StructureOffsets(0x8664, 19041, {}), machine(), 2, 0) is Absent.NOT_CAPTURED
    assert processors(BytesSpace({})) is Absent.NOT_CAPTURED
    assert processors(machine(), Absent.NOT_CAPTURED) is Absent.UNSUPPORTED
    (state,) = known(processors(BytesSpace({ARRAY: struct.pack("<QQ", 0, PRCB)})))
    assert {state.thread, state.idle, state.registers, state.stack} == {Absent.NOT_CAPTURED}
    (state,) = known(processors(BytesSpace({ARRAY: struct.pack("<QQ", 0, PRCB), PRCB: prcb(current=0x10, idle=0x10)})))
    assert (state.thread, state.idle) == (0x10, True)


def test_no_more_processors_than_there_are() -> None:
    everywhere = BytesSpace({ARRAY: struct.pack("<5000Q", *range(PRCB, PRCB + 5000 * 0x1000, 0x1000))})
    assert len(known(processors(everywhere, 5000))) == 2048
    assert len(known(processors(everywhere, 3))) == 3


def test_no_two_processors_share_a_kprcb() -> None:
    again = BytesSpace({ARRAY: struct.pack("<4Q", PRCB, PRCB, PRCB + 0x1000, PRCB)})
    assert [state.number for state in known(processors(again, 4))] == [0, 2]


def registers(sp: int = STACK) -> Registers:
    return Registers(X64, {"rip": CODE, "rsp": sp}, "test")


def test_a_stack_ends_at_its_base_or_at_a_gap() -> None:
    space = BytesSpace({STACK: bytes(0x100)})
    assert known(stack_from(space, registers(), STACK + 0x80)).end == STACK + 0x80
    window = known(stack_from(space, registers(), STACK + 0x180))
    assert (window.end, window.cut) == (STACK + 0x100, 0x80)
    assert known(stack_from(space, registers(), STACK - 8)).cut is Absent.NOT_APPLICABLE
    assert known(stack_from(space, registers(), Absent.NOT_CAPTURED)).cut is Absent.NOT_CAPTURED
    assert stack_from(space, registers(0x1000), STACK) is Absent.NOT_CAPTURED
    assert len(known(stack_from(BytesSpace({STACK: bytes(1 << 20)}), registers(), Absent.NOT_CAPTURED)).data) == 0x20000


def test_a_waiting_thread_goes_on_where_it_was_switched_out() -> None:
    frame = bytes(0x30) + struct.pack("<QQ", STACK + 0x90, CODE) + bytes(0xC0)
    (state,) = read_threads(X64, OFFSETS, BytesSpace({THREAD: thread(THREAD), STACK: frame}), ())
    waiting = known(state.registers)
    assert (waiting.pc, waiting.sp, waiting.fp, state.processor) == (CODE, STACK + 0x40, STACK + 0x90, None)
    assert (known(state.stack).start, known(state.stack).cut) == (STACK + 0x40, 0)


@pytest.mark.parametrize(("machine_type", "pc_at", "size"), [(X86, 0x8, 0xC), (ARM64, 0x58, 0x60)])
def test_switch_frames_of_other_machines(machine_type: object, pc_at: int, size: int) -> None:
    kind = X86 if machine_type is X86 else ARM64
    pointer, stack = kind.pointer, STACK & kind.mask
    code, at = CODE & kind.mask | kind.kernel_start, THREAD & kind.mask & ~15
    head = bytearray(0x200)
    head[0] = 6
    head[pointer : 3 * pointer] = (at + pointer).to_bytes(pointer, "little") * 2
    head[0x58 : 0x58 + pointer] = stack.to_bytes(pointer, "little")
    head[0x184] = 5
    frame = bytearray(0x100)
    frame[pc_at : pc_at + pointer] = code.to_bytes(pointer, "little")
    offsets = StructureOffsets(kind.image_type, 19041, WORDS)
    (state,) = read_threads(kind, offsets, BytesSpace({at: bytes(head), stack: bytes(frame)}), ())
    assert (known(state.registers).pc, known(state.registers).sp) == (code, stack + size)


def test_a_running_thread_has_the_registers_of_its_processor() -> None:
    states = known(processors(machine()))
    (state,) = read_threads(X64, OFFSETS, machine(), states)
    assert (state.processor, state.registers) == (1, states[0].registers)
    (unknown,) = read_threads(X64, OFFSETS, machine(), ())
    assert unknown.registers is Absent.NOT_CAPTURED


def test_what_is_no_thread() -> None:
    data = thread(THREAD)
    for wrong in (b"\x05" + data[1:], data[:8] + bytes(16) + data[24:], thread(THREAD + 16), thread(THREAD, state=10)):
        assert not list(read_threads(X64, OFFSETS, BytesSpace({THREAD: wrong}), ()))


def test_a_thread_that_never_ran_or_whose_stack_is_elsewhere() -> None:
    for kernel_stack, why in ((0, Absent.NOT_APPLICABLE), (0xFFFF850429000000, Absent.NOT_CAPTURED)):
        (state,) = read_threads(X64, OFFSETS, BytesSpace({THREAD: thread(THREAD, kernel_stack=kernel_stack)}), ())
        assert (state.registers, state.stack) == (why, why)
    nonsense = BytesSpace({THREAD: thread(THREAD), STACK: bytes(0x100)})
    (state,) = read_threads(X64, OFFSETS, nonsense, ())
    assert state.registers is Absent.CORRUPT


def test_all_processors_of_a_real_dump(samples: Path) -> None:
    """One stopped the machine; all were frozen in code of the kernel or of a driver, on stacks of their own."""
    with open_dump(samples / "dumps" / "6875e8ff013e.dmp") as dump:
        states = known(dump.processors)
        assert [state.number for state in states] == list(range(16))
        assert [state.number for state in states if state.crashed] == [0]
        assert all(dump.modules.at(known(state.registers).pc) for state in states)
        assert len({known(state.stack).start for state in states}) == 16
        crashed = next(state for state in dump.threads if state.thread.address == known(dump.thread).address)
        assert (crashed.processor, known(crashed.thread.tid)) == (0, 264)


def test_waiting_threads_of_a_real_dump(samples: Path) -> None:
    """Two threads of this ARM64 dump wait with a piece of stack: both go on behind the same call in the kernel."""
    with open_dump(samples / "dumps" / "a1c027fe562c.dmp") as dump:
        waiting = [state for state in dump.threads if state.processor is None and not isinstance(state.stack, Absent)]
        assert len(waiting) >= 2
        assert {dump.modules.at(known(state.registers).pc) for state in waiting} == {dump.modules[0]}
        assert {known(state.registers).pc - dump.modules[0].base for state in waiting} == {0x251BD4}


def test_a_block_at_the_end_of_all_addresses() -> None:
    """What would lie behind the last address lies nowhere."""
    last = (1 << 64) - 0x100
    data = b"\x06".ljust(0x200, b"\0")
    assert not list(read_threads(X64, OFFSETS, BytesSpace({last: data}), ()))
