"""One step up a stack of ARM64, by the unwind data of the image.

Every instruction of a prologue or epilogue has its unwind code. In the body of a function all codes of its prologue
undo it; in the prologue those of the instructions that ran; in an epilogue its codes do what is left of it. A function
without unwind data is a leaf: it returns to where lr points. Source: Microsoft's "ARM64 exception handling".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from smalldump.errors import FormatError, MemoryUnavailable
from smalldump.images import PeImage, RuntimeFunction
from smalldump.layout.arm64_codes import Code, CodeSequence, Op, code_sequence
from smalldump.layout.arm64_xdata import FullRecord, parse_packed_record
from smalldump.layout.context import ContextArm64, KtrapFrameArm64
from smalldump.memory import AddressSpace
from smalldump.unwind.arm64_body import PRESERVED, bodies_of, body_of, preserved
from smalldump.unwind.stack_reader import StackReader
from smalldump.unwind.unwound import NotUnwound, Stuck, UnwindKind, Unwound, attempted

__all__ = ["frame_size", "stripped", "unwind"]

NONVOLATILE = tuple(sorted(PRESERVED))
_INSTRUCTION = 4
_COOKIE = 16
"""Bytes by which __security_pop_cookie moves the stack pointer of its caller."""
_ADDRESS_BITS = 47
"""Bits of an address that are not copies of one another; signatures of pointers lie in the copies."""
_CONTEXT_ARM64 = 0x400000  # of ContextFlags: whose CONTEXT it is
_MASK = (1 << 64) - 1
_PAIR = struct.Struct("<QQ")


def unwind(
    image: PeImage, base: int, memory: AddressSpace, registers: Mapping[str, int], *, exact_pc: bool
) -> Unwound | NotUnwound:
    """Find the caller of the function that runs at `registers["pc"]`.

    Args:
        image: The image that holds it.
        base: Where the image is loaded.
        memory: Where the stack is.
        registers: By WinDbg's name; those that are not in it are not known.
        exact_pc: Whether pc was interrupted; else it is a return address.

    Returns:
        The caller's pc, sp and nonvolatile registers, those that are known; where a context was saved, all that it
        holds. Where there is no caller, why.
    """

    def caller() -> Unwound:
        found = None if exact_pc else _by_body(image, base, memory, registers)
        return found or _Step(image, base, memory, registers, exact_pc).caller()

    return attempted(caller)


# The quick way for what calls from its body; None leaves it to the other.
def _by_body(image: PeImage, base: int, memory: AddressSpace, registers: Mapping[str, int]) -> Unwound | None:
    rva = registers["pc"] - base - _INSTRUCTION
    function = image.functions.find(rva)
    if function is None:
        return None
    codes, whole = _running(image, function, rva)
    bodies = bodies_of(image)
    if whole and function.begin not in bodies:
        bodies[function.begin] = body_of(codes)
    body = bodies[function.begin] if whole else None
    found = None if body is None else body.recipe.read(memory, registers, "sp")
    if body is None or found is None:
        return None
    found["lr"] = found["pc"] = stripped(found["lr"]) if body.signed else found["lr"]
    return Unwound({name: registers[name] for name in NONVOLATILE if name in registers} | found, UnwindKind.CALL)


def stripped(pointer: int) -> int:
    """A pointer to code without its signature: bit 55 tells whether it is the kernel's."""
    low = (1 << _ADDRESS_BITS) - 1
    return pointer | _MASK & ~low if pointer >> 55 & 1 else pointer & low


def frame_size(image: PeImage, rva: int) -> int | None:
    """Bytes from the stack pointer behind a call up to the slot where the function saved its return address.

    Args:
        image: The image.
        rva: Where the call returns to.

    Returns:
        The distance, or None where it depends on the frame pointer, is not known, or nothing was saved.
    """
    try:
        function = image.functions.find(rva - _INSTRUCTION)
        codes = () if function is None else _running(image, function, rva - _INSTRUCTION)[0]
    except (FormatError, MemoryUnavailable, Stuck):
        return None
    moved = 0
    for code in codes:
        if code.op not in (Op.ALLOC, Op.SAVE, Op.NOP):
            return None
        if "lr" in code.registers:
            return moved + code.offset + 8 * code.registers.index("lr")
        moved += code.size
    return None


