"""The whole machine behind a synthetic small dump: its memory in physical pages, its lists live, as a big dump.

Everything lies at literal offsets (format reference §2.3, §3.5, §3.6, §6.1): nothing is shared with the readers.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from tests.synth import kernel
from tests.synth.builder import DumpBuilder
from tests.synth.kdbg import POINTERS, kdbg_bytes
from tests.synth.page_tables import PageTables
from tests.synth.parts import Driver, Process, Processor, Thread
from tests.synth.registers import PC, SP, context
from tests.synth.tables import HEADER_SIZE

__all__ = ["BigMachine"]

PAGE = 0x1000
_FIRST_DATA = 0x800000
_POOL = {32: 0x8A200000, 64: 0xFFFFA30EB1000000}
_DUMP_TYPE, _RUNS = {32: 0xF88, 64: 0xF98}, {32: 0x64, 64: 0x88}
_LINKS = {32: (0x18, 0x20, 0x24, 0x2C), 64: (0x30, 0x40, 0x48, 0x58)}  # DllBase, SizeOfImage, the two names
_PE = {32: (0x14C, 0xE0, 0x10B), 64: (0x8664, 0xF0, 0x20B)}


class BigMachine:
    """A machine whose facts are those of a small dump's builder; `first_data` is where its pages begin.

    Attributes:
        facts: The small dump of the same machine is `facts.build()`.
        entries: Addresses of the entries of the module list, in its order.
        processes: Addresses of the EPROCESSes, in the order of their list.
    """

    def __init__(self, facts: DumpBuilder, mode: str = "", spread: int = PAGE, first_data: int = _FIRST_DATA) -> None:
        """Build the machine; from one page of its memory to the next there are `spread` bytes."""
        self.facts, self.bits, self.word = facts, facts.bits, facts.windows.word
        self.mode = mode or {0x8664: "X64", 0xAA64: "ARM64"}.get(facts.windows.machine, "PAE" if facts.pae else "X86")
        self.tables = PageTables(self.mode, facts.process.directory_table_base & ~0xFFF)
        self._next_page, self._spread, self._pool = first_data, spread, _POOL[self.bits]
        self._pages: dict[int, bytearray] = {}
        self.at = facts.kernel_variables
        self.processes: list[int] = []
        self.entries = self._modules()
        for part in (self._blocks, self._debugger_block, self._running, self._processors, self._unloaded):
            part()
        self._process_list()

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
        self.write(address, struct.pack(f"<{len(values)}{'Q' if self.word == 8 else 'I'}", *values))

    def memory_at(self, address: int, size: int) -> bytes:
        """Bytes of memory, all in one page."""
        return bytes(self._page(address & -PAGE)[address % PAGE :][:size])

    def allocate(self, size: int) -> int:
        """Room in the pool."""
        self._pool += (size + 0x1F) & -0x10
        return self._pool - ((size + 0x1F) & -0x10)

    def _page(self, address: int) -> bytearray:
        if address not in self._pages:
            self.tables.map(address, self._next_page)
            self.tables.fill(self._next_page, b"")
            self._pages[address] = self.tables.memory[self._next_page]
            self._next_page += self._spread
        return self._pages[address]

    # --- what the kernel keeps in it

    def _blocks(self) -> None:
        for block in self.facts.all_blocks():
            if not block.section:
                self.write(block.address, block.data)

    def _debugger_block(self) -> None:
        facts = self.facts
        data = kdbg_bytes(
            facts.windows, facts.kdbg_at, facts.kernel.base, self.at, pae=facts.pae, pte_base=facts.pte_base
        )
        if self.bits == 32:
            data = data[0:4] + data[8:12] + bytes(8) + data[16:]
        self.write(facts.kdbg_at, data)
        if "CmNtCSDVersion" in self.at:
            self.write(self.at["CmNtCSDVersion"], struct.pack("<I", facts.windows.service_pack))

    def _running(self) -> None:
        facts = self.facts
        self.write(facts.process.address, kernel.eprocess(facts.windows, facts.process))
        self.write(facts.thread.address, kernel.ethread(facts.windows, facts.thread, facts.process))
        self.write(facts.processor.address, facts.prcb_bytes())
        self.write(facts.stack.low, bytes(facts.stack.data))

    def _processors(self) -> None:
        for number in range(self.facts.processors):
            own = number == self.facts.processor.number
            address = self.facts.processor.address if own else self._idle_processor(number)
            self.pointers(self.at["KiProcessorBlock"] + self.word * number, address)

    def _idle_processor(self, number: int) -> int:
        facts, windows = self.facts, self.facts.windows
        place = self.allocate(0x1000)
        thread = Thread(place, tid=0, stack_base=place + 0x9000, stack_limit=place + 0x6000)
        self.write(place, kernel.ethread(windows, thread, facts.process))
        address = self.allocate(windows.offsets["pr_size"])
        frozen = context(
            windows.machine, {SP[windows.machine]: place + 0x8000, PC[windows.machine]: facts.kernel.base + 0x1000}
        )
        where = self.allocate(0x1000) if facts.processor.context_address else 0
        processor = Processor(address, number=number, idle_thread=place, context_address=where)
        self.write(address, kernel.kprcb(windows, processor, thread, frozen, facts.process.directory_table_base))
        if where:
            self.write(where, frozen)
        return address

    def _modules(self) -> list[int]:
        entries = [self._module(driver) for driver in self.facts.drivers]
        self.link(self.at["PsLoadedModuleList"], entries)
        return entries

    def _module(self, driver: Driver) -> int:
        entry, (base, size, full, short) = self.allocate(0xA0), _LINKS[self.bits]
        self.pointers(entry + base, driver.base)
        self.write(entry + size, struct.pack("<I", driver.size))
        self._name(entry + full, driver.path)
        self._name(entry + short, driver.name)
        if driver.timestamp or driver.checksum:
            self.write(driver.base, self._image_header(driver))
        return entry

    def _name(self, address: int, text: str) -> None:
        data = text.encode("utf-16-le")
        buffer = self.allocate(len(data))
        self.write(buffer, data)
        self.write(address, struct.pack("<HH", len(data), len(data)))
        self.pointers(address + self.word, buffer)

    def _image_header(self, driver: Driver) -> bytes:
        machine, optional_size, magic = _PE[self.bits]
        data = bytearray(0x200)
        data[0:2] = b"MZ"
        struct.pack_into("<I", data, 0x3C, 0x80)
        struct.pack_into("<4sHHIIIHH", data, 0x80, b"PE", machine, 0, driver.timestamp, 0, 0, optional_size, 0x22)
        struct.pack_into("<H", data, 0x98, magic)
        struct.pack_into("<I", data, 0x98 + 0x38, driver.size)
        struct.pack_into("<I", data, 0x98 + 0x40, driver.checksum)
        return bytes(data)

    def link(self, head: int, entries: list[int]) -> None:
        """Link entries to a list that is whole."""
        ring = [head, *entries, head]
        for before, here, after in zip([entries[-1], *ring], ring[:-1], ring[1:], strict=False):
            self.pointers(here, after, before)

    def _unloaded(self) -> None:
        drivers = list(reversed(self.facts.unloaded or ()))
        if "MmUnloadedDrivers" not in self.at:
            return
        array, step = self.allocate(50 * 0x28), 0x28 if self.bits == 64 else 0x18
        for index, driver in enumerate(drivers):
            self._name(array + index * step, driver.name)
            self.pointers(array + index * step + 2 * self.word, driver.start, driver.end)
        self.pointers(self.at["MmUnloadedDrivers"], array)
        self.write(self.at["MmLastUnloadedDriver"], struct.pack("<I", len(drivers)))

    def _process_list(self) -> None:
        system = Process(self.allocate(0xC00))
        links = self.facts.windows.offsets["ep_links"]
        self.write(system.address, kernel.eprocess(self.facts.windows, system))
        self.processes = [system.address, self.facts.process.address]
        self.link(self.at["PsActiveProcessHead"], [address + links for address in self.processes])

    def thread_list(self, threads: list[Thread], head: int, links: int) -> None:
        """Add threads to the crash's process and link them and the one that was running into its list.

        Args:
            head: Offset of KPROCESS.ThreadListHead.
            links: Offset of KTHREAD.ThreadListEntry.
        """
        facts = self.facts
        for thread in threads:
            self.write(thread.address, kernel.ethread(facts.windows, thread, facts.process))
        entries = [each.address + links for each in (facts.thread, *threads)]
        self.link(facts.process.address + head, entries)

    def counter(self, name: str, value: int) -> None:
        """Set a variable of the memory manager, by the name that the debugger data block's field has."""
        assert name in POINTERS
        self.pointers(self.at[name], value)

    # --- the dump

    @property
    def virtual_pages(self) -> list[int]:
        """Virtual addresses of all pages that were touched."""
        return list(self._pages)

    @property
    def runs(self) -> list[tuple[int, int]]:
        """First page and count of each run of physical pages."""
        runs: list[tuple[int, int]] = []
        for number in sorted(address // PAGE for address in self.tables.memory):
            if runs and sum(runs[-1]) == number:
                runs[-1] = (runs[-1][0], runs[-1][1] + 1)
            else:
                runs.append((number, 1))
        return runs

    @property
    def pages(self) -> bytes:
        """All physical pages, ascending."""
        return b"".join(bytes(self.tables.memory[address]) for address in sorted(self.tables.memory))

    def header(self, kind: int) -> bytearray:
        """The dump header, that of the small dump but for its type and the runs of memory."""
        data = bytearray(replace(self.facts, standard_blocks=True).build().bytes[: HEADER_SIZE[self.bits]])
        struct.pack_into("<I", data, _DUMP_TYPE[self.bits], kind)
        struct.pack_into("<Q" if self.bits == 64 else "<I", data, 0x10, self.tables.root)
        runs, at = self.runs, _RUNS[self.bits]
        total = sum(count for _, count in runs)
        if self.bits == 64:
            struct.pack_into("<IIQ", data, at, len(runs), 0, total)
        else:
            struct.pack_into("<II", data, at, len(runs), total)
        for index, run in enumerate(runs):
            code, first = ("<QQ", 0x10 + 0x10 * index) if self.bits == 64 else ("<II", 8 + 8 * index)
            struct.pack_into(code, data, at + first, *run)
        return data

    def complete(self) -> bytes:
        """A complete memory dump, type 1."""
        return bytes(self.header(1)) + self.pages

    def bitmap(self, kind: int = 5) -> bytes:
        """A bitmap dump, type 5 or 6."""
        bits = (max(self.tables.memory) // PAGE + 8) & -8
        bitmap = bytearray(bits // 8)
        for address in self.tables.memory:
            bitmap[address // PAGE // 8] |= 1 << address // PAGE % 8
        first = HEADER_SIZE[self.bits] + 0x38 + len(bitmap)
        head = bytearray(0x38)
        head[0:8] = b"FDMPDUMP" if kind == 5 else b"SDMPDUMP"
        struct.pack_into("<QQQ", head, 0x20, first, len(self.tables.memory), bits)
        return bytes(self.header(kind)) + bytes(head) + bytes(bitmap) + self.pages
