"""Our reading of a dump against that of Microsoft's engine: the differences, in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from smalldump.knowledge.windows import engine_product_name, suite_names
from smalldump.layout.dump import is_fill
from smalldump.model import Absent, Registers, Snapshot
from smalldump.model.absent import present
from smalldump.sources.small import SmallDump
from tests.oracle.reading import Reading
from tests.truth.engine import Range

__all__ = ["compare", "compare_file", "compare_machine", "pieces", "shown_registers"]

Kind = TypeVar("Kind", bound=Snapshot)
Comparisons = Mapping[str, Callable[[Kind, Reading], Iterator[str]]]
"""What is compared, and the function that gives the differences, one sentence each."""

_MACHINES = {"x86": "x86 compatible", "x64": "x64", "ARM64": "ARM 64-bit (AArch64)"}
_REGISTER_COUNT = {"x86": 17, "x64": 25, "ARM64": 34}
_HEADER_FIELDS = """
MajorVersion MinorVersion KdSecondaryVersion DirectoryTableBase PfnDataBase PsLoadedModuleList PsActiveProcessHead
MachineImageType NumberProcessors BugCheckCode BugCheckParameter1 BugCheckParameter2 BugCheckParameter3
BugCheckParameter4 KdDebuggerDataBlock ProductType SuiteMask MiniDumpFields Attributes SecondaryDataState WriterStatus
"""
_SAYS_FILL = {"KdDebuggerDataBlock", "MiniDumpFields"}  # printed even where they were never written
_UNSAID_PRODUCTS = {2600: "WinNt", 3790: "Server"}  # what the engine assumes where the header does not tell
_PIECE = 0x10000  # most bytes of one `db`


def compare(machine: Snapshot, reading: Reading) -> list[str]:
    """All that the engine does not like about a dump or reads otherwise than `machine` has it; empty: they agree.

    Where `machine` is a small dump it must be the very file that the engine read: section offsets and data blocks
    are compared too. To compare with the machine that a file was made of, use `compare_machine`.
    """
    found = compare_machine(machine, reading)
    if isinstance(machine, SmallDump) and not reading.refusal:
        found += compare_file(machine, reading)
    return found


def compare_machine(machine: Snapshot, reading: Reading) -> list[str]:
    """The engine's complaints, and differences in facts about the machine, whatever file they were read from."""
    if reading.refusal:
        return [f"the engine refuses the file: {reading.refusal}"]
    complaints = [f"the engine complains: {line}" for line in reading.complaints]
    return complaints + _collected(_MACHINE_COMPARISONS, machine, reading)


def compare_file(dump: SmallDump, reading: Reading) -> list[str]:
    """Differences in the header's fields, in section offsets and in data blocks of the file itself."""
    return _collected(_FILE_COMPARISONS, dump, reading)


def pieces(machine: Snapshot) -> list[tuple[int, int]]:
    """The memory to ask the engine for: the stack and all data blocks, as address and size."""
    blocks = [(block.address, block.size) for block in machine.data_blocks]
    if not isinstance(machine.stack, Absent):
        blocks.insert(0, (machine.stack.start, len(machine.stack.data)))
    return [(address + done, min(size - done, _PIECE)) for address, size in blocks for done in range(0, size, _PIECE)]


def shown_registers(machine: Snapshot) -> Registers | Absent:
    """The registers that the engine's `r` shows: by way of the PRCB where KiProcessorBlock's memory is in the dump.

    Otherwise the header's. Source: engine-written findings §4, tried on Windows 2000 to 11, x86, x64 and ARM64.
    """
    words = {} if isinstance(machine.debugger_data, Absent) else machine.debugger_data
    array = words.get("ki_processor_block", 0)
    return machine.contexts.prcb if array and array in machine.memory else machine.contexts.header


def _collected(comparisons: Comparisons[Kind], machine: Kind, reading: Reading) -> list[str]:
    found: list[str] = []
    for what, comparison in comparisons.items():
        try:
            found += [f"{what}: {difference}" for difference in comparison(machine, reading)]
        except (AssertionError, KeyError, ValueError) as error:
            found.append(f"{what}: the engine's answer is not understood: {error!r}")
    return found


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:#x}"
    if isinstance(value, Range):
        return f"{value.name} {value.start:#x}-{value.end:#x}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_shown, value))}]"
    return str(value)


