"""Archives and dumps for the tests of this room, made on the spot."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from smalldump.errors import SourceUnreadable
from smalldump.intake import Limits, Origin, expand, open_origin

__all__ = [
    "DUMP",
    "MIB",
    "cab_bytes",
    "dump",
    "names",
    "outcomes",
    "rar4_bytes",
    "rar5_bytes",
    "tar_bytes",
    "unpacked",
    "zip_bytes",
]

MIB = 1 << 20


def dump(mark: int = 0, size: int = 4096) -> bytes:
    """Bytes that begin like a 64-bit kernel memory dump, and differ by their mark."""
    return (b"PAGEDU64" + mark.to_bytes(8, "little")).ljust(size, b"\x47")


DUMP = dump()


def zip_bytes(members: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these members, in order."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return packed.getvalue()


def tar_bytes(members: Iterable[tuple[str, bytes]], *, pax: bool = True) -> bytes:
    """A tar of these members, in order."""
    packed = io.BytesIO()
    form = tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def cab_bytes(name: str, data: bytes) -> bytes:
    """A cabinet with one file of less than 32 KiB, not compressed. Source: [MS-CAB]."""
    file = struct.pack("<LLHHHH", len(data), 0, 0, 0, 0, 0x20) + name.encode() + b"\0"
    block = struct.pack("<LHH", 0, len(data), len(data)) + data
    files_at = 36 + 8
    folder = struct.pack("<LHH", files_at + len(file), 1, 0)
    size = files_at + len(file) + len(block)
    header = struct.pack("<4sLLLLLBBHHHHH", b"MSCF", 0, size, 0, files_at, 0, 3, 1, 1, 1, 0, 0, 0)
    return header + folder + file + block


def rar4_bytes(name: str, data: bytes) -> bytes:
    """A RAR 4 archive with one stored file. Source: the format description in WinRAR's technote.txt."""

    def block(body: bytes) -> bytes:
        return struct.pack("<H", zlib.crc32(body) & 0xFFFF) + body

    size, crc, shown = len(data), zlib.crc32(data), name.encode()
    file = struct.pack(
        "<BHHLLBLLBBHL", 0x74, 0x8000, 32 + len(shown), size, size, 3, crc, 0, 20, 0x30, len(shown), 0o100644
    )
    main = struct.pack("<BHHHL", 0x73, 0, 13, 0, 0)
    end = struct.pack("<BHH", 0x7B, 0x4000, 7)
    return b"Rar!\x1a\x07\x00" + block(main) + block(file + shown) + data + block(end)


def rar5_bytes(name: str, data: bytes) -> bytes:
    """A RAR 5 archive with one stored file. Source: the RAR 5.0 archive format description."""

    def number(value: int) -> bytes:
        low = value & 0x7F
        return bytes([low]) if value < 0x80 else bytes([low | 0x80]) + number(value >> 7)

    def block(*fields: int | bytes) -> bytes:
        body = b"".join(number(field) if isinstance(field, int) else field for field in fields)
        sized = number(len(body)) + body
        return struct.pack("<L", zlib.crc32(sized)) + sized

    shown, crc = name.encode(), struct.pack("<L", zlib.crc32(data))
    file = block(2, 2, len(data), 4, len(data), 0o100644, crc, 0, 1, len(shown), shown)
    return b"Rar!\x1a\x07\x01\x00" + block(1, 0, 0) + file + data + block(5, 0, 0)


def unpacked(path: Path, **limits: int) -> list[bytes | str]:
    """What a path holds: bytes of each dump, or the words of the error in its place."""
    return [outcome for _, outcome in outcomes(path, **limits)]


def names(path: Path) -> list[str]:
    """The names shown for what a path holds, without the folder that the path is in."""
    return [name.removeprefix(f"{path.parent}/") for name, _ in outcomes(path)]


def outcomes(path: Path, **limits: int) -> list[tuple[str, bytes | str]]:
    """Name and bytes, or the words of the error, of all that a path holds."""
    return [(origin.name, _outcome(origin)) for origin in expand([path], limits=Limits(**limits))]


def _outcome(origin: Origin) -> bytes | str:
    try:
        with open_origin(origin) as source:
            return bytes(source.data)
    except SourceUnreadable as error:
        return error.why
