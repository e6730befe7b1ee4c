"""Our own signature: one key to count failures by, and a finer one to tell them apart. Both are explained.

Nothing that differs between two runs of one failure is in it: no address, no order of loading, no offset in a module
of Windows (each service build moves them), no frame that only looks like one, none that handles any failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from smalldump.analysis.bucket_owner import function_of
from smalldump.analysis.evidence import is_skipped
from smalldump.analysis.verdict import Verdict
from smalldump.knowledge.catalog import BugCheckEntry
from smalldump.knowledge.drivers import driver
from smalldump.knowledge.skipped_frames import is_skipped_function
from smalldump.model import Absent, BugCheck, Module, Snapshot
from smalldump.unwind import Frame, FrameTrust, Stacks

__all__ = ["FRAMES", "VERSION", "Signature", "signature_of"]

VERSION = 1
FRAMES = 5
"""Most frames of a fine signature."""

_STATUS_KINDS = ("exception-code", "ntstatus")
_LARGEST_SUBCODE = 0xFFFFFF  # what is larger is an address or a mask


class Signature(NamedTuple):
    """The signature of one dump: parts between bars, in lower case.

    Attributes:
        version: Signatures of different versions are not comparable.
        coarse: The bug check, and whom the verdict blames: `d1|wobblefs`.
        fine: The bug check, its exception or sub-code, and the innermost frames: `7e|c0000005|wobblefs+2d4c|ntfs`;
            whom the verdict blames before them, unless the first frame is its own. It tells all that `coarse` tells.
        explanation: What each part of the fine one is, and what was left out, in sentences.
    """

    version: int
    coarse: str
    fine: str
    explanation: tuple[str, ...]


def signature_of(machine: Snapshot, entry: BugCheckEntry | None, stacks: Stacks, verdict: Verdict) -> Signature | None:
    """The signature of a stopped machine; None where the dump does not tell the bug check."""
    stop = machine.bug_check
    if isinstance(stop, Absent):
        return None
    code, variant, frames = f"{stop.code:x}", _variant(stop, entry), _frames(machine, stacks)
    blamed = _plain(verdict.culprit.name if verdict.culprit else verdict.kind.value)
    known = bool(frames) and re.split(r"[!+]", frames[0].removeprefix("unloaded:"))[0] == blamed
    parts = [code, *([variant] if variant else []), *([] if known else [blamed]), *frames]
    explained = (f"{part}: {_meaning(part, code, variant, blamed)}." for part in parts)
    return Signature(VERSION, f"{code}|{blamed}", "|".join(parts), (*explained, *_left_out(stacks)))


def _plain(part: str) -> str:
    return part.lower().replace("|", "!")


def _variant(stop: BugCheck, entry: BugCheckEntry | None) -> str | None:
    if entry is None:
        return None
    first = stop.parameters[0]
    if entry.parameters[0].kind in _STATUS_KINDS:
        return f"{first & 0xFFFFFFFF:x}"
    return f"{first:x}" if first <= _LARGEST_SUBCODE and entry.match(stop.parameters) else None


def _frames(machine: Snapshot, stacks: Stacks) -> tuple[str, ...]:
    found: list[str] = []
    for frame in stacks.crash.frames:
        part = None if frame.trust is FrameTrust.SCAN else _part(machine, frame)
        if part is not None and (not found or found[-1] != part):
            found.append(part)
    return tuple(found[:FRAMES])


def _part(machine: Snapshot, frame: Frame) -> str | None:
    if frame.unloaded is not None:
        return _plain(f"unloaded:{frame.unloaded.name}+{frame.pc - frame.unloaded.base:x}")
    module, function = frame.module, function_of(frame)
    if module is None:
        return None
    if function is not None:
        return None if is_skipped_function(module.name, function) else _plain(f"{module.name}!{function}")
    if is_skipped(module, machine, only_always=True):
        return None
    return _plain(module.name if _of_windows(module) else f"{module.name}+{frame.pc - module.base:x}")


def _of_windows(module: Module) -> bool:
    known = driver(module.file)
    return known is not None and known.vendor == "Microsoft"


def _meaning(part: str, code: str, variant: str | None, blamed: str) -> str:
    if part == code:
        return "the bug check's code"
    if part == variant:
        return "the exception or kind of failure, by parameter 1"
    if "!" in part:
        return "a function on the stack"
    if "+" in part:
        return "a place in a driver that does not come with Windows"
    return "what the verdict blames" if part == blamed else "a module of Windows on the stack"


def _left_out(stacks: Stacks) -> Iterator[str]:
    scanned = sum(frame.trust is FrameTrust.SCAN for frame in stacks.crash.frames)
    if scanned:
        yield f"Left out: {scanned:,} of {len(stacks.crash.frames):,} frames, found by scanning; they may be stale."
