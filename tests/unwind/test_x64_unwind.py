"""One step up x64 stacks, on images whose unwind information is written by hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.images import PeImage
from smalldump.memory import BytesSpace
from smalldump.unwind.unwound import NotUnwound, UnwindKind, Unwound
from smalldump.unwind.x64_epilogue import ending
from smalldump.unwind.x64_unwind import frame_size, unwind
from tests.images.portable import Part, portable

BASE, STACK = 0xFFFFF800_10000000, 0xFFFFA000_00010000
RBX, RBP, RSI, RDI, R14 = 3, 5, 6, 7, 14
PUSH, ALLOC_LARGE, ALLOC_SMALL, SET_FP, SAVE, SAVE_FAR, EPILOG, XMM, XMM_FAR, MACHINE = 0, 1, 2, 3, 4, 5, 6, 8, 9, 10


def code(offset: int, op: int, info: int = 0, *slots: int) -> bytes:
    return struct.pack(f"<BB{len(slots)}H", offset, op | info << 4, *slots)


def info(*codes: bytes, version: int = 1, flags: int = 0, prolog: int = 0, frame: int = 0, then: bytes = b"") -> bytes:
    slots = b"".join(codes)
    count = len(slots) // 2
    return bytes([version | flags << 3, prolog, count, frame]) + slots + bytes(2 * (count % 2)) + then


def image(functions: Sequence[tuple[int, int, int]], records: bytes, text: bytes = b"") -> PeImage:
    """Code at 0x1000, unwind information from 0x3000 on."""
    table = b"".join(struct.pack("<III", *row) for row in functions)
    parts = [Part(".text", 0x1000, text.ljust(0x400, b"\x90")), Part(".pdata", 0x2000, table)]
    return PeImage.from_file(memoryview(portable([*parts, Part(".xdata", 0x3000, records)], {3: (0x2000, len(table))})))


def stack(*words: int) -> BytesSpace:
    return BytesSpace({STACK: struct.pack(f"<{len(words)}Q", *words)})


def step(pe: PeImage, rva: int, memory: BytesSpace, *, exact: bool = True, **registers: int) -> Unwound:
    known = {"rip": BASE + rva, "rsp": STACK, **registers}
    found = unwind(pe, BASE, memory, known, exact_pc=exact)
    assert isinstance(found, Unwound), found
    return found


def reason(pe: PeImage, rva: int, memory: BytesSpace, *, exact: bool = True, **registers: int) -> NotUnwound:
    found = unwind(pe, BASE, memory, {"rip": BASE + rva, "rsp": STACK, **registers}, exact_pc=exact)
    assert isinstance(found, NotUnwound)
    return found


# push rdi; push rbx; sub rsp,28h: at 1, 2 and 6
SIMPLE = info(code(6, ALLOC_SMALL, 4), code(2, PUSH, RBX), code(1, PUSH, RDI), prolog=6)


def simple() -> PeImage:
    text = bytes.fromhex("57 53 4883ec28") + b"\x90" * 10 + bytes.fromhex("4883c428 5b 5f c3")
    return image([(0x1000, 0x1017, 0x3000)], SIMPLE, text)


FRAME = [*range(0x100, 0x105), 0xB0, 0xD0, 0xAAAA]  # 28h bytes, rbx, rdi, return address


@pytest.mark.parametrize(
    ("offset", "words", "restored"),
    [
        (0, [0xAAAA], {}),
        (1, [0xD0, 0xAAAA], {"rdi": 0xD0}),
        (2, [0xB0, 0xD0, 0xAAAA], {"rbx": 0xB0, "rdi": 0xD0}),
        (6, FRAME, {"rbx": 0xB0, "rdi": 0xD0}),
        (12, FRAME, {"rbx": 0xB0, "rdi": 0xD0}),
        (16, FRAME, {"rbx": 0xB0, "rdi": 0xD0}),  # add rsp
        (20, [0xB0, 0xD0, 0xAAAA], {"rbx": 0xB0, "rdi": 0xD0}),  # pop rbx
        (21, [0xD0, 0xAAAA], {"rdi": 0xD0}),  # pop rdi
        (22, [0xAAAA], {}),  # ret
    ],
)
def test_prologue_body_and_epilogue(offset: int, words: list[int], restored: dict[str, int]) -> None:
    before = {"rbx": 1, "rdi": 2, "rsi": 3, "xmm6": 4, "rax": 5, "r10": 6}
    found = step(simple(), 0x1000 + offset, stack(*words), exact=True, **before)
    kept = {"rbx": 1, "rdi": 2, "rsi": 3, "xmm6": 4} | restored
    assert found.registers == {**kept, "rip": 0xAAAA, "rsp": STACK + 8 * len(words)}
    assert found.kind is UnwindKind.CALL


def test_a_return_address_belongs_to_the_function_that_called() -> None:
    """Behind a call that ends a function the next one begins; an epilogue that follows a call has not begun."""
    pe = image([(0x1000, 0x1010, 0x3000), (0x1010, 0x1020, 0x3010)], SIMPLE.ljust(16, b"\0") + info())
    assert step(pe, 0x1010, stack(*FRAME), exact=False).registers["rip"] == 0xAAAA
    assert step(pe, 0x1010, stack(0xBBBB)).registers["rip"] == 0xBBBB


def test_leaf_functions() -> None:
    pe = simple()
    assert step(pe, 0x1200, stack(0xAAAA), rbx=1).registers == {"rbx": 1, "rip": 0xAAAA, "rsp": STACK + 8}
    assert step(pe, 0x1200, stack(0xAAAA)).leaf
    assert not step(pe, 0x100C, stack(*FRAME)).leaf
    assert reason(pe, 0x1200, stack(0xAAAA), exact=False) is NotUnwound.NO_FUNCTION
    assert reason(pe, 0x2004, stack(0xAAAA)) is NotUnwound.NOT_CODE
    assert reason(pe, 0x123456, stack(0xAAAA)) is NotUnwound.NOT_CODE


def test_functions_whose_frame_only_a_handler_knows() -> None:
    pe = image([(0x1000, 0x1100, 0x3000)], info(flags=1, then=struct.pack("<I", 0x1200)))
    found = step(pe, 0x1050, stack(0xAAAA))
    assert (found.registers["rip"], found.leaf) == (0xAAAA, True)
    assert reason(pe, 0x1050, stack(0xAAAA), exact=False) is NotUnwound.NO_FRAME
    assert frame_size(pe, 0x1050) is None


def test_saves_large_frames_and_vectors() -> None:
    codes = [
        code(30, XMM, 6, 2),
        code(30, XMM_FAR, 7, 0x30, 0),
        code(30, SAVE, R14, 1),
        code(30, SAVE_FAR, RSI, 0x10, 0),
        code(10, ALLOC_LARGE, 1, 0x40, 0),
        code(9, ALLOC_LARGE, 0, 2),
    ]
    pe = image([(0x1000, 0x1100, 0x3000)], info(*codes, prolog=30))
    words = list(range(0x10, 0x1A))
    found = step(pe, 0x1050, stack(*words, 0xAAAA)).registers
    assert (found["r14"], found["rsi"], found["rsp"]) == (0x11, 0x12, STACK + 0x58)
    assert (found["xmm6"], found["xmm7"]) == (0x15 << 64 | 0x14, 0x17 << 64 | 0x16)
    assert frame_size(pe, 0x1050) == 0x50


def test_save_slots_count_from_the_finished_frame() -> None:
    """mov [rsp+8],rbx; push rdi; sub rsp,20h: in the middle of it rbx lies as far above the frame that is to be."""
    codes = [code(10, ALLOC_SMALL, 3), code(6, PUSH, RDI), code(5, SAVE, RBX, 6)]
    pe = image([(0x1000, 0x1100, 0x3000)], info(*codes, prolog=10))
    assert step(pe, 0x1005, stack(0xAAAA, 0xB0)).registers["rbx"] == 0xB0
    assert step(pe, 0x1006, stack(0xD0, 0xAAAA, 0xB0)).registers["rbx"] == 0xB0
    assert step(pe, 0x1050, stack(1, 2, 3, 4, 0xD0, 0xAAAA, 0xB0)).registers["rbx"] == 0xB0


def with_frame_pointer() -> PeImage:
    # push rbp; sub rsp,40h; lea rbp,[rsp+20h]; saved rbx at 30h of the frame
    codes = [code(14, SAVE, RBX, 6), code(10, SET_FP), code(5, ALLOC_SMALL, 7), code(1, PUSH, RBP)]
    return image([(0x1000, 0x1100, 0x3000)], info(*codes, prolog=14, frame=RBP | 2 << 4))


def test_a_frame_register_holds_the_frame() -> None:
    words = [0] * 6 + [0xB0, 0, 0xE0, 0xAAAA]
    moved = BytesSpace({STACK - 0x200: bytes(0x200), STACK: struct.pack("<10Q", *words)})
    registers = {"rip": BASE + 0x1050, "rsp": STACK - 0x80, "rbp": STACK + 0x20}
    found = unwind(with_frame_pointer(), BASE, moved, registers, exact_pc=True)
    assert isinstance(found, Unwound)
    assert found.registers == {"rbx": 0xB0, "rbp": 0xE0, "rip": 0xAAAA, "rsp": STACK + 0x50}
    assert step(with_frame_pointer(), 0x1005, stack(*[0] * 8, 0xE0, 0xAAAA)).registers["rbp"] == 0xE0
    assert reason(with_frame_pointer(), 0x1050, stack(*words)) is NotUnwound.UNKNOWN_REGISTER
    assert reason(with_frame_pointer(), 0x1050, stack(*words), rbp=8) is NotUnwound.NO_STACK
    assert frame_size(with_frame_pointer(), 0x1050) is None


def parts() -> PeImage:
    """A function whose second part saves rsi (chained), reached through an entry that stands for another."""
    records = SIMPLE.ljust(0x10, b"\0")
    child = info(code(5, SAVE, RSI, 8), prolog=5, flags=4, then=struct.pack("<III", 0x1000, 0x1017, 0x3000))
    records += child.ljust(0x20, b"\0") + struct.pack("<III", 0x1100, 0x1150, 0x3010)
    return image([(0x1000, 0x1017, 0x3000), (0x1100, 0x1150, 0x3010), (0x1200, 0x1240, 0x3031)], records)


def test_chained_and_indirect_entries() -> None:
    words = [*FRAME, 0x51]
    for rva in (0x1120, 0x1220):
        found = step(parts(), rva, stack(*words), rsi=9).registers
        assert (found["rsi"], found["rbx"], found["rip"]) == (0x51, 0xB0, 0xAAAA)
    early = step(parts(), 0x1102, stack(*words), rsi=9).registers
    assert (early["rsi"], early["rbx"], early["rip"]) == (9, 0xB0, 0xAAAA)
    assert frame_size(parts(), 0x1120) == 0x38


def test_a_jump_to_another_part_does_not_end_the_function() -> None:
    def jumping(target: int) -> PeImage:
        pe = parts()
        text = b"\x90" * 8 + b"\xe9" + struct.pack("<i", target - 0x100D)
        record = SIMPLE.ljust(0x10, b"\0")
        record += info(flags=4, then=struct.pack("<III", 0x1000, 0x1017, 0x3000)).ljust(0x20, b"\0") + info()
        rows = [(0x1000, 0x1017, 0x3000), (0x1100, 0x1150, 0x3010), (0x1200, 0x1240, 0x3030)]
        assert pe.sections
        return image(rows, record, text)

    body, left = stack(*FRAME), stack(0xAAAA)
    for target in (0x1010, 0x1100, 0x1120, 0x1210):  # its own bytes, its other part, the middle of something else
        assert step(jumping(target), 0x1008, body).registers["rsp"] == STACK + 8 * len(FRAME)
    for target in (0x1000, 0x1200, 0x1300, 0x123456):  # itself, another function, a leaf, another image
        assert step(jumping(target), 0x1008, left).registers["rsp"] == STACK + 8


@pytest.mark.parametrize(("has_code", "words"), [(0, []), (1, [0xE0])])
def test_machine_frames(has_code: int, words: list[int]) -> None:
    codes = [code(8, ALLOC_SMALL, 1), code(4, PUSH, RBP), code(0, MACHINE, has_code)]
    pe = image([(0x1000, 0x1100, 0x3000)], info(*codes, prolog=8))
    frame = [0xFFFFF800_00401234, 0x10, 0x50246, 0xFFFFA000_00000018, 0x18]
    found = step(pe, 0x1050, stack(1, 2, 0xB9, *words, *frame))
    assert found.kind is UnwindKind.MACHINE_FRAME
    wanted = {"rip": frame[0], "cs": 0x10, "efl": 0x50246, "rsp": frame[3], "ss": 0x18, "rbp": 0xB9}
    assert found.registers == wanted
    assert frame_size(pe, 0x1050) is None
    assert step(pe, 0x1000, stack(*words, *frame)).kind is UnwindKind.MACHINE_FRAME


# push rdi; push r14; sub rsp,20h; …; add rsp,20h; pop r14; pop rdi; ret, twice
def version_2(*, text: bool = True) -> PeImage:
    epilogs = [code(4, EPILOG, 1), code(0x24, EPILOG), code(0, EPILOG), code(0, EPILOG)]
    codes = [*epilogs, code(7, ALLOC_SMALL, 3), code(3, PUSH, R14), code(1, PUSH, RDI)]
    record = info(*codes, version=2, prolog=7)
    end = bytes.fromhex("4883c420 415e 5f c3")
    body = b"\x90" * 0x18 + end + b"\x90" * 0x18 + end
    pe = image([(0x1000, 0x1040, 0x3000)], record, body if text else b"")
    assert body.index(end) == 0x18
    return pe


@pytest.mark.parametrize("start", [0x101C, 0x103C])
def test_epilogues_of_version_2(start: int) -> None:
    if start == 0x101C:
        assert version_2().functions.unwind_info(0x3000).epilogs == (4, 0x24)
    pe = version_2()
    assert step(pe, start - 4, stack(1, 2, 3, 4, 0xE0, 0xD0, 0xAAAA)).registers["r14"] == 0xE0
    first = step(pe, start, stack(0xE0, 0xD0, 0xAAAA)).registers
    assert (first["r14"], first["rdi"], first["rip"]) == (0xE0, 0xD0, 0xAAAA)
    second = step(pe, start + 2, stack(0xD0, 0xAAAA), r14=7).registers
    assert (second["r14"], second["rdi"], second["rip"]) == (7, 0xD0, 0xAAAA)
    assert step(pe, start + 3, stack(0xAAAA)).registers["rsp"] == STACK + 8


def test_records_of_version_2_stand_against_the_code() -> None:
    """What looks like an epilogue but is not recorded is none; what is recorded needs no legal instructions."""
    pe = version_2(text=False)
    assert step(pe, 0x103E, stack(0xD0, 0xAAAA), r14=7).registers["rdi"] == 0xD0
    lonely = image([(0x1000, 0x1040, 0x3000)], info(code(2, ALLOC_SMALL, 0), version=2, prolog=2), b"\xc3" * 0x40)
    assert step(lonely, 0x1010, stack(0, 0xAAAA)).registers["rip"] == 0xAAAA


def test_data_that_is_not_there() -> None:
    pe = simple()
    assert reason(pe, 0x100C, stack(*FRAME[:6])) is NotUnwound.NO_STACK
    assert reason(image([(0x1000, 0x1100, 0x9000)], b""), 0x1010, stack(1)) is NotUnwound.NO_UNWIND_DATA
    unreadable = image([(0x1000, 0x1100, 0x3000)], info(code(2, 11), prolog=2))
    assert reason(unreadable, 0x1010, stack(1)) is NotUnwound.BAD_UNWIND_DATA
    future = image([(0x1000, 0x1100, 0x3000)], info(version=3))
    assert reason(future, 0x1010, stack(1)) is NotUnwound.BAD_UNWIND_DATA
    assert frame_size(future, 0x1010) is None


def test_data_that_leads_in_circles() -> None:
    chain = info(flags=4, then=struct.pack("<III", 0x1000, 0x1100, 0x3000))
    assert reason(image([(0x1000, 0x1100, 0x3000)], chain), 0x1010, stack(1)) is NotUnwound.BAD_UNWIND_DATA
    itself = image([(0x1000, 0x1100, 0x2001)], b"")
    assert reason(itself, 0x1010, stack(1)) is NotUnwound.BAD_UNWIND_DATA
    down = with_frame_pointer()
    low = BytesSpace({STACK - 0x1000: bytes(0x1100)})
    assert reason(down, 0x1050, low, rbp=STACK - 0x800) is NotUnwound.NO_PROGRESS


@pytest.mark.parametrize(
    ("text", "pops", "target"),
    [
        ("c3", (), None),
        ("f3 c3", (), None),
        ("5b c2 08 00", ("rbx",), None),
        ("5f 41 5e 5d c3", ("rdi", "r14", "rbp"), None),
        ("48 5b c3", ("rbx",), None),
        ("e9 00 01 00 00", (), 0x105),
        ("5b eb fe", ("rbx",), 1),
        ("48 ff e0", (), None),
        ("ff 25 10 00 00 00", (), None),
        ("48 ff 25 10 00 00 00", (), None),
        ("48 ff 60 18", (), None),
    ],
)
def test_ends_of_epilogues(text: str, pops: tuple[str, ...], target: int | None) -> None:
    assert ending(bytes.fromhex(text)) == (pops, target)


@pytest.mark.parametrize(
    "text", ["", "5b", "90", "ff e0", "41 ff e3", "48 ff d0", "e9 00", "48 83 c4 28 c3", "48", "ff"]
)
def test_other_code(text: str) -> None:
    assert ending(bytes.fromhex(text)) is None


@given(st.binary(max_size=48), st.integers(0, 0x17))
def test_hostile_unwind_information(noise: bytes, offset: int) -> None:
    pe = image([(0x1000, 0x1017, 0x3000)], noise)
    found = unwind(
        pe, BASE, stack(*range(64)), {"rip": BASE + 0x1000 + offset, "rsp": STACK, "rbp": STACK}, exact_pc=True
    )
    assert isinstance(found, Unwound | NotUnwound)


@pytest.mark.parametrize(("away", "followed"), [(0x40000, True), (0x100, False)])
def test_a_frame_register_leads_back_to_the_stack_of_the_interrupted_thread(away: int, followed: bool) -> None:
    """Deferred calls run on a stack of their own, perhaps above that of the thread: only then is down right."""
    # push rbp; sub rsp,20h; mov rbp,(the thread's stack) as far as the unwind data go
    pe = image([(0x1000, 0x1040, 0x3000)], info(code(6, SET_FP), code(1, PUSH, RBP), prolog=6, frame=RBP))
    thread = STACK - away
    memory = BytesSpace({thread: struct.pack("<QQ", 0xB0, 0xAAAA), STACK: bytes(0x40)})
    found = unwind(pe, BASE, memory, {"rip": BASE + 0x1020, "rsp": STACK, "rbp": thread}, exact_pc=False)
    if followed:
        assert isinstance(found, Unwound)
        assert (found.registers["rip"], found.registers["rsp"], found.registers["rbp"]) == (0xAAAA, thread + 16, 0xB0)
    else:
        assert found is NotUnwound.NO_PROGRESS
