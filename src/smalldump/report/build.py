"""Building the report on one dump: file, findings, then section by section."""

from __future__ import annotations

import hashlib

from smalldump.analysis import Analysis
from smalldump.analysis.remarks import Failure
from smalldump.checking import CheckResult
from smalldump.decode.blobs import decode_blobs
from smalldump.model import Absent, Finding, Snapshot
from smalldump.model.records import Severity
from smalldump.report.code_sections import code_sections
from smalldump.report.execution_sections import execution_sections
from smalldump.report.extra_sections import extra_sections
from smalldump.report.machine_sections import machine_sections
from smalldump.report.object_sections import objects_section
from smalldump.report.report import SCHEMA, Report
from smalldump.report.stop_sections import stop_sections
from smalldump.report.values import JsonObject, absent, fact
from smalldump.report.verdict_section import verdict_section
from smalldump.unwind import NO_CODE, CodeLookup
from smalldump.version import __version__

__all__ = ["build_report", "failure_report"]


def build_report(
    machine: Snapshot,
    analysis: Analysis,
    checked: CheckResult,
    data: memoryview,
    *,
    private: bool = False,
    detailed: bool = False,
    lookup: CodeLookup = NO_CODE,
) -> Report:
    """The report on an analysed machine.

    Args:
        machine: The stopped machine.
        analysis: What was worked out about it.
        checked: What is wrong with the file; by its name without folders.
        data: The whole file.
        private: Whether serial numbers and unique identifiers may be in the report.
        detailed: Whether every data block is listed, and what the other processors and threads were doing.
        lookup: Images and symbols.
    """
    decoded = decode_blobs(((blob.guid, blob.data) for blob in machine.blobs), private)
    known = [(blob.guid, value) for blob, value in zip(machine.blobs, decoded, strict=True) if value]
    by_guid = dict(reversed(known))  # of several blobs of one tag the first counts
    writer = machine.dump if isinstance(machine.dump, Absent) else machine.dump.writer
    form = "big" if machine.has_pages else "small"
    kind: JsonObject = {"format": form, "kind": machine.kind, "bits": machine.machine.bits, "writer": fact(writer)}
    failed = [_finding(_failed(each)) for each in analysis.failures]
    head = _head(checked, data, kind)
    return Report(
        head
        | {"findings": head["findings"] + failed}
        | stop_sections(machine, analysis)
        | {"objects": objects_section(analysis.objects)}
        | machine_sections(machine, by_guid)
        | code_sections(machine, analysis.stacks, lookup, args=detailed)
        | (execution_sections(machine, lookup) if detailed else {})
        | extra_sections(machine, decoded, detailed=detailed)
        | {"verdict": verdict_section(analysis)}
    )


def failure_report(checked: CheckResult, data: memoryview) -> Report:
    """The report on a file of which nothing can be read: only what is wrong with it."""
    return Report(_head(checked, data, {}))


def _head(checked: CheckResult, data: memoryview, kind: JsonObject) -> JsonObject:
    file = {
        "name": checked.name,
        "size": len(data),
        "sha256": absent(Absent.NOT_CAPTURED) if kind.get("format") == "big" else hashlib.sha256(data).hexdigest(),
        "state": checked.state.value,
    }
    return {
        "schema": SCHEMA,
        "tool": {"name": "smalldump", "version": __version__},
        "file": file | kind,
        "findings": [_finding(finding) for finding in checked.findings],
    }


def _failed(failure: Failure) -> Finding:
    message = f"the analysis plug-in {failure.name} failed ({failure.phase}: {failure.why}); its part is missing"
    return Finding("plugin-failed", Severity.WARNING, message)


def _finding(finding: Finding) -> JsonObject:
    written: JsonObject = {"code": finding.code, "severity": finding.severity.value, "message": finding.message}
    return written if finding.offset is None else written | {"offset": finding.offset}
