"""A kernel dump of any kind as a file: its bytes and the header that they begin with."""

from __future__ import annotations

from smalldump.errors import NotADump, Truncated
from smalldump.escape import shown_bytes
from smalldump.layout.dump import FILL, SIGNATURE_32, SIGNATURE_64, DumpHeader32, DumpHeader64, is_fill
from smalldump.layout.record import Field
from smalldump.model.absent import Absent
from smalldump.model.machine import Machine, machine_of

__all__ = ["DumpFile"]


class DumpFile:
    """The bytes of a kernel dump, and its header.

    Attributes:
        data: The whole file.
        bits: 32 or 64.
        machine: The architecture; of one that is not supported nothing but the header can be read.
        header: The dump header; bytes that the file lacks read as the `PAGE` fill, that is, as never written.
    """

    def __init__(self, data: memoryview) -> None:
        """Look at the signature and the header.

        Raises:
            NotADump: The file is empty, zero-filled or begins with another signature.
            Truncated: Not even the bug check is in the file.
        """
        self.data = data
        self.bits = _bits(data)
        kind = DumpHeader64 if self.bits == 64 else DumpHeader32
        if len(data) < 0x60:
            raise Truncated("the file ends before the bug check", expected="0x60 bytes", found=f"{len(data):#x}")
        self.header: DumpHeader64 | DumpHeader32 = kind(_padded(data, kind.SIZE))
        self.machine: Machine = machine_of(self.header.machine_image_type, self.bits)

    def fact(self, name: str) -> int | Absent:
        """The header's integer field of that name; Absent where it was never written, is lost, or does not exist."""
        field = getattr(type(self.header), name, None)
        if not isinstance(field, Field):
            return Absent.NOT_APPLICABLE
        value: int = getattr(self.header, name)
        if field.end > len(self.data):
            return Absent.CORRUPT
        return Absent.NOT_CAPTURED if is_fill(field, value) else value

    def view(self, offset: int, size: int) -> memoryview:
        """The bytes `[offset, offset + size)` as far as the file holds them."""
        if offset < 0 or offset >= len(self.data) or size <= 0:
            return self.data[:0]
        return self.data[offset : offset + size]


def _bits(data: memoryview) -> int:
    signature = bytes(data[:8])
    if signature == SIGNATURE_64:
        return 64
    if signature == SIGNATURE_32:
        return 32
    if not data:
        raise NotADump("the file is empty")
    if not any(data[:0x1000]):
        raise NotADump("the file begins with zeros", offset=0, expected="`PAGEDUMP` or `PAGEDU64`", found="zeros")
    found = shown_bytes(signature) + (" (a user-mode minidump)" if signature[:4] == b"MDMP" else "")
    raise NotADump("not a kernel memory dump", offset=0, expected="`PAGEDUMP` or `PAGEDU64`", found=found)


def _padded(data: memoryview, size: int) -> memoryview:
    if len(data) >= size:
        return data
    fill = (FILL * (size // 4))[len(data) :]
    return memoryview(bytes(data) + fill)
