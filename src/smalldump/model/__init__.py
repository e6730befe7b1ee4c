"""What a stopped machine is; knows no file format."""

from __future__ import annotations

from smalldump.model.absent import Absent
from smalldump.model.machine import Machine
from smalldump.model.modules import ModuleList
from smalldump.model.records import (
    Blob,
    BugCheck,
    Contexts,
    DataBlock,
    DumpFacts,
    ExceptionRecord,
    Finding,
    Module,
    PhysicalMemory,
    Process,
    Processor,
    Registers,
    RequestedRange,
    Severity,
    StackWindow,
    Structure,
    System,
    Thread,
    UnloadedModule,
)
from smalldump.model.snapshot import Snapshot

__all__ = [
    "Absent",
    "Blob",
    "BugCheck",
    "Contexts",
    "DataBlock",
    "DumpFacts",
    "ExceptionRecord",
    "Finding",
    "Machine",
    "Module",
    "ModuleList",
    "PhysicalMemory",
    "Process",
    "Processor",
    "Registers",
    "RequestedRange",
    "Severity",
    "Snapshot",
    "StackWindow",
    "Structure",
    "System",
    "Thread",
    "UnloadedModule",
]
