"""Windows small memory dumps, complete and without Windows.

import smalldump

with smalldump.open("112226-8765-01.dmp") as machine:      # Snapshot, whatever the source
    machine.bug_check.code, machine.bug_check.parameters
    machine.modules.at(0xFFFFF8048B58334C)                 # Module or None
    machine.memory.read(address, 16)
report = smalldump.analyze("112226-8765-01.dmp")           # Report; report.to_json(), print(report)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from smalldump.api import analyze, check
from smalldump.api import open_dump as open  # noqa: A004
from smalldump.version import __version__

if TYPE_CHECKING:
    from smalldump.errors import (
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

__all__ = [
    "Absent",
    "FormatError",
    "MemoryUnavailable",
    "NotADump",
    "Report",
    "SmallDumpError",
    "Snapshot",
    "SourceUnreadable",
    "StoreError",
    "Truncated",
    "UnsupportedFormat",
    "__version__",
    "analyze",
    "check",
    "open",
]

_LATE = {"Absent": "smalldump.model", "Snapshot": "smalldump.model", "Report": "smalldump.report"}


def __getattr__(name: str) -> Any:
    # Types are imported when somebody asks for them: the command line must start in a blink.
    if name not in __all__:
        raise AttributeError(f"module 'smalldump' has no attribute {name!r}")
    return getattr(import_module(_LATE.get(name, "smalldump.errors")), name)
