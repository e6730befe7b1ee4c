"""What else to know of a machine: facts that blame nobody, but that a reader would ask for."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.knowledge.drivers import Role, driver, made_by
from smalldump.model import Absent, Snapshot

__all__ = ["context_of"]

_OFTEN_IN_THE_WAY = (Role.ANTI_CHEAT, Role.ANTIVIRUS, Role.MONITORING, Role.ENCRYPTION, Role.VPN)
_OFF = (0, 0xFFFFFFFF)  # values of MmVerifyDriverLevel that mean: no driver is verified
_MOST = 6  # products, files of one, or unloaded drivers, that one sentence names


def context_of(machine: Snapshot, culprit: str | None) -> tuple[str, ...]:
    """Sentences on Driver Verifier, drivers that were unloaded, and software that is loaded and works on the kernel.

    Args:
        culprit: File name of the driver that is blamed; it is not said to be merely loaded.
    """
    return (*_verifier(machine), *_merely_loaded(machine, culprit), *_unloaded(machine))


def _verifier(machine: Snapshot) -> Iterator[str]:
    counters = machine.memory_manager
    level = None if isinstance(counters, Absent) else counters.get("mm_verify_driver_level")
    if level is not None and level not in _OFF:
        yield f"Driver Verifier is on (level {level:#x}): some of the time it stops the machine on purpose."


def _merely_loaded(machine: Snapshot, culprit: str | None) -> Iterator[str]:
    found: dict[str, dict[str, None]] = {}
    for module in machine.modules:
        known = driver(module.file)
        if known and known.role in _OFTEN_IN_THE_WAY and known.vendor != "Microsoft" and module.file != culprit:
            found.setdefault(made_by(known.vendor, known.product), {})[module.file] = None
    if found:
        products = [f"{_listed(list(files))} ({product})" for product, files in found.items()]
        yield f"Loaded, without evidence against them: {_listed(products)}."


def _unloaded(machine: Snapshot) -> Iterator[str]:
    gone = machine.unloaded_modules
    names = [] if isinstance(gone, Absent) else list(dict.fromkeys(module.name for module in gone))
    if names:
        yield f"Unloaded before the stop, the most recent first: {_listed(names)}."


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"{', '.join(names[:_MOST])}{more}"
