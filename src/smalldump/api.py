"""The public verbs: open, analyze, check."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smalldump.checking import CheckResult
    from smalldump.intake import ByteSource
    from smalldump.model import Snapshot
    from smalldump.report import Report

__all__ = ["analyze", "analyze_source", "check", "open_dump"]


def open_dump(path: str | os.PathLike[str]) -> Snapshot:
    """Open a memory dump, whatever its kind; the result is a context manager.

    Args:
        path: A dump, or an archive that holds exactly one.

    Raises:
        SourceUnreadable: The file cannot be read.
        FormatError: The file is no kernel dump, or one of a kind that is not read.
    """
    from smalldump.intake import open_single
    from smalldump.sources.detect import open_snapshot

    source = open_single(path)
    try:
        return open_snapshot(source.data, source.name, source.close)
    except BaseException:
        source.close()
        raise


def analyze(path: str | os.PathLike[str], *, private: bool = False, detailed: bool = False) -> Report:
    """Analyse a memory dump.

    A damaged dump gives a report on what is still readable; a file that is no dump gives one that says so.

    Args:
        path: A dump, or an archive that holds exactly one.
        private: Whether serial numbers and unique identifiers may be in the report.
        detailed: Whether the report lists every data block.

    Raises:
        SourceUnreadable: The file cannot be read.
    """
    from smalldump.intake import open_single

    with open_single(path) as source:
        return analyze_source(source, private=private, detailed=detailed)


def analyze_source(source: ByteSource, *, private: bool = False, detailed: bool = False) -> Report:
    """Analyse the bytes of an open source; see `analyze`. Never raises for what the bytes are."""
    from smalldump.analysis import analyse
    from smalldump.checking import check as check_bytes
    from smalldump.report.build import build_report, failure_report

    checked = check_bytes(source.data, source.name)
    if checked.dump is None:
        return failure_report(checked, source.data)
    return build_report(checked.dump, analyse(checked.dump), checked, source.data, private=private, detailed=detailed)


def check(path: str | os.PathLike[str]) -> CheckResult:
    """Say whether a file is a whole dump, a damaged one, or none, with findings.

    Raises:
        SourceUnreadable: The file cannot be read.
    """
    from smalldump.checking import check as check_bytes
    from smalldump.intake import open_single

    with open_single(path) as source:
        return check_bytes(source.data, source.name)
