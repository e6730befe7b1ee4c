"""Instructions as the simulation sees them."""

from __future__ import annotations

import pytest

from smalldump.memory import BytesSpace
from smalldump.unwind.instructions import Instruction, Instructions, Kind

HERE = 0x1000


def read(code: str) -> Instruction:
    found = Instructions(BytesSpace({HERE: bytes.fromhex(code)})).at(HERE)
    assert found is not None
    assert found[1] == HERE + len(bytes.fromhex(code))
    return found[0]


@pytest.mark.parametrize(
    ("code", "kind", "written", "base", "displacement"),
    [
        ("48 8b ec", Kind.MOVE, "rbp", "rsp", 0),  # mov rbp, rsp
        ("48 83 c4 28", Kind.MOVE, "rsp", "rsp", 0x28),  # add rsp, 28h
        ("48 83 ec 28", Kind.MOVE, "rsp", "rsp", -0x28),  # sub rsp, 28h
        ("48 8d 6c 24 d9", Kind.MOVE, "rbp", "rsp", -0x27),  # lea rbp, [rsp-27h]
        ("4c 8b 7c 24 40", Kind.LOAD, "r15", "rsp", 0x40),  # mov r15, [rsp+40h]
        ("48 8b 45 08", Kind.LOAD, "rax", "rbp", 8),  # mov rax, [rbp+8]
        ("8b 44 24 40", Kind.OTHER, "rax", "rsp", 0x40),  # mov eax, [rsp+40h]
        ("89 5c 24 08", Kind.OTHER, None, "rsp", 8),  # mov [rsp+8], ebx
        ("48 8b 04 cc", Kind.OTHER, "rax", None, 0),  # mov rax, [rsp+rcx*8]
        ("65 48 8b 04 25 88 01 00 00", Kind.OTHER, "rax", None, 0),  # mov rax, gs:[188h]
        ("8d 44 24 10", Kind.OTHER, "rax", "rsp", 0x10),  # lea eax, [rsp+10h]
        ("41 5e", Kind.POP, "r14", None, 0),
        ("53", Kind.PUSH, None, None, 0),
    ],
)
def test_what_moves_where(code: str, kind: Kind, written: str | None, base: str | None, displacement: int) -> None:
    step = read(code)
    assert (step.kind, step.written) == (kind, written)
    if step.base is not None or base is not None:
        assert (step.base, step.displacement) == (base, displacement)


@pytest.mark.parametrize(
    ("code", "kind", "target"),
    [
        ("75 10", Kind.BRANCH, HERE + 0x12),
        ("e9 00 01 00 00", Kind.JUMP, HERE + 0x105),
        ("ff e0", Kind.JUMP, None),
        ("ff 25 00 00 00 00", Kind.JUMP, None),
        ("e8 00 00 00 00", Kind.CALL, None),
        ("c3", Kind.RETURN, None),
        ("f3 c3", Kind.RETURN, None),
        ("f2 c3", Kind.RETURN, None),
        ("cc", Kind.STOP, None),
        ("48 cf", Kind.STOP, None),
    ],
)
def test_where_it_goes_on(code: str, kind: Kind, target: int | None) -> None:
    step = read(code)
    assert (step.kind, step.target) == (kind, target)


@pytest.mark.parametrize(
    ("code", "reads"),
    [
        ("48 8b 01", {"rcx"}),  # mov rax, [rcx]
        ("8a c2", {"rdx"}),  # mov al, dl
        ("45 33 c0", set()),  # xor r8d, r8d
        ("41 03 c1", {"r9"}),  # add eax, r9d
        ("0f 94 c0", {"flags"}),  # sete al
        ("74 00", {"flags"}),
        ("48 8b c3", set()),  # mov rax, rbx
    ],
)
def test_what_it_reads_of_what_a_call_leaves_undefined(code: str, reads: set[str]) -> None:
    assert read(code).reads == reads


def test_code_is_missing_or_is_none() -> None:
    code = Instructions(BytesSpace({HERE: b"\x06"}))
    assert code.at(HERE) is None
    assert code.at(0x5000) is None
    assert code.is_none(HERE)
