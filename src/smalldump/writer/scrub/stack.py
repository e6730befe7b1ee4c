"""Scrubbing of the saved stack: register sets are built anew, words stay only for where they lead."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from smalldump.memory import RangeMap
from smalldump.model import Absent, Snapshot
from smalldump.model.machine import X64, X86
from smalldump.writer.scrub.classes import Permitted, Tally, Withheld, weight
from smalldump.writer.scrub.records import (
    CONTEXTS,
    RegisterSet,
    found_trap_frame,
    is_context,
    is_exception_record,
    scrubbed_context,
    scrubbed_exception,
    scrubbed_trap_frame,
    trap_frame_size,
)
from smalldump.writer.scrub.values import Landmarks

__all__ = ["Rules", "ScrubbedStack", "StackEvidence", "register_sets", "scrub_stack"]

_EXCEPTION_BYTES = {32: 0x50, 64: 0x98}
_TRAP_FRAME_BYTES = 0x190  # of x64, the longest


class StackEvidence(NamedTuple):
    """What a walk of the stack found out.

    Attributes:
        slots: The return addresses of the call stack, by the address of the stack word that holds each.
        returns: Whether an address is a place behind a CALL: True where the code in the dump shows it, False where
            it shows the contrary, None where the dump does not tell.
        unwind: Ranges, first byte and the one behind the last, that the walk read of headers and function tables.
    """

    slots: Mapping[int, int]
    returns: Callable[[int], bool | None]
    unwind: Sequence[tuple[int, int]] = ()


class Rules(NamedTuple):
    """What decides about a value: the places that the dump names, the walk, and the level, which the tally knows."""

    landmarks: Landmarks
    evidence: StackEvidence
    tally: Tally


class ScrubbedStack(NamedTuple):
    """The stack as it may stay, and the return addresses in it whose code may stay too."""

    data: bytes
    returns: frozenset[int]


def register_sets(machine: Snapshot, landmarks: Landmarks) -> Iterator[RegisterSet]:
    """The register sets that the bug check or the KPRCB point to, wherever they lie in memory."""
    for registers in (machine.contexts.crash, machine.contexts.prcb):
        if not isinstance(registers, Absent) and registers.address is not None:
            yield from _read_set(machine, registers.address, registers.source, landmarks)
    size = _EXCEPTION_BYTES[landmarks.machine.bits]
    for address in sorted(landmarks.parameters):
        data = machine.memory.try_read(address, size) if landmarks.kernel(address) else None
        if data is not None and is_exception_record(data, landmarks):
            yield RegisterSet(address, scrubbed_exception(data, landmarks))


def _read_set(machine: Snapshot, address: int, source: str, landmarks: Landmarks) -> Iterator[RegisterSet]:
    frame = "trap frame" in source
    size = trap_frame_size(landmarks) if frame else CONTEXTS[landmarks.machine].SIZE
    data = machine.memory.try_read(address, size)
    if data is not None and (frame or is_context(data, landmarks)):
        found = scrubbed_trap_frame(data, landmarks) if frame else scrubbed_context(data, landmarks)
        yield RegisterSet(address, found)


def scrub_stack(start: int, data: bytes, known: tuple[RegisterSet, ...], rules: Rules) -> ScrubbedStack:
    """The stack from address `start` on, with zeros for all that may not stay.

    Args:
        known: Register sets whose addresses are known; others are found by their shape.
    """
    sets = RangeMap((each.address, each.end, each) for each in (*known, *_found_sets(start, data, rules.landmarks)))
    out = bytearray(len(data))
    for low, high, each in sets:
        first, last = max(low, start), min(high, start + len(data))
        if first < last:
            piece = each.data[first - each.address : last - each.address]
            out[first - start : last - start] = piece
            rules.tally.keep(Permitted.REGISTERS, piece)
    returns = set()
    size = rules.landmarks.machine.pointer
    for address, word in _words(start, data, size):
        if sets.find(address) is None and sets.find(address + size - 1) is None:
            kind, value = _classified(address, word, rules)
            if kind is not None:
                raw = value.to_bytes(size, "little")
                out[address - start : address - start + size] = raw
                rules.tally.keep(kind, raw)
                returns |= {value} if kind is Permitted.RETURN_ADDRESSES else set()
    rules.tally.remove(Withheld.STACK, data, weight(out))
    return ScrubbedStack(bytes(out), frozenset(returns))


def _words(start: int, data: bytes, size: int) -> Iterator[tuple[int, int]]:
    """Addresses and values of the aligned words that are not zero."""
    skip = -start % size
    aligned = data[skip:]
    for index, word in enumerate(struct.unpack_from(f"<{len(aligned) // size}{'Q' if size == 8 else 'I'}", aligned)):
        if word:
            yield start + skip + size * index, word


def _classified(address: int, word: int, rules: Rules) -> tuple[Permitted | None, int]:
    landmarks, evidence, tally = rules
    target = landmarks.without_authentication(word)
    if evidence.slots.get(address) == target and landmarks.kernel(target):
        return Permitted.RETURN_ADDRESSES, target
    # x86 and ARM64 save the frame pointer right below the return address.
    links = landmarks.machine is not X64 and address + landmarks.machine.pointer in evidence.slots
    if links and landmarks.stack(word):
        return Permitted.FRAME_POINTERS, word
    if not tally.permits(Permitted.POINTERS):
        return None, 0
    if landmarks.code(target):
        behind = evidence.returns(target)
        return (None, 0) if behind is False else (Permitted.RETURN_ADDRESSES, target)
    return (Permitted.POINTERS, word) if landmarks.named(word) else (None, 0)


def _found_sets(start: int, data: bytes, landmarks: Landmarks) -> Iterator[RegisterSet]:
    # What the processor pushed comes first: contexts were seen whose unwritten end a trap frame overlays.
    view = memoryview(data)
    step = 4 if landmarks.machine is X86 else 16
    places = range(-start % step, len(data), step)
    for at in places:
        if frame := found_trap_frame(view[at : at + _TRAP_FRAME_BYTES], start + at, landmarks):
            yield RegisterSet(start + at, frame)
    for at in places:
        if is_context(piece := view[at : at + CONTEXTS[landmarks.machine].SIZE], landmarks):
            yield RegisterSet(start + at, scrubbed_context(piece, landmarks))
    for at in range(-start % landmarks.machine.pointer, len(data), landmarks.machine.pointer):
        piece = view[at : at + _EXCEPTION_BYTES[landmarks.machine.bits]]
        if is_exception_record(piece, landmarks):
            yield RegisterSet(start + at, scrubbed_exception(piece, landmarks))
