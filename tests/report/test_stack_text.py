"""Stacks as text: with symbols and arguments, of processors and of threads."""

from __future__ import annotations

from typing import Any

from smalldump.report import Report
from smalldump.report.stack_text import frame_lines, processors_section, threads_section

BARE: dict[str, Any] = {
    "pc": "0xfffff80010203040",
    "sp": "0xffff850429890000",
    "return_address": "0xfffff80010203050",
    "module": "nt",
    "offset": "0x3040",
    "symbol": None,
    "trust": "scan",
}
NAMED = BARE | {
    "symbol": "nt!KeWork+0x10",
    "source": {"file": "work.c", "line": 12},
    "inlines": [{"name": "inner", "file": "inner.h", "line": 3}, {"name": "outer"}],
    "trust": "unwind_info",
    "args": ["0x1", "0x2"],
}
OUTERMOST = BARE | {"return_address": None}
GONE = {"absent": "not_captured"}


def report(**sections: object) -> Report:
    return Report({"file": {"bits": 64}, **sections})


def test_frames_are_shown_as_a_debugger_does() -> None:
    assert frame_lines(report(), [BARE, OUTERMOST], 100) == [
        "#   Child-SP           RetAddr            Call Site  trust",
        "--  -----------------  -----------------  ---------  -----",
        "00  ffff8504`29890000  fffff800`10203050  nt+0x3040  scan",
        "01  ffff8504`29890000                     nt+0x3040  scan",
    ]


def test_symbols_lines_and_what_was_inlined() -> None:
    lines = frame_lines(report(), [NAMED], 160)
    assert [line.split(maxsplit=1)[0] for line in lines[2:]] == ["(inline)", "(inline)", "00"]
    assert "nt!inner [inner.h @ 3]" in lines[2]
    assert lines[3].rstrip().endswith("nt!outer")
    assert "nt!KeWork+0x10 [work.c @ 12]" in lines[4]


def test_offset_line_and_the_mark_of_an_export_stay_where_names_are_too_long() -> None:
    def shown(width: int, **more: object) -> str:
        frame = BARE | {"symbol": f"nt!{'Long' * 20}+0x12de"} | more
        return frame_lines(report(), [frame], width)[-1]

    source = {"file": r"D:\folder\of\sources\work.c", "line": 35}
    assert f"+0x12de [{source['file']} @ 35]" in shown(200, source=source)
    assert "...+0x12de [work.c @ 35]  scan" in shown(110, source=source)
    assert "...+0x12de  scan" in shown(90, source=source)
    assert "...+0x12de (export)  scan" in shown(80, symbol_origin="export")
    assert all(len(shown(width, source=source)) <= width for width in range(50, 200))


def test_a_narrow_screen_leaves_out_addresses_before_names() -> None:
    frame = BARE | {"symbol": f"nt!{'Long' * 20}"}
    headers = [frame_lines(report(), [frame], width)[0].split() for width in (100, 80, 60)]
    assert ["RetAddr" in header for header in headers] == [True, False, False]
    assert ["Child-SP" in header for header in headers] == [True, True, False]


def test_arguments_follow_their_frame() -> None:
    lines = frame_lines(report(), [BARE, NAMED], 160, args=True)
    assert [line for line in lines if "args" in line] == ["    args 00000000`00000001 00000000`00000002"]
    assert "KeWork" in lines[-2]


def test_no_frames_say_why() -> None:
    assert frame_lines(report(), GONE, 100) == ["not in this dump"]
    assert frame_lines(report(), [], 100) == ["no frames"]


def processor(number: int, **more: object) -> dict[str, object]:
    return {
        "number": number,
        "crashed": number == 0,
        "prcb": "0xfffff80020000180",
        "thread": "0xffffc08bde9e1640",
        "idle": False,
        "stack": [BARE],
        "stack_end": "stack_base",
    } | more


def test_processors() -> None:
    found = report(processors=[processor(0), processor(1, idle=True, stack=GONE), processor(2, thread=GONE)])
    assert processors_section(found, 100)[2:] == [
        "0  ffffc08b`de9e1640  stopped the machine  nt+0x3040",
        "1  ffffc08b`de9e1640  idle                 not in this dump",
        "2  not in this dump   running              nt+0x3040",
    ]
    (head, *lines) = processors_section(found, 100, numbers=[0])
    assert head == "Processor 0: stopped the machine, thread ffffc08b`de9e1640"
    assert lines[-1] == "The walk ended: reached the base of the stack."
    assert processors_section(found, 100, numbers=[7]) == ["no such processor in this dump"]
    assert processors_section(report(processors=GONE), 100) == ["other processors: not in this dump"]


def test_threads() -> None:
    waiting = {"address": "0xffffc08bde9e1640", "tid": 264, "pid": 4, "state": "waiting", "processor": None}
    running = {"address": "0xffffc08bde9e1640", "tid": GONE, "pid": GONE, "state": GONE, "processor": 3, "stack": GONE}
    found = report(threads=[waiting | {"stack": [BARE], "stack_end": "end_of_window"}, running])
    assert threads_section(found, 100)[2:] == [
        "ffffc08b`de9e1640  264               waiting                 nt+0x3040",
        "ffffc08b`de9e1640  not in this dump  running on processor 3  not in this dump",
    ]
    lines = threads_section(found, 100, addresses=["0xffffc08bde9e1640"])
    assert lines[0] == "Thread ffffc08b`de9e1640: waiting, tid 264"
    assert threads_section(found, 100, addresses=["0x0"]) == ["no such thread in this dump"]
    assert threads_section(report(threads=[]), 100) == ["no threads"]
