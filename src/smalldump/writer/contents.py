"""Contents: what a small dump is to hold, taken from a Snapshot, before anybody asks how much room there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from smalldump.errors import UnsupportedFormat
from smalldump.layout.context import ContextArm64, ContextX64, ContextX86
from smalldump.layout.dump import FILL
from smalldump.memory import RangeMap
from smalldump.model import Absent, Blob, Machine, Module, PhysicalMemory, Snapshot, UnloadedModule
from smalldump.model.absent import present
from smalldump.model.machine import ARM64, X64, X86
from smalldump.model.requests import RangeRequest, Rank
from smalldump.writer.asked import with_requests
from smalldump.writer.profile import Profile

__all__ = ["Block", "Contents", "contents_of"]


class Block(NamedTuple):
    """A piece of memory to be written.

    Attributes:
        alias: Name of the section whose bytes these are, so that they need not be written twice; empty for none.
    """

    address: int
    data: bytes
    why: str
    owner: str
    rank: Rank
    alias: str = ""


class Contents(NamedTuple):
    """What a small dump is to hold.

    Attributes:
        header: Integer fields of the dump header, by name; all others stay unwritten.
        context, exception: Raw records of the header.
        unloaded: None: the dump has no such list.
        kprcb_address: None where it is not known.
        true_prcb_size: Bytes of the KPRCB before it was shortened.
        full_paths: Whether drivers keep their folders.
        processor_array: Where KiProcessorBlock lies; without the processor group no block may touch it.
        left_out: What the profile does not include, and why, in words.
    """

    machine: Machine
    header: Mapping[str, int]
    comment: str
    physical_memory: PhysicalMemory | None
    context: bytes
    exception: bytes
    service_pack: int
    counters: Mapping[str, int]
    unloaded: tuple[UnloadedModule, ...] | None
    kprcb: bytes
    kprcb_address: int | None
    true_prcb_size: int
    eprocess: bytes
    ethread: bytes
    stack_start: int
    stack: bytes
    debugger_data: bytes
    drivers: tuple[Module, ...]
    full_paths: bool
    broken_driver: str
    data_page: tuple[int, bytes] | None
    blocks: tuple[Block, ...]
    blobs: tuple[Blob, ...]
    processor_array: tuple[int, int] | None
    left_out: tuple[tuple[str, str], ...]


def contents_of(
    machine: Snapshot, requests: Sequence[RangeRequest], blobs: Iterable[Blob], profile: Profile
) -> Contents:
    """Everything that a dump of this machine would hold if there were room.

    Raises:
        UnsupportedFormat: The machine's architecture cannot be written.
    """
    if not machine.machine.supported:
        raise UnsupportedFormat("small dumps of this machine cannot be written", found=machine.machine.name)
    build = present(machine.system.build) or 0
    raw = {kind: bytes(structure.data) for kind, structure in machine.structures.items()}
    lists, product = profile.includes_lists(build), profile.includes_product(build)
    stack = machine.stack
    start, stack_bytes = (0, b"") if isinstance(stack, Absent) else (stack.start, bytes(stack.data))
    limit = profile.stack_limit(machine.machine)
    prcb = machine.structures.get("KPRCB")
    return Contents(
        machine=machine.machine,
        header=_header(machine, product=product),
        comment=present(machine.dump.comment) or "" if not isinstance(machine.dump, Absent) else "",
        physical_memory=_physical_memory(machine),
        context=_context(machine.machine, raw.get("CONTEXT", b"")),
        exception=raw.get("EXCEPTION_RECORD", b""),
        service_pack=(present(machine.system.service_pack) or 0) << 8,
        counters={} if isinstance(machine.memory_manager, Absent) else machine.memory_manager,
        unloaded=_unloaded(machine) if lists else None,
        kprcb=raw.get("KPRCB", b""),
        kprcb_address=None if prcb is None else present(prcb.address),
        true_prcb_size=len(raw.get("KPRCB", b"")),
        eprocess=raw.get("EPROCESS", b""),
        ethread=raw.get("ETHREAD", b""),
        stack_start=start,
        stack=stack_bytes[:limit],
        debugger_data=raw.get("KDDEBUGGER_DATA64", b"") if lists else b"",
        drivers=tuple(machine.modules),
        full_paths=True,
        broken_driver=present(machine.broken_driver) or "",
        data_page=_data_page(machine) if lists else None,
        blocks=tuple(_blocks(machine, requests)) if lists else (),
        blobs=_blobs(machine, requests, blobs) if lists else (),
        processor_array=_processor_array(machine),
        left_out=tuple(_left_out(build, len(stack_bytes) - limit, lists=lists, product=product)),
    )


_KEPT = (
    "major_version",
    "minor_version",
    "directory_table_base",
    "pfn_data_base",
    "ps_loaded_module_list",
    "ps_active_process_head",
    "machine_image_type",
    "number_processors",
    "kd_debugger_data_block",
    "pae_enabled",
    "kd_secondary_version",
    "secondary_data_state",
    "boot_id",
    "system_time",
    "system_up_time",
)
_KERNEL_WRITTEN = 0x8 | 0x4  # attributes that speak of how another file was written


def _header(machine: Snapshot, *, product: bool) -> dict[str, int]:
    # WriterStatus 0 is what Microsoft's converter writes; a status of the source is a fact.
    stop, dump = machine.bug_check, machine.dump
    known = {} if isinstance(dump, Absent) else dump.fields
    fields = {name: value for name in _KEPT if not isinstance(value := known.get(name, Absent.NOT_CAPTURED), Absent)}
    fields.setdefault("kd_secondary_version", 0)
    fields["writer_status"] = present(known.get("writer_status")) or 0
    if product:
        for name in ("product_type", "suite_mask"):
            if not isinstance(value := known.get(name, Absent.NOT_CAPTURED), Absent):
                fields[name] = value
    attributes = (present(known.get("attributes")) or 0) & ~_KERNEL_WRITTEN
    if attributes:
        fields["attributes"] = attributes
    if not isinstance(stop, Absent):
        fields["bug_check_code"] = stop.stored_code
        fields |= {f"bug_check_parameter{n}": value for n, value in enumerate(stop.parameters, 1)}
    return fields


_CONTEXT_BYTES = {X64: ContextX64.SIZE, X86: ContextX86.SIZE, ARM64: ContextArm64.SIZE}


def _context(machine: Machine, data: bytes) -> bytes:
    # Kernel-written headers have the fill behind the CONTEXT, dbgeng's have zeros.
    size = _CONTEXT_BYTES[machine]
    rest = data[size:]
    return data[:size] if rest == (FILL * (len(rest) // len(FILL) + 1))[: len(rest)] else data


_MOST_RUNS = {64: 43, 32: 86}  # what the header has room for


def _physical_memory(machine: Snapshot) -> PhysicalMemory | None:
    memory = None if isinstance(machine.dump, Absent) else present(machine.dump.physical_memory)
    return memory if memory is not None and 0 < len(memory.runs) <= _MOST_RUNS[machine.machine.bits] else None


def _blobs(machine: Snapshot, requests: Iterable[RangeRequest], blobs: Iterable[Blob]) -> tuple[Blob, ...]:
    # Empty blobs with the null GUID are fillers and say nothing.
    return with_requests(machine, requests, (blob for blob in blobs if blob.data or blob.guid.strip("0-")))


def _unloaded(machine: Snapshot) -> tuple[UnloadedModule, ...] | None:
    return None if isinstance(machine.unloaded_modules, Absent) else tuple(machine.unloaded_modules)


def _data_page(machine: Snapshot) -> tuple[int, bytes] | None:
    page = machine.data_page
    if isinstance(page, Absent):
        return None
    return page.address, machine.memory.read_some(page.address, page.size)


def _blocks(machine: Snapshot, requests: Iterable[RangeRequest]) -> Iterator[Block]:
    """The requests as blocks that never overlap: what a more needed one holds is left out of the others.

    The saved stack is readable where it is, so nothing of it is written again, except for the processor group,
    which debuggers look for in blocks alone.
    """
    ordered = sorted(requests, key=lambda request: request.rank)
    owners: RangeMap[int] = RangeMap((r.address, r.end, index) for index, r in enumerate(ordered))
    stack = machine.stack
    saved = RangeMap([] if isinstance(stack, Absent) else [(stack.start, stack.end, True)])
    for start, end, index in owners:
        request = ordered[index]
        pieces = [(start, end)] if request.rank is Rank.PROCESSOR_GROUP else saved.gaps(start, end)
        for piece_start, piece_end in pieces:
            for address, data in _readable(machine, piece_start, piece_end):
                yield Block(address, data, request.why, request.owner, request.rank)


def _readable(machine: Snapshot, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    while start < end:
        data = machine.memory.read_some(start, end - start)
        if data:
            yield start, data
        start += max(len(data), 1)
        start = end if start >= end else machine.memory.next_readable(start, end) or end


def _processor_array(machine: Snapshot) -> tuple[int, int] | None:
    words, count = machine.debugger_data, machine.system.processors
    array = 0 if isinstance(words, Absent) else words.get("ki_processor_block", 0)
    entries = 1 if isinstance(count, Absent) else min(max(count, 1), 2048)
    return (array, array + 8 * entries) if array else None


def _left_out(build: int, stack_beyond: int, *, lists: bool, product: bool) -> Iterator[tuple[str, str]]:
    if stack_beyond > 0:
        yield f"outermost {stack_beyond:,} bytes of the stack", "not part of this profile"
    too_early = f"not part of small dumps of build {build}"
    if not lists:
        yield "unloaded drivers, debugger data, extra memory", too_early
    if not product:
        yield "product type and suites", too_early
