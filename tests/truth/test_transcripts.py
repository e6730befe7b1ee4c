"""The reader of transcripts itself, on an invented one: it takes in every line or says which it does not understand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.truth.engine import Block, Code, EngineReading, Range

TRANSCRIPT = """\
Microsoft (R) Windows Debugger
>>> vertarget
Windows XP Kernel Version 2600 (Service Pack 3) MP (2 procs) Free x86 compatible
Product: WinNt, suite: TerminalServer SingleUserTS
Built by: 2600.xpsp.080413-2111
Machine Name:
Kernel base = 0x804d7000 PsLoadedModuleList = 0x805d7800
Debug session time: Sun Mar 31 18:50:12.285 2024 (UTC + 0:00)
System Uptime: 1 days 6:37:09.944

>>> .bugcheck
Bugcheck code 000000D1
Arguments 00000010 00000002 00000000 0badc0de

>>> r
eax=86502000 ebx=00000010 ecx=86200d78 edx=00000000 esi=805d7900 edi=0badf00d
eip=804f9d70 esp=f7a3e800 ebp=f7a3e818 iopl=0         nv up ei pl zr na pe nc
cs=0008  ss=0010  ds=0023  es=0023  fs=0030  gs=0000             efl=00000246
nt+0x22d70:
804f9d70 0fa310          bt      dword ptr [eax],edx ds:0023:86502000=????????

>>> lm
start    end        module name
804d7000 806eb000   nt       T (no symbols)~
f8500000 f850b000   hal        (export symbols)       hal.dll

Unloaded modules:
f0040000 f0048000   dam.sys~

>>> .dumpdebug
----- 32 bit Kernel Mini Dump Analysis

DUMP_HEADER32:
MajorVersion        0000000f
BugCheckParameter4  0badc0de

TRIAGE_DUMP32:
DriverCount           00000028~
DataBlocksCount       00000001~
  805d8200 - 805d8283 at offset 00004d90
  Max offset 4e14, 8 from end of file
""".replace("~", " ")  # the engine leaves blanks at the end of some lines


def test_everything_is_taken_in() -> None:
    engine = EngineReading(TRANSCRIPT)
    target = engine.target
    assert (target.name, target.build, target.service_pack, target.processors) == ("Windows XP", 2600, 3, 2)
    assert (target.checked, target.machine, target.product) == (False, "x86 compatible", "WinNt")
    assert target.suites == ("TerminalServer", "SingleUserTS")
    assert (target.kernel_base, target.module_list) == (0x804D7000, 0x805D7800)
    assert target.time == datetime(2024, 3, 31, 18, 50, 12, 285_000, tzinfo=UTC)
    assert target.uptime == timedelta(days=1, hours=6, minutes=37, seconds=9, milliseconds=944)
    assert engine.bug_check == (0xD1, (0x10, 2, 0, 0x0BADC0DE))
    assert (len(engine.registers), engine.registers["eip"], engine.registers["efl"]) == (17, 0x804F9D70, 0x246)
    assert engine.flags == ("nv", "up", "ei", "pl", "zr", "na", "pe", "nc")
    assert engine.code == Code("nt", 0x804F9D70, "0fa310", 0x86502000, None)
    assert engine.modules == [
        Range(0x804D7000, 0x806EB000, "nt"),
        Range(0xF8500000, 0xF850B000, "hal", "hal.dll"),
    ]
    assert engine.unloaded == [Range(0xF0040000, 0xF0048000, "dam.sys")]
    assert engine.header == {"MajorVersion": 0xF, "BugCheckParameter4": 0x0BADC0DE}
    assert engine.triage == {"DriverCount": 0x28, "DataBlocksCount": 1}
    assert engine.blocks == [Block(0x805D8200, 0x805D8283, 0x4D90)]
    assert engine.furthest == (0x4E14, 8)


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ("Product: ", "target"),
        ("eax=", "registers"),
        ("hal  ", "modules"),
        ("f0040000", "unloaded"),
        ("MajorVersion", "header"),
        ("DriverCount", "triage"),
        ("  805d8200", "triage"),
        ("  Max", "furthest"),
        ("Bugcheck code", "bug_check"),
    ],
)
def test_a_line_of_another_form_is_an_error(line: str, fact: str) -> None:
    """No fact may go uncompared because a pattern did not match."""
    assert TRANSCRIPT.count(line) == 1
    engine = EngineReading(TRANSCRIPT.replace(line, f"% {line}"))
    with pytest.raises(AssertionError):
        getattr(engine, fact)
