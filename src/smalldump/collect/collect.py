"""Collecting: everything that a reader of the small dump will need, with the reason and the rank of each range."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from smalldump.collect.contributors import Failure, asked_by_contributors
from smalldump.collect.kernel_variables import kernel_variables
from smalldump.collect.pointers import pages_of_registers, pointed_to_by_structures
from smalldump.collect.processor_group import processor_group
from smalldump.collect.processors import frames_elsewhere, other_processors
from smalldump.collect.stacks import stacks_beyond
from smalldump.collect.stop_objects import stop_objects
from smalldump.collect.stop_threads import frames_of_stop_threads, stop_thread_ranges
from smalldump.collect.unwind_data import NotedImages
from smalldump.model import Absent, Blob, Registers, Snapshot
from smalldump.model.requests import DumpContributor, RangeRequest, Rank
from smalldump.unwind import CodeLookup, Frame, FrameTrust, walk

__all__ = ["Collection", "collect"]

_PAGE = 0x1000
_LAB_BYTES = 0x100  # what dbgeng copies of NtBuildLab
_CODE_AT_PC = 0x10  # one byte keeps debuggers from inventing a frame; one instruction can be shown
_CODE_BEFORE_RETURN, _CODE_BEHIND_RETURN = 0x10, 0x100  # the longest CALL; what unwinders look at


class Collection(NamedTuple):
    """What should go into a small dump.

    Attributes:
        requests: By rank, the most needed first.
        blobs: Secondary data: the machine's own first, then those of contributors.
        failures: Contributors whose part is missing.
        drivers: Base addresses of the drivers on the stack, and on those of threads that the bug check names.
    """

    requests: tuple[RangeRequest, ...]
    blobs: tuple[Blob, ...]
    failures: tuple[Failure, ...]
    drivers: frozenset[int]


def collect(
    machine: Snapshot,
    wanted: Iterable[RangeRequest] = (),
    contributors: Iterable[DumpContributor | Failure] = (),
) -> Collection:
    """Find out what should go into the small dump of a machine.

    Args:
        wanted: Ranges that the caller asks for.
        contributors: Components that may add something of their own.
    """
    asked, blobs, failures = asked_by_contributors(machine, contributors)
    images = NotedImages(machine.memory)
    frames = _frames(machine, images)
    named = _frames_of_named(machine, images)
    group = list(processor_group(machine))
    requests = [
        *_mandatory(machine),
        *group,
        *_of_the_bug_check(machine),
        *wanted,
        *_asked_before(machine),
        *asked,
        *stacks_beyond(machine, frames),
        *_of_images(images, (*frames, *named), Rank.UNWIND),
        *_code_of((*frames, *named), Rank.CODE),
        *(_of_other_processors(machine, images) if group else ()),
        *pages_of_registers(machine),
        *kernel_variables(machine),
        *pointed_to_by_structures(machine),
        *_held_already(machine),
    ]
    return Collection(
        tuple(sorted(requests, key=lambda request: request.rank)),
        (*machine.blobs, *blobs),
        tuple(failures),
        _bases((*frames, *named)),
    )


def _mandatory(machine: Snapshot) -> Iterator[RangeRequest]:
    words = machine.debugger_data
    lab = 0 if isinstance(words, Absent) else words.get("nt_build_lab", 0)
    if lab:
        yield RangeRequest(lab, _LAB_BYTES, "NtBuildLab", rank=Rank.MANDATORY)
    for registers in _contexts(machine):
        yield RangeRequest(registers.pc, _CODE_AT_PC, "code at the program counter", rank=Rank.MANDATORY)


def _contexts(machine: Snapshot) -> Iterator[Registers]:
    for registers in machine.contexts:
        if not isinstance(registers, Absent):
            yield registers


def _of_the_bug_check(machine: Snapshot) -> Iterator[RangeRequest]:
    stop = machine.bug_check
    if isinstance(stop, Absent):
        return
    yield from chain(stop_objects(machine), stop_thread_ranges(machine))
    for number, value in enumerate(stop.parameters, 1):
        if value >= machine.machine.kernel_start:
            yield RangeRequest(value & -_PAGE, _PAGE, f"page of parameter {number}", rank=Rank.BUG_CHECK)


def _asked_before(machine: Snapshot) -> Iterator[RangeRequest]:
    for request in machine.requests:
        yield RangeRequest(request.address, request.size, "asked for", request.component, Rank.COMPONENT)


def _frames(machine: Snapshot, images: CodeLookup) -> Sequence[Frame]:
    stacks = walk(machine, images)
    return (*stacks.crash.frames, *stacks.dispatch.frames)


# A small dump has what there is of their code among its blocks, which go in anyway.
def _frames_of_named(machine: Snapshot, images: NotedImages) -> Sequence[Frame]:
    return tuple(frames_of_stop_threads(machine, images)) if images.some_found else ()


def _bases(frames: Iterable[Frame]) -> frozenset[int]:
    return frozenset(frame.module.base for frame in frames if frame.module is not None)


# Of drivers that only a search found on the stack, what could be had if it is right.
def _of_images(images: NotedImages, frames: Sequence[Frame], rank: Rank) -> Iterator[RangeRequest]:
    sure = _bases(frame for frame in frames if frame.trust > FrameTrust.SCAN)
    yield from images.requests(sure, rank)
    yield from images.tables(sure)
    yield from images.requests(_bases(frames), Rank.OTHER)


def _code_of(frames: Iterable[Frame], rank: Rank) -> Iterator[RangeRequest]:
    size = _CODE_BEFORE_RETURN + _CODE_BEHIND_RETURN
    for frame in frames:
        if frame.module is not None:
            yield RangeRequest(frame.pc - _CODE_BEFORE_RETURN, size, "code around a return address", rank=rank)


def _of_other_processors(machine: Snapshot, images: NotedImages) -> Iterator[RangeRequest]:
    yield from other_processors(machine)
    if not images.some_found:  # a small dump: what there is of the others' code is among its blocks, which go in anyway
        return
    frames = list(frames_elsewhere(machine, images))
    yield from _of_images(images, frames, Rank.PROCESSORS)
    yield from _code_of(frames, Rank.PROCESSORS)


def _held_already(machine: Snapshot) -> Iterator[RangeRequest]:
    for block in machine.data_blocks:
        yield RangeRequest(block.address, block.size, "in the source", rank=Rank.OTHER)
