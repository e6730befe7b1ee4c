"""A finished dump: its bytes, where everything is in it, and ways to break it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.synth.paper import Span

if TYPE_CHECKING:
    from tests.synth.builder import DumpBuilder

__all__ = ["DAMAGES", "Dump"]

_Raw = bytes  # inside the class `bytes` is the field


@dataclass(frozen=True)
class Dump:
    """Bytes of a small dump with the names of their pieces.

    Attributes:
        bytes: The file.
        offsets: Name of each section, structure field, driver, string, block and blob -> where it is.
            `DUMP_HEADER.BugCheckCode`, `TRIAGE_DUMP.DriverCount`, `PRCB`, `KDBG`, `stack`, `drivers[3].DllBase`,
            `drivers[3].name` (its DUMP_STRING), `unloaded.count`, `unloaded[0].StartAddress`, `blocks[2].Offset`,
            `blocks[2].data`, `marker`, `blobs[0].DataSize`, `blobs[0].data`, `padding`, `stale`.
        facts: The builder that made it.
    """

    bytes: bytes
    offsets: Mapping[str, Span]
    facts: DumpBuilder

    def __len__(self) -> int:
        return len(self.bytes)

    def offset(self, where: str | int) -> int:
        """File offset of a named piece; numbers stay what they are."""
        return where if isinstance(where, int) else self.offsets[where].offset

    def read(self, where: str | int, size: int | None = None) -> _Raw:
        """The bytes of a named piece, or `size` bytes from there."""
        offset = self.offset(where)
        if size is None:
            size = self.offsets[where].size if isinstance(where, str) else len(self.bytes) - offset
        return self.bytes[offset : offset + size]

    def number(self, where: str) -> int:
        """A named field as an unsigned number."""
        return int.from_bytes(self.read(where), "little")

    def patch(self, where: str | int, value: int | _Raw, size: int = 4) -> Dump:
        """The same dump with other bytes at a named piece or file offset.

        A number takes the width of the named field, else `size` bytes; all other names stay as they are.
        """
        if isinstance(value, int):
            size = self.offsets[where].size if isinstance(where, str) else size
            value = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        offset = self.offset(where)
        if offset + len(value) > len(self.bytes):
            raise ValueError(f"{where!r}: {len(value):#x} bytes at {offset:#x} overrun the file")
        return replace(self, bytes=self.bytes[:offset] + value + self.bytes[offset + len(value) :])

    def truncated(self, size: str | int) -> Dump:
        """The first bytes only: up to a file offset, or to where a named piece begins."""
        return replace(self, bytes=self.bytes[: self.offset(size)])

    def extended(self, data: _Raw) -> Dump:
        """With `data` behind it."""
        return replace(self, bytes=self.bytes + data)

    def damaged(self, kind: str) -> Dump:
        """One of the named `DAMAGES`."""
        return DAMAGES[kind](self)

    def save(self, folder: Path, name: str = "synthetic.dmp") -> Path:
        """Write it into `folder`; returns the path."""
        path = folder / name
        path.write_bytes(self.bytes)
        return path


def _long_blob(dump: Dump) -> Dump:
    return dump.patch("blobs[0].DataSize", 0x7FFFFFF0)


def _overlapping(dump: Dump) -> Dump:
    return dump.patch("TRIAGE_DUMP.ThreadOffset", dump.number("TRIAGE_DUMP.ProcessOffset") + 0x40)


DAMAGES: Mapping[str, Callable[[Dump], Dump]] = {
    "empty": lambda dump: dump.truncated(0),
    "zeros": lambda dump: replace(dump, bytes=bytes(len(dump))),
    "header only": lambda dump: dump.truncated("TRIAGE_DUMP"),
    "half a header": lambda dump: dump.truncated("DUMP_HEADER.ContextRecord"),
    "cut in the stack": lambda dump: dump.truncated(dump.offset("stack") + 0x20),
    "cut before the marker": lambda dump: dump.truncated("marker"),
    "marker missing": lambda dump: dump.patch("marker", 0),
    "marker offset wild": lambda dump: dump.patch("TRIAGE_DUMP.ValidOffset", 0xFFFFFFFF),
    "size of dump wild": lambda dump: dump.patch("TRIAGE_DUMP.SizeOfDump", 0xFFFFFFFF),
    "driver count wild": lambda dump: dump.patch("TRIAGE_DUMP.DriverCount", 0xFFFFFFFF),
    "driver list outside": lambda dump: dump.patch("TRIAGE_DUMP.DriverListOffset", 0xFFFFFFF0),
    "driver name outside the pool": lambda dump: dump.patch("drivers[0].DriverNameOffset", 0x10),
    "driver name outside the file": lambda dump: dump.patch("drivers[0].DriverNameOffset", 0xFFFFFFFE),
    "driver name endless": lambda dump: dump.patch(dump.offset("drivers[0].name"), 0xFFFFFFFF),
    "driver of no size": lambda dump: dump.patch("drivers[0].SizeOfImage", 0),
    "driver around the end of memory": lambda dump: dump.patch("drivers[1].DllBase", -0x1000),
    "unloaded count wild": lambda dump: dump.patch("unloaded.count", -1),
    "stack size wild": lambda dump: dump.patch("TRIAGE_DUMP.SizeOfCallStack", 0xFFFFFFFF),
    "stack at the end of memory": lambda dump: dump.patch("TRIAGE_DUMP.TopOfStack", -8),
    "no processor": lambda dump: dump.patch("TRIAGE_DUMP.PrcbOffset", 0),
    "no thread": lambda dump: dump.patch("TRIAGE_DUMP.ThreadOffset", 0),
    "no process": lambda dump: dump.patch("TRIAGE_DUMP.ProcessOffset", 0),
    "no debugger data": lambda dump: dump.patch("TRIAGE_DUMP.DebuggerDataOffset", 0),
    "sections overlap": _overlapping,
    "block count wild": lambda dump: dump.patch("TRIAGE_DUMP.DataBlocksCount", 0xFFFFFFFF),
    "block outside the file": lambda dump: dump.patch("blocks[0].Offset", 0xFFFFFF00),
    "block size wild": lambda dump: dump.patch("blocks[0].Size", 0xFFFFFFFF),
    "blob chain broken": lambda dump: dump.patch("blobs[1].HeaderSize", 3),
    "blob larger than the file": _long_blob,
    "blob pads wild": lambda dump: dump.patch("blobs[0].PostPad", 0xFFFFFFFF),
    "stale tail": lambda dump: dump.extended(bytes(0x340) + b"old page file content " * 60),
}
"""Ways to break a dump, by name. Those about blocks and blobs need a dump that has them (KeyError otherwise)."""
