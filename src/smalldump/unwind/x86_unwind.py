"""One step up a stack of x86: the registers that a function's caller had at the call.

x86 images hold no unwind information. The PDB has a program for each range of code (FRAMEDATA), or at least the sizes
of what the frame holds (FPO_DATA); without a PDB there is only the chain of EBP. In prologues and epilogues the code
itself says more than any of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import NamedTuple

from smalldump.memory import AddressSpace
from smalldump.model.machine import X86
from smalldump.model.symbols import FrameProgram
from smalldump.unwind.callsite import call_site, x86_call
from smalldump.unwind.frame_program import Evaluation, evaluate
from smalldump.unwind.unwound import NotUnwound
from smalldump.unwind.x86_code import CALLEE_SAVED, Prologue, after_epilogue, begins_here, prologue, restores

__all__ = ["How", "UnwoundX86", "unwind"]

_SEARCHED = 128
"""Words that are searched for a return address: what a function has pushed for calls and not yet taken away."""
_PUSHED = 32
"""Words among which a proved return address is preferred to a nearer one."""
_LARGEST = 0x100000
"""Bytes of the largest frame that is believed: more than a kernel stack, and than most frames of programs."""
_DIRECT_CALL = 5
"""Bytes of a CALL with its target in it."""
_decode = partial(x86_call, mask=X86.mask)


class How(Enum):
    """What the caller's registers follow from."""

    RECORD = "record"
    """The program of a FRAMEDATA record, or the sizes of an FPO_DATA record."""
    SEARCH = "search"
    """Nothing that proves it. The return address lies further up than a record says, because of what has been pushed
    since, or follows a call of another function, or code that is not there. Or the record holds only behind a prologue
    that has not ended. Or all that is seen is a RET, perhaps that of a helper that made room on the stack."""
    CODE = "code"
    """The instructions of the prologue or the epilogue that was interrupted, or of one that called a helper."""
    FRAME_POINTER = "frame_pointer"
    """The saved EBP."""


class UnwoundX86(NamedTuple):
    """The caller.

    Attributes:
        registers: What is known of its eip (the return address), esp, ebp, ebx, esi and edi. ESP lies right behind the
            return address: parameters that the callee took away are still to be added.
        params_size: Bytes of parameters that the function which was left takes on the stack; pass them on to the
            next step. 0 where that is not known.
    """

    registers: Mapping[str, int]
    how: How
    params_size: int = 0


def unwind(
    program: FrameProgram | None,
    base: int,
    memory: AddressSpace,
    registers: Mapping[str, int],
    *,
    exact_pc: bool,
    callee_params: int = 0,
    function: int | None = None,
    holds_code: Callable[[int], bool] | None = None,
) -> UnwoundX86 | NotUnwound:
    """Find the caller of the function that runs at `registers["eip"]`.

    Args:
        program: How the code at the program counter (one byte before it, where it is a return address) keeps its frame.
        base: Load address of the image, which `program.rva` counts from.
        memory: The stack, and as much code as there is.
        registers: eip, esp, and those of ebp, ebx, esi, edi that are known.
        exact_pc: Whether eip was interrupted; else it is a return address.
        callee_params: `params_size` of the step that led here.
        function: Address where the symbols say that the function begins: a CALL that leads there proves a return
            address where others lie around.
        holds_code: Whether an address lies in a loaded image; asked where the code before it is not there. Without it
            such addresses are no return addresses.

    Returns:
        The caller, or why there is none.
    """
    if "eip" not in registers or "esp" not in registers:
        return NotUnwound.UNKNOWN_REGISTER
    step = _Step(program, base, memory, registers, callee_params, function, holds_code or _nowhere)
    ways = (step.by_entry, step.by_epilogue, step.by_prologue, step.by_record) if exact_pc else (step.behind_helper,)
    found = next((found for way in (*ways, step.by_frame_pointer) if (found := way())), None)
    return found or (NotUnwound.NO_UNWIND_DATA if program is None else NotUnwound.BAD_UNWIND_DATA)


def _nowhere(_: int) -> bool:
    return False


def _jump(code: bytes, address: int) -> int | None:
    if len(code) < 5 or code[0] != 0xE9:
        return None
    return address + 5 + int.from_bytes(code[1:5], "little", signed=True) & X86.mask


