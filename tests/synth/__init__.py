"""Synthetic small memory dumps: built from facts, by literal offsets, with nothing of the package under test.

Ready-made dumps, any fact of which can be overridden (the fields of `DumpBuilder`):

    from tests.synth import x64_dump, x86_dump, arm64_dump, win2000_dump, kernel_written_dump

    dump = x64_dump(comment="made for a test", boot_id=7)
    dump.bytes                                      # the file
    dump.save(tmp_path, "112226-8765-01.dmp")       # on disk
    dump.facts.drivers[3].base                      # what a reader must find: assert on it
    dump.facts.stack.returns                        # the true return addresses, innermost first
    dump.offsets["drivers[3].DllBase"].offset       # where every field and section is
    dump.number("TRIAGE_DUMP.SizeOfDump")

Broken dumps:

    dump.patch("TRIAGE_DUMP.DriverCount", 0xFFFFFFFF)      # a named field takes its own width
    dump.patch(0x2000, b"\\0" * 8)                          # any bytes anywhere
    dump.truncated("marker"), dump.truncated(0x1234), dump.extended(b"stale")
    dump.damaged("blob chain broken")                      # all kinds: DAMAGES

Own machines: make a `DumpBuilder` of a `Windows`, `Driver`s, a `Stack`, … as the modules in `stories` do; or change
one with `demo.builder().with_(drivers=[...], size=0x20000).build()`. Sections: `DUMP_HEADER`, `TRIAGE_DUMP`, `MM`,
`unloaded`, `PRCB`, `EPROCESS`, `ETHREAD`, `stack`, `KDBG`, `drivers`, `strings`, `data page`, `blocks`, `padding`,
`marker`, `DUMP_BLOB_FILE`, `stale`; fields follow a dot.
"""

from __future__ import annotations

from tests.synth.builder import FILL, DumpBuilder, filetime
from tests.synth.dump import DAMAGES, Dump
from tests.synth.paper import Span
from tests.synth.parts import (
    STYLE_D,
    STYLE_K,
    Blob,
    Block,
    Driver,
    Process,
    Processor,
    Style,
    Thread,
    UnloadedDriver,
)
from tests.synth.presets import arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump
from tests.synth.stack import Frame, Return, Stack
from tests.synth.windows import Windows

__all__ = [
    "DAMAGES",
    "FILL",
    "STYLE_D",
    "STYLE_K",
    "Blob",
    "Block",
    "Driver",
    "Dump",
    "DumpBuilder",
    "Frame",
    "Process",
    "Processor",
    "Return",
    "Span",
    "Stack",
    "Style",
    "Thread",
    "UnloadedDriver",
    "Windows",
    "arm64_dump",
    "filetime",
    "kernel_written_dump",
    "win2000_dump",
    "x64_dump",
    "x86_dump",
]
