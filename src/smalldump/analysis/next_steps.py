"""What to do next: from who is blamed, and from what usually causes the bug check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from smalldump.analysis.advice import AGAIN, COOLING, DISK, FIRMWARE, GRAPHICS, MEMORY, SYSTEM_FILES, kernel_dump
from smalldump.analysis.culprit import Culprit, CulpritKind
from smalldump.knowledge.drivers import made_by

__all__ = ["next_steps", "usual_steps"]

_UPDATES = "Install the pending Windows updates."
_KERNEL_DUMP = kernel_dump("it shows other threads and processors, and the objects that parameters point to")
_COMPARE = "If it happens again: analyse the dumps of this machine together, and look at what they share."
_RAN_ON = "Windows went on running: act where such dumps come again and again, or something does not work."
_ON_PURPOSE = "Nothing has to be repaired by this dump; look at what made somebody ask for it."
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
    linked: date | None = None,
    whole: bool = False,
) -> tuple[str, ...]:
    """What to do, the most promising first.

    Args:
        kind: What the verdict blames.
        culprit: Whom, or None.
        causes: Usual causes of the bug check, the likeliest first, as in the knowledge room.
        of_rule: What the rule for the bug check advises.
        linked: When the driver that is blamed was linked, where that is known.
        whole: Whether the dump holds the kernel's memory: then no larger one is asked for.
    """
    steps = tuple(dict.fromkeys(_steps(kind, culprit, linked, causes, of_rule)))
    if not whole:
        return steps
    kept = tuple(step for step in steps if not step.startswith(AGAIN))
    return (*kept, _COMPARE) if kind is CulpritKind.UNDECIDED else kept or steps


def usual_steps(causes: Sequence[str]) -> tuple[str, ...]:
    """What to do against usual causes, in their order."""
    return tuple(_BY_CAUSE[cause] for cause in causes if cause in _BY_CAUSE)


def _steps(
    kind: CulpritKind, culprit: Culprit | None, linked: date | None, causes: Sequence[str], of_rule: Sequence[str]
) -> Sequence[str]:
    if kind in (CulpritKind.DRIVER, CulpritKind.UNLOADED_DRIVER) and culprit is not None:
        if culprit.vendor == "Microsoft":  # a victim more often than not: what the rule knows comes first
            return (*of_rule, _UPDATES, *(() if of_rule else (_KERNEL_DUMP,)))
        return (_for_driver(culprit, linked), *of_rule)
    if kind is CulpritKind.UNDECIDED:
        own = tuple(of_rule) or usual_steps(causes)
        return own if any(step.startswith(AGAIN) for step in own) else (*own, _KERNEL_DUMP)
    return tuple(of_rule) or tuple(_in_general(kind, culprit, causes))


def _in_general(kind: CulpritKind, culprit: Culprit | None, causes: Sequence[str]) -> Sequence[str]:
    if kind is CulpritKind.PROCESS and culprit is not None:
        return tuple(_for_process(culprit))
    if kind is CulpritKind.HARDWARE:
        return (_BY_CAUSE["memory"], _BY_CAUSE["hardware"])
    if kind is CulpritKind.LIVE_DUMP:
        return (*usual_steps(causes), _RAN_ON)
    return (_ON_PURPOSE,)


def _for_driver(culprit: Culprit, linked: date | None) -> str:
    name = culprit.file or culprit.name
    maker = [made_by(culprit.vendor, culprit.product)] if culprit.vendor else []
    known = "; ".join((*maker, *([f"linked {linked}"] if linked else ())))
    return f"Update or remove {name}{f' ({known})' if known else ''}."


def _for_process(culprit: Culprit) -> Iterator[str]:
    yield f"Look in the event log for what ended {culprit.name}."
    yield SYSTEM_FILES
