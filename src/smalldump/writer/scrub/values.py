"""Scrubbing of single values: which numbers can be nothing but addresses, counts and flags.

A value is kept for what it is, not for where it lies: an address must lead to something that the dump names, a number
must be as small as its field allows.
"""

from __future__ import annotations

from collections.abc import Callable

from smalldump.memory import RangeMap
from smalldump.model import Absent, Machine, Snapshot
from smalldump.model.absent import present
from smalldump.model.machine import ARM64
from smalldump.writer.scrub.classes import ScrubLevel
from smalldump.writer.scrub.images import placed_drivers, placed_unloaded

__all__ = ["Check", "Landmarks", "below", "plausible_time", "small"]

_HEADER_PAGE = 0x1000  # of an image: no code lies there
_PAGE_OFFSET = 0xFFF
_SMALL = 0x10000
_SIGN, _ADDRESS_BITS = 1 << 55, (1 << 48) - 1
_YEAR_1990, _YEAR_2200 = 0x01B41E2A18D64000, 0x02A05F0000000000  # FILETIMEs


Check = Callable[[int], int]
"""Gives a value back if it has the form that a field must have, else 0."""


def below(limit: int) -> Check:
    """A check for numbers below `limit`."""
    return lambda value: value if value < limit else 0


def small(value: int) -> int:
    """The value if it is a small number (two bytes), else 0."""
    return value if value < _SMALL else 0


def plausible_time(value: int) -> int:
    """A FILETIME between 1990 and about 2200, else 0."""
    return value if _YEAR_1990 <= value < _YEAR_2200 else 0


class Landmarks:
    """The places that a dump names: images, the stack, kernel structures.

    Attributes:
        machine: The architecture.
        processors: How many the machine has.
        parameters: The parameters of the bug check, which are facts of the header.
    """

    def __init__(self, machine: Snapshot, level: ScrubLevel) -> None:
        self.machine: Machine = machine.machine
        self.processors = present(machine.system.processors) or 1
        self._level = level
        stop = machine.bug_check
        self.parameters = frozenset(() if isinstance(stop, Absent) else stop.parameters)
        loaded = tuple(placed_drivers(machine.modules, self.machine))
        gone = placed_unloaded(present(machine.unloaded_modules) or (), self.machine)
        images = [(image.base, image.end) for image in loaded] + [(image.base, image.end) for image in gone]
        self._images = RangeMap((base, end, base) for base, end in images)
        self._loaded = RangeMap((module.base, module.end, module.size) for module in loaded)
        self._stack = RangeMap((start, end, True) for start, end in _stacks(machine))
        self._structures = RangeMap(
            (address, address + len(structure.data), True)
            for structure in machine.structures.values()
            if not isinstance(address := structure.address, Absent) and self.kernel(address)
        )

    def image(self, address: int) -> bool:
        """Whether an image, loaded or unloaded, holds the address."""
        return self._images.at(address) is not None

    def code(self, address: int) -> bool:
        """Whether an image holds the address behind its headers."""
        base = self._images.at(address)
        return base is not None and address >= base + _HEADER_PAGE

    def stack(self, address: int) -> bool:
        """Whether the address lies on the thread's stack or in the saved window."""
        return self._stack.at(address) is not None

    def named(self, address: int) -> bool:
        """Whether the address lies in an image, on the stack or in a known structure."""
        return self.image(address) or self.stack(address) or self._structures.at(address) is not None

    def code_range(self, address: int, before: int, behind: int) -> tuple[int, int] | None:
        """The range around an address in the code of one loaded image; None outside of such.

        Where sections of an image share pages (its size is no multiple of a page) data may lie near: 16 bytes then.
        """
        image = self._loaded.find(address)
        if image is None or not self.code(address):
            return None
        start, end, size = image
        behind = min(behind, 0x10) if size & _PAGE_OFFSET else behind
        return max(address - before, start + _HEADER_PAGE), min(address + behind, end)

    def in_one_image(self, start: int, end: int) -> bool:
        """Whether a loaded image holds the whole range."""
        image = self._loaded.find(start)
        return image is not None and end <= image[1]

    def without_authentication(self, pointer: int) -> int:
        """The pointer without the authentication code that ARM64 keeps above its 48 address bits."""
        if self.machine is not ARM64:
            return pointer
        return pointer | 0xFFFF << 48 if pointer & _SIGN else pointer & _ADDRESS_BITS

    def kernel(self, value: int) -> int:
        """The value if it is a kernel address, else 0: for fields that are pointers by definition."""
        return value if value & self.machine.mask >= self.machine.kernel_start else 0

    def register(self, value: int) -> int:
        """The value if it may stay in a general register, else 0.

        On 32-bit machines half of all values are kernel addresses: there an address must lead to a named place.
        """
        if self._level is ScrubLevel.FACTS:
            return 0
        wide = self.machine.bits == 64
        return value if small(value) or self.named(value) or (wide and self.kernel(value)) else 0

    def frame(self, value: int) -> int:
        """The value if it is a frame pointer, or may stay in a general register; else 0."""
        return value if self.stack(value) else self.register(value)

    def fault(self, value: int) -> int:
        """The value if it is a kernel address, a small number or a parameter of the bug check, else 0."""
        return value if value in self.parameters else self.kernel(value) or small(value)


def _stacks(machine: Snapshot) -> list[tuple[int, int]]:
    window, thread = machine.stack, machine.thread
    ranges = []
    if not isinstance(window, Absent) and machine.machine.kernel_start <= window.start:
        ranges.append((window.start, window.end))
    if not isinstance(thread, Absent):
        limit, base = present(thread.stack_limit), present(thread.stack_base)
        if limit and base and machine.machine.kernel_start <= limit < base <= limit + 0x20000:
            ranges.append((limit, base))
    return ranges
