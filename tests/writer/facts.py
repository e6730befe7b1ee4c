"""The facts of a machine, for comparing what was read, written and read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from smalldump.layout.debugger_data import KdDebuggerData64
from smalldump.memory import AddressSpace, Overlay
from smalldump.model import Absent, Snapshot
from smalldump.model.absent import present
from smalldump.sources.register_sets import CONTEXT_SIZES
from smalldump.sources.small import SmallDump
from smalldump.writer import Dropped

__all__ = ["assert_only_losses", "assert_same_memory", "changes", "facts", "read_again"]

_PLAIN = (
    "bug_check system build_lab exception processor process thread contexts unloaded_modules broken_driver "
    "debugger_data memory_manager requests"
)
_DUMP = "time uptime boot_id comment secondary_data_state physical_memory"
# The writer's own: how a file was written, not what happened.
_OF_THE_WRITER = {"attributes", "kd_secondary_version", "mini_dump_fields", "required_dump_space", "writer_status"}
_WRITER_ATTRIBUTES = 0x8 | 0x4

# What was given up, by how its name begins or ends -> the facts that then may be others.
_LOSSES = {
    "KPRCB behind": "comment debugger_data processor KPRCB KDDEBUGGER_DATA64 memory",
    "blob": "blobs requests",
    "folders": "modules",
    "unloaded drivers": "unloaded_modules",
    "unloaded drivers, debugger": "blobs debugger_data build_lab system KDDEBUGGER_DATA64 memory data_page requests",
    "product type": "system fields",
    "outermost": "stack memory contexts",
    "KiProcessorBlock": "processor contexts KPRCB memory",
    "data page": "data_page memory",
    " drivers": "modules",
    " driver": "modules",
    "block": "memory contexts build_lab",
}


def read_again(data: bytes) -> SmallDump:
    """A written dump as its reader sees it."""
    return SmallDump(memoryview(data), "written")


def facts(machine: Snapshot) -> dict[str, Any]:
    """All facts but memory, by name; values that can be compared."""
    found: dict[str, Any] = {name: getattr(machine, name) for name in _PLAIN.split()}
    found["modules"] = tuple(machine.modules)
    stack, page = present(machine.stack), present(machine.data_page)
    found["stack"] = None if stack is None else (stack.start, bytes(stack.data), stack.cut)
    found["data_page"] = None if page is None else (page.address, machine.memory.read(page.address, page.size))
    found["blobs"] = [(blob.guid, bytes(blob.data)) for blob in machine.blobs]
    return found | _header_facts(machine) | _structures(machine)


def _header_facts(machine: Snapshot) -> dict[str, Any]:
    dump = machine.dump
    assert not isinstance(dump, Absent)
    fields = {name: value for name, value in dump.fields.items() if name not in _OF_THE_WRITER}
    attributes = (present(dump.attributes) or 0) & ~_WRITER_ATTRIBUTES
    return {name: getattr(dump, name) for name in _DUMP.split()} | {"fields": fields, "attributes": attributes}


def _structures(machine: Snapshot) -> dict[str, Any]:
    size = CONTEXT_SIZES[machine.machine]
    return {
        kind: (bytes(structure.data[:size] if kind == "CONTEXT" else structure.data), structure.address)
        for kind, structure in machine.structures.items()
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Names of the facts that are not the same."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def _allowed(dropped: Iterable[Dropped]) -> Iterator[str]:
    for loss in dropped:
        for name, lost in _LOSSES.items():
            if loss.what.startswith(name) or loss.what.endswith((name, f"{name}s")) or f" {name}" in loss.what:
                yield from lost.split()


def assert_only_losses(source: Snapshot, written: Snapshot, dropped: Iterable[Dropped]) -> None:
    """What was read again is what the source said, except for what the result says was given up."""
    before, after = facts(source), facts(written)
    dropped = tuple(dropped)
    allowed = set(_allowed(dropped))
    assert changes(before, after) <= allowed, [loss.what for loss in dropped]
    assert_same_memory(source, written, complete="memory" not in allowed)
    assert set(after["blobs"]) <= set(before["blobs"])
    files = {(module.base, module.size, module.file, module.timestamp) for module in before["modules"]}
    assert {(module.base, module.size, module.file, module.timestamp) for module in after["modules"]} <= files
    if after["stack"] is not None:
        assert before["stack"][0] == after["stack"][0]
        assert before["stack"][1].startswith(after["stack"][1])
    if not isinstance(after["debugger_data"], Absent):
        assert changes(before["debugger_data"], after["debugger_data"]) <= {"size_prcb"}


def assert_same_memory(source: Snapshot, written: Snapshot, *, complete: bool) -> None:
    """No byte of memory is another; where `complete`, none is missing either."""
    block = written.structures.get("KDDEBUGGER_DATA64")
    word = KdDebuggerData64.size_prcb.offset + (present(block.address) or 0 if block else 0)
    for start, end, data in _pieces(written.memory):
        expected = source.memory.read(start, end - start)
        if expected != data:  # the writer lowers SizePrcb, nothing else
            differing = {start + at for at, (a, b) in enumerate(zip(expected, data, strict=True)) if a != b}
            assert differing <= {word, word + 1}
    if complete:
        for start, end, _ in _pieces(source.memory):
            assert len(written.memory.read(start, end - start)) == end - start


def _pieces(memory: AddressSpace) -> Iterator[tuple[int, int, bytes]]:
    assert isinstance(memory, Overlay)
    for start, end, _ in memory.pieces():
        yield start, end, memory.read(start, end - start)
