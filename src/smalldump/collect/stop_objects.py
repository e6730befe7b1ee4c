"""The bug check's own objects: what its parameters point to, as far as the verdict hangs on it; but for threads.

Source: Microsoft's bug check reference, for the meaning of the parameters of each code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from smalldump.collect.io_objects import io_objects
from smalldump.layout.context import (
    ContextArm64,
    ContextX64,
    ContextX86,
    ExceptionRecord32,
    ExceptionRecord64,
)
from smalldump.layout.executive import Eresource32, Eresource64
from smalldump.model import Absent, Snapshot
from smalldump.model.machine import ARM64, X64, X86
from smalldump.model.requests import RangeRequest, Rank

__all__ = ["stop_objects"]

_CONTEXT_BYTES = {X64: ContextX64.SIZE, X86: ContextX86.SIZE, ARM64: ContextArm64.SIZE}
_LONGEST_RECORD = 0x10000
_LENGTH_AT = 0x14  # of WHEA_ERROR_RECORD_HEADER, the bytes of the whole record
_STRING_BYTES = 0x200
_PROCESS_BYTES = 0x800  # where the debugger data block does not tell the size

_Ranges = Iterator[RangeRequest]


class _Leads(NamedTuple):
    """A parameter that points to an object.

    Attributes:
        parameter: Its number, from 1.
        first: What parameter 1 must be; None for anything.
    """

    parameter: int
    ranges: Callable[[Snapshot, int], _Ranges]
    first: int | None = None


def stop_objects(machine: Snapshot) -> _Ranges:
    """The ranges of the objects that the parameters of the bug check lead to."""
    stop = machine.bug_check
    if isinstance(stop, Absent):
        return
    for leads in _BY_CODE.get(stop.code, ()):
        address = stop.parameters[leads.parameter - 1]
        if leads.first in (None, stop.parameters[0]) and address >= machine.machine.kernel_start:
            yield from leads.ranges(machine, address)


def _context(machine: Snapshot, address: int) -> _Ranges:
    yield _part(address, _CONTEXT_BYTES.get(machine.machine, 0), "CONTEXT")


def _exception(machine: Snapshot, address: int) -> _Ranges:
    kind = ExceptionRecord64 if machine.machine.bits == 64 else ExceptionRecord32
    yield _part(address, kind.SIZE, "EXCEPTION_RECORD")


def _trap_frame(_: Snapshot, address: int) -> _Ranges:
    yield _part(address, 0x200, "trap frame")


def _error_record(machine: Snapshot, address: int) -> _Ranges:
    if machine.memory.try_read(address, 4) == b"CPER":
        length = machine.memory.word(address + _LENGTH_AT, 4) or 0
        yield _part(address, min(length, _LONGEST_RECORD), "WHEA_ERROR_RECORD")


def _process(machine: Snapshot, address: int) -> _Ranges:
    words = machine.debugger_data
    size = 0 if isinstance(words, Absent) else words.get("size_eprocess", 0)
    yield _part(address, size or _PROCESS_BYTES, "EPROCESS")


def _resource(machine: Snapshot, address: int) -> _Ranges:
    kind = Eresource64 if machine.machine.bits == 64 else Eresource32
    yield _part(address, kind.SIZE, "ERESOURCE")


def _string(machine: Snapshot, address: int) -> _Ranges:
    size = machine.machine.pointer
    length, text = machine.memory.word(address, 2), machine.memory.word(address + size, size)
    if length and text:
        yield _part(text, min(length, _STRING_BYTES), "text of a UNICODE_STRING")


def _pointed_to(machine: Snapshot, address: int) -> _Ranges:
    size = machine.machine.pointer
    for at in range(address, address + 0x80, size):
        value = machine.memory.word(at, size) or 0
        if value >= machine.machine.kernel_start:
            yield _part(value, 0x100, "what a triage block points to")


def _part(address: int, size: int, why: str) -> RangeRequest:
    return RangeRequest(address, size, why, rank=Rank.BUG_CHECK)


_BY_EXCEPTION = (_Leads(2, _exception), _Leads(3, _context))  # of file systems, where an exception was the reason
_BY_CODE: Mapping[int, tuple[_Leads, ...]] = {
    0x18: (_Leads(2, io_objects),),
    0x22: _BY_EXCEPTION,
    0x23: _BY_EXCEPTION,
    0x24: _BY_EXCEPTION,
    0x27: (_Leads(3, _exception), _Leads(4, _context)),
    0x3B: (_Leads(3, _context),),
    0x44: (_Leads(1, io_objects),),
    0x7B: (_Leads(1, _string), _Leads(1, io_objects)),
    0x7E: (_Leads(3, _exception), _Leads(4, _context)),
    0x7F: (_Leads(2, _trap_frame, 8),),
    0x8E: (_Leads(3, _trap_frame),),
    0x9F: (
        _Leads(2, io_objects),
        *(_Leads(3, io_objects, first) for first in (1, 2, 0x500)),
        _Leads(3, _pointed_to, 3),
        _Leads(4, io_objects),
    ),
    0xC9: (_Leads(3, io_objects), _Leads(4, io_objects)),
    0xD8: (_Leads(1, _string),),
    0xEA: (_Leads(3, _string),),
    0xEF: (_Leads(1, _process),),
    0xF4: (_Leads(2, _process),),
    0xFE: (_Leads(2, io_objects), _Leads(3, io_objects), _Leads(4, io_objects)),
    0x124: (_Leads(2, _error_record),),
    0x133: (_Leads(3, _pointed_to, 1),),
    0x139: (_Leads(2, _trap_frame), _Leads(3, _exception)),
    0x144: (_Leads(2, io_objects), _Leads(3, io_objects), _Leads(4, io_objects)),
    0x1CC: (_Leads(1, _resource),),
}
