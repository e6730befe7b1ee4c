"""Windows small memory dumps, complete and without Windows.

import smalldump

with smalldump.open("112226-8765-01.dmp") as machine:      # Snapshot, whatever the source
    machine.bug_check.code, machine.bug_check.parameters
    machine.modules.at(0xFFFFF8048B58334C)                 # Module or None
    machine.memory.read(address, 16)
report = smalldump.analyze("112226-8765-01.dmp")           # Report; report.to_json(), print(report)
saved = smalldump.write("112226-8765-01.dmp", into="Minidump", size=64 * 1024)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from smalldump.api import analyze, check, write
from smalldump.api import open_dump as open  # noqa: A004
from smalldump.version import __version__

if TYPE_CHECKING:
    from smalldump.errors import (
        BudgetTooSmall,
        FormatError,
        MemoryUnavailable,
        NotADump,
        SmallDumpError,
        SourceUnreadable,
        StoreError,
        Truncated,
        UnsupportedFormat,
    )
    from smalldump.model import Absent, Snapshot
    from smalldump.report import Report
    from smalldump.sources.builder import SnapshotBuilder

__all__ = [
    "Absent",
    "BudgetTooSmall",
    "FormatError",
    "MemoryUnavailable",
    "NotADump",
    "Report",
    "SmallDumpError",
    "Snapshot",
    "SnapshotBuilder",
    "SourceUnreadable",
    "StoreError",
    "Truncated",
    "UnsupportedFormat",
    "__version__",
    "analyze",
    "check",
    "open",
    "write",
]

_LATE = {
    "Absent": "smalldump.model",
    "Snapshot": "smalldump.model",
    "Report": "smalldump.report",
    "SnapshotBuilder": "smalldump.sources.builder",
}


def __getattr__(name: str) -> Any:
    # Types are imported when somebody asks for them: the command line must start in a blink.
    if name not in __all__:
        raise AttributeError(f"module 'smalldump' has no attribute {name!r}")
    return getattr(import_module(_LATE.get(name, "smalldump.errors")), name)
