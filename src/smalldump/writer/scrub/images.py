"""Which entries of the lists of drivers can be images of the kernel; of a damaged dump any bytes can be in a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smalldump.model import Machine, Module, UnloadedModule

__all__ = ["placed_drivers", "placed_unloaded"]

_PAGE = 0x1000
_MOST_BYTES = 1 << 28  # the largest drivers, those of graphics processors, have a hundred million


def placed_drivers(drivers: Iterable[Module], machine: Machine) -> Iterator[Module]:
    """The drivers whose base is a page of the kernel; one that would be larger than any image has no size."""
    for driver in drivers:
        if _is_base(driver.base, machine):
            yield driver if _fits(driver.base, driver.end, machine) else driver._replace(size=0)


def placed_unloaded(drivers: Iterable[UnloadedModule], machine: Machine) -> Iterator[UnloadedModule]:
    """The unloaded drivers whose base is a page of the kernel; one that would be too large ends where it starts."""
    for driver in drivers:
        if _is_base(driver.base, machine):
            yield driver if _fits(driver.base, driver.end, machine) else driver._replace(end=driver.base)


def _is_base(base: int, machine: Machine) -> bool:
    return machine.kernel_start <= base <= machine.mask and base % _PAGE == 0


def _fits(base: int, end: int, machine: Machine) -> bool:
    return base <= end <= min(base + _MOST_BYTES, machine.mask + 1)
