"""What to do next: from who is blamed, and from what usually causes the bug check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smalldump.analysis.advice import (
    COOLING,
    DISK,
    FIRMWARE,
    GRAPHICS,
    MEMORY,
    SYSTEM_FILES,
    asks_for_kernel_dump,
    kernel_dump,
)
from smalldump.analysis.culprit import Culprit, CulpritKind
from smalldump.knowledge.drivers import made_by

__all__ = ["next_steps", "usual_steps"]

_KERNEL_DUMP = kernel_dump("it holds the stacks of all threads and the memory of all drivers")
_UPDATES = "Install the pending Windows updates."
_BY_CAUSE = {
    "memory": MEMORY,
    "hardware": COOLING,
    "storage": DISK,
    "gpu": GRAPHICS,
    "power": "Update the chipset driver and the drivers of devices that sleep; look at the power plan.",
    "firmware": FIRMWARE,
    "corruption": "Turn on Driver Verifier for the drivers that do not come with Windows.",
    "security": "Look for software that changes the kernel: anti-cheat, old antivirus, malware.",
}


def next_steps(
    kind: CulpritKind,
    culprit: Culprit | None,
    causes: Sequence[str],
    of_rule: Sequence[str] = (),
    *,
    small: bool = True,
) -> tuple[str, ...]:
    """What to do, the most promising first.

    Args:
        kind: What the verdict blames.
        culprit: Whom, or None.
        causes: Usual causes of the bug check, the likeliest first, as in the knowledge room.
        of_rule: What the rule for the bug check advises.
        small: Whether it is a small dump; who has a larger one is not told to have one written.
    """
    steps = _steps(kind, culprit, causes, of_rule)
    return tuple(step for step in steps if small or not asks_for_kernel_dump(step))


def usual_steps(causes: Sequence[str]) -> tuple[str, ...]:
    """What to do against usual causes, in their order."""
    return tuple(_BY_CAUSE[cause] for cause in causes if cause in _BY_CAUSE)


def _steps(
    kind: CulpritKind, culprit: Culprit | None, causes: Sequence[str], of_rule: Sequence[str]
) -> tuple[str, ...]:
    if kind in (CulpritKind.DRIVER, CulpritKind.UNLOADED_DRIVER) and culprit is not None:
        if culprit.vendor == "Microsoft":  # a victim more often than not: what the rule knows comes first
            return tuple(dict.fromkeys((*of_rule, _UPDATES, *(() if of_rule else (_KERNEL_DUMP,)))))
        return tuple(dict.fromkeys((_for_driver(culprit), *of_rule)))
    return tuple(of_rule) or tuple(_in_general(kind, culprit, causes))


def _in_general(kind: CulpritKind, culprit: Culprit | None, causes: Sequence[str]) -> Sequence[str]:
    if kind is CulpritKind.PROCESS and culprit is not None:
        return tuple(_for_process(culprit))
    if kind is CulpritKind.HARDWARE:
        return (_BY_CAUSE["memory"], _BY_CAUSE["hardware"])
    if kind is CulpritKind.UNDECIDED:
        return (*usual_steps(causes), _KERNEL_DUMP)
    return ()


def _for_driver(culprit: Culprit) -> str:
    name = culprit.file or culprit.name
    return f"Update or remove {name}" + (f" ({made_by(culprit.vendor, culprit.product)})." if culprit.vendor else ".")


def _for_process(culprit: Culprit) -> Iterator[str]:
    yield f"Look in the event log for what ended {culprit.name}."
    yield SYSTEM_FILES
