"""The bug check's own objects: what its parameters point to, as far as the dump holds the bytes.

Readers are imported late: most dumps need those of one family at most, and the decoders of error records are many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from smalldump.analysis.parameters import Parameter
from smalldump.analysis.stop_object import Fact, Reader, Scene, StopObject
from smalldump.model import Absent, Snapshot
from smalldump.unwind import NO_CODE, CodeLookup

__all__ = ["FAMILIES", "Fact", "Reader", "Scene", "StopObject", "objects_of", "reader_of"]


def _io() -> Mapping[str, Reader]:
    from smalldump.analysis import io_readers

    return io_readers.READERS


def _pool() -> Mapping[str, Reader]:
    from smalldump.analysis import pool_readers

    return pool_readers.READERS


def _state() -> Mapping[str, Reader]:
    from smalldump.analysis import state_readers

    return state_readers.READERS


def _triage() -> Mapping[str, Reader]:
    from smalldump.analysis import triage_readers

    return triage_readers.READERS


def _executive() -> Mapping[str, Reader]:
    from smalldump.analysis import executive_readers

    return executive_readers.READERS


def _hardware() -> Mapping[str, Reader]:
    from smalldump.analysis import hardware_objects

    return hardware_objects.READERS


FAMILIES: Mapping[str, Callable[[], Mapping[str, Reader]]] = {
    **dict.fromkeys(("irp", "device_object", "driver_object"), _io),
    **dict.fromkeys(("pool_block", "pool_header"), _pool),
    **dict.fromkeys(("exception_record", "list_entry", "process", "process_or_thread", "thread", "trap_frame"), _state),
    **dict.fromkeys(
        ("dpc_watchdog_global_triage_block", "eresource", "tdr_recovery_context", "triage_9f_pnp", "triage_9f_power"),
        _triage,
    ),
    **dict.fromkeys(("object", "object_type"), _executive),
    **dict.fromkeys(("machine_check", "whea_error_record"), _hardware),
}
"""Kind of an object, as in the knowledge room's `pointer:<kind>`, to what imports the readers of its family."""

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


def reader_of(kind: str) -> Reader | None:
    """The reader of a kind of objects; None for kinds that nobody reads."""
    family = FAMILIES.get(kind)
    return None if family is None else family()[kind]


def objects_of(
    machine: Snapshot, parameters: Sequence[Parameter], lookup: CodeLookup = NO_CODE
) -> tuple[StopObject, ...]:
    """The objects that the parameters of the bug check point to, in the order of the parameters."""
    scene, found = Scene(machine, lookup), []
    for parameter, kind in _pointers(machine, parameters):
        reader = reader_of(kind) if parameter.value else None
        read = reader(scene, parameter.value) if reader else None
        if read is not None:
            found.append(read._replace(parameter=parameter.number))
    return (*found, *_damaged_lists(scene)) if _is_list_damage(machine) else tuple(found)


def _damaged_lists(scene: Scene) -> Iterator[StopObject]:
    from smalldump.analysis import state_readers

    return state_readers.damaged_lists(scene)


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
