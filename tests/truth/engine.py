"""What Microsoft's debugger engine printed on a dump, as facts.

Every line of the sections that are read must be understood: a line of another form is an error here, not something
to pass over, so that no fact goes uncompared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

__all__ = ["ADDRESS", "NOISE", "NO_CONTEXT", "TARGET", "Block", "Code", "EngineReading", "Range", "Target"]

ADDRESS = r"[0-9a-f]{8}(?:`[0-9a-f]{8})?"
"""How the engine prints an address."""

NOISE = re.compile(r"|\*\*\* (?:WARNING|ERROR): .*|Unable to load image .*")
"""Lines about images and symbols that the engine was not given: they come up anywhere."""
TARGET = [
    re.compile(pattern)
    for pattern in (
        r"(?P<name>Windows .+) Kernel Version (?P<build>\d+)(?: \(Service Pack (?P<service_pack>\d+)\))? "
        r"(?:UP|MP \((?P<processors>\d+) procs\)) (?P<kind>Free|Checked) (?P<machine>.+)",
        r"Product: (?P<product>\w+)(?:, suite: (?P<suites>.*))?",
        r"Built by: (?P<built_by>.+)",
        r"Machine Name:.*",
        rf"Kernel base = 0x(?P<kernel_base>{ADDRESS}) PsLoadedModuleList = 0x(?P<module_list>{ADDRESS})",
        r"Debug session time: (?P<time>.+) \(UTC \+ 0:00\)",
        r"System Uptime: (?P<days>\d+) days (?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d)\.(?P<thousandths>\d{3})",
        r"System Uptime: not available",
    )
]
"""The lines of `vertarget` and `.time`."""
_BUG_CHECK = re.compile(rf"Bugcheck code ([0-9A-F]{{8}})\nArguments ({ADDRESS}) ({ADDRESS}) ({ADDRESS}) ({ADDRESS})")
_MODULE = re.compile(
    rf"({ADDRESS}) ({ADDRESS})   (\S+) +(?:[CT] )?\([a-z ]+\) *(\S*)"
)
_UNLOADED = re.compile(rf"({ADDRESS}) ({ADDRESS})   (.+?) ?")
_LIST_HEAD = re.compile(r"start +end +module name|Unloaded modules:")
_NO_UNLOADED_LIST = "Mini Kernel Dump does not contain unloaded driver list"

_REGISTER = re.compile(r"([a-z][a-z0-9]*)=([0-9a-f]+)")
_FLAGS = re.compile(r"iopl=(\d)((?: +[a-z]{2}){8})")
_SYMBOL = re.compile(r"(?P<module>\w+)(?:!\w+)?(?:\+0x[0-9a-f]+)?:")
_CODE = re.compile(
    rf"(?P<address>{ADDRESS}) (?P<bytes>[0-9a-f]+|\?+) +(?P<text>\S.*?)"
    rf"(?: [a-z]s:[0-9a-f]{{4}}:(?P<operand>{ADDRESS})=(?P<value>[0-9a-f]+|\?+))?"
)
NO_CONTEXT = re.compile(r"GetContextState failed.*|Unable to .*| *\^ Unable to .*|(?:hr|command failed:) 80040205")
"""What `r` prints where the engine finds no registers."""

_FIELD = re.compile(rf"(?P<name>[A-Z][A-Za-z0-9]+) +(?P<value>{ADDRESS}) ?")
_BLOCK = re.compile(rf"  ({ADDRESS}) - ({ADDRESS}) at offset ([0-9a-f]{{8}})")
_FURTHEST = re.compile(r"  Max offset ([0-9a-f]+), ([0-9a-f]+) from end of file")
_COMMENT = re.compile(r"Comment +'.*'")
_DUMP_HEAD = re.compile(r"----- (?:32|64) bit Kernel Mini Dump Analysis|DUMP_HEADER(?:32|64):")


@dataclass(frozen=True)
class Target:
    """`vertarget` and `.time`; None for what the engine does not tell."""

    name: str
    build: int
    service_pack: int
    processors: int
    checked: bool
    machine: str
    product: str | None
    suites: tuple[str, ...]
    built_by: str | None
    kernel_base: int
    module_list: int
    time: datetime | None
    uptime: timedelta | None


@dataclass(frozen=True)
class Range:
    """A line of `lm`: a module, end exclusive, and the image that the engine was given for it, if any."""

    start: int
    end: int
    name: str
    image: str = ""


@dataclass(frozen=True)
class Block:
    """A data block of `.dumpdebug`: `last` is the address of its last byte."""

    first: int
    last: int
    offset: int


@dataclass(frozen=True)
class Code:
    """The instruction that `r` shows, and what its memory operand holds; None for memory that is not there."""

    module: str
    address: int
    digits: str | None
    operand: int | None
    value: str | None


class EngineReading:
    """The facts of one transcript."""

    def __init__(self, transcript: str) -> None:
        """Divide a transcript, in which `>>> ` goes before each command, into sections."""
        parts = re.split(r"^>>> (.+)\n", transcript, flags=re.MULTILINE)
        self.sections = dict(zip(parts[1::2], parts[2::2], strict=True))

    def _lines(self, command: str) -> list[str]:
        return [line for line in self.sections[command].splitlines() if not NOISE.fullmatch(line)]

    @cached_property
    def target(self) -> Target:
        """What `vertarget` says of machine and moment."""
        return _target(self._lines("vertarget"))

    @cached_property
    def again(self) -> Mapping[str, str]:
        """What `.time` says, where it was asked."""
        return _groups(TARGET, self._lines(".time")) if ".time" in self.sections else {}

    @cached_property
    def bug_check(self) -> tuple[int, tuple[int, ...]]:
        """Code and parameters that `.bugcheck` prints."""
        found = _BUG_CHECK.fullmatch("\n".join(self._lines(".bugcheck")))
        assert found, "no bug check"
        return int(found[1], 16), tuple(map(_number, found.groups()[1:]))

    @cached_property
    def registers(self) -> Mapping[str, int]:
        """The registers that `r` prints, with `iopl`; empty where the engine found none."""
        return {name: int(value, 16) for line in self._register_lines for name, value in _REGISTER.findall(line)}

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """The words for eight flags that `r` prints on x86 and x64: `nv up ei pl zr na po nc`."""
        found = [words.split() for line in self._register_lines for _, words in _FLAGS.findall(line)]
        return tuple(found[0]) if found else ()

    @cached_property
    def code(self) -> Code | None:
        """The instruction below the registers."""
        symbols = [found for line in self._lines("r") if (found := _SYMBOL.fullmatch(line))]
        codes = [found for line in self._lines("r") if (found := _CODE.fullmatch(line))]
        assert len(codes) == len(symbols) <= 1
        if not codes:
            return None
        operand = codes[0]["operand"]
        return Code(
            symbols[0]["module"],
            _number(codes[0]["address"]),
            _known(codes[0]["bytes"]),
            None if operand is None else _number(operand),
            _known(codes[0]["value"]),
        )

    @cached_property
    def _register_lines(self) -> list[str]:
        others = (_SYMBOL, _CODE, NO_CONTEXT)
        lines = [line for line in self._lines("r") if not any(kind.fullmatch(line) for kind in others)]
        for line in lines:
            rest = _REGISTER.sub("", _FLAGS.sub("", line)).strip()
            assert re.fullmatch(r"|[N-][Z-][C-][V-] EL\d", rest), f"not understood: {line!r}"
        return lines

    @cached_property
    def modules(self) -> list[Range]:
        """Loaded modules, by address."""
        return _ranges(_MODULE, self._module_lists[0])

    @cached_property
    def unloaded(self) -> list[Range] | None:
        """Unloaded modules, as the engine lists them; None where the dump has no such list."""
        return None if _NO_UNLOADED_LIST in self._lines("lm") else _ranges(_UNLOADED, self._module_lists[1])

    @cached_property
    def _module_lists(self) -> tuple[list[str], list[str]]:
        lines = [line for line in self._lines("lm") if line != _NO_UNLOADED_LIST]
        loaded, _, unloaded = "\n".join(lines).partition("Unloaded modules:")
        lists = [[line for line in part.splitlines() if line] for part in (loaded, unloaded)]
        return [line for line in lists[0] if not _LIST_HEAD.fullmatch(line)], lists[1]

    @cached_property
    def header(self) -> Mapping[str, int]:
        """The fields of DUMP_HEADER that `.dumpdebug` prints."""
        return _fields(line for line in self._dump_debug[0] if not _COMMENT.fullmatch(line))

    @cached_property
    def triage(self) -> Mapping[str, int]:
        """The fields of TRIAGE_DUMP that `.dumpdebug` prints."""
        return _fields(line for line in self._dump_debug[1] if not line.startswith("  "))

    @cached_property
    def blocks(self) -> list[Block]:
        """The data blocks, in file order."""
        found = [_BLOCK.fullmatch(line) for line in self._block_lines[:-1]]
        assert all(found), "not understood: a data block"
        return [Block(*map(_number, block.groups())) for block in found if block]

    @cached_property
    def furthest(self) -> tuple[int, int] | None:
        """Where the last data block ends: file offset, and bytes from there to the end of the file."""
        if not self._block_lines:
            return None
        found = _FURTHEST.fullmatch(self._block_lines[-1])
        assert found, "not understood: the end of the data blocks"
        return int(found[1], 16), int(found[2], 16)

    @cached_property
    def _block_lines(self) -> list[str]:
        return [line for line in self._dump_debug[1] if line.startswith("  ")]

    @cached_property
    def _dump_debug(self) -> tuple[list[str], list[str]]:
        lines = [line for line in self._lines(".dumpdebug") if not _DUMP_HEAD.fullmatch(line)]
        middle = next(index for index, line in enumerate(lines) if re.fullmatch(r"TRIAGE_DUMP(32|64):", line))
        return lines[:middle], lines[middle + 1 :]


def _number(text: str) -> int:
    return int(text.replace("`", ""), 16)


def _known(digits: str | None) -> str | None:
    return None if digits is None or "?" in digits else digits


def _groups(patterns: Sequence[re.Pattern[str]], lines: Iterable[str]) -> dict[str, str]:
    groups: dict[str, str] = {}
    for line in lines:
        found = [match for pattern in patterns if (match := pattern.fullmatch(line))]
        assert len(found) == 1, f"not understood: {line!r}"
        new = {name: text for name, text in found[0].groupdict().items() if text is not None}
        assert not groups.keys() & new.keys(), f"said twice: {line!r}"
        groups |= new
    return groups


def _target(lines: Iterable[str]) -> Target:
    said = _groups(TARGET, lines)
    return Target(
        name=said["name"],
        build=int(said["build"]),
        service_pack=int(said.get("service_pack", "0")),
        processors=int(said.get("processors", "1")),
        checked=said["kind"] == "Checked",
        machine=said["machine"],
        product=said.get("product"),
        suites=tuple(said.get("suites", "").split()),
        built_by=said.get("built_by"),
        kernel_base=_number(said["kernel_base"]),
        module_list=_number(said["module_list"]),
        time=_time(said["time"]) if "time" in said else None,
        uptime=_uptime(said),
    )


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%a %b %d %H:%M:%S.%f %Y").replace(tzinfo=UTC)


def _uptime(said: Mapping[str, str]) -> timedelta | None:
    if "days" not in said:
        return None
    parts = {name: int(said[name]) for name in ("days", "hours", "minutes", "seconds")}
    return timedelta(**parts, milliseconds=int(said["thousandths"]))


def _ranges(pattern: re.Pattern[str], lines: Iterable[str]) -> list[Range]:
    ranges = []
    for line in lines:
        found = pattern.fullmatch(line)
        assert found, f"not understood: {line!r}"
        start, end, *names = found.groups()
        ranges.append(Range(_number(start), _number(end), *names))
    return ranges


def _fields(lines: Iterable[str]) -> dict[str, int]:
    fields: dict[str, int] = {}
    for line in lines:
        found = _FIELD.fullmatch(line)
        assert found, f"not understood: {line!r}"
        assert found["name"] not in fields, f"said twice: {line!r}"
        fields[found["name"]] = _number(found["value"])
    return fields
