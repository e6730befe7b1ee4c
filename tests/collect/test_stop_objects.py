"""What the parameters of a bug check lead to, object by object; built with literal offsets."""

from __future__ import annotations

import struct

import pytest

from smalldump.collect import collect
from smalldump.compose import compose
from smalldump.model import BugCheck
from smalldump.model.machine import X86
from smalldump.model.requests import Rank
from smalldump.sources.builder import SnapshotBuilder
from smalldump.sources.small import SmallDump

POOL = 0xFFFFA80000100000
POOL32 = 0x85000000


class Machine64:
    """Objects of a 64-bit machine, by what they are called."""

    irp, port, function, driver = (POOL + 0x1000 * n for n in range(1, 5))
    other, extension, node, text, thread, stack = (POOL + 0x1000 * n for n in range(5, 11))

    def memory(self) -> dict[int, bytes]:
        """An IRP of two stack locations, whose device stands on another one of another driver."""
        return {
            self.irp: self.request(),
            self.port: self.device(self.driver, self.function, self.extension),
            self.function: self.device(self.other, 0, 0),
            self.driver: self.driver_object(len("\\Driver\\pci") * 2),
            self.other: self.driver_object(0xFFFF),
            self.extension: b"port extension".ljust(0x40, b"\0"),
            self.node: struct.pack("<HH", 13, 0x70).ljust(0x100, b"\0"),
            self.text: "\\Driver\\pci".encode("utf-16-le").ljust(0x400, b"\0"),
        }

    def request(self) -> bytes:
        irp = bytearray(0xD0 + 2 * 0x48)
        struct.pack_into("<HH", irp, 0, 6, len(irp))
        irp[0x42:0x44] = bytes([2, 3])
        struct.pack_into("<QQ", irp, 0xB0, 0, self.irp + 0xD0 + 2 * 0x48)
        struct.pack_into("<Q", irp, 0xD0 + 0x28, self.port)
        struct.pack_into("<Q", irp, 0xD0 + 0x48 + 0x28, self.irp)  # a device that is none: the IRP itself
        return bytes(irp)

    def device(self, driver: int, attached: int, extension: int) -> bytes:
        device = bytearray(0x150)
        struct.pack_into("<HHIQ", device, 0, 3, 0x190, 1, driver)
        struct.pack_into("<QQ", device, 0x18, attached, 0)
        struct.pack_into("<Q", device, 0x40, extension)
        struct.pack_into("<Q", device, 0x138, self.node)
        return bytes(device)

    def driver_object(self, name: int) -> bytes:
        driver = bytearray(0x150)
        struct.pack_into("<HH", driver, 0, 4, 0x150)
        struct.pack_into("<HHIQ", driver, 0x38, name, name, 0, self.text)
        return bytes(driver)


M = Machine64()


def asked(builder: SnapshotBuilder) -> set[tuple[str, int, int]]:
    found = collect(builder.build()).requests
    return {(r.why, r.address, r.size) for r in found if r.rank is Rank.BUG_CHECK and not r.why.startswith("page of")}


def stopped(code: int, *parameters: int, memory: dict[int, bytes] | None = None) -> SnapshotBuilder:
    one, two, three, four = (*parameters, 0, 0, 0, 0)[:4]
    return SnapshotBuilder(bug_check=BugCheck(code, (one, two, three, four)), memory=memory or M.memory())


OBJECTS = {
    ("IRP", M.irp, 0xD0 + 2 * 0x48),
    ("DEVICE_OBJECT", M.port, 0x150),
    ("DEVICE_OBJECT", M.function, 0x150),
    ("DRIVER_OBJECT", M.driver, 0x150),
    ("DRIVER_OBJECT", M.other, 0x150),
    ("name of a DRIVER_OBJECT", M.text, 22),
    ("name of a DRIVER_OBJECT", M.text, 0x200),
    ("device extension", M.extension, 0x100),
    ("extension of a DEVICE_OBJECT", M.node, 0x100),
}


def test_from_an_irp_to_the_drivers_that_have_it() -> None:
    found = asked(stopped(0x9F, 3, M.port, 0, M.irp))
    assert found >= OBJECTS
    assert {why for why, address, _ in found if address} <= {why for why, _, _ in OBJECTS} | {"KiBugCheckData"}


def test_a_small_dump_holds_them() -> None:
    data = compose(stopped(0x9F, 3, M.port, 0, M.irp).build()).data()
    memory = SmallDump(memoryview(data)).memory
    for address, held in M.memory().items():
        wanted = held[: 0x200 if address == M.text else 0x150]
        assert memory.try_read(address, len(wanted)) == wanted


def test_parameter_1_says_what_the_others_are() -> None:
    assert ("IRP", M.irp, 0xD0 + 2 * 0x48) not in asked(stopped(0x9F, 5, 0, M.irp, 0))
    assert ("DEVICE_OBJECT", M.port, 0x150) in asked(stopped(0x9F, 1, 0, M.port, 0))


def test_objects_that_lead_to_each_other_end() -> None:
    memory = M.memory() | {M.function: M.device(M.other, M.port, 0), M.other: M.device(M.other, M.function, 0)}
    assert ("DEVICE_OBJECT", M.other, 0x150) in asked(stopped(0x44, M.irp, memory=memory))


