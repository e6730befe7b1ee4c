"""How the harness takes what the engine prints, on invented transcripts: no engine is needed here."""

from __future__ import annotations

import pytest

from smalldump.sources.small import SmallDump
from tests.oracle.compare import compare, compare_machine, pieces
from tests.oracle.reading import Frame, Reading
from tests.synth.presets import win2000_dump, x64_dump, x86_dump

OPENING = """\

Microsoft (R) Windows Debugger Version 10.0.15063.400 AMD64
Copyright (c) Microsoft Corporation. All rights reserved.


Loading Dump File [Z:\\tmp\\x.dmp]
Mini Kernel Dump File: Only registers and stack trace are available

Comment: 'made for a test'
Symbol search path is: srv*
Unable to load image ntoskrnl.exe, Win32 error 0n2
*** WARNING: Unable to verify timestamp for ntoskrnl.exe
Machine Name:*** WARNING: Unable to verify timestamp for srv.sys
Debug session time: Mon Apr 14 09:12:44.171 2008 (UTC + 0:00)
..........
Unable to add extension DLL: kdexts
"""
ANSWERS = """
>>> r
eax=86502000 ebx=00000010 ecx=86200d78 edx=00000000 esi=805d7900 edi=0badf00d

>>> kn 40
 # ChildEBP RetAddr~~
WARNING: Stack unwind information not available. Following frames may be wrong.
00 f7a90c84 8051bfd3 nt+0x22f2b
01 f7a90cf4 80540f4e nt+0x44fd3

>>> db f7a90c6c L23
f7a90c6c  00 00 00 00 8c 1e 2f 86-62 73 25 7a 00 00 00 00  ....../.bs%z....
f7a90c7c  bd 00 00 00 00 00 ?? 00-f4 0c a9 f7 d3 bf 51 80  ..............Q.
f7a90c8c  ce 00 00                                         Unable to
""".replace("~", " ")


def test_an_opening_without_trouble() -> None:
    reading = Reading(OPENING + ANSWERS)
    assert (reading.refusal, reading.complaints, reading.comment) == (None, [], "made for a test")
    assert reading.frames == [
        Frame(0xF7A90C84, 0x8051BFD3, "nt+0x22f2b"),
        Frame(0xF7A90CF4, 0x80540F4E, "nt+0x44fd3"),
    ]
    ((place, digits),) = reading.memory.items()
    assert place == (0xF7A90C6C, 0x23)
    assert digits == "000000008c1e2f866273257a00000000" + "bd0000000000??00f40ca9f7d3bf5180" + "ce0000"


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("Symbol search", "KiProcessorBlock[1] could not be read"),
        ("Symbol search", "WARNING: .reload failed, module list may be incomplete"),
        ("Symbol search", "anything else"),
        ("eax=", "GetContextState failed, 0x8007001E"),
        ("eax=", "Unable to get program counter"),
        ("00 f7a90c84", "command failed: 80040205"),
    ],
)
def test_other_lines_are_complaints(before: str, line: str) -> None:
    text = (OPENING + ANSWERS).replace(before, f"{line}\n{line}\n{before}", 1)
    assert Reading(text).complaints == [line]


def test_a_dump_that_is_not_opened() -> None:
    reading = Reading(f"{OPENING}Could not open dump file [x], Win32 error 0n1392\nOpenDumpFile failed: 80070570\n")
    words = "Could not open dump file [x], Win32 error 0n1392; OpenDumpFile failed: 80070570"
    assert reading.refusal == words
    machine = SmallDump(memoryview(x64_dump().bytes))
    assert compare(machine, reading) == [f"the engine refuses the file: {words}"]


@pytest.mark.parametrize("change", [("f7a90c7c", "f7a90c8c"), ("ce 00 00", "ce 0x 00"), ("bd 00", "bd_00")])
def test_memory_of_another_form_is_an_error(change: tuple[str, str]) -> None:
    reading = Reading(ANSWERS.replace(*change))
    with pytest.raises(AssertionError):
        _ = reading.memory


def test_what_was_not_asked_is_a_difference() -> None:
    """Nothing passes for equal because the engine was silent about it."""
    machine = SmallDump(memoryview(x86_dump().bytes))
    found = {line.partition(":")[0] for line in compare_machine(machine, Reading(OPENING + ANSWERS))}
    assert {"bug check", "registers", "system", "modules", "unloaded modules", "stack", "moment"} <= found
    found = {line.partition(":")[0] for line in compare(machine, Reading(OPENING + ANSWERS))}
    assert {"header", "triage header", "data blocks"} <= found


def test_pieces_are_the_stack_and_all_blocks() -> None:
    machine = SmallDump(memoryview(x64_dump().bytes))
    stack, blocks = machine.stack, machine.data_blocks
    assert stack
    assert pieces(machine)[1:] == [(block.address, block.size) for block in blocks]
    assert len(blocks) == 31
    old = SmallDump(memoryview(win2000_dump().bytes))
    assert [size for _, size in pieces(old)] == [0x534]
