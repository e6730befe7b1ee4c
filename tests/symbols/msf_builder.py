"""PDBs made by hand, with literal offsets: what public PDBs lack (reordered images, FPO_DATA alone), and bad ones."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

__all__ = ["MadePdb", "fpo_data", "frame_data", "msf", "procedure", "public", "section"]

_BLOCK = 512
GUID = bytes(range(16))
GUID_TEXT = "03020100-0504-0706-0809-0a0b0c0d0e0f"


def msf(streams: list[bytes | None], block: int = _BLOCK, scattered: bool = False) -> bytearray:
    """A multi-stream file of these streams; with `scattered` the blocks of each lie in descending order."""
    blocks: list[bytes] = [b""] * 3  # the head and two free block maps
    lists: list[list[int]] = []
    for stream in streams:
        data = stream or b""
        pieces = [data[at : at + block] for at in range(0, len(data), block)]
        numbers = [len(blocks) + index for index in range(len(pieces))]
        blocks += pieces[::-1] if scattered else pieces
        lists.append(numbers[::-1] if scattered else numbers)
    sizes = [0xFFFFFFFF if stream is None else len(stream) for stream in streams]
    words = [len(streams), *sizes, *(number for numbers in lists for number in numbers)]
    directory = struct.pack(f"<{len(words)}I", *words)
    first = len(blocks)
    blocks += [directory[at : at + block] for at in range(0, len(directory), block)]
    count = len(blocks) - first
    blocks.append(struct.pack(f"<{count}I", *range(first, first + count)))
    head = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"
    blocks[0] = head + struct.pack("<6I", block, 1, len(blocks), len(directory), 0, len(blocks) - 1)
    return bytearray(b"".join(each.ljust(block, b"\0") for each in blocks))


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def record(kind: int, body: bytes) -> bytes:
    """A symbol record; the next one begins at a multiple of four."""
    body += b"\0" * (-len(body) % 4)
    return struct.pack("<HH", len(body) + 2, kind) + body


def public(name: str, seg: int, off: int, flags: int = 2) -> bytes:
    """`S_PUB32`."""
    return record(0x110E, struct.pack("<IIH", flags, off, seg) + name.encode() + b"\0")


def public_st(name: str, seg: int, off: int) -> bytes:
    """`S_PUB32_ST`, as Visual C++ 7.0 wrote it: the name is counted."""
    return record(0x1009, struct.pack("<IIH", 2, off, seg) + bytes([len(name)]) + name.encode())


def procedure(name: str, seg: int, off: int, size: int, end: int = 0) -> bytes:
    """`S_GPROC32`; `end` is the offset of its end in the module's stream."""
    words = struct.pack("<8IHB", 0, end, 0, size, 0, 0, 0, off, seg, 0)
    return record(0x1110, words + name.encode() + b"\0")


END = record(0x0006, b"")


def section(rva: int, size: int) -> bytes:
    """`IMAGE_SECTION_HEADER`."""
    return struct.pack("<8s4I12xI", b".text", size, rva, size, 0, 0x60000020)


def fpo_data(rva: int, size: int, words: tuple[int, int] = (0, 0), prolog: int = 0, last: int = 0) -> bytes:
    """`FPO_DATA`; `words`: locals and parameters."""
    return struct.pack("<IIIHBB", rva, size, *words, prolog, last)


def frame_data(rva: int, size: int, program: int, flags: int = 4, saved: int = 0) -> bytes:
    """`FRAMEDATA`."""
    return struct.pack("<6IHHI", rva, size, 0, 0, 0, program, 0, saved, flags)


@dataclass
class MadePdb:
    """The parts of a PDB; `build` puts them together.

    Attributes:
        publics: Records of public symbols, in the order of their addresses.
        modules: Name, symbols and line subsections of each module.
        contributions: Section, offset, size and module of each.
        debug: Streams by their position in the list of debug streams.
        types, items: The TPI and the IPI stream.
    """

    publics: list[bytes] = field(default_factory=list)
    modules: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    contributions: list[tuple[int, int, int, int]] = field(default_factory=list)
    debug: dict[int, bytes] = field(default_factory=dict)
    types: bytes | None = None
    items: bytes | None = None
    strings: list[str] = field(default_factory=list)
    age: int = 3

    def build(self, block: int = _BLOCK, scattered: bool = False) -> bytearray:
        streams: list[bytes | None] = [b"", b"", self.types, b"", self.items]
        streams[0] = None
        names = self._add(streams, self._names())
        records = self._add(streams, b"".join(self.publics))
        hashes = self._add(streams, self._hashes())
        modules = b"".join(self._module(streams, *each) for each in self.modules)
        numbers = [0xFFFF] * 11
        for position, data in self.debug.items():
            numbers[position] = self._add(streams, data)
        streams[1] = self._information(names)
        streams[3] = self._dbi(hashes, records, modules, struct.pack("<11H", *numbers))
        return msf(streams, block, scattered)

    def _add(self, streams: list[bytes | None], data: bytes) -> int:
        streams.append(data)
        return len(streams) - 1

    def _names(self) -> bytes:
        text = b"\0" + b"".join(each.encode() + b"\0" for each in self.strings)
        return struct.pack("<3I", 0xEFFEEFFE, 1, len(text)) + text

    def string(self, text: str) -> int:
        """Where a string is in the table."""
        return 1 + sum(len(each.encode()) + 1 for each in self.strings[: self.strings.index(text)])

    def _information(self, names: int) -> bytes:
        name = b"/names\0"
        head = struct.pack("<3I", 20000404, 0x12345678, self.age + 5) + GUID
        table = struct.pack("<7I", 1, 1, 1, 1, 0, 0, names)
        return head + struct.pack("<I", len(name)) + name + table

    def _hashes(self) -> bytes:
        offsets, at = [], 0
        for each in self.publics:
            offsets.append(at)
            at += len(each)
        count = len(offsets)
        return struct.pack("<4IH2xII", 8, 4 * count, 0, 0, 0, 0, 0) + b"\xaa" * 8 + struct.pack(f"<{count}I", *offsets)

    def _module(self, streams: list[bytes | None], name: str, symbols: bytes, lines: bytes) -> bytes:
        data = struct.pack("<I", 4) + symbols
        number = self._add(streams, data + lines) if symbols or lines else 0xFFFF
        head = bytearray(64)
        struct.pack_into("<HIII", head, 0x22, number, len(data), 0, len(lines))
        return padded(bytes(head) + name.encode() + b"\0" + name.encode() + b"\0")

    def _dbi(self, hashes: int, records: int, modules: bytes, debug: bytes) -> bytes:
        pieces = b"".join(
            struct.pack("<HxxIIIHxxII", seg, off, size, 0x60000020, module, 0, 0)
            for seg, off, size, module in self.contributions
        )
        pieces = struct.pack("<I", 0xEFFE0000 + 19970605) + pieces if pieces else b""
        head = struct.pack("<3I", 0xFFFFFFFF, 19990903, self.age)
        head += struct.pack("<6H", 0xFFFF, 0, hashes, 0, records, 0)
        head += struct.pack("<8I", len(modules), len(pieces), 0, 0, 0, 0, len(debug), 0)
        head += struct.pack("<HHI", 0, 0x14C, 0)
        return head + modules + pieces + debug
