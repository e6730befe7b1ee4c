"""One step up ARM64 stacks, on images whose unwind data are written by hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.errors import FormatError, Truncated
from smalldump.images import PeImage
from smalldump.layout.arm64_codes import Op, code_sequence
from smalldump.layout.arm64_xdata import parse_full_record, parse_packed_record
from smalldump.memory import BytesSpace
from smalldump.unwind.arm64_unwind import frame_size, stripped, unwind
from smalldump.unwind.unwound import NotUnwound, UnwindKind, Unwound
from tests.images.portable import ARM64, Part, portable

BASE, STACK = 0xFFFFF800_10000000, 0xFFFFA000_00010000
CALLER = 0xFFFFF800_20001234
SIGNED = 0x2A97_7800_20001234  # with other bits than bit 55 in place of the copies of it


def image(rows: Sequence[tuple[int, int]], records: bytes = b"") -> PeImage:
    """Functions (begin, unwind data), with .xdata at 0x3000."""
    table = b"".join(struct.pack("<II", *row) for row in rows)
    parts = [
        Part(".text", 0x1000, bytes(0x1000)),
        Part(".pdata", 0x2000, table),
        Part(".xdata", 0x3000, records, 0x800),
    ]
    return PeImage.from_file(memoryview(portable(parts, {3: (0x2000, len(table))}, ARM64)))


def record(
    codes: str, length: int, scopes: Sequence[tuple[int, int]] = (), *, at_end: int | None = None, flags: int = 0
) -> bytes:
    """A full record; lengths and starts in instructions, `at_end` the first code of the only epilogue."""
    data = bytes.fromhex(codes)
    words = -(-len(data) // 4)
    count = len(scopes) if at_end is None else at_end
    head = length | flags | (at_end is not None) << 21 | count << 22 | words << 27
    rows = b"".join(struct.pack("<I", start | index << 22) for start, index in scopes)
    return struct.pack("<I", head) + rows + data.ljust(4 * words, b"\xe3")


def packed(
    length: int, frame: int, *, floats: int = 0, ints: int = 0, homes: int = 0, cr: int = 0, flag: int = 1
) -> int:
    """A packed record: instructions, 16-byte units."""
    return flag | length << 2 | floats << 13 | ints << 16 | homes << 20 | cr << 21 | frame << 23


def stack(*words: int) -> BytesSpace:
    return BytesSpace({STACK: struct.pack(f"<{len(words)}Q", *words)})


def step(pe: PeImage, rva: int, memory: BytesSpace, exact: bool = True, **registers: int) -> Unwound:
    found = unwind(pe, BASE, memory, {"pc": BASE + rva, "sp": STACK, **registers}, exact_pc=exact)
    assert isinstance(found, Unwound), found
    return found


def reason(pe: PeImage, rva: int, memory: BytesSpace, exact: bool = True, **registers: int) -> NotUnwound:
    found = unwind(pe, BASE, memory, {"pc": BASE + rva, "sp": STACK, **registers}, exact_pc=exact)
    assert isinstance(found, NotUnwound)
    return found


# pacibsp; stp fp,lr,[sp,-20h]!; stp x19,x20,[sp,10h]; mov fp,sp; sub sp,30h … add sp,30h; ldp; ldp; autibsp; ret
FULL = record("03 e1 c802 83 fc e4 03 c802 83 fc e4", 32, [(20, 7)])
SAVED = [0xF0, SIGNED, 0x190, 0x200]


@pytest.mark.parametrize(
    ("instruction", "words", "names"),
    [
        (0, [], ()),
        (1, [], ()),
        (2, [0xF0, SIGNED, 0, 0], ("fp",)),
        (3, SAVED, ("fp", "x19", "x20")),
        (4, SAVED, ("fp", "x19", "x20")),
        (5, [0] * 6 + SAVED, ("fp", "x19", "x20")),
        (19, [0] * 6 + SAVED, ("fp", "x19", "x20")),
        (20, [0] * 6 + SAVED, ("fp", "x19", "x20")),
        (21, SAVED, ("fp", "x19", "x20")),
        (22, [0xF0, SIGNED, 0, 0], ("fp",)),
        (23, [], ()),
        (24, [], ()),
        (25, [0] * 6 + SAVED, ("fp", "x19", "x20")),  # behind the epilogue: the body again
    ],
)
def test_prologue_body_and_epilogue(instruction: int, words: list[int], names: tuple[str, ...]) -> None:
    pe = image([(0x1000, 0x3000)], FULL)
    fp = STACK + 8 * (len(words) - 4)
    # At the very first instruction and behind the last but one the return address bears no signature.
    lr = CALLER if instruction in (0, 24) else SIGNED
    found = step(pe, 0x1000 + 4 * instruction, stack(*words), fp=fp, lr=lr, x19=1, x20=2, x5=3, d8=4)
    saved = {"fp": 0xF0, "x19": 0x190, "x20": 0x200}
    wanted = {"fp": fp, "x19": 1, "x20": 2, "d8": 4, "lr": CALLER} | {name: saved[name] for name in names}
    assert found.registers == {**wanted, "pc": CALLER, "sp": STACK + 8 * len(words)}
    assert found.kind is UnwindKind.CALL


def test_the_stack_pointer_comes_from_the_frame_pointer() -> None:
    pe = image([(0x1000, 0x3000)], FULL)
    memory = BytesSpace({STACK: bytes(0x400) + struct.pack("<4Q", *SAVED)})
    found = step(pe, 0x1030, memory, exact=False, fp=STACK + 0x400)
    assert found.registers["sp"] == STACK + 0x420
    assert reason(pe, 0x1030, memory, exact=False) is NotUnwound.UNKNOWN_REGISTER
    assert frame_size(pe, 0x1030) is None


def test_a_call_in_the_prologue_counts_as_not_executed() -> None:
    """`bl __security_push_cookie` itself moves the stack pointer: its callee is undone first."""
    pe = image([(0x1000, 0x3000)], record("01 c802 83 e4", 32))  # stp fp,lr; stp x19,x20; bl
    assert step(pe, 0x100C, stack(*SAVED), exact=False, lr=0).registers["x20"] == 0x200
    helper = image([(0x1000, 0x3000)], record("01 e4 e4", 6, [(5, 2)]))
    assert step(helper, 0x1010, stack(0, 0), lr=CALLER).registers["sp"] == STACK + 16
    assert step(helper, 0x1014, stack(0, 0), lr=CALLER).registers["sp"] == STACK + 16  # its ret


def test_helpers_that_move_the_callers_stack_pointer() -> None:
    """`__security_pop_cookie`: its caller is undone in terms of the call, however far it has come."""
    pe = image([(0x1000, 0x3000)], record("e4 01 ec e4", 11, [(6, 1)]))
    for instruction, at in ((3, 0), (6, 0), (7, 16), (10, 0)):
        registers = {"pc": BASE + 0x1000 + 4 * instruction, "sp": STACK + at, "lr": CALLER}
        found = unwind(pe, BASE, stack(), registers, exact_pc=True)
        assert isinstance(found, Unwound)
        assert (found.registers["sp"], found.kind) == (STACK, UnwindKind.CALL)


def test_routines_that_were_not_called() -> None:
    """MSFT_OP_CLEAR_UNWOUND_TO_CALL: the program counter is no return address."""
    pe = image([(0x1000, 0x3000)], record("ec 83 e4", 16))
    found = step(pe, 0x1020, stack(0xF0, CALLER, 0, 0), exact=False)
    assert (found.registers["pc"], found.kind) == (CALLER, UnwindKind.MACHINE_FRAME)


def test_an_epilogue_at_the_functions_end() -> None:
    pe = image([(0x1000, 0x3000)], record("01 80 e4", 10, at_end=0))  # stp fp,lr,[sp,-8]!; sub sp,10h; … ret
    assert step(pe, 0x1018, stack(1, 2, 0xF0, CALLER)).registers["sp"] == STACK + 0x18
    assert step(pe, 0x101C, stack(1, 2, 0xF0, CALLER)).registers["sp"] == STACK + 0x18
    assert step(pe, 0x1020, stack(0xF0, CALLER)).registers["sp"] == STACK + 8
    assert step(pe, 0x1024, stack(), lr=CALLER).registers["sp"] == STACK


def test_leaf_functions() -> None:
    pe = image([(0x1000, 0x3000)], FULL)
    assert step(pe, 0x1800, stack(), lr=CALLER).registers == {"pc": CALLER, "lr": CALLER, "sp": STACK}
    assert reason(pe, 0x1800, stack()) is NotUnwound.UNKNOWN_REGISTER
    assert reason(pe, 0x1800, stack(), exact=False, lr=CALLER) is NotUnwound.NO_FUNCTION
    assert reason(pe, 0x2004, stack(), lr=CALLER) is NotUnwound.NOT_CODE


def test_a_caller_has_saved_its_return_address() -> None:
    pe = image([(0x1000, 0x3000)], record("01 e4", 16))
    assert reason(pe, 0x1010, stack(0, 0, 0), exact=False, lr=CALLER) is NotUnwound.NO_PROGRESS


@pytest.mark.parametrize(
    ("data", "op", "registers", "offset", "size"),
    [
        ("05", Op.ALLOC, (), 0, 0x50),
        ("24", Op.SAVE, ("x19", "x20"), 0, 0x20),
        ("42", Op.SAVE, ("fp", "lr"), 0x10, 0),
        ("83", Op.SAVE, ("fp", "lr"), 0, 0x20),
        ("c123", Op.ALLOC, (), 0, 0x1230),
        ("c882", Op.SAVE, ("x21", "x22"), 0x10, 0),
        ("ccc3", Op.SAVE, ("x22", "x23"), 0, 0x20),
        ("d102", Op.SAVE, ("x23",), 0x10, 0),
        ("d483", Op.SAVE, ("x23",), 0, 0x20),
        ("d561", Op.SAVE, ("lr",), 0, 0x10),
        ("d642", Op.SAVE, ("x21", "lr"), 0x10, 0),
        ("d842", Op.SAVE, ("d9", "d10"), 0x10, 0),
        ("da43", Op.SAVE, ("d9", "d10"), 0, 0x20),
        ("dc42", Op.SAVE, ("d9",), 0x10, 0),
        ("de23", Op.SAVE, ("d9",), 0, 0x20),
        ("df02", Op.ALLOC_Z, (), 0, 0),
        ("e0012345", Op.ALLOC, (), 0, 0x123450),
        ("e1", Op.SET_FP, (), 0, 0),
        ("e202", Op.ADD_FP, (), 0, 0x10),
        ("e3", Op.NOP, (), 0, 0),
        ("e71302", Op.SAVE, ("x19",), 0x10, 0),
        ("e75302", Op.SAVE, ("x19", "x20"), 0x20, 0),
        ("e73302", Op.SAVE, ("x19",), 0, 0x30),
        ("e75d01", Op.SAVE, ("fp", "lr"), 0x10, 0),
        ("e70842", Op.SAVE, ("d8",), 0x10, 0),
        ("e76882", Op.SAVE, ("q8", "q9"), 0, 0x30),
        ("e70882", Op.SAVE, ("q8",), 0x20, 0),
        ("e8", Op.TRAP_FRAME, (), 0, 0),
        ("ec", Op.CLEAR_UNWOUND_TO_CALL, (), 0, 0),
        ("fc", Op.PAC_SIGN_LR, (), 0, 0),
    ],
)
def test_codes(data: str, op: Op, registers: tuple[str, ...], offset: int, size: int) -> None:
    sequence = code_sequence(bytes.fromhex(data) + b"\xe4", 0)
    assert sequence.codes == ((op, registers, offset, size),)
    assert sequence.instructions == (0 if 0xE8 <= int(data[:2], 16) <= 0xEC else 1)


def test_pairs_that_follow_one_another() -> None:
    names = [code.registers for code in code_sequence(bytes.fromhex("e6e6e6 24 e4"), 0).codes]
    assert names == [("x25", "x26"), ("x23", "x24"), ("x21", "x22"), ("x19", "x20")]
    mixed = code_sequence(bytes.fromhex("e6e6 ca04 e4"), 0).codes  # x27 and x28 at 20h
    assert [(code.registers, code.offset) for code in mixed] == [
        (("d10", "d11"), 0x40),
        (("d8", "d9"), 0x30),
        (("x27", "x28"), 0x20),
    ]
    wide = code_sequence(bytes.fromhex("e6 e76689 e4"), 0).codes
    assert [(code.registers, code.offset, code.size) for code in wide] == [
        (("q8", "q9"), 0x20, 0),
        (("q6", "q7"), 0, 0xA0),
    ]


def test_what_ran_before_a_part_of_a_function() -> None:
    """Behind `end_c` come codes of the function that the part belongs to: they stand for no instructions here."""
    sequence = code_sequence(bytes.fromhex("01 e5 02 83 e4"), 0)
    assert (len(sequence.codes), sequence.own, sequence.instructions) == (3, 1, 1)
    pe = image([(0x1000, 0x3000)], record("01 e5 02 83 e4", 16))
    words = [0] * 4 + [0xF0, CALLER, 0, 0]
    assert step(pe, 0x1000, stack(*words)).registers["sp"] == STACK + 0x40
    assert step(pe, 0x1010, stack(0, 0, *words)).registers["sp"] == STACK + 0x50


@pytest.mark.parametrize("data", ["ed e4", "f8 00 e4", "fd e4", "e6 05 e4", "e6 d102 e4", "e7 80 00 e4", "e7 5e c0 e4"])
def test_codes_that_mean_nothing(data: str) -> None:
    with pytest.raises(FormatError):
        code_sequence(bytes.fromhex(data), 0)


@pytest.mark.parametrize("data", ["", "05", "e000", "e4"])
def test_codes_without_end(data: str) -> None:
    with pytest.raises(Truncated):
        code_sequence(bytes.fromhex(data), 1 if data == "e4" else 0)


def test_records() -> None:
    long = struct.pack("<II", 0x40 | 1 << 20, 2 | 1 << 16) + struct.pack("<II", 8 | 1 << 22, 32 | 2 << 22)
    found = parse_full_record(long + b"\x01\xe4\xe4\xe3" + struct.pack("<I", 0x4321))
    assert found == (0x100, ((32, 1), (128, 2)), b"\x01\xe4\xe4\xe3", 0x4321)
    with pytest.raises(FormatError):
        parse_full_record(struct.pack("<I", 1 << 18 | 1 << 27) + bytes(4))
    for size in range(len(long) + 8):
        with pytest.raises(Truncated):
            parse_full_record((long + bytes(8))[:size])


# Canonical prologues, the last instruction first: what each undoes.
@pytest.mark.parametrize(
    ("word", "prologue"),
    [
        (packed(9, 1), ["alloc 10"]),
        (packed(9, 3, ints=3), ["alloc 10", "x21 +10", "x19 x20 !20"]),
        (packed(9, 3, ints=2, cr=1), ["alloc 10", "lr +10", "x19 x20 !20"]),
        (packed(9, 2, ints=3, cr=1), ["x21 lr +10", "x19 x20 !20"]),
        (packed(9, 2, cr=1), ["alloc 10", "lr !10"]),
        (packed(9, 2, floats=1), ["alloc 10", "d8 d9 !10"]),
        (packed(9, 3, floats=2, ints=1), ["alloc 10", "d10 +18", "d8 d9 +8", "x19 !20"]),
        (packed(9, 3, ints=2, cr=3), ["set_fp", "fp lr !20", "x19 x20 !10"]),
        (packed(9, 3, ints=2, cr=2), ["set_fp", "fp lr !20", "x19 x20 !10", "pac_sign_lr"]),
        (packed(9, 40, cr=3), ["set_fp", "fp lr +0", "alloc 280"]),
        (packed(9, 300, cr=3), ["set_fp", "fp lr +0", "alloc 2d0", "alloc ff0"]),
        (packed(9, 300), ["alloc 2d0", "alloc ff0"]),
        (packed(9, 6, ints=2, homes=1), ["alloc 10", "nop", "nop", "nop", "nop", "x19 x20 !50"]),
        (packed(9, 5, homes=1), ["alloc 10", "nop", "nop", "nop", "alloc 40"]),
    ],
)
def test_packed_records(word: int, prologue: list[str]) -> None:
    def text(op: Op, registers: tuple[str, ...], offset: int, size: int) -> str:
        if op is not Op.SAVE:
            return f"{op.value} {size:x}" if size else op.value
        return f"{' '.join(registers)} " + (f"!{size:x}" if size else f"+{offset:x}")

    found = parse_packed_record(word)
    assert found.length == 36
    assert [text(*code) for code in found.prologue.codes] == prologue
    kept = [code for code in found.prologue.codes if code.op not in (Op.SET_FP, Op.NOP)]
    assert list(found.epilogue.codes) == kept
    assert found.prologue.instructions == len(prologue)


def test_places_of_packed_functions() -> None:
    pe = image([(0x1000, packed(12, 3, ints=2, cr=2))])  # pacibsp; stp x19; stp fp; mov … ldp; ldp; autibsp; ret
    words = [0xF0, SIGNED, 0, 0, 0x190, 0x200]
    wanted = {"x19": 0x190, "x20": 0x200, "fp": 0xF0, "pc": CALLER, "sp": STACK + 0x30}
    for instruction in (3, 4, 7, 8):
        found = step(pe, 0x1000 + 4 * instruction, stack(*words), fp=STACK, lr=1).registers
        assert wanted.items() <= found.items(), instruction
    for instruction in (2, 9):
        found = step(pe, 0x1000 + 4 * instruction, stack(0x190, 0x200), lr=SIGNED).registers
        assert (found["pc"], found["x20"], found["sp"]) == (CALLER, 0x200, STACK + 0x10)
    for instruction in (0, 1, 10, 11):
        found = step(pe, 0x1000 + 4 * instruction, stack(), lr=SIGNED if instruction in (1, 10) else CALLER).registers
        assert (found["pc"], found["sp"]) == (CALLER, STACK)
    part = image([(0x1000, packed(12, 3, ints=2, cr=2, flag=2))])
    assert step(part, 0x1000, stack(*words), fp=STACK).registers["sp"] == STACK + 0x30


def test_impossible_packed_records() -> None:
    for word in (packed(9, 0, ints=2), packed(9, 20, ints=11), packed(9, 3, flag=3), 0):
        with pytest.raises(FormatError):
            parse_packed_record(word)
    assert reason(image([(0x1000, packed(9, 3, flag=3))]), 0x1004, stack()) is NotUnwound.UNSUPPORTED
    assert reason(image([(0x1000, packed(9, 0, ints=2))]), 0x1004, stack()) is NotUnwound.BAD_UNWIND_DATA


def test_machine_frames_and_contexts() -> None:
    pe = image([(0x1000, 0x3000), (0x1100, 0x3010)], record("01 e9 e4", 16).ljust(16, b"\0") + record("ea e4", 16))
    found = step(pe, 0x1020, stack(1, 2, 0x7000, CALLER), x19=5)
    assert found == Unwound({"x19": 5, "pc": CALLER, "sp": 0x7000}, UnwindKind.MACHINE_FRAME)
    context = bytearray(0x390)
    struct.pack_into("<I", context, 0, 0x400007)
    struct.pack_into("<33Q", context, 8, *range(29), 0xF0, 0x1E, 0x8000, CALLER)
    struct.pack_into("<Q", context, 0x110 + 16 * 9, 0xD9)
    found = step(pe, 0x1120, BytesSpace({STACK: bytes(context)}))
    assert found.kind is UnwindKind.MACHINE_FRAME
    wanted = {"x0": 0, "x28": 28, "fp": 0xF0, "lr": 0x1E, "sp": 0x8000, "pc": CALLER, "d9": 0xD9}
    assert wanted.items() <= found.registers.items()
    assert reason(pe, 0x1120, BytesSpace({STACK: bytes(0x390)})) is NotUnwound.NO_STACK


def test_trap_frames() -> None:
    frame = bytearray(0x150)
    struct.pack_into("<23Q", frame, 0x98, 0x8000, *range(19), 0x1E, 0xF0, CALLER)
    pe = image([(0x1000, 0x3000)], record("e8 e4", 16))
    found = step(pe, 0x1020, BytesSpace({STACK: bytes(frame)}), x19=5, x20=6, x0=9)
    assert found.kind is UnwindKind.MACHINE_FRAME
    wanted = {f"x{number}": number for number in range(19)} | {"x19": 5, "x20": 6}
    assert found.registers == wanted | {"fp": 0xF0, "lr": 0x1E, "sp": 0x8000, "pc": CALLER}


@pytest.mark.parametrize("code", ["eb", "df01"])
def test_what_is_not_understood(code: str) -> None:
    assert reason(image([(0x1000, 0x3000)], record(f"{code} e4", 16)), 0x1020, stack(0), lr=1) is NotUnwound.UNSUPPORTED


def test_vector_registers_keep_their_low_halves() -> None:
    pe = image([(0x1000, 0x3000)], record("e76881 83 e4", 16))
    words = [0xD8, 1, 0xD9, 2, 0xF0, CALLER, 0, 0]
    found = step(pe, 0x1020, stack(*words)).registers
    assert (found["d8"], found["d9"], found["sp"]) == (0xD8, 0xD9, STACK + 0x40)


def test_sizes_of_frames() -> None:
    pe = image([(0x1000, 0x3000)], record("02 c802 83 e4", 32))
    assert frame_size(pe, 0x1020) == 0x28
    assert frame_size(pe, 0x1900) is None
    assert frame_size(image([(0x1000, packed(30, 3, ints=3, cr=1))]), 0x1020) == 0x28
    assert frame_size(image([(0x1000, 0x3000)], record("02 e4", 32)), 0x1020) is None
    assert frame_size(image([(0x1000, 0x3000)], b"\0"), 0x1020) is None


def test_data_that_is_not_there() -> None:
    assert reason(image([(0x1000, 0x9000)]), 0x1010, stack(1)) is NotUnwound.NO_UNWIND_DATA
    assert reason(image([(0x1000, 0x3000)], record("83 e3", 16)), 0x1020, stack(1)) is NotUnwound.BAD_UNWIND_DATA
    assert reason(image([(0x1000, 0x3000)], FULL), 0x1030, stack(1), fp=STACK) is NotUnwound.NO_STACK


def test_signatures() -> None:
    assert stripped(SIGNED) == CALLER
    assert stripped(CALLER) == CALLER
    assert stripped(0x0055_7FF6_12345678) == 0x7FF6_12345678


@given(st.binary(max_size=64), st.integers(0, 0x40), st.booleans())
def test_hostile_unwind_data(noise: bytes, offset: int, exact: bool) -> None:
    registers = {"pc": BASE + 0x1000 + 4 * offset, "sp": STACK, "fp": STACK + 16, "lr": CALLER}
    found = unwind(image([(0x1000, 0x3000)], noise), BASE, stack(*range(64)), registers, exact_pc=exact)
    assert isinstance(found, Unwound | NotUnwound)


@given(st.integers(0, 0xFFFFFFFF))
def test_hostile_packed_data(word: int) -> None:
    registers = {"pc": BASE + 0x1010, "sp": STACK, "fp": STACK + 16, "lr": CALLER}
    found = unwind(image([(0x1000, word)]), BASE, stack(*range(64)), registers, exact_pc=True)
    assert isinstance(found, Unwound | NotUnwound)
