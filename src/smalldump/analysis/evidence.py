"""Evidence: what in a dump speaks for which driver, and how much it weighs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from smalldump.analysis.parameters import Parameter, read_unicode_string
from smalldump.analysis.places import Places
from smalldump.knowledge.catalog import CulpritHint
from smalldump.knowledge.drivers import driver
from smalldump.model import Absent, Module, Snapshot
from smalldump.model.machine import X64
from smalldump.unwind import NO_CODE, CodeLookup, Frame, FrameTrust, Stacks

__all__ = ["Evidence", "Kind", "gather", "is_skipped"]


class Kind(Enum):
    """The kinds of evidence: name and weight.

    The weights are judgement, not statistics. A parameter that Windows itself put there outweighs what the stack
    shows; an exact place outweighs a scanned one; the driver merely next on the stack counts least.
    """

    UNLOADED_DRIVER = ("unloaded-driver", 5)
    UNLOADED_CODE = ("code-of-unloaded-driver", 4)
    BROKEN_DRIVER = ("named-by-windows", 4)
    NAMED_PARAMETER = ("parameter-names-driver", 4)
    PLUGIN = ("plug-in", 4)
    PARAMETER = ("parameter-points-into-driver", 3)
    FAULTING_INSTRUCTION = ("faulting-instruction", 3)
    BUG_CHECK_CALLER = ("called-the-bug-check", 3)
    FRAME = ("first-driver-frame", 2)
    SCANNED_FRAME = ("first-driver-frame-scanned", 1)

    def __init__(self, label: str, weight: int) -> None:
        self.label, self.weight = label, weight


class Evidence(NamedTuple):
    """One piece of evidence.

    Attributes:
        module: Name of the driver that it speaks for, as WinDbg calls it.
        text: What was seen, in one clause.
    """

    kind: Kind
    module: str
    text: str


def is_skipped(module: Module, machine: Snapshot, *, only_always: bool = False) -> bool:
    """Whether a search for a culprit goes past this module: kernel and frameworks, and mostly class drivers too."""
    if machine.modules and module is machine.modules[0]:
        return True
    entry = driver(module.file)
    return entry is not None and (entry.skip == "always" or (entry.skip == "usually" and not only_always))


def gather(
    machine: Snapshot,
    hint: CulpritHint | None,
    parameters: Sequence[Parameter],
    stacks: Stacks,
    lookup: CodeLookup = NO_CODE,
    *,
    more: Sequence[Evidence] = (),
) -> tuple[Evidence, ...]:
    """All evidence in the dump and `more`, the heaviest first; places have the names that `lookup` knows."""
    found = [
        *more,
        *_from_windows(machine),
        *_from_hint(Places(machine, lookup), hint, parameters),
        *_from_context(machine, stacks),
        *_from_caller(machine, stacks),
        *_from_frames(machine, stacks),
    ]
    return tuple(sorted(found, key=lambda evidence: -evidence.kind.weight))


def _from_windows(machine: Snapshot) -> Iterator[Evidence]:
    name = machine.broken_driver
    if not isinstance(name, Absent):
        module = machine.modules.named(name.rpartition("\\")[2])
        yield Evidence(Kind.BROKEN_DRIVER, module.name if module else name, "Windows itself named it in the dump")


def _from_hint(places: Places, hint: CulpritHint | None, parameters: Sequence[Parameter]) -> Iterator[Evidence]:
    if hint is None or not parameters:
        return
    value = parameters[hint.param - 1].value
    if hint.kind == "pointer:unicode_string":
        yield from _named(places.machine, hint, value)
        return
    if hint.kind not in ("address-code", "address-data"):
        return
    place = places.at(value)
    if place.unloaded is not None:
        text = f"parameter {hint.param} points to where it was loaded before"
        yield Evidence(Kind.UNLOADED_DRIVER, place.unloaded.name, text)
    elif place.module is not None and not is_skipped(place.module, places.machine, only_always=True):
        yield Evidence(Kind.PARAMETER, place.module.name, f"parameter {hint.param} is {place.words}: {hint.how}")


def _named(machine: Snapshot, hint: CulpritHint, address: int) -> Iterator[Evidence]:
    name = read_unicode_string(machine, address)
    if name:
        module = machine.modules.named(name.rpartition("\\")[2])
        yield Evidence(Kind.NAMED_PARAMETER, module.name if module else name, f"parameter {hint.param} names it")


def _from_context(machine: Snapshot, stacks: Stacks) -> Iterator[Evidence]:
    if not stacks.crash.frames or not stacks.dispatch.frames:
        return  # the registers are those of the stop itself, not of a failure
    frame = stacks.crash.frames[0]
    if frame.unloaded is not None:
        text = f"{frame.words(machine.machine.bits)} was executed after that driver was gone"
        yield Evidence(Kind.UNLOADED_CODE, frame.unloaded.name, text)
    elif frame.module is not None and not is_skipped(frame.module, machine, only_always=True):
        text = f"the failing instruction is {frame.words(machine.machine.bits)}"
        yield Evidence(Kind.FAULTING_INSTRUCTION, frame.module.name, text)


def _from_caller(machine: Snapshot, stacks: Stacks) -> Iterator[Evidence]:
    """The driver that called KeBugCheckEx, where the registers are those of its first instruction.

    There the stack pointer still leads to the return address. Functions begin at multiples of 16, and so does the
    stack before a call. Source: 12 of 21 real dumps stop there, as Microsoft's engine shows.
    """
    frames = stacks.crash.frames
    if machine.machine is not X64 or stacks.dispatch.frames or len(frames) < 2:
        return
    stop, caller = frames[0], frames[1]
    at_entry = stop.pc % 16 == 0 and stop.sp % 16 == 8 and caller.sp == stop.sp + 8
    kernel = stop.module is not None and stop.module is machine.modules[0]
    if at_entry and kernel and caller.module is not None and not is_skipped(caller.module, machine):
        text = f"{caller.words(machine.machine.bits)} called the bug check"
        yield Evidence(Kind.BUG_CHECK_CALLER, caller.module.name, text)


def _from_frames(machine: Snapshot, stacks: Stacks) -> Iterator[Evidence]:
    # The first frame whose module is no kernel, framework or class driver; failing that, the first class driver.
    for only_always in (False, True):
        for frame in stacks.crash.frames:
            if frame.module is not None and not is_skipped(frame.module, machine, only_always=only_always):
                yield _frame_evidence(machine, frame, frame.module)
                return


def _frame_evidence(machine: Snapshot, frame: Frame, module: Module) -> Evidence:
    kind = Kind.SCANNED_FRAME if frame.trust is FrameTrust.SCAN else Kind.FRAME
    how = ", found by scanning" if kind is Kind.SCANNED_FRAME else ""
    return Evidence(kind, module.name, f"{frame.words(machine.machine.bits)} is the first driver on the stack{how}")
