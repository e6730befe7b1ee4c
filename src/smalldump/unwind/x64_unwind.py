"""One step up a stack of x64, by the unwind information of the image.

In the body of a function all operations of its prologue are undone; in the prologue those that were done; in an
epilogue what is left of it is done. A function without unwind information is a leaf: it has moved neither the stack
pointer nor any register that belongs to its caller. Source: Microsoft's "x64 exception handling".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from smalldump.errors import FormatError, MemoryUnavailable
from smalldump.images import PeImage, RuntimeFunction
from smalldump.layout.unwind_info import REGISTERS, Op, UnwindCode, UnwindInfo
from smalldump.memory import AddressSpace
from smalldump.unwind.stack_reader import StackReader
from smalldump.unwind.unwound import NotUnwound, Stuck, UnwindKind, Unwound, attempted
from smalldump.unwind.x64_body import bodies_of, body_of
from smalldump.unwind.x64_epilogue import REACH, Ending, ending

__all__ = ["frame_size", "unwind"]

NONVOLATILE = (
    *("rbx", "rbp", "rsi", "rdi", "r12", "r13", "r14", "r15"),
    *(f"xmm{number}" for number in range(6, 16)),
)
"""What a function must preserve for its caller; all other registers are lost in a call."""
_KEPT = frozenset(NONVOLATILE)
_XMM = tuple(f"xmm{number}" for number in range(16))
_CHAIN = 32
"""Most entries that are followed from one to the next; real ones chain two or three."""
_PUSH, _MACHFRAME = Op.PUSH_NONVOL, Op.PUSH_MACHFRAME
_ALLOCATIONS = (Op.ALLOC_SMALL, Op.ALLOC_LARGE)
_SAVES = (Op.SAVE_NONVOL, Op.SAVE_NONVOL_FAR)
_XMM_SAVES = (Op.SAVE_XMM128, Op.SAVE_XMM128_FAR)
_MASK = (1 << 64) - 1
_LONGEST_STACK = 0x12000
_MACHINE_FRAME = struct.Struct("<5Q")


def unwind(
    image: PeImage, base: int, memory: AddressSpace, registers: Mapping[str, int], *, exact_pc: bool
) -> Unwound | NotUnwound:
    """Find the caller of the function that runs at `registers["rip"]`.

    Args:
        image: The image that holds it.
        base: Where the image is loaded.
        memory: Where the stack is.
        registers: By WinDbg's name, xmm registers as 128-bit integers; those that are not in it are not known.
        exact_pc: Whether rip was interrupted; else it is a return address.

    Returns:
        The caller's rip, rsp and nonvolatile registers, those that are known; for a machine frame also its cs, efl
        and ss. Where there is no caller, why.
    """

    def caller() -> Unwound:
        found = None if exact_pc else _by_body(image, base, memory, registers)
        return found or _Step(image, base, memory, registers, exact_pc).caller()

    return attempted(caller)


# The quick way for what calls from its body; None leaves it to the other.
def _by_body(image: PeImage, base: int, memory: AddressSpace, registers: Mapping[str, int]) -> Unwound | None:
    rva = registers["rip"] - base
    function = image.functions.find(rva - 1)
    if function is None or function.unwind & 1:
        return None
    bodies = bodies_of(image)
    if function.begin in bodies:
        body = bodies[function.begin]
    else:
        body = bodies[function.begin] = body_of(function.begin, [info for _, info in chained(image, function)])
    found = None if body is None or rva < body.start else body.recipe.read(memory, registers, "rsp")
    if found is None:
        return None
    kept = {name: registers[name] for name in NONVOLATILE if name in registers}
    return Unwound(kept | found, UnwindKind.CALL)


def frame_size(image: PeImage, rva: int) -> int | None:
    """Bytes from the stack pointer behind a call up to the slot of the function's own return address.

    Args:
        image: The image.
        rva: Where the call returns to.

    Returns:
        The size, or None where it depends on a frame register, is not described, or there is a machine frame instead.
    """
    try:
        function = image.functions.find(rva - 1)
        infos = [] if function is None else [info for _, info in chained(image, function)]
    except (FormatError, MemoryUnavailable, Stuck):
        return None
    codes = [code for info in infos for code in info.codes]
    if not codes or any(code.op in (Op.SET_FPREG, Op.PUSH_MACHFRAME) for code in codes):
        return None
    return sum(map(moved, codes))


def chained(image: PeImage, function: RuntimeFunction) -> Iterator[tuple[RuntimeFunction, UnwindInfo]]:
    """The entries whose prologues ran for a place in `function`, the latest first, with their unwind information."""
    for _ in range(_CHAIN):
        while function.unwind & 1:
            indirect = image.functions.read(function.unwind - 1)
            if indirect.unwind & 1:
                raise Stuck(NotUnwound.BAD_UNWIND_DATA)
            function = indirect
        info = image.functions.unwind_info(function.unwind)
        yield function, info
        if info.chained is None:
            return
        function = RuntimeFunction(*info.chained)
    raise Stuck(NotUnwound.BAD_UNWIND_DATA)


def moved(code: UnwindCode) -> int:
    """Bytes by which an operation moved the stack pointer."""
    return 8 if code.op is Op.PUSH_NONVOL else code.value if code.op in _ALLOCATIONS else 0


class _Step:
    """The registers while a function is undone."""

    def __init__(
        self, image: PeImage, base: int, memory: AddressSpace, registers: Mapping[str, int], exact_pc: bool
    ) -> None:
        self.image, self.base, self.memory, self.exact_pc = image, base, memory, exact_pc
        self.rva = registers["rip"] - base
        self.sp = self.start = registers["rsp"]
        self.stack = StackReader(memory, self.start)
        self.known = {name: registers[name] for name in NONVOLATILE if name in registers}
        self.volatile = registers
        self.left_stack = False  # deferred calls run on a stack of their own; a frame register leads back

    def caller(self) -> Unwound:
        function = self.image.functions.find(self.rva if self.exact_pc else self.rva - 1)
        if function is None:
            return self._leaf()
        entries = list(chained(self.image, function))
        # Assembly language with a handler of its own, which alone knows the frame: the hash functions of OpenSSL.
        if not any(info.codes for _, info in entries):
            return self._undescribed()
        if self.exact_pc and self._left(*entries[0], entries[-1][0]):
            return self._returned()
        for number, (entry, info) in enumerate(entries):
            done = self.rva - entry.begin if number == 0 and self.rva >= entry.begin else _MASK
            if self._undo(info, done):
                return self._interrupted(info)
        return self._returned()

    def _leaf(self) -> Unwound:
        if not self.exact_pc:
            raise Stuck(NotUnwound.NO_FUNCTION)
        if not self.image.is_code(self.rva):
            raise Stuck(NotUnwound.NOT_CODE)
        return self._returned()._replace(leaf=True)

    def _undescribed(self) -> Unwound:
        if not self.exact_pc:
            raise Stuck(NotUnwound.NO_FRAME)
        return self._returned()._replace(leaf=True)

    def _returned(self) -> Unwound:
        self.known["rip"] = self._pop()
        if self.sp > _MASK or (self.sp <= self.start and not self.left_stack):
            raise Stuck(NotUnwound.NO_PROGRESS)
        self.known["rsp"] = self.sp
        return Unwound(self.known, UnwindKind.CALL)

    # The processor pushed ss, rsp, rflags, cs and rip, and perhaps an error code.
    def _interrupted(self, info: UnwindInfo) -> Unwound:
        has_code = next(code.info for code in info.codes if code.op is Op.PUSH_MACHFRAME)
        rip, cs, flags, rsp, ss = _MACHINE_FRAME.unpack(self.stack.read(self.sp + 8 * has_code, _MACHINE_FRAME.size))
        self.known |= {"rip": rip, "rsp": rsp, "cs": cs & 0xFFFF, "efl": flags & 0xFFFFFFFF, "ss": ss & 0xFFFF}
        return Unwound(self.known, UnwindKind.MACHINE_FRAME)

    # Undoes what the first `done` bytes of the function did. True where a machine frame is left.
    def _undo(self, info: UnwindInfo, done: int) -> bool:
        codes, frame, hangs = info.codes, self.sp, info.frame_register is not None
        if done < info.size_of_prolog:
            # Save slots count from where the stack pointer is when the whole prologue is done.
            frame -= sum(moved(code) for code in codes if code.offset > done)
            codes = tuple(code for code in codes if code.offset <= done)
            hangs = hangs and any(code.op is Op.SET_FPREG for code in codes)
        if hangs:
            frame = self._register(info.frame_register) - info.frame_offset
        for code in codes:
            if code.op is _MACHFRAME:
                return True
            self._reverse(code, frame)
        return False

    def _reverse(self, code: UnwindCode, frame: int) -> None:
        if code.op is _PUSH:
            self._restore(REGISTERS[code.info], self._pop())
        elif code.op in _ALLOCATIONS:
            self.sp += code.value
        elif code.op in _SAVES:
            self._restore(REGISTERS[code.info], self.stack.word(frame + code.value))
        elif code.op in _XMM_SAVES:
            self._restore(_XMM[code.info], self.stack.word(frame + code.value, 16))
        else:  # SET_FPREG
            self.sp = frame
            self.left_stack = abs(frame - self.start) > _LONGEST_STACK

    # Some prologues push volatile registers, to make room.
    def _restore(self, name: str, value: int) -> None:
        if name in _KEPT:
            self.known[name] = value

    def _register(self, name: str | None) -> int:
        value = self.volatile.get(name) if name and name not in _KEPT else self.known.get(name or "")
        if value is None:
            raise Stuck(NotUnwound.UNKNOWN_REGISTER)
        return value

    def _pop(self) -> int:
        value = self.stack.word(self.sp)
        self.sp += 8
        return value

    # Does what is left of an epilogue, if rip is in one.
    def _left(self, function: RuntimeFunction, info: UnwindInfo, primary: RuntimeFunction) -> bool:
        described = self._described(function, info)
        if info.version == 2 and described is None:
            return False
        found = ending(self._code())
        if found is None and described is None:
            return False
        if described is None and found is not None and not found.pops and self._stays(found, function, info, primary):
            return False
        for register in found.pops if found is not None else described or ():
            self._restore(register, self._pop())
        return True

    # Version 2: registers that are popped from rip on, by the records of epilogues.
    def _described(self, function: RuntimeFunction, info: UnwindInfo) -> tuple[str, ...] | None:
        starts = ((function.end or 0) - distance for distance in info.epilogs)
        done = next((self.rva - start for start in starts if 0 <= self.rva - start < info.epilog_size), None)
        if done is None:
            return None
        pops = []
        for code in (code for code in info.codes if code.op is Op.PUSH_NONVOL):
            if done <= 0:
                pops.append(REGISTERS[code.info])
            done -= 1 if code.info < 8 else 2
        return tuple(pops)

    def _code(self) -> bytes:
        code = self.image.read_some(self.rva, REACH) or self.memory.read_some(self.base + self.rva, REACH)
        if not code:
            raise Stuck(NotUnwound.NO_CODE)
        return code

    # A jump within the function ends nothing: to its own bytes, or to another entry that is a part of it.
    def _stays(self, found: Ending, function: RuntimeFunction, info: UnwindInfo, primary: RuntimeFunction) -> bool:
        if found.target is None:
            return False
        target = self.rva + found.target
        if function.begin <= target < (function.end or 0):
            return target != function.begin or info.chained is not None
        other = self.image.functions.find(target)
        if other is None:
            return False
        parts = list(chained(self.image, other))
        if parts[-1][0] == primary:
            return target != primary.begin
        return target != other.begin or _is_part(parts[0][1])


# A part that was moved away from its function and has an entry of its own: its frame is there from the beginning.
def _is_part(info: UnwindInfo) -> bool:
    return info.chained is not None or (bool(info.codes) and info.size_of_prolog == 0)
