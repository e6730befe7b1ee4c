"""The machine behind a real small dump: its memory at its true addresses, in physical pages behind page tables.

Where a pointer of the debugger data block leads outside of the dump, what the kernel would keep there is built: the
lists of drivers, the array of processors, KiBugcheckData, KUSER_SHARED_DATA. All offsets are literal (format reference
§2, §3, §6), so nothing is shared with the readers but the facts that are to come back.
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from pathlib import Path

from smalldump.model import Absent, Module
from smalldump.sources.small import SmallDump
from tests import physical_files
from tests.sources.reading import known
from tests.synth.page_tables import PageTables

__all__ = ["Inflated"]

PAGE = 0x1000
_TABLES = 0x4000000  # bytes of physical memory between the first page table and the first page of data
_POOL, _SHARED = 0xFFFFA30EB1000000, 0xFFFFF78000000000
_EPOCH = datetime.fromisoformat("1601-01-01T00:00:00+00:00")
_HEADER = 0x2000
_CONTEXT = {"X64": 0x4D0, "ARM64": 0x390}
# Counter of MI_TRIAGE_STORAGE -> variable that the debugger data block leads to, bits to shift, bytes (§3.4).
_COUNTERS = {
    "mm_special_pool_tag": ("mm_special_pool_tag", 0, 4),
    "mi_triage_action_taken": ("mm_triage_action_taken", 0, 4),
    "kernel_verifier": ("kernel_verifier", 0, 4),
    "mm_maximum_non_paged_pool": ("mm_maximum_non_paged_pool_in_bytes", 12, 8),
    "mm_allocated_non_paged_pool": ("mm_allocated_non_paged_pool", 0, 8),
    "paged_pool_maximum": ("mm_size_of_paged_pool_in_bytes", 12, 8),
    "committed_pages": ("mm_total_committed_pages", 0, 8),
    "committed_pages_peak": ("mm_peak_commitment", 0, 8),
    "commit_limit_maximum": ("mm_total_commit_limit_maximum", 0, 8),
}


class Inflated:
    """A 64-bit machine whose small dump is given.

    Attributes:
        small: The small dump.
        tables: Page tables, and with them all of physical memory.
    """

    def __init__(self, small: SmallDump) -> None:
        self.small = small
        self.words = known(small.debugger_data)
        self.mode = small.machine.name.upper()
        self.tables = PageTables(self.mode, self._number("directory_table_base") & -PAGE)
        self._frame = self.tables.root + _TABLES
        self._pages: dict[int, bytearray] = {}
        self._pool = _POOL
        for part in (self._modules, self._unloaded, self._processors, self._stop, self._shared, self._saved):
            part()
        self._frozen()
        if self.mode == "X64":
            used = {address >> 39 & 0x1FF for address in self._pages}
            own = next(index for index in range(0x1ED, 0, -1) if index not in used)
            self.tables.put(self.tables.root + 8 * own, self.tables.root | 0x63)

    def _number(self, field: str) -> int:
        value = known(self.small.dump).fields[field]
        return known(value)

    # --- memory by virtual address

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into memory; pages are mapped as they are touched."""
        while data:
            page, within = address & -PAGE, address % PAGE
            part = data[: PAGE - within]
            self._page(page)[within : within + len(part)] = part
            address, data = address + len(part), data[len(part) :]

    def pointers(self, address: int, *values: int) -> None:
        """Put pointers into memory."""
        self.write(address, struct.pack(f"<{len(values)}Q", *values))

    def allocate(self, size: int) -> int:
        """Room in a pool that the dump does not hold."""
        self._pool += (size + 0x1F) & -0x10
        return self._pool - ((size + 0x1F) & -0x10)

    def _page(self, address: int) -> bytearray:
        if address not in self._pages:
            self.tables.map(address, self._frame)
            self.tables.fill(self._frame, b"")
            self._pages[address] = self.tables.memory[self._frame]
            self._frame += PAGE
        return self._pages[address]

    # --- what the dump holds, and what the kernel keeps besides

    def _saved(self) -> None:
        memory = self.small.memory
        for start, end, segment in memory.pieces():
            self.write(start, bytes(segment.data[start - segment.address : end - segment.address]))
        for structure in self.small.structures.values():
            if not isinstance(structure.address, Absent):
                self.write(structure.address, bytes(structure.data))
        self.write(self._number("kd_debugger_data_block"), bytes(self.small.structures["KDDEBUGGER_DATA64"].data))

    def _modules(self) -> None:
        entries = [self._module(module) for module in self.small.modules]
        self._link(self._number("ps_loaded_module_list"), entries)

    def _module(self, module: Module) -> int:
        entry = self.allocate(0xA0)
        self.pointers(entry + 0x30, module.base)
        self.write(entry + 0x40, struct.pack("<I", module.size))
        self._name(entry + 0x48, module.path)
        self._name(entry + 0x58, module.file)
        stamp, checksum = (0 if isinstance(value, Absent) else value for value in (module.timestamp, module.checksum))
        if stamp or checksum:
            at = self.small.memory.word(module.base + 0x3C, 4) or 0x80
            self.write(module.base, _image_header(self.mode, at, stamp, module.size, checksum))
        return entry

    def _name(self, address: int, text: str) -> None:
        data = text.encode("utf-16-le")
        buffer = self.allocate(len(data))
        self.write(buffer, data)
        self.write(address, struct.pack("<HH", len(data), len(data)))
        self.pointers(address + 8, buffer)

    def _link(self, head: int, entries: list[int]) -> None:
        ring = [head, *entries, head]
        for before, here, after in zip([entries[-1], *ring], ring[:-1], ring[1:], strict=False):
            self.pointers(here, after, before)

    def _unloaded(self) -> None:
        drivers = list(reversed(known(self.small.unloaded_modules)))
        array = self.allocate(50 * 0x28)
        for index, driver in enumerate(drivers):
            self._name(array + index * 0x28, driver.name)
            self.pointers(array + index * 0x28 + 0x10, driver.base, driver.end)
        self.pointers(self.words["mm_unloaded_drivers"], array)
        self.write(self.words["mm_last_unloaded_driver"], struct.pack("<I", len(drivers)))

    def _processors(self) -> None:
        array = self.words["ki_processor_block"]
        states = self.small.processors
        places = {} if isinstance(states, Absent) else {state.number: state.prcb for state in states}
        places[known(known(self.small.processor).number)] = self.prcb
        for number in range(known(self.small.system.processors)):
            place = places.get(number, Absent.NOT_CAPTURED)
            self._processor(array + 8 * number, number, self._unknown() if isinstance(place, Absent) else place)

    def _frozen(self) -> None:
        # The kernel saves the registers of each processor in a CONTEXT that KPRCB leads to; the header repeats them.
        places = self.words["offset_prcb_context"]
        place = int.from_bytes(self._page((self.prcb + places) & -PAGE)[(self.prcb + places) % PAGE :][:8], "little")
        if place and place not in self.small.memory:
            self.write(place, bytes(self.small.file.data[0x348 : 0x348 + _CONTEXT[self.mode]]))

    def _unknown(self) -> int:
        """Room for the KPCR and KPRCB of a processor that the dump says nothing of."""
        return (self.allocate(0xC000) & -0x1000) + 0x1180

    def _processor(self, entry: int, number: int, place: int) -> None:
        self.pointers(entry, place)
        if self.mode == "X64":
            self.pointers(place - 0x180 + 0x18, place - 0x180)
            self.write(place + 0x24, struct.pack("<I", number))

    @property
    def prcb(self) -> int:
        """Address of the KPRCB of the processor that crashed."""
        return known(known(self.small.processor).address)

    def _stop(self) -> None:
        stop = known(self.small.bug_check)
        self.pointers(self.words["ki_bugcheck_data"], stop.stored_code, *stop.parameters)
        counters = known(self.small.memory_manager)
        for counter, (word, shift, size) in _COUNTERS.items():
            if self.words.get(word):
                self.write(self.words[word], (counters[counter] << shift).to_bytes(size, "little"))
        if self.words.get("cm_nt_csd_version"):
            self.write(self.words["cm_nt_csd_version"], bytes(4))

    def _shared(self) -> None:
        system, dump, page = self.small.system, known(self.small.dump), bytearray(PAGE)
        since = 0 if isinstance(dump.uptime, Absent) else dump.uptime // timedelta(microseconds=1) * 10
        moment = 0 if isinstance(dump.time, Absent) else (dump.time - _EPOCH) // timedelta(microseconds=1) * 10
        for offset, value in ((0x08, since), (0x14, moment)):
            struct.pack_into("<III", page, offset, value & 0xFFFFFFFF, value >> 32, value >> 32)
        page[0x30:0x44] = "C:\\Windows".encode("utf-16-le")
        version = (10, 0) if known(system.build) >= 10240 else (6, 3)
        struct.pack_into("<I", page, 0x260, system.build)
        struct.pack_into("<I", page, 0x264, known(system.product_type))
        page[0x268] = 1
        struct.pack_into("<II", page, 0x26C, *version)
        struct.pack_into("<I", page, 0x2D0, known(system.suite_mask))
        self.write(_SHARED, bytes(page))

    # --- files

    @property
    def pages(self) -> dict[int, bytes]:
        """Physical memory: page frame number -> page."""
        return {address // PAGE: bytes(page) for address, page in self.tables.memory.items()}

    def with_header(self, plain: bytes) -> bytes:
        """A dump of the small dump's header, with the kind and the runs of a dump without facts."""
        head = bytearray(self.small.file.data[:_HEADER])
        for start, end in ((0x88, 0x348), (0xF98, 0xF9C), (0xFA0, 0xFA8)):
            head[start:end] = plain[start:end]
        return bytes(head) + plain[_HEADER:]

    def headed(self, build: str, **facts: int) -> bytes:
        """A dump that has a header, by the name of its function in `physical_files`."""
        memory = self.pages
        if build in ("bitmap_dump", "summary_dump"):
            facts["frames"] = (max(memory) + 8) & -8
        return self.with_header(getattr(physical_files, build)(memory, **facts))

    def notes(self) -> bytes:
        """QEMU's notes on all processors; the others run programs."""
        crashed = known(known(self.small.processor).number)
        count = known(self.small.system.processors)
        others = {"rip": 0x7FF712345678, "rsp": 0x12340000}
        told = [self._registers() if number == crashed else others for number in range(count)]
        return b"".join(physical_files.qemu_note(each | {"cr3": self.tables.root, "cr4": 0x3506F8}) for each in told)

    def _registers(self) -> dict[str, int]:
        registers = known(self.small.contexts.header)
        names = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp", "rip", "efl")
        told = {name: registers.values[name] for name in (*names, *(f"r{number}" for number in range(8, 16)))}
        return told | {"gs_base": self.prcb - 0x180}

    def bare(self, build: str) -> bytes:
        """A memory image without a header, by the name of its function in `physical_files`."""
        memory = self.pages
        if build == "elf_core":
            return physical_files.elf_core(memory, self.notes())
        if build == "kdump":
            return physical_files.kdump(memory, (max(memory) + 8) & -8, self.notes())
        return physical_files.lime_image(memory)

    def save_raw(self, path: Path) -> None:
        """A raw image, with holes where there is no memory."""
        with path.open("wb") as file:
            for number, page in sorted(self.pages.items()):
                file.seek(number * PAGE)
                file.write(page)


def _image_header(mode: str, at: int, stamp: int, size: int, checksum: int) -> bytes:
    data = bytearray(at + 0x100)
    data[0:2] = b"MZ"
    struct.pack_into("<I", data, 0x3C, at)
    machine = 0x8664 if mode == "X64" else 0xAA64
    struct.pack_into("<4sHHIIIHH", data, at, b"PE", machine, 0, stamp, 0, 0, 0xF0, 0x22)
    struct.pack_into("<H", data, at + 0x18, 0x20B)
    struct.pack_into("<I", data, at + 0x18 + 0x38, size)
    struct.pack_into("<I", data, at + 0x18 + 0x40, checksum)
    return bytes(data)
