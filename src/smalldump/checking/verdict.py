"""Whether a file is a whole dump, a damaged one, or none: what `check` says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from smalldump.checking.content import data_start
from smalldump.checking.evidence import error, trouble_words
from smalldump.checking.findings import findings
from smalldump.errors import FormatError, NotADump, UnsupportedFormat
from smalldump.model import Snapshot
from smalldump.model.absent import Absent
from smalldump.model.records import BugCheck, Finding, Severity
from smalldump.sources.detect import open_snapshot
from smalldump.sources.small import SmallDump

__all__ = ["CheckResult", "FileState", "check", "readable", "state"]


class FileState(Enum):
    """What a file is."""

    WHOLE = "whole"
    """A dump of which nothing is lost; there may be warnings."""
    DAMAGED = "damaged"
    """A dump of which something is lost; the rest can be read."""
    NOT_A_DUMP = "not_a_dump"
    """No dump that can be read: empty, zeros, another kind of file, or another kind of memory dump."""


_REFUSALS = ("empty-file", "all-zero", "wrong-signature", "wrong-dump-type")


class CheckResult(NamedTuple):
    """What `check` found out about a file.

    Attributes:
        name: What the file was called.
        size: Its bytes.
        findings: In the order of the file.
        readable: What can be read of it, in words.
        dump: The dump, or None where there is none. `smalldump.check` closes it.
    """

    name: str
    size: int
    state: FileState
    findings: tuple[Finding, ...]
    readable: tuple[str, ...] = ()
    dump: Snapshot | None = None


def state(found: Iterable[Finding]) -> FileState:
    """What a file with these findings is: damaged if one of them is an error."""
    errors = [finding.code for finding in found if finding.severity is Severity.ERROR]
    if any(code in _REFUSALS for code in errors):
        return FileState.NOT_A_DUMP
    return FileState.DAMAGED if errors else FileState.WHOLE


def check(data: memoryview, name: str = "", beside: Path | None = None) -> CheckResult:
    """Examine the bytes of a file, whatever they are; never raises.

    Args:
        data: The whole file.
        name: What to call it.
        beside: Where the file lies, if it does: there may be more of the same machine.
    """
    try:
        dump = open_snapshot(data, name, beside=beside)
    except FormatError as refusal:
        why = _refusal(data, refusal)
        return CheckResult(name, len(data), state([why]), (why,))
    found = _findings(dump)
    return CheckResult(name, len(data), state(found), found, tuple(readable(dump)), dump)


def _findings(dump: Snapshot) -> tuple[Finding, ...]:
    if isinstance(dump, SmallDump):
        return findings(dump)
    from smalldump.checking.kernel_checks import kernel_findings

    return kernel_findings(dump)


def _refusal(data: memoryview, reason: FormatError) -> Finding:
    if not data:
        return error("empty-file", "the file is empty", 0)
    if isinstance(reason, UnsupportedFormat):
        return error("wrong-dump-type", trouble_words(reason), reason.offset)
    if not isinstance(reason, NotADump):
        return error("header-cut", trouble_words(reason), len(data))
    begin = data_start(data, 0, len(data))
    if begin == len(data):
        return error("all-zero", f"all {len(data):,} bytes of the file are zero", 0)
    found = f"; the first byte that is not zero is at {begin:#x}" if begin >= 8 else ""
    return error("wrong-signature", f"{trouble_words(reason)}{found}", 0)


def readable(dump: Snapshot) -> Iterator[str]:
    """What can be read of a dump, however damaged, in words."""
    for name, fact in (
        ("bug check", _bug_check(dump)),
        ("registers", dump.contexts.crash),
        ("call stack", dump.stack),
        ("processor", dump.processor),
        ("process", dump.process),
        ("thread", dump.thread),
        ("debugger data block", dump.debugger_data),
    ):
        if not isinstance(fact, Absent):
            yield name
    for name, facts in (
        ("loaded drivers", dump.modules),
        ("unloaded drivers", dump.unloaded_modules),
        ("data blocks", dump.data_blocks),
        ("blobs of secondary data", dump.blobs),
    ):
        if not isinstance(facts, Absent) and len(facts):
            yield f"{len(facts)} {name}"


def _bug_check(dump: Snapshot) -> BugCheck | Absent:
    # Of a small dump's header that was never written there is only the fill.
    code = dump.file.fact("bug_check_code") if isinstance(dump, SmallDump) else 0
    return code if isinstance(code, Absent) else dump.bug_check
