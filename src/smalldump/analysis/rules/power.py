"""Devices that do not change their power state: 0x9F.

Kind 3: the driver that has the power IRP, by its current stack location. Kind 4: whoever keeps the thread that holds
the PnP lock, by that thread's own stack. The others name a device or driver object. Beside them the topmost driver of
others than Microsoft in the device's stack is a candidate: filters pass requests on, or forget to. What the thread that
noticed has on its own stack says nothing. Source: Microsoft's page on 0x9F.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from smalldump.analysis.advice import FIRMWARE, kernel_dump
from smalldump.analysis.evidence import Evidence, is_skipped
from smalldump.analysis.other_stacks import stack_of_thread
from smalldump.analysis.rules.clues import behind_device, behind_request, first_driver_of, named_by_windows
from smalldump.analysis.rules.rule import Case, Opinion
from smalldump.analysis.stop_object import Fact
from smalldump.analysis.weights import Kind
from smalldump.knowledge.drivers import driver
from smalldump.model import Module

__all__ = ["rule"]

_REQUEST, _LOCK = 3, 4
_DEVICES = {1: (2,), 2: (3, 2), 5: (2,), 0x500: (4, 3)}
_PDOS = {1: 2, 3: 2, 5: 2}  # kind to the parameter that is the lowest device of the stack
_ABOVE = Fact("stack", "above")
_FRAMEWORK = 6
_DRIVER_OBJECT = (2, 4)  # kind and parameter
_KEEPS = "is the first driver on the stack of the thread that holds the PnP lock"
_NO_IRP = "The power IRP that parameter 4 points to, or a device or driver object behind it, is not in the dump."
_NO_THREAD = "The stack of the thread that holds the PnP lock (parameter 3) is not in the dump."
_NO_DEVICE = "Parameter {number} points to the device object that would name the driver; its memory is not in the dump."
_NO_FORM = "Parameter 2 is the power framework's record of the device; its form, which would name it, is not published."
_ALSO = "If that does not help, the same with {module}, which stands above it in the stack of the device."
_CHIPSET = "Update the chipset driver and the drivers of devices that sleep."
_ALL_OBJECTS = "a small one seldom holds the devices and drivers that a power request passes"


def rule(case: Case) -> Opinion:
    """Who keeps the power request or the lock."""
    named, found = tuple(named_by_windows(case)), tuple(_found(case))
    limits = () if found else _limits(case)
    steps = () if named or found else (_CHIPSET, FIRMWARE, kernel_dump(_ALL_OBJECTS))
    filters = tuple(_filters(case, {piece.module for piece in (*named, *found)}))
    also = tuple(_ALSO.format(module=piece.module) for piece in filters) if named or found else ()
    return Opinion((*named, *found, *filters), limits=limits, steps=(*steps, *also))


def _filters(case: Case, blamed: Collection[str]) -> Iterator[Evidence]:
    number = _PDOS.get(case.value(1))
    devices = (found for found in case.objects if found.parameter == number and found.kind == "device_object")
    above = [each for found in devices for each in found.children if _ABOVE in each.facts]
    for each in reversed(above):
        module = case.machine.modules.named(each.driver) if each.driver else None
        if module is not None and not _is_microsofts(case, module):
            if module.name not in blamed:
                yield Evidence(Kind.FILTER, module.name, f"it stands above the device of parameter {number}")
            return


def _is_microsofts(case: Case, module: Module) -> bool:
    known = driver(module.file)
    return is_skipped(module, case.machine) or (known is not None and known.vendor == "Microsoft")


def _found(case: Case) -> Iterator[Evidence]:
    kind = case.value(1)
    if kind == _REQUEST:
        yield from behind_request(case, 4)
    elif kind == _LOCK:
        frames = stack_of_thread(case.machine, case.value(3), case.stacks, case.lookup) or ()
        yield from first_driver_of(case, frames, Kind.STUCK_THREAD, _KEEPS)
    elif kind in _DEVICES:
        if kind == _DRIVER_OBJECT[0]:
            yield from _of_driver_object(case, _DRIVER_OBJECT[1])
        for number in _DEVICES[kind]:
            yield from behind_device(case, number)


def _of_driver_object(case: Case, number: int) -> Iterator[Evidence]:
    name = next((each.driver for each in case.objects if each.parameter == number and each.driver), None)
    module = case.machine.modules.named(name) if name else None
    if module is not None and not is_skipped(module, case.machine):
        yield Evidence(Kind.OBJECT_OWNER, module.name, f"parameter {number} is its driver object")


def _limits(case: Case) -> tuple[str, ...]:
    kind = case.value(1)
    if kind == _REQUEST:
        return (_NO_IRP,)
    if kind == _LOCK:
        return (_NO_THREAD,)
    if kind == _FRAMEWORK:
        return (_NO_FORM,)
    numbers = (number for number in _DEVICES.get(kind, ()) if case.value(number))
    return tuple(
        _NO_DEVICE.format(number=number) for number in numbers if case.value(number) not in case.machine.memory
    )
