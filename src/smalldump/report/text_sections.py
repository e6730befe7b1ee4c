"""The sections of a report as text, each by itself: what `show` prints and what `-v` adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from smalldump.report.columns import columns
from smalldump.report.document import Document
from smalldump.report.first_screen import frame_place
from smalldump.report.shown import address, field_lines, is_absent, moment, paragraph, plain, text, uptime
from smalldump.report.values import Json, JsonObject

__all__ = ["SECTIONS", "module_rows", "render_section", "stack_lines"]

_CONTEXT_TITLES = {"crash": "Of the code that failed", "prcb": "Of the PRCB", "header": "In the dump header"}
_NO_REGISTERS = ("found_in", "address", "source")
_WIDE_REGISTERS = ("xmm", "st", "v")


def render_section(report: Document, name: str, *, width: int = 100) -> str:
    """One section of a report as text.

    Raises:
        KeyError: There is no section of that name (see `SECTIONS`).
    """
    return "\n".join(_SECTIONS[name](report, width))


def _bits(report: Document) -> int:
    return report["file.bits"] or 64


def _header(report: Document, width: int) -> list[str]:
    fields = dict(report["header"] or {})
    for name in ("physical_memory", "exception"):
        fields[name] = _flat(fields.get(name))
    crash: JsonObject = report["crash"] or {}
    fields |= {"time": moment(crash.get("time_utc")), "uptime": uptime(crash.get("uptime_s"))}
    system: JsonObject = report["system"] or {}
    fields |= {name: value for name, value in system.items() if name not in ("vendor", "product", "bios")}
    return field_lines(fields, {name: name for name in fields}, width)


def _flat(value: Json) -> str:
    if not isinstance(value, dict) or is_absent(value):
        return text(value)
    return ", ".join(f"{name} {_flat_item(item)}" for name, item in value.items())


def _flat_item(value: Json) -> str:
    if isinstance(value, list):
        return " ".join(f"[{_flat(item)}]" for item in value)
    return _flat(value) if isinstance(value, dict) else text(value)


def _bug_check(report: Document, width: int) -> list[str]:
    stop: JsonObject = report["bug_check"] or {}
    lines = [text(line) for line in stop.get("stop_text", ())] + [""]
    lines += paragraph(text(stop.get("summary")), width)
    if stop.get("subcode"):
        lines += paragraph(text(stop["subcode"]), width)
    rows = [
        [
            str(number),
            address(each["value"], _bits(report)),
            text(each["meaning"]),
            text(each["decoded"], ""),
            each["kind"],
        ]
        for number, each in enumerate(stop.get("parameters", ()), 1)
    ]
    lines += columns(rows, headers=["P", "value", "meaning", "decoded", "kind"], width=width)
    if stop.get("url"):
        lines += ["", text(stop["url"])]
    return lines


def _registers(report: Document, width: int) -> list[str]:
    lines: list[str] = []
    contexts: JsonObject = report["contexts"] or {}
    for name, title in _CONTEXT_TITLES.items():
        context = contexts.get(name)
        if context is None or is_absent(context):
            lines += [f"{title}: {text(context)}", ""]
            continue
        place = f", at {address(context['address'], _bits(report))}" if "address" in context else ""
        lines += [f"{title} ({text(context['found_in'])}{place}):", *_register_lines(context, width), ""]
    return lines[:-1]


def _register_lines(context: JsonObject, width: int) -> list[str]:
    values = [(name, value) for name, value in context.items() if name not in _NO_REGISTERS]
    wide = [pair for pair in values if pair[0].rstrip("0123456789") in _WIDE_REGISTERS]
    plain_ones = [pair for pair in values if pair not in wide]
    return [*_grid(plain_ones, 16, width), *_grid(wide, 32, width)]


def _grid(values: Sequence[tuple[str, str]], digits: int, width: int) -> list[str]:
    cells = [f"{name:>8}={value[2:]:0>{digits}}" for name, value in values]
    per_line = max((width - 2) // (digits + 10), 1)
    return ["  " + " ".join(cells[at : at + per_line]).rstrip() for at in range(0, len(cells), per_line)]


def stack_lines(report: Document, name: str, width: int) -> list[str]:
    """The frames of `stack` or `dispatch`, innermost first, as WinDbg's `k` with the trust beside."""
    bits = _bits(report)
    rows = [
        [
            f"{number:02x}",
            address(frame["sp"], bits),
            _return_address(frame, bits),
            frame_place(report, frame),
            frame["trust"],
        ]
        for number, frame in enumerate(report[name] or ())
    ]
    headers = ["#", "Child-SP", "RetAddr", "Call Site", "trust"]
    return columns(rows, headers=headers, width=width, fixed=(0, 1, 2)) if rows else ["no frames"]


def _return_address(frame: JsonObject, bits: int) -> str:
    return address(frame["return_address"], bits) if frame["return_address"] else ""


