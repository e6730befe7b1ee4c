"""The STOP message, as the blue screen of Windows 2000 to 7 gave it."""

from __future__ import annotations

from collections.abc import Sequence

from smalldump.analysis.parameters import Parameter
from smalldump.knowledge.catalog import BugCheckEntry
from smalldump.model import Absent, BugCheck, Snapshot

__all__ = ["stop_text"]


def stop_text(machine: Snapshot, entry: BugCheckEntry | None, parameters: Sequence[Parameter]) -> tuple[str, ...]:
    """The lines of the STOP message: code and parameters, name, and the driver that a parameter points into."""
    if isinstance(machine.bug_check, Absent):
        return ()
    code = entry.code if entry else machine.bug_check.stored_code
    lines = [_stop_line(code, machine.bug_check, machine.machine.bits // 4)]
    if entry is not None:
        lines.append(entry.name)
    driver = _driver_line(machine, parameters)
    return (*lines, driver) if driver else tuple(lines)


def _stop_line(code: int, bug_check: BugCheck, digits: int) -> str:
    # The screen shows the plain code; the bit that marks small dumps is set by who writes them.
    values = ", ".join(f"0x{value:0{digits}X}" for value in bug_check.parameters)
    return f"STOP: 0x{code:08X} ({values})"


def _driver_line(machine: Snapshot, parameters: Sequence[Parameter]) -> str | None:
    digits = machine.machine.bits // 4
    for parameter in parameters:
        module = machine.modules.at(parameter.value) if parameter.kind == "address-code" else None
        if module is not None:
            stamp = "unknown" if isinstance(module.timestamp, Absent) else f"{module.timestamp:08x}"
            place = f"Address {parameter.value:0{digits}X} base at {module.base:0{digits}X}"
            return f"{module.file} - {place}, DateStamp {stamp}"
    return None
