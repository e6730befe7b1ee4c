"""The bug check's own objects: what its parameters point to, as far as the dump holds the bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from smalldump.analysis.hardware_objects import read_error_record, read_machine_check
from smalldump.analysis.io_readers import read_device, read_driver, read_irp
from smalldump.analysis.parameters import Parameter
from smalldump.analysis.stop_object import Fact, Reader, Scene, StopObject
from smalldump.model import Absent, Snapshot
from smalldump.unwind import NO_CODE, CodeLookup

__all__ = ["READERS", "Fact", "Reader", "Scene", "StopObject", "objects_of"]

READERS: Mapping[str, Reader] = {
    "irp": read_irp,
    "device_object": read_device,
    "driver_object": read_driver,
    "machine_check": read_machine_check,
    "whea_error_record": read_error_record,
}
"""Kind of an object, as in the knowledge room's `pointer:<kind>`, to its reader."""

_BY_CODE: Mapping[tuple[int, int | None], tuple[tuple[int, str], ...]] = {
    (0x9C, None): ((2, "machine_check"),),
}
"""(Bug check, parameter 1 or None for any) to (parameter, kind): where the knowledge room does not name the kind."""


def objects_of(
    machine: Snapshot, parameters: Sequence[Parameter], lookup: CodeLookup = NO_CODE
) -> tuple[StopObject, ...]:
    """The objects that the parameters of the bug check point to, in the order of the parameters."""
    scene, found = Scene(machine, lookup), []
    for parameter, kind in _pointers(machine, parameters):
        reader = READERS.get(kind)
        read = reader(scene, parameter.value) if reader and parameter.value else None
        if read is not None:
            found.append(read._replace(parameter=parameter.number))
    return tuple(found)


def _pointers(machine: Snapshot, parameters: Sequence[Parameter]) -> Iterator[tuple[Parameter, str]]:
    stop = machine.bug_check
    if isinstance(stop, Absent):
        return
    first = stop.parameters[0]
    special = dict(_BY_CODE.get((stop.code, None), ()) + _BY_CODE.get((stop.code, first), ()))
    for parameter in parameters:
        kind = special.get(parameter.number) or parameter.kind.partition("pointer:")[2]
        if kind:
            yield parameter, kind