def _stack(report: Document, width: int) -> list[str]:
    lines = _window_line(report, width)
    if report["dispatch"]:
        lines += ["", "What ran because of the failure (dispatch):", *stack_lines(report, "dispatch", width)]
        frame = report["trap_frame"]
        lines += ["", f"TrapFrame @ {address(frame, _bits(report))}" if frame else "Context of the failure:"]
    lines += ["", "What failed (crash):", *stack_lines(report, "stack", width), f"end: {text(report['stack_end'])}"]
    return lines


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


def module_rows(report: Document, modules: Sequence[JsonObject]) -> list[list[str]]:
    """Rows for modules: start, end, name, time stamp, vendor and product."""
    bits = _bits(report)
    return [
        [
            address(module["base"], bits),
            address(module["end"], bits),
            text(module["name"]),
            _stamp(module),
            _maker(module),
            text(module["path"]),
        ]
        for module in modules
    ]


def _maker(module: JsonObject) -> str:
    return " ".join(text(each) for each in (module.get("vendor"), module.get("product") or module.get("role")) if each)


def _stamp(module: JsonObject) -> str:
    if is_absent(module["timestamp"]):
        return text(module["timestamp"])
    if module["timestamp_kind"] == "link time":
        return _date_of_stamp(int(module["timestamp"], 16))
    return f"{module['timestamp'][2:]:0>8} (hash?)"


def _date_of_stamp(stamp: int) -> str:
    return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d")


def _modules(report: Document, width: int) -> list[str]:
    headers = ["start", "end", "name", "time stamp", "maker", "path"]
    return columns(module_rows(report, report["modules"] or ()), headers=headers, width=width, fixed=(0, 1))


def _unloaded(report: Document, width: int) -> list[str]:
    modules = report["unloaded_modules"]
    if modules is None or is_absent(modules):
        return [f"unloaded drivers: {text(modules)}"]
    rows = [
        [
            address(module["base"], _bits(report)),
            address(module["end"], _bits(report)),
            text(module["name"]) + (" (perhaps cut)" if module["truncated_name"] else ""),
        ]
        for module in modules
    ]
    return columns(rows, headers=["start", "end", "name"], width=width) if rows else ["none"]


def _named_fields(name: str) -> Callable[[Document, int], list[str]]:
    def section(report: Document, width: int) -> list[str]:
        fields = report[name]
        if fields is None or is_absent(fields):
            return [f"{name}: {text(fields)}"]
        flat = {key: _flat(value) if isinstance(value, dict) else value for key, value in fields.items()}
        return field_lines(flat, {key: key for key in flat}, width)

    return section


def _process(report: Document, width: int) -> list[str]:
    return [*_named_fields("process")(report, width), "", "thread:", *_named_fields("thread")(report, width)]


def _pages(report: Document, width: int) -> list[str]:
    pages: JsonObject = report["pages"] or {}
    lines = [f"{pages.get('blocks', 0):,} data blocks, {pages.get('bytes', 0):,} bytes"]
    lines += [f"asked for by {text(each['component'])}: {each['ranges']} ranges" for each in pages.get("requests", ())]
    lines.append(f"data page: {_flat(pages.get('data_page'))}")
    rows = [
        [
            address(block["address"], _bits(report)),
            f"{block['size']:#x}",
            f"{block['offset']}",
            text(block.get("components"), ""),
        ]
        for block in pages.get("list", ())
    ]
    return lines + (
        ["", *columns(rows, headers=["address", "size", "offset", "asked for by"], width=width)] if rows else []
    )


def _blobs(report: Document, width: int) -> list[str]:
    lines = []
    for blob in report["blobs"] or ():
        lines.append(f"{blob['guid']}  {blob['size']:>9,} bytes  {text(blob['name'], 'unknown')}")
        lines += list(_tree(blob["decoded"], width, 1)) if "decoded" in blob else []
    return lines or ["no secondary data"]


def _tree(value: Mapping[str, Json], width: int, depth: int) -> Iterator[str]:
    indent = "  " * (depth + 1)
    for name, item in value.items():
        if isinstance(item, dict) and not is_absent(item):
            yield f"{indent}{text(name)}:"
            yield from _tree(item, width, depth + 1)
        elif isinstance(item, list):
            yield from _list(name, item, width, depth)
        else:
            yield from paragraph(f"{text(name)}: {text(item)}", width, indent, indent + "  ")


def _list(name: str, items: Sequence[Json], width: int, depth: int) -> Iterator[str]:
    indent = "  " * (depth + 1)
    yield f"{indent}{text(name)}: {'none' if not items else ''}".rstrip()
    for item in items:
        yield from paragraph(f"- {_flat_item(item)}", width, indent + "  ", indent + "    ")


_SECTIONS: dict[str, Callable[[Document, int], list[str]]] = {
    "header": _header,
    "bugcheck": _bug_check,
    "registers": _registers,
    "stack": _stack,
    "modules": _modules,
    "unloaded": _unloaded,
    "process": _process,
    "processor": _named_fields("processor"),
    "debugger-data": _named_fields("debugger_data"),
    "pages": _pages,
    "blobs": _blobs,
}

SECTIONS = tuple(_SECTIONS)
"""Names of the sections that `render_section` knows."""
