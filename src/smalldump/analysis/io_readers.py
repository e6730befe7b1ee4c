"""Requests, devices and drivers that parameters point to: who has the request, and who stands in the device's stack.

IRP ─► current stack location ─► device ─► driver, and the devices attached above and below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from smalldump.analysis.stop_object import Fact, Reader, Scene, StopObject, lacking
from smalldump.decode.irp import control_words, function_words, power_words
from smalldump.knowledge.status import status_name
from smalldump.layout.io_objects import (
    DEVICE_TYPE,
    DRIVER_TYPE,
    EXTENSION_TYPE,
    IRP_TYPE,
    DeviceObject32,
    DeviceObject64,
    DevobjExtension32,
    DevobjExtension64,
    DriverObject32,
    DriverObject64,
    IoStackLocation32,
    IoStackLocation64,
    Irp32,
    Irp64,
)

__all__ = ["READERS", "read_device", "read_driver", "read_irp"]

_MOST_DEVICES = 32  # attached to each other; real stacks are a dozen high
_MOST_LOCATIONS = 64
_NAME_LIMIT = 0x200  # bytes


def read_irp(scene: Scene, address: int) -> StopObject:
    """An IRP: its state, and its stack locations in use, the current one first."""
    irp = scene.record(address, Irp32, Irp64)
    if irp is None:
        return lacking("irp", address, "IRP")
    if irp.type != IRP_TYPE:
        return StopObject("irp", address, None, missing=f"What lies at {address:#x} is not an IRP: type {irp.type}.")
    current = irp.current_stack_location
    holder = _location(scene, current, irp.current_location, "current")
    facts = [
        Fact("location", f"{irp.current_location} of {irp.stack_count}"),
        Fact("status", status_name(irp.io_status) or f"{irp.io_status:#x}"),
        Fact("pending returned", "yes" if irp.pending_returned else "no"),
        Fact("cancelled", "yes" if irp.cancel else "no"),
        *([Fact("cancel routine", scene.words(irp.cancel_routine))] if irp.cancel_routine else ()),
        Fact("thread", scene.words(irp.thread) if irp.thread else "none"),
    ]
    children = (holder, *_waiting(scene, address, irp))
    return StopObject("irp", address, None, tuple(facts), children, _gap(holder), holder.driver)


def _gap(holder: StopObject) -> str | None:
    return None if holder.driver else f"Which driver has the IRP is not told: {holder.missing or 'no device is set.'}"


def _waiting(scene: Scene, address: int, irp: Irp32 | Irp64) -> Iterator[StopObject]:
    """The locations above the current one: their drivers wait for the request to come back."""
    size, start = _form(scene)
    for number in range(irp.current_location + 1, min(irp.stack_count, _MOST_LOCATIONS) + 1):
        yield _location(scene, address + start + (number - 1) * size, number, "waiting")


def _form(scene: Scene) -> tuple[int, int]:
    wide = scene.machine.machine.bits == 64
    return (IoStackLocation64.SIZE, Irp64.SIZE) if wide else (IoStackLocation32.SIZE, Irp32.SIZE)


def _location(scene: Scene, address: int, number: int, role: str) -> StopObject:
    place = scene.record(address, IoStackLocation32, IoStackLocation64)
    if place is None:
        return lacking("io_stack_location", address, f"IO_STACK_LOCATION {number}")
    major, minor = place.major_function, place.minor_function
    power = power_words(major, minor, place.power_type, place.power_state)
    facts = [
        Fact("number", f"{number} ({role})"),
        Fact("function", function_words(major, minor)),
        *([Fact("power", power)] if power else ()),
        Fact("control", control_words(place.control)),
        *([Fact("completion", scene.words(place.completion_routine))] if place.completion_routine else ()),
    ]
    device = read_device(scene, place.device_object, attached=False) if place.device_object else None
    return StopObject(
        "io_stack_location",
        address,
        None,
        tuple(facts),
        () if device is None else (device,),
        "No device is set." if device is None else device.missing,
        device and device.driver,
    )


def read_device(scene: Scene, address: int, *, attached: bool = True) -> StopObject:
    """A device object with its driver and, where wished, the devices above and below it."""
    device = scene.record(address, DeviceObject32, DeviceObject64)
    if device is None:
        return lacking("device_object", address, "DEVICE_OBJECT")
    if device.type != DEVICE_TYPE:
        gap = f"What lies at {address:#x} is not a DEVICE_OBJECT: type {device.type}."
        return StopObject("device_object", address, None, missing=gap)
    driver = read_driver(scene, device.driver_object)
    facts = (
        *([Fact("driver", driver.driver)] if driver.driver else ()),
        Fact("device type", f"{device.device_type:#x}"),
        *([Fact("current IRP", f"{device.current_irp:#x}")] if device.current_irp else ()),
        *([Fact("attached device", f"{device.attached_device:#x}")] if device.attached_device else ()),
    )
    others = tuple(_neighbours(scene, address, device)) if attached else ()
    return StopObject("device_object", address, None, facts, (driver, *others), driver.missing, driver.driver)


def _neighbours(scene: Scene, address: int, device: DeviceObject32 | DeviceObject64) -> Iterator[StopObject]:
    seen = {address}
    for upward in (True, False):
        here: DeviceObject32 | DeviceObject64 | None = device
        while here is not None and len(seen) < _MOST_DEVICES:
            at = here.attached_device if upward else _below(scene, here)
            if not at or at in seen:
                break
            seen.add(at)
            found = read_device(scene, at, attached=False)
            yield found._replace(facts=(Fact("stack", "above" if upward else "below"), *found.facts))
            here = scene.record(at, DeviceObject32, DeviceObject64) if found.facts else None


def _below(scene: Scene, device: DeviceObject32 | DeviceObject64) -> int:
    extension = scene.record(device.device_object_extension, DevobjExtension32, DevobjExtension64)
    return extension.attached_to if extension is not None and extension.type == EXTENSION_TYPE else 0


def read_driver(scene: Scene, address: int) -> StopObject:
    """A driver object: the driver's name, and the module that it is."""
    driver = scene.record(address, DriverObject32, DriverObject64)
    if driver is None:
        return lacking("driver_object", address, "DRIVER_OBJECT")
    if driver.type != DRIVER_TYPE:
        gap = f"What lies at {address:#x} is not a DRIVER_OBJECT: type {driver.type}."
        return StopObject("driver_object", address, None, missing=gap)
    name = _name(scene, driver)
    module = scene.driver(driver.driver_start)
    facts = (
        *([Fact("name", name)] if name else ()),
        Fact("image", scene.words(driver.driver_start)),
    )
    unnamed = None if name or module else f"The name of the DRIVER_OBJECT at {address:#x} is not in the dump."
    return StopObject("driver_object", address, None, facts, missing=unnamed, driver=module or name)


def _name(scene: Scene, driver: DriverObject32 | DriverObject64) -> str | None:
    length = min(driver.driver_name_length, _NAME_LIMIT) & ~1
    raw = scene.machine.memory.try_read(driver.driver_name, length) if length and driver.driver_name else None
    text = "" if raw is None else bytes(raw).decode("utf-16-le", "replace")
    return text if text and text.isprintable() else None


READERS: Mapping[str, Reader] = {
    "irp": read_irp,
    "device_object": read_device,
    "driver_object": read_driver,
}
"""By the kind of the object, as `objects.FAMILIES` has it."""
