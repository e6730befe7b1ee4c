"""Objects of the object manager that parameters point to: their headers, and the names of their types."""

from __future__ import annotations

from collections.abc import Mapping

from smalldump.analysis.parameters import read_unicode_string
from smalldump.analysis.stop_object import Fact, Reader, Scene, StopObject, lacking
from smalldump.layout.executive import ObjectHeader32, ObjectHeader64

__all__ = ["READERS", "read_object", "read_object_type"]

_WINDOWS_7, _WINDOWS_10 = 7600, 10240


def read_object(scene: Scene, address: int) -> StopObject:
    """The header before an object: how often it is referenced, and how many handles it has."""
    if scene.build is None or scene.build < _WINDOWS_7:
        return StopObject("object", address, None, missing="How this Windows lays out OBJECT_HEADER is not known here.")
    size = ObjectHeader64.SIZE if scene.machine.machine.bits == 64 else ObjectHeader32.SIZE
    header = scene.record(address - size, ObjectHeader32, ObjectHeader64) if address > size else None
    if header is None:
        return lacking("object", address, "OBJECT_HEADER")
    bits = 8 * scene.machine.machine.pointer
    facts = [
        Fact("references", str(_signed(header.pointer_count, bits))),
        Fact("handles", str(_signed(header.handle_count, bits))),
    ]
    if scene.build < _WINDOWS_10:
        facts.append(Fact("type index", str(header.type_index)))
    return StopObject("object", address, None, tuple(facts))


def read_object_type(scene: Scene, address: int) -> StopObject:
    """What a type of objects is called: `File`, `Process`."""
    name = read_unicode_string(scene.machine, address + 2 * scene.machine.machine.pointer)
    if scene.build is None or scene.build < _WINDOWS_7 or not name:
        return lacking("object_type", address, "name of the OBJECT_TYPE")
    return StopObject("object_type", address, None, (Fact("name", name),))


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


READERS: Mapping[str, Reader] = {"object": read_object, "object_type": read_object_type}
"""By the kind of the object, as `objects.FAMILIES` has it."""
