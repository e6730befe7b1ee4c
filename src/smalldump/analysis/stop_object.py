"""The form of the bug check's own objects, and what a reader of them is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, TypeVar

from smalldump.analysis.places import Places
from smalldump.layout.record import Record
from smalldump.model import Snapshot
from smalldump.model.absent import present
from smalldump.unwind import NO_CODE, CodeLookup

__all__ = ["Fact", "Reader", "Scene", "StopObject", "lacking"]

N = TypeVar("N", bound=Record)
W = TypeVar("W", bound=Record)


class Fact(NamedTuple):
    """One thing that an object tells, in words."""

    name: str
    value: str


class StopObject(NamedTuple):
    """An object that a parameter of the bug check leads to.

    Attributes:
        kind: What it is, as the knowledge room names it: `irp`, `device_object`.
        address: Where it lies.
        parameter: The parameter that points to it, 1 to 4; None for an object that another one leads to.
        facts: What it tells, the most telling first.
        children: Objects that it leads to, each once.
        missing: What of it is not in the dump, in one sentence; None where nothing is missing.
        driver: Name of the driver that it leads to, if it names one.
    """

    kind: str
    address: int
    parameter: int | None
    facts: tuple[Fact, ...] = ()
    children: tuple[StopObject, ...] = ()
    missing: str | None = None
    driver: str | None = None


class Scene(NamedTuple):
    """What readers look at: the machine, and names for its addresses."""

    machine: Snapshot
    lookup: CodeLookup = NO_CODE

    @property
    def build(self) -> int | None:
        """Windows build number; None where it is not told."""
        return present(self.machine.system.build)

    def words(self, address: int) -> str:
        """The address, and what lies there where that is known."""
        words = Places(self.machine, self.lookup).at(address).words
        return f"{address:#x}" if words is None else f"{address:#x} ({words})"

    def driver(self, address: int) -> str | None:
        """Name of the loaded driver that holds an address; None for the kernel itself too."""
        found = self.machine.modules.at(address)
        return None if found is None or found is self.machine.modules[0] else found.name

    def record(self, address: int, narrow: type[N], wide: type[W]) -> N | W | None:
        """The record at an address, in the form of this machine; None where the dump lacks a byte of it."""
        kind: type[N] | type[W] = wide if self.machine.machine.bits == 64 else narrow
        data = self.machine.memory.try_read(address, kind.SIZE) if address else None
        return None if data is None else kind(data)


Reader: TypeAlias = Callable[[Scene, int], StopObject | None]
"""Reads the object at an address. It gives None where there is nothing to say, and never raises for what it finds."""


def lacking(kind: str, address: int, name: str) -> StopObject:
    """An object of which the dump holds no bytes."""
    return StopObject(kind, address, None, missing=f"The {name} at {address:#x} is not in the dump.")
