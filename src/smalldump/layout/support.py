"""What is read, on what evidence, and which test shows it: the support matrix as data."""

from __future__ import annotations

from smalldump.layout.support_structures import STRUCTURES, StructureSupport
from smalldump.layout.support_windows import WINDOWS, Evidence, WindowsSupport

__all__ = ["STRUCTURES", "WINDOWS", "Evidence", "StructureSupport", "WindowsSupport"]