def _differs(what: str, ours: object, theirs: object) -> Iterator[str]:
    if ours != theirs:
        yield f"{what} is {_shown(ours)}, for the engine {_shown(theirs)}"


# The machine


def _bug_check(machine: Snapshot, reading: Reading) -> Iterator[str]:
    ours = present(machine.bug_check)
    code, parameters = reading.bug_check
    yield from _differs("code", ours and ours.stored_code, code)
    yield from _differs("parameters", ours and ours.parameters, parameters)


def _registers(machine: Snapshot, reading: Reading) -> Iterator[str]:
    ours, theirs = shown_registers(machine), dict(reading.registers)
    if isinstance(ours, Absent):
        yield from _differs("the set", ours, "there" if theirs else Absent.NOT_CAPTURED)
        return
    yield from _differs("their count", _REGISTER_COUNT[machine.machine.name], len(theirs))
    known = {**ours.values, "iopl": ours.values.get("efl", 0) >> 12 & 3, "psr": ours.values.get("cpsr")}
    for name, value in theirs.items():
        yield from _differs(name, known[name], value)


def _system(machine: Snapshot, reading: Reading) -> Iterator[str]:
    system, target = machine.system, reading.target
    yield from _differs("the machine", _MACHINES.get(system.machine.name), target.machine)
    for name in ("build", "checked", "processors"):
        yield from _differs(name, getattr(system, name), getattr(target, name))
    yield from _differs("service pack", present(system.service_pack) or 0, target.service_pack)
    product, suites = present(system.product_type), present(system.suite_mask)
    expected = _UNSAID_PRODUCTS.get(target.build) if product is None else engine_product_name(product)
    yield from _differs("product", expected, target.product)
    yield from _differs("suites", () if product is None else suite_names(suites or 0), target.suites)
    yield from _differs("build lab", present(machine.build_lab), target.built_by)
    base = present(system.kernel_base) or machine.modules[0].base
    yield from _differs("kernel base", base, target.kernel_base)


def _modules(machine: Snapshot, reading: Reading) -> Iterator[str]:
    ours = {Range(module.base, module.end, module.name) for module in machine.modules}
    theirs = {Range(module.start, module.end, module.name) for module in reading.modules}
    yield from (f"{_shown(module)} is unknown to the engine" for module in sorted(ours - theirs, key=_start))
    yield from (f"{_shown(module)} is known only to the engine" for module in sorted(theirs - ours, key=_start))


def _start(module: Range) -> int:
    return module.start


def _unloaded_modules(machine: Snapshot, reading: Reading) -> Iterator[str]:
    unloaded = present(machine.unloaded_modules)
    ours = None if unloaded is None else [Range(module.base, module.end, module.name) for module in unloaded]
    yield from _differs("the list", ours, reading.unloaded)


def _stack(machine: Snapshot, reading: Reading) -> Iterator[str]:
    if isinstance(machine.stack, Absent):
        yield from _differs("its size", 0, reading.triage["SizeOfCallStack"])
        return
    start, data = machine.stack.start, machine.stack.data
    for done in range(0, len(data), _PIECE):
        piece = data[done : done + _PIECE]
        theirs = reading.memory.get((start + done, len(piece)))
        if theirs is None:
            yield f"the engine was not asked for {start + done:#x}"
        else:
            yield from _different_bytes(start + done, piece.hex(), theirs)


def _memory(machine: Snapshot, reading: Reading) -> Iterator[str]:
    for (address, size), theirs in reading.memory.items():
        yield from _different_bytes(address, _digits(machine, address, size), theirs)


def _digits(machine: Snapshot, address: int, size: int) -> str:
    found: list[str] = []
    done = 0
    while done < size:
        data = machine.memory.read_some(address + done, size - done)
        found.append(data.hex() or "??")
        done += len(data) or 1
    return _with_debugger_data(machine, address, "".join(found))


