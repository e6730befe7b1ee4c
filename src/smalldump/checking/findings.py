"""All findings about a small dump: one function each, in the registry `CHECKS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from smalldump.checking.driver_checks import DRIVER_CHECKS
from smalldump.checking.evidence import Evidence, error
from smalldump.checking.header_checks import HEADER_CHECKS, WRITER_CHECKS
from smalldump.checking.memory_checks import MEMORY_CHECKS
from smalldump.checking.secondary_checks import SECONDARY_CHECKS
from smalldump.checking.section_checks import SECTION_CHECKS
from smalldump.model.records import Finding
from smalldump.sources.small import SmallDump

__all__ = ["CHECKS", "findings"]

Check = Callable[[Evidence], Iterable[Finding]]

CHECKS: tuple[Check, ...] = (
    *HEADER_CHECKS,
    *SECTION_CHECKS,
    *DRIVER_CHECKS,
    *MEMORY_CHECKS,
    *SECONDARY_CHECKS,
    *WRITER_CHECKS,
)
"""Every check, in the order of the file. A check is a generator of findings with stable codes; it never raises."""


def findings(dump: SmallDump) -> tuple[Finding, ...]:
    """What is wrong or remarkable about a small dump, in the order of the file.

    A finding is an error only where information is lost. Where the file ends inside a header, the checks that need
    more than there is are left out.
    """
    evidence = Evidence(dump)
    if evidence.size < dump.file.header.SIZE:
        message = f"the file ends inside the dump header: expected {dump.file.header.SIZE:#x} bytes or more"
        return (error("header-cut", f"{message}, found {evidence.size:#x}", evidence.size),)
    checks = HEADER_CHECKS if dump.file.triage is None else CHECKS
    return tuple(finding for check in checks for finding in check(evidence))
