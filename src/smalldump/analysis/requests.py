"""From an I/O request or a device to the driver behind it, as far as the dump holds the objects between them."""

from __future__ import annotations

from smalldump.layout.io_objects import (
    DEVICE_TYPE,
    DRIVER_TYPE,
    IRP_TYPE,
    DeviceObject64,
    DriverObject64,
    IoStackLocation64,
    Irp64,
)
from smalldump.layout.record import Field
from smalldump.model import Module, Snapshot

__all__ = ["device_driver", "request_holder"]


def request_holder(machine: Snapshot, irp: int) -> Module | None:
    """The driver that has the IRP at an address; None where the dump does not tell."""
    if _word(machine, irp, Irp64.type) != IRP_TYPE:
        return None
    location = _word(machine, irp, Irp64.current_stack_location)
    device = _word(machine, location, IoStackLocation64.device_object)
    return None if device is None else device_driver(machine, device)


def device_driver(machine: Snapshot, device: int) -> Module | None:
    """The driver of the device object at an address; None where the dump does not tell."""
    if _word(machine, device, DeviceObject64.type) != DEVICE_TYPE:
        return None
    driver = _word(machine, device, DeviceObject64.driver_object)
    if _word(machine, driver, DriverObject64.type) != DRIVER_TYPE:
        return None
    start = _word(machine, driver, DriverObject64.driver_start)
    return None if start is None else machine.modules.at(start)


def _word(machine: Snapshot, address: int | None, field: Field[int]) -> int | None:
    if not address or machine.machine.bits != 64:
        return None
    return machine.memory.word(address + field.offset, field.size)
