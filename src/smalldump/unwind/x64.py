"""Stacks of x64.

Functions keep the stack aligned: at each CALL the stack pointer is a multiple of 16, so a return address lies in a
slot whose address is 8 more than one. A function that calls has at least the home space of its callee below its own
return address. Source: Microsoft's x64 calling convention.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from smalldump.layout.context import ContextX64, ExceptionRecord64, KtrapFrameX64
from smalldump.model.machine import X64
from smalldump.unwind.architecture import Architecture, Interruption, Shapes, State
from smalldump.unwind.callsite import call_site, x86_call
from smalldump.unwind.shapes import exception_records, flags_fit, places, shapes_of
from smalldump.unwind.view import StackView
from smalldump.unwind.x64_scan import by_scan

__all__ = ["ARCHITECTURE"]

_DISPATCHER_CONTEXT = 0x50
"""Size of a DISPATCHER_CONTEXT (winnt.h)."""
_CONTEXT_MASK, _CONTEXT_WORD = 0xFFFF_1F80_07FF_0000, 0x0000_1F80_0010_0000
"""ContextFlags and MxCsr of a CONTEXT make up one word: CONTEXT_AMD64, and all exceptions masked as in kernel code."""
_CODE = _KERNEL_CS, _USER_CS = 0x10, 0x33
_KERNEL_SS, _USER_SS = (0, 0x18), 0x2B
_MX_CSR = 0x1F80
"""MxCsr of the kernel: all exceptions masked."""
_decode = partial(x86_call, mask=X64.mask)


def shapes(view: StackView) -> Shapes:
    """Trap frames, contexts, exception records and dispatcher contexts, each known by fields that must fit."""
    interruptions = list(_interruptions(view))
    ranges = [*_contexts(view), *exception_records(view, ExceptionRecord64), *_dispatcher_contexts(view)]
    return shapes_of(interruptions, ranges)


def returns(view: StackView, address: int) -> bool | None:
    """Whether an address lies in code, behind a CALL; None where the code before it is not there."""
    return call_site(view.memory, address, _decode).found if view.holds_code(address) else False


ARCHITECTURE = Architecture(shapes, returns, (by_scan,))


def _interruptions(view: StackView) -> Iterator[Interruption]:
    for start in places(view, KtrapFrameX64.seg_cs.offset, 0xFFFF, _CODE):
        if start + KtrapFrameX64.SIZE <= view.end and (trap := _interruption(view, start)):
            yield trap


def _interruption(view: StackView, start: int) -> Interruption | None:
    rip, cs, flags, rsp, ss = view.run(start + KtrapFrameX64.rip.offset, 5)
    end, user = start + KtrapFrameX64.SIZE, cs & 0xFFFF == _USER_CS
    if not flags_fit(flags):
        return None
    if user:
        fits = ss & 0xFFFF == _USER_SS and max(rip, rsp) < X64.kernel_start
    elif rsp in view:
        # The processor aligns the stack pointer before it pushes the frame.
        fits = ss & 0xFFFF in _KERNEL_SS and rsp & ~15 == end
    else:
        (masks,) = view.run(start + KtrapFrameX64.mx_csr.offset & -8, 1)
        fits = ss & 0xFFFF in _KERNEL_SS and rsp >= X64.kernel_start and rsp % 8 == 0
        fits = fits and masks >> 32 & _MX_CSR == _MX_CSR and view.holds_code(rip)
    (rbp,) = view.run(start + KtrapFrameX64.rbp.offset, 1)
    return Interruption(start, end, State(rip, rsp, rbp), user) if fits else None


def _contexts(view: StackView) -> Iterator[tuple[int, int]]:
    for start in places(view, ContextX64.context_flags.offset, _CONTEXT_MASK, (_CONTEXT_WORD,)):
        segments = view.word(start + ContextX64.seg_cs.offset)
        if segments is not None and segments & 0xFFFF in _CODE:
            yield start, start + ContextX64.SIZE


def _dispatcher_contexts(view: StackView) -> Iterator[tuple[int, int]]:
    # They begin with ControlPc, ImageBase, FunctionEntry and EstablisherFrame.
    for at, base in view.pointers:
        if base & 0xFFF:
            continue
        start = view.start + 8 * (at - 1)
        control, _, function, frame = view.run(start, 4) or (0, 0, 0, 0)
        owner = view.owner(control) if frame in view else None
        if owner is not None and owner.base == base and owner is view.owner(function):
            yield start, start + _DISPATCHER_CONTEXT
