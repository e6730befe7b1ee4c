"""The four bug check parameters: meaning and decoded value."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from smalldump.analysis.places import Places
from smalldump.knowledge.catalog import BugCheckEntry, ParameterEntry, exception_name, status_name
from smalldump.knowledge.flags import access, irql_name
from smalldump.model import Absent, Snapshot
from smalldump.unwind import NO_CODE, CodeLookup

__all__ = ["Parameter", "decode_parameters", "read_string", "read_unicode_string"]

_TEXT_LIMIT = 256  # bytes of a string that a parameter points to
_DECIMAL_LIMIT = 99_999  # larger numbers are sizes, hashes, masks: no easier to read in decimal
_UNKNOWN = ParameterEntry("Not documented", "unknown")


class Parameter(NamedTuple):
    """A bug check parameter.

    Attributes:
        number: 1 to 4.
        meaning: In words, by the sub-code where one applies.
        kind: How it is to be read (see the knowledge room).
        decoded: What the value stands for, or None where that is nothing more than the number.
    """

    number: int
    value: int
    meaning: str
    kind: str
    decoded: str | None


def decode_parameters(
    machine: Snapshot, entry: BugCheckEntry | None, lookup: CodeLookup = NO_CODE
) -> tuple[Parameter, ...]:
    """The parameters of the bug check with what the knowledge base, and symbols, say of them."""
    bug_check, places = machine.bug_check, Places(machine, lookup)
    if isinstance(bug_check, Absent):
        return ()
    subcode = entry.match(bug_check.parameters) if entry else None
    kinds = subcode.parameters if subcode else entry.parameters if entry else (_UNKNOWN,) * 4
    selects = entry is not None and len(entry.subcodes) > 0
    return tuple(
        # Sub-codes are known by their hexadecimal number: a decimal one beside it would only confuse.
        Parameter(
            number,
            value,
            kind.meaning,
            kind.kind,
            None if number == 1 and selects and kind.kind == "integer" else _decoded(places, kind.kind, value),
        )
        for number, (value, kind) in enumerate(zip(bug_check.parameters, kinds, strict=True), 1)
    )


def _decoded(places: Places, kind: str, value: int) -> str | None:
    decoder = _DECODERS.get(kind)
    if decoder is not None:
        return decoder(places, value)
    if kind == "unknown":
        return _perhaps_address(places, value)
    return _address(places, value) if kind.startswith("pointer:") else None


def _address(places: Places, value: int) -> str | None:
    return places.at(value).words if value else None


def _perhaps_address(places: Places, value: int) -> str | None:
    place = places.at(value)
    return place.words if place.is_telling else None


def _memory(places: Places, value: int) -> str | None:
    return places.at(value).words


def _status(_places: Places, value: int) -> str | None:
    return status_name(value)


def _exception(_places: Places, value: int) -> str | None:
    return exception_name(value) or status_name(value)


def _irql(places: Places, value: int) -> str | None:
    return irql_name(value, places.machine.machine.name.lower())


def _access(places: Places, value: int) -> str | None:
    stop = places.machine.bug_check
    found = None if isinstance(stop, Absent) else access(stop.code, value)
    return found and str(found)


def _decimal(_places: Places, value: int) -> str | None:
    return str(value) if 9 < value <= _DECIMAL_LIMIT else None


def _process(_places: Places, value: int) -> str:
    return f"pid {value}"


def _string(places: Places, value: int) -> str | None:
    text = read_string(places.machine, value)
    return f'"{text}"' if text else _address(places, value)


def read_string(machine: Snapshot, address: int) -> str | None:
    """The text at `address`, which ends with a zero byte, where it is in the dump, longer than 1 and printable."""
    raw = machine.memory.read_some(address, _TEXT_LIMIT).partition(b"\0")[0]
    text = raw.decode("ascii", "replace")
    return text if len(text) > 1 and text.isprintable() else None


def read_unicode_string(machine: Snapshot, address: int) -> str | None:
    """The text of the UNICODE_STRING at `address`, where both it and its buffer are in the dump and printable."""
    pointer = machine.machine.pointer
    length = machine.memory.word(address, 2)
    buffer = machine.memory.word(address + pointer, pointer)
    if not length or not buffer or length % 2:
        return None
    raw = machine.memory.try_read(buffer, min(length, _TEXT_LIMIT))
    text = raw.decode("utf-16-le", "replace") if raw else ""
    return text if text and text.isprintable() else None


def _unicode_string(places: Places, value: int) -> str | None:
    text = read_unicode_string(places.machine, value)
    return f'"{text}"' if text else _address(places, value)


_DECODERS: dict[str, Callable[[Places, int], str | None]] = {
    "address-code": _memory,
    "address-data": _memory,
    "ntstatus": _status,
    "exception-code": _exception,
    "irql": _irql,
    "access-type": _access,
    "integer": _decimal,
    "process-id": _process,
    "pointer:string": _string,
    "pointer:unicode_string": _unicode_string,
}