def _with_debugger_data(machine: Snapshot, address: int, digits: str) -> str:
    # dbgeng rewrites the debugger data block of 32-bit machines; the engine shows what it wrote, we the true memory.
    block = machine.structures.get("KDDEBUGGER_DATA64")
    if machine.machine.bits == 64 or block is None or isinstance(block.address, Absent):
        return digits
    section = present(machine.file.section("debugger data block")) if isinstance(machine, SmallDump) else None
    written = block.data if section is None else section  # which may go on behind what the block says of its size
    first = max(block.address, address)
    last = min(block.address + len(written), address + len(digits) // 2)
    if first >= last:
        return digits
    shown = written[first - block.address : last - block.address].hex()
    return digits[: 2 * (first - address)] + shown + digits[2 * (last - address) :]


def _different_bytes(start: int, ours: str, theirs: str) -> Iterator[str]:
    if ours == theirs:
        return
    places = [index for index in range(0, len(ours), 2) if ours[index : index + 2] != theirs[index : index + 2]]
    first = places[0]
    yield (
        f"{len(places)} of {len(ours) // 2:#x} bytes from {start:#x} on differ: the one at {start + first // 2:#x} "
        f"is {ours[first : first + 2]}, for the engine {theirs[first : first + 2]}"
    )


def _moment(machine: Snapshot, reading: Reading) -> Iterator[str]:
    dump = present(machine.dump)
    time, uptime = present(dump and dump.time), present(dump and dump.uptime)
    ours = None if time is None else time.replace(microsecond=time.microsecond // 1000 * 1000)
    yield from _differs("time", ours, reading.target.time)
    # The engine calls an uptime of zero "not available".
    ours_up = uptime and uptime // timedelta(milliseconds=1) * timedelta(milliseconds=1)
    yield from _differs("uptime", ours_up or None, reading.target.uptime)
    yield from _differs("comment", present(dump and dump.comment), reading.comment)


_MACHINE_COMPARISONS: Comparisons[Snapshot] = {
    "bug check": _bug_check,
    "registers": _registers,
    "system": _system,
    "modules": _modules,
    "unloaded modules": _unloaded_modules,
    "stack": _stack,
    "memory": _memory,
    "moment": _moment,
}


# The file


def _header(dump: SmallDump, reading: Reading) -> Iterator[str]:
    names = _HEADER_FIELDS.split() + (["PaeEnabled"] if dump.file.bits == 32 else [])
    for name in reading.header.keys() - set(names):
        yield f"the field {name} is unknown to us"
    for name in names:
        yield from _header_field(dump, reading, name)


def _header_field(dump: SmallDump, reading: Reading, name: str) -> Iterator[str]:
    field = getattr(type(dump.file.header), _snake(name), None)
    if field is None:  # as the secondary data state of old 32-bit headers
        yield from _differs(name, None, reading.header.get(name))
        return
    ours: int | None = getattr(dump.file.header, _snake(name))
    if is_fill(field, ours) and name not in _SAYS_FILL:
        ours = 0 if name == "KdSecondaryVersion" else None
    yield from _differs(name, ours, reading.header.get(name))


def _triage(dump: SmallDump, reading: Reading) -> Iterator[str]:
    ours = {} if dump.file.triage is None else dict(dump.file.triage.items())
    theirs = {_snake(name): value for name, value in reading.triage.items()}
    for name in ours | theirs:
        # The engine passes over the fields of what is not there.
        yield from _differs(name, ours.get(name), theirs.get(name, 0))


def _data_blocks(dump: SmallDump, reading: Reading) -> Iterator[str]:
    ours = [(block.address, block.address + block.size - 1, block.offset) for block in dump.data_blocks]
    theirs = [(block.first, block.last, block.offset) for block in reading.blocks]
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
        yield from _differs(f"number {number} (first and last address, offset)", mine, other)
    yield from _differs("their count", len(ours), len(theirs))
    ends = [block.offset + block.size for block in dump.data_blocks]
    furthest = (max(ends), len(dump.file.data) - max(ends)) if ends else None
    yield from _differs("the end of the furthest", furthest, reading.furthest)


_FILE_COMPARISONS: Comparisons[SmallDump] = {
    "header": _header,
    "triage header": _triage,
    "data blocks": _data_blocks,
}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
