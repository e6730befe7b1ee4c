"""Requests: what somebody wants to have in a small dump."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

from smalldump.model.records import Blob
from smalldump.model.snapshot import Snapshot

__all__ = ["Contribution", "DumpContributor", "RangeRequest", "Rank"]


class Rank(IntEnum):
    """How much a reader needs a range. Where space is short the highest number goes first."""

    MANDATORY = 0
    """Never given up: a debugger cannot do without it."""
    PROCESSOR_GROUP = 1
    """KiProcessorBlock and what must go with it: kept or given up as a whole."""
    BUG_CHECK = 2
    """What the bug check's parameters point to."""
    USER = 3
    """Asked for by whoever has the dump written."""
    UNWIND = 4
    """Headers and unwind data of the images on the stack, without which nobody unwinds it for sure."""
    COMPONENT = 5
    """Asked for by a driver or a contributor."""
    CODE = 6
    """Code around the addresses on the stack."""
    PROCESSORS = 7
    """What the other processors were doing."""
    REGISTER_PAGE = 8
    """Memory that a register points to."""
    OTHER = 9
    """Everything else."""

    @property
    def words(self) -> str:
        """The rank for people."""
        return self.name.lower().replace("_", " ")


class RangeRequest(NamedTuple):
    """A range of memory that somebody wants to have in a small dump.

    Attributes:
        address: First byte.
        size: Bytes; what of them is not readable is left out.
        why: In a few words.
        owner: Name of the component that asks; empty for smalldump itself.
    """

    address: int
    size: int
    why: str
    owner: str = ""
    rank: Rank = Rank.OTHER

    @property
    def end(self) -> int:
        """Address behind the last byte."""
        return self.address + self.size


class Contribution(NamedTuple):
    """What one component wants to add to a small dump: ranges of memory, and blobs under GUIDs of its own."""

    requests: Sequence[RangeRequest] = ()
    blobs: Sequence[Blob] = ()


class DumpContributor(Protocol):
    """A component that may add to every small dump that is written, as drivers do in Windows.

    Ranges correspond to KbCallbackTriageDumpData, blobs to KbCallbackSecondaryDumpData.
    """

    name: str
    """What readers will see; ASCII, at most 64 characters."""

    def contribute(self, machine: Snapshot) -> Contribution:
        """What to add to the dump of this machine. An exception costs only this contribution."""
