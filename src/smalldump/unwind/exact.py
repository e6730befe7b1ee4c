"""Steps that images prove: the caller by unwind information, as far as registers and images lead.

The architectures' own modules know how one function is undone; here stands when it may be, and what comes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from smalldump.memory import AddressSpace
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.unwind import arm64_unwind, x64_unwind, x86_unwind
from smalldump.unwind.architecture import ExactStep, State
from smalldump.unwind.code import Code
from smalldump.unwind.frames import FrameTrust
from smalldump.unwind.unwound import NotUnwound, UnwindKind, Unwound

__all__ = ["FRAME_SIZES", "STEPS", "arm64_frame_size", "arm64_step", "x64_frame_size", "x64_step", "x86_step"]

_TRUST = {
    x86_unwind.How.RECORD: FrameTrust.UNWIND_INFO,
    x86_unwind.How.CODE: FrameTrust.CALL_PROVED,
    x86_unwind.How.SEARCH: FrameTrust.SCAN,
}
_Unwind = Callable[..., Unwound | NotUnwound]


def x64_step(code: Code, memory: AddressSpace, state: State) -> ExactStep | NotUnwound:
    """The caller of an x64 function whose image is at hand."""
    return _step(X64, x64_unwind.unwind, code, memory, state)


def arm64_step(code: Code, memory: AddressSpace, state: State) -> ExactStep | NotUnwound:
    """The caller of an ARM64 function whose image is at hand."""
    return _step(ARM64, arm64_unwind.unwind, code, memory, state)


def x86_step(code: Code, _: AddressSpace, state: State) -> ExactStep | NotUnwound:
    """The caller of an x86 function, by its PDB, or by the code where it begins or ends.

    The chain of EBP alone is no exact step: it passes over functions that keep no frame.
    """
    if state.pc is None:
        return NotUnwound.UNKNOWN_REGISTER
    place = state.pc if state.interrupted else state.pc - 1
    found = code.symbols_at(place)
    base, symbols = (0, None) if found is None else (found[0].base, found[1])
    function = None if symbols is None else symbols.nearest(place - base)
    caller = x86_unwind.unwind(
        None if symbols is None else symbols.frame_program(place - base),
        base,
        code,
        _known(X86, state),
        exact_pc=state.interrupted,
        callee_params=state.params_size,
        function=None if function is None else base + function.rva,
        holds_code=code.holds,
    )
    if isinstance(caller, NotUnwound):
        return caller
    trust, values = _TRUST.get(caller.how), caller.registers
    if trust is None:
        return NotUnwound.NO_UNWIND_DATA
    if state.interrupted and _in_prologue(code, values["eip"] - 1):
        trust = FrameTrust.SCAN
    outer = State(values["eip"], values["esp"], values.get("ebp"), None, values, False, caller.params_size)
    return ExactStep(outer, trust)


# Of code that a trap frame interrupted only program counter, stack and frame pointer are known.
def _known(machine: Machine, state: State) -> dict[str, int]:
    pointers = {machine.fp: state.fp, machine.pc: state.pc, machine.sp: state.sp}
    return {**state.registers, **{name: value for name, value in pointers.items() if value is not None}}


# What a prologue calls is a helper that makes room on the stack for it: nobody knows how much of that is done.
def _in_prologue(code: Code, place: int) -> bool:
    found = code.symbols_at(place)
    program = None if found is None else found[1].frame_program(place - found[0].base)
    return found is not None and program is not None and place - found[0].base < program.rva + program.prolog_size


def x64_frame_size(code: Code, address: int) -> int | None:
    """Bytes from the stack pointer behind a call that returns to `address` up to the next return address."""
    found = code.image_at(address - 1)
    return None if found is None else x64_unwind.frame_size(found[1], address - found[0].base)


def arm64_frame_size(code: Code, address: int) -> int | None:
    """Bytes from the stack pointer behind a call that returns to `address` up to the next return address."""
    found = code.image_at(address - 4)
    return None if found is None else arm64_unwind.frame_size(found[1], address - found[0].base)


def _step(machine: Machine, unwind: _Unwind, code: Code, memory: AddressSpace, state: State) -> ExactStep | NotUnwound:
    if state.pc is None:
        return NotUnwound.UNKNOWN_REGISTER
    found = code.image_at(state.pc if state.interrupted else state.pc - 1)
    if found is None:
        return NotUnwound.NO_CODE
    module, image = found
    caller = unwind(image, module.base, memory, _known(machine, state), exact_pc=state.interrupted)
    if isinstance(caller, NotUnwound):
        return caller
    values = caller.registers
    interrupted = caller.kind is not UnwindKind.CALL
    link = values.get("lr") if interrupted else None
    outer = State(values[machine.pc], values[machine.sp], values.get(machine.fp), link, values, interrupted)
    return ExactStep(outer, FrameTrust.UNWIND_INFO, not caller.leaf)


STEPS: Mapping[Machine, Callable[[Code, AddressSpace, State], ExactStep | NotUnwound]] = {
    X64: x64_step,
    X86: x86_step,
    ARM64: arm64_step,
}
"""The step to the caller, by machine."""

FRAME_SIZES: Mapping[Machine, Callable[[Code, int], int | None]] = {X64: x64_frame_size, ARM64: arm64_frame_size}
"""The size of a frame whose image is at hand, by machine."""