# The codes that lead from a place in a function to its caller, and whether they are those of the body. A call counts as
# not executed: what it does to the stack (as __security_push_cookie does) is undone with the function that was called.
def _running(image: PeImage, function: RuntimeFunction, rva: int) -> tuple[tuple[Code, ...], bool]:
    place = rva - function.begin
    if function.unwind & 3:
        return _packed(function.unwind, place)
    record = image.functions.full_record(function.unwind)
    _check(place, record.length)
    prologue = code_sequence(record.codes, 0)
    if place < _INSTRUCTION * prologue.instructions:
        return _without(prologue, prologue.instructions - place // _INSTRUCTION), False
    found = _epilogue(record, place)
    if found is None:
        return prologue.codes, True
    start, epilogue = found
    left, moved = _without(epilogue, (place - start) // _INSTRUCTION), _moved_for_caller(prologue, epilogue)
    if moved:
        left = (*(code for code in left if code.op is not Op.CLEAR_UNWOUND_TO_CALL), Code(Op.ALLOC, size=moved))
    return left, False


def _packed(word: int, place: int) -> tuple[tuple[Code, ...], bool]:
    if word & 3 == 3:
        raise Stuck(NotUnwound.UNSUPPORTED)
    packed = parse_packed_record(word)
    _check(place, packed.length)
    start = packed.length - _INSTRUCTION * (packed.epilogue.instructions + 1)
    if not packed.fragment and place < _INSTRUCTION * packed.prologue.instructions:
        return _without(packed.prologue, packed.prologue.instructions - place // _INSTRUCTION), False
    if not packed.fragment and place >= start:
        return _without(packed.epilogue, (place - start) // _INSTRUCTION), False
    return packed.prologue.codes, True


def _check(place: int, length: int) -> None:
    if place >= length:
        raise Stuck(NotUnwound.NO_FUNCTION)


# __security_push_cookie and __security_pop_cookie return with another stack pointer than they were called with. Where
# they are about to, so many bytes lead back to the one of the call, in whose terms the caller is undone.
def _moved_for_caller(prologue: CodeSequence, epilogue: CodeSequence) -> int:
    codes = (*prologue.codes, *epilogue.codes)
    if any(code.op not in (Op.ALLOC, Op.NOP, Op.CLEAR_UNWOUND_TO_CALL) for code in codes):
        return 0
    return sum(code.size for code in prologue.codes) - sum(code.size for code in epilogue.codes)


# The epilogue that holds a place: its start, and its codes.
def _epilogue(record: FullRecord, place: int) -> tuple[int, CodeSequence] | None:
    for start, index in reversed(record.scopes):
        if start <= place:
            codes = code_sequence(record.codes, index)
            size = _INSTRUCTION * (codes.instructions + 1)
            begin = record.length - size if start < 0 else start
            return (begin, codes) if begin <= place < begin + size else None
    return None


# The codes but for the first `skipped` that stand for instructions.
def _without(sequence: CodeSequence, skipped: int) -> tuple[Code, ...]:
    codes, left = list[Code](), skipped
    for code in sequence.codes:
        if left > 0 and code.instructions:
            left -= 1
        else:
            codes.append(code)
    return tuple(codes)


class _Step:
    """The registers while a function is undone."""

    def __init__(
        self, image: PeImage, base: int, memory: AddressSpace, registers: Mapping[str, int], exact_pc: bool
    ) -> None:
        self.image, self.exact_pc = image, exact_pc
        # Of a call, the call itself.
        self.rva = registers["pc"] - base - (0 if exact_pc else _INSTRUCTION)
        self.sp = self.start = registers["sp"]
        self.stack = StackReader(memory, self.start)
        self.known = {name: registers[name] for name in NONVOLATILE if name in registers}
        self.pc: int | None = None  # once a frame was found that says where the code was interrupted
        self.called = True  # until the unwind data say otherwise
        self.linked = exact_pc  # whether lr is the return address of the function

    def caller(self) -> Unwound:
        function = self.image.functions.find(self.rva)
        if function is None:
            return self._leaf()
        try:
            codes, _ = _running(self.image, function, self.rva)
        except Stuck as stuck:
            if stuck.why is NotUnwound.NO_FUNCTION:
                return self._leaf()
            raise
        for code in codes:
            self._undo(code)
            if self.pc is not None:
                break
        return self._returned()

    def _leaf(self) -> Unwound:
        if not self.exact_pc:
            raise Stuck(NotUnwound.NO_FUNCTION)
        if not self.image.is_code(self.rva):
            raise Stuck(NotUnwound.NOT_CODE)
        return self._returned()._replace(leaf=True)

    def _returned(self) -> Unwound:
        if self.pc is not None:
            return Unwound(self.known | {"pc": self.pc, "sp": self.sp}, UnwindKind.MACHINE_FRAME)
        if "lr" not in self.known:
            raise Stuck(NotUnwound.UNKNOWN_REGISTER)
        # What called holds its return address in lr no more, and has a frame. What was interrupted need not have one.
        lowest = self.start - _COOKIE if self.exact_pc else self.start + 1
        if not self.linked or not lowest <= self.sp <= _MASK:
            raise Stuck(NotUnwound.NO_PROGRESS)
        kind = UnwindKind.CALL if self.called else UnwindKind.MACHINE_FRAME
        return Unwound(self.known | {"pc": self.known["lr"], "sp": self.sp}, kind)

    def _undo(self, code: Code) -> None:
        match code.op:
            case Op.ALLOC:
                self.sp += code.size
            case Op.SAVE:
                self._load(code)
            case Op.SET_FP | Op.ADD_FP:
                if "fp" not in self.known:
                    raise Stuck(NotUnwound.UNKNOWN_REGISTER)
                self.sp = self.known["fp"] - code.size
            case Op.PAC_SIGN_LR if "lr" in self.known:
                self.known["lr"] = stripped(self.known["lr"])
            case Op.MACHINE_FRAME | Op.CONTEXT | Op.TRAP_FRAME:
                self._interrupted(code.op)
            case Op.CLEAR_UNWOUND_TO_CALL:
                self.called = False
            case Op.NOP | Op.PAC_SIGN_LR:
                pass
            case _:  # the context of emulated code; vectors of unknown length
                raise Stuck(NotUnwound.UNSUPPORTED)

    def _interrupted(self, op: Op) -> None:
        if op is Op.MACHINE_FRAME:
            self.sp, self.pc = _PAIR.unpack(self.stack.read(self.sp, _PAIR.size))
        elif op is Op.CONTEXT:
            self._take_context()
        else:
            self._take_trap_frame()

    def _load(self, code: Code) -> None:
        width = 16 if code.registers[0][0] == "q" else 8
        address = self.sp + code.offset
        for name in code.registers:
            kept, value = preserved(name), self.stack.word(address)
            if kept is not None:
                self.known[kept] = value
            address += width
        self.linked |= "lr" in code.registers
        self.sp += code.size

    def _take_context(self) -> None:
        context = ContextArm64(self.stack.read(self.sp, ContextArm64.SIZE))
        if not context.context_flags & _CONTEXT_ARM64:
            raise Stuck(NotUnwound.NO_STACK)
        vectors = context.v
        self.known = {f"x{number}": value for number, value in enumerate(context.x)}
        self.known |= {"fp": context.fp, "lr": context.lr}
        self.known |= {f"d{number}": vectors[2 * number] for number in range(8, 16)}
        self.sp, self.pc = context.sp, context.pc

    def _take_trap_frame(self) -> None:
        frame = KtrapFrameArm64(self.stack.read(self.sp, KtrapFrameArm64.SIZE))
        self.known |= {f"x{number}": value for number, value in enumerate(frame.x)}
        self.known |= {"fp": frame.fp, "lr": frame.lr}
        self.sp, self.pc = frame.sp, frame.pc
