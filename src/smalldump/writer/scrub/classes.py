"""Scrubbing: the levels, the classes of data that each level permits, and the count of what was kept and removed."""

from __future__ import annotations

from collections import Counter
from enum import Enum

__all__ = ["Permitted", "ScrubLevel", "Tally", "Withheld"]


class ScrubLevel(Enum):
    """How much a scrubbed dump may hold; the value is the name on the command line."""

    FACTS = "facts"
    """What a report states: the stop, the machine, the drivers, the call stack that was found. No more."""
    STACK = "stack"
    """Also what somebody needs who looks for himself: registers, all stack words that lead to code or to the stack."""


class Permitted(Enum):
    """A class of data that may stay; nothing else does.

    The value says in words what it is, and whether the strictest level permits it.
    """

    HEADER = ("facts of the headers: versions, times, bug check, parameters, counters", True)
    DRIVER_NAMES = ("file names and places of loaded and unloaded drivers", True)
    DEBUGGER_DATA = ("kernel addresses, offsets and sizes of the debugger data block", True)
    STRUCTURE_FIELDS = ("numbers, times and kernel addresses of KPRCB, EPROCESS and ETHREAD", True)
    LIST_HEADS = ("empty list heads of the KPRCB, which show its address", True)
    REGISTERS = ("registers: program counter, stack pointer, flags, and by level kernel addresses", True)
    RETURN_ADDRESSES = ("return addresses on the stack", True)
    FRAME_POINTERS = ("saved frame pointers on the stack", True)
    CODE = ("code around the program counter and behind calls", True)
    UNWIND = ("headers and unwind data of the images on the call stack", True)
    BUILD = ("the build string, and the kernel's copy of the bug check", True)
    WINDOWS_PROCESS = ("the process name, if it is one of Windows' own", True)
    PROCESS_NAME = ("the process name, whatever it is", False)
    POINTERS = ("stack words that point to the stack, to images or to known structures", False)
    FOLDERS = ("system folders of drivers", False)
    PROCESSOR = ("name, type, speed and microcode of the processor", False)
    MACHINE = ("maker, model, firmware and memory modules of the machine", False)
    REQUESTS = ("which component asked for which memory", False)

    @property
    def words(self) -> str:
        """The class for people."""
        return self.value[0]

    def at(self, level: ScrubLevel) -> bool:
        """Whether `level` permits the class."""
        return level is ScrubLevel.STACK or self.value[1]


class Withheld(Enum):
    """A kind of place from which something was removed; the value names it for people."""

    STACK = "stack words"
    REGISTERS = "contents of registers"
    STRUCTURES = "other contents of KPRCB, EPROCESS and ETHREAD"
    DEBUGGER_DATA = "other contents of the debugger data block"
    MEMORY = "data blocks and the data page"
    PROCESSOR_GROUP = "the KiProcessorBlock group"
    BLOBS = "secondary data"
    NAMES = "folders and names"
    HEADER = "the comment and unknown fields of the header"

    @property
    def words(self) -> str:
        """The place for people."""
        return self.value


class Tally:
    """Counts what was kept and what was removed, in bytes that are not zero.

    Attributes:
        level: What is permitted.
    """

    def __init__(self, level: ScrubLevel) -> None:
        self.level = level
        self.kept: Counter[Permitted] = Counter()
        self.removed: Counter[Withheld] = Counter()

    def permits(self, what: Permitted) -> bool:
        """Whether the level permits that class."""
        return what.at(self.level)

    def keep(self, what: Permitted, data: bytes | bytearray | memoryview) -> None:
        """Note that `data` stays."""
        self.kept[what] += weight(data)

    def remove(self, where: Withheld, source: bytes | bytearray | memoryview, kept: int = 0) -> None:
        """Note that `source` goes, except for `kept` bytes of it."""
        self.removed[where] += max(weight(source) - kept, 0)


def weight(data: bytes | bytearray | memoryview) -> int:
    """How many bytes are not zero."""
    raw = bytes(data)
    return len(raw) - raw.count(0)
