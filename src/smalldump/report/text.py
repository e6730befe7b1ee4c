"""A report as plain text: the first screen, then the details."""

from __future__ import annotations

from collections.abc import Sequence

from smalldump.report.columns import columns
from smalldump.report.document import Document
from smalldump.report.first_screen import first_screen, headline
from smalldump.report.shown import is_absent, paragraph, text
from smalldump.report.text_sections import SECTIONS, module_rows, render_section, stack_lines
from smalldump.report.values import JsonObject

__all__ = ["SECTIONS", "headline", "render", "render_section"]

_TITLES = {
    "header": "Header and system",
    "bugcheck": "Bug check",
    "registers": "Registers",
    "stack": "Call stack",
    "modules": "Loaded modules",
    "unloaded": "Unloaded drivers",
    "process": "Process and thread",
    "processor": "Processor",
    "debugger-data": "Debugger data block",
    "pages": "Memory beyond the fixed sections",
    "blobs": "Secondary data",
}
_SHORT_MODULES = 12


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
    before = len(report["dispatch"] or ())
    title = f"Stack: {before} frames of the dispatch side (-v shows them), then the crash side" if before else "Stack"
    return [*paragraph(title, width), *("  " + line for line in stack_lines(report, "stack", width - 2))]


def _third_party(report: Document, width: int) -> list[str]:
    modules: Sequence[JsonObject] = report["modules"] or ()
    others = [module for module in modules if module.get("vendor") != "Microsoft"]
    unloaded = report["unloaded_modules"]
    gone = 0 if unloaded is None or is_absent(unloaded) else len(unloaded)
    head = (
        f"{len(modules)} modules loaded, {len(others)} of them not known as parts of Windows; {gone} unloaded drivers"
    )
    if not others:
        return paragraph(head, width)
    rows = [row[2:] for row in module_rows(report, others[:_SHORT_MODULES])]
    more = [f"  and {len(others) - _SHORT_MODULES} more (-v)"] if len(others) > _SHORT_MODULES else []
    return [*paragraph(head, width), *("  " + line for line in columns(rows, width=width - 2)), *more]


def _bullets(title: str, items: Sequence[str], width: int) -> list[str]:
    if not items:
        return []
    lines = ["", title]
    for item in items:
        lines += paragraph(f"- {text(item)}", width, "  ", "    ")
    return lines


def _full(report: Document, width: int) -> list[str]:
    lines = []
    for name in SECTIONS:
        lines += ["", _TITLES[name], "", *render_section(report, name, width=width).splitlines()]
    lines += _bullets("What to do next", report["verdict.next_steps"] or (), width)
    lines += _bullets("What this dump cannot show", report["verdict.limits"] or (), width)
    return lines
