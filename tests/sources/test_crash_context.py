"""The registers of the code that failed: by parameters, by a trap frame on the stack, else the header's."""

from __future__ import annotations

import time
from typing import Any

import pytest

from smalldump.layout.context import ContextX64, KtrapFrameX64, KtrapFrameX86
from smalldump.memory import BytesSpace
from smalldump.model import Absent, BugCheck, Registers, StackWindow
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.sources.crash_context import crash_registers
from tests.sources.reading import known, read
from tests.synth import arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump

LOW, CODE = 0xFFFFA08F2B1C6000, 0xFFFFF80468201000
LOW_32, CODE_32 = 0xF7A90000, 0xF7B9D3C6
NOWHERE = BytesSpace({})


def header(machine: Machine) -> Registers:
    return Registers(machine, {machine.pc: 1, machine.sp: 2}, "dump header")


def trap_x64(**values: int) -> bytes:
    machine_frame: dict[str, Any] = {
        "rip": CODE,
        "seg_cs": 0x10,
        "e_flags": 0x10246,
        "rsp": LOW + 0x800,
        "seg_ss": 0x18,
    }
    return bytes(KtrapFrameX64.build(**machine_frame | values))


def trap_x86(**values: int) -> bytes:
    machine_frame: dict[str, Any] = {"eip": CODE_32, "seg_cs": 0x08, "e_flags": 0x10246}
    return bytes(KtrapFrameX86.build(**machine_frame | values))


def found(machine: Machine, bug_check: BugCheck, *pieces: bytes) -> Registers:
    stack = StackWindow(LOW if machine is X64 else LOW_32, memoryview(b"".join(pieces)), 0)
    return known(crash_registers(bug_check, NOWHERE, stack, header(machine)))


FAULT = BugCheck(0xD1, (0x10, 2, 0, CODE))
FAULT_32 = BugCheck(0xD1, (0x10, 2, 0, CODE_32))


def test_the_trap_frame_of_the_failing_instruction() -> None:
    registers = found(X64, FAULT, bytes(0x108), trap_x64(rax=7, rbp=5), bytes(0x40))
    assert (registers.pc, registers.sp, registers.fp) == (CODE, LOW + 0x800, 5)
    assert registers.values["rax"] == 7
    assert (registers.address, registers.source) == (LOW + 0x108, "trap frame at parameter 4")


def test_the_trap_frame_of_32_bits() -> None:
    registers = found(X86, FAULT_32, bytes(0x44), trap_x86(ebx=3), bytes(0x40))
    assert (registers.pc, registers.sp) == (CODE_32, LOW_32 + 0x44 + 0x74)
    assert registers.address == LOW_32 + 0x44


@pytest.mark.parametrize(
    ("code", "parameters"),
    [
        (0x50, (0, 0, CODE, 2)),
        (0x0A, (0, 2, 0, CODE)),
        (0xD1, (0, 2, 0, CODE)),
        (0x1E, (0xC0000005, CODE, 0, 0)),
        (0xCE, (0, 0, CODE, 0)),
        (0x100000D1, (0, 2, 0, CODE)),
    ],
)
def test_which_parameter_is_the_instruction(code: int, parameters: tuple[int, int, int, int]) -> None:
    assert found(X64, BugCheck(code, parameters), trap_x64()).pc == CODE


def test_copies_decide_nothing() -> None:
    """Two frames of the same instruction: the dump cannot tell which one it was."""
    assert found(X64, FAULT, trap_x64(), trap_x64()).source == "dump header"


@pytest.mark.parametrize(
    "values",
    [
        {"seg_cs": 0x33, "seg_ss": 0x2B},
        {"seg_cs": 0},
        {"seg_ss": 0x2B},
        {"e_flags": 0x10244},
        {"rsp": 0x7FFE0000},
        {"rip": CODE + 1},
    ],
)
def test_what_is_no_kernel_trap_frame(values: dict[str, int]) -> None:
    assert found(X64, FAULT, bytes(0x100), trap_x64(**values)).source == "dump header"


