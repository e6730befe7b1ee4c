"""From a machine to the bytes of its small memory dump: collect, fit, place, emit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, pairwise
from typing import NamedTuple

from smalldump.collect import Failure, collect
from smalldump.collect.unwind_data import NotedImages
from smalldump.model import Snapshot
from smalldump.model.machine import ARM64, X64
from smalldump.model.requests import DumpContributor, RangeRequest, Rank
from smalldump.unwind import Frame, FrameTrust, walk
from smalldump.unwind.arm64_candidates import without_authentication
from smalldump.unwind.callsite import arm64_call, call_site, x86_call
from smalldump.unwind.epilogue import REACH, frame_size
from smalldump.writer import Contents, Dropped, Plan, Profile, contents_of, default_profile, emit, fit, place
from smalldump.writer.scrub import Scrubbed, ScrubLevel, StackEvidence, scrub

__all__ = ["Composed", "compose"]

_LARGEST_FRAME = 0x4000


class Composed(NamedTuple):
    """A small memory dump that can be written: what goes in, where, and what does not.

    Attributes:
        profile: The kind of dump.
        dropped: What was given up, in the order in which it was.
        failures: Contributors whose part is missing.
        scrubbed: What scrubbing left and took away, before anything was given up for its size; None: not scrubbed.
    """

    profile: Profile
    contents: Contents
    plan: Plan
    dropped: tuple[Dropped, ...]
    failures: tuple[Failure, ...]
    scrubbed: Scrubbed | None = None

    def data(self) -> bytes:
        """The file; the same bytes each time."""
        return bytes(emit(self.contents, self.plan))


def compose(
    machine: Snapshot,
    *,
    profile: Profile | None = None,
    size: int | None = None,
    pages: Iterable[RangeRequest] = (),
    contributors: Iterable[DumpContributor | Failure] = (),
    scrub_level: ScrubLevel | None = None,
) -> Composed:
    """Decide what a small dump of `machine` holds, and where.

    Args:
        profile: Classic or modern; None: the machine's default.
        size: Bytes of the file, exactly; None: the profile decides.
        pages: Ranges that the caller wants in.
        contributors: Components that may add something of their own.
        scrub_level: What may be in a dump that is given away; None: everything.

    Raises:
        UnsupportedFormat: The machine's architecture cannot be written.
        BudgetTooSmall: Not even what is mandatory fits.
    """
    profile = default_profile(machine.machine) if profile is None else profile
    budget = profile.size if size is None else size
    collected = collect(machine, pages, contributors)
    wanted = contents_of(machine, collected.requests, collected.blobs, profile)
    scrubbed = None if scrub_level is None else scrub(wanted, machine, scrub_level, _stack_evidence(machine))
    contents, dropped = fit(scrubbed.contents if scrubbed else wanted, budget, collected.drivers)
    return Composed(profile, contents, place(contents, budget), dropped, collected.failures, scrubbed)


def _stack_evidence(machine: Snapshot) -> StackEvidence:
    images = NotedImages(machine.memory, identity=False)  # the place of a PDB names whoever built the driver
    stacks = walk(machine, images)
    frames = (*stacks.crash.frames, *stacks.dispatch.frames)
    slots = dict(chain(_slots(machine, stacks.crash.frames), _slots(machine, stacks.dispatch.frames)))
    exact = {frame.module.base for frame in frames if frame.module is not None and frame.trust > FrameTrust.SCAN}
    read = tuple((request.address, request.end) for request in images.requests(exact, Rank.UNWIND))
    return StackEvidence(slots, partial(_returns, machine), read)


# Where each return address lies. On x86 and x64 that is right below the stack pointer after the return; ARM64 keeps it
# anywhere in the frame that was left.
def _slots(machine: Snapshot, frames: Sequence[Frame]) -> Iterator[tuple[int, int]]:
    size = machine.machine.pointer
    yield from ((frame.sp - size, frame.pc) for frame in frames)
    if machine.machine is ARM64:
        for inner, outer in pairwise(frames):
            left = range(max(inner.sp, outer.sp - _LARGEST_FRAME), outer.sp, size)
            yield from ((at, outer.pc) for at in left if _holds(machine, at, outer.pc))


def _holds(machine: Snapshot, slot: int, address: int) -> bool:
    word = machine.memory.word(slot, machine.machine.pointer)
    return word is not None and without_authentication(word) == address


def _returns(machine: Snapshot, address: int) -> bool | None:
    """Whether `address` is a place behind a CALL; None where the dump does not tell."""
    decode = arm64_call if machine.machine is ARM64 else partial(x86_call, mask=machine.machine.mask)
    found = call_site(machine.memory, address, decode).found
    if found is None and machine.machine is X64 and frame_size(machine.memory.read_some(address, REACH)) is not None:
        return True
    return found
