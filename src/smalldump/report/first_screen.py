"""The first screen of a report: what, who, how sure, which process, where, when, on which machine."""

from __future__ import annotations

from smalldump.report.columns import columns
from smalldump.report.document import Document
from smalldump.report.shown import address, labelled, moment, plain, text, uptime
from smalldump.report.values import Json, JsonObject

__all__ = ["first_screen", "frame_place", "headline"]

_WRITERS = {"kernel": "written by the kernel", "dbgeng": "written by dbgeng"}
_STATES = {"whole": "whole", "damaged": "damaged", "not_a_dump": "not a small memory dump"}
_IRQL_NAMES = {0: "PASSIVE_LEVEL", 1: "APC_LEVEL", 2: "DISPATCH_LEVEL"}


def first_screen(report: Document, width: int) -> list[str]:
    """The lines of the first screen."""
    lines = [headline(report), ""]
    if report["bug_check"] is None:
        return lines
    return [
        *lines,
        *_what(report, width),
        *_who(report, width),
        *labelled("Process", _process(report), width),
        *labelled("Where", _where(report), width),
        *labelled("When", _when(report), width),
        *labelled("Machine", _machine(report), width),
    ]


def headline(report: Document) -> str:
    """File, kind, writer, size and state in one line."""
    file: JsonObject = report["file"] or {}
    parts = []
    if file.get("format") == "small":
        parts.append(f"small memory dump, {text(report['system.machine'])}")
    writer = _WRITERS.get(str(file.get("writer")))
    if writer:
        parts.append(writer)
    parts += [f"{file.get('size', 0):,} bytes", _STATES.get(str(file.get("state")), text(file.get("state")))]
    return f"{text(file.get('name'))}: {', '.join(parts)}"


def _what(report: Document, width: int) -> list[str]:
    stop: JsonObject = report["bug_check"]
    if "absent" in stop:
        return labelled("What", text(stop), width)
    stored = "" if stop["stored_code"] == stop["code"] else f" (stored as {_upper(stop['stored_code'])})"
    lines = labelled("What", f"STOP {_upper(stop['code'])} {text(stop['name'], '')}".rstrip() + stored, width)
    lines += labelled("", text(stop["summary"]), width)
    if stop["subcode"]:
        lines += labelled("", text(stop["subcode"]), width)
    rows = [_parameter(report, number, each) for number, each in enumerate(stop["parameters"], 1)]
    return lines + [" " * 12 + line for line in columns(rows, width=width - 12, fixed=(0, 1))]


def _upper(code: str) -> str:
    return f"0x{code[2:].upper()}"


def _parameter(report: Document, number: int, parameter: JsonObject) -> list[str]:
    value = address(parameter["value"], report["file.bits"] or 64)
    return [str(number), value, text(parameter["meaning"]), text(parameter["decoded"], "")]


def _who(report: Document, width: int) -> list[str]:
    verdict: JsonObject | None = report["verdict"]
    if verdict is None:
        return []
    lines = labelled("Who", _culprit(verdict), width)
    lines += labelled("How sure", text(verdict["confidence"]), width)
    for piece in verdict["evidence"]:
        lines += labelled("", f"- {text(piece['text'])}", width)
    return lines


def _culprit(verdict: JsonObject) -> str:
    culprit = verdict["culprit"]
    if not culprit:
        return text(verdict["summary"])
    makers = ", ".join(text(culprit[key]) for key in ("vendor", "product") if culprit.get(key))
    name = text(culprit["file"] or culprit["module"])
    if verdict["kind"] == "process":
        return text(verdict["summary"])
    was = ", unloaded before the crash" if verdict["kind"] == "unloaded_driver" else ""
    return f"{name}{f' ({makers})' if makers else ''}{was}"


def _process(report: Document) -> str:
    process, thread = report["process"] or {}, report["thread"] or {}
    if "absent" in process:
        return text(process)
    if plain(process.get("name")) is None and plain(process.get("pid")) is None:
        return text(process.get("name"))
    shown = f"{text(process.get('name'))} (pid {text(process.get('pid'))})"
    if plain(process.get("attached")):
        shown += ", attached by a thread of another process"
    if plain(thread.get("tid")) is not None:
        shown += f", thread {text(thread['tid'])}"
    start = plain(thread.get("start"))
    return f"{shown}, which began at {_place(report, start)}" if start else shown


def _place(report: Document, place: JsonObject) -> str:
    if place.get("module"):
        return f"{text(place['module'])}+{text(place['offset'])}"
    return address(place["address"], report["file.bits"] or 64)


def _where(report: Document) -> str:
    frames = report["stack"] or []
    shown = frame_place(report, frames[0]) if frames else "the program counter is not in this dump"
    number = plain(report["processor.number"])
    if number is not None:
        shown += f", processor {number}"
    return shown + _irql(report["crash.irql"])


def frame_place(report: Document, frame: JsonObject) -> str:
    """Where a frame is: `nt+0x3f5a80`, `<Unloaded_x>+0x10`, or the address."""
    if frame.get("symbol"):
        return text(frame["symbol"])
    if frame.get("module"):
        return f"{text(frame['module'])}+{text(frame['offset'])}"
    if frame.get("unloaded_module"):
        return f"<Unloaded_{text(frame['unloaded_module'])}>+{text(frame['offset'])}"
    return address(frame["pc"], report["file.bits"] or 64)


def _irql(irql: Json) -> str:
    if plain(irql) is None:
        return ""
    name = _IRQL_NAMES.get(irql)
    return f", IRQL {irql} ({name})" if name else f", IRQL {irql}"


def _when(report: Document) -> str:
    time, since = report["crash.time_utc"], report["crash.uptime_s"]
    after = f", {uptime(since)} after boot" if plain(since) is not None else ""
    return moment(time) + after


def _machine(report: Document) -> str:
    system: JsonObject = report["system"] or {}
    build = text(system.get("service_build") or system.get("build"))
    parts = [_windows(system), f"build {build} {text(system.get('machine'))}"]
    count = plain(system.get("processors"))
    if count is not None:
        parts.append(f"{count} processor{'s' if count != 1 else ''}")
    return ", ".join(parts + _hardware(report, system))


def _windows(system: JsonObject) -> str:
    known = text(plain(system.get("edition")) or system.get("windows"), "Windows")
    if plain(system.get("version")):
        known += f", {text(system['version'])}"
    pack = plain(system.get("service_pack"))
    return f"{known} Service Pack {pack}" if pack and f"SP{pack}" not in known else known


def _hardware(report: Document, system: JsonObject) -> list[str]:
    maker = " ".join(text(system[name]) for name in ("vendor", "product") if system.get(name))
    bios = f"BIOS {text(system['bios'])}" if system.get("bios") else ""
    processor = text(report["processor.name"], "")
    return [part for part in (maker, bios, processor) if part]
