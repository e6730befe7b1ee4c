"""The first screen of a report: what, who, how sure, which process, where, when, on which machine."""

from __future__ import annotations

from collections.abc import Mapping

from smalldump.knowledge.drivers import made_by
from smalldump.knowledge.windows import release_build
from smalldump.model.absent import Absent
from smalldump.model.symbols import SymbolOrigin
from smalldump.report.columns import columns
from smalldump.report.document import Document
from smalldump.report.labels import code_place
from smalldump.report.object_sections import driver_lines
from smalldump.report.shown import address, counted, is_absent, labelled, moment, plain, text, uptime
from smalldump.report.values import Json, JsonObject

__all__ = ["culprit_words", "first_screen", "frame_place", "headline", "screen_facts"]

_WRITERS = {"kernel": "written by the kernel", "dbgeng": "written by dbgeng"}
_WIDEST, _INDENT = 100, 12
_STATES = {"whole": "whole", "damaged": "damaged", "not_a_dump": "not a memory dump"}


def first_screen(report: Document, width: int) -> list[str]:
    """The lines of the first screen."""
    lines = [headline(report), ""]
    if report["bug_check"] is None:
        return lines
    return [
        *lines,
        *_what(report, width),
        *_who(report, width),
        *_known(report, width),
        *(line for label, words in screen_facts(report) for line in labelled(label, words, width)),
    ]


def screen_facts(report: Document) -> list[tuple[str, str]]:
    """Process, place, time and machine of the crash, each with its label; of reports that lack any field, too."""
    return [
        ("Process", _process(report)),
        ("Where", _where(report)),
        ("When", _when(report)),
        ("Machine", _machine(report)),
    ]


def headline(report: Document) -> str:
    """File, kind, writer, size and state in one line."""
    file: JsonObject = report["file"] or {}
    parts = []
    if file.get("kind"):
        parts.append(f"{text(file['kind'])}, {text(report['system.machine'])}")
    writer = _WRITERS.get(str(file.get("writer")))
    if writer:
        parts.append(writer)
    parts += [f"{file.get('size', 0):,} bytes", _STATES.get(str(file.get("state")), text(file.get("state")))]
    return f"{text(file.get('name'))}: {', '.join(parts)}"


def _what(report: Document, width: int) -> list[str]:
    stop: JsonObject = report["bug_check"]
    if _paused(report):
        return labelled("What", "no bug check: the machine was paused from outside", width)
    if "absent" in stop:
        return labelled("What", text(stop), width)
    stored = "" if stop["stored_code"] == stop["code"] else f" (stored as {_upper(stop['stored_code'])})"
    lines = labelled("What", f"STOP {_upper(stop['code'])} {text(stop['name'], '')}".rstrip() + stored, width)
    lines += labelled("", text(stop["summary"]), width)
    if stop["subcode"]:
        lines += labelled("", text(stop["subcode"]), width)
    rows = [_parameter(report, number, each) for number, each in enumerate(stop["parameters"], 1)]
    room = min(width, _WIDEST) - _INDENT
    lines += [" " * _INDENT + line for line in columns(rows, width=room, fixed=(0, 1), wrapped=(2, 3))]
    return lines + [line for words in driver_lines(report) for line in labelled("", words, width)]


def _known(report: Document, width: int) -> list[str]:
    """What lists of known issues and plug-ins remark."""
    lines: list[str] = []
    for remark in report["verdict.remarks"] or ():
        link = f" {text(remark['link'])}" if remark.get("link") else ""
        lines += labelled("" if lines else "Known", f"- {text(remark['source'])}: {text(remark['text'])}{link}", width)
    return lines


def _paused(report: Document) -> bool:
    stop: JsonObject = report["bug_check"]
    return stop.get("absent") == Absent.NOT_APPLICABLE.value


def _upper(code: str) -> str:
    return f"0x{code[2:].upper()}"


def _parameter(report: Document, number: int, parameter: JsonObject) -> list[str]:
    value = address(parameter["value"], _bits(report))
    return [str(number), value, text(parameter["meaning"]), text(parameter["decoded"], "")]


def _bits(report: Document) -> int:
    return report["file.bits"] or 64


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
    if not culprit or verdict["kind"] == "process":
        return text(verdict["summary"])
    maker = made_by(text(culprit["vendor"]), culprit.get("product") and text(culprit["product"]))
    was = ", unloaded before the crash" if verdict["kind"] == "unloaded_driver" else ""
    return f"{culprit_words(verdict)}{f' ({maker})' if culprit['vendor'] else ''}{was}"


