"""The sections of a report as text, each by itself: what `show` prints and what `-v` adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from smalldump.knowledge.drivers import made_by
from smalldump.report.columns import columns
from smalldump.report.document import Document
from smalldump.report.labels import label, microsoft_name, value_words
from smalldump.report.object_sections import object_lines
from smalldump.report.shown import address, counted, field_lines, is_absent, moment, paragraph, plain, text, uptime
from smalldump.report.stack_text import processors_section, stack_section, threads_section
from smalldump.report.values import Json, JsonObject

__all__ = ["SECTIONS", "module_rows", "render_section", "sections_of"]

_CONTEXT_TITLES = {"crash": "Of the code that failed", "prcb": "Of the PRCB", "header": "In the dump header"}
_NO_REGISTERS = ("found_in", "address", "source")
_GRID_WIDTH = 100
_WIDE_REGISTERS = ("xmm", "st", "v")


def render_section(report: Document, name: str, *, width: int = 100) -> str:
    """One section of a report as text.

    Raises:
        KeyError: There is no section of that name (see `SECTIONS`).
    """
    return "\n".join(_SECTIONS[name](report, width))


def _bits(report: Document) -> int:
    return report["file.bits"] or 64


def _fields(report: Document, fields: JsonObject, width: int, name: Callable[[str], str] = label) -> list[str]:
    bits = _bits(report)
    words = {key: value_words(key, value, bits) for key, value in fields.items()}
    return field_lines(words, {key: name(key) for key in words}, width)


def _header(report: Document, width: int) -> list[str]:
    fields = dict(plain(report["header"]) or {})
    crash: JsonObject = report["crash"] or {}
    fields |= {"time_utc": crash.get("time_utc"), "uptime": uptime(crash.get("uptime_s"))}
    system: JsonObject = report["system"] or {}
    fields |= {name: value for name, value in system.items() if name not in ("vendor", "product", "bios")}
    return _fields(report, fields, width)


def _bug_check(report: Document, width: int) -> list[str]:
    stop: JsonObject = report["bug_check"] or {}
    if is_absent(stop):
        return [f"bug check: {text(stop)}"]
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
    headers = ["P", "value", "meaning", "decoded", "kind"]
    lines += columns(rows, headers=headers, width=width, fixed=(0, 1), wrapped=(2, 3))
    objects = object_lines(report, width)
    lines += ["", *objects] if objects else []
    if plain(report["broken_driver"]):
        lines += ["", *paragraph(f"Windows itself blames: {text(report['broken_driver'])}", width)]
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
    per_line = max((min(width, _GRID_WIDTH) - 2) // (digits + 10), 1)
    return ["  " + " ".join(cells[at : at + per_line]).rstrip() for at in range(0, len(cells), per_line)]


def module_rows(report: Document, modules: Sequence[JsonObject]) -> list[list[str]]:
    """Rows for modules: start, end, name, time stamp, maker and product, path."""
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
    if not module.get("vendor"):
        return ""
    return made_by(text(module["vendor"]), text(module.get("product") or module.get("role"), "").replace("_", " "))


def _stamp(module: JsonObject) -> str:
    if is_absent(module["timestamp"]):
        return text(module["timestamp"])
    if module["timestamp_kind"] == "link time":
        return _date_of_stamp(int(module["timestamp"], 16))
    return f"{module['timestamp'][2:]:0>8} (hash?)"


def _date_of_stamp(stamp: int) -> str:
    return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d")


def _modules(report: Document, width: int) -> list[str]:
    modules = report["modules"]
    if modules is None or is_absent(modules):
        return [f"loaded modules: {text(modules)}"]
    headers = ["start", "end", "name", "time stamp", "maker", "path"]
    return columns(module_rows(report, modules), headers=headers, width=width, fixed=(0, 1))


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


def _named_fields(key: str, title: str, name: Callable[[str], str] = label) -> Callable[[Document, int], list[str]]:
    def section(report: Document, width: int) -> list[str]:
        fields = report[key]
        if fields is None or is_absent(fields):
            return [f"{title}: {text(fields)}"]
        return _fields(report, fields, width, name)

    return section


def _process(report: Document, width: int) -> list[str]:
    lines = [*_named_fields("process", "process")(report, width), "", "thread:"]
    thread = plain(report["thread"])
    if thread is None:
        return [*lines, f"  {text(report['thread'])}"]
    fields = {name: value for name, value in thread.items() if name != "wait_reason_name"}
    if plain(thread.get("wait_reason_name")):
        fields["wait_reason"] = f"{thread['wait_reason']} ({thread['wait_reason_name']})"
    return [*lines, *_fields(report, fields, width)]


def _pages(report: Document, width: int) -> list[str]:
    pages: JsonObject = plain(report["pages"]) or {}
    lines = [_held(pages)]
    for each in plain(pages.get("requests")) or ():
        lines += paragraph(f"asked for by {text(each['component'])}: {counted(each['ranges'], 'range')}", width)
    lines.append(f"data page: {value_words('data_page', pages.get('data_page'), _bits(report))}")
    rows = [
        [
            address(block["address"], _bits(report)),
            f"{block['size']:#x}",
            f"{block['offset']}",
            text(block.get("components"), ""),
        ]
        for block in plain(pages.get("list")) or ()
    ]
    return lines + (
        ["", *columns(rows, headers=["address", "size", "offset", "asked for by"], width=width)] if rows else []
    )


def _processes(report: Document, width: int) -> list[str]:
    processes = report["processes"]
    if processes is None or is_absent(processes):
        return [f"processes: {text(processes)}"]
    rows = [
        [
            text(each["pid"]),
            text(each["parent_pid"]),
            text(each["name"]),
            moment(each["create_time_utc"]),
            address(plain(each["address"]), _bits(report)) if plain(each["address"]) else text(each["address"]),
        ]
        for each in processes
    ]
    headers = ["pid", "parent", "name", "created", "EPROCESS"]
    return columns(rows, headers=headers, width=width, right=(0, 1), fixed=(0, 1)) if rows else ["no processes"]


def _held(pages: JsonObject) -> str:
    blocks, size = pages.get("blocks", 0), pages.get("bytes", 0)
    if is_absent(blocks) or is_absent(size):
        return f"data blocks: {text(blocks)}"
    return f"{counted(blocks, 'data block')}, {counted(size, 'byte')}"


def _blobs(report: Document, width: int) -> list[str]:
    blobs = report["blobs"]
    if is_absent(blobs):
        return [f"secondary data: {text(blobs)}"]
    lines = []
    for blob in blobs or ():
        lines.append(f"{blob['guid']}  {blob['size']:>9,} bytes  {text(blob['name'], 'unknown')}")
        lines += list(_tree(blob["decoded"], width, "    ")) if "decoded" in blob else []
    return lines or ["no secondary data"]


def _tree(value: Mapping[str, Json], width: int, indent: str) -> Iterator[str]:
    for name, item in value.items():
        if isinstance(item, dict) and not is_absent(item):
            yield f"{indent}{label(name)}:"
            yield from _tree(item, width, indent + "  ")
        elif isinstance(item, list):
            yield from _list(name, item, width, indent)
        else:
            yield from paragraph(f"{label(name)}: {value_words(name, item, 64)}", width, indent, indent + "  ")


def _list(name: str, items: Sequence[Json], width: int, indent: str) -> Iterator[str]:
    yield f"{indent}{label(name)}: {'none' if not items else ''}".rstrip()
    for item in items:
        yield from paragraph(f"- {value_words(name, item, 64)}", width, indent + "  ", indent + "    ")


_SECTIONS: dict[str, Callable[[Document, int], list[str]]] = {
    "header": _header,
    "bugcheck": _bug_check,
    "registers": _registers,
    "stack": stack_section,
    "modules": _modules,
    "unloaded": _unloaded,
    "process": _process,
    "processor": _named_fields("processor", "processor"),
    "processors": processors_section,
    "threads": threads_section,
    "processes": _processes,
    "debugger-data": _named_fields("debugger_data", "debugger data block", microsoft_name),
    "memory": _named_fields("mm", "memory counters", microsoft_name),
    "pages": _pages,
    "blobs": _blobs,
}

SECTIONS = tuple(_SECTIONS)
"""Names of the sections that `render_section` knows."""


def sections_of(report: Document) -> tuple[str, ...]:
    """Names of the sections that a report has: small dumps hold no list of processes."""
    return tuple(name for name in SECTIONS if name != "processes" or report["processes"] is not None)
