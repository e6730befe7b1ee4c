"""The builder: from facts about an invented machine to the bytes of its small memory dump."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tests.synth import kernel
from tests.synth.dump import Dump
from tests.synth.headers import FILL, write_headers
from tests.synth.kdbg import POINTERS, WORDS, kdbg_bytes, variables
from tests.synth.paper import Paper, Value, align
from tests.synth.parts import STYLE_D, Blob, Block, Driver, Process, Processor, Style, Thread, UnloadedDriver
from tests.synth.registers import context
from tests.synth.stack import Stack
from tests.synth.tables import (
    BLOB,
    BLOB_FILE,
    BLOCK,
    DRIVER,
    HEADER_SIZE,
    MM,
    TRIAGE_SIZE,
    UNLOADED,
)
from tests.synth.windows import Windows

__all__ = ["FILL", "DumpBuilder", "filetime"]


def filetime(text: str) -> int:
    """100-ns units since 1601 of an ISO time in UTC, "2026-11-22 07:55:01.250"."""
    since = datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) * 10


@dataclass
class DumpBuilder:
    """All facts of one dump. `build` turns them into bytes; None and empty mean: not in the file.

    Attributes:
        windows: The build with its structure offsets.
        bug_check: Code and four parameters.
        registers: The context in the header (also in the PRCB, unless `prcb_registers` says otherwise).
        drivers: Loaded modules; the kernel must be the first.
        stack: The saved stack.
        blocks: Data blocks, behind the standard ones.
        standard_blocks: Add the blocks that dbgeng's writer always adds (NtBuildLab, KiProcessorBlock, PRCB, its
            CONTEXT, KiBugcheckData).
        size: Exact file size; the marker (or the last blob) ends there.
        system_time: FILETIME, UTC. uptime: 100-ns units.
        header: Header fields that differ from the style's; None leaves the fill.
        variables: Addresses of kernel variables that KDBG names, where they are not in the default place.
        raw: (file offset, bytes) written last of all, for damage of any kind.
    """

    windows: Windows
    bug_check: tuple[int, int, int, int, int]
    registers: Mapping[str, int]
    drivers: Sequence[Driver]
    stack: Stack
    processor: Processor
    process: Process
    thread: Thread
    style: Style = STYLE_D
    prcb_registers: Mapping[str, int] | None = None
    unloaded: Sequence[UnloadedDriver] | None = ()
    blocks: Sequence[Block] = ()
    standard_blocks: bool = True
    data_page: Block | None = None
    broken_driver: int | None = None
    blobs: Sequence[Blob] = ()
    stale: bytes = b""
    size: int = 0
    system_time: int = filetime("2026-11-22 07:55:01.250")
    uptime: int | None = 3 * 36_000_000_000 + 5_170_000_000
    processors: int = 4
    product_type: int | None = 1
    suite_mask: int | None = 0x110
    boot_id: int | None = None
    comment: str | None = None
    pae: bool = True
    pfn_database: int = 0
    pte_base: int = 0
    physical_runs: Sequence[tuple[int, int]] = ()
    mm: Mapping[str, int] = field(default_factory=dict)
    exception: bytes | None = None
    data_rva: int = 0xC00000
    kdbg_address: int = 0
    variables: Mapping[str, int] = field(default_factory=dict)
    header: Mapping[str, Value | None] = field(default_factory=dict)
    slack: int = 0
    raw: Sequence[tuple[int, bytes]] = ()

    def with_(self, **changes: object) -> DumpBuilder:
        """A copy with other facts."""
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def bits(self) -> int:
        """32 or 64."""
        return self.windows.bits

    @property
    def kernel(self) -> Driver:
        """The first module."""
        return self.drivers[0]

    @property
    def context(self) -> bytes:
        """CONTEXT of the header."""
        return context(self.windows.machine, self.registers)

    @property
    def prcb_context(self) -> bytes:
        """CONTEXT that the PRCB holds and points to."""
        return context(self.windows.machine, self.prcb_registers or self.registers)

    @property
    def kernel_variables(self) -> dict[str, int]:
        """Addresses of the kernel variables by the name of the KDBG field."""
        return variables(self.windows, self.kernel.base, self.data_rva) | dict(self.variables)

    @property
    def kdbg_at(self) -> int:
        """Address of the debugger data block."""
        return self.kdbg_address or self.kernel.base + self.data_rva + 0x9000

    def build(self) -> Dump:
        """Write the dump."""
        paper = Paper()
        paper.place("DUMP_HEADER", FILL * (HEADER_SIZE[self.bits] // 4))
        paper.place("TRIAGE_DUMP", bytes(TRIAGE_SIZE[self.bits]))
        triage: dict[str, int] = {}
        for section in self.style.order:
            getattr(self, f"_place_{section}")(paper, triage)
        self._end_of_primary(paper, triage)
        self._secondary(paper)
        write_headers(self, paper, triage)
        for offset, data in self.raw:
            paper.data[offset : offset + len(data)] = data
        return Dump(bytes(paper.data), paper.names, self)

    # Sections, each under its offset's name in the triage header.

    def _place_mm(self, paper: Paper, triage: dict[str, int]) -> None:
        data = kernel.mm_block(self.bits, self.mm)
        triage["MmOffset"] = paper.place("MM", data)
        paper.names_of("MM", triage["MmOffset"], MM[self.bits])

    def _place_prcb(self, paper: Paper, triage: dict[str, int]) -> None:
        triage["PrcbOffset"] = self._place_raw(paper, "PRCB", self.prcb_bytes())

    def _place_raw(self, paper: Paper, name: str, data: bytes) -> int:
        offset = paper.place(name, data)
        for field_name, (short, size) in kernel.FIELD_NAMES[name].items():
            at = self.windows.at(short)
            if at is not None:
                paper.name(f"{name}.{field_name}", offset + at, size or self.windows.word)
        return offset

    def prcb_bytes(self) -> bytes:
        """The KPRCB copy."""
        cr3 = self.process.directory_table_base
        return kernel.kprcb(self.windows, self.processor, self.thread, self.prcb_context, cr3)

    def _place_process(self, paper: Paper, triage: dict[str, int]) -> None:
        data = kernel.eprocess(self.windows, self.process)
        triage["ProcessOffset"] = self._place_raw(paper, "EPROCESS", data)

    def _place_thread(self, paper: Paper, triage: dict[str, int]) -> None:
        data = kernel.ethread(self.windows, self.thread, self.process)
        triage["ThreadOffset"] = self._place_raw(paper, "ETHREAD", data)

    def _place_stack(self, paper: Paper, triage: dict[str, int]) -> None:
        triage["CallStackOffset"] = paper.place("stack", bytes(self.stack.data))
        triage["SizeOfCallStack"] = len(self.stack.data)
        triage["TopOfStack"] = self.stack.low

    def _place_kdbg(self, paper: Paper, triage: dict[str, int]) -> None:
        if not self.windows.kdbg_size:
            return
        where = self.kernel_variables
        data = kdbg_bytes(self.windows, self.kdbg_at, self.kernel.base, where, pae=self.pae, pte_base=self.pte_base)
        offset = triage["DebuggerDataOffset"] = paper.place("KDBG", data)
        triage["DebuggerDataSize"] = len(data)
        paper.name("KDBG.Tag", offset + 0x10, 4)
        paper.name("KDBG.Size", offset + 0x14, 4)
        paper.name("KDBG.KernBase", offset + 0x18, 8)
        for word, at in WORDS.items():
            if at + 2 <= len(data):
                paper.name(f"KDBG.{word}", offset + at, 2)
        for name, at in POINTERS.items():
            if at + 8 <= len(data):
                paper.name(f"KDBG.{name}", offset + at, 8)

    def _place_unloaded(self, paper: Paper, triage: dict[str, int]) -> None:
        if self.unloaded is None:
            return
        table, step = UNLOADED[self.bits], 0x38 if self.bits == 64 else 0x28
        slots = max(len(self.unloaded), self.style.unloaded_slots)
        count = len(self.unloaded).to_bytes(self.windows.word, "little")
        offset = triage["UnloadedDriversOffset"] = paper.place("unloaded", count + bytes(step * slots))
        paper.name("unloaded.count", offset, self.windows.word)
        for i, driver in enumerate(self.unloaded):
            cut = len(driver.name) > 12
            at = offset + self.windows.word + step * i
            paper.write(
                f"unloaded[{i}]",
                at,
                table,
                Length=24 if cut else 2 * len(driver.name),
                MaximumLength=24 if cut else 2 * len(driver.name) + 2,
                Buffer=self.kernel.base + self.data_rva + 0x8010 + step * i if self.style.unloaded_slots else 0,
                DriverName=driver.name[:12].encode("utf-16-le"),
                StartAddress=driver.start,
                EndAddress=driver.end,
            )

    def _place_drivers(self, paper: Paper, triage: dict[str, int]) -> None:
        step = 0x90 if self.bits == 64 else 0x4C
        offset = paper.place("drivers", bytes(step * len(self.drivers)))
        triage["DriverListOffset"], triage["DriverCount"] = offset, len(self.drivers)
        for i, driver in enumerate(self.drivers):
            values: dict[str, Value] = {
                "DllBase": driver.base,
                "SizeOfImage": driver.size,
                "CheckSum": driver.checksum,
                "TimeDateStamp": driver.timestamp,
            }
            if self.style.raw_ldr:
                values |= self._raw_ldr(i, driver)
            paper.write(f"drivers[{i}]", offset + step * i, DRIVER[self.bits], **values)
            paper.name(f"drivers[{i}]", offset + step * i, step)

    def _raw_ldr(self, i: int, driver: Driver) -> dict[str, Value]:
        node = self.process.address - 0x200000 + 0x140 * i
        size = 2 * len(driver.name)
        head = struct.pack("<HHIQ" if self.bits == 64 else "<HHI", size, size + 2, *self._name_pointer(node))
        return {
            "InLoadOrderFlink": node + 0x140,
            "InLoadOrderBlink": node - 0x140,
            "EntryPoint": driver.base + driver.size // 2 // 16 * 16,
            "FullDllName": head,
            "BaseDllName": head,
            "Flags": driver.flags,
            "LoadCount": driver.load_count,
        }

    def _name_pointer(self, node: int) -> tuple[int, ...]:
        return (0, node + 0x100) if self.bits == 64 else (node + 0x100,)

    def _place_strings(self, paper: Paper, triage: dict[str, int]) -> None:
        start = triage["StringPoolOffset"] = align(len(paper.data))
        for i, driver in enumerate(self.drivers):
            text = driver.path if self.style.full_paths else driver.name
            raw = len(text).to_bytes(4, "little") + text.encode("utf-16-le") + b"\0\0"
            offset = paper.place(f"drivers[{i}].name", raw)
            at = paper.names[f"drivers[{i}]"].offset
            paper.data[at : at + 4] = offset.to_bytes(4, "little")
            if i == self.broken_driver:
                triage["BrokenDriverOffset"] = offset
        paper.data += bytes(align(len(paper.data)) - len(paper.data))
        triage["StringPoolSize"] = len(paper.data) - start
        paper.name("strings", start, len(paper.data) - start)

    # Data blocks.

    def all_blocks(self) -> list[Block]:
        """Standard blocks and the story's own, in file order."""
        return (self._standard_blocks() if self.standard_blocks else []) + list(self.blocks)

    def _standard_blocks(self) -> list[Block]:
        where, word = self.kernel_variables, self.windows.word
        code = "<5Q" if word == 8 else "<5I"
        parameters = [value & ((1 << 8 * word) - 1) for value in self.bug_check]
        parameters[0] &= 0xEFFFFFFF
        blocks = [
            Block(where["KiBugcheckData"], struct.pack(code, *parameters), "nt!KiBugCheckData"),
            Block(where["NtBuildLab"], self.windows.build_lab.encode().ljust(0x100, b"\0"), "nt!NtBuildLab"),
        ]
        if not self.processor.context_address:
            return blocks
        table = [self.processor.address + 0x6000000 * (i - self.processor.number) for i in range(self.processors)]
        pointers = b"".join(value.to_bytes(word, "little") for value in table)
        blocks.append(Block(where["KiProcessorBlock"], pointers.ljust(8 * len(table), b"\0"), "nt!KiProcessorBlock"))
        blocks.append(Block(self.processor.address, self.prcb_bytes(), "KPRCB"))
        blocks.append(Block(self.processor.context_address, self.prcb_context, "KPRCB.Context"))
        return blocks

    def _place_blocks(self, paper: Paper, triage: dict[str, int]) -> None:
        blocks = self.all_blocks()
        if self.data_page:
            triage["DataPageOffset"] = paper.place("data page", self.data_page.data)
            triage["DataPageAddress"] = self.data_page.address
            triage["DataPageSize"] = len(self.data_page.data)
        if not blocks:
            return
        table = triage["DataBlocksOffset"] = paper.place("blocks", bytes(16 * len(blocks)))
        triage["DataBlocksCount"] = len(blocks)
        for i, block in enumerate(blocks):
            if block.section:
                offset = paper.names[block.section].offset
                paper.name(f"blocks[{i}].data", offset, len(block.data))
            else:
                offset = paper.place(f"blocks[{i}].data", block.data, 1)
            address = block.address
            if self.bits == 32 and address >> 31:
                address |= 0xFFFFFFFF00000000
            paper.write(f"blocks[{i}]", table + 16 * i, BLOCK, Address=address, Offset=offset, Size=len(block.data))

    # The end of the primary dump, and what follows it.

    def _blob_bytes(self) -> tuple[bytes, list[tuple[str, int, int]]]:
        if not self.blobs:
            return b"", []
        out, names = bytearray(b"DumpBlob" + struct.pack("<II", 0x10, 0xF0000000 | self.windows.build)), []
        for i, blob in enumerate(self.blobs):
            start, data = len(out), len(out) + 0x20 + blob.pre_pad
            post = blob.post_pad
            if post is None:
                post = -(data + len(blob.data)) % 8 if self.style.align_blobs else 0
            head = struct.pack("<III", len(blob.data), blob.pre_pad, post)
            out += struct.pack("<I", 0x20) + uuid.UUID(blob.tag).bytes_le + head
            out += bytes(blob.pre_pad) + blob.data + bytes(post)
            names += [(f"blobs[{i}]", start, 0x20), (f"blobs[{i}].data", data, len(blob.data))]
        return bytes(out), names

    def _end_of_primary(self, paper: Paper, triage: dict[str, int]) -> None:
        paper.data += bytes(self.slack + (-(len(paper.data) + self.slack) % 4))
        used = len(paper.data)
        blobs = len(self._blob_bytes()[0])
        end = self.size - blobs if self.size else align(used + 4, max(self.style.granularity, 4))
        if end < used + 4:
            raise ValueError(f"{used + 4 + blobs:#x} bytes do not fit into {self.size:#x}")
        paper.data += bytes(end - 4 - used)
        paper.name("padding", used, end - 4 - used)
        paper.place("marker", b"TRGD", 1)
        triage["SizeOfDump"], triage["ValidOffset"] = end, end - 4

    def _secondary(self, paper: Paper) -> None:
        start = len(paper.data)
        data, names = self._blob_bytes()
        if data:
            paper.place("DUMP_BLOB_FILE", data, 1)
            paper.names_of("DUMP_BLOB_FILE", start, BLOB_FILE)
        for name, offset, size in names:
            paper.name(name, start + offset, size)
            if not name.endswith(".data"):
                paper.names_of(name, start + offset, BLOB)
        if self.stale:
            paper.place("stale", self.stale, 1)