class _Step(NamedTuple):
    program: FrameProgram | None
    base: int
    memory: AddressSpace
    registers: Mapping[str, int]
    callee_params: int
    function: int | None
    holds_code: Callable[[int], bool]

    # At its first instruction a function has pushed nothing yet, and an import's thunk has no other.
    def by_entry(self) -> UnwoundX86 | None:
        eip, esp = self.registers["eip"], self.registers["esp"]
        return self._caller(esp, self.registers, How.CODE) if self.function == eip or self._called(eip) else None

    def by_epilogue(self) -> UnwoundX86 | None:
        start = 0 if self.program is None else self.base + self.program.rva
        inside = range(start, start if self.program is None else start + self.program.size)
        state = after_epilogue(self.memory, self.registers, inside)
        if state is None:
            return None
        sure = state["esp"] != self.registers["esp"] or self._ends_here(state["esp"])
        return self._caller(state["esp"], state, How.CODE if sure else How.SEARCH)

    # Whether a lone RET is the function's own. A helper that makes or removes frames pushes where it returns to.
    def _ends_here(self, slot: int) -> bool:
        before = self.memory.read_some(self.registers["eip"] - 1, 1)
        return restores(before) or (before != b"" and before[0] & 0xF8 != 0x50 and self._calls_here(slot) is True)

    # FPO_DATA and older FRAMEDATA describe the frame behind the prologue. Newer FRAMEDATA has a record for each state
    # of the frame, and code between its beginning and the program counter that does nothing to the stack.
    def by_prologue(self) -> UnwoundX86 | None:
        return self._behind(self._prologue())

    def by_record(self) -> UnwoundX86 | None:
        if self.program is None:
            return None
        found = self._by_sizes(self.program) if self.program.program is None else self._by_program(self.program)
        done = self._prologue() if found else None
        return found if found is None or done is None or done.depth is not None else found._replace(how=How.SEARCH)

    # A prologue may call a helper that makes the frame (__SEH_prolog4, _EH_prolog3, _alloca_probe). Until that returns,
    # what the prologue had pushed lies below the return address; then the record holds.
    def behind_helper(self) -> UnwoundX86 | None:
        found, record = self.by_record(), self.program
        start = None if record is None else self.base + record.rva
        if record is None or start is None or self.registers["eip"] > start + record.prolog_size:
            return found
        if found is not None and self._calls_here(found.registers["esp"] - 4):
            return found
        code = self.memory.try_read(start, max(self.registers["eip"] - _DIRECT_CALL - start, 0))
        behind = self._behind(None if code is None else prologue(code))
        if behind is not None and self._calls_here(behind.registers["esp"] - 4):
            return behind
        return None if found is None else found._replace(how=How.SEARCH)

    def _behind(self, done: Prologue | None) -> UnwoundX86 | None:
        if done is None or done.depth is None:
            return None
        slot = self.registers["esp"] + done.depth
        return self._caller(slot, {**self.registers, **self._saved(done, slot)}, How.CODE)

    def by_frame_pointer(self) -> UnwoundX86 | None:
        esp, ebp = self.registers["esp"], self.registers.get("ebp")
        if ebp is None or ebp % 4 or not esp <= ebp < esp + _LARGEST:
            return None
        saved = self.memory.word(ebp, 4)
        return None if saved is None else self._caller(ebp + 4, {"ebp": saved}, How.FRAME_POINTER)

    def _prologue(self) -> Prologue | None:
        eip, record = self.registers["eip"], self.program
        if record is None:
            return begins_here(self.memory, eip)
        start = self.base + record.rva
        if not start <= eip < start + record.prolog_size:
            return None
        code = b"" if eip == start else self.memory.try_read(start, eip - start)
        if code is None:
            return None
        done = prologue(code)
        old = record.program is None or self.function == start or self._called(start)
        return done if done.depth or old else None

    def _saved(self, done: Prologue, slot: int) -> dict[str, int]:
        words = ((name, self.memory.word(slot - below, 4)) for name, below in done.saved.items())
        return {name: word for name, word in words if name in CALLEE_SAVED and word is not None}

    def _called(self, start: int) -> bool:
        address = self.memory.word(self.registers["esp"], 4)
        return address is not None and call_site(self.memory, address, _decode).target == start

    def _by_program(self, record: FrameProgram) -> UnwoundX86 | None:
        given = {f"${name}": value for name, value in self.registers.items()}
        given |= {
            ".cbLocals": record.locals_size,
            ".cbSavedRegs": record.saved_size,
            ".cbParams": record.params_size,
        }
        result = evaluate(record.program or "", given, self.memory, partial(self._search, record))
        if result is None or not {"$eip", "$esp"} <= result.assigned:
            return None
        esp, kept = result.values["$esp"], self._kept(record, result)
        how = self._how(record, result.slot)
        return self._caller(esp - 4 & X86.mask, kept, how, result.values["$eip"])

    # What the program does not restore was not saved, so it is unchanged: if it restores as much as was saved.
    def _kept(self, record: FrameProgram, result: Evaluation) -> dict[str, int]:
        restored = [name for name in CALLEE_SAVED if f"${name}" in result.assigned]
        names = CALLEE_SAVED if 4 * len(restored) >= record.saved_size else restored
        return {name: result.values[f"${name}"] for name in names if f"${name}" in result.values}

    # FPO_DATA does not say which registers were saved; the prologue does.
    def _by_sizes(self, record: FrameProgram) -> UnwoundX86 | None:
        code = self.memory.read_some(self.base + record.rva, record.prolog_size)
        done = prologue(code) if len(code) == record.prolog_size else Prologue(None, {}, whole=False)
        framed = done.framed is not None and "ebp" in self.registers
        slot = self.registers["ebp"] + (done.framed or 0) if framed else self._search(record)
        if slot is None:
            return None
        saved = self._saved(done, slot)
        kept = dict(self.registers) if done.whole or 4 * len(saved) >= record.saved_size else {}
        if not record.uses_ebp and "ebp" in self.registers:
            kept["ebp"] = self.registers["ebp"]
        within = self.registers["eip"] < self.base + record.rva + record.prolog_size
        how = How.SEARCH if within else self._how(record, None if framed else slot)
        return self._caller(slot, {**kept, **saved}, how)

    # A search that ended where it began is as good as the record, if a CALL was seen there that may lead here.
    def _how(self, record: FrameProgram, slot: int | None) -> How:
        if slot is None or (called := self._calls_here(slot)):
            return How.RECORD
        expected = self.registers["esp"] + record.locals_size + record.saved_size
        near = slot in (expected, expected + self.callee_params)
        seen = call_site(self.memory, self.memory.word(slot, 4) or 0, _decode).found
        return How.RECORD if near and seen and called is None else How.SEARCH

    # The return address lies above what the frame holds. Below that lie the parameters of the function that was called,
    # either pushed for the call or in a place kept among the locals, and what else has been pushed and not been taken
    # away yet.
    def _search(self, record: FrameProgram) -> int | None:
        size = record.locals_size + record.saved_size
        if size + self.callee_params > _LARGEST:
            return None
        start = self.registers["esp"] + size
        slots: Sequence[int] = (start + self.callee_params, *range(start, start + 4 * _SEARCHED, 4))
        near = start + self.callee_params + 4 * _PUSHED
        first: int | None = None
        for slot in slots:
            if first is not None and slot > near:
                break
            if self._returns(self.memory.word(slot, 4)):
                if self.function is None or self._calls_here(slot):
                    return slot
                first = slot if first is None else first
        return first

    # Whether the CALL before a return address leads to this very function, perhaps through a jump; None is not known.
    # It does not where the function was reached by a tail call or a thunk, or where the address is a stale one.
    def _calls_here(self, slot: int) -> bool | None:
        address = self.memory.word(slot, 4)
        target = None if address is None else call_site(self.memory, address, _decode).target
        if target is None or self.function is None:
            return None
        return self.function in (target, _jump(self.memory.read_some(target, 5), target))

    def _returns(self, address: int | None) -> bool:
        if address is None:
            return False
        found = call_site(self.memory, address, _decode).found
        return self.holds_code(address) if found is None else found

    def _caller(self, slot: int, kept: Mapping[str, int], how: How, eip: int | None = None) -> UnwoundX86 | None:
        esp = self.registers["esp"]
        address = self.memory.word(slot, 4) if eip is None else eip
        if address is None or not (esp <= slot < esp + _LARGEST and self._returns(address)):
            return None
        registers = {name: kept[name] for name in CALLEE_SAVED if name in kept}
        params = 0 if self.program is None else self.program.params_size
        return UnwoundX86({"eip": address, "esp": slot + 4, **registers}, how, params)
