"""A piece of evidence, and which modules no evidence speaks for."""

from __future__ import annotations

from typing import NamedTuple

from smalldump.analysis.weights import Kind
from smalldump.knowledge.drivers import driver
from smalldump.model import Module, Snapshot

__all__ = ["Evidence", "is_skipped"]


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
