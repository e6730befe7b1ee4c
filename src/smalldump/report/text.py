"""A report as plain text: the first screen, then the details."""

from __future__ import annotations

from collections.abc import Sequence

from smalldump.escape import shortened
from smalldump.report.columns import columns
from smalldump.report.document import Document
from smalldump.report.first_screen import first_screen, headline
from smalldump.report.shown import counted, is_absent, labelled, paragraph, plain, text
from smalldump.report.stack_text import frame_lines
from smalldump.report.text_sections import SECTIONS, module_rows, render_section, sections_of
from smalldump.report.values import JsonObject

__all__ = ["SECTIONS", "headline", "render", "render_section", "sections_of"]

_TITLES = {
    "header": "Header and system",
    "bugcheck": "Bug check",
    "registers": "Registers",
    "stack": "Call stack",
    "modules": "Loaded modules",
    "unloaded": "Unloaded drivers",
    "process": "Process and thread",
    "processor": "Processor",
    "processors": "All processors",
    "threads": "Threads",
    "processes": "Processes",
    "debugger-data": "Debugger data block",
    "memory": "Memory counters",
    "pages": "Memory beyond the fixed sections",
    "blobs": "Secondary data",
}
_SHORT_MODULES, _SHORT_PROCESSES = 12, 64
_WIDEST, _LONGEST_PATH = 100, 50


def render(report: Document, *, width: int = 100, verbose: bool = False) -> str:
    """A report as text: everything that came out of the dump is escaped.

    Args:
        width: Characters of a line, as far as the words allow.
        verbose: Whether every section is shown in full.
    """
    lines = first_screen(report, width) + _findings(report, width, verbose=verbose)
    if report["bug_check"] is not None:
        lines += _full(report, width) if verbose else _brief(report, width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _findings(report: Document, width: int, *, verbose: bool) -> list[str]:
    findings = [each for each in report["findings"] or () if verbose or each["severity"] != "info"]
    if not findings:
        return []
    lines = ["", "Findings about the file"]
    for finding in findings:
        place = f" (offset {finding['offset']:#x})" if "offset" in finding else ""
        line = f"{finding['severity']}: {text(finding['message'])}{place} [{text(finding['code'])}]"
        lines += paragraph(line, width, "  ", "    ")
    return lines


def _brief(report: Document, width: int) -> list[str]:
    lines = ["", *_stack_brief(report, width)]
    lines += ["", *_third_party(report, width)]
    lines += _bullets("What to do next", report["verdict.next_steps"] or (), width)
    lines += _bullets("What this dump cannot show", report["verdict.limits"] or (), width)
    return lines


def _stack_brief(report: Document, width: int) -> list[str]:
    before = len(plain(report["dispatch"]) or ())
    hidden = f"Stack: {counted(before, 'frame')} of the dispatch side (-v shows them), then the crash side"
    title = hidden if before else "Stack"
    return [*paragraph(title, width), *("  " + line for line in frame_lines(report, report["stack"], width - 2))]


def _third_party(report: Document, width: int) -> list[str]:
    modules: Sequence[JsonObject] = plain(report["modules"]) or ()
    others = [module for module in modules if module.get("vendor") != "Microsoft"]
    head = f"{_loaded(report, len(others))}; {_gone(report)}"
    if not others:
        return paragraph(head, width)
    rows = [_short(row) for row in module_rows(report, _most_telling(report, others)[:_SHORT_MODULES])]
    more = [f"  and {len(others) - _SHORT_MODULES} more (-v)"] if len(others) > _SHORT_MODULES else []
    room = min(width, _WIDEST) - len("  ")
    return [*paragraph(head, width), *("  " + line for line in columns(rows, width=room, fixed=(1,))), *more]


def _short(row: Sequence[str]) -> list[str]:
    # The path says something about drivers of unknown make only.
    _start, _end, name, stamp, maker, path = row
    return [name, stamp, maker or shortened(path, _LONGEST_PATH)]


def _loaded(report: Document, others: int) -> str:
    modules = report["modules"]
    if modules is None or is_absent(modules):
        return f"loaded modules: {text(modules)}"
    known = "all of them parts of Windows" if not others else f"{others:,} of them not known as parts of Windows"
    return f"{counted(len(modules), 'module')} loaded" + (f", {known}" if modules else "")


def _gone(report: Document) -> str:
    unloaded = report["unloaded_modules"]
    if unloaded is None or is_absent(unloaded):
        return f"unloaded drivers: {text(unloaded)}"
    return counted(len(unloaded), "unloaded driver")


def _most_telling(report: Document, modules: Sequence[JsonObject]) -> list[JsonObject]:
    """Drivers on the stack first, as they come there, then the newest; those without a date last."""
    frames = (*(plain(report["stack"]) or ()), *(plain(report["dispatch"]) or ()))
    depth = {name: at for at, name in reversed(list(enumerate(frame.get("module") for frame in frames)))}

    def rank(module: JsonObject) -> tuple[int, int]:
        dated = module.get("timestamp_kind") == "link time"
        return depth.get(module["name"], len(frames)), -int(module["timestamp"], 16) if dated else 0

    return sorted(modules, key=rank)


def _bullets(title: str, items: Sequence[str], width: int) -> list[str]:
    if not items:
        return []
    lines = ["", title]
    for item in items:
        lines += paragraph(f"- {text(item)}", width, "  ", "    ")
    return lines


def _full(report: Document, width: int) -> list[str]:
    lines = []
    for name in sections_of(report):
        section = _processes(report, width) if name == "processes" else render_section(report, name, width=width)
        lines += ["", _TITLES[name], "", *section.splitlines()]
    lines += _names(report, width)
    lines += _bullets("What to do next", report["verdict.next_steps"] or (), width)
    lines += _bullets("What this dump cannot show", report["verdict.limits"] or (), width)
    lines += _bullets("What else to know", report["verdict.context"] or (), width)
    return lines


def _processes(report: Document, width: int) -> str:
    processes = plain(report["processes"]) or ()
    if not processes:
        return render_section(report, "processes", width=width)
    words = [f"{text(each['name'])} ({text(each['pid'])})" for each in processes[:_SHORT_PROCESSES]]
    more = f", and {len(processes) - len(words):,} more" if len(processes) > len(words) else ""
    line = f"{len(processes):,} by name and pid: {', '.join(words)}{more}"
    return "\n".join(paragraph(line, width))


def _names(report: Document, width: int) -> list[str]:
    """What failures like this one are called, in Microsoft's words and in ours, and what these rest on."""
    bucket, signature = report["verdict.bucket"], report["verdict.signature"]
    if not bucket or not signature:
        return []
    lines = ["", "Failures like this one", ""]
    lines += labelled("Bucket", text(bucket), width) + labelled("", text(report["verdict.bucket_hash"]), width)
    for gap in report["verdict.bucket_gaps"] or ():
        lines += labelled("", f"- {text(gap)}", width)
    lines += labelled("Signature", text(signature["coarse"]), width) + labelled("", text(signature["fine"]), width)
    for part in signature["explanation"]:
        lines += labelled("", f"- {text(part)}", width)
    return lines
