"""The parts of I/O requests and device objects that lead from a request to the driver that holds it, 64-bit.

Source: `wdm.h` of the Windows driver kit, whose layout drivers are compiled against. No dump with these was seen.
"""

from __future__ import annotations

from smalldump.layout.record import Record, u16, u64

__all__ = ["DEVICE_TYPE", "DRIVER_TYPE", "IRP_TYPE", "DeviceObject64", "DriverObject64", "IoStackLocation64", "Irp64"]

DEVICE_TYPE, DRIVER_TYPE, IRP_TYPE = 3, 4, 6
"""IO_TYPE_DEVICE, IO_TYPE_DRIVER, IO_TYPE_IRP: the first word of each."""


class Irp64(Record, size=0xD0):
    """`IRP`."""

    type = u16(0x00, "6")
    current_stack_location = u64(0xB8, "of the driver that has it now")


class IoStackLocation64(Record, size=0x48):
    """`IO_STACK_LOCATION`."""

    device_object = u64(0x28, "the device that the request was sent to")


class DeviceObject64(Record, size=0x150):
    """`DEVICE_OBJECT`."""

    type = u16(0x00, "3")
    driver_object = u64(0x08)


class DriverObject64(Record, size=0x150):
    """`DRIVER_OBJECT`."""

    type = u16(0x00, "4")
    driver_start = u64(0x18, "base of the image")
