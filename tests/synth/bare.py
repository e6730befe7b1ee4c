"""Windows in bare memory: what a kernel is found by, at literal offsets, and nothing else.

The kernel's image with its export directory and variables, KDDEBUGGER_DATA64 (plain or encoded), the list of modules,
KPCR, IDT, GDT, KUSER_SHARED_DATA and the processors' start block, behind page tables.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import cached_property

from tests.images.portable import Part, exports, portable
from tests.synth.page_tables import PageTables

__all__ = ["BareMachine", "encoded_block"]

PAGE = 0x1000
ALWAYS, FLAG_ADDRESS = 0x9A3B_51C7_0E2D_4F68, 0xFFFF_F803_1234_7BC0
_WIDE = ("X64", "LA57")


@dataclass
class BareMachine:
    """A machine to be found.

    Attributes:
        mode: How it translates: X86, PAE, X64, LA57.
        base: Of the kernel's image.
        encoded: KiWaitNever if KDDEBUGGER_DATA64 is encoded with it.
        build: In KUSER_SHARED_DATA; 0 as before Windows 10.
        header: Whether the first page of the kernel's image is in memory.
        shadow: Whether user mode has page tables of its own, which map KPCR, IDT and KUSER_SHARED_DATA.
        start_block: Whether there is a PROCESSOR_START_BLOCK, x64.
        version_block: Whether the KPCR leads to a DBGKD_GET_VERSION64.
        kernel_name: What the image was linked as.
        kpcr: Where the KPCR lies.
        at: Address of each part.
    """

    mode: str = "X64"
    base: int = 0
    encoded: int = 0
    build: int = 19041
    header: bool = True
    shadow: bool = False
    start_block: bool = True
    version_block: bool = False
    self_map: bool = True
    kernel_name: str = "ntoskrnl.exe"
    kpcr: int = 0
    size: int = 0x360
    at: dict[str, int] = field(default_factory=dict)
    pages: dict[int, bytearray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wide = self.mode in _WIDE
        self.base = self.base or (0xFFFFF80312345000 if self.wide else 0x80500000)
        self.kpcr = self.kpcr or (0xFFFFA00000010000 if self.wide else 0x80700000)
        data = self.base + 0x8000
        pool = 0xFFFFA00000030000 if self.wide else 0x80800000
        self.at = {
            "kdbg": data + 0x120,
            "modules": data + 0x1000,
            "version": data + 0x1800,
            "list": data + 0x1900,
            "lab": data + 0x1A00,
            "entry": pool + 0x40,
            "idt": pool + 0x3000,
            "gdt": pool + 0x5000,
            "shared": 0xFFFFF78000000000 if self.wide else 0xFFDF0000,
        }
        for part in (self._image, self._debugger_block, self._modules, self._processor, self._shared, self._version):
            part()
        if not self.header:
            del self.pages[self.base]

    # --- writing at virtual addresses

    def write(self, address: int, data: bytes) -> None:
        for position in range(len(data)):
            place = address + position
            self.pages.setdefault(place & -PAGE, bytearray(PAGE))[place % PAGE] = data[position]

    def pointer(self, address: int, *values: int) -> None:
        self.write(address, struct.pack(f"<{len(values)}{'Q' if self.wide else 'I'}", *values))

    # --- the machine's parts

    def _image(self) -> None:
        name = self.kernel_name.encode() + b"\0"
        table = exports(0x2000, {"KeBugCheckEx": 0x1000})
        table = table[:12] + struct.pack("<I", 0x2000 + len(table)) + table[16:] + name
        parts = [
            Part(".text", 0x1000, b"\xcc" * 0x200),
            Part(".rdata", 0x2000, table),
            Part(".data", 0x8000, bytes(0x2000)),
        ]
        image = portable(parts, {0: (0x2000, len(table))}, 0x8664 if self.wide else 0x14C)
        self.write(self.base, image[:0x400])
        self.write(self.base + 0x1000, b"\xcc" * 0x200)
        self.write(self.base + 0x2000, table)
        self.write(self.base + 0x8000, bytes(0x2000))

    @cached_property
    def kdbg(self) -> bytes:
        """The block, plain."""
        block = bytearray(self.size)
        struct.pack_into("<QQ4sIQ", block, 0, self.at["list"], self.at["list"], b"KDBG", self.size, self.base)
        struct.pack_into("<Q", block, 0x48, self.at["modules"])
        struct.pack_into("<Q", block, 0x138, PAGE)
        struct.pack_into("<Q", block, 0x208, self.at["lab"])
        for offset in range(0x340, self.size, 4):
            struct.pack_into("<I", block, offset, offset)
        return bytes(block)

    def _debugger_block(self) -> None:
        self.write(self.at["kdbg"], encoded_block(self.kdbg, self.encoded) if self.encoded else self.kdbg)
        self.pointer(self.at["list"], self.at["kdbg"], self.at["kdbg"])
        self.write(self.at["lab"], b"7601.17514.amd64fre\0")

    def _modules(self) -> None:
        head, entry = self.at["modules"], self.at["entry"]
        self.pointer(head, entry, entry)
        self.pointer(entry, head, head)
        self.pointer(entry + (0x30 if self.wide else 0x18), self.base)

    def _processor(self) -> None:
        kpcr = self.kpcr
        handler = self.base + 0x1080
        self.write(kpcr, bytes(0x200))
        if self.wide:
            self.pointer(kpcr + 0x18, kpcr, kpcr + 0x180)
            self.pointer(kpcr + 0x38, self.at["idt"])
            self.pointer(kpcr + 0x7000, 0)
            gate = struct.pack("<HHBBHII", handler & 0xFFFF, 0x10, 0, 0x8E, handler >> 16 & 0xFFFF, handler >> 32, 0)
        else:
            self.pointer(kpcr + 0x1C, kpcr, kpcr + 0x120)
            self.pointer(kpcr + 0x38, self.at["idt"], self.at["gdt"])
            gate = struct.pack("<HHBBH", handler & 0xFFFF, 8, 0, 0x8E, handler >> 16)
            low, middle, high = kpcr & 0xFFFF, kpcr >> 16 & 0xFF, kpcr >> 24
            self.write(self.at["gdt"] + 0x30, struct.pack("<HHBBBB", 0xFFFF, low, middle, 0x93, 0xC0, high))
        self.write(self.at["idt"], gate)

    def _shared(self) -> None:
        page = bytearray(PAGE)
        page[0x30:0x44] = "C:\\Windows".encode("utf-16-le")
        struct.pack_into("<I", page, 0x260, self.build)
        struct.pack_into("<II", page, 0x26C, *((10, 0) if self.build else (6, 1)))
        self.write(self.at["shared"], bytes(page))

    def _version(self) -> None:
        if not self.version_block:
            return
        values = (15, 7601, 6, 2, 0, 0x8664 if self.wide else 0x14C, 12, 3, 0x31, 0, 0)
        block = struct.pack("<HHBBHHBBBBH", *values) + struct.pack(
            "<QQQ", self.base, self.at["modules"], self.at["list"]
        )
        self.write(self.at["version"], block)
        self.pointer(self.kpcr + (0x108 if self.wide else 0x34), self.at["version"])

    # --- physical memory

    @cached_property
    def tables(self) -> PageTables:
        """The kernel's page tables, with everything that they lead to."""
        return self._laid_out[0]

    @cached_property
    def user_root(self) -> int:
        """Root of the page tables of user mode."""
        return self._laid_out[1].root

    @property
    def root(self) -> int:
        """Root of the kernel's page tables."""
        return self.tables.root

    @cached_property
    def _laid_out(self) -> tuple[PageTables, PageTables]:
        tables = PageTables(self.mode)
        user = PageTables(self.mode, 0x400000)
        if self.shadow:
            self.pointer(self.kpcr + 0x7000, tables.root | 2 | 1 << 63)
        shadowed = {self.kpcr, self.kpcr + 0x7000, self.at["idt"] & -PAGE, self.at["shared"]}
        for address in sorted(self.pages):
            place = tables.table()
            tables.fill(place, bytes(self.pages[address]))
            tables.map(address, place)
            if self.shadow and address in shadowed:
                user.map(address, place)
        if self.self_map:
            self._map_itself(tables)
        if self.shadow:
            tables.memory |= user.memory
        return tables, user

    def _map_itself(self, tables: PageTables) -> None:
        if self.wide:
            tables.put(tables.root + 8 * 0x1ED, tables.root | 0x8000000000000063)
        elif self.mode == "X86":
            tables.put(tables.root + 4 * 0x300, tables.root | 0x63)
        else:
            for quarter in range(4):  # all four directories exist, and the last one names them
                tables.entry_address(quarter << 30, 2)
            directories = [tables.get(tables.root + 8 * quarter) & -PAGE for quarter in range(4)]
            for quarter, directory in enumerate(directories):
                tables.put(directories[3] + 8 * quarter, directory | 0x63)

    def physical(self) -> dict[int, bytes]:
        """Physical memory: pages by address."""
        memory = {address: bytes(page) for address, page in self.tables.memory.items()}
        if self.wide and self.start_block:
            block = bytearray(PAGE)
            struct.pack_into("<Q", block, 0, 0x00000001000600E9)
            struct.pack_into("<Q", block, 0x70, self.base + 0x1100)
            struct.pack_into("<Q", block, 0xA0, self.root)
            memory[0x13000] = bytes(block)
        return memory

    def image(self) -> bytes:
        """Physical memory as a raw image: what is not there is zero."""
        memory = self.physical()
        out = bytearray(max(memory) + PAGE)
        for address, page in memory.items():
            out[address : address + PAGE] = page
        return bytes(out)


def encoded_block(block: bytes, never: int) -> bytes:
    """The bytes that KDDEBUGGER_DATA64 has in memory if KiWaitNever is `never`."""
    # The other way round of x = bswap(rol(x ^ KiWaitNever, KiWaitNever) ^ &KdpDataBlockEncoded) ^ KiWaitAlways.
    out = b""
    turn = never % 64
    for (word,) in struct.iter_unpack("<Q", block):
        value = int.from_bytes((word ^ ALWAYS).to_bytes(8, "little"), "big") ^ FLAG_ADDRESS
        value = (value >> turn | value << (64 - turn)) % (1 << 64)
        out += (value ^ never).to_bytes(8, "little")
    return out