def culprit_words(verdict: Mapping[str, Json]) -> str | None:
    """Who is blamed, with "perhaps" where that is not sure; None where nobody is."""
    culprit = verdict.get("culprit")
    if not culprit:
        return None
    name = text(culprit.get("file") or culprit.get("module"))
    return f"perhaps {name}" if verdict.get("confidence") == "low" else name


def _process(report: Document) -> str:
    process, thread = report["process"] or {}, plain(report["thread"]) or {}
    if is_absent(process):
        return text(process)
    if plain(process.get("name")) is None and plain(process.get("pid")) is None:
        return text(process.get("name"))
    shown = f"{text(process.get('name'))} (pid {text(process.get('pid'))})"
    if _is_idle(report, thread):
        return f"{shown}, the idle thread of processor {text(report['processor.number'])}"
    if plain(process.get("attached")):
        shown += ", attached by a thread of another process"
    if plain(thread.get("tid")) is not None:
        shown += f", thread {text(thread['tid'])}"
    start = _start(thread)
    return f"{shown}, which began at {code_place(start, _bits(report))}" if start else shown


def _is_idle(report: Document, thread: JsonObject) -> bool:
    # Idle threads belong to no list of processes: their CLIENT_ID is zero, whatever process their memory is in.
    idle = plain(report["processor.idle_thread"])
    return idle is not None and idle == thread.get("address")


def _start(thread: JsonObject) -> JsonObject | None:
    """Where the thread began, by its kernel's or, failing that, its program's start address."""
    places = (plain(thread.get(name)) for name in ("start", "win32_start"))
    return next((place for place in places if place), None)


def _where(report: Document) -> str:
    shown = _place(report)
    number = plain(report["processor.number"])
    if number is not None:
        shown += f", processor {number}"
    return shown + _irql(report)


def _place(report: Document) -> str:
    frames = plain(report["stack"]) or []
    named = _named_place(report)
    if not frames:
        return named or "the program counter is not in this dump"
    innermost = frame_place(report, frames[0])
    if _failed_there(report):
        return innermost
    if named:
        return named
    if len(frames) > 1 and frames[0].get("module") == _kernel(report) and not _paused(report):
        return f"called the bug check from {frame_place(report, frames[1])}"
    return innermost


def _failed_there(report: Document) -> bool:
    """Whether the innermost frame is the code that failed, rather than KeBugCheckEx."""
    return bool(plain(report["dispatch"])) or report["registers.source"] == "crash"


def _named_place(report: Document) -> str | None:
    """The instruction that a parameter of the bug check points to."""
    for parameter in report["bug_check.parameters"] or ():
        value = plain(parameter.get("value"))
        if parameter.get("kind") == "address-code" and value and int(value, 16):
            return text(parameter["decoded"]) if plain(parameter.get("decoded")) else address(value, _bits(report))
    return None


def _kernel(report: Document) -> str | None:
    modules = plain(report["modules"])
    return modules[0].get("name") if modules else None


def frame_place(report: Document, frame: JsonObject) -> str:
    """Where a frame is: `nt!KeBugCheckEx`, `nt+0x3f5a80`, `<Unloaded_x>+0x10`, or the address.

    A name from an export table is marked: nobody knows whether the function is the one that was exported.
    """
    if not frame.get("symbol"):
        return code_place(frame, _bits(report))
    mark = " (export)" if frame.get("symbol_origin") == SymbolOrigin.EXPORT.value else ""
    return text(frame["symbol"]) + mark


def _irql(report: Document) -> str:
    irql, name = plain(report["crash.irql"]), plain(report["crash.irql_name"])
    if irql is None:
        return ""
    return f", IRQL {irql} ({text(name)})" if name else f", IRQL {irql}"


def _when(report: Document) -> str:
    time, since = report["crash.time_utc"], report["crash.uptime_s"]
    after = f", {uptime(since)} after boot" if plain(since) is not None else ""
    return moment(time) + after


def _machine(report: Document) -> str:
    system: JsonObject = report["system"] or {}
    parts = [_windows(system), f"build {_build(system)} {text(system.get('machine'))}"]
    count = plain(system.get("processors"))
    if count is not None:
        parts.append(counted(count, "processor"))
    return ", ".join(parts + _hardware(report, system))


def _build(system: JsonObject) -> str:
    kernel, service = plain(system.get("build")), system.get("service_build")
    if service is None or service == kernel:
        return text(system.get("build"))
    if kernel is None:
        return text(service)
    if release_build(kernel, service) is not None:
        return f"{text(service)} (kernel {kernel})"
    return f"{kernel} ({text(service)} by its event trace)"


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
