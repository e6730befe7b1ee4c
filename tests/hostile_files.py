"""Files made to cost a reader time and memory: small numbers that promise much work, each in bounds of its own.

Every one is an example dump whose triage header leads to something appended. `HOSTILE_FILES` names them all.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping
from uuid import UUID

from smalldump.layout.blobs import SIGNATURE, BlobTag, DumpBlobFileHeader, DumpBlobHeader
from smalldump.layout.debugger_data import KdDebuggerData64
from smalldump.layout.dump import DumpHeader64
from smalldump.layout.record import Record
from smalldump.layout.requests import AddressRange, TriageRequestHead
from smalldump.layout.triage import MARKER, DriverEntry64, DumpString, TriageDataBlock, TriageDump64
from tests.goldens import EXAMPLES

__all__ = ["HOSTILE_FILES"]

_EXAMPLE = next(path for path in EXAMPLES if path.name.startswith("112226"))
_KERNEL = 0xFFFF800000000000
_MANY_BLOCKS, _MANY_DRIVERS = 65_536, 16_384
_PRCB_SIZE = 0xFFF0
_RIGHT_TO_LEFT = "\u202e"


class _File:
    """An example dump that is being spoilt."""

    def __init__(self) -> None:
        self.data = bytearray(_EXAMPLE.read_bytes())
        self.triage = TriageDump64(bytes(self.data), DumpHeader64.SIZE)

    def put(self, **values: int) -> None:
        """Set fields of the triage header."""
        self._set(TriageDump64, DumpHeader64.SIZE, values)

    def words(self, **values: int) -> None:
        """Set words of the debugger data block."""
        self._set(KdDebuggerData64, self.triage.debugger_data_offset, values)

    def header(self, **values: int) -> None:
        """Set fields of the dump header."""
        self._set(DumpHeader64, 0, values)

    def _set(self, kind: type[Record], offset: int, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            field = getattr(kind, name)
            struct.pack_into(f"<{field.code}", self.data, offset + field.offset, value)

    def append(self, piece: bytes) -> int:
        """Put a piece behind everything, aligned, and give its file offset."""
        self.data += bytes(-len(self.data) % 16)
        self.data += piece
        return len(self.data) - len(piece)

    def blocks(self, blocks: list[tuple[int, int, int]]) -> None:
        """Replace the data blocks by these: address, file offset, size."""
        entries = (bytes(TriageDataBlock.build(address=a, offset=o, size=s)) for a, o, s in blocks)
        self.put(data_blocks_offset=self.append(b"".join(entries)), data_blocks_count=len(blocks))

    def finished(self, secondary: bytes = b"") -> bytes:
        """The file, its primary dump ending where it is now."""
        marker = self.append(MARKER)
        self.put(valid_offset=marker, size_of_dump=marker + len(MARKER))
        return bytes(self.data + secondary)


def _secondary(*blobs: tuple[str, bytes]) -> bytes:
    parts = [bytes(DumpBlobFileHeader.build(signature=SIGNATURE, header_size=DumpBlobFileHeader.SIZE))]
    for tag, data in blobs:
        head = DumpBlobHeader.build(header_size=DumpBlobHeader.SIZE, tag=tag, data_size=len(data))
        parts += [bytes(head), data]
    return b"".join(parts)


def _requests(count: int) -> bytes:
    ranges = (bytes(AddressRange.build(address=_KERNEL + 64 * index, size=8)) for index in range(count))
    return bytes(TriageRequestHead.build(ranges=count, name_size=2)) + b"".join(ranges) + b"x\0"


def _prcb(file: _File, body: bytes) -> None:
    file.put(prcb_offset=file.append(body))
    file.words(size_prcb=len(body), ki_processor_block=0)


def blocks_that_are_almost_the_prcb() -> bytes:
    """65,536 blocks over the same bytes, which differ from the KPRCB in the last one."""
    file, body = _File(), random.Random(2).randbytes(_PRCB_SIZE)
    _prcb(file, body)
    twin = file.append(body[:-1] + bytes([body[-1] ^ 1]))
    file.blocks([(_KERNEL + 0x10000 * index, twin, _PRCB_SIZE) for index in range(_MANY_BLOCKS)])
    return file.finished()


def blocks_in_other_places_that_are_almost_the_prcb() -> bytes:
    """The same with every block at a file offset of its own."""
    file = _File()
    _prcb(file, bytes(_PRCB_SIZE - 1) + b"\1")
    zeros = file.append(bytes(_PRCB_SIZE + _MANY_BLOCKS))
    file.blocks([(_KERNEL + 0x10000 * index, zeros + index, _PRCB_SIZE) for index in range(_MANY_BLOCKS)])
    return file.finished()


def a_prcb_of_64_megabytes() -> bytes:
    """A KPRCB whose size nothing tells, full of what looks like empty list heads."""
    file = _File()
    head = file.append(b"".join(struct.pack("<QQ", _KERNEL + at, _KERNEL + at) for at in range(0, 1 << 28, 0x1000)))
    file.append(bytes((64 << 20) - (len(file.data) - head)))
    file.put(prcb_offset=head)
    file.words(size_prcb=0, ki_processor_block=0)
    return file.finished()


def many_blobs_of_requests() -> bytes:
    """300 blobs, each with as many requested ranges as one may have."""
    return _File().finished(_secondary(*[(BlobTag.TRIAGEDUMP_DATA.value, _requests(4095))] * 300))


def many_blobs_of_each_kind() -> bytes:
    """40 blobs of every tag that is decoded, full of small numbers."""
    tags = [tag.replace("?", digit) for tag in BlobTag for digit in ("0123" if "?" in tag else "0")]
    noise = random.Random(3).choices((0, 1, 2, 4, 0x41, 0xFF), k=0x3000)
    return _File().finished(_secondary(*[(tag, bytes(noise)) for tag in tags for _ in range(40)]))


def the_most_blobs() -> bytes:
    """More blobs than are read, each of another unknown tag."""
    return _File().finished(_secondary(*((str(UUID(int=index + 1)), b"x") for index in range(5000))))


def blocks_that_each_hold_all_requested_ranges() -> bytes:
    """20,000 blocks over 4,095 requested ranges."""
    file = _File()
    file.blocks([(_KERNEL, 0x100, 0x10000)] * 20_000)
    return file.finished(_secondary((BlobTag.TRIAGEDUMP_DATA.value, _requests(4095))))


def blocks_over_one_another() -> bytes:
    """65,536 blocks, of which each begins and ends inside others."""
    file = _File()
    file.blocks([(_KERNEL + 0x10 * index, 0x2000 + index, 0x8000 + index) for index in range(_MANY_BLOCKS)])
    return file.finished()


def _drivers(file: _File, name_offsets: Callable[[int], int]) -> None:
    entries = (
        DriverEntry64.build(
            driver_name_offset=name_offsets(index),
            dll_base=_KERNEL + 0x1000 * index,
            size_of_image=0x1000,
            check_sum=5,
            time_date_stamp=7,
        )
        for index in range(_MANY_DRIVERS)
    )
    offset = file.append(b"".join(bytes(entry) for entry in entries))
    file.put(driver_list_offset=offset, driver_count=_MANY_DRIVERS)


def _name(text: str) -> bytes:
    return bytes(DumpString.build(length=len(text))) + text.encode("utf-16-le") + b"\0\0"


def drivers_that_share_one_long_name() -> bytes:
    """16,384 drivers with the same name of 520 characters, each of which must be escaped."""
    file = _File()
    pool = file.append(_name(_RIGHT_TO_LEFT * 520))
    file.put(string_pool_offset=pool, string_pool_size=len(file.data) - pool)
    _drivers(file, lambda _: pool)
    return file.finished()


def drivers_with_long_names_of_their_own() -> bytes:
    """16,384 drivers whose names are 520 characters that are no name in any table."""
    file, chance = _File(), random.Random(4)
    names = [_name("".join(chance.choices("abcdefgh", k=520))) for _ in range(_MANY_DRIVERS // 16)]
    size = len(names[0])
    pool = file.append(b"".join(names))
    file.put(string_pool_offset=pool, string_pool_size=size * len(names))
    _drivers(file, lambda index: pool + size * (index % len(names)))
    return file.finished()


def a_stack_full_of_return_addresses() -> bytes:
    """8 MiB of addresses inside the kernel."""
    file, chance = _File(), random.Random(5)
    kernel = DriverEntry64(bytes(file.data), file.triage.driver_list_offset)
    low, high = kernel.dll_base + 0x1000, kernel.dll_base + kernel.size_of_image
    words = [chance.randrange(low, high) | 1 for _ in range(1 << 17)] * 8
    file.put(call_stack_offset=file.append(struct.pack(f"<{len(words)}Q", *words)), size_of_call_stack=8 * len(words))
    return file.finished()


def a_stack_full_of_the_failing_instruction() -> bytes:
    """32 MiB of one address, at each of which a trap frame may lie."""
    file = _File()
    place, size = DriverEntry64(bytes(file.data), file.triage.driver_list_offset).dll_base + 0x2000, 32 << 20
    file.header(bug_check_code=0xD1, bug_check_parameter4=place)
    file.put(call_stack_offset=file.append(place.to_bytes(8, "little") * (size // 8)), size_of_call_stack=size)
    return file.finished()


HOSTILE_FILES: dict[str, Callable[[], bytes]] = {
    make.__name__: make
    for make in (
        blocks_that_are_almost_the_prcb,
        blocks_in_other_places_that_are_almost_the_prcb,
        a_prcb_of_64_megabytes,
        many_blobs_of_requests,
        many_blobs_of_each_kind,
        the_most_blobs,
        blocks_that_each_hold_all_requested_ranges,
        blocks_over_one_another,
        drivers_that_share_one_long_name,
        drivers_with_long_names_of_their_own,
        a_stack_full_of_return_addresses,
        a_stack_full_of_the_failing_instruction,
    )
}
"""Name -> function that makes the bytes."""