@pytest.mark.parametrize("values", [{"seg_cs": 0x1B}, {"e_flags": 0x10244}, {"e_flags": 0x804D7002}])
def test_what_is_no_kernel_trap_frame_of_32_bits(values: dict[str, int]) -> None:
    assert found(X86, FAULT_32, bytes(0x100), trap_x86(**values)).source == "dump header"


def test_the_instruction_too_near_the_borders_of_the_window() -> None:
    assert found(X64, FAULT, trap_x64()[8:]).source == "dump header"
    assert found(X64, FAULT, trap_x64()[:-1]).source == "dump header"


def test_a_stray_copy_of_the_instruction_does_not_hide_the_frame() -> None:
    pieces = (CODE.to_bytes(8, "little"), bytes(0x200), trap_x64(), CODE.to_bytes(8, "little"))
    assert found(X64, FAULT, *pieces).address == LOW + 0x208


def test_a_stack_longer_than_any_is_not_searched_to_its_end() -> None:
    bug_check, header = BugCheck(0xD1, (0, 0, 0, CODE + 0x1234)), known(read(x64_dump()).contexts.header)
    words = (CODE + 0x1234).to_bytes(8, "little") * (1 << 22)
    window = StackWindow(header.sp & ~0xFFF, memoryview(words), 0)
    start = time.process_time()
    assert crash_registers(bug_check, BytesSpace({}), window, header) is header
    assert time.process_time() - start < 20


def test_an_unaligned_frame_is_found() -> None:
    assert found(X64, FAULT, bytes(3), trap_x64()).address == LOW + 3


def test_user_mode_instructions_are_not_looked_for() -> None:
    fault = BugCheck(0xD1, (0x10, 2, 0, 0x7FF6A1B41000))
    assert found(X64, fault, trap_x64(rip=0x7FF6A1B41000)).source == "dump header"


def test_other_bug_checks_and_machines() -> None:
    assert found(X64, BugCheck(0xE2, (CODE,) * 4), trap_x64()).source == "dump header"
    assert known(
        crash_registers(FAULT, NOWHERE, StackWindow(LOW, memoryview(trap_x64()), 0), header(ARM64))
    ).source == ("dump header")


def test_no_stack_and_no_header() -> None:
    assert known(crash_registers(FAULT, NOWHERE, Absent.NOT_CAPTURED, header(X64))).source == "dump header"
    assert crash_registers(FAULT, NOWHERE, Absent.NOT_CAPTURED, Absent.UNSUPPORTED) is Absent.UNSUPPORTED


# By a parameter that points to the registers


@pytest.mark.parametrize(("code", "number"), [(0x7E, 4), (0x1000007E, 4), (0x3B, 3)])
def test_a_context_parameter(code: int, number: int) -> None:
    data = bytes(ContextX64.build(context_flags=0x10001F, rip=CODE, rsp=LOW))
    parameters = [0, 0, 0, 0]
    parameters[number - 1] = LOW + 0x400
    check = BugCheck(code, (parameters[0], parameters[1], parameters[2], parameters[3]))
    registers = known(crash_registers(check, BytesSpace({LOW + 0x400: data}), Absent.NOT_CAPTURED, header(X64)))
    assert (registers.pc, registers.address) == (CODE, LOW + 0x400)
    assert registers.source == f"CONTEXT of parameter {number}"


@pytest.mark.parametrize(("code", "number"), [(0x8E, 3), (0x139, 2)])
def test_a_trap_frame_parameter(code: int, number: int) -> None:
    parameters = [0, 0, 0, 0]
    parameters[number - 1] = LOW_32
    check = BugCheck(code, (parameters[0], parameters[1], parameters[2], parameters[3]))
    memory = BytesSpace({LOW_32: trap_x86(ebp=9)})
    registers = known(crash_registers(check, memory, Absent.NOT_CAPTURED, header(X86)))
    assert (registers.pc, registers.sp, registers.source) == (
        CODE_32,
        LOW_32 + 0x74,
        f"trap frame of parameter {number}",
    )