def test_no_object_leads_nowhere() -> None:
    for memory in ({M.irp: bytes(0x1000)}, {M.irp: b"\xff" * 0x1000}, {M.irp: b"\6\0"}, {M.irp + 0x800: b"\0"}):
        assert {why for why, _, _ in asked(stopped(0x9F, 3, 0, 0, M.irp, memory=memory))} <= {"KiBugCheckData"}


def test_objects_of_32_bits() -> None:
    irp = bytearray(0x70 + 0x24)
    struct.pack_into("<HH", irp, 0, 6, len(irp))
    irp[0x22:0x24] = bytes([1, 2])
    struct.pack_into("<I", irp, 0x70 + 0x14, POOL32 + 0x1000)
    device = bytearray(0xB8)
    struct.pack_into("<HHII", device, 0, 3, 0xB8, 1, POOL32 + 0x2000)
    driver = bytearray(0xA8)
    struct.pack_into("<HH", driver, 0, 4, 0xA8)
    struct.pack_into("<HHI", driver, 0x1C, 10, 12, POOL32 + 0x3000)
    memory = {POOL32: irp, POOL32 + 0x1000: device, POOL32 + 0x2000: driver, POOL32 + 0x3000: b"d\0"}
    builder = stopped(0x9F, 3, 0, 0, POOL32, memory={at: bytes(data) for at, data in memory.items()})
    assert asked(builder.with_(machine=X86, build_number=7601)) >= {
        ("IRP", POOL32, 0x94),
        ("DEVICE_OBJECT", POOL32 + 0x1000, 0xB8),
        ("DRIVER_OBJECT", POOL32 + 0x2000, 0xA8),
        ("name of a DRIVER_OBJECT", POOL32 + 0x3000, 10),
    }


@pytest.mark.parametrize(
    ("code", "parameters", "wanted"),
    [
        (
            0x7E,
            (0xC0000005, 0, POOL + 0x10, POOL + 0x700),
            {("EXCEPTION_RECORD", 0x10, 0x98), ("CONTEXT", 0x700, 0x4D0)},
        ),
        (0x1000007E, (0xC0000005, 0, POOL, POOL + 0x700), {("EXCEPTION_RECORD", 0, 0x98), ("CONTEXT", 0x700, 0x4D0)}),
        (0x3B, (0xC0000005, 0, POOL, 0), {("CONTEXT", 0, 0x4D0)}),
        (0x139, (3, POOL, POOL + 0x200, 0), {("trap frame", 0, 0x200), ("EXCEPTION_RECORD", 0x200, 0x98)}),
        (0x7F, (8, POOL, 0, 0), {("trap frame", 0, 0x200)}),
        (0x24, (0, POOL, POOL + 0x200, 0), {("EXCEPTION_RECORD", 0, 0x98), ("CONTEXT", 0x200, 0x4D0)}),
        (0x7F, (0, POOL, 0, 0), set()),
        (0xD1, (POOL, POOL, POOL, POOL), set()),
        (0x3B, (0xC0000005, 0, 0x7FFF0000, 0), set()),
    ],
)
def test_records(code: int, parameters: tuple[int, ...], wanted: set[tuple[str, int, int]]) -> None:
    found = asked(stopped(code, *parameters, memory={POOL: bytes(0x1000)}))
    assert {(why, address - POOL, size) for why, address, size in found if why != "KiBugCheckData"} == wanted


@pytest.mark.parametrize(
    ("record", "size"),
    [(b"CPER", 0x3A8), (b"XXXX", None), (b"CPE", None)],
)
def test_an_error_record_is_as_long_as_it_says(record: bytes, size: int | None) -> None:
    header = record.ljust(0x14, b"\0") + struct.pack("<I", 0x3A8)
    found = asked(stopped(0x124, 0, POOL, memory={POOL: header if len(record) == 4 else record}))
    wanted = set() if size is None else {("WHEA_ERROR_RECORD", POOL, size)}
    assert {each for each in found if each[0] == "WHEA_ERROR_RECORD"} == wanted


def test_an_error_record_of_4_gb_is_cut() -> None:
    header = b"CPER".ljust(0x14, b"\0") + b"\xff" * 4
    assert ("WHEA_ERROR_RECORD", POOL, 0x10000) in asked(stopped(0x124, 0, POOL, memory={POOL: header}))


def test_the_thread_that_holds_the_lock_comes_with_its_stack() -> None:
    """0x9F with 4: parameter 3 is the thread; where its stack lies, the words of the debugger data block tell."""
    thread = bytearray(0x900)
    struct.pack_into("<Q", thread, 0x38, M.stack + 0x2000)  # StackBase
    struct.pack_into("<Q", thread, 0x58, M.stack + 0x800)  # KernelStack
    builder = stopped(0x9F, 4, 300, M.thread, memory={M.thread: bytes(thread), M.stack: bytes(0x2000)})
    found = asked(builder.with_(debugger_words={"size_ethread": 0x898}))
    assert ("stack of a thread", M.stack + 0x800, 0x1800) in found
    assert ("ETHREAD", M.thread, 0x898) in found


def test_a_critical_process_and_texts() -> None:
    text = struct.pack("<HHIQ", 8, 10, 0, POOL + 0x100)
    assert any(each[:2] == ("EPROCESS", POOL) for each in asked(stopped(0xEF, POOL, 0)))
    assert ("text of a UNICODE_STRING", POOL + 0x100, 8) in asked(stopped(0xD8, POOL, memory={POOL: text}))
