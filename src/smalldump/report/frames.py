"""Frames of call stacks as the report writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from smalldump.model import Absent, Snapshot
from smalldump.model.machine import ARM64
from smalldump.model.symbols import PlaceName, SourceLine
from smalldump.report.values import Json, JsonObject, absent, address
from smalldump.unwind import CallStack, Frame, WalkEnd

__all__ = ["frames"]

_ARGUMENTS = 4
_NOT_WALKED = (WalkEnd.NO_CONTEXT, WalkEnd.NO_STACK, WalkEnd.UNSUPPORTED)


def frames(machine: Snapshot, stack: CallStack, needed: Iterable[object], *, args: bool = False) -> Json:
    """The frames of a stack, innermost first.

    Args:
        needed: What a walk needs; of a walk that could not begin, the first of them that is absent says why.
        args: Whether the words are told where arguments of each function lie.
    """
    if stack.frames or stack.end not in _NOT_WALKED:
        written = [_frame(frame) for frame in stack.frames]
        return _with_arguments(machine, stack.frames, written) if args and machine.machine is not ARM64 else written
    return absent(next((each for each in needed if isinstance(each, Absent)), Absent.NOT_CAPTURED))


def _frame(frame: Frame) -> JsonObject:
    written: JsonObject = {
        "pc": address(frame.pc),
        "sp": address(frame.sp),
        "return_address": None if frame.return_address is None else address(frame.return_address),
        "module": frame.module.name if frame.module else None,
        "offset": None if frame.offset is None else address(frame.offset),
        "symbol": None if frame.name is None else frame.text(),
        "trust": frame.trust.value,
    }
    if frame.unloaded:
        written["unloaded_module"] = frame.unloaded.name
    return written if frame.name is None else written | _named(frame.name)


# Arguments, or room for them, begin where the stack pointer is after the return: on x86 those that were pushed, on x64
# the home of the first four, which only some functions fill. ARM64 keeps none on the stack.
def _with_arguments(machine: Snapshot, frames: Sequence[Frame], written: list[JsonObject]) -> list[JsonObject]:
    size = machine.machine.pointer
    for (frame, outer), each in zip(pairwise(frames), written, strict=False):
        if frame.return_address is not None:
            words = [machine.memory.word(outer.sp + at * size, size) for at in range(_ARGUMENTS)]
            each["args"] = [address(word) for word in words if word is not None]
    return written


def _named(name: PlaceName) -> JsonObject:
    written: JsonObject = {"symbol_origin": name.symbol.origin.value}
    if name.line:
        written["source"] = _line(name.line)
    if name.inlines:
        written["inlines"] = [
            {"name": site.name} | ({} if site.line is None else _line(site.line)) for site in name.inlines
        ]
    return written


def _line(line: SourceLine) -> JsonObject:
    return {"file": line.file, "line": line.line}
