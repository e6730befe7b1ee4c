"""Reading synthetic dumps."""

from __future__ import annotations

from typing import TypeVar

from smalldump.model import Absent
from smalldump.sources.small import SmallDump
from tests.synth import Dump

__all__ = ["FACTS", "every_fact", "known", "read"]

T = TypeVar("T")

FACTS = (
    "machine system build_lab bug_check dump exception processor processors process thread threads contexts registers "
    "stack modules unloaded_modules broken_driver debugger_data memory_manager structures data_blocks data_page "
    "blobs requests memory"
)
"""The facts of a Snapshot, all of them."""


def read(dump: Dump) -> SmallDump:
    """A synthetic dump as a Snapshot."""
    return SmallDump(memoryview(dump.bytes), "synthetic.dmp")


def known(fact: T | Absent) -> T:
    """A fact that must be there."""
    assert not isinstance(fact, Absent)
    return fact


def every_fact(machine: SmallDump) -> dict[str, object]:
    """All facts, each asked for."""
    return {name: getattr(machine, name) for name in FACTS.split()}
