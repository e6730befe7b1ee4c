"""Machines for the tests of this room, out of synthetic dumps."""

from __future__ import annotations

from smalldump.analysis import Analysis, analyse
from smalldump.model import Snapshot
from smalldump.sources.detect import open_snapshot
from tests.synth import Dump

__all__ = ["analysed", "machine"]


def machine(dump: Dump) -> Snapshot:
    """The machine that a synthetic dump describes."""
    return open_snapshot(memoryview(dump.bytes), "synthetic.dmp")


def analysed(dump: Dump) -> Analysis:
    """Its analysis."""
    return analyse(machine(dump))