@pytest.mark.parametrize(
    "values", [{"context_flags": 0}, {"rip": 0}, {"rsp": 0x7FFE0000}], ids=["flags", "no rip", "user stack"]
)
def test_a_parameter_that_points_to_no_kernel_context(values: dict[str, int]) -> None:
    kernel: dict[str, Any] = {"context_flags": 0x10001F, "rip": CODE, "rsp": LOW}
    data = bytes(ContextX64.build(**kernel | values))
    check = BugCheck(0x7E, (0, 0, 0, LOW))
    assert (
        known(crash_registers(check, BytesSpace({LOW: data}), Absent.NOT_CAPTURED, header(X64))).source == "dump header"
    )


def test_a_wild_jump_keeps_its_registers() -> None:
    """The program counter leads nowhere, but the stack is still the kernel's."""
    data = bytes(ContextX64.build(context_flags=0x10001F, rip=0x10, rsp=LOW))
    check = BugCheck(0x7E, (0, 0, 0, LOW))
    assert known(crash_registers(check, BytesSpace({LOW: data}), Absent.NOT_CAPTURED, header(X64))).pc == 0x10


def test_a_parameter_that_leads_out_of_the_dump() -> None:
    check = BugCheck(0x7E, (0, 0, 0, LOW))
    assert known(crash_registers(check, NOWHERE, Absent.NOT_CAPTURED, header(X64))).source == "dump header"


# Whole dumps


def test_the_three_sets_of_the_demo() -> None:
    dump = x64_dump()
    contexts, facts = read(dump).contexts, dump.facts
    for registers in (known(contexts.header), known(contexts.prcb)):
        assert (registers.pc, registers.sp) == (facts.registers["rip"], facts.registers["rsp"])
    assert known(contexts.prcb).address == facts.processor.context_address
    crash = known(contexts.crash)
    assert (crash.pc, crash.address) == (facts.bug_check[4], facts.stack.marks["trap frame"])
    assert read(dump).registers == crash


def test_prcb_registers_differ_from_the_headers() -> None:
    """The header's were replaced (0x7E), the PRCB's still show KeBugCheckEx."""
    dump = x64_dump(prcb_registers={"rip": CODE, "rsp": LOW})
    contexts = read(dump).contexts
    assert known(contexts.prcb).pc == CODE
    assert known(contexts.header).pc == dump.facts.registers["rip"]


def test_prcb_without_its_context() -> None:
    assert read(kernel_written_dump()).contexts.prcb is Absent.NOT_CAPTURED
    assert read(x64_dump(standard_blocks=False)).contexts.prcb is Absent.NOT_CAPTURED
    assert read(x64_dump().patch("TRIAGE_DUMP.PrcbOffset", 0)).contexts.prcb is Absent.NOT_CAPTURED


def test_before_windows_7_the_prcb_holds_the_context_itself() -> None:
    prcb = known(read(x86_dump()).contexts.prcb)
    assert (prcb.source, prcb.address) == ("PRCB.ProcessorState", None)
    assert prcb.pc == x86_dump().facts.registers["eip"]


def test_a_system_thread_exception() -> None:
    crash = known(read(kernel_written_dump()).contexts.crash)
    assert crash.source == "CONTEXT of parameter 4"
    assert crash.pc == kernel_written_dump().facts.bug_check[2]


def test_arm64_and_windows_2000() -> None:
    assert known(read(arm64_dump()).contexts.crash).source == "dump header"
    crash = known(read(win2000_dump()).contexts.crash)
    assert crash.pc == win2000_dump().facts.bug_check[4]
