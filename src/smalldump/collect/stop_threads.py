"""Threads that a bug check names: who holds what others wait for, and what a processor runs that answers no more.

Their stacks tell why the machine was stopped, and are not the one that the dump is about. Source: Microsoft's bug check
reference, for the meaning of the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from smalldump.collect.threads import offsets_of, stack_bytes, thread_ranges
from smalldump.layout.executive import Eresource32, Eresource64
from smalldump.model import Absent, Snapshot
from smalldump.model.absent import present
from smalldump.model.requests import RangeRequest, Rank
from smalldump.unwind import CodeLookup, Frame, walk_from

__all__ = ["frames_of_stop_threads", "stop_thread_ranges", "stop_threads"]

_FLAGS = 0b11  # of OWNER_ENTRY.OwnerThread: the two lowest bits say that it is no thread


class _Leads(NamedTuple):
    """A parameter that leads to threads.

    Attributes:
        parameter: Its number, from 1.
        first: What parameter 1 must be; None for anything.
    """

    parameter: int
    threads: Callable[[Snapshot, int], Iterator[int]]
    first: int | None = None


def stop_threads(machine: Snapshot) -> Iterator[int]:
    """Addresses of the ETHREADs that the parameters of the bug check lead to."""
    stop, lowest = machine.bug_check, machine.machine.kernel_start
    if isinstance(stop, Absent):
        return
    for leads in _BY_CODE.get(stop.code, ()):
        address = stop.parameters[leads.parameter - 1]
        if leads.first in (None, stop.parameters[0]) and address >= lowest:
            yield from (thread for thread in leads.threads(machine, address) if thread >= lowest)


def stop_thread_ranges(machine: Snapshot) -> Iterator[RangeRequest]:
    """The ETHREADs, and the stacks on which they wait or run."""
    for address in stop_threads(machine):
        yield from thread_ranges(machine, address, Rank.BUG_CHECK)
        state = machine.thread_at(address)
        if state is not None and not isinstance(state.stack, Absent):
            size = min(len(state.stack.data), stack_bytes(machine))
            yield RangeRequest(state.stack.start, size, "stack of a thread", rank=Rank.BUG_CHECK)


def frames_of_stop_threads(machine: Snapshot, images: CodeLookup) -> Iterator[Frame]:
    """The frames of their stacks."""
    for address in stop_threads(machine):
        state = machine.thread_at(address)
        if state is not None and not isinstance(state.registers, Absent):
            yield from walk_from(machine, state.registers, state.stack, images).frames


def _itself(_: Snapshot, address: int) -> Iterator[int]:
    yield address


def _owner(machine: Snapshot, address: int) -> Iterator[int]:
    kind = Eresource64 if machine.machine.bits == 64 else Eresource32
    data = machine.memory.try_read(address, kind.SIZE)
    owner = 0 if data is None else kind(data).owner_thread
    if owner & _FLAGS == 0:
        yield owner


def _running_on(machine: Snapshot, address: int) -> Iterator[int]:
    offset = offsets_of(machine).offset("KPRCB", "current")
    states = present(machine.processors) or ()
    known = next((state.thread for state in states if state.prcb == address), Absent.NOT_CAPTURED)
    if not isinstance(known, Absent):
        yield known
    elif offset is not None:
        yield machine.memory.word(address + offset, machine.machine.pointer) or 0


_BY_CODE: Mapping[int, tuple[_Leads, ...]] = {
    0x9F: (_Leads(3, _itself, 4),),
    0xEA: (_Leads(1, _itself),),
    0x101: (_Leads(3, _running_on),),
    0x1CC: (_Leads(1, _owner), _Leads(2, _itself)),
}
