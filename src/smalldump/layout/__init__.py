"""Binary layouts, declared once for reader, writer and documentation: no I/O, no policy.

How a small memory dump is laid out (format reference §1; 64-bit offsets, 32-bit ones in brackets):

    0x0000           DUMP_HEADER64 (32)      bug check, times, product, CONTEXT, EXCEPTION_RECORD
    0x2000 (0x1000)  TRIAGE_DUMP64 (32)      where each section lies
    0x2080 (0x1068)  sections, in any order  MM block, unloaded drivers, PRCB, EPROCESS, ETHREAD, call stack,
                                             debugger data block, drivers, string pool, data blocks
    ValidOffset      `TRGD`                  the last four bytes of the primary dump
    SizeOfDump       `DumpBlob` …            secondary data, to the end of the file
"""

from __future__ import annotations
