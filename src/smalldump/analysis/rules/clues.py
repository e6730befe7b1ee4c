"""Pieces of evidence that many families look for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smalldump.analysis.evidence import Evidence, is_skipped
from smalldump.analysis.parameters import read_unicode_string
from smalldump.analysis.requests import device_driver, request_holder
from smalldump.analysis.rules.rule import Case
from smalldump.analysis.weights import Kind
from smalldump.model import Absent, Module
from smalldump.model.machine import X64
from smalldump.unwind import Frame, FrameTrust

__all__ = [
    "all_clues",
    "at_parameter",
    "behind_device",
    "behind_request",
    "by_hint",
    "calling_the_bug_check",
    "first_driver",
    "first_driver_of",
    "named_at",
    "named_by_windows",
    "of_failing_instruction",
]


def all_clues(case: Case) -> Iterator[Evidence]:
    """What every bug check can be asked for."""
    yield from named_by_windows(case)
    yield from by_hint(case)
    yield from of_failing_instruction(case)
    yield from calling_the_bug_check(case)
    yield from first_driver(case)


def named_by_windows(case: Case) -> Iterator[Evidence]:
    """The driver that Windows itself wrote into the dump."""
    name = case.machine.broken_driver
    if not isinstance(name, Absent):
        yield Evidence(Kind.BROKEN_DRIVER, _called(case, name), "Windows itself named it in the dump")


def by_hint(case: Case) -> Iterator[Evidence]:
    """What the parameter leads to that the knowledge base points out."""
    hint = case.hint
    if hint is None or not case.parameters:
        return
    if hint.kind == "pointer:unicode_string":
        yield from named_at(case, hint.param)
    elif hint.kind in ("address-code", "address-data"):
        yield from at_parameter(case, hint.param, hint.how)


def named_at(case: Case, number: int) -> Iterator[Evidence]:
    """The driver whose name a parameter points to."""
    name = read_unicode_string(case.machine, case.value(number))
    if name:
        yield Evidence(Kind.NAMED_PARAMETER, _called(case, name), f"parameter {number} names it")


def at_parameter(case: Case, number: int, how: str, kind: Kind = Kind.PARAMETER) -> Iterator[Evidence]:
    """The driver, loaded or unloaded, that a parameter points into."""
    place = case.place(number)
    if place.unloaded is not None:
        text = f"parameter {number} points to where it was loaded before"
        yield Evidence(Kind.UNLOADED_DRIVER, place.unloaded.name, text)
    elif place.module is not None and not is_skipped(place.module, case.machine, only_always=True):
        yield Evidence(kind, place.module.name, f"parameter {number} is {place.words}: {how}")


def behind_request(case: Case, number: int, irp: int | None = None) -> Iterator[Evidence]:
    """The driver that has the IRP which a parameter leads to."""
    holder = request_holder(case.machine, case.value(number) if irp is None else irp)
    if holder is not None and not is_skipped(holder, case.machine, only_always=True):
        text = f"it has the IRP that parameter {number} leads to, by the IRP's current stack location"
        yield Evidence(Kind.OBJECT_OWNER, holder.name, text)


def behind_device(case: Case, number: int) -> Iterator[Evidence]:
    """The driver of the device object that a parameter points to."""
    owner = device_driver(case.machine, case.value(number))
    if owner is not None and not is_skipped(owner, case.machine):
        yield Evidence(Kind.OBJECT_OWNER, owner.name, f"parameter {number} is a device object of it")


def of_failing_instruction(case: Case) -> Iterator[Evidence]:
    """The driver that the saved registers of the failure are in."""
    stacks = case.stacks
    if not stacks.crash.frames or not stacks.dispatch.frames:
        return  # the registers are those of the stop itself, not of a failure
    frame = stacks.crash.frames[0]
    if frame.unloaded is not None:
        text = f"{frame.words(case.bits)} was executed after that driver was gone"
        yield Evidence(Kind.UNLOADED_CODE, frame.unloaded.name, text)
    elif frame.module is not None and not is_skipped(frame.module, case.machine, only_always=True):
        text = f"the failing instruction is {frame.words(case.bits)}"
        yield Evidence(Kind.FAULTING_INSTRUCTION, frame.module.name, text)


def calling_the_bug_check(case: Case) -> Iterator[Evidence]:
    """The driver that called KeBugCheckEx, where the registers are those of its first instruction.

    There the stack pointer still leads to the return address. Functions begin at multiples of 16, and so does the
    stack before a call. Source: 12 of 21 real dumps stop there, as Microsoft's engine shows.
    """
    frames = case.frames
    if case.machine.machine is not X64 or case.stacks.dispatch.frames or len(frames) < 2:
        return
    stop, caller = frames[0], frames[1]
    at_entry = stop.pc % 16 == 0 and stop.sp % 16 == 8 and caller.sp == stop.sp + 8
    kernel = stop.module is not None and stop.module is case.machine.modules[0]
    if at_entry and kernel and caller.module is not None and not is_skipped(caller.module, case.machine):
        text = f"{caller.words(case.bits)} called the bug check"
        yield Evidence(Kind.BUG_CHECK_CALLER, caller.module.name, text)


def first_driver(case: Case) -> Iterator[Evidence]:
    """The first driver on the stack of the failure."""
    yield from first_driver_of(case, case.frames, Kind.FRAME, "is the first driver on the stack")


def first_driver_of(case: Case, frames: Sequence[Frame], kind: Kind, how: str) -> Iterator[Evidence]:
    """The first frame whose module is no kernel, framework or class driver; failing that, the first class driver.

    A frame that scanning found is `Kind.SCANNED_FRAME` whatever is asked for.
    """
    for only_always in (False, True):
        for frame in frames:
            if frame.module is not None and not is_skipped(frame.module, case.machine, only_always=only_always):
                yield _frame(case, frame, frame.module, kind, how)
                return


def _frame(case: Case, frame: Frame, module: Module, kind: Kind, how: str) -> Evidence:
    scanned = frame.trust is FrameTrust.SCAN
    text = f"{frame.words(case.bits)} {how}{', found by scanning' if scanned else ''}"
    return Evidence(Kind.SCANNED_FRAME if scanned else kind, module.name, text)


def _called(case: Case, name: str) -> str:
    # As WinDbg calls the module, where one of that file name is loaded.
    module = case.machine.modules.named(name.rpartition("\\")[2])
    return module.name if module else name
