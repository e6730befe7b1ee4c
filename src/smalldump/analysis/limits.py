"""What a memory dump of its kind, and this one, cannot show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smalldump.analysis.parameters import Parameter
from smalldump.knowledge.catalog import CulpritHint
from smalldump.model import Absent, Snapshot
from smalldump.unwind import FrameTrust, Stacks

__all__ = ["limits_of"]

_OF_EVERY_SMALL_DUMP = (
    "A small memory dump holds one thread's stack: an error that another thread or driver prepared earlier does not "
    "show here.",
    "It holds no images of drivers: their code can be looked at only with the image files at hand.",
)
_OBJECTS = {
    "irp": "IRP",
    "device_object": "device object",
    "driver_object": "driver object",
    "thread": "thread",
}


def limits_of(
    machine: Snapshot,
    hint: CulpritHint | None,
    parameters: Sequence[Parameter],
    stacks: Stacks,
    of_rule: Sequence[str] = (),
) -> tuple[str, ...]:
    """What cannot be seen here, in sentences: first what holds for every dump of its kind, then what is missing.

    Args:
        of_rule: What the rule for the bug check misses; it takes the place of what the hint alone would say.
    """
    return (
        *(() if machine.has_pages else _OF_EVERY_SMALL_DUMP),
        *(of_rule or _missing_object(machine, hint, parameters)),
        *_missing_stack(machine),
        *_scanned(stacks),
    )


def _missing_object(machine: Snapshot, hint: CulpritHint | None, parameters: Sequence[Parameter]) -> Iterator[str]:
    if hint is None or not parameters:
        return
    name = _OBJECTS.get(hint.kind.removeprefix("pointer:"))
    value = parameters[hint.param - 1].value
    if name and value and value not in machine.memory:
        yield f"Parameter {hint.param} points to the {name} that would name the driver; its memory is not in the dump."


def _missing_stack(machine: Snapshot) -> Iterator[str]:
    stack = machine.stack
    if stack is Absent.UNSUPPORTED:
        yield f"The stack of {machine.machine.name} machines is not read."
    elif isinstance(stack, Absent):
        yield "The call stack is not in the dump."
    elif not isinstance(stack.cut, Absent) and stack.cut > 0:
        yield f"The outermost {stack.cut:,} bytes of the stack are not in the dump."


def _scanned(stacks: Stacks) -> Iterator[str]:
    if any(frame.trust is FrameTrust.SCAN for frame in stacks.crash.frames):
        yield "Frames of trust `scan` look like return addresses; without images and symbols some may be stale."
