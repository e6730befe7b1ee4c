"""Findings about the driver list: names, repeats, order, ranges."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.checking.evidence import Evidence, error, info, reserved_driver_slots, warning
from smalldump.layout.triage import MARKER, DriverEntry32, DriverEntry64, DumpString
from smalldump.model.absent import Absent
from smalldump.model.records import Finding
from smalldump.sources.driver_lists import NAMES_LIMIT
from smalldump.sources.triage_file import DRIVER_LIMIT, STRING_LIMIT

__all__ = ["DRIVER_CHECKS"]

_OVERFLOWED = 0x100  # of TriageOptions
_LENGTH = DumpString.unpacker("length")


def _entry_offset(evidence: Evidence, index: int, field: str) -> int:
    kind = DriverEntry64 if evidence.file.bits == 64 else DriverEntry32
    offset: int = getattr(kind, field).offset
    return evidence.triage.driver_list_offset + index * kind.SIZE + offset


def driver_limit(evidence: Evidence) -> Iterator[Finding]:
    """More driver entries, or longer names in all, than are read."""
    count = evidence.triage.driver_count
    if count > DRIVER_LIMIT:
        message = f"the driver list claims {count} entries; the first {DRIVER_LIMIT} are read"
        yield warning("driver-limit", message, evidence.triage_offset("driver_count"))
    characters = sum(length for _, length in _name_lengths(evidence) if length <= STRING_LIMIT)
    if characters > NAMES_LIMIT:
        message = f"the names of the drivers have {characters:,} characters; the first {NAMES_LIMIT:,} are read"
        yield warning("driver-limit", message, evidence.triage_offset("string_pool_size"))


def _name_lengths(evidence: Evidence) -> list[tuple[int, int]]:
    # File offset and promised length of the names that begin in the string pool.
    start = evidence.triage.string_pool_offset
    last = min(start + evidence.triage.string_pool_size, evidence.size) - DumpString.SIZE
    names = [entry[0] for entry in evidence.drivers if start <= entry[0] <= last]
    return [(offset, _LENGTH.unpack_from(evidence.file.data, offset)[0]) for offset in names]


def driver_names_outside_pool(evidence: Evidence) -> Iterator[Finding]:
    """Driver entries whose name offset does not lead into the string pool. Source: format reference §3.7."""
    start = evidence.triage.string_pool_offset
    end = start + evidence.triage.string_pool_size
    outside = [index for index, entry in enumerate(evidence.drivers) if not start <= entry[0] < end]
    if outside:
        found = f"{len(outside)} of {len(evidence.drivers)} driver names lie outside the string pool"
        expected = f"expected {start:#x} to {end:#x}, found {evidence.drivers[outside[0]][0]:#x} first"
        yield error(
            "driver-names-outside-pool",
            f"{found}: {expected}",
            _entry_offset(evidence, outside[0], "driver_name_offset"),
        )


def driver_names_damaged(evidence: Evidence) -> Iterator[Finding]:
    """Driver names in the pool whose length is impossible or that the pool's end, or the file's, cuts off."""
    pool_end = evidence.triage.string_pool_offset + evidence.triage.string_pool_size
    last = min(pool_end, evidence.size) - DumpString.SIZE
    damaged = [
        offset
        for offset, length in _name_lengths(evidence)
        if not 0 < length <= STRING_LIMIT or offset + 2 * length > last
    ]
    if damaged:
        expected = f"expected a length of 1 to {STRING_LIMIT} characters inside the pool, first at {damaged[0]:#x}"
        yield error("driver-names-damaged", f"{len(damaged)} driver names cannot be read: {expected}", damaged[0])


def drivers_repeated(evidence: Evidence) -> Iterator[Finding]:
    """The same drivers come again and again: the writer followed a module list that loops."""
    seen = {(base, size) for _, base, size, _, _ in evidence.drivers}
    if len(seen) < len(evidence.drivers):
        found = f"{len(evidence.drivers)} entries for {len(seen)} drivers"
        message = f"the driver list repeats itself: {found}; the module list of the machine looped"
        yield warning("drivers-repeated", message, evidence.triage.driver_list_offset)


def driver_range(evidence: Evidence) -> Iterator[Finding]:
    """Drivers that cannot be where they claim to be: no size, below the kernel's addresses, or beyond the last one."""
    start, limit = evidence.dump.machine.kernel_start, evidence.dump.machine.mask + 1
    wrong = [
        index
        for index, (_, base, size, _, _) in enumerate(evidence.drivers)
        if not size or base + size > limit or base < start
    ]
    if wrong:
        _, base, size, _, _ = evidence.drivers[wrong[0]]
        message = f"{len(wrong)} drivers lie at impossible addresses, first {base:#x} with {size:#x} bytes"
        yield warning("driver-range", message, _entry_offset(evidence, wrong[0], "dll_base"))


def drivers_paged_out(evidence: Evidence) -> Iterator[Finding]:
    """Drivers whose PE header was paged out: no time stamp and no checksum, so no key for symbols.

    Source: format reference §3.6; 0 to 10 drivers in real dumps.
    """
    count = sum(not stamp and not checksum for _, _, _, checksum, stamp in evidence.drivers)
    if count:
        message = f"{count} of {len(evidence.drivers)} drivers have no time stamp: their headers were paged out"
        yield info("drivers-paged-out", message, evidence.triage.driver_list_offset)


def kernel_not_first(evidence: Evidence) -> Iterator[Finding]:
    """The first driver is not at the kernel's base; it is in 59 real dumps, and debuggers count on it."""
    kernel = evidence.dump.system.kernel_base
    if isinstance(kernel, Absent) or not evidence.drivers:
        return
    base = evidence.drivers[0][1]
    if base != kernel:
        message = f"the first driver is not the kernel: expected base {kernel:#x} (debugger data), found {base:#x}"
        yield warning("kernel-not-first", message, _entry_offset(evidence, 0, "dll_base"))


def broken_driver_out_of_range(evidence: Evidence) -> Iterator[Finding]:
    """BrokenDriverOffset leads out of the primary dump: the name of the driver that Windows blames is lost."""
    offset, start = evidence.triage.broken_driver_offset, evidence.headers_end
    end = evidence.size_of_dump - len(MARKER)
    if offset and not start <= offset < end:
        message = (
            f"the broken driver is not inside the primary dump: expected {start:#x} to {end:#x}, found {offset:#x}"
        )
        yield error("broken-driver-out-of-range", message, evidence.triage_offset("broken_driver_offset"))


def writer_overflowed(evidence: Evidence) -> Iterator[Finding]:
    """The writer ran out of room: dbgeng drops data blocks first, then drivers, whose slots stay reserved.

    Source: format reference §3.1 (the kernel's bit), engine-written dumps with 900 and 2,200 drivers.
    """
    slots = reserved_driver_slots(evidence.file)
    by_bit = evidence.file.written_by_dbgeng is False and evidence.triage.triage_options & _OVERFLOWED
    if not slots and not by_bit:
        return
    left_out = f"{slots} drivers are left out, " if slots else ""
    message = f"the writer ran out of room: {left_out}{evidence.triage.data_blocks_count} data blocks were written"
    yield info("writer-overflowed", message, evidence.triage_offset("driver_count"))


DRIVER_CHECKS = (
    driver_limit,
    driver_names_outside_pool,
    driver_names_damaged,
    drivers_repeated,
    driver_range,
    drivers_paged_out,
    kernel_not_first,
    broken_driver_out_of_range,
    writer_overflowed,
)
"""Checks of the driver list; they need the triage header."""
