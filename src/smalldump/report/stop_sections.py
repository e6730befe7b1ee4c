"""The sections on the stop itself: bug check, moment of the crash."""

from __future__ import annotations

from smalldump.analysis import Analysis
from smalldump.analysis.parameters import Parameter
from smalldump.knowledge.catalog import is_driver_defined
from smalldump.knowledge.flags import irql_name
from smalldump.model import Absent, Snapshot
from smalldump.report.values import Json, JsonObject, absent, address, code, fact, moment

__all__ = ["stop_sections"]


def stop_sections(machine: Snapshot, analysis: Analysis) -> JsonObject:
    """`bug_check` and `crash`."""
    return {"bug_check": _bug_check(machine, analysis), "crash": _crash(machine)}


def _bug_check(machine: Snapshot, analysis: Analysis) -> Json:
    stop, entry = machine.bug_check, analysis.entry
    if isinstance(stop, Absent):
        return absent(stop)
    return {
        "code": code(entry.code if entry else stop.stored_code),
        "stored_code": code(stop.stored_code),
        "name": entry.name if entry else None,
        "summary": entry.summary if entry else _unknown(stop.stored_code),
        "subcode": analysis.subcode,
        "parameters": [_parameter(parameter) for parameter in analysis.parameters],
        "stop_text": list(analysis.stop_text),
        "url": entry.url if entry else None,
    }


def _unknown(stored_code: int) -> str:
    if is_driver_defined(stored_code):
        return "Not a stop code of Windows: a driver raised it with a code of its own."
    return "Not a documented stop code."


def _parameter(parameter: Parameter) -> JsonObject:
    return {
        "value": address(parameter.value),
        "meaning": parameter.meaning,
        "kind": parameter.kind,
        "decoded": parameter.decoded,
    }


def _crash(machine: Snapshot) -> JsonObject:
    dump, processor = machine.dump, machine.processor
    irql = processor if isinstance(processor, Absent) else processor.irql
    level: JsonObject = {"irql": fact(irql)}
    if not isinstance(irql, Absent):
        level["irql_name"] = irql_name(irql, machine.machine.name.lower())
    if isinstance(dump, Absent):
        return level
    return {
        "time_utc": fact(dump.time, moment),
        "uptime_s": fact(dump.uptime, lambda uptime: round(uptime.total_seconds(), 3)),
    } | level
