"""Stacks of x86, slot by slot."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from smalldump.layout.context import ContextX86, ExceptionRecord32, KtrapFrameX86
from smalldump.model import Module
from smalldump.model.symbols import FrameProgram, InlineSite, SourceLine, Symbol, SymbolOrigin
from smalldump.unwind import FrameTrust, WalkEnd, walk
from tests.unwind.machines import DISK32, NT32, STACK32, shown, words32, x86

FP, SCAN, CONTEXT, PROVED = FrameTrust.FRAME_POINTER, FrameTrust.SCAN, FrameTrust.CONTEXT, FrameTrust.CALL_PROVED
FILTER32 = NT32 + 0x200000


def test_saved_frame_pointers_are_followed() -> None:
    stack = words32(
        NT32 + 0x1111,  # 00 a local
        NT32 + 0x2222,  # 04 another
        STACK32 + 0x18,  # 08 saved ebp: here ebp points
        DISK32 + 0x1235,  # 0C RETURN
        1,  # 10 argument
        NT32 + 0x3333,  # 14 a local of the caller
        0,  # 18 saved ebp of the first function
        FILTER32 + 0x1301,  # 1C RETURN
        0,  # 20
    )
    stacks = walk(x86(stack, NT32 + 0x1501, STACK32 + 8))
    assert shown(stacks.crash, 32) == [("nt+0x1501", CONTEXT), ("disk+0x1235", FP), ("filter+0x1301", FP)]
    assert [frame.sp for frame in stacks.crash.frames] == [STACK32, STACK32 + 0x10, STACK32 + 0x20]
    assert stacks.crash.end is WalkEnd.STACK_BASE


def test_a_function_that_was_just_entered_returns_to_the_stack_pointer() -> None:
    stack = words32(
        DISK32 + 0x1235,  # 00 RETURN: the function has pushed nothing yet
        1,  # 04 argument
        0,  # 08 saved ebp: here ebp still points for the caller
        FILTER32 + 0x1301,  # 0C RETURN
    )
    entered = NT32 + 0x4008
    call = {
        DISK32 + 0x1230: b"\xe8" + struct.pack("<i", entered - DISK32 - 0x1235),
        entered: bytes.fromhex("8bff558bec"),
    }
    frames = shown(walk(x86(stack, entered, STACK32 + 8, code=call)).crash, 32)
    assert frames == [("nt+0x4008", CONTEXT), ("disk+0x1235", PROVED), ("filter+0x1301", FP)]
    unproved = shown(walk(x86(stack, NT32 + 0x4010, STACK32 + 8)).crash, 32)
    assert unproved == [("nt+0x4010", CONTEXT), ("disk+0x1235", SCAN), ("filter+0x1301", FP)]


def test_a_broken_chain_is_scanned() -> None:
    stack = words32(
        0,  # 00
        DISK32 + 0x1235,  # 04 RETURN of a function without frame
        7,  # 08
        NT32 + 0x5550,  # 0C a function
        STACK32 + 0x1C,  # 10 saved ebp
        NT32 + 0x2225,  # 14 RETURN
        NT32 + 0x3335,  # 18 stale: the saved ebp leads past it
        0,  # 1C saved ebp
        FILTER32 + 0x1301,  # 20 RETURN
    )
    frames = shown(walk(x86(stack, NT32 + 0x1501, 0xDEADBEEF)).crash, 32)
    assert frames == [
        ("nt+0x1501", CONTEXT),
        ("disk+0x1235", SCAN),
        ("nt+0x2225", SCAN),
        ("filter+0x1301", SCAN),
    ]


def test_frame_pointers_that_lead_back_do_not_loop() -> None:
    stack = words32(STACK32, DISK32 + 0x1235, STACK32, DISK32 + 0x1335)
    frames = walk(x86(stack, NT32 + 0x1501, STACK32)).crash.frames
    assert [frame.sp for frame in frames] == [STACK32, STACK32 + 8, STACK32 + 16]


def trap_frame(eip: int, ebp: int, cs: int = 8, esp: int = 0) -> bytes:
    data = KtrapFrameX86.build(eip=eip, ebp=ebp, seg_cs=cs, e_flags=0x10202, hardware_esp=esp, hardware_seg_ss=0x23)
    struct.pack_into("<II", data, 0x34, 0x23, 0x23)  # SegEs, SegDs
    return bytes(data)


def test_a_trap_frame_in_kernel_mode_ends_where_the_stack_pointer_was() -> None:
    trap = STACK32 + 8
    resumed = trap + 0x74
    stack = words32(0, NT32 + 0x2225) + trap_frame(DISK32 + 0x1333, resumed + 4)[:0x74] + words32(
        7,  # 00 the stack pointer of the interrupted function
        0,  # 04 saved ebp
        FILTER32 + 0x1301,  # 08 RETURN
    )  # fmt: skip
    stacks = walk(x86(stack, NT32 + 0x1501, 0))
    assert shown(stacks.crash, 32) == [
        ("nt+0x1501", CONTEXT),
        ("nt+0x2225", SCAN),
        ("disk+0x1333", CONTEXT),
        ("filter+0x1301", FP),
    ]
    assert stacks.crash.frames[2].sp == resumed


def test_a_trap_frame_from_user_mode_ends_the_walk() -> None:
    stack = words32(0, NT32 + 0x2225) + trap_frame(0x7C90E4F4, 0x12FF80, 0x1B, 0x12FF00)
    crash = walk(x86(stack, NT32 + 0x1501, 0)).crash
    assert crash.end is WalkEnd.USER_MODE
    assert (crash.frames[-1].text(32), crash.frames[-1].sp) == ("7c90e4f4", 0x12FF00)


def test_contexts_and_exception_records_hold_no_return_addresses() -> None:
    stray = words32(DISK32 + 0x1235)
    context = ContextX86.build(
        stray, context_flags=0x1003F, seg_ds=0x23, seg_es=0x23, seg_cs=8, e_flags=0x246, eip=DISK32 + 0x1333
    )
    record = ExceptionRecord32.build(
        stray, exception_code=0xC0000005, exception_flags=0, exception_record=0, exception_address=DISK32 + 0x1333,
        number_parameters=2,
    )  # fmt: skip
    stack = bytes(context) + bytes(record) + words32(0, FILTER32 + 0x1301, 0)
    assert shown(walk(x86(stack, NT32 + 0x1501, 0)).crash, 32)[1:] == [("filter+0x1301", SCAN)]


class FunctionTable:
    """Symbols of one function at RVA 0x1500 of 0x80 bytes, which keeps no frame pointer."""

    program = FrameProgram(0x1500, 0x80, 8, 0, 4, 0, "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $esi $T0 4 - ^ = ")

    def nearest(self, rva: int) -> Symbol | None:
        return Symbol("Worker", 0x1500, None, SymbolOrigin.PDB)

    def line(self, rva: int) -> SourceLine | None:
        return None

    def inlines(self, rva: int) -> Sequence[InlineSite]:
        return ()

    def frame_program(self, rva: int) -> FrameProgram | None:
        return self.program if 0 <= rva - self.program.rva < self.program.size else None


class Symbols:
    """Symbols of nt alone, and no image."""

    def image(self, _: Module) -> None:
        return None

    def symbols(self, module: Module) -> FunctionTable | None:
        return FunctionTable() if module.name == "nt" else None

    def files(self, _: Module) -> None:
        return None


def test_a_pdb_leads_through_functions_without_a_frame() -> None:
    stack = words32(
        NT32 + 0x1111,  # 00 a local
        DISK32 + 0x4445,  # 04 a stale return address
        0x51,  # 08 saved esi
        DISK32 + 0x1235,  # 0C RETURN
        STACK32 + 0x20,  # 10 a local of the caller
        0,  # 14
        0,  # 18 saved ebp of the first function: here ebp points
        FILTER32 + 0x1301,  # 1C RETURN
    )
    proof = {DISK32 + 0x1230: b"\xe8" + struct.pack("<i", NT32 + 0x1500 - DISK32 - 0x1235)}
    crash = walk(x86(stack, NT32 + 0x1520, STACK32 + 0x18, code=proof), Symbols()).crash
    assert [frame.pc for frame in crash.frames] == [NT32 + 0x1520, DISK32 + 0x1235, FILTER32 + 0x1301]
    assert [frame.trust for frame in crash.frames] == [CONTEXT, FrameTrust.UNWIND_INFO, FP]
    # Parameters that were pushed since shift what the record says; the code still proves the return address.
    pushed = walk(x86(words32(1, 2) + stack, NT32 + 0x1520, STACK32 + 0x20, code=proof), Symbols()).crash
    assert [frame.pc for frame in pushed.frames] == [frame.pc for frame in crash.frames]
    assert pushed.frames[1].trust is FrameTrust.UNWIND_INFO
    # Without the code nothing is proved.
    unproved = walk(x86(stack, NT32 + 0x1520, STACK32 + 0x18), Symbols()).crash
    assert [frame.pc for frame in unproved.frames] == [frame.pc for frame in crash.frames]
    assert unproved.frames[1].trust is SCAN


class FramedTable(FunctionTable):
    """The same function, with a frame of EBP."""

    program = FrameProgram(0x1500, 0x80, 0, 0, 0, 0, "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + = ")


class FramedSymbols(Symbols):
    """Symbols of nt alone, and no image."""

    def symbols(self, module: Module) -> FunctionTable | None:
        return FramedTable() if module.name == "nt" else None


def test_behind_a_trap_frame_the_exact_steps_know_ebp() -> None:
    stack = trap_frame(NT32 + 0x1540, STACK32 + 0x80)[:0x74] + words32(
        0,  # 74
        0,  # 78
        0,  # 7C
        0,  # 80 saved ebp: here ebp points
        FILTER32 + 0x1301,  # 84 RETURN
        0,
    )
    crash = walk(x86(stack, DISK32 + 0x1001, 0), FramedSymbols()).crash
    assert [(frame.pc, frame.trust) for frame in crash.frames[-2:]] == [
        (NT32 + 0x1540, CONTEXT),
        (FILTER32 + 0x1301, FrameTrust.UNWIND_INFO),
    ]
