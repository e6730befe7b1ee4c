"""From an IRP or a device to the drivers that have it: the objects on the way, each known by its type.

IRP ─► stack locations ─► device ─► driver ─► its name
                          device ─► the devices attached to it
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from smalldump.layout.io_objects import (
    DEVICE_TYPE,
    DRIVER_TYPE,
    IRP_TYPE,
    DeviceObject32,
    DeviceObject64,
    DriverObject32,
    DriverObject64,
    IoStackLocation32,
    IoStackLocation64,
    Irp32,
    Irp64,
)
from smalldump.model import Snapshot
from smalldump.model.requests import RangeRequest, Rank

__all__ = ["io_objects"]

_MOST = 64  # objects; stacks of devices are a dozen high
_LONGEST_NAME = 0x200
_LONGEST_EXTENSION = 0x400
_DEVICE_EXTENSION = 0x100  # DEVOBJ_EXTENSION and what lies behind it

_Next: TypeAlias = Iterator[int | RangeRequest]


def io_objects(machine: Snapshot, address: int) -> Iterator[RangeRequest]:
    """The object at `address`, if it is one, and all that it leads to, each once."""
    seen, waiting = set[int](), [address]
    while waiting and len(seen) < _MOST:
        place = waiting.pop(0)
        if place in seen or place < machine.machine.kernel_start:
            continue
        seen.add(place)
        for found in _leads_to(machine, place):
            if not isinstance(found, RangeRequest):
                waiting.append(found)
            elif found.address >= machine.machine.kernel_start:
                yield found


def _leads_to(machine: Snapshot, address: int) -> _Next:
    kind = machine.memory.word(address, 2)
    reader = _READERS.get(kind) if kind is not None else None
    return iter(()) if reader is None else reader(machine, address)


def _irp(machine: Snapshot, address: int) -> _Next:
    wide = machine.machine.bits == 64
    kind, location = (Irp64, IoStackLocation64) if wide else (Irp32, IoStackLocation32)
    data = machine.memory.try_read(address, kind.SIZE)
    if data is None:
        return
    irp = kind(data)
    count = min(irp.stack_count, _MOST)
    yield _part(address, kind.SIZE + count * location.SIZE, "IRP")
    yield _part(irp.thread, 0x100, "thread of the IRP")
    for number in range(count):
        at = address + kind.SIZE + number * location.SIZE
        place = machine.memory.try_read(at, location.SIZE)
        if place is not None:
            yield location(place).device_object


def _device(machine: Snapshot, address: int) -> _Next:
    kind = DeviceObject64 if machine.machine.bits == 64 else DeviceObject32
    data = machine.memory.try_read(address, kind.SIZE)
    if data is None:
        return
    device = kind(data)
    own = min(max(device.object_size - kind.SIZE, 0x100), _LONGEST_EXTENSION)
    yield _part(address, kind.SIZE, "DEVICE_OBJECT")
    yield _part(device.device_extension, own, "device extension")
    yield _part(device.device_object_extension, _DEVICE_EXTENSION, "extension of a DEVICE_OBJECT")
    yield from (device.driver_object, device.attached_device, device.current_irp)


def _driver(machine: Snapshot, address: int) -> _Next:
    kind = DriverObject64 if machine.machine.bits == 64 else DriverObject32
    data = machine.memory.try_read(address, kind.SIZE)
    if data is None:
        return
    driver = kind(data)
    yield _part(address, kind.SIZE, "DRIVER_OBJECT")
    yield _part(driver.driver_name, min(driver.driver_name_length, _LONGEST_NAME), "name of a DRIVER_OBJECT")


def _part(address: int, size: int, why: str) -> RangeRequest:
    return RangeRequest(address, size, why, rank=Rank.BUG_CHECK)


_READERS: dict[int, Callable[[Snapshot, int], _Next]] = {
    IRP_TYPE: _irp,
    DEVICE_TYPE: _device,
    DRIVER_TYPE: _driver,
}
