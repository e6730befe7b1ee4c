"""Call stacks as text: the crash, its dispatch side, every processor, every thread in reach."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import PureWindowsPath

from smalldump.report.columns import columns, shorten, width_of
from smalldump.report.document import Document
from smalldump.report.first_screen import frame_place
from smalldump.report.shown import address, is_absent, paragraph, plain, text
from smalldump.report.values import Json, JsonObject
from smalldump.unwind import WalkEnd

__all__ = ["frame_lines", "processors_section", "stack_section", "threads_section"]

_HEADERS = ["#", "Child-SP", "RetAddr", "Call Site", "trust"]
_COLUMNS = ((0, 1, 2, 3, 4), (0, 1, 3, 4), (0, 3, 4))
_CALL_SITE, _READABLE, _LEAST_CALL_SITE = 3, 36, 20
_ARGUMENTS = 4
_LEAST_NAME = 32
"""Cells that a name keeps before the line of source beside it is shown."""
_TAIL = re.compile(r"(?:\+0x[0-9a-f]+)?(?: \(export\))?\Z")


def frame_lines(report: Document, frames: Json, width: int, *, args: bool = False) -> list[str]:
    """Frames, innermost first, as WinDbg's `k` with the trust beside; with `args` as its `kv`.

    A narrow screen leaves out the addresses, which the call sites say again.
    """
    whole = _table(report, frames)
    if not whole:
        return [text(frames, "") or "no frames"]
    shown, room = _fitting(whole, width)
    cells = [[row[at] for at in shown] for row in [_HEADERS, *_table(report, frames, room)]]
    lines = columns(cells[1:], headers=cells[0], width=width, fixed=range(len(shown)))
    return lines if not args else _with_arguments(report, frames, lines)


# The columns that are shown, and the cells that are left for call sites: all of them, or enough of each.
def _fitting(whole: Sequence[Sequence[str]], width: int) -> tuple[Sequence[int], int]:
    wanted = max(width_of(row[_CALL_SITE]) for row in whole)
    others = [["" if at == _CALL_SITE else cell for at, cell in enumerate(row)] for row in [_HEADERS, *whole]]
    for shown in _COLUMNS:
        room = width - _wide(others, shown)
        if room >= min(wanted, _READABLE):
            return shown, room
    return _COLUMNS[-1], max(room, _LEAST_CALL_SITE)


def _table(report: Document, frames: Json, room: int = sys.maxsize) -> list[list[str]]:
    return [row for number, frame in enumerate(plain(frames) or ()) for row in _rows(report, number, frame, room)]


def _rows(report: Document, number: int, frame: JsonObject, room: int) -> Iterator[list[str]]:
    bits = _bits(report)
    for site in plain(frame.get("inlines")) or ():
        yield ["", "(inline)", "", _fitted(f"{frame['module']}!{text(site['name'])}", site, room), ""]
    returns = address(frame["return_address"], bits) if frame["return_address"] else ""
    place = _fitted(frame_place(report, frame), plain(frame.get("source")), room)
    yield [f"{number:02x}", address(frame["sp"], bits), returns, place, frame["trust"]]


# Where room is scarce, the folders of the source go first, then the end of the name; the offset and the mark of an
# export stay.
def _fitted(place: str, source: JsonObject | None, room: int) -> str:
    whole = place + _line(source)
    if width_of(whole) <= room:
        return whole
    name, tail = _parts(place)
    line = _line(source, folders=False)
    if room - width_of(tail + line) < _LEAST_NAME:
        line = ""
    return shorten(name, room - width_of(tail + line)) + tail + line


def _parts(place: str) -> tuple[str, str]:
    tail = "".join(_TAIL.findall(place))
    return place.removesuffix(tail), tail


def _line(source: JsonObject | None, *, folders: bool = True) -> str:
    if not source or "file" not in source:
        return ""
    path = text(source["file"])
    return f" [{path if folders else PureWindowsPath(path).name} @ {source['line']}]"


def _wide(table: Sequence[Sequence[str]], shown: Sequence[int]) -> int:
    return sum(max(width_of(row[at]) for row in table) + 2 for at in shown) - 2


# The words where the arguments of a function lie, or where its caller has kept room for them.
def _with_arguments(report: Document, frames: Json, lines: list[str]) -> list[str]:
    bits, found = _bits(report), iter(plain(frames) or ())
    out = []
    for line in lines:
        out.append(line)
        if line[:2].strip() and all(digit in "0123456789abcdef" for digit in line[:2]):
            words = plain(next(found).get("args"))
            out += [f"    args {' '.join(address(word, bits) for word in words[:_ARGUMENTS])}"] if words else []
    return out


def _bits(report: Document) -> int:
    return report["file.bits"] or 64


def stack_section(report: Document, width: int, *, args: bool = False) -> list[str]:
    """The stack of the thread that crashed."""
    lines = _window_line(report, width)
    if plain(report["dispatch"]):
        title = paragraph("What ran because of the failure (dispatch):", width)
        lines += ["", *title, *frame_lines(report, report["dispatch"], width, args=args)]
        frame = report["trap_frame"]
        lines += ["", f"TrapFrame @ {address(frame, _bits(report))}" if frame else "Context of the failure:"]
    lines += ["", "What failed (crash):", *frame_lines(report, report["stack"], width, args=args), ""]
    return [*lines, *_end(report["stack_end"], width)]


def _end(end: Json, width: int) -> list[str]:
    if not plain(end):
        return []
    try:
        words = WalkEnd(end).words
    except ValueError:
        words = text(end)
    return paragraph(f"The walk ended: {words}.", width)


def _window_line(report: Document, width: int) -> list[str]:
    window = report["stack_window"]
    if window is None or is_absent(window):
        return [f"call stack: {text(window)}"]
    size = int(window["end"], 16) - int(window["start"], 16)
    bits = _bits(report)
    missing = plain(window["missing_bytes"])
    cut = f", the outermost {missing:,} bytes are missing" if missing else ""
    sentence = f"{address(window['start'], bits)} to {address(window['end'], bits)}, {size:,} bytes{cut}"
    return paragraph(f"call stack: {sentence}", width)


def processors_section(report: Document, width: int, *, numbers: Sequence[int] = (), args: bool = False) -> list[str]:
    """What every processor was doing; the stacks of those of `numbers` in full."""
    processors = report["processors"]
    if processors is None or is_absent(processors):
        return [f"other processors: {text(processors)}"]
    lines: list[str] = []
    for each in processors:
        if each["number"] in numbers:
            lines += ["", f"Processor {_processor(report, each)}", *_own_stack(report, each, width, args=args)]
    if lines or numbers:
        return lines[1:] or ["no such processor in this dump"]
    rows = [[*_processor_row(report, each), _innermost(report, each)] for each in processors]
    return columns(rows, headers=["#", "thread", "doing", "where"], width=width, fixed=(0, 1, 2))


def _own_stack(report: Document, each: JsonObject, width: int, *, args: bool) -> list[str]:
    return [*frame_lines(report, each["stack"], width, args=args), *_end(each.get("stack_end"), width)]


def _processor(report: Document, each: JsonObject) -> str:
    number, thread, doing = _processor_row(report, each)
    return f"{number}: {doing}, thread {thread}"


def _processor_row(report: Document, each: JsonObject) -> list[str]:
    doing, thread = "stopped the machine", plain(each["thread"])
    if not each["crashed"]:
        doing = text(each["idle"]) if is_absent(each["idle"]) else "idle" if each["idle"] else "running"
    return [text(each["number"]), address(thread, _bits(report)) if thread else text(each["thread"]), doing]


def _innermost(report: Document, each: JsonObject) -> str:
    frames = plain(each["stack"])
    return frame_place(report, frames[0]) if frames else text(each["stack"])


def threads_section(report: Document, width: int, *, addresses: Sequence[str] = (), args: bool = False) -> list[str]:
    """The threads in reach of the dump; the stacks of those of `addresses` in full."""
    threads = plain(report["threads"]) or ()
    lines: list[str] = []
    for each in threads:
        if each["address"] in addresses:
            head = f"Thread {address(each['address'], _bits(report))}: {_doing(each)}, tid {text(each['tid'])}"
            lines += ["", head, *_own_stack(report, each, width, args=args)]
    if lines or addresses:
        return lines[1:] or ["no such thread in this dump"]
    rows = [
        [address(each["address"], _bits(report)), text(each["tid"]), _doing(each), _innermost(report, each)]
        for each in threads
    ]
    headers = ["thread", "tid", "state", "where"]
    return columns(rows, headers=headers, width=width, fixed=(0,)) if rows else ["no threads"]


def _doing(each: JsonObject) -> str:
    processor = each.get("processor")
    return text(each["state"]) if processor is None else f"running on processor {text(processor)}"
