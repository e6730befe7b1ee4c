"""The bug check's own objects: what its parameters point to, as far as the dump holds the bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from smalldump.analysis.hardware_objects import read_error_record, read_machine_check
from smalldump.analysis.io_readers import read_device, read_driver, read_irp
from smalldump.analysis.parameters import Parameter
from smalldump.analysis.pool_readers import read_pool_block, read_pool_header
from smalldump.analysis.state_readers import (
    damaged_lists,
    read_exception,
    read_list_entry,
    read_process,
    read_process_or_thread,
    read_thread,
    read_trap_frame,
)
from smalldump.analysis.stop_object import Fact, Reader, Scene, StopObject
from smalldump.analysis.triage_readers import (
    read_9f_pnp,
    read_9f_power,
    read_dpc_watchdog,
    read_resource,
    read_tdr_context,
)
from smalldump.model import Absent, Snapshot
from smalldump.unwind import NO_CODE, CodeLookup

__all__ = ["READERS", "Fact", "Reader", "Scene", "StopObject", "objects_of"]

READERS: Mapping[str, Reader] = {
    "irp": read_irp,
    "device_object": read_device,
    "driver_object": read_driver,
    "dpc_watchdog_global_triage_block": read_dpc_watchdog,
    "eresource": read_resource,
    "exception_record": read_exception,
    "list_entry": read_list_entry,
    "machine_check": read_machine_check,
    "pool_block": read_pool_block,
    "pool_header": read_pool_header,
    "process": read_process,
    "process_or_thread": read_process_or_thread,
    "tdr_recovery_context": read_tdr_context,
    "thread": read_thread,
    "trap_frame": read_trap_frame,
    "triage_9f_pnp": read_9f_pnp,
    "triage_9f_power": read_9f_power,
    "whea_error_record": read_error_record,
}
"""Kind of an object, as in the knowledge room's `pointer:<kind>`, to its reader."""

_BY_CODE: Mapping[tuple[int, int | None], tuple[tuple[int, str], ...]] = {
    **{(0x19, first): ((2, "pool_header"),) for first in (2, 3, 6, 9, 0xA, 0x20)},
    (0x19, 5): ((2, "pool_header"), (4, "pool_header")),
    **{(0x19, first): ((4, "pool_header"),) for first in (7, 8)},
    **{(0x19, first): ((2, "pool_block"),) for first in (0x21, 0x22)},
    (0xC2, 7): ((4, "pool_block"),),
    (0x9C, None): ((2, "machine_check"),),
    (0xC2, 9): ((4, "pool_block"),),
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
    return (*found, *damaged_lists(scene)) if _is_list_damage(machine) else tuple(found)


def _is_list_damage(machine: Snapshot) -> bool:
    stop = machine.bug_check
    return not isinstance(stop, Absent) and (stop.code, stop.parameters[0]) == (0x139, 3)


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
