"""Emit: the bytes of a planned dump. Only copies; every piece must end where the plan says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smalldump.addresses import sign_extended
from smalldump.layout.blobs import SIGNATURE, DumpBlobFileHeader, DumpBlobHeader
from smalldump.layout.dump import (
    FILL,
    DumpHeader32,
    DumpHeader64,
    DumpType,
    MemoryRun32,
    MemoryRun64,
    PhysicalMemoryDescriptor32,
    PhysicalMemoryDescriptor64,
)
from smalldump.layout.record import Buffer
from smalldump.layout.triage import (
    MARKER,
    DriverEntry32,
    DriverEntry64,
    DumpString,
    MiniDumpFields,
    MiTriageStorage32,
    MiTriageStorage64,
    TriageDataBlock,
    TriageDump32,
    TriageDump64,
    UnloadedDriver32,
    UnloadedDriver64,
)
from smalldump.model import Absent, PhysicalMemory
from smalldump.writer.contents import Contents
from smalldump.writer.plan import Placed, Plan, driver_names, string_size

__all__ = ["emit"]

_DBGENG = 0xFFFFFFFF  # TriageOptions that say: written by dbgeng, whose style this is
_FREE_BUILD = 0xF0000000
_FREE_BUILD_VERSION = 0xF
_BASIC_FIELDS = 0x0FF  # context, exception, PRCB, process, thread, stack, drivers, broken driver
_NAME_BYTES = 24
_DRIVER64 = DriverEntry64.unpacker("driver_name_offset", "dll_base", "size_of_image", "check_sum", "time_date_stamp")
_DRIVER32 = DriverEntry32.unpacker("driver_name_offset", "dll_base", "size_of_image", "check_sum", "time_date_stamp")
_LENGTH = DumpString.unpacker("length")
_BLOCK = TriageDataBlock.unpacker("address", "offset", "size")


def emit(contents: Contents, plan: Plan) -> bytes:
    """The file that the plan describes: always the same bytes for the same contents."""
    parts: list[Buffer] = []
    sheet, end = _Sheet(contents, plan), 0
    for piece in plan.pieces:
        data = sheet.bytes_of(piece)
        size = sum(map(len, data))
        if size > piece.size or piece.offset < end:
            raise AssertionError(f"{piece.name} takes {size:#x} bytes at {end:#x}, not as planned: {piece}")
        parts += (bytes(piece.offset - end), *data)
        end = piece.offset + size
    return b"".join((*parts, bytes(plan.size - end)))


class _Sheet:
    """The bytes of each piece of one dump."""

    def __init__(self, contents: Contents, plan: Plan) -> None:
        self.contents, self.plan = contents, plan
        self.wide = contents.machine.bits == 64
        self.places = {piece.name: piece for piece in plan.pieces}
        page = contents.data_page
        self.plain: dict[str, Buffer] = {
            "KPRCB": contents.kprcb,
            "EPROCESS": contents.eprocess,
            "ETHREAD": contents.ethread,
            "call stack": contents.stack,
            "debugger data block": contents.debugger_data,
            "data page": page[1] if page else b"",
            "marker": MARKER,
        }
        self.built: dict[str, Callable[[], Buffer]] = {
            "dump header": self.dump_header,
            "triage header": self.triage_header,
            "MM block": self.mm_block,
            "unloaded drivers": self.unloaded_drivers,
            "driver list": self.driver_list,
            "string pool": self.string_pool,
            "data block table": self.data_block_table,
            "blob file header": self.blob_file_header,
        }

    def bytes_of(self, piece: Placed) -> tuple[Buffer, ...]:
        """The bytes of one piece in parts, without the padding behind it."""
        if piece.name in self.plain:
            return (self.plain[piece.name],)
        if piece.name in self.built:
            return (self.built[piece.name](),)
        kind, _, number = piece.name.rpartition(" ")
        return (self.contents.blocks[int(number)].data,) if kind == "data block" else self.blob(int(number), piece.size)

    def offset(self, name: str) -> int:
        """File offset of a piece; 0, as the format has it, where there is none."""
        return self.places[name].offset if name in self.places else 0

    def size(self, name: str) -> int:
        """Bytes of a piece; 0 where there is none."""
        return self.places[name].size if name in self.places else 0

    def dump_header(self) -> bytearray:
        contents = self.contents
        kind: Any = DumpHeader64 if self.wide else DumpHeader32
        values: dict[str, Any] = dict(contents.header) | {
            "signature": FILL,
            "valid_dump": b"DU64" if self.wide else b"DUMP",
            "dump_type": DumpType.TRIAGE,
            "required_dump_space": self.plan.size,
            "mini_dump_fields": self.mini_dump_fields(),
            "context_record": contents.context[: kind.context_record.size].ljust(kind.context_record.size, b"\0"),
        }
        values.setdefault("major_version", _FREE_BUILD_VERSION)
        if contents.exception:
            values["exception"] = contents.exception
        if contents.comment:
            values["comment"] = _comment(contents.comment, kind.comment.size)
        runs = bytearray()
        if contents.physical_memory is not None:
            runs = self.memory_runs(contents.physical_memory)
        known = {field.name for field in kind.FIELDS}
        header = bytearray(kind.build(FILL, **{name: value for name, value in values.items() if name in known}))
        # The last of 43 runs ends in the padding behind the field.
        start = kind.physical_memory_block.offset
        header[start : start + len(runs)] = runs
        return header

    def memory_runs(self, memory: PhysicalMemory) -> bytearray:
        head, run = (
            (PhysicalMemoryDescriptor64, MemoryRun64) if self.wide else (PhysicalMemoryDescriptor32, MemoryRun32)
        )
        data = bytearray(head.build(number_of_runs=len(memory.runs), number_of_pages=memory.pages))
        for first, count in memory.runs:
            data += run.build(base_page=first, page_count=count)
        return data

    def mini_dump_fields(self) -> int:
        # What dbgeng writes, less what is not there: a debugger believes some of these bits.
        contents, fields = self.contents, MiniDumpFields
        asked = _BASIC_FIELDS
        if contents.debugger_data:
            asked |= fields.DEBUGGER_DATA | fields.DATA_BLOCKS
        if contents.blocks:
            asked |= fields.DATA_BLOCKS
        return asked | (fields.DATAPAGE if contents.data_page is not None else 0)

    def triage_header(self) -> bytearray:
        contents, offset, size = self.contents, self.offset, self.size
        header = DumpHeader64 if self.wide else DumpHeader32
        return (TriageDump64 if self.wide else TriageDump32).build(
            service_pack_build=contents.service_pack,
            size_of_dump=self.plan.size_of_dump,
            valid_offset=self.plan.marker,
            context_offset=header.context_record.offset,
            exception_offset=header.exception.offset,
            mm_offset=offset("MM block"),
            unloaded_drivers_offset=offset("unloaded drivers"),
            prcb_offset=offset("KPRCB"),
            process_offset=offset("EPROCESS"),
            thread_offset=offset("ETHREAD"),
            call_stack_offset=offset("call stack"),
            size_of_call_stack=size("call stack"),
            driver_list_offset=offset("driver list"),
            driver_count=len(contents.drivers),
            string_pool_offset=offset("string pool"),
            string_pool_size=size("string pool"),
            broken_driver_offset=self.broken_driver(),
            triage_options=_DBGENG,
            top_of_stack=contents.stack_start,
            data_page_address=contents.data_page[0] if contents.data_page else 0,
            data_page_offset=offset("data page"),
            data_page_size=size("data page"),
            debugger_data_offset=offset("debugger data block"),
            debugger_data_size=size("debugger data block"),
            data_blocks_offset=offset("data block table"),
            data_blocks_count=len(contents.blocks),
        )

    def broken_driver(self) -> int:
        # Its name is the last string of the pool.
        name = self.contents.broken_driver
        return self.places["string pool"].end - string_size(name) if name else 0

    def mm_block(self) -> bytearray:
        kind: Any = MiTriageStorage64 if self.wide else MiTriageStorage32
        known = {field.name for field in kind.FIELDS}
        counters = {name: value for name, value in self.contents.counters.items() if name in known}
        return bytearray(kind.build(**(counters | {"version": 1, "size": kind.SIZE})))

    def unloaded_drivers(self) -> bytearray:
        kind = UnloadedDriver64 if self.wide else UnloadedDriver32
        drivers = self.contents.unloaded or ()
        data = bytearray(len(drivers).to_bytes(8 if self.wide else 4, "little"))
        for driver in drivers:
            whole = driver.name.encode("utf-16-le", "replace")
            name, cut = whole[:_NAME_BYTES], driver.truncated_name or len(whole) > _NAME_BYTES
            data += kind.build(
                length=len(name),
                maximum_length=len(name) if cut else len(name) + 2,
                driver_name=name.decode("utf-16-le", "replace"),
                start_address=driver.base,
                end_address=driver.end,
            )
        return data

    def driver_list(self) -> bytearray:
        contents, entry = self.contents, _DRIVER64 if self.wide else _DRIVER32
        data, name_at = bytearray(), self.places["string pool"].offset
        for driver, name in zip(contents.drivers, driver_names(contents), strict=True):
            data += entry.pack(name_at, driver.base, driver.size, _stamp(driver.checksum), _stamp(driver.timestamp))
            name_at += string_size(name)
        return data

    def string_pool(self) -> bytearray:
        data, broken = bytearray(), self.contents.broken_driver
        for name in (*driver_names(self.contents), *([broken] if broken else [])):
            text = name.encode("utf-16-le", "surrogatepass")
            data += (_LENGTH.pack(len(text) // 2) + text).ljust(string_size(name), b"\0")
        return data

    def data_block_table(self) -> bytearray:
        context = (DumpHeader64 if self.wide else DumpHeader32).context_record.offset
        data = bytearray()
        for index, block in enumerate(self.contents.blocks):
            place = context if block.alias == "context" else self.offset(block.alias or f"data block {index}")
            address = block.address if self.wide else sign_extended(block.address)
            data += _BLOCK.pack(address, place, len(block.data))
        return data

    def blob_file_header(self) -> bytearray:
        build = self.contents.header.get("minor_version", 0)
        return DumpBlobFileHeader.build(
            signature=SIGNATURE, header_size=DumpBlobFileHeader.SIZE, build_number=_FREE_BUILD | build & 0xFFFFFFF
        )

    def blob(self, index: int, size: int) -> tuple[Buffer, ...]:
        blob = self.contents.blobs[index]
        head = DumpBlobHeader.build(
            header_size=DumpBlobHeader.SIZE,
            tag=blob.guid,
            data_size=len(blob.data),
            post_pad=size - DumpBlobHeader.SIZE - len(blob.data),
        )
        return head, blob.data


def _comment(text: str, size: int) -> bytes:
    # Text and NUL over the fill, as dbgeng does.
    data = text.encode("ascii", "replace")[: size - 1] + b"\0"
    return data + (FILL * (size // 4))[len(data) :]


def _stamp(value: int | Absent) -> int:
    return 0 if isinstance(value, Absent) else value
