"""Keeping small memory dumps: the Minidump directory, the reserve, and what waits in a page file.

directory = MinidumpDirectory("Minidump")
directory.save(dump, crash_date(machine.dump.time, machine.memory))     # Saved: 112226-8765-01.dmp
[entry.state.words for entry in directory.by_time()]                    # from the headers only
directory.keep(50)                                                      # the oldest go, never the newest

reserve = Reserve("Minidump")
reserve.make(256 * 1024, slots=2)                                       # while there is space
reserve.fill(dump)                                                      # needs none
recover_reserve(directory)                                              # the dump gets its name
recover_page_file(Path("pagefile.sys"), directory)
"""

from __future__ import annotations

from smalldump.minidumps.clock import CrashDate, DateSource, crash_date, host_uptime_ms, parse_zone
from smalldump.minidumps.directory import Entry, MinidumpDirectory, Saved
from smalldump.minidumps.names import DumpName, file_name, parse_name
from smalldump.minidumps.pagefile import recover_page_file
from smalldump.minidumps.peek import FileState, HeaderFacts, Peek, peek_bytes, peek_file
from smalldump.minidumps.promise import Promise, promise_of
from smalldump.minidumps.recover import Outcome, Recovered, recover_reserve
from smalldump.minidumps.reserve import Filled, Made, Reserve, SlotFacts, default_size
from smalldump.minidumps.saving import Exclusive
from smalldump.minidumps.slot import SlotState

__all__ = [
    "CrashDate",
    "DateSource",
    "DumpName",
    "Entry",
    "Exclusive",
    "FileState",
    "Filled",
    "HeaderFacts",
    "Made",
    "MinidumpDirectory",
    "Outcome",
    "Peek",
    "Promise",
    "Recovered",
    "Reserve",
    "Saved",
    "SlotFacts",
    "SlotState",
    "crash_date",
    "default_size",
    "file_name",
    "host_uptime_ms",
    "parse_name",
    "parse_zone",
    "peek_bytes",
    "peek_file",
    "promise_of",
    "recover_page_file",
    "recover_reserve",
]
