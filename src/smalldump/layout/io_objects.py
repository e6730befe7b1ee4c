"""Objects of the I/O system, as far as they lead from one to the next. Each begins with its type and its size.

Source: Microsoft's wdm.h and ntddk.h; these layouts have not changed since Windows XP.
"""

from __future__ import annotations

from smalldump.layout.record import Record, u8, u16, u32, u64

__all__ = [
    "DEVICE_TYPE",
    "DRIVER_TYPE",
    "EXTENSION_TYPE",
    "IRP_TYPE",
    "DeviceObject32",
    "DeviceObject64",
    "DevobjExtension32",
    "DevobjExtension64",
    "DriverObject32",
    "DriverObject64",
    "IoStackLocation32",
    "IoStackLocation64",
    "Irp32",
    "Irp64",
]


DEVICE_TYPE, DRIVER_TYPE, IRP_TYPE = 3, 4, 6
"""IO_TYPE_DEVICE, IO_TYPE_DRIVER, IO_TYPE_IRP: the first word of each."""
EXTENSION_TYPE = 13
"""IO_TYPE_DEVICE_OBJECT_EXTENSION."""


class Irp64(Record, size=0xD0):
    """`IRP` of 64 bits; behind it lie its stack locations."""

    type = u16(0x00, "IO_TYPE_IRP")
    object_size = u16(0x02, "bytes, with the stack locations")
    io_status = u32(0x30, "NTSTATUS, set at completion")
    pending_returned = u8(0x41, "1: the driver below returned STATUS_PENDING")
    stack_count = u8(0x42, "stack locations")
    current_location = u8(0x43, "number of the current one, from 1; StackCount + 1 before the first driver")
    cancel = u8(0x44, "1: cancelled")
    cancel_routine = u64(0x68, "address, 0 for none")
    thread = u64(0x98, "address of the ETHREAD that asked")
    current_stack_location = u64(0xB8, "address")


class Irp32(Record, size=0x70):
    """`IRP` of 32 bits."""

    type = u16(0x00, "IO_TYPE_IRP")
    object_size = u16(0x02, "bytes, with the stack locations")
    io_status = u32(0x18, "NTSTATUS, set at completion")
    pending_returned = u8(0x21, "1: the driver below returned STATUS_PENDING")
    stack_count = u8(0x22, "stack locations")
    current_location = u8(0x23, "number of the current one, from 1; StackCount + 1 before the first driver")
    cancel = u8(0x24, "1: cancelled")
    cancel_routine = u32(0x38, "address, 0 for none")
    thread = u32(0x50, "address of the ETHREAD that asked")
    current_stack_location = u32(0x60, "address")


class IoStackLocation64(Record, size=0x48):
    """`IO_STACK_LOCATION` of 64 bits."""

    major_function = u8(0x00, "IRP_MJ_*")
    minor_function = u8(0x01, "IRP_MN_*")
    control = u8(0x03, "SL_*: when the completion routine is called")
    power_type = u32(0x10, "of IRP_MJ_POWER: POWER_STATE_TYPE")
    power_state = u32(0x18, "of IRP_MJ_POWER: POWER_STATE")
    device_object = u64(0x28, "address")
    file_object = u64(0x30, "address")
    completion_routine = u64(0x38, "address, 0 for none")
    context = u64(0x40, "of the completion routine")


class IoStackLocation32(Record, size=0x24):
    """`IO_STACK_LOCATION` of 32 bits."""

    major_function = u8(0x00, "IRP_MJ_*")
    minor_function = u8(0x01, "IRP_MN_*")
    control = u8(0x03, "SL_*: when the completion routine is called")
    power_type = u32(0x08, "of IRP_MJ_POWER: POWER_STATE_TYPE")
    power_state = u32(0x0C, "of IRP_MJ_POWER: POWER_STATE")
    device_object = u32(0x14, "address")
    file_object = u32(0x18, "address")
    completion_routine = u32(0x1C, "address, 0 for none")
    context = u32(0x20, "of the completion routine")


class DeviceObject64(Record, size=0x150):
    """`DEVICE_OBJECT` of 64 bits."""

    type = u16(0x00, "IO_TYPE_DEVICE")
    object_size = u16(0x02, "bytes, with the device extension")
    driver_object = u64(0x08, "address")
    attached_device = u64(0x18, "address of the device above, 0 for none")
    current_irp = u64(0x20, "address")
    device_extension = u64(0x40, "address")
    device_type = u32(0x48, "FILE_DEVICE_*")
    device_object_extension = u64(0x138, "address")


class DeviceObject32(Record, size=0xB8):
    """`DEVICE_OBJECT` of 32 bits."""

    type = u16(0x00, "IO_TYPE_DEVICE")
    object_size = u16(0x02, "bytes, with the device extension")
    driver_object = u32(0x08, "address")
    attached_device = u32(0x10, "address of the device above, 0 for none")
    current_irp = u32(0x14, "address")
    device_extension = u32(0x28, "address")
    device_type = u32(0x2C, "FILE_DEVICE_*")
    device_object_extension = u32(0xB0, "address")


class DevobjExtension64(Record, size=0x38):
    """`DEVOBJ_EXTENSION` of 64 bits, its beginning. Source: Microsoft's public symbols."""

    type = u16(0x00, "IO_TYPE_DEVICE_OBJECT_EXTENSION")
    device_object = u64(0x08, "address")
    attached_to = u64(0x30, "address of the device below, 0 for none")


class DevobjExtension32(Record, size=0x1C):
    """`DEVOBJ_EXTENSION` of 32 bits, its beginning. Source: Microsoft's public symbols."""

    type = u16(0x00, "IO_TYPE_DEVICE_OBJECT_EXTENSION")
    device_object = u32(0x04, "address")
    attached_to = u32(0x18, "address of the device below, 0 for none")


class DriverObject64(Record, size=0x150):
    """`DRIVER_OBJECT` of 64 bits."""

    type = u16(0x00, "IO_TYPE_DRIVER")
    object_size = u16(0x02, "bytes")
    driver_start = u64(0x18, "base of the image")
    driver_name_length = u16(0x38, "bytes of the name")
    driver_name = u64(0x40, "address of the name, UTF-16")


class DriverObject32(Record, size=0xA8):
    """`DRIVER_OBJECT` of 32 bits."""

    type = u16(0x00, "IO_TYPE_DRIVER")
    object_size = u16(0x02, "bytes")
    driver_start = u32(0x0C, "base of the image")
    driver_name_length = u16(0x1C, "bytes of the name")
    driver_name = u32(0x20, "address of the name, UTF-16")
